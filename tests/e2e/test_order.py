"""test_order.py - search --sort prints what a stable sort in Python gives: with and without indexes,
in closed and live segments, in several streams and in files of other programs; in bounded memory."""

import json
import os
import re
import shutil
import subprocess
import sys

from harness import (
    SANITIZED,
    WINDOWS,
    Case,
    environment,
    logport,
    main,
    program,
    run,
    scaled,
    segments,
    small_disk,
    start,
    temporary_directory,
)
from reference import iso, with_context
from test_reader import write_directory

BEGIN_NS = 1795505400 * 10**9

# The peak of a program's memory in KiB.  What this process had before exec() counts too, so it is a
# small one.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


class Entry:
    def __init__(self, line, time_ns):
        self.line, self.time_ns = line, time_ns


def entries_of(rng, count, begin_ns, span_ns, untimed=0.02, jitter_ns=0, pad=0, **fields):
    """Records whose times rise over the span, but for the jitter; whole milliseconds, often equal."""
    made = []
    for n in range(count):
        time_ns = begin_ns + span_ns * n // max(count, 1) + rng.randrange(-jitter_ns, jitter_ns + 1)
        time_ns = time_ns // 10**7 * 10**7
        record = {"n": n, **fields, "msg": "request %d took %d ms" % (rng.randrange(50), rng.randrange(900))}
        if rng.random() < untimed:
            time_ns = None
        else:
            record["ts"] = iso(time_ns)
        if pad:
            record["pad"] = "%0*x" % (pad, rng.getrandbits(4 * pad))
        made.append(Entry(json.dumps(record).encode(), time_ns))
    return made


def in_order(entries, newest=False):
    """Records without a time come first; equal times keep their order, or are reversed with it."""
    keys = [(entry.time_ns if entry.time_ns is not None else -(2**63), i) for i, entry in enumerate(entries)]
    return [entries[i].line for _, i in sorted(keys, reverse=newest)]


class Order(Case):
    """Three streams whose segments overlap in time, some without an index, one live."""

    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.base, cls.entries = cls.directory_of(case)
        cls.timed = {entry.line for entry in cls.entries if entry.time_ns is not None}

    @staticmethod
    def directory_of(case):
        base, entries = os.path.join(temporary_directory(case), "logs"), []
        for number, stream in enumerate(("audit", "main", "z-last")):
            made, cuts = [], []
            for part in range(4):
                # Neighbouring segments overlap; those of different streams cover each other.
                begin = BEGIN_NS + (part * 20 + number * 7) * 10**9
                jitter = case.rng.choice((0, 10**8, 10**10))
                made += entries_of(case.rng, scaled(1500, 150), begin, 23 * 10**9, 0.02, jitter, 300, stream=stream)
                cuts.append(len(made))
            one = write_directory(case, [entry.line for entry in made], cuts[:-1])
            os.makedirs(os.path.join(base, stream))
            for k, path in enumerate(segments(one)):
                name = stream + os.path.basename(path)[len("main") :]
                to = os.path.join(base, stream, name.replace(".ndjson", ".part.ndjson") if number == 1 and k == 3 else name)
                shutil.copyfile(path, to)
            entries += made
        return base, entries

    def expected(self, entries, newest=False):
        return in_order([entry for entry in entries if entry.time_ns is not None], newest)

    def check(self, entries, *words):
        """All records of these, those with a time in order; with -m the first of the same output."""
        newest = self.rng.random() < 0.5
        more = [*(["--newest-first"] if newest else []), *(["--no-index"] if self.rng.random() < 0.3 else [])]
        all_of_them = logport("search", "--sort", *more, *words, self.base)
        self.assertEqual((all_of_them.code, all_of_them.err), (0 if entries else 1, b""))
        self.assert_lines([line for line in all_of_them.lines if line in self.timed], self.expected(entries, newest))
        self.assertEqual(sorted(all_of_them.lines), sorted(entry.line for entry in entries))
        for most in (1, self.rng.randrange(2, 100), self.rng.randrange(1, len(entries) + 10)):
            found = logport("search", "--sort", *more, "-m", most, *words, self.base)
            self.assert_lines(found.lines, all_of_them.lines[:most], "-m %d %s" % (most, more))

    def test_everything_is_in_order(self):
        for _ in range(scaled(8, 2)):
            self.check(self.entries, "")

    def test_what_matches_is_in_order(self):
        for _ in range(scaled(20, 3)):
            word = "request %d took" % self.rng.randrange(50)
            self.check([entry for entry in self.entries if word.encode() in entry.line], word)

    def test_one_stream_is_in_order(self):
        for stream in ("audit", "main", "z-last"):
            mark = b'"stream": "%s"' % stream.encode()
            self.check([entry for entry in self.entries if mark in entry.line], "--stream", stream, "")

    def test_context_is_what_comes_before_and_after_in_time(self):
        for _ in range(scaled(12, 3)):
            streams = self.rng.choice((["audit", "main", "z-last"], ["audit", "z-last"], ["main"]))
            words = [word for name in streams for word in ("--stream", name)]
            everything = logport("search", "--sort", *words, "", self.base).lines
            word = self.rng.choice(("request %d took" % self.rng.randrange(50), "took 7%d ms" % self.rng.randrange(10), "took 1 ms"))
            found = [i for i, line in enumerate(everything) if word.encode() in line]
            before, after = self.rng.choice(((0, 0), (2, 2), (0, 3), (5, 0), (300, 100)))
            most = self.rng.choice((None, 1, 5, 50))
            words += ["-B", before, "-A", after, *(["-m", most] if most else [])]
            more = ["--no-index"] if self.rng.random() < 0.3 else []
            if more:
                everything = logport("search", "--sort", *more, *words[: 2 * len(streams)], "", self.base).lines
                found = [i for i, line in enumerate(everything) if word.encode() in line]
            result = logport("search", "--sort", *more, *words, word, self.base)
            self.assertEqual((result.code, result.err), (0 if found else 1, b""))
            same = [0] * len(everything)
            self.assert_lines(result.lines, with_context(everything, same, found, most, before, after), "%s %s" % (word, words))

    def test_context_is_taken_from_records_that_no_filter_selects(self):
        everything = logport("search", "--sort", "", self.base).lines
        begin = BEGIN_NS + 30 * 10**9
        times = {entry.line: entry.time_ns for entry in self.entries}
        found = [i for i, line in enumerate(everything) if times[line] and begin <= times[line] < begin + 10**8]
        words = ["--since", iso(begin), "--until", iso(begin + 10**8), "--where", "n >= 0"]
        result = logport("search", "--sort", "-C3", *words, "", self.base)
        self.assert_lines(result.lines, with_context(everything, [0] * len(everything), found, None, 3, 3))

    def test_the_order_of_paths_does_not_matter(self):
        paths = [os.path.join(self.base, stream) for stream in ("z-last", "main", "audit")]
        one, other = logport("search", "--sort", "", *paths), logport("search", "--sort", "", self.base)
        self.assert_lines(one.lines, other.lines)


class OrderByIndex(Case):
    """Thirty segments, each after the one before it."""

    def test_only_the_segments_that_can_hold_the_first_records_are_read(self):
        count, made = 30, []
        for part in range(count):
            made.append(entries_of(self.rng, 20, BEGIN_NS + part * 10**10, 10**10 - 10**9, 0))
        entries = sum(made, [])
        base = write_directory(self, [entry.line for entry in entries], [20 * (n + 1) for n in range(count - 1)])
        for more, newest in (([], False), (["--newest-first"], True)):
            expected = in_order(entries, newest)
            result = logport("search", "--explain", "--sort", *more, "-m", "30", "", base)
            self.assert_lines(result.lines, expected[:30])
            skipped = re.search(r"30 files, \d+ with an index, (\d+) skipped entirely", result.said)
            # The threads begin with some pieces before the first results are known.
            self.assertGreaterEqual(int(skipped[1]), count - 2 - 4 * (os.cpu_count() or 1))
            self.assert_lines(logport("search", "--sort", *more, "", base).lines, expected)
        self.context_of_a_period(entries, base)

    def context_of_a_period(self, entries, base):
        """Far from it nothing is read, and all of the context is found."""
        everything, times = in_order(entries), {entry.line: entry.time_ns for entry in entries}
        for _ in range(scaled(10, 3)):
            begin = BEGIN_NS + self.rng.randrange(12, 18) * 10**10 + self.rng.randrange(10**10)
            end = begin + self.rng.randrange(10**8, 10**10)
            found = [i for i, line in enumerate(everything) if begin // 10**6 <= times[line] // 10**6 < end // 10**6]
            before, after = self.rng.randrange(100), self.rng.randrange(100)
            words = ["--since", iso(begin), "--until", iso(end), "-B", before, "-A", after]
            result = logport("search", "--explain", "--sort", *words, "", base)
            expected = with_context(everything, [0] * len(everything), found, None, before, after)
            self.assert_lines(result.lines, expected, str(words))
            skipped = re.search(r"30 files, \d+ with an index, (\d+) skipped entirely", result.said)
            self.assertGreaterEqual(int(skipped[1]), 3)


class OrderOfFiles(Case):
    """Files of other programs."""

    def write(self, name, entries):
        path = os.path.join(self.directory(), name)
        with open(path, "wb") as file:
            file.writelines(entry.line + b"\n" for entry in entries)
        return path

    def test_records_and_text_are_in_order(self):
        for _ in range(scaled(6, 2)):
            parts = [entries_of(self.rng, self.rng.randrange(1, scaled(3000, 50)), BEGIN_NS, 10**10, 0.05, 10**9) for _ in range(3)]
            parts[1].insert(0, Entry(b"Traceback (most recent call last):", None))
            paths = [self.write("%s.log" % name, part) for name, part in zip("cab", parts)]
            for newest in (False, True):
                more = ["--newest-first"] if newest else []
                expected = in_order(sum(parts, []), newest)
                self.assert_lines(logport("search", "--sort", *more, "", *paths).lines, expected)
                most = self.rng.randrange(1, len(expected) + 1)
                self.assert_lines(logport("search", "--sort", *more, "-m", most, "", *paths).lines, expected[:most])


class MuchToSort(Case):
    """More than memory holds: several runs, in temporary files."""

    # At least two runs, also where tests are scaled down.
    COUNT = scaled(200000, 120000)

    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.path = os.path.join(temporary_directory(case), "many.log")
        cls.temporary = temporary_directory(case)
        entries = entries_of(case.rng, cls.COUNT, BEGIN_NS, 10**12, 0.001, 10**12, 200)
        with open(cls.path, "wb") as file:
            file.writelines(entry.line + b"\n" for entry in entries)
        cls.expected = in_order(entries)

    def words(self, *more):
        return [*program("logport"), "search", "--sort", *more, "", self.path]

    def environment(self, folder=None):
        folder = folder or self.temporary
        return environment(TMPDIR=folder)

    def left(self):
        """On Windows the user's folder is used: Wine does not take it from the environment."""
        return [] if WINDOWS else os.listdir(self.temporary)

    def test_all_is_in_order_and_nothing_is_left(self):
        self.assert_lines(run(self.words(), env=self.environment()).lines, self.expected)
        self.assertEqual(self.left(), [])

    def test_memory_is_bounded(self):
        if WINDOWS or SANITIZED:
            self.skipTest("measured on Linux")
        for more, limit_kib in (([], 160 << 10), (["-m", "20", "--newest-first"], 64 << 10)):
            result = run([sys.executable, "-c", MEASURE, *self.words(*more)], env=self.environment())
            self.assertEqual(result.code, 0, result.said)
            self.assertLess(int(result.out), limit_kib, more)

    def test_a_kill_leaves_nothing(self):
        process = start(self.words(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment())
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        # Nothing precedes what a file without an index holds: it prints when all runs are written.
        self.assertTrue(os.read(process.stdout.fileno(), 100))
        self.assertEqual(self.left(), [], "the files have no name")
        process.kill()
        process.wait()
        self.assertEqual(self.left(), [])

    def test_a_full_volume_is_reported(self):
        if WINDOWS:
            self.skipTest("needs a small volume")
        folder = small_disk(self, 4 << 20)
        result = run(self.words(), env=self.environment(folder))
        self.assertEqual((result.code, result.out), (2, b""))
        self.assertEqual(
            result.said,
            "logport: search: %s: no space left on device while sorting; the output is not complete; "
            "set TMPDIR to a folder with more space, or narrow the search\n" % folder,
        )

    def test_a_missing_folder_is_reported(self):
        if WINDOWS:
            self.skipTest("Windows chooses another one")
        missing = os.path.join(self.temporary, "missing")
        result = run(self.words(), env=self.environment(missing))
        self.assertEqual(result.code, 2)
        self.assertIn("search: %s: no such file or directory while sorting" % missing, result.said)


if __name__ == "__main__":
    main()
