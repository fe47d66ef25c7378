"""test_hostile.py - hostile senders of every kind: what they send is counted, memory stays within the plan that the
daemon prints, and other clients lose nothing and wait no longer.

A witness sends a record every 5 ms over a connection of its own and measures when `logport tail -f` prints it.
LOGPORT_HOSTILE=10 makes every attack ten times as large; then 10,000 connections send a byte a second."""

import collections
import contextlib
import gzip
import json
import os
import re
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import unittest
import zlib

from framing_model import FRAMINGS, Event, expected, expected_cut
from harness import (
    SANITIZED,
    Case,
    environment,
    identity,
    logportd,
    main,
    program,
    raise_open_files,
    rejects,
    scaled,
    start,
    status,
    wait_until,
)
from test_bad_input import kept
from test_tls import HAS_TLS, OPENSSL, TlsCase, hello

LARGER = int(os.environ.get("LOGPORT_HOSTILE", "1"))
HAVE_ZLIB = b", zlib" in logportd("--version").out
# Loose, because test machines are shared: a client that waits for an attack to end waits much longer.
LATENCY_MAX_S = 5
MEMORY_OF_PROGRAM_KIB = 24 << 10  # besides the plan: code, threads, OpenSSL
REFUSED = (
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3", b"\0\0\1\x0a\x80\4\x95", b"\xac\xed\0\5sr\0", b'<?xml version="1.0"?><a>', b"\x92\xd7\0_",
    b'{"a":1}__LOG4JS__', b"\xff\xfe{\0", b"\0{\0\"", b"1 open x\n", b"2W\0\0\0\1", b"\x28\xb5\x2f\xfd\0", b"\x1f\x8b\x08\0",
    b"1000000000000000000 {",
)


class Witness:
    """A well-behaved client: its records, how long each took to be visible, and the daemon's memory meanwhile."""

    def __init__(self, test, daemon, connection, stream):
        self.daemon, self.connection, self.stream = daemon, connection, stream
        self.sent, self.seen = {}, {}
        command = program("logport") + ["tail", "-f", "--where", "witness >= 0", "--stream", stream, daemon.base]
        self.tail = start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
        test.addCleanup(self.end_tail)
        self.over, self.memory = threading.Event(), 0
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.send, self.watch)]
        for thread in self.threads:
            thread.start()

    def send(self):
        while not self.over.is_set():
            n = len(self.sent)
            self.sent[n] = time.monotonic()
            self.connection.sendall(b'{"witness":%d}\n' % n)
            if n % 10 == 0:
                self.memory = max(self.memory, self.daemon.memory_kib())
            time.sleep(0.005)

    def watch(self):
        for line in self.tail.stdout:
            self.seen.setdefault(json.loads(line)["witness"], time.monotonic())

    def end_tail(self):
        self.over.set()
        self.tail.kill()
        self.tail.wait()
        self.threads[1].join(10)
        self.tail.stdout.close()

    def finish(self, test, what):
        """All of its records have arrived once and in time."""
        self.over.set()
        self.threads[0].join()
        self.connection.close()
        wait_until(lambda: len(self.seen) == len(self.sent), "the witness has seen its records", 60)
        waited = sorted(self.seen[n] - self.sent[n] for n in self.sent)
        p50, p99 = statistics.median(waited), waited[len(waited) * 99 // 100]
        print("\n  %s: %d records of a witness visible after p50 %.3f s, p99 %.3f s; memory at most %.1f MiB"
              % (what, len(waited), p50, p99, self.memory / 1024), file=sys.stderr)
        test.assertLess(p99, LATENCY_MAX_S)
        test.witnesses += len(self.sent)


class Attacked(Case):
    def setUp(self):
        super().setUp()
        self.witnesses, self.opened = 0, 0

    def attacked(self, *words, witness=None, stream="main", **options):
        """A daemon and a witness of it; witness: opens its connection; stream: of its records."""
        daemon = self.daemon(*words, **options)
        plan = float(re.search(r"at most ([0-9.]+) MiB", daemon.wait_said("memory: at most")).group(1))
        self.memory_max_kib = plan * 1024 + MEMORY_OF_PROGRAM_KIB
        self.opened += 1
        return daemon, Witness(self, daemon, witness(daemon) if witness else daemon.connect(), stream)

    def finished(self, daemon, witness, what):
        """Ends both; the counters agree with each other and with what is stored.  Returns the counters and the
        stored records of others."""
        witness.finish(self, what)
        wait_until(lambda: self.all_ended(status(daemon)), "all connections have been accepted and have ended", 60)
        if not SANITIZED:
            self.assertLess(daemon.memory_kib("VmHWM"), self.memory_max_kib)
        counters = daemon.stop(120)
        identity(counters)
        self.assertEqual(counters["in_flight"], 0)
        lost = counters["dropped"].get("quarantine_full", 0)
        self.assertEqual(sum(counters["reasons"].values()), counters["rejected"] + lost)
        self.assertLessEqual(set(counters["dropped"]), {"quarantine_full"})
        stored = daemon.lines_stored(witness.stream)
        self.assertEqual(len(stored), counters["streams"][witness.stream]["stored"])
        mine = [line for line in stored if line.startswith(b'{"witness":')]
        self.assert_lines(mine, [b'{"witness":%d}' % n for n in range(self.witnesses)], "the witness' records")
        return counters, [line for line in stored if not line.startswith(b'{"witness":')]

    def all_ended(self, counters):
        return counters["connections"] == 0 and counters["connections_accepted"] >= self.opened

    def connect_from(self, daemon, n):
        """From one of many addresses of this host."""
        connection = socket.socket()
        connection.bind(("127.0.%d.%d" % (n // 200 % 200, 1 + n % 200), 0))
        connection.connect(daemon.tcp[0][:2])
        self.opened += 1
        return connection

    def give(self, daemon, data, reset=False):
        """Sends it over a connection of its own, cut at random places.  False: the daemon has closed it."""
        connection = self.connect_from(daemon, self.rng.randrange(20_000))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.closing(connection):
            try:
                at = 0
                while at < len(data):
                    size = self.rng.choice((1, 2, 7, 100, 1000, len(data)))
                    connection.sendall(data[at : at + size])
                    at += size
                    if self.rng.random() < 0.02:
                        time.sleep(0.001)
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                return False
        return True

    def session(self, clean=False):
        framing = self.rng.choice(FRAMINGS)
        events = framing.events(self.rng, self.rng.randrange(1, 9), clean)
        return framing, events, framing.session(events, self.rng)

    def gelf_datagrams(self, record):
        """The record as a compressed message of GELF in chunks, some of which are changed, doubled or missing."""
        packed, size = self.rng.choice((zlib.compress, gzip.compress))(record), self.rng.randrange(1, 60)
        parts = [packed[i : i + size] for i in range(0, len(packed), size)][:128]
        identity = self.rng.randbytes(8)
        datagrams = [b"\x1e\x0f" + identity + bytes((n, len(parts))) + part for n, part in enumerate(parts)]
        if self.rng.random() < 0.5:
            at = self.rng.randrange(len(datagrams))
            datagrams[at:at] = [self.mutated(datagrams[at])]
        if self.rng.random() < 0.3:
            self.rng.shuffle(datagrams)
        return datagrams

    def mutated(self, data):
        data = bytearray(data)
        for _ in range(self.rng.randrange(1, 6)):
            at = self.rng.randrange(len(data) + 1)
            kind = self.rng.randrange(5)
            if kind == 0 and at < len(data):
                data[at] ^= 1 << self.rng.randrange(8)
            elif kind == 1:
                del data[at : at + self.rng.randrange(1, 20)]
            elif kind == 2:
                data[at:at] = self.rng.choice((b"{", b"}", b'"', b"\\", b"\0", b"\n", b"\x1e", b"<13>", b"7 ", b"[", b"]", b",", b"\xff"))
            elif kind == 3:
                data[at:at] = data[at : at + self.rng.randrange(1, 40)]
            else:
                data[at:at] = self.rng.randbytes(self.rng.randrange(1, 9))
        return bytes(data)


def spaced(data):
    """Without the difference between newlines as they were sent and as they are stored."""
    return data.replace(b"\\n", b" ").replace(b"\n", b" ").replace(b"  ", b" ")


class Sessions(Attacked):
    def test_sessions_cut_off_anywhere_over_tcp_and_udp_are_what_the_model_says(self):
        daemon, witness = self.attacked()
        stored, rejected, bad_sent, datagrams = [], 0, [], 0
        for n in range(scaled(1000) * LARGER):
            framing, events, data = self.session(clean=n % 2 == 0)
            lines, bad = expected(events)
            if n % 2 == 0:
                at = self.rng.randrange(1, len(data) + 1)
                lines, bad = expected_cut(framing, "auto", data, events, at)
                data = data[:at]
            else:
                bad_sent += [event.sent.strip() for event in events if event.stored is None]
            stored += lines
            rejected += bad
            if n % 9 == 8:
                daemon.datagrams(data)
                datagrams += 1
                wait_until(lambda: status(daemon)["datagrams"] == datagrams, "no datagram is lost")
            else:
                self.assertTrue(self.give(daemon, data))
        counters, found = self.finished(daemon, witness, "sessions cut off")
        self.assertEqual(counters["rejected"], rejected)
        self.assertEqual(sorted(found), sorted(stored))
        quarantined = collections.Counter(kept(reject).strip() for reject in rejects(daemon.base))
        self.assertEqual(collections.Counter(bad_sent) - quarantined, collections.Counter())

    def test_the_limit_of_a_record_is_exact_over_sockets(self):
        limit = 64 << 10
        daemon, witness = self.attacked("--line-bytes-max", "64KiB")
        stored, rejected = [], 0
        for framing in FRAMINGS:
            if framing.name == "keep-alives":
                continue  # white space counts
            sizes = [20, limit - 1, limit, limit + 1, limit + 2, 4 * limit, limit]
            events = [Event(b'{"n":"%s"}' % (b"x" * (size - 8)), None) for size in sizes]
            for event in events:
                event.stored = event.sent if len(event.sent) <= limit else None
            self.assertTrue(self.give(daemon, framing.session(events, self.rng)))
            stored += expected(events)[0]
            rejected += expected(events)[1]
        counters, found = self.finished(daemon, witness, "records at the limit")
        self.assertEqual(counters["reasons"], {"oversized": rejected})
        self.assertEqual(sorted(found), sorted(stored))

    def test_of_random_bytes_and_changed_sessions_nothing_is_stored_that_was_not_sent(self):
        daemon, witness = self.attacked()
        sent = []
        for n in range(scaled(3000) * LARGER):
            kind = self.rng.randrange(7)
            if kind == 6 and HAVE_ZLIB:
                sent.append(self.session()[1][0].stored)
                daemon.datagrams(*self.gelf_datagrams(sent[-1]))
                time.sleep(0.001)
                continue
            if kind == 0:
                data = self.rng.randbytes(self.rng.randrange(1, 3000))
            elif kind == 1:
                data = bytes(self.rng.choices(b'{}[]":,\\ \n\0\x1e<>0123456789ab', k=self.rng.randrange(1, 3000)))
            elif kind == 2:
                data = self.rng.choice(REFUSED) + self.session()[2]
            else:
                data = self.mutated(self.session()[2])
            sent.append(data)
            if n % 4 == 3:
                daemon.datagrams(data)
                time.sleep(0.001)
            else:
                self.give(daemon, data, reset=n % 7 == 0)
        counters, found = self.finished(daemon, witness, "changed sessions")
        self.assertGreater(counters["rejected"], len(sent) // 4)
        everything = spaced(b"\0\0".join(sent))
        for line in found:
            self.assertIsInstance(json.loads(line), dict)
            self.assertIn(spaced(line), everything)

    def test_lengths_of_octet_counting_that_no_record_has(self):
        daemon, witness = self.attacked()
        for _ in range(scaled(100) * LARGER):
            for data in (b"1000000000000000000 {", b"99999999999 {}", b"7 {}     07 {}", b"7 {\"a\":1}-1 {}", b"7 {\"a\":1}x"):
                self.give(daemon, data)
            self.give(daemon, b"999999999 {" + b"x" * 100_000)
            self.give(daemon, b"1" * 100_000)
        counters, found = self.finished(daemon, witness, "octet counts")
        self.assertEqual(sorted(found), sorted([b'{"a":1}', b'{"a":1}', b"{}"] * (scaled(100) * LARGER)))
        self.assertEqual(sum(counters["reasons"].values()), 7 * scaled(100) * LARGER)


class Hostile(Attacked):
    def test_connections_that_send_a_byte_now_and_then(self):
        count = min(1000 * LARGER, 10_000)
        raise_open_files(count + 200)
        daemon, witness = self.attacked(open_files=count + 400)
        connections = [self.connect_from(daemon, n) for n in range(count)]
        turns, text = (30 if LARGER > 1 else 5), b'{"slow":"' + b"x" * 100
        for turn in range(turns):
            begun = time.monotonic()
            for connection in connections:
                connection.send(text[turn : turn + 1])
            time.sleep(max(0, (1 if LARGER > 1 else 0.2) - (time.monotonic() - begun)))
        self.assertEqual(status(daemon)["connections"], count + 1)
        for connection in connections:
            connection.close()
        counters, found = self.finished(daemon, witness, "%d slow connections" % count)
        self.assertEqual((counters["reasons"], found), ({"truncated": count}, []))

    def test_connections_that_hold_long_lines_unfinished(self):
        """More than the memory for unfinished lines: the longest give way, and each is counted."""
        count = scaled(60) * LARGER
        daemon, witness = self.attacked()
        connections = [self.connect_from(daemon, n) for n in range(count)]
        for n, connection in enumerate(connections):
            connection.sendall((b"", b"\x1e", b"900000 ")[n % 3] + b'{"long":"' + b"x" * 700_000)
        time.sleep(1)
        for connection in connections:
            connection.close()
        counters, found = self.finished(daemon, witness, "%d unfinished lines of 700 kB" % count)
        self.assertEqual(found, [])
        self.assertEqual(counters["rejected"], count)
        self.assertLessEqual(set(counters["reasons"]), {"truncated", "line_memory"})

    def test_one_sender_flat_out(self):
        """The witness has a stream of its own: otherwise `tail` has to read what the other one sends, too."""
        path = os.path.join(self.directory(), "logportd.json")
        with open(path, "w") as file:
            json.dump({"tcp": ["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "witness"}]}, file)
        daemon, witness = self.attacked("--config", path, tcp=(), udp=(), stream="witness", witness=lambda daemon: daemon.connect(1))
        sent = 0
        for connections in (1, 16):
            self.opened += connections
            load = subprocess.run(program("logport-load") + ["%s:%d" % daemon.tcp[0][:2], "--seconds", str(min(LARGER, 20)),
                                                             "--connections", str(connections)], stdout=subprocess.PIPE, check=True)
            sent += json.loads(load.stdout)["lines"]
        counters, found = self.finished(daemon, witness, "a sender flat out, %d lines" % sent)
        self.assertEqual((found, counters["streams"]["main"]["stored"], counters["rejected"]), ([], sent, 0))

    def test_unfinished_gelf_messages_of_many_sources(self):
        daemon, witness = self.attacked()
        count = scaled(20_000) * LARGER
        senders = []
        for n in range(100):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender.bind(("127.0.1.%d" % (n + 1), 0))
            senders.append(sender)
        body = b"x" * 1400
        for n in range(count):
            chunk = b"\x1e\x0f" + struct.pack(">Q", n) + bytes((n % 128, 128)) + body
            with contextlib.suppress(OSError):
                senders[n % 100].sendto(chunk, daemon.udp[0][:2])
            if n % 100 == 99:
                time.sleep(0.002)
        for sender in senders:
            sender.close()
        wait_until(lambda: status(daemon)["datagrams"] <= sum(status(daemon)["reasons"].values()), "all are counted", 60)
        counters, found = self.finished(daemon, witness, "unfinished GELF messages")
        self.assertEqual(found, [])
        self.assertLessEqual(set(counters["reasons"]), {"gelf_memory", "gelf_incomplete"})
        self.assertEqual(counters["rejected"] + counters["dropped"].get("quarantine_full", 0), counters["datagrams"])

    @unittest.skipUnless(HAVE_ZLIB, "built without zlib")
    def test_compressed_data_that_expands_too_much_or_is_damaged(self):
        daemon, witness = self.attacked()
        bombs = [zlib.compress(b" " * (50 << 20), 9)[:60_000], gzip.compress(b'{"a":"' + b"x" * (30 << 20), 9)[:60_000],
                 zlib.compress(b"{" * 1_500_000, 9)]
        good = [zlib.compress(b'{"good":%d}' % n) for n in range(5)]
        sent = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for n in range(scaled(300) * LARGER):
                data = self.rng.choice(bombs) if n % 3 else self.mutated(self.rng.choice(good))
                if not data.strip(b" \t\r\n\0"):
                    continue  # no record
                sender.sendto(data, daemon.udp[0][:2])
                sent += data in bombs
                if n % 8 == 7:
                    time.sleep(0.02)
        counters, found = self.finished(daemon, witness, "bombs")
        # A changed datagram that is no compressed data any more may be a text of many lines.
        self.assertGreaterEqual(counters["received"], counters["datagrams"] + self.witnesses)
        # What a bomb expands to is longer than a record may be, or than its own size allows.
        refused = counters["reasons"]["expansion"] + counters["reasons"]["oversized"]
        self.assertGreater(counters["reasons"]["expansion"], 0)
        self.assertGreaterEqual(refused + counters["udp_kernel_drops"], sent)
        for line in found:
            self.assertRegex(line, rb"good")


@unittest.skipUnless(OPENSSL and HAS_TLS, "this build has no TLS, or there is no openssl")
class HostileTls(TlsCase, Attacked):
    def attacked_tls(self):
        """The witness uses TLS too."""
        config = self.write_config({"address": "127.0.0.1:0", "tls": self.tls_keys(required=False)})
        return self.attacked("--config", config, tcp=(), udp=(), witness=self.open)

    def test_handshakes_that_stop_anywhere(self):
        raise_open_files(1500 * LARGER + 200)
        daemon, witness = self.attacked_tls()
        whole, held = hello(self.context()), []
        for n in range(700 * LARGER):
            connection = self.connect_from(daemon, n)
            with contextlib.suppress(OSError):
                connection.sendall(whole[: self.rng.choice((len(whole), 6, 100, len(whole) - 1))])
            held.append(connection)
        time.sleep(1)
        for connection in held:
            connection.close()
        counters, found = self.finished(daemon, witness, "%d handshakes that stop" % len(held))
        self.assertEqual((found, counters["rejected"]), ([], 0))

    def test_random_bytes_after_a_hello_and_in_records(self):
        daemon, witness = self.attacked_tls()
        whole = hello(self.context())
        for _ in range(scaled(200) * LARGER):
            data = self.rng.choice((whole + self.rng.randbytes(500), self.mutated(whole), b"\x16\x03\x01" + self.rng.randbytes(600),
                                    whole + b"\x14\x03\x03\0\1\1\x17\x03\x03\0\x20" + bytes(32), whole * 3))
            self.give(daemon, data, reset=self.rng.random() < 0.2)
        counters, found = self.finished(daemon, witness, "random bytes in handshakes")
        self.assertEqual(found, [])


if __name__ == "__main__":
    main()
