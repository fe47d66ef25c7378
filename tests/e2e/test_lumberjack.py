"""test_lumberjack.py - Lumberjack version 2: what is acknowledged is stored, whatever happens then."""

import contextlib
import json
import os
import socket
import ssl
import struct
import time
import zlib

from harness import Case, log_line, main, read_lines, rejects, small_disk, wait_until
from kills import kill_under_load, numbered
from lumberjack import Sender, Session, batch, compressed, record, window
from test_tls import TlsCase


class LumberjackCase(Case):
    def session(self, daemon):
        session = Session(daemon.tcp[0])
        self.addCleanup(session.close)
        return session


class Lumberjack(LumberjackCase):
    """Windows over plain TCP."""

    def test_windows(self):
        for pack in (False, True):
            for more in ((), ("--protocol", "lumberjack")):
                daemon = self.daemon(*more, udp=())
                session = self.session(daemon)
                sent = [log_line(self.rng, n=n) for n in range(3000)]
                for at in range(0, len(sent), 500):
                    session.deliver(sent[at : at + 500], pack=pack)
                    self.assert_lines(read_lines(daemon.base), sent[: at + 500])
                session.close()
                counters = daemon.stop()
                self.assertEqual((counters["stored"], counters["acknowledged"]), (3000, 3000))
                self.assertEqual(counters["connections_failed"], 0)

    def test_sequence_numbers_that_continue_from_window_to_window(self):
        daemon = self.daemon()
        session = self.session(daemon)
        first = 2**32 - 25  # and begin again
        for n in range(5):
            session.send(window(10) + b"".join(record((first + 10 * n + i) % 2**32, b"{}") for i in range(10)))
            self.assertEqual(session.receive(), (first + 10 * n + 9) % 2**32)
        daemon.stop()

    def test_windows_that_do_not_wait_for_answers(self):
        daemon = self.daemon("--flush-ms", "60000")
        session = self.session(daemon)
        sizes = [1 + n % 40 for n in range(300)]
        session.send(b"".join(batch([b"{}"] * size, pack=n % 2 == 0) for n, size in enumerate(sizes)))
        self.assertEqual([session.receive() for _ in sizes], sizes)
        self.assertEqual(daemon.stop()["stored"], sum(sizes))

    def test_large_windows_straddle_batches_and_are_acknowledged_once_all_is_stored(self):
        daemon = self.daemon("--ack", "synced")
        session = self.session(daemon)
        sent = [json.dumps({"n": n, "fill": "x" * 900}).encode() for n in range(20000)]
        for pack in (True, False):
            session.deliver(sent, pack=pack)
            self.assertEqual(len(read_lines(daemon.base)), len(sent) * (2 - pack))
        self.assertEqual(read_lines(daemon.base), sent * 2)
        self.assertLess(daemon.memory_kib("VmHWM"), 200 << 10)
        daemon.stop()

    def test_several_compressed_frames_in_a_window(self):
        daemon = self.daemon()
        session = self.session(daemon)
        session.send(window(4) + compressed(record(1, b'{"n":1}') + record(2, b'{"n":2}')) + record(3, b'{"n":3}')
                     + compressed(record(4, b'{"n":4}')))
        session.wait_for(4)
        self.assert_lines(read_lines(daemon.base), [b'{"n":%d}' % n for n in range(1, 5)])
        daemon.stop()

    def test_cut_at_every_byte(self):
        daemon = self.daemon()
        whole = batch([b'{"a":1}', b'{"b":2}'])
        for cut in range(1, len(whole)):
            session = self.session(daemon)
            session.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session.send(whole[:cut])
            session.send(whole[cut:])
            session.wait_for(2)
        session = self.session(daemon)
        for byte in whole:
            session.send(bytes([byte]))
        session.wait_for(2)
        self.assertEqual(daemon.stop()["stored"], 2 * len(whole))

    def test_invalid_records_are_acknowledged_when_quarantine_has_them(self):
        daemon = self.daemon("--line-bytes-max", "1000")
        for pack in (False, True):
            session = self.session(daemon)
            session.deliver([b"text", b'{"a":', b'{"long":"%s"}' % (b"x" * 200000), b"", b"{}"], pack=pack)
        self.assertEqual(sorted(r["reason"] for r in rejects(daemon.base)),
                         sorted(2 * ["not_object", "oversized", "truncated"]))
        self.assert_lines(read_lines(daemon.base), [b"{}"] * 2)
        daemon.stop()

    def test_what_is_no_frame_is_refused_after_the_answers_to_windows_before(self):
        good = batch([b'{"n":1}', b'{"n":2}'])
        bomb = zlib.compress(bytes(100 << 20), 9)
        packed = compressed(record(1, b"{}"))
        for bad, reason, words in (
                (b'{"a":1}\n', "lumberjack_frame", "not a frame of Lumberjack"),
                (record(1, b"{}"), "lumberjack_frame", "not a frame of Lumberjack"),
                (window(2**31), "lumberjack_frame", "not a frame of Lumberjack"),
                (window(1) + b"2D\0\0\0\1\0\0\0\1", "lumberjack_1", "version 1"),
                (b"1W\0\0\0\1", "lumberjack_1", "version 1"),
                (window(1) + compressed(packed), "lumberjack_frame", "not a frame of Lumberjack"),
                (window(1) + compressed(record(1, b"{}")[:-1]), "lumberjack_frame", "not a frame"),
                (window(1) + packed[:-4] + b"\0\0\0\0", "inflate", "damaged"),
                (window(1) + b"2C\0\0\0\4abcd", "inflate", "damaged"),
                (window(1) + b"2C" + struct.pack(">I", len(packed) - 5) + packed[6:] + b"x", "inflate", "damaged"),
                (window(1) + b"2C" + struct.pack(">I", len(bomb)) + bomb, "expansion", "expands")):
            daemon = self.daemon()
            session = self.session(daemon)
            session.send(good)
            session.wait_for(2)
            if reason == "expansion":  # zeros are no frames: a record of them
                data = zlib.compress(record(1, b" " * (100 << 20)), 9)
                bad = window(1) + b"2C" + struct.pack(">I", len(data)) + data
            with contextlib.suppress(OSError):
                session.send(bad)
            self.assertEqual(session.rest(), [], (reason, bad[:40]))
            daemon.wait_said(words)
            found = wait_until(lambda: rejects(daemon.base), "it is in quarantine")
            self.assertEqual([r["reason"] for r in found][-1], reason, bad[:40])
            self.assertLess(daemon.memory_kib("VmHWM"), 200 << 10)
            counters = daemon.stop()
            self.assertEqual(counters["connections_refused"], 1)

    def test_a_window_that_takes_long_is_kept_alive(self):
        daemon = self.daemon()
        session = self.session(daemon)
        session.send(window(3) + record(1, b"{}"))
        self.assertEqual(session.receive(), 1)  # after 3 s: one is stored
        self.assertEqual(session.receive(), 1)
        session.send(record(2, b"{}") + record(3, b"{}"))
        session.wait_for(3)
        session.send(window(1))
        self.assertEqual(session.receive(), 0)
        session.send(record(1, b"{}"))
        self.assertEqual(session.receive(), 1)
        daemon.stop()

    def test_a_new_window_ends_one_that_is_not_complete(self):
        daemon = self.daemon()
        session = self.session(daemon)
        session.send(window(5) + record(1, b"{}") + record(2, b"{}") + batch([b"{}"] * 3))
        self.assertEqual([session.receive(), session.receive()], [2, 3])
        daemon.stop()

    def test_a_client_that_shuts_down_gets_all_answers(self):
        daemon = self.daemon()
        session = self.session(daemon)
        session.send(batch([b"{}"] * 3000) * 5)
        session.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(session.rest(), [3000] * 5)
        daemon.stop()

    def test_clients_that_vanish_or_stop_in_compressed_data(self):
        daemon = self.daemon()
        data = batch([os.urandom(500).hex().encode()] * 100)
        silent = []
        for n in range(280):  # more than may be in the midst of compressed data at a time
            session = self.session(daemon)
            session.send(data[: 7 + n * (len(data) - 8) // 280])
            silent.append(session)
        for session in silent[:140]:
            session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            session.close()
        other = self.session(daemon)
        other.deliver([b"{}"])
        daemon.stop()
        for session in silent[140:]:
            session.close()

    def test_silent_clients_do_not_keep_others_from_decompressing_for_ever(self):
        daemon = self.daemon()
        data = batch([b"{}"] * 10)
        silent = [self.session(daemon) for _ in range(262)]
        for session in silent:
            session.send(data[:-3])
        other = self.session(daemon)
        other.deliver([b"{}"])
        daemon.wait_said("its compressed data was not finished, and others wait")
        self.assertGreaterEqual(daemon.stop()["connections_unfinished"], 7)

    def test_at_a_stop_all_that_is_stored_is_acknowledged(self):
        daemon = self.daemon()
        sender = Sender(lambda n: b'{"n":%d}' % n, lambda: daemon.tcp[0])
        thread = self.in_thread(sender.run)
        wait_until(lambda: sender.acknowledged > 1000, "messages are acknowledged")
        sender.stop.set()  # ends once it has reached the daemon again
        daemon.stop()
        base = daemon.base
        daemon = self.daemon(dir=base)
        thread.finish()
        daemon.stop()
        numbers = [json.loads(line)["n"] for line in read_lines(base)]
        self.assertEqual(sorted(set(numbers)), list(range(len(sender.sent))))

    def test_not_over_udp(self):
        daemon = self.daemon("--protocol", "lumberjack")
        for data in (batch([b"{}"]), b"2W\1\0\0\0", b"2C\1\0\0\0abc", b"1W\0\0\0\1"):
            daemon.datagrams(data)
        daemon.wait_said("Lumberjack .Beats.; give the listener the protocol auto or lumberjack, over TCP")
        self.assertEqual(len(wait_until(lambda: (f := rejects(daemon.base)) and len(f) == 4 and f, "all")), 4)
        daemon.stop()


class LumberjackDisk(Case):
    """Disks that fail."""

    def test_on_a_full_disk_windows_are_kept_alive_and_acknowledged_when_there_is_room(self):
        disk = small_disk(self, 4 << 20)
        base = os.path.join(disk, "logs")
        daemon = self.daemon(dir=base)
        ballast = os.path.join(disk, "ballast")
        sender = Sender(lambda n: json.dumps({"n": n, "x": os.urandom(300).hex()}).encode(), lambda: daemon.tcp[0])
        thread = self.in_thread(sender.run)
        wait_until(lambda: sender.acknowledged > 100, "it begins")
        for size in (65536, 512):
            with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))
        daemon.wait_said("no space left|No space left")

        def stands_still():
            """Whether no answer says more for longer than the 3 s from one keep-alive to the next.  The
            first one after the failure may say more: that the first records of a window are stored."""
            before = sender.acknowledged
            time.sleep(4)
            return sender.acknowledged == before

        wait_until(stands_still, "nothing more is acknowledged")
        self.assertEqual(sender.sessions, 1, "keep-alives keep it")
        before = sender.acknowledged
        stored = {json.loads(line)["n"] for line in read_lines(base)}
        self.assertEqual([n for n in range(before) if n not in stored], [], "acknowledged, but not stored")
        os.remove(ballast)
        wait_until(lambda: sender.acknowledged > before + 100, "it continues")
        sender.stop.set()
        thread.finish()
        daemon.stop()
        numbers = [json.loads(line)["n"] for line in read_lines(base)]
        self.assertEqual(sorted(numbers), list(range(len(sender.sent))))


class LumberjackTls(TlsCase):
    """The same inside TLS."""

    def test_windows(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            path = os.path.join(self.directory(), "logport.json")
            with open(path, "w") as file:
                json.dump({"tcp": [{"address": "127.0.0.1:0", "tls": self.tls_keys()}]}, file)
            daemon = self.daemon("--config", path, tcp=(), udp=())
            context = ssl.create_default_context(cafile=self.path("ca.pem"))
            context.minimum_version = context.maximum_version = version
            session = Session(daemon.tcp[0], lambda raw: context.wrap_socket(
                raw, server_hostname="localhost", suppress_ragged_eofs=False))
            sent = [log_line(self.rng, n=n) for n in range(6000)]
            for at in range(0, len(sent), 1500):
                session.deliver(sent[at : at + 1500], pack=at % 2000 == 0)
            self.assert_lines(read_lines(daemon.base), sent)
            session.send(batch([b"{}"]))
            socket.socket.shutdown(session.socket, socket.SHUT_WR)
            self.assertEqual(session.receive(), 1)
            self.assertEqual(session.socket.recv(1), b"", "a close_notify follows the last answer")
            session.close()
            counters = daemon.stop()
            self.assertEqual((counters["stored"], counters["acknowledged"]), (6001, 6001))


class LumberjackKills(Case):
    """kill -9 under load: LOGPORT_TEST_SCALE=4000 is 200 of them."""

    def test_no_acknowledged_record_is_missing_and_only_unacknowledged_ones_are_stored_twice(self):
        kill_under_load(self, "record", lambda sender: sender.acknowledged,
                        lambda address: [Sender(numbered(number), address, pack=number != 1) for number in range(3)])


if __name__ == "__main__":
    main()
