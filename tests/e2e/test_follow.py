"""test_follow.py - tail --sort merges streams by time; tail -f continues when directories and files
are made again, switched or shortened: no record is printed twice or left out."""

import json
import os
import shutil
import time

from harness import WINDOWS, Case, Daemon, logport, main, native_only, scaled, segments, temporary_directory, wait_until
from reference import iso
from test_order import BEGIN_NS, entries_of, in_order
from test_reader import Follower, write_directory


def lines_of(name, count, begin=0):
    return [b'{"of":"%s","n":%d}' % (name.encode(), n) for n in range(begin, begin + count)]


def text_of(lines):
    return b"".join(line + b"\n" for line in lines)


class TailSort(Case):
    def test_the_last_records_of_all_streams_are_in_order(self):
        ends, expected = [], []
        for stream in ("audit", "main"):
            made = entries_of(self.rng, 300, BEGIN_NS, 10**11, 0, 10**9, stream=stream)
            base = write_directory(self, [entry.line for entry in made], [100])
            os.rename(os.path.join(base, "main"), os.path.join(base, stream + "-2"))
            for path in segments(base, stream + "-2"):
                os.rename(path, os.path.join(os.path.dirname(path), stream + "-2" + os.path.basename(path)[4:]))
            ends.append(os.path.join(base, stream + "-2"))
            expected += made[-40:]
        self.assert_lines(logport("tail", "--sort", "-n", "40", *ends).lines, in_order(expected))
        self.assert_lines(logport("tail", "--sort", "-n", "40", *ends[::-1]).lines, in_order(expected))

    def test_files_and_their_lines_without_a_time_are_in_order(self):
        parts = [entries_of(self.rng, 50, BEGIN_NS, 10**10, 0, **{"from": name}) for name in ("a", "b")]
        paths, folder = [], self.directory()
        for name, part in zip("ab", parts):
            paths.append(os.path.join(folder, name + ".log"))
            with open(paths[-1], "wb") as file:
                for entry in part:
                    file.write(entry.line + b"\n  at line of %s\n" % name.encode())
        expected = []
        for line in in_order(parts[0] + parts[1]):
            expected += [line, b"  at line of %s" % (b"a" if b'"from": "a"' in line else b"b")]
        # A line without a time has that of the record before it, so equal times come first by file.
        found = logport("tail", "--sort", "-n", "1000", *paths).lines
        self.assertEqual(sorted(found), sorted(expected))
        self.assert_lines([line for line in found if line.startswith(b"{")], in_order(parts[0] + parts[1]))
        for line, after in zip(found, found[1:]):
            if line.startswith(b"{"):
                self.assertEqual(after, b"  at line of %s" % (b"a" if b'"from": "a"' in line else b"b"))

    def follower(self, *words):
        """One that follows already: it has found that there are no records yet."""
        follower = Follower(self, "--sort", *words)
        wait_until(follower.said, "it waits for records")
        return follower

    def stamped(self, name, n, back_s=0.0):
        now_ns = int((time.time() - back_s) * 1000) * 10**6
        return json.dumps({"ts": iso(now_ns), "of": name, "n": n}).encode()

    def test_streams_are_merged_as_records_arrive(self):
        one, two = Daemon(self, "--flush-ms", "20"), Daemon(self, "--flush-ms", "20")
        follower = self.follower("--sort-delay", "3s" if WINDOWS else "2s", one.base, two.base)
        sent = []
        connections = [one.connect(), two.connect()]
        for n in range(scaled(150, 40)):
            # A random one of the two, which are flushed at different moments.
            line = self.stamped("one", n)
            self.rng.choice(connections).sendall(line + b"\n")
            sent.append(line)
            if n % 10 == 0:
                time.sleep(0.02)  # so that times differ
        wait_until(lambda: len(follower.seen) >= len(sent), "all are printed")
        self.assertEqual(sorted(follower.lines), sorted(sent))
        times = [json.loads(line)["ts"] for line in follower.lines]
        self.assertEqual(times, sorted(times))

    def test_a_record_waits_for_the_delay_and_a_late_one_does_not(self):
        daemon = Daemon(self, "--flush-ms", "20")
        follower = self.follower("--sort-delay", "1s", daemon.base)
        daemon.send(self.stamped("now", 1) + b"\n")
        daemon.wait_stored(1)
        stored = time.monotonic()
        wait_until(lambda: len(follower.seen) == 1, "it is printed")
        self.assertGreater(follower.seen[0][0] - stored, 0.7)
        late = self.stamped("late", 2, 3600)
        daemon.send(self.stamped("now", 3) + b"\n" + late + b"\n")
        wait_until(lambda: len(follower.seen) == 3, "they are printed")
        self.assertEqual(follower.lines[1], late)

    def test_records_without_a_time_are_merged_by_their_arrival(self):
        daemon = Daemon(self, "--flush-ms", "20")
        follower = self.follower("--sort-delay", "500ms", daemon.base)
        lines = lines_of("x", 50)
        for line in lines:
            daemon.send(line + b"\n")
        wait_until(lambda: len(follower.seen) == len(lines), "they are printed")
        self.assert_lines(follower.lines, lines)


class FollowAgain(Case):
    def setUp(self):
        super().setUp()
        self.where = self.directory()

    def printed(self, follower, lines):
        try:
            wait_until(lambda: len(follower.seen) >= len(lines), "they are printed")
        except AssertionError:
            self.assert_lines(follower.lines, lines, "lines (it said %r)" % follower.said())
        self.assert_lines(follower.lines, lines)

    def test_two_daemons_are_followed(self):
        one, two = Daemon(self, "--flush-ms", "5"), Daemon(self, "--flush-ms", "5")
        follower = Follower(self, "-n", "1000", one.base, two.base)
        sent = []
        for n in range(scaled(20, 5)):
            for daemon, name in ((one, "one"), (two, "two")):
                line = lines_of(name, 1, n)[0]
                daemon.send(line + b"\n")
                sent.append(line)
                if self.rng.random() < 0.2:
                    self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        wait_until(lambda: len(follower.seen) >= len(sent), "all are printed")
        self.assertEqual(sorted(follower.lines), sorted(sent))
        for name in (b"one", b"two"):
            self.assert_lines([x for x in follower.lines if b'"%s"' % name in x], [x for x in sent if b'"%s"' % name in x])

    def daemon_of(self, name, lines, dir):
        daemon = Daemon(self, "--flush-ms", "5", dir=dir)
        daemon.send(text_of(lines))
        daemon.wait_stored(len(lines))
        return daemon

    def recreate(self, pause):
        base = os.path.join(self.where, "logs")
        follower, sent, daemon = None, [], None
        for n in range(scaled(5, 3)):
            lines = lines_of("life %d" % n, self.rng.randrange(1, 30))
            daemon = self.daemon_of("main", lines, base)
            follower = follower or Follower(self, "-n", "1000", base)
            sent += lines
            self.printed(follower, sent)
            if self.rng.random() < 0.5:
                self.assertEqual(logport("rotate", "--dir", base).code, 0)
            daemon.stop()
            shutil.rmtree(base)
            pause()

    @native_only("an open file cannot be removed with its directory")
    def test_a_directory_that_is_deleted_and_made_again_is_followed(self):
        # At once: the first segment of the new one often has the same name.
        self.recreate(lambda: None)

    @native_only("an open file cannot be removed with its directory")
    def test_a_directory_that_is_made_again_later_is_followed(self):
        self.recreate(lambda: time.sleep(self.rng.random() * 1.5))

    @native_only("symbolic links need privileges")
    def test_a_switched_link_is_followed(self):
        link = os.path.join(self.where, "current")
        daemons, sent, follower = {}, [], None
        for n in range(scaled(8, 4)):
            name = self.rng.choice("abc") if n else "a"
            base = os.path.join(self.where, name)
            temporary = link + ".new"
            os.symlink(base, temporary)
            if name not in daemons:
                daemons[name] = Daemon(self, "--flush-ms", "5", dir=base)
            lines = lines_of("%s %d" % (name, n), self.rng.randrange(1, 20))
            daemons[name].send(text_of(lines))
            sent += lines
            os.rename(temporary, link)
            follower = follower or Follower(self, "-n", "1000", link)
            self.printed(follower, sent)
            if self.rng.random() < 0.3:
                self.assertEqual(logport("rotate", "--dir", base).code, 0)

    def test_what_does_not_exist_yet_is_followed(self):
        base, path = os.path.join(self.where, "logs"), os.path.join(self.where, "app.log")
        follower = Follower(self, base, path)
        wait_until(lambda: follower.process.poll() is None and follower.said(), "it waits")
        lines = lines_of("file", 20)
        with open(path, "wb") as file:
            file.write(text_of(lines))
        wait_until(lambda: len(follower.seen) >= len(lines), "the file is printed")
        self.assert_lines(follower.lines, lines)
        more = lines_of("daemon", 20)
        self.daemon_of("main", more, base)
        self.printed(follower, lines + more)


class FollowFiles(Case):
    """Text files, as tail -F follows them."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.directory(), "app.log")
        self.sent = []
        self.number = 0

    def write(self, count, mode="ab", path=None):
        lines = lines_of("file", count, self.number)
        self.number += count
        with open(path or self.path, mode) as file:
            file.write(text_of(lines))
        self.sent += lines

    def printed(self):
        FollowAgain.printed(self, self.follower, self.sent)

    def follow(self):
        self.write(5)
        self.follower = Follower(self, "-n", "1000", self.path)
        self.printed()

    def test_a_replaced_file_is_followed_and_the_old_one_too(self):
        self.follow()
        for n in range(scaled(6, 3)):
            old = "%s.%d" % (self.path, n)
            os.rename(self.path, old)
            self.write(self.rng.randrange(1, 20), path=old)
            self.write(self.rng.randrange(1, 20), "xb")
            self.printed()
            self.write(self.rng.randrange(1, 20), path=old)
            self.printed()
            self.write(self.rng.randrange(1, 20))
            self.printed()

    def test_a_shortened_file_is_followed(self):
        self.follow()
        for _ in range(scaled(10, 4)):
            # As copytruncate does: what comes then may be shorter or longer than what was there.
            os.truncate(self.path, 0)
            if self.rng.random() < 0.3:
                time.sleep(0.1)
            self.write(self.rng.randrange(1, 40))
            self.printed()
            self.write(self.rng.randrange(1, 5))
            self.printed()

    def test_a_line_without_its_newline_is_printed_when_it_is_whole(self):
        self.follow()
        with open(self.path, "ab") as file:
            file.write(b"half a ")
            file.flush()
            time.sleep(0.2)
            self.assertEqual(len(self.follower.seen), len(self.sent))
            file.write(b"line\n")
        self.sent.append(b"half a line")
        self.printed()

    def test_a_file_that_is_deleted_and_made_again_is_followed(self):
        self.follow()
        for _ in range(scaled(4, 2)):
            self.write(3)
            self.printed()
            os.remove(self.path)
            if self.rng.random() < 0.5:
                time.sleep(0.3)
            self.write(self.rng.randrange(1, 20), "xb")
            self.printed()


class TailFindsNothing(Case):
    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        lines = [json.dumps({"n": n, "status": 200, "path": "/x"}).encode() for n in range(50)]
        cls.base = write_directory(case, lines)
        cls.file = os.path.join(temporary_directory(case), "app.log")
        with open(cls.file, "wb") as file:
            file.write(text_of(lines))

    def said(self, *words):
        result = logport(*words)
        self.assertEqual(result.out, b"")
        return result.said

    def test_a_field_that_no_record_has_is_reported(self):
        for command in (["tail"], ["search"], ["cat"]):
            for path in (self.base, self.file):
                said = self.said(*command, "--where", "staus = 500", *([""] if command == ["search"] else []), path)
                self.assertEqual(
                    said, "logport: %s: none of the 50 records examined has the field staus; did you mean status?\n" % command[0]
                )

    def test_fields_that_no_record_has_are_reported(self):
        for path in (self.base, self.file):
            said = logport("tail", "--fields", "staus", path).said
            self.assertIn("--fields staus: no printed record has this field; did you mean status?", said)

    def test_they_are_reported_while_it_follows(self):
        follower = Follower(self, "--where", "staus = 500", self.base)
        self.assertIn(b"has the field staus; did you mean status?", wait_until(follower.said, "it says so"))
        follower = Follower(self, "--fields", "staus", self.base)
        self.assertIn(b"--fields staus: no printed record has", wait_until(follower.said, "it says so"))


if __name__ == "__main__":
    main()
