"""test_disk.py - full and read-only disks, addresses in use: the daemon reports them and survives."""

import contextlib
import json
import os
import socket
import threading
import time

from harness import (
    SANITIZED,
    Case,
    dropped,
    every_segment,
    assert_file_whole,
    identity,
    logport,
    logportd,
    main,
    native_only,
    program,
    run,
    small_disk,
)


def incompressible(rng, n):
    """A line of about 3 KB that LZ4 hardly compresses."""
    return b'{"n":%d,"data":"%s"}' % (n, "".join(chr(rng.randrange(35, 91)) for _ in range(3000)).encode())


@native_only("Wine has no small disk to fill")
class FullDisk(Case):
    SIZE = 8 << 20

    def fill(self, where, leave):
        """Fills the disk with a file, except for `leave` bytes; returns its path."""
        status = os.statvfs(where)
        with open(os.path.join(where, "ballast"), "wb") as file:
            file.write(bytes(max(0, status.f_bavail * status.f_frsize - leave)))
        return file.name

    def lines(self, count):
        patterns = [incompressible(self.rng, 0) for _ in range(32)]
        return [patterns[n % 32].replace(b'"n":0', b'"n":%d' % n, 1) for n in range(count)]

    def test_a_full_disk_is_said_once_and_waited_for_and_nothing_is_lost(self):
        where = small_disk(self, self.SIZE)
        daemon = self.daemon(dir=os.path.join(where, "logs"))
        sent = self.lines(1000)  # 3 MB
        daemon.send(sent[0] + b"\n")
        daemon.wait_stored(1)
        ballast = self.fill(where, 300_000)
        connection = daemon.connect()
        sender = self.in_thread(connection.sendall, b"\n".join(sent[1:]) + b"\n")
        daemon.wait_said(r"no space left")
        for path in every_segment(daemon.base):
            assert_file_whole(path)
        time.sleep(3)  # retries continue meanwhile; they must not repeat the message
        self.assertEqual(len(daemon.said_lines(r"no space left")), 1, daemon.said)
        os.remove(ballast)
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
        sender.finish()
        counters = daemon.stop()
        self.assertEqual((counters["stored"], dropped(counters)), (len(sent), 0))
        verified = logport("verify", daemon.base)
        self.assertEqual(verified.code, 0, verified.said)

    def test_what_a_full_disk_keeps_from_being_stored_by_stop_ms_is_counted_and_exits_1(self):
        where = small_disk(self, self.SIZE)
        daemon = self.daemon("--stop-ms", "1500", "--drain-ms", "500", dir=os.path.join(where, "logs"))
        daemon.send(b'{"n":0}\n')
        daemon.wait_stored(1)
        self.fill(where, 0)
        connection = daemon.connect()
        connection.sendall(b"\n".join(self.lines(200)) + b"\n")
        daemon.wait_said(r"no space left")
        begin = time.monotonic()
        daemon.ask_to_stop()
        code, counters = daemon.wait_end()
        self.assertLess(time.monotonic() - begin, 12)
        self.assertEqual(code, 1, daemon.said)
        identity(counters)
        self.assertEqual(counters["received"], 201)
        self.assertGreater(dropped(counters) + counters["in_flight"], 0)
        self.assertEqual(len(daemon.lines_stored()), counters["stored"])

    def test_killed_on_a_full_disk_every_file_is_sound_and_the_next_start_goes_on(self):
        where = small_disk(self, self.SIZE)
        daemon = self.daemon(dir=os.path.join(where, "logs"))
        sent = self.lines(300)
        daemon.send(sent[0] + b"\n")
        daemon.wait_stored(1)
        ballast = self.fill(where, 200_000)
        connection = daemon.connect()
        connection.sendall(b"\n".join(sent[1:]) + b"\n")
        daemon.wait_said(r"no space left")
        daemon.kill()
        for path in every_segment(daemon.base):
            assert_file_whole(path)
        stored = daemon.lines_stored()
        self.assert_lines(stored, sent[: len(stored)])
        os.remove(ballast)
        daemon = self.daemon(dir=daemon.base)
        self.assert_lines(daemon.lines_stored(), stored)
        daemon.send(b'{"after":1}\n')
        self.assert_lines(daemon.wait_stored(len(stored) + 1), stored + [b'{"after":1}'])
        daemon.stop()
        self.assertEqual(logport("verify", daemon.base).code, 0)

    def test_a_second_signal_ends_it_at_once(self):
        where = small_disk(self, self.SIZE)
        daemon = self.daemon("--stop-ms", "60000", dir=os.path.join(where, "logs"))
        daemon.send(b'{"n":0}\n')
        daemon.wait_stored(1)
        self.fill(where, 0)
        daemon.send(b"\n".join(self.lines(200)) + b"\n")
        daemon.wait_said(r"no space left")
        daemon.ask_to_stop()
        with contextlib.suppress(Exception):
            daemon.process.wait(1)
        self.assertIsNone(daemon.process.poll(), "it still hopes to store what it holds")
        daemon.ask_to_stop()
        begin = time.monotonic()
        code, _ = daemon.wait_end()
        self.assertLess(time.monotonic() - begin, 5)
        self.assertNotEqual(code, 0)


@native_only("Wine has no small disk to fill")
class FreeSpace(Case):
    """retention_free_bytes_min at full load: closed segments go before the space is used up."""

    SIZE = 160 << 20
    LIMIT = 64 << 20
    # How far the free space may fall below the limit: what is written between two looks, the copy
    # that is being re-packed, and the live segment's share of both.
    SLACK = 16 << 20
    SECONDS = 4  # of one run of the generator

    def test_the_limit_holds_and_no_write_fails(self):
        where = small_disk(self, self.SIZE)
        daemon = self.daemon("--segment-bytes-max", "16MiB", "--retention-free-bytes-min", "64MiB",
                             "--archive-after-s", "0s", dir=os.path.join(where, "logs"))
        free, loading = [], threading.Event()

        def watch():
            while not loading.is_set():
                told = os.statvfs(where)
                free.append(told.f_bavail * told.f_frsize)
                time.sleep(0.003)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            address = "%s:%d" % daemon.tcp[0][:2]
            for n in range(20):  # ends: a sanitized daemon takes the longest
                loaded = run(program("logport-load") + [address, "-c", "2", "-s", str(self.SECONDS)], timeout=60)
                self.assertEqual(loaded.code, 0, loaded.said)
                told = json.loads(logport("status", "--dir", daemon.base).out)
                deleted = len(daemon.said_lines(r": deleted: less than 64 MiB free"))
                if deleted > 3 and (SANITIZED or (n >= 2 and told["main"]["bytes_written"] > 3 * self.SIZE // 2)):
                    break
        finally:
            loading.set()
            watching.join()
        counters = daemon.stop()
        self.assertEqual(daemon.said_lines("no space left"), [])
        self.assertEqual((counters["main"]["write_failures"], dropped(counters)), (0, 0))
        self.assertGreater(len(daemon.said_lines(r": deleted: less than 64 MiB free")), 3)
        print("written %d MiB, least free %.1f MiB" % (counters["main"]["bytes_written"] >> 20, min(free) / 2**20))
        self.assertGreater(counters["main"]["bytes_written"], self.SIZE - self.LIMIT)
        self.assertGreater(min(free), self.LIMIT - self.SLACK)
        verified = logport("verify", "--manifest", daemon.base)
        self.assertEqual(verified.code, 0, verified.said)


class Refusals(Case):
    def refused(self, code, *words, says=()):
        """The daemon does not start: it reports why in one line and leaves nothing running."""
        result = logportd(*words, timeout=30)
        self.assertEqual(result.code, code, result.said)
        self.assertNotIn("logportd: ready", result.said)
        self.assertEqual(result.out, b"")
        for pattern in says:
            self.assertRegex(result.said, pattern)
        self.assertRegex(result.said, r"^logportd: ")
        return result


class Start(Refusals):

    def listeners(self):
        return "--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0"

    @native_only("Wine has no read-only mount")
    def test_a_read_only_mount_exits_1_and_says_so(self):
        where = small_disk(self, 1 << 20)
        os.mkdir(os.path.join(where, "logs"))
        self.assertEqual(run(["mount", "-o", "remount,ro", where]).code, 0)
        for name in ("logs", "new"):
            path = os.path.join(where, name)
            self.refused(1, "--dir", path, *self.listeners(), says=["read-only file system", name])

    def test_a_tcp_port_in_use_exits_1_and_names_it(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            where = os.path.join(self.directory(), "logs")
            self.refused(1, "--dir", where, "--tcp", address, says=["in use", address])

    def test_a_udp_port_in_use_exits_1_and_names_it(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
            taken.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            where = os.path.join(self.directory(), "logs")
            self.refused(1, "--dir", where, "--udp", address, says=["in use", address])

    def test_a_second_daemon_on_a_directory_exits_1_and_the_first_goes_on(self):
        daemon = self.daemon()
        self.refused(1, "--dir", daemon.base, *self.listeners(), says=["in use|another", "logs"])
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        self.assertEqual(logport("status", "--dir", daemon.base).code, 0, "the first one's run file is untouched")
        daemon.stop()

    def test_a_directory_can_be_used_again_after_a_kill(self):
        daemon = self.daemon()
        daemon.kill()
        self.daemon(dir=daemon.base).stop()

    def test_a_directory_may_have_any_name_and_lie_in_a_new_one(self):
        daemon = self.daemon(dir=os.path.join(self.directory(), "new", "my logs", "für 東京"))
        daemon.send(b'{"a":1}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"a":1}'])
        self.assert_lines(logport("cat", daemon.base).lines, [b'{"a":1}'])
        self.assertEqual(logport("stop", "--dir", daemon.base).code, 0)
        self.assertEqual(daemon.wait_end()[0], 0)

    def test_a_directory_that_is_a_file_exits_1(self):
        path = os.path.join(self.directory(), "logs")
        with open(path, "w"):
            pass
        self.refused(1, "--dir", path, *self.listeners(), says=["logs"])


class Configuration(Refusals):
    def config(self, text):
        path = os.path.join(self.directory(), "logport.json")
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_an_unknown_key_exits_2_and_says_where_and_what_was_meant(self):
        path = self.config('{\n  // a comment\n  "tcp": ["127.0.0.1:0"],\n  "flush_mss": 10\n}\n')
        self.refused(2, "--config", path, says=[r"logport\.json:4:3:", "flush_mss", r"\bflush_ms\b"])

    def test_a_bad_value_exits_2_and_says_where(self):
        path = self.config('{\n  "flush_ms": "soon"\n}\n')
        self.refused(2, "--config", path, says=[r"logport\.json:2:15:", "soon", "200ms"])

    def test_keys_are_case_sensitive(self):
        path = self.config('{"Flush_ms": 10}\n')
        self.refused(2, "--config", path, says=[r"logport\.json:1:2:", "Flush_ms"])

    def test_text_that_is_no_json_exits_2_and_says_where(self):
        for text, where in (('{"flush_ms": 10,\n}', "2:1"), ('{"flush_ms" 10}', "1:13"), ("{", "1:"), ("[]", "1:1")):
            self.refused(2, "--config", self.config(text), says=[r"logport\.json:" + where])

    def test_a_file_that_is_not_there_exits_2(self):
        self.refused(2, "--config", "/nowhere/logport.json", says=["/nowhere/logport.json"])

    def test_bad_options_exit_2_and_say_what_was_meant(self):
        self.refused(2, "--flush-mss", "10", says=["flush-mss", r"--flush-ms\b"])
        self.refused(2, "--flush-ms", "soon", says=["flush-ms"])
        self.refused(2, "--tcp", "nonsense", says=["nonsense"])
        self.refused(2, "--tcp", "127.0.0.1:99999", says=["99999"])
        self.refused(2, "stray", says=["stray"])

    def test_the_file_is_read_and_the_command_line_replaces_it(self):
        where = os.path.join(self.directory(), "logs")
        path = self.config(
            '/* comments of both kinds */\n{"tcp": ["127.0.0.1:0", "127.0.0.1:0"], // two\n'
            '"udp": ["127.0.0.1:0"], "line_bytes_max": "2KiB", "flush_ms": "100ms", "dir": %s}' % json.dumps(where)
        )
        daemon = self.daemon("--config", path, "--dir", where, tcp=[], udp=[])
        self.assertEqual((len(daemon.tcp), len(daemon.udp)), (2, 1))
        daemon.send(b'{"a":"' + b"x" * 3000 + b'"}\n{"b":1}\n')
        daemon.base = where
        self.assert_lines(daemon.wait_stored(1), [b'{"b":1}'])
        self.assertEqual(daemon.stop()["rejected"], 1)
        daemon = self.daemon("--config", path, "--line-bytes-max", "1MiB", dir=where, tcp=["127.0.0.1:0"], udp=[])
        self.assertEqual(len(daemon.tcp), 1, "a list given on the command line replaces the file's")
        daemon.send(b'{"a":"' + b"x" * 3000 + b'"}\n')
        daemon.wait_stored(2)
        daemon.stop()

    def test_check_says_yes_or_no_and_binds_and_creates_nothing(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            where = os.path.join(self.directory(), "logs")
            result = logportd("--check", "--dir", where, "--tcp", address)
            self.assertEqual(result.code, 0, result.said)
            self.assertFalse(os.path.exists(where))
        self.refused(2, "--check", "--config", self.config('{"flush_mss": 1}'), says=["flush_mss"])

    def test_no_file_is_read_unless_it_is_named(self):
        where = self.directory()
        for name in ("logport.json", "logportd.json", "logport.conf"):
            with open(os.path.join(where, name), "w") as file:
                file.write("not json")
        daemon = self.daemon(dir=os.path.join(where, "logs"), cwd=where)
        daemon.stop()


if __name__ == "__main__":
    main()
