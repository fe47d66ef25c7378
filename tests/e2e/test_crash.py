"""test_crash.py - kill -9 loses only lines that were not stored yet, and never a segment.

Every segment is a valid .lz4 file at every moment: the live one, and one that a crash has left,
even before recovery.
"""

import contextlib
import os
import re
import shutil
import time

from harness import (
    SEGMENT_NAME,
    Case,
    assert_file_whole,
    assert_passes_lz4_test,
    every_segment,
    log_line,
    logport,
    main,
    read_lines,
    ripgrep_counts,
    scaled,
    segments,
    split_lines,
    wait_until,
)


class Sender:
    """Sends numbered lines over one connection until the daemon is gone.

    Line n can be computed again later, so that lines need not be kept."""

    LINES = 64

    def __init__(self, case, run_number, connection_number):
        self.run, self.connection = run_number, connection_number
        self.patterns = [
            log_line(case.rng, run=run_number, c=connection_number, n="#", pad="x" * case.rng.choice((0, 0, 10, 200, 1000)))
            for _ in range(self.LINES)
        ]
        self.count = 0

    def line(self, n):
        return self.patterns[n % self.LINES].replace(b'"#"', b"%d" % n)

    def send_until_gone(self, daemon):
        with contextlib.suppress(OSError), contextlib.closing(daemon.connect()) as connection:
            while True:
                piece = b"".join(self.line(self.count + i) + b"\n" for i in range(self.LINES))
                self.count += self.LINES  # before it is sent: it may arrive although sendall fails
                connection.sendall(piece)
                if self.count % 256 == 0:
                    time.sleep(0.002)  # too many lines would only slow down the checks

    def send_slowly(self, daemon):
        """Keeps a live file growing without filling the disk."""
        with contextlib.suppress(OSError), contextlib.closing(daemon.connect()) as connection:
            while True:
                lines = self.count % 7 + 1
                connection.sendall(b"".join(self.line(self.count + i) + b"\n" for i in range(lines)))
                self.count += lines
                time.sleep(0.003)


def sequence_of(path):
    return int(SEGMENT_NAME.match(os.path.basename(path))["sequence"])


def bytes_behind(base, last):
    """The number of bytes in segments after that one."""
    size = 0
    for path in segments(base):
        with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
            size += os.path.getsize(path) if sequence_of(path) > last else 0
    return size


class Crash(Case):
    CONNECTIONS = 2

    def setUp(self):
        super().setUp()
        self.judged = {}  # file, unchanged: (number of lines, their numbers by sender)

    def judge(self, text, senders):
        """Checks every line of a file: {(run, connection): [numbers]}."""
        found = {}
        for line in split_lines(text):
            where = re.search(rb'"run":(\d+),"c":(\d+),"n":(\d+)', line)
            self.assertIsNotNone(where, "a line that nobody sent: %r" % line[:300])
            run_number, c, n = (int(group) for group in where.groups())
            self.assertEqual(line, senders[run_number, c].line(n), "an altered line")
            found.setdefault((run_number, c), []).append(n)
        return found

    def look(self, base, senders):
        """Checks every segment; returns the number of stored lines of each sender."""
        paths, found = every_segment(base), {}
        self.assertTrue(assert_passes_lz4_test(*paths))
        for path, counted in zip(paths, ripgrep_counts(*paths)):
            status = os.stat(path)
            state = status.st_ino, status.st_size, status.st_mtime_ns
            if state not in self.judged:
                whole = assert_file_whole(path)
                self.judged[state] = whole.count(b"\n"), self.judge(whole, senders)
            count, content = self.judged[state]
            self.assertEqual(counted, count, path)
            for key, numbers in content.items():
                found.setdefault(key, []).extend(numbers)
        for key, numbers in found.items():
            # A prefix of what was sent: in order, none twice, none missing.
            self.assertEqual(numbers, list(range(len(numbers))), "run %d connection %d" % key)
            self.assertLessEqual(len(numbers), senders[key].count)
        return {key: len(numbers) for key, numbers in found.items()}

    def test_killed_at_any_moment_every_file_is_sound_and_no_line_is_torn_altered_or_twice(self):
        base = os.path.join(self.directory(), "logs")
        senders, before, kept_something = {}, {}, 0
        runs = scaled(25, 5)
        for n in range(runs):
            last = max(map(sequence_of, segments(base)), default=-1)
            daemon = self.daemon("--flush-ms", "5", "--segment-bytes-max", "4MiB", dir=base)
            threads = []
            for c in range(self.CONNECTIONS):
                senders[n, c] = Sender(self, n, c)
                threads.append(self.in_thread(senders[n, c].send_until_gone, daemon))
            if n % 5 != 4:  # every fifth may be killed before it has stored anything
                wait_until(lambda: bytes_behind(base, last), "it writes")
            time.sleep(self.rng.uniform(0, 0.2))
            daemon.kill()
            for thread in threads:
                thread.finish()
            found = self.look(base, senders)
            for key, count in before.items():
                self.assertEqual(found.get(key, 0), count, "run %d connection %d after a later crash" % key)
            kept_something += sum(count for key, count in found.items() if key[0] == n) > 0
            before = found
        # Otherwise the test has tested nothing.
        self.assertGreater(kept_something, runs // 2)
        daemon = self.daemon(dir=base)
        counters = daemon.stop()
        self.assertEqual(counters["received"], 0)
        self.assertEqual(self.look(base, senders), before, "recovery keeps every whole line")
        self.assertEqual([path for path in every_segment(base) if ".part." in path], [])
        verified = logport("verify", base)
        self.assertEqual(verified.code, 0, verified.said)

    def test_recovery_says_what_it_kept_and_what_it_cut_and_the_sequence_goes_on(self):
        base = os.path.join(self.directory(), "logs")
        daemon = self.daemon("--flush-ms", "10", dir=base)
        sent = [log_line(self.rng, n=n) for n in range(10)]
        daemon.send(b"\n".join(sent) + b"\n")
        daemon.wait_stored(10)
        daemon.kill()
        [path] = segments(base)
        self.assertIn(".part.", path)
        with open(path, "ab") as file:  # as a crash in the middle of an append leaves it
            file.write(b"\x50\x2a\x4d\x18\x00\x10\x00\x00" + os.urandom(1000))
        self.assert_lines(split_lines(assert_file_whole(path)), sent)
        daemon = self.daemon(dir=base)
        said = daemon.wait_said(r"main-0000000001-")
        self.assertRegex(said, r"\b10 (lines|records)\b")
        self.assertRegex(said, r"\b1008\b")
        daemon.send(b'{"after":1}\n')
        self.assert_lines(daemon.wait_stored(11), sent + [b'{"after":1}'])
        daemon.stop()
        names = [os.path.basename(path) for path in segments(base)]
        self.assertEqual(len(names), 2)
        self.assertFalse(any(".part." in name for name in names), names)
        self.assertEqual(logport("verify", base).code, 0)

    def test_an_empty_live_file_left_by_a_crash_does_no_harm(self):
        base = os.path.join(self.directory(), "logs")
        daemon = self.daemon(dir=base)
        daemon.kill()
        for path in every_segment(base):
            assert_file_whole(path)
        daemon = self.daemon(dir=base)
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        daemon.stop()
        self.assertEqual(logport("verify", base).code, 0)
        self.assert_lines(read_lines(base), [b'{"a":1}'])


class LiveLooks(Case):
    """Checks the live segment repeatedly while two senders fill it."""

    def setUp(self):
        super().setUp()
        self.copy = os.path.join(self.directory(), "copy.ndjson.lz4")
        self.counted = {}  # file: number of lines at the last check

    # True for each check; false if the file was renamed during it.

    def look_with_lz4_test(self, path):
        return assert_passes_lz4_test(path)

    def look_with_lz4(self, path):
        whole = assert_file_whole(path)
        return whole is not None and self.grew(path, whole.count(b"\n"))

    def look_with_ripgrep(self, path):
        counts = ripgrep_counts(path)
        return counts is not None and self.grew(path, counts[0])

    def look_with_logport(self, path):
        result = logport("cat", path)
        if result.code != 0 and not os.path.exists(path):
            return False
        self.assertEqual((result.code, result.err), (0, b""))
        verified = logport("verify", path)
        if verified.code != 0 and not os.path.exists(path):
            return False
        self.assertEqual(verified.code, 0, verified.said)
        return self.grew(path, len(result.lines))

    def look_at_a_copy(self, path):
        try:
            shutil.copyfile(path, self.copy)
        except FileNotFoundError:
            return False
        whole = assert_file_whole(self.copy)
        self.assertEqual(ripgrep_counts(self.copy), [whole.count(b"\n")])
        return self.grew(path, whole.count(b"\n"))

    def grew(self, path, count):
        self.assertGreaterEqual(count, self.counted.get(path, 0), "a live file only grows")
        self.counted[path] = count
        return True

    def looks(self, count, *words):
        daemon = self.daemon("--flush-ms", "2", *words)
        senders = [Sender(self, 0, c) for c in range(2)]
        threads = [self.in_thread(sender.send_slowly, daemon) for sender in senders]
        kinds = (
            self.look_with_lz4_test,
            self.look_with_lz4,
            self.look_with_ripgrep,
            self.look_at_a_copy,
            self.look_with_logport,
        )
        wait_until(lambda: segments(daemon.base), "there is a file")
        done, states = 0, set()
        while done < count:
            path = segments(daemon.base)[-1]
            done += kinds[done % len(kinds)](path)
            states.add((path, self.counted.get(path)))
        self.assertGreater(len(states), count // 20, "the files were growing meanwhile")
        daemon.kill()
        for thread in threads:
            thread.finish()

    def test_a_live_file_passes_every_look(self):
        self.looks(scaled(700, 20), "--segment-bytes-max", "16MiB")

    def test_a_live_file_passes_every_look_also_while_segments_rotate(self):
        self.looks(scaled(300, 10), "--segment-bytes-max", "128KiB")



if __name__ == "__main__":
    main()
