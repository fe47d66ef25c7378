"""test_stat_groups.py - the tables of logport stat --by, --every, --sum ... compared with the same
numbers computed by Python from the same records."""

import collections
import csv
import datetime
import io
import json
import math
import os
import tempfile
import unicodedata
import zoneinfo

from harness import SANITIZED, WINDOWS, Case, environment, logport, main, native_only, program, scaled, start, status, wait_until

ZONES = 2 if WINDOWS else 3  # of the zones in a test: Windows has no zone files, only UTC
BEGIN = 1796022000  # 2026-11-30T07:00:00Z


def record(rng, i):
    found = {"ts": BEGIN + rng.randrange(600) + rng.random(), "level": rng.choice(["info", "warn", "ERROR"]), "n": i}
    if rng.random() < 0.9:
        found["path"] = rng.choice(["/a", "/b,c", 'say "x"', "a\nb", "\u00fc", ""])
    if rng.random() < 0.8:
        found["ms"] = rng.choice([rng.lognormvariate(3, 1), rng.randrange(1000), -rng.random(), str(rng.randrange(100)), "slow", None])
    found["user"] = {"id": rng.randrange(3000)}
    return found


def number(value):
    """As stat takes it: numbers, and texts that are numbers."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return float(value) if isinstance(value, str) and value.isdigit() else None


def period_begin(at, seconds, zone):
    """Of a period longer than an hour the first moment whose clocks show its beginning, or the moment
    at which they skip it; of a shorter one the latest before `at`."""
    local = datetime.datetime.fromtimestamp(at, zone)
    shown = int(local.replace(tzinfo=datetime.timezone.utc).timestamp()) // seconds * seconds
    if seconds <= 3600:
        return shown - local.utcoffset().total_seconds()
    naive = datetime.datetime.fromtimestamp(shown, datetime.timezone.utc).replace(tzinfo=None)
    first = int(naive.replace(tzinfo=zone).timestamp())
    while datetime.datetime.fromtimestamp(first - 1, zone).replace(tzinfo=None) >= naive:
        first -= 1  # the reading is skipped
    return first


def run_measured(words):
    """The output of the reader, its exit code, and its largest memory in MiB."""
    with tempfile.TemporaryFile() as out:
        process = start(program("logport") + words, stdout=out, env=environment())
        _, code, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        out.seek(0)
        return out.read(), process.returncode, usage.ru_maxrss / 1024


class ManyValues(Case):
    """Far more different values than stat keeps: the top list is right, and memory is bounded.
    LOGPORT_TEST_VALUES=10000000 takes ten times as many."""

    VALUES = int(os.environ.get("LOGPORT_TEST_VALUES", str(scaled(1_000_000, 300_000))))

    def test_the_most_frequent_of_a_million_values_are_right_in_bounded_memory(self):
        # Values that occur once; the frequent ones begin when others have filled the table.
        frequent = ["frequent-%d" % n for n in range(20)]
        counts = {value: self.VALUES // 2000 + 20 * n for n, value in enumerate(frequent)}
        late = [value for value in frequent for _ in range(counts[value])]
        self.rng.shuffle(late)
        path = os.path.join(self.directory(), "many.ndjson")
        every = self.VALUES // 2 // len(late)
        with open(path, "w", encoding="ascii") as file:
            for n in range(self.VALUES):
                file.write('{"level":"info","id":"%08x-%d"}\n' % (n * 2654435761 % 2**32, n))
                if n >= self.VALUES // 2 and n % every == 0 and late:
                    file.write('{"level":"info","id":"%s"}\n' % late.pop())
            for value in late:
                file.write('{"level":"info","id":"%s"}\n' % value)
        out, code, used = run_measured(["stat", "--json", "--by", "id", path])
        self.assertEqual(code, 0)
        by = json.loads(out)["by"]
        right = sorted(counts.items(), key=lambda item: -item[1])[:10]
        self.assertEqual([(value["value"], value["lines"]) for value in by["values"]], right)
        if not SANITIZED and not WINDOWS:
            self.assertLess(used, 100, "MiB, as docs/guide.md says")


def width(text):
    """The columns that a terminal uses."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class StatGroups(Case):
    def filled(self, count=20000):
        daemon = self.daemon()
        records = [record(self.rng, i) for i in range(count)]
        text = "".join(json.dumps(one) + "\n" for one in records).encode()
        host, port = daemon.tcp[0]
        self.assertEqual(logport("send", "%s:%d" % (host, port), stdin=text).code, 0)
        wait_until(lambda: status(daemon)["stored"] == count, "all are stored")
        return daemon, records

    def rows(self, daemon, *words, said=""):
        result = logport("stat", "-n", "1000", "-o", "json", *words, daemon.base)
        self.assertEqual(result.code, 0)
        self.assertTrue(result.said.startswith(said) if said else result.said == "", result.said)
        return [json.loads(line) for line in result.lines]

    def test_every_number_is_that_of_python(self):
        daemon, records = self.filled()
        words = ["--every", "2m", "--by", "path,level"]
        for option in ("sum", "avg", "min", "max", "p50", "p99"):
            words += ["--" + option, "ms"]
        rows = self.rows(daemon, *words, "--distinct", "user.id")
        groups = collections.defaultdict(list)
        for one in records:
            groups[int(one["ts"]) // 120 * 120, one.get("path"), one["level"]].append(one)
        self.assertEqual(len(rows), len(groups))
        for row in rows:
            begin = datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp()
            group = groups[int(begin), row["path"], row["level"]]
            self.assertEqual(row["count"], len(group))
            numbers = sorted(n for n in (number(one.get("ms")) for one in group) if n is not None)
            self.assertAlmostEqual(row["sum(ms)"], math.fsum(numbers), delta=1e-12 * abs(math.fsum(numbers)) + 1e-9)
            self.assertAlmostEqual(row["avg(ms)"], math.fsum(numbers) / len(numbers), delta=1e-12 * abs(row["avg(ms)"]) + 1e-9)
            self.assertEqual(row["min(ms)"], numbers[0])
            self.assertEqual(row["max(ms)"], numbers[-1])
            for part, name in ((0.5, "p50(ms)"), (0.99, "p99(ms)")):
                right = numbers[math.ceil(part * len(numbers)) - 1]
                self.assertAlmostEqual(row[name], right, delta=0.0101 * abs(right) + 1e-9)
            self.assertEqual(row["distinct(user.id)"], len({one["user"]["id"] for one in group}))
        order = [(row["time"], -row["count"]) for row in rows]
        self.assertEqual(order, sorted(order))

    def test_without_a_field_the_others_are_counted(self):
        daemon, records = self.filled(3000)
        said = "logport: stat: none of the 3000 records examined has the field nothing"
        rows = self.rows(daemon, "--by", "nothing", "--count", "--sum", "nothing", said=said)
        self.assertEqual(rows, [{"nothing": None, "count": 3000, "sum(nothing)": None}])
        rows = self.rows(daemon, "--count")
        self.assertEqual(rows, [{"count": 3000}])
        rows = self.rows(daemon, "--count", "--by", "@level", "--where", "n < 100")
        wanted = collections.Counter(one["level"].lower() for one in records[:100])
        self.assertEqual({row["@level"]: row["count"] for row in rows}, wanted)

    def test_the_most_frequent_values_of_a_canonical_field(self):
        daemon, records = self.filled(500)
        counted = json.loads(logport("stat", "--json", "--by", "@level", daemon.base).out)["by"]
        wanted = collections.Counter(one["level"].lower() for one in records)
        self.assertEqual({value["value"]: value["lines"] for value in counted["values"]}, wanted)
        self.assertEqual((counted["others"], counted["without"]), (0, 0))

    def test_csv_is_read_by_a_csv_reader_and_the_limit_counts_for_each_period(self):
        daemon, records = self.filled(5000)
        result = logport("stat", "--every", "5m", "--by", "path", "-n", "2", "-o", "csv", "--max", "n", daemon.base)
        rows = list(csv.DictReader(io.StringIO(result.out.decode(), newline="")))
        self.assertEqual([row["time"] for row in rows], ["2026-11-30T07:00:00Z"] * 2 + ["2026-11-30T07:05:00Z"] * 2)
        counts = collections.Counter((int(one["ts"]) // 300 * 300, one.get("path")) for one in records)
        for begin in (BEGIN, BEGIN + 300):
            best = max(count for (at, _), count in counts.items() if at == begin)
            first = next(row for row in rows if row["time"].startswith("2026-11-30T07:0%d" % ((begin - BEGIN) // 60)))
            self.assertEqual(int(first["count"]), best)

    def test_columns_are_aligned_by_what_a_terminal_shows(self):
        path = os.path.join(self.directory(), "wide.log")
        with open(path, "w", encoding="utf-8") as file:
            for value in "日本語", "e\u0301a", "plain", "🙂🙂", "한국", "größer":
                file.write(json.dumps({"größe": 7, "名前": value, "k": 1}) + "\n")
        result = logport("stat", "--by", "名前,k", "--sum", "größe", path)
        shown = result.out.decode().splitlines()
        self.assertEqual(len({width(line) for line in shown}), 1, result.out.decode())

    def test_times_of_periods_in_utc_end_in_z(self):
        path = os.path.join(self.directory(), "app.log")
        with open(path, "w") as file:
            file.write('{"ts":"2026-11-30T10:00:00Z"}\n')
        wanted = [((), "10:00:00Z"), (("--tz", "UTC"), "10:00:00Z"), (("--tz", "Europe/Berlin"), "11:00:00+01:00")]
        for words, time in wanted[:ZONES]:
            self.assertIn("T%s" % time, logport("stat", "--every", "1h", *words, path).out.decode())

    @native_only("Windows has no zone files")
    def test_periods_begin_as_clocks_of_the_zone_show_them(self):
        changes = (
            ("Europe/Berlin", "2026-10-25T01:00:00Z"),
            ("Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),  # at midnight: 00:00 becomes 01:00
            ("Asia/Kathmandu", "2026-05-05T05:05:00Z"),
        )
        for name, change in changes:
            around = datetime.datetime.fromisoformat(change.replace("Z", "+00:00")).timestamp()
            times = [around + self.rng.randrange(-90 * 3600, 90 * 3600) for _ in range(400)]
            path = os.path.join(self.directory(), "app.log")
            with open(path, "w") as file:
                file.writelines(json.dumps({"ts": at}) + "\n" for at in times)
            for every, seconds in ("30m", 1800), ("1h", 3600), ("6h", 6 * 3600), ("1d", 86400):
                rows = self.rows_of(path, "--every", every, "--tz", name)
                wanted = collections.Counter(period_begin(at, seconds, zoneinfo.ZoneInfo(name)) for at in times)
                self.assertEqual(rows, wanted, (name, change, every))

    def rows_of(self, path, *words):
        result = logport("stat", "-n", "1000", "-o", "json", *words, path)
        self.assertEqual((result.code, result.said), (0, ""))
        rows = [json.loads(line) for line in result.lines]
        return {datetime.datetime.fromisoformat(row["time"]).timestamp(): row["count"] for row in rows}

    def test_lines_without_a_time_have_a_period_of_their_own(self):
        path = os.path.join(self.directory(), "app.log")
        with open(path, "w") as file:
            file.write('text\n{"ts":"2026-11-30T10:00:00Z"}\n{"a":1}\n')
        for words in [(), ("--tz", "UTC"), ("--tz", "America/New_York")][:ZONES]:
            rows = logport("stat", "--every", "1h", "-o", "json", *words, path).out.splitlines()
            self.assertEqual([json.loads(row)["time"] is None for row in rows], [True, False], rows)
            self.assertEqual([json.loads(row)["count"] for row in rows], [2, 1], rows)
        self.assertEqual(logport("stat", "--every", "1h", "-o", "csv", "--tz", "UTC", path).out.split()[1], b",2")

    def test_numbers_for_programs_have_all_their_digits(self):
        path = os.path.join(self.directory(), "app.log")
        with open(path, "w") as file:
            file.write('{"a":1234567.89,"b":1e308}\n{"a":0.1,"b":1e308}\n')
        words = ("stat", "--sum", "a,b", "--min", "a", "--max", "a")
        row = json.loads(logport(*words, "-o", "json", path).out)
        self.assertEqual([row[name] for name in ("sum(a)", "min(a)", "max(a)", "sum(b)")], [1234567.99, 0.1, 1234567.89, None])
        self.assertIn(b"1234567.99", logport(*words, "-o", "csv", path).out)
        self.assertIn(b" 1234568 ", logport(*words, path).out)

    def test_fields_that_no_record_has_are_reported_with_similar_names(self):
        path = os.path.join(self.directory(), "app.log")
        with open(path, "w") as file:
            file.write('{"user":"ann","ms":5,"zero":0}\n' * 3)
        for words, name in (
            (("--by", "usr"), "usr"),
            (("--by", "usr,ms"), "usr"),
            (("--by", "user", "--sum", "mss", "--max", "mss"), "mss"),
            (("--by", "user", "--distinct", "usr"), "usr"),
        ):
            like = {"usr": "user", "mss": "ms"}[name]
            said = "none of the 3 records examined has the field %s; did you mean %s?" % (name, like)
            self.assertEqual(logport("stat", *words, path).said.count(said), 1, words)
        self.assertEqual(logport("stat", "--by", "user", "--sum", "zero", path).said, "")
        empty = logport("stat", "--every", "1h", "--where", "usr = 1", path)
        self.assertIn("has the field usr; did you mean user?", empty.said)

    def test_wrong_options_exit_2_and_say_what_was_expected(self):
        for words, hint in (
            (("--by", "a,,b"), "fields, separated by commas"),
            (("--sum", ""), "fields, separated by commas"),
            (("-o", "xml", "--by", "a,b"), "table, csv, json or plot"),
            (("--every", "soon"), "every"),
            (("--every", "0s"), "every"),
        ):
            result = logport("stat", *words, self.directory())
            self.assertEqual((result.code, result.out), (2, b""), words)
            self.assertIn(hint, result.said)


if __name__ == "__main__":
    main()
