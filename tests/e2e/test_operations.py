"""test_operations.py - what operators and their tools do to a running daemon."""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time

from harness import (PATIENCE_S, Case, decode, environment, identity, log_line, logport, main, native_only, program,
                     segments, start, wait_until)
from test_control import counters_of, run_file


class Operations(Case):
    @native_only("stops the process with SIGSTOP")
    def test_connections_made_before_a_stop_are_stored_though_not_yet_accepted(self):
        daemon = self.daemon()
        daemon.process.send_signal(signal.SIGSTOP)
        sent = sorted(log_line(self.rng, n=n) for n in range(50))
        for line in sent:
            daemon.send(line + b"\n")
        daemon.ask_to_stop()
        daemon.process.send_signal(signal.SIGCONT)
        code, counters = daemon.wait_end()
        self.assertEqual((code, counters["stored"]), (0, len(sent)), daemon.said)
        self.assert_lines(sorted(daemon.lines_stored()), sent)

    def test_a_drain_that_is_allowed_longer_than_the_stop_loses_nothing(self):
        daemon = self.daemon("--stop-ms", "3s", "--drain-ms", "30s")
        lines = b"".join(log_line(self.rng, n=n) + b"\n" for n in range(100))

        def sender():
            with contextlib.suppress(OSError), contextlib.closing(daemon.connect()) as connection:
                while True:
                    connection.sendall(lines)
                    time.sleep(0.005)  # busy for ever, not a flood

        senders = [self.in_thread(sender) for _ in range(2)]
        daemon.wait_stored(100)
        counters = daemon.stop()
        self.assertEqual(counters["dropped"], {})
        for thread in senders:
            thread.finish()
        self.assertEqual(len(daemon.lines_stored()), counters["stored"])

    @native_only("fills a pipe that has no reader")
    def test_without_a_reader_of_stderr_nothing_stops(self):
        base = os.path.join(self.directory(), "logs")
        reader, writer = os.pipe()
        command = program("logportd") + ["--tcp", "127.0.0.1:0", "--dir", base, "--stats-s", "1"]
        process = start(command, stdout=subprocess.DEVNULL, stderr=writer, env=environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        said = b""
        while b"ready" not in said or not said.endswith(b"\n"):
            said += os.read(reader, 4096)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x")
        os.set_blocking(writer, True)  # the daemon shares it
        port = int(said.split(b"tcp=127.0.0.1:")[1].split()[0])
        wait_until(lambda: counters_of(logport("status", "--dir", base))["uptime_s"] >= 3, "three seconds are over")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b'{"a":1}\n')
        wait_until(lambda: logport("search", "-c", "", base).out == b"1\n", "the line is stored")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE_S), 0)
        os.close(reader)
        os.close(writer)

    @native_only("lowers the limit of open files")
    def test_clients_cannot_take_the_handles_that_storing_needs(self):
        daemon = self.daemon(udp=(), open_files=120)
        limit = re.search(r"connections_max is ([0-9]+)", daemon.wait_said("connections_max is")).group(1)
        daemon.wait_said("memory: at most .* %s connections " % limit)
        connections = [daemon.connect() for _ in range(150)]
        connections[0].sendall(b'{"a":1}\nbad\n')
        daemon.wait_stored(1)
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        connections[0].sendall(b'{"a":2}\n')
        self.assertEqual(daemon.wait_stored(2), [b'{"a":1}', b'{"a":2}'])
        self.assertEqual(logport("status", "--dir", daemon.base).code, 0)
        for connection in connections:
            connection.close()
        identity(daemon.stop())

    def test_silent_control_connections_keep_no_client_out(self):
        daemon = self.daemon()
        with open(run_file(daemon)) as file:
            port = int(json.load(file)["control"].rpartition(":")[2])
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for _ in range(3):
            self.assertEqual(logport("status", "--dir", daemon.base, timeout=4).code, 0)
        for connection in silent:
            connection.close()
        daemon.stop()

    @native_only("an open file cannot be unlinked there")
    def test_a_live_file_that_is_deleted_or_moved_is_reported_and_writing_continues_in_a_new_one(self):
        for lose in (os.unlink, lambda path: os.rename(path, os.path.join(self.directory(), "moved"))):
            daemon = self.daemon("--sync-ms", "1h")
            daemon.send(b'{"a":1}\n')
            daemon.wait_stored(1)
            for path in segments(daemon.base):
                lose(path)
            daemon.send(b'{"a":2}\n')
            daemon.wait_said("was deleted, moved or replaced while being written", 5)
            daemon.send(b'{"a":3}\n')
            wait_until(lambda: b'{"a":3}' in daemon.lines_stored(), "a later line is stored")
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
            daemon.stop()

    def test_a_live_file_that_another_program_shortens_loses_only_what_was_cut_off(self):
        for keep in (0, 0.5):
            daemon = self.daemon("--sync-ms", "1h", "--flush-ms", "50")  # a look precedes each append
            before = [log_line(self.rng, n=n) for n in range(400)]
            for n in range(0, 400, 100):  # frames of their own
                daemon.send(b"\n".join(before[n:n + 100]) + b"\n")
                daemon.wait_stored(n + 100)
            [path] = segments(daemon.base)
            os.truncate(path, int(os.path.getsize(path) * keep))
            after = [log_line(self.rng, n=n) for n in range(400, 500)]
            daemon.send(after[0] + b"\n")
            daemon.wait_said(r"%s: was shortened by another program, from \d+ bytes to \d+; " % re.escape(path), 5)
            daemon.send(b"\n".join(after[1:]) + b"\n")
            wait_until(lambda: set(after) <= set(logport("cat", daemon.base).lines), "later lines are stored")
            daemon.stop()
            self.daemon(dir=daemon.base).stop()  # recovers what is left
            left = daemon.lines_stored()
            kept = left[:-len(after)]
            self.assert_lines(left[-len(after):], after)
            self.assert_lines(kept, before[:len(kept)])
            self.assertIn(len(kept), (0,) if keep == 0 else (100, 200))  # whole frames
            self.assertEqual(logport("verify", daemon.base).code, 0)

    def test_a_file_that_is_shortened_before_it_is_closed_stays_part(self):
        daemon = self.daemon("--flush-ms", "5")
        daemon.send(b'{"n":1}\n')
        daemon.wait_stored(1)
        [path] = segments(daemon.base)
        os.truncate(path, 0)
        daemon.stop()
        self.assertEqual(len(daemon.said_lines("was shortened by another program")), 1)
        self.assertTrue(os.path.exists(path))

    def test_segments_are_never_larger_than_their_limit_however_small_it_is(self):
        for limit in (2048, 64 << 10, 700_000):
            daemon = self.daemon("--segment-bytes-max", str(limit), "--archive-level", "0")
            lines = [b'{"n":%d,"text":"%s"}' % (n, b"x" * self.rng.randrange(100)) for n in range(limit // 20)]
            lines.insert(len(lines) // 2, b'{"long":"%s"}' % (b"y" * limit))  # does not fit, and is alone
            daemon.send(b"".join(line + b"\n" for line in lines))
            daemon.datagrams(b'{"datagram":1}')
            daemon.wait_stored(len(lines) + 1)
            daemon.stop()
            held = [decode(path) for path in segments(daemon.base)]
            too_large = [raw for raw in held if len(raw) > limit]
            self.assertEqual([raw.count(b"\n") for raw in too_large], [1])
            self.assertGreater(len(held), sum(map(len, lines)) // limit)
            self.assertEqual(sorted(b"".join(held).splitlines()), sorted(lines + [b'{"datagram":1}']))


if __name__ == "__main__":
    main()
