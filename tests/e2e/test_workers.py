"""test_workers.py - the reader's output does not depend on the number of its threads, byte for byte:
what the workers render and count is the same as what one thread does."""

import json
import os

from harness import Case, environment, logport, main, scaled, segments, status, wait_until

THREADS = (1, 2, 8)
LOGGERS = ["a", "http.server", "com.example.shop.Orders", "com.example.a.very.long.name.of.a.logger.Indeed", "\u65e5\u672c"]


def record(rng, i, count):
    """Wide loggers and new fields come late, so that the columns of pretty lines change."""
    known = LOGGERS[: 1 + i * len(LOGGERS) // count]
    found = {"ts": 1796022000 + i / 100, "level": rng.choice(["info", "warn", "ERROR", "eror", 30]), "logger": rng.choice(known), "msg": "m%d" % rng.randrange(99)}
    found["http"] = {"status": rng.choice([200, 200, 404, 503]), "ms": round(rng.lognormvariate(3, 1), 3), "path": "/%x" % rng.randrange(1 << 20)}
    found["user"] = "u%d" % (rng.paretovariate(1) * 3)
    if rng.random() < 0.05:
        found["msg"] += '\n  at "x"\u00fc, 1'
    if rng.random() < 0.02:
        found["http.status"] = "\u0001=x"
    if i > count * 0.9:
        found["late"] = [1, {"a": None}]
    return found


def line_of(rng, one):
    line = json.dumps(one, ensure_ascii=rng.random() < 0.5)
    chance = rng.random()
    if chance < 0.01:
        line = line.replace('"msg"', '"m\\u0073g"')
    elif chance < 0.02:
        line = line[:-1] + ',"level":"debug"}'
    elif chance < 0.03:
        line = " " + line.replace(":", " : ") + "\t"
    return line.encode() + b"\n"


class Workers(Case):
    def filled(self):
        daemon = self.daemon("--segment-bytes-max", "1MiB")
        count = scaled(60000, 20000)
        lines = [line_of(self.rng, record(self.rng, i, count)) for i in range(count)]
        host, port = daemon.tcp[0]
        self.assertEqual(logport("send", "%s:%d" % (host, port), stdin=b"".join(lines)).code, 0)
        wait_until(lambda: status(daemon)["stored"] == count, "all are stored")
        self.assertGreater(len(segments(daemon.base)), 1)
        daemon.stop()
        return daemon.base, lines

    def check(self, *words, stdin=None):
        results = []
        for threads in THREADS:
            result = logport(*words, stdin=stdin, env=dict(environment(), LOGPORT_THREADS=str(threads)))
            results.append((result.code, result.out, result.err))
        for threads, result in zip(THREADS[1:], results[1:]):
            self.assertTrue(result == results[0], "%d threads: another result of %s" % (threads, " ".join(words)))
        return results[0][1]

    def test_rendered_records_are_the_same_with_any_number_of_threads(self):
        base, lines = self.filled()
        self.assertEqual(len(self.check("search", "", "-o", "json", base).splitlines()), len(lines))
        for words in (
            ["-o", "pretty"],
            ["-o", "pretty", "--color", "always", "--fields", "@level,late,http.status"],
            ["-o", "csv", "--fields", "ts,level,logger,http.status,late.1.a"],
            ["-o", "csv", "--fields", "@time,@level,@message,@logger", "--tz", "Europe/Berlin"],
            ["-o", "csv", "--hide", "http,nowhere"],
            ["-o", "logfmt", "--hide", "late,@message"],
            ["-o", "json", "--fields", "http,late,lat", "--newest-first"],
            ["-o", "csv", "--newest-first", "-m", "12345"],
            ["-o", "pretty", "-m", "15000"],
            ["--where", "http.status >= 400", "-o", "pretty", "--no-index"],
        ):
            self.check("search", "m1", *words, base)
        self.check("cat", "-o", "logfmt", base)
        self.assertEqual(self.check("search", "m1", base), b"".join(line.strip() + b"\n" for line in lines if b"m1" in line))

    def test_numbers_are_the_same_with_any_number_of_threads(self):
        base, lines = self.filled()
        text = b"".join(lines) + b"no record\n\n{\n"
        for words in (
            ["--by", "user"],
            ["--by", "http.path", "-n", "30"],
            ["--by", "@level", "--json"],
            ["--by", "http.status", "--histogram", "--where", "http.status"],
            ["--by", "logger,level", "--every", "1m", "--count", "--sum", "http.ms", "--avg", "http.ms", "--p99", "http.ms", "-o", "csv"],
            ["--by", "http.path", "--distinct", "user", "--max", "http.ms", "--min", "ts", "-n", "50", "-o", "json"],
            ["--every", "10s", "--p50", "http.ms", "--level", "warn", "-n", "9999", "-o", "csv"],
        ):
            out = self.check("stat", *words, base)
            self.assertTrue(out)
            self.assertEqual(self.check("stat", "--no-index", *words, base), out)
            self.check("stat", *words, "-", stdin=text)

    def test_values_that_are_too_many_for_memory_are_counted_the_same(self):
        folder = self.directory()
        path = os.path.join(folder, "app.log")
        rare, often = scaled(300000, 140000), 7
        lines = [b'{"v":"r%d"}\n' % i for i in range(rare)]
        for i in range(often):
            for _ in range(1000 + i):
                lines[self.rng.randrange(rare)] += b'{"v":"often%d"}\n' % i
        with open(path, "wb") as file:
            file.write(b"".join(lines))
        out = json.loads(self.check("stat", "--by", "v", "-n", str(often), "--json", path))
        found = [(one["value"], one["lines"]) for one in out["by"]["values"]]
        self.assertEqual(found, [("often%d" % i, 1000 + i) for i in reversed(range(often))])
        self.assertEqual(out["by"]["others"], rare)


if __name__ == "__main__":
    main()
