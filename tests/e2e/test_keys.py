"""test_keys.py - times and levels in other keys than the usual ones: the daemon learns them from a
listener's keys, the reader from its options, and no line is missed because of an index."""

import json
import os

from harness import Case, logport, main, scaled

LINES = [
    b'{"when":1000000000,"grade":3,"msg":"a"}',
    b'{"time":1700000000,"level":"info","msg":"b"}',
    b'{"when":1800000000,"grade":7,"time":1100000000,"level":"fatal","msg":"c"}',
    b'{"msg":"d"}',
]
KEYS = ["--time-keys", "when", "--level-keys", "grade", "--level-scale", "syslog"]
USUAL = ["--time-keys", "+unused", "--level-keys", "+unused"]


class Keys(Case):
    def stored(self, **listener):
        """The lines many times, closed and indexed, and once in a live segment."""
        path = os.path.join(self.directory(), "c.json")
        with open(path, "w") as file:
            json.dump({"tcp": dict(listener, address="127.0.0.1:0"), "flush_ms": 10}, file)
        daemon = self.daemon("--config", path, tcp=[], udp=[])
        times = scaled(2000, 200)
        daemon.send(b"\n".join(LINES * times) + b"\n")
        daemon.wait_stored(4 * times)
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        self.assertEqual(logport("archive", daemon.base).code, 0)
        daemon.send(b"\n".join(LINES) + b"\n")
        daemon.wait_stored(4 * times + 4)
        return daemon.base, times + 1

    def found(self, base, *words):
        counts = {}
        for more in ((), ("--no-index",)):
            result = logport("search", "", *words, *more, base)
            self.assertIn(result.code, (0, 1), result.said)
            counts[more] = {line: result.lines.count(line) for line in LINES if line in result.lines}
        self.assertEqual(counts[()], counts[("--no-index",)], words)
        return {LINES.index(line): count for line, count in counts[()].items()}

    def test_a_reader_finds_by_its_keys_or_else_by_those_of_the_daemon(self):
        for listener in ({}, {"time_keys": ["when"], "level_keys": ["grade"], "level_scale": "syslog"}):
            base, times = self.stored(**listener)
            for words in USUAL, KEYS, []:
                with self.subTest(listener=listener, words=words):
                    by_keys = words == KEYS or (not words and listener)
                    check = self.assert_by_these_keys if by_keys else self.assert_by_usual_keys
                    check(lambda *more, words=words: self.found(base, *more, *words), times)
            self.assertEqual(self.found(base, "--level", "trace", "--level-keys", "none"), {}, listener)

    def assert_by_usual_keys(self, found, times):
        """The first and the last have none, and take the time when they were received."""
        self.assertEqual(found("--since", "2026-01-01T00:00:00Z"), {0: times, 3: times})
        self.assertEqual(found("--until", "2005-01-01T00:00:00Z"), {2: times})
        self.assertEqual(found("--level", "error"), {2: times})

    def assert_by_these_keys(self, found, times):
        self.assertEqual(found("--since", "2026-01-01T00:00:00Z"), {1: times, 2: times, 3: times})
        self.assertEqual(found("--until", "2002-01-01T00:00:00Z"), {0: times})
        self.assertEqual(found("--level", "error"), {0: times})
        self.assertEqual(found("--level", "debug"), {0: times, 2: times})

    def test_what_is_printed_and_counted_goes_by_these_keys(self):
        base, times = self.stored()
        result = logport("cat", "-o", "pretty", *KEYS, base)
        self.assertEqual(result.code, 0, result.said)
        self.assertRegex(result.lines[0], rb"^2001-09-09T01:46:40\S* +ERROR +a$")
        counted = json.loads(logport("stat", "--json", *KEYS, base).out)
        self.assertIn("error", json.dumps(counted))
        self.assertNotIn("fatal", {k for k, v in self.levels(counted).items() if v})

    def levels(self, counted):
        for value in [counted] + [v for v in counted.values() if isinstance(v, dict)]:
            if "levels" in value:
                return value["levels"]
        raise AssertionError("no levels in %s" % counted)

    def test_wrong_keys_are_refused(self):
        for words, said in ((["--level-scale", "loud"], "loud"), (["--time-keys", "a,,b"], "--time-keys")):
            result = logport("search", "", *words, self.directory())
            self.assertEqual(result.code, 2)
            self.assertIn(said, result.said)


if __name__ == "__main__":
    main()
