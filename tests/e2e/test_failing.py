"""test_failing.py - files that cannot be written, a quarantine that cannot, and rotations meanwhile."""

import json
import os
import resource
import shutil
import time

from harness import (
    BUILD,
    SANITIZED,
    WINDOWS,
    Case,
    dropped,
    environment,
    identity,
    logport,
    main,
    native_only,
    program,
    run,
    scaled,
    segments,
    small_disk,
    status,
    wait_until,
)

# Makes calls of the daemon fail or wait, see tests/faults/faults.c; the sanitizers' libraries must come first.
FAULTS = os.path.join(BUILD, "tests", "libfaults.so")


class Failing(Case):
    def failing(self, fault, *words, dir=None):
        """A daemon with this fault: CALL:CLASS:N:ACTION."""
        if SANITIZED:
            self.skipTest("a library is preloaded")
        base = dir or os.path.join(self.directory(), "logs")
        self.calls = base + ".calls"
        variables = environment(
            LD_PRELOAD=FAULTS,
            LOGPORT_FAULTS_ROOT=os.path.dirname(base),
            LOGPORT_FAULTS=fault,
            LOGPORT_FAULTS_LOG=self.calls,
        )
        return self.daemon(*words, dir=base, env=variables)

    def assert_failed(self):
        with open(self.calls) as file:
            self.assertIn("FAULT ", file.read())

    def lines(self, count, first=0, size=100):
        return [b'{"n":%d,"x":"%s"}' % (n, self.rng.randbytes(size).hex().encode()) for n in range(first, first + count)]

    def assert_sound(self, daemon, code=0):
        verified = logport("verify", daemon.base)
        self.assertEqual(verified.code, code, verified.said)


@native_only("a library is preloaded")
class FailingFiles(Failing):
    def test_every_write_to_one_file_fails_and_the_next_file_takes_over(self):
        for error in "EIO", "ESTALE", "EBADF":
            daemon = self.failing("pwrite:live:5:%s+file" % error, "--flush-ms", "5")
            sent = []
            for n in range(6):
                sent += self.lines(50, first=len(sent))
                daemon.send(b"\n".join(sent[-50:]) + b"\n")
                if n < 3:
                    wait_until(lambda: status(daemon)["received"] == len(sent), "it is read")
            daemon.wait_said(r"closing it and continuing in a new segment")
            self.assert_lines(daemon.wait_stored(len(sent)), sent)
            self.assert_lines(logport("cat", daemon.base).lines, sent)
            counters = daemon.stop()
            self.assertEqual((counters["stored"], dropped(counters)), (len(sent), 0))
            self.assert_lines(daemon.lines_stored(), sent)
            self.assert_sound(daemon)

    def test_a_stop_and_a_rotation_need_no_patience(self):
        for command in "stop", "rotate":
            daemon = self.failing("pwrite:live:3:EIO+file", "--flush-ms", "5", "--stop-ms", "60000")
            sent = self.lines(20)
            daemon.send(sent[0] + b"\n")
            daemon.wait_stored(1)
            daemon.send(b"\n".join(sent[1:]) + b"\n")
            daemon.wait_said(r"input/output error; holding")
            begin = time.monotonic()
            self.assertEqual(logport(command, daemon.base).code, 0)
            self.assertLess(time.monotonic() - begin, 3)
            self.assert_lines(daemon.lines_stored(), sent)
            if command == "rotate":
                self.assertEqual([path for path in segments(daemon.base) if ".part." in path], [])
                daemon.stop()
            self.assert_sound(daemon)

    def test_a_limit_of_a_files_size_makes_more_files(self):
        daemon = self.daemon("--flush-ms", "5")
        sent = self.lines(2000, size=1000)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (200 << 10, 200 << 10))
        for begin in range(0, len(sent), 40):
            daemon.send(b"\n".join(sent[begin : begin + 40]) + b"\n")
            wait_until(lambda: status(daemon)["stored"] >= begin, "it keeps up")
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], dropped(counters)), (len(sent), 0))
        self.assertGreater(counters["main"]["segments_closed"], 10)
        self.assert_lines(daemon.lines_stored(), sent)
        self.assert_sound(daemon)

    def test_a_file_that_cannot_be_synced_stays_part_and_is_recovered(self):
        daemon = self.failing("fdatasync:live:2:EIO+file", "--flush-ms", "5", "--sync-ms", "50")
        sent = []
        for n in range(10):
            sent += self.lines(10, first=len(sent))
            daemon.send(b"\n".join(sent[-10:]) + b"\n")
            daemon.wait_stored(len(sent))
            time.sleep(0.1)
        daemon.wait_said("sync failed")
        wait_until(lambda: status(daemon)["main"]["segments_suspect"] == 1, "it is counted")
        counters = daemon.stop()
        self.assertEqual(counters["stored"], len(sent))
        self.assertEqual(len([path for path in segments(daemon.base) if ".part." in path]), 1)
        self.assert_lines(logport("cat", daemon.base).lines, sent)
        daemon = self.daemon(dir=daemon.base)
        self.assertEqual([path for path in segments(daemon.base) if ".part." in path], [])
        self.assert_lines(daemon.lines_stored(), sent)
        daemon.stop()


@native_only("Wine has no small disk to fill")
class FailingQuarantine(Failing):
    def bad(self, count):
        """Lines that are no JSON and do not compress."""
        return b"".join(b'{"n":"%s"\n' % self.rng.randbytes(3000).hex().encode() for _ in range(count))

    def good_lines_pass(self, daemon, rounds=5):
        """Bad lines keep coming on several connections and in datagrams; good ones are stored meanwhile."""
        bad = self.bad(600)
        good = []
        for n in range(rounds):
            senders = [self.in_thread(daemon.send, bad) for _ in range(4)]
            daemon.datagrams(*[b'{"n":'] * 20)
            good += self.lines(200, first=len(good))
            begin = time.monotonic()
            daemon.send(b"\n".join(good[-200:]) + b"\n")
            wait_until(lambda: status(daemon)["stored"] == len(good), "the good lines are stored", timeout=20)
            self.assertLess(time.monotonic() - begin, 10)
            for sender in senders:
                sender.finish()
            counters = status(daemon)
            identity(counters)
        self.assert_lines(daemon.lines_stored(), good)
        return good

    def with_rejects_on(self, size, *words):
        base = os.path.join(self.directory(), "logs")
        os.mkdir(base)
        where = small_disk(self, size)
        os.symlink(where, os.path.join(base, "rejects"))
        return where, self.daemon("--flush-ms", "20", *words, dir=base)

    def test_a_full_one_holds_no_valid_line_and_continues_when_it_has_space(self):
        where, daemon = self.with_rejects_on(1 << 20)
        good = self.good_lines_pass(daemon)
        daemon.wait_said("no space left on device")
        counters = status(daemon)
        self.assertGreater(counters["dropped"]["quarantine_full"], 0)
        self.assertGreater(counters["in_flight"], 0)
        self.assertLess(counters["memory_bytes"], 200 << 20)
        self.assertEqual(run(["mount", "-o", "remount,size=%d" % (64 << 20), where]).code, 0)
        wait_until(lambda: status(daemon)["in_flight"] == 0, "quarantine takes what was held", timeout=20)
        before = status(daemon)["rejected"]
        self.assertGreater(before, counters["rejected"])
        daemon.send(b"bad\n")
        wait_until(lambda: status(daemon)["rejected"] == before + 1, "and new ones")
        counters = daemon.stop()
        identity(counters)
        self.assertEqual(counters["stored"], len(good))
        self.assert_sound(daemon)

    def test_one_whose_folder_is_replaced_holds_no_valid_line(self):
        base = os.path.join(self.directory(), "logs")
        daemon = self.daemon("--flush-ms", "20", "--stop-ms", "3000", dir=base)
        shutil.rmtree(os.path.join(base, "rejects"))
        with open(os.path.join(base, "rejects"), "w"):
            pass
        good = self.good_lines_pass(daemon, 3)
        counters = daemon.stop(code=1)  # what it held is lost, and counted
        identity(counters)
        self.assertEqual(counters["stored"], len(good))
        self.assertEqual(list(counters["dropped"]), ["quarantine_full"])
        # Valid lines did not wait for it: their segments are closed and recorded.
        verified = logport("verify", "--manifest", base)
        self.assertEqual(verified.code, 0, verified.err)
        self.assertNotIn(b"not recorded yet", verified.out)

    def test_a_slow_or_failing_one_holds_no_valid_line(self):
        for fault in "pwrite:rejects:1:delay+all", "pwrite:rejects:1:EIO+all", "open-to-write:rejects:1:delay+all":
            daemon = self.failing(fault, "--flush-ms", "20", "--stop-ms", "8000")
            good = self.good_lines_pass(daemon, 3)
            daemon.ask_to_stop()
            _, counters = daemon.wait_end()
            identity(counters)
            self.assertEqual(counters["stored"], len(good), fault)
            self.assert_failed()

    def test_schema_rejects_do_not_hold_lines_either(self):
        schema = os.path.join(self.directory(), "schema.json")
        with open(schema, "w") as file:
            json.dump({"properties": {"n": {"type": "integer"}}}, file)
        where, daemon = self.with_rejects_on(256 << 10, "--schema", schema)
        bad = b"".join(b'{"n":"%s"}\n' % self.rng.randbytes(3000).hex().encode() for _ in range(3000))
        senders = [self.in_thread(daemon.send, bad) for _ in range(4)]
        good = self.lines(scaled(2000))
        daemon.send(b"\n".join(good) + b"\n")
        self.assert_lines(daemon.wait_stored(len(good)), good)
        for sender in senders:
            sender.finish()
        wait_until(lambda: status(daemon)["received"] == 12000 + len(good), "all is read")
        counters = status(daemon)
        identity(counters)
        self.assertEqual(counters["reasons"]["schema"], 12000)
        self.assertGreater(counters["dropped"]["quarantine_full"], 0)


class RotateRequests(Failing):
    def test_they_are_answered_however_fast_segments_rotate(self):
        daemon = self.daemon("--segment-bytes-max", "16KiB", "--flush-ms", "5")
        address = "%s:%d" % daemon.tcp[0][:2]
        load = self.in_thread(run, program("logport-load") + [address, "-c", "4", "-s", str(scaled(8, 3))])
        wait_until(lambda: status(daemon)["main"]["segments_closed"] > 10, "segments are closed")
        answers = 0
        while load.is_alive():
            before = status(daemon)["stored"]
            begin = time.monotonic()
            result = logport("rotate", daemon.base)
            self.assertEqual(result.code, 0, result.said)
            self.assertLess(time.monotonic() - begin, 30 if WINDOWS else 10)  # Wine starts programs slowly
            answers += 1
            self.assertGreaterEqual(status(daemon)["stored"], before)
        load.finish()
        self.assertGreater(answers, 1)
        daemon.stop(timeout=60)

    def test_what_was_read_before_is_in_closed_segments(self):
        daemon = self.daemon("--flush-ms", "1000")
        count = scaled(20, 4)
        for n in range(count):
            daemon.send(b'{"n":%d}\nbad\n' % n)
            wait_until(lambda: status(daemon)["bytes_received"] > 12 * n, "it is read")
            logport("rotate", daemon.base)
        wait_until(lambda: status(daemon)["received"] == 2 * count or logport("rotate", daemon.base).code, "all are counted")
        self.assertEqual(logport("rotate", daemon.base).code, 0)
        for stream in "main", "rejects":
            self.assertEqual([path for path in segments(daemon.base, stream) if ".part." in path], [])
        self.assertEqual(len(daemon.lines_stored()), count)
        daemon.stop()

    @native_only("Wine has no small disk to fill")
    def test_a_full_disk_gives_an_error_after_ten_seconds(self):
        where = small_disk(self, 1 << 20)
        daemon = self.daemon("--flush-ms", "5", "--stop-ms", "1000", dir=os.path.join(where, "logs"))
        daemon.send(b"\n".join(self.lines(20, size=60000)) + b"\n")
        daemon.wait_said("no space left on device; holding")
        begin = time.monotonic()
        result = logport("rotate", daemon.base)
        self.assertEqual(result.code, 2)
        self.assertIn("stream main: no space left on device", result.said)
        self.assertTrue(8 < time.monotonic() - begin < 20)
        daemon.stop(code=1)

    @native_only("a library is preloaded")
    def test_a_segment_that_stays_part_is_said(self):
        daemon = self.failing("fdatasync:live:1:EIO+file", "--flush-ms", "5", "--sync-ms", "60000")
        daemon.send(b'{"n":1}\n')
        daemon.wait_stored(1)
        result = logport("rotate", daemon.base)
        self.assertEqual(result.code, 2)
        self.assertIn("stays .part", result.said)
        daemon.send(b'{"n":2}\n')
        daemon.wait_stored(2)
        self.assertEqual(logport("rotate", daemon.base).code, 0)
        daemon.stop()


if __name__ == "__main__":
    main()
