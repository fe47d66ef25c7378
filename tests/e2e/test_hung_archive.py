"""test_hung_archive.py - an archive whose every system call blocks delays nothing but itself.

The archive is a FUSE file system whose server never answers, as a hard NFS mount without its server
is: every call on it waits for ever.  It takes root and /dev/fuse."""

import ctypes
import json
import os
import re
import time
import unittest.mock

from harness import Case, log_line, logport, main, manifest, native_only, segments, wait_until

libc = ctypes.CDLL(None, use_errno=True)

MNT_DETACH = 2


class Hang:
    """A file system at `where` on which every call blocks, until end()."""

    def __init__(self, test, where):
        os.makedirs(where, exist_ok=True)
        self.where = where
        try:
            self.server = os.open("/dev/fuse", os.O_RDWR)
        except OSError as error:
            test.skipTest("NOT TESTED: no file system can be made to hang here (/dev/fuse: %s)" % error)
        options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % self.server
        if libc.mount(b"hung", where.encode(), b"fuse", 0, options.encode()) != 0:
            os.close(self.server)
            self.server = None
            test.skipTest("NOT TESTED: mounting a file system that hangs needs root (errno %d)" % ctypes.get_errno())
        test.addCleanup(self.end)

    def end(self):
        """Blocked calls fail, and what was there before is seen again."""
        if self.server is None:
            return
        libc.umount2(self.where.encode(), MNT_DETACH)
        os.close(self.server)
        self.server = None


def status(daemon):
    told = logport("status", "--dir", daemon.base, timeout=10)
    return json.loads(told.out)


def closed(base, stream="main"):
    return [path for path in segments(base, stream) if ".part" not in os.path.basename(path)]


@native_only("FUSE is Linux's")
class HungArchive(Case):
    STOP_MS = 4000
    WORDS = ("--archive-after-s", "0s", "--archive-level", "3", "--segment-bytes-max", "64KiB",
             "--stop-ms", str(STOP_MS))

    def setUp(self):
        super().setUp()
        # LeakSanitizer stops all threads at exit, and waits for ever for one in a hung system call.
        options = os.environ.get("ASAN_OPTIONS", "")
        changed = unittest.mock.patch.dict(os.environ, ASAN_OPTIONS=options + ":detect_leaks=0")
        changed.start()
        self.addCleanup(changed.stop)

    def send(self, daemon, first, count):
        lines = [log_line(self.rng, n=n) for n in range(first, first + count)]
        daemon.send(b"".join(line + b"\n" for line in lines))
        return lines

    def rotate(self, daemon):
        self.assertEqual(logport("rotate", "--dir", daemon.base, timeout=10).code, 0)

    def stop(self, daemon):
        begin = time.monotonic()
        counters = daemon.stop(timeout=30)
        self.assertLess(time.monotonic() - begin, self.STOP_MS / 1000, daemon.said)
        self.assertEqual(counters["received"], counters["stored"])
        return counters

    def wait_reported(self, daemon, archive):
        daemon.wait_said(r"archive %s: no answer for \d+ s; " % re.escape(archive), 40)
        self.assertEqual((status(daemon)["archives_hung"], status(daemon)["archive_hangs"]), (1, 1))

    def test_one_that_hangs_from_the_start_delays_nothing(self):
        archive = os.path.join(self.directory(), "cold")
        daemon = self.daemon(*self.WORDS, "--archive-dir", archive)
        base = daemon.base
        self.send(daemon, 0, 500)
        self.rotate(daemon)
        wait_until(lambda: status(daemon)["main"]["segments_moved"] >= 1, "one has moved")
        self.stop(daemon)

        hang = Hang(self, archive)
        begin = time.monotonic()
        daemon = self.daemon(*self.WORDS, "--archive-dir", archive, "--retention-count-max", "4", dir=base)
        self.assertLess(time.monotonic() - begin, 10)
        sent = []
        for n in range(8):  # ingest, rotation, indexing and re-packing
            sent += self.send(daemon, 1000 * (n + 1), 500)
            wait_until(lambda: status(daemon)["stored"] == len(sent), "all lines are stored")
            self.rotate(daemon)
        self.wait_reported(daemon, archive)
        wait_until(lambda: len(closed(base)) <= 4, "retention deletes here")
        wait_until(lambda: status(daemon)["main"]["segments_archived"] >= 4, "what stays is re-packed")
        self.assertEqual(len(daemon.said_lines("no answer for")), 1, daemon.said)
        self.assertEqual(daemon.lines_stored()[-500:], sent[-500:])
        # A reload reads the configuration, which names the archive.
        begin = time.monotonic()
        logport("reload", "--dir", base, timeout=30)
        self.assertLess(time.monotonic() - begin, 15)
        sent += self.send(daemon, 20000, 10)
        wait_until(lambda: status(daemon)["stored"] == len(sent), "what is sent after a reload is stored")
        self.stop(daemon)
        hang.end()

        # Without the hang all that has stayed moves.
        daemon = self.daemon(*self.WORDS, "--archive-dir", archive, dir=base)
        wait_until(lambda: closed(base) == [], "all have moved")
        daemon.stop()
        verified = logport("verify", "--manifest", base)
        self.assertEqual(verified.code, 0, verified.said)

    def test_one_that_hangs_in_the_middle_of_a_move_is_left_behind(self):
        archive = os.path.join(self.directory(), "cold")
        daemon = self.daemon(*self.WORDS, "--archive-dir", archive)
        base = daemon.base
        sent = self.send(daemon, 0, 500)
        self.rotate(daemon)
        wait_until(lambda: status(daemon)["main"]["segments_moved"] >= 1 and closed(base) == [], "all have moved")
        hang = Hang(self, os.path.join(archive, "main"))  # the copy is made beside it, and cannot be named
        sent += self.send(daemon, 1000, 500)
        self.rotate(daemon)
        self.wait_reported(daemon, archive)
        sent += self.send(daemon, 2000, 500)
        self.rotate(daemon)
        wait_until(lambda: status(daemon)["stored"] == len(sent), "lines are stored meanwhile")
        self.stop(daemon)
        self.assert_lines(daemon.lines_stored(), sent[500:])
        hang.end()

        daemon = self.daemon(*self.WORDS, "--archive-dir", archive, dir=base)
        wait_until(lambda: closed(base) == [], "all have moved")
        daemon.stop()
        self.assert_lines(logport("cat", base).lines, sent)
        verified = logport("verify", "--manifest", base)
        self.assertEqual(verified.code, 0, verified.said)

    def test_one_that_answers_again_is_reported_and_takes_what_waits(self):
        archive = os.path.join(self.directory(), "cold")
        os.makedirs(os.path.join(archive, "main"))
        hang = Hang(self, os.path.join(archive, "main"))
        daemon = self.daemon(*self.WORDS, "--archive-dir", archive)
        sent = self.send(daemon, 0, 500)
        self.rotate(daemon)
        self.wait_reported(daemon, archive)
        hang.end()
        daemon.wait_said(r"archive %s: answers again after \d+ s" % re.escape(archive))
        wait_until(lambda: status(daemon)["main"]["segments_moved"] >= 1, "what waited has moved", 60)
        self.assertEqual((status(daemon)["archives_hung"], status(daemon)["archive_hangs"]), (0, 1))
        daemon.stop()
        self.assert_lines(logport("cat", daemon.base).lines, sent)

    def test_a_reload_that_names_another_archive_does_not_wait_for_it(self):
        where = self.directory()
        archives = [os.path.join(where, name) for name in ("cold", "colder")]
        config = os.path.join(where, "config.json")

        def configure(archive):
            with open(config, "w", encoding="utf-8") as file:
                json.dump({"archive_dir": archive}, file)

        configure(archives[0])
        daemon = self.daemon(*self.WORDS, "--config", config)
        hang = Hang(self, os.path.join(archives[0], "main"))
        sent = self.send(daemon, 0, 500)
        self.rotate(daemon)
        wait_until(lambda: os.path.exists(os.path.join(archives[0], "state", "archive-of")), "the move has begun")
        configure(archives[1])
        self.assertEqual(logport("reload", "--dir", daemon.base, timeout=30).code, 0)
        sent += self.send(daemon, 1000, 500)
        self.rotate(daemon)
        wait_until(lambda: len(segments(archives[1])) >= 2 and closed(daemon.base) == [], "all have moved there")
        hang.end()
        self.stop(daemon)
        self.assert_lines(logport("cat", daemon.base).lines, sent)
        verified = logport("verify", "--manifest", daemon.base)
        self.assertEqual(verified.code, 0, verified.said)

    def test_a_command_runs_for_a_newly_configured_archive_although_the_earlier_one_hangs(self):
        where = self.directory()
        archives = [os.path.join(where, name) for name in ("cold", "colder")]
        config, taken = os.path.join(where, "config.json"), os.path.join(where, "taken")
        os.mkdir(taken)

        def configure(archive):
            with open(config, "w", encoding="utf-8") as file:
                json.dump({"archive_dir": archive, "archive_command": ["cp", "{path}", taken]}, file)

        configure(archives[0])
        daemon = self.daemon(*self.WORDS, "--config", config)
        base = daemon.base
        sent = self.send(daemon, 0, 500)
        self.rotate(daemon)
        wait_until(lambda: status(daemon)["main"]["segments_handed_over"] >= 1, "one is handed over")
        self.stop(daemon)

        hang = Hang(self, archives[0])  # the first look hangs, or waits for a move that does
        daemon = self.daemon(*self.WORDS, "--config", config, dir=base)
        self.wait_reported(daemon, archives[0])
        configure(archives[1])
        self.assertEqual(logport("reload", "--dir", base, timeout=30).code, 0)
        sent += self.send(daemon, 1000, 500)
        self.rotate(daemon)
        wait_until(lambda: segments(archives[1]) and closed(base) == [], "all have moved there")
        names = {os.path.basename(path) for path in segments(archives[1])}
        wait_until(lambda: names <= set(os.listdir(taken)), "the command has taken them")
        hang.end()
        self.stop(daemon)
        self.assert_lines(logport("cat", base).lines, sent)
        verified = logport("verify", "--manifest", base)
        self.assertEqual(verified.code, 0, verified.said)


if __name__ == "__main__":
    main()
