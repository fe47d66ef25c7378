"""test_pipeline.py - what is sent is stored: byte for byte, in order, counted."""

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
import unittest

from harness import (
    PORT,
    ROOT,
    SANITIZED,
    SEGMENT_NAME,
    WINDOWS,
    Case,
    decode,
    dropped,
    identity,
    log_line,
    logport,
    logportd,
    main,
    native_only,
    raise_open_files,
    read_stream,
    rejects,
    scaled,
    segments,
    split_lines,
    wait_until,
)


def connection_lines(rng, connection, count):
    """Many lines cheaply: 256 different ones, each made unique by its number."""
    patterns = [log_line(rng, c=connection, n="#") for _ in range(256)]
    halves = [pattern.split(b'"#"') for pattern in patterns]
    return [halves[n & 255][0] + b"%d" % n + halves[n & 255][1] for n in range(count)]


def send_in_pieces(connection, data, rng):
    """Cuts where a network would: anywhere, in pieces of any size."""
    view, offset = memoryview(data), 0
    while offset < len(data):
        piece = rng.choice((1, 7, 1000, 1448, 65536, 262144, 262144))
        connection.sendall(view[offset : offset + piece])
        offset += piece


class Listening(Case):
    def test_ready_line_names_the_addresses_really_bound_and_the_port_in_use(self):
        daemon = self.daemon()
        self.assertEqual(len(daemon.tcp), 1)
        self.assertEqual(len(daemon.udp), 1)
        self.assertNotEqual(daemon.tcp[0][1], 0)
        self.assertNotEqual(daemon.udp[0][1], 0)
        self.assertIn(daemon.port, [PORT] if PORT else ["io_uring", "epoll"])
        self.assertEqual(daemon.dir_said, daemon.base)
        self.assertEqual(daemon.stop()["received"], 0)

    def test_a_line_over_tcp_and_one_over_udp_are_stored_byte_for_byte(self):
        daemon = self.daemon()
        one = b'{"time":1764000000123, "msg" : "spaces  inside \\u0041 stay", "big":123456789012345678901234567890}'
        two = '{"msg":"Grüße aus 東京 🚀"}'.encode()
        daemon.send(one + b"\n")
        daemon.wait_stored(1)
        daemon.datagrams(two)
        self.assert_lines(daemon.wait_stored(2), [one, two])
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["stored"], counters["rejected"]), (2, 2, 0))
        self.assertGreaterEqual(counters["bytes_received"], len(one) + 1 + len(two))
        self.assertEqual(counters["udp_kernel_drops"], None if WINDOWS else 0)

    def test_a_line_can_be_read_while_its_connection_stays_open(self):
        daemon = self.daemon()
        connection = daemon.connect()
        sent = []
        for n in range(3):
            sent.append(log_line(self.rng, n=n))
            connection.sendall(sent[-1] + b"\n")
            self.assert_lines(daemon.wait_stored(n + 1), sent)
        daemon.stop()

    def test_several_listeners_of_each_kind_all_serve(self):
        daemon = self.daemon(tcp=["127.0.0.1:0"] * 3, udp=["127.0.0.1:0"] * 2)
        self.assertEqual((len(daemon.tcp), len(daemon.udp)), (3, 2))
        self.assertEqual(len(set(daemon.tcp)), 3)
        self.assertEqual(len(set(daemon.udp)), 2)
        sent = [log_line(self.rng, n=n) for n in range(5)]
        for n in range(3):
            daemon.send(sent[n] + b"\n", listener=n)
        for n in range(2):
            daemon.datagrams(sent[3 + n], listener=n)
        self.assertEqual(sorted(daemon.wait_stored(5)), sorted(sent))
        self.assertEqual(daemon.stop()["stored"], 5)

    def test_only_the_given_listeners_listen(self):
        daemon = self.daemon(udp=[])
        self.assertEqual((len(daemon.tcp), daemon.udp), (1, []))
        daemon.stop()

    def need_ipv6(self):
        with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("no IPv6 loopback here")

    def test_ipv6_listeners_serve_and_the_ready_line_writes_them_in_brackets(self):
        self.need_ipv6()
        daemon = self.daemon(tcp=["[::1]:0"], udp=["[::1]:0"])
        self.assertRegex(daemon.ready_line, r" tcp=\[::1\]:\d+ udp=\[::1\]:\d+ ")
        sent = [log_line(self.rng, n=n) for n in range(2)]
        daemon.send(sent[0] + b"\n")
        daemon.wait_stored(1)
        daemon.datagrams(sent[1])
        self.assert_lines(daemon.wait_stored(2), sent)
        daemon.stop()

    def test_a_listener_on_all_addresses_takes_ipv4_and_ipv6(self):
        self.need_ipv6()
        daemon = self.daemon(tcp=["[::]:0"], udp=["[::]:0"])
        self.assertRegex(daemon.ready_line, r" tcp=\[::\]:\d+ udp=\[::\]:\d+ ")
        tcp, udp = daemon.tcp[0][1], daemon.udp[0][1]
        for count, host in enumerate(("127.0.0.1", "::1"), 1):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.create_connection((host, tcp), timeout=20) as connection:
                connection.sendall(b'{"n":%d,}\n' % count)
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                sender.sendto(b'{"n":%d,}' % count, (host, udp))
            daemon.wait_stored(2 * count, stream="rejects")
        peers = [json.loads(line)["peer"].rsplit(":", 1)[0] for line in daemon.lines_stored("rejects")]
        self.assertEqual(sorted(peers), ["127.0.0.1", "127.0.0.1", "[::1]", "[::1]"])
        daemon.stop()

    def test_a_port_may_have_one_listener_for_each_version_of_ip(self):
        self.need_ipv6()
        with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
            probe.bind(("::", 0))
            port = probe.getsockname()[1]
        daemon = self.daemon(tcp=["[::]:%d" % port, "0.0.0.0:%d" % port], udp=[])
        sent = [log_line(self.rng, n=n) for n in range(2)]
        for host, line in zip(("::1", "127.0.0.1"), sent):
            with socket.create_connection((host, port), timeout=20) as connection:
                connection.sendall(line + b"\n")
        self.assertEqual(sorted(daemon.wait_stored(2)), sorted(sent))
        daemon.stop()

    def test_without_options_it_serves_on_5170_and_writes_to_logs(self):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with contextlib.closing(socket.socket(socket.AF_INET, kind)) as probe:
                try:
                    probe.bind(("127.0.0.1", 5170))
                except OSError:
                    self.skipTest("port 5170 is taken here")
        where = self.directory()
        daemon = self.daemon("--dir", "./logs", tcp=[], udp=[], cwd=where)
        self.assertEqual((daemon.tcp, daemon.udp), ([("127.0.0.1", 5170)], [("127.0.0.1", 5170)]))
        line = log_line(self.rng, n=1)
        daemon.send(line + b"\n")
        daemon.base = os.path.join(where, "logs")
        self.assert_lines(daemon.wait_stored(1), [line])
        self.assert_lines(logport("cat", cwd=where).lines, [line])
        daemon.stop()

    def test_version_and_help_go_to_stdout_and_exit_0(self):
        with open(os.path.join(ROOT, "CMakeLists.txt")) as file:
            version = re.search(r"project\(logport VERSION (\S+)", file.read())[1]
        for program in (logportd, logport):
            result = program("--version")
            self.assertEqual(result.code, 0, result.said)
            text = result.out.decode().replace("\r", "")
            self.assertRegex(text, r"\Alogportd? %s\n(commit: \S+\n)?ports: .*\nlibraries: lz4 1\.\S+, "
                                   r"PCRE2 10\.\d+ with(out)? JIT.*\n\Z" % re.escape(version))
            self.assertRegex(text, "ports: iocp\n" if WINDOWS else "ports: (io_uring, )?epoll\n")
            if program is logport:
                self.assertRegex(text, r"(zlib \d|without zlib).*(zstd \d|without zstd)")
            result = program("--help")
            self.assertEqual(result.code, 0, result.said)
            self.assertGreater(len(result.out), 200)
            self.assertEqual(result.err, b"")

    def test_with_stats_s_it_prints_the_counters_so_often(self):
        daemon = self.daemon("--stats-s", "1")
        daemon.send(b'{"a":1}\nbad\n')
        said = daemon.wait_said(r'^\{"received":2,')
        identity(json.loads(said))
        daemon.stop()

    def test_nothing_is_printed_on_the_daemons_stdout(self):
        daemon = self.daemon()
        daemon.send(b'{"a":1}\nbad\n')
        daemon.stop()
        self.assertEqual(daemon.stdout, b"")


class Load(Case):
    CONNECTIONS = 4

    def test_a_million_lines_over_four_connections_come_out_byte_for_byte_and_in_order(self):
        each = scaled(1_000_000 // self.CONNECTIONS, 1000)
        sent = [connection_lines(self.rng, c, each) for c in range(self.CONNECTIONS)]
        bad = {0: b"not json at all", each // 2: b'{"a":1,}'}  # the other term of the sum
        daemon = self.daemon()

        def sender(c):
            pieces = []
            for n, line in enumerate(sent[c]):
                if n in bad:
                    pieces.append(bad[n])
                pieces.append(line)
            with contextlib.closing(daemon.connect()) as connection:
                send_in_pieces(connection, b"\n".join(pieces) + b"\n", self.rng)

        for thread in [self.in_thread(sender, c) for c in range(self.CONNECTIONS)]:
            thread.finish(120)
        counters = daemon.stop()
        total = self.CONNECTIONS * (each + len(bad))
        self.assertEqual(counters["received"], total)
        self.assertEqual(counters["stored"] + counters["rejected"] + dropped(counters), total)
        self.assertEqual(counters["in_flight"], 0)
        self.assertEqual(counters["rejected"], self.CONNECTIONS * len(bad))
        found = [[] for _ in range(self.CONNECTIONS)]
        for line in split_lines(read_stream(daemon.base)):
            found[int(re.search(rb'"c":(\d)', line)[1])].append(line)
        for c in range(self.CONNECTIONS):
            self.assert_lines(found[c], sent[c], "lines of connection %d" % c)

    def test_paced_datagrams_are_all_stored(self):
        count = scaled(20_000, 500)
        per_second = 3_000 if WINDOWS else 5_000 if SANITIZED else 20_000
        sent = connection_lines(self.rng, 0, count)
        daemon = self.daemon()
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            sender.connect(daemon.udp[0])
            begin = time.monotonic()
            for n, line in enumerate(sent):
                sender.send(line)
                if n % 50 == 49:
                    time.sleep(max(0, begin + n / per_second - time.monotonic()))
        self.assert_lines(daemon.wait_stored(count), sent)
        counters = daemon.stop()
        self.assertEqual(counters["stored"], count)
        self.assertEqual(counters["udp_kernel_drops"], None if WINDOWS else 0)

    @native_only("Wine publishes no kernel drops")
    def test_datagrams_that_the_kernel_drops_are_published_outside_the_identity(self):
        # Far more at once than any socket buffer holds, while the daemon is
        # not looking: stopped, it cannot read.
        daemon = self.daemon()
        count = scaled(40_000, 20_000)
        line = log_line(self.rng, n=0).ljust(700)
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                sender.connect(daemon.udp[0])
                for _ in range(count):
                    sender.send(line)
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        daemon.wait_stored(1)
        daemon.datagrams(b'{"last":true}')
        counters = daemon.stop()
        self.assertGreater(counters["udp_kernel_drops"], 0)
        self.assertEqual(counters["received"] + counters["udp_kernel_drops"], count + 1)


class MixedLoad(Case):
    def test_mixed_load_of_tcp_udp_bad_lines_rotation_and_status_is_counted_to_the_last_record(self):
        """The one that ThreadSanitizer watches: every thread and path at once."""
        each = scaled(20_000, 500)
        daemon = self.daemon("--segment-bytes-max", "1MiB", "--flush-ms", "20")
        sent = [connection_lines(self.rng, c, each) for c in range(4)]

        def stream(c):
            with contextlib.closing(daemon.connect()) as connection:
                for n in range(0, each, 100):
                    lines = sent[c][n : n + 100]
                    connection.sendall(b"\n".join(lines) + b"\nbad line\n")

        def datagrams(count):
            for n in range(count):
                daemon.datagrams(b'{"c":9,"n":%d}\n{"c":9}' % n)
                time.sleep(0.001)

        def short_connections(count):
            for n in range(count):
                daemon.send(b'{"c":8,"n":%d}' % n)

        threads = [self.in_thread(stream, c) for c in range(4)]
        threads += [self.in_thread(datagrams, scaled(500, 50)), self.in_thread(short_connections, scaled(500, 50))]
        while any(thread.is_alive() for thread in threads):
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
            self.assertEqual(logport("status", "--dir", daemon.base).code, 0)
        for thread in threads:
            thread.finish()
        counters = daemon.stop()
        self.assertEqual(dropped(counters), 0)
        self.assertEqual(counters["in_flight"], 0)
        self.assertEqual(counters["rejected"], 4 * len(range(0, each, 100)))
        self.assertEqual(len(rejects(daemon.base)), counters["rejected"])
        found = {c: [] for c in range(10)}
        for line in split_lines(read_stream(daemon.base)):
            found[int(re.search(rb'"c":(\d)', line)[1])].append(line)
        for c in range(4):
            self.assert_lines(found[c], sent[c], "lines of connection %d" % c)
        self.assertEqual(len(found[8]), scaled(500, 50))
        self.assertEqual(len(found[9]) + 2 * (counters["udp_kernel_drops"] or 0), 2 * scaled(500, 50))
        self.assertEqual(logport("verify", daemon.base).code, 0)


class Rotation(Case):
    def names(self, daemon, stream="main"):
        return [SEGMENT_NAME.match(os.path.basename(path)) for path in segments(daemon.base, stream)]

    def test_segments_rotate_by_size_and_their_names_say_stream_sequence_and_time(self):
        daemon = self.daemon("--segment-bytes-max", "1MiB", "--flush-ms", "10")
        sent = [log_line(self.rng, n=n, pad="x" * 500) for n in range(8000)]
        connection = daemon.connect()
        for n in range(0, len(sent), 500):
            connection.sendall(b"\n".join(sent[n : n + 500]) + b"\n")
            daemon.wait_stored(n + 500)
        connection.close()
        daemon.stop()
        names = self.names(daemon)
        self.assertNotIn(None, names, os.listdir(os.path.join(daemon.base, "main")))
        self.assertGreaterEqual(len(names), 3)
        self.assertEqual({name["stream"] for name in names}, {"main"})
        self.assertEqual([name["part"] for name in names], [None] * len(names), "no .part is left after a stop")
        sequences = [int(name["sequence"]) for name in names]
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + len(names))))
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.assertTrue(all("20250101T000000Z" < name["opened"] <= now for name in names))
        self.assert_lines(daemon.lines_stored(), sent)
        for path in segments(daemon.base):
            # Not much above what was asked for: the batch that crossed the line.
            self.assertLess(len(decode(path)), 3 << 20)

    def test_the_live_file_is_named_part_with_the_extension_last(self):
        daemon = self.daemon()
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        self.assertRegex(os.path.basename(segments(daemon.base)[-1]), r"\.part\.ndjson\.lz4$")
        daemon.stop()

    def test_segments_rotate_by_age(self):
        daemon = self.daemon("--segment-age-s", "1")
        daemon.send(b'{"n":0}\n')
        wait_until(lambda: any(not n["part"] for n in self.names(daemon)), "the first segment is closed by age")
        daemon.send(b'{"n":1}\n')
        self.assert_lines(daemon.wait_stored(2), [b'{"n":0}', b'{"n":1}'])
        daemon.stop()
        self.assertEqual(len(self.names(daemon)), 2)

    def test_segments_rotate_by_their_size_on_disk(self):
        daemon = self.daemon("--segment-packed-bytes-max", "64KiB", "--flush-ms", "10")
        sent = [log_line(self.rng, n=n, pad=self.rng.randbytes(200).hex()) for n in range(800)]
        connection = daemon.connect()
        for n in range(0, len(sent), 100):
            connection.sendall(b"\n".join(sent[n : n + 100]) + b"\n")
            daemon.wait_stored(n + 100)
        connection.close()
        daemon.stop()
        self.assert_lines(daemon.lines_stored(), sent)
        sizes = [os.path.getsize(path) for path in segments(daemon.base)]
        self.assertGreater(len(sizes), 2)
        # A batch of 100 such lines takes some 25 KiB; the index comes on top.
        self.assertTrue(all(30000 < size < 80000 for size in sizes[:-1]), sizes)

    def test_segments_rotate_when_nothing_comes_and_leave_no_empty_one(self):
        daemon = self.daemon("--segment-idle-s", "1", "--rotate", "daily", "--rotate-zone", "UTC")
        for n in range(2):
            daemon.send(b'{"n":%d}\n' % n)
            wait_until(
                lambda: [name["part"] for name in self.names(daemon)] == [None] * (n + 1), "segment %d is closed" % n
            )
        daemon.stop()
        self.assert_lines(daemon.lines_stored(), [b'{"n":0}', b'{"n":1}'])
        self.assertEqual(len(self.names(daemon)), 2)

    def test_the_sequence_rises_over_restarts_even_when_the_files_are_gone(self):
        last = -1
        where = os.path.join(self.directory(), "logs")
        for n in range(3):
            daemon = self.daemon(dir=where)
            daemon.send(b'{"n":%d}\n' % n)
            daemon.wait_stored(n + 1 if n < 2 else 1)
            daemon.stop()
            names = self.names(daemon)
            self.assertGreater(int(names[-1]["sequence"]), last)
            last = int(names[-1]["sequence"])
            if n == 1:
                for path in segments(where):
                    os.remove(path)

    def rotates(self, ask):
        daemon = self.daemon()
        for n in range(2):
            daemon.send(b'{"n":%d}\n' % n)
            daemon.wait_stored(n + 1)
            ask(daemon)
            wait_until(
                lambda: sum(not name["part"] for name in self.names(daemon)) == n + 1, "segment %d is closed" % n
            )
        daemon.send(b'{"n":2}\n')
        self.assert_lines(daemon.wait_stored(3), [b'{"n":%d}' % n for n in range(3)])
        self.assertEqual(daemon.stop()["stored"], 3)
        self.assertEqual(len(self.names(daemon)), 3)

    def test_logport_rotate_rotates(self):
        self.rotates(lambda daemon: self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0))

    @native_only("Windows has no such signal")
    def test_sigusr1_rotates(self):
        self.rotates(lambda daemon: os.kill(daemon.pid, signal.SIGUSR1))

    @native_only("Windows has no such signal")
    def test_sighup_does_not_end_it(self):
        daemon = self.daemon()
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.send(b'{"after":"hup"}\n')
        daemon.wait_stored(1)
        os.kill(daemon.pid, signal.SIGHUP)
        self.assertEqual(daemon.stop()["stored"], 1)

    @native_only("Windows has no such modes")
    def test_files_are_0640_directories_0750_and_the_run_file_0600(self):
        daemon = self.daemon()
        daemon.send(b'{"a":1}\nbad\n')
        daemon.wait_stored(1)
        daemon.wait_stored(1, "rejects")
        mode = lambda *names: oct(os.stat(os.path.join(daemon.base, *names)).st_mode & 0o7777)
        for name in ("", "main", "rejects"):
            self.assertEqual(mode(name), oct(0o750), name)
        for stream in ("main", "rejects"):
            for path in segments(daemon.base, stream):
                self.assertEqual(oct(os.stat(path).st_mode & 0o7777), oct(0o640), path)
        self.assertEqual(mode("logportd.run"), oct(0o600))
        daemon.stop()

    def test_nothing_but_segments_lies_in_a_streams_folder(self):
        daemon = self.daemon()
        daemon.send(b'{"a":1}\nbad\n')
        daemon.wait_stored(1)
        daemon.wait_stored(1, "rejects")
        for stop in (lambda: None, daemon.stop):
            stop()
            for stream in ("main", "rejects"):
                self.assertNotIn(None, self.names(daemon, stream))


class ManyConnections(Case):
    @unittest.skipIf(SANITIZED, "a sanitizer's memory is not ours")
    @native_only("Wine's memory is not ours")
    def test_five_thousand_idle_connections_take_less_than_96_mib(self):
        count = min(scaled(5000), raise_open_files(5200) - 200)
        daemon = self.daemon()
        connections = []
        for n in range(count):
            connection = daemon.connect()
            connection.sendall(b'{"connection":%d}\n' % n)
            connections.append(connection)
        found = daemon.wait_stored(count)
        self.assertEqual(sorted(found), sorted(b'{"connection":%d}' % n for n in range(count)))
        self.assertLess(daemon.memory_kib(), 96 * 1024)
        for connection in connections:
            connection.close()
        self.assertEqual(daemon.stop()["stored"], count)

    def test_at_the_limit_of_connections_accepting_pauses_says_so_and_resumes(self):
        daemon = self.daemon("--connections-max", "8")
        held = [daemon.connect() for _ in range(8)]
        for n, connection in enumerate(held):
            connection.sendall(b'{"n":%d}\n' % n)
        daemon.wait_stored(8)
        late = daemon.connect()  # the kernel's backlog takes it
        late.sendall(b'{"n":8}\n')
        daemon.wait_said(r"(?i)connections")
        self.assertEqual(len(daemon.lines_stored()), 8)
        held[0].close()
        self.assertEqual(daemon.wait_stored(9)[8], b'{"n":8}')
        daemon.stop()


    @native_only("Wine knows no such limit")
    def test_at_the_limit_of_open_files_accepting_pauses_says_so_and_resumes(self):
        daemon = self.daemon("--flush-ms", "10", open_files=80)
        held = [daemon.connect() for _ in range(60)]
        for n, connection in enumerate(held):
            connection.sendall(b'{"n":%d}\n' % n)
        daemon.wait_said(r"(?i)open files|connections")
        wait_until(lambda: daemon.lines_stored(), "those that were accepted are served")
        for n in range(60):
            # Each that ends makes room for one that waits.
            held[n].close()
            wait_until(lambda: b'{"n":%d}' % n in daemon.lines_stored(), "connection %d is served" % n)
        self.assertEqual(daemon.stop()["stored"], 60)


class Stopping(Case):
    def test_what_was_sent_before_the_stop_is_stored(self):
        daemon = self.daemon()
        connections = [daemon.connect() for _ in range(20)]
        for n, connection in enumerate(connections):
            connection.sendall(b'{"first":%d}\n' % n)
        daemon.wait_stored(20)
        for n, connection in enumerate(connections):
            connection.sendall(b'{"second":%d}\n{"unfinished":%d' % (n, n) + (b"}" if n % 2 else b""))
        daemon.datagrams(b'{"third":1}', b'{"third":2}')
        counters = daemon.stop()
        self.assertEqual(counters["received"], 62)
        self.assertEqual((counters["stored"], counters["rejected"]), (52, 10))
        self.assertEqual(len(daemon.lines_stored()), 52)
        self.assertEqual(len(rejects(daemon.base)), 10)

    def test_a_sender_that_never_stops_does_not_keep_it_from_stopping(self):
        daemon = self.daemon("--drain-ms", "500")
        stopped = threading.Event()
        lines = b"".join(b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * 100) for n in range(1000))
        sent = [0] * 3

        def sender(c):
            connection = daemon.connect()
            with contextlib.suppress(OSError):
                while not stopped.is_set():
                    connection.sendall(lines)
                    sent[c] += 1000

        threads = [self.in_thread(sender, c) for c in range(3)]
        wait_until(lambda: min(sent) >= 2000, "all senders are under way")
        begin = time.monotonic()
        counters = daemon.stop()
        took = time.monotonic() - begin
        stopped.set()
        for thread in threads:
            thread.finish()
        # drain_ms, and a margin for storing what was read on a busy machine
        self.assertLess(took, 0.5 + (20 if WINDOWS or SANITIZED else 5))
        self.assertEqual(counters["in_flight"], 0)
        self.assertLessEqual(counters["rejected"], 3, "at most one cut line a connection")
        self.assertEqual(read_stream(daemon.base).count(b"\n"), counters["stored"])
        self.assertLessEqual(counters["stored"], sum(sent) + 3 * 1000)

    @native_only("under Wine SIGTERM cannot be answered")
    def test_sigint_stops_it_as_sigterm_does(self):
        daemon = self.daemon()
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        daemon.process.send_signal(signal.SIGINT)
        code, counters = daemon.wait_end()
        self.assertEqual(code, 0)
        identity(counters)
        self.assertEqual(counters["stored"], 1)

    @native_only("under Wine SIGTERM cannot be answered")
    def test_two_signals_at_once_are_one_request(self):
        """timeout(1) signals its child and then the process group."""
        for pause in (0, 0.001, 0.005):
            daemon = self.daemon("--flush-ms", "1m")
            daemon.send(b'{"a":1}\n' * 6)
            wait_until(lambda: json.loads(logport("status", "--dir", daemon.base).out)["bytes_received"] == 48, "all came")
            daemon.process.send_signal(signal.SIGTERM)
            time.sleep(pause)
            daemon.process.send_signal(signal.SIGTERM)
            code, counters = daemon.wait_end()
            self.assertEqual((code, counters["stored"]), (0, 6))

    def test_an_empty_run_stops_with_all_counters_zero(self):
        counters = self.daemon().stop()
        self.assertEqual((counters["received"], counters["stored"], counters["rejected"]), (0, 0, 0))
        self.assertEqual((counters["dropped"], counters["in_flight"]), ({}, 0))


if __name__ == "__main__":
    main()
