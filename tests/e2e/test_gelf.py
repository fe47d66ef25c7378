"""test_gelf.py - messages of GELF over UDP: chunks in any order, repeated or missing, zlib and gzip, and hostile
floods of both.  Real clients: test_clients.py."""

import gzip
import json
import os
import socket
import time
import unittest
import zlib

from harness import Case, log_line, logport, main, program, rejects, run, scaled, status, wait_until

HAVE_ZLIB = ", zlib" in run(program("logportd") + ["--version"]).out.decode()
needs_zlib = unittest.skipUnless(HAVE_ZLIB, "built without zlib")


def chunks(message, size, identity):
    parts = [message[i : i + size] for i in range(0, len(message), size)] or [b""]
    return [b"\x1e\x0f" + identity + bytes((n, len(parts))) + part for n, part in enumerate(parts)]


def settled(test, daemon, stored, rejected, timeout=None):
    """Waits for these counts, then stops the daemon; returns its counters."""

    def enough():
        counters = status(daemon)
        return counters["stored"] >= stored and sum(counters["reasons"].values()) >= rejected

    wait_until(enough, "%d stored and %d rejected records" % (stored, rejected), timeout)
    counters = daemon.stop()
    test.assertEqual((counters["stored"], sum(counters["reasons"].values())), (stored, rejected))
    test.assertEqual(counters["received"], stored + rejected)
    return counters


class Gelf(Case):
    def identity(self):
        return self.rng.randbytes(8)

    def paced(self, daemon, datagrams, together=64):
        """Few enough at a time for the smallest socket buffer."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for n, datagram in enumerate(datagrams):
                sender.sendto(datagram, daemon.udp[0][:2])
                if n % together == together - 1:
                    time.sleep(0.005)


class Chunks(Gelf):
    def test_chunks_in_any_order_repeated_and_mixed_become_the_messages_that_were_sent(self):
        daemon, sent, datagrams = self.daemon(), [], []
        for n, count in enumerate((1, 2, 3, 7, 127, 128, 20, 2)):
            message = json.dumps({"n": n, "short_message": "ü}{\n" * (n + 1), "full": "x" * (count * 50 - 60 if count > 2 else 9)}).encode()
            size = -(-len(message) // count)
            parts = chunks(message, size, self.identity())
            datagrams += parts
            if len(parts) > 1:
                datagrams += self.rng.sample(parts, len(parts) // 2)
            sent.append(message)
        self.rng.shuffle(datagrams)
        self.paced(daemon, datagrams)
        found = daemon.wait_stored(len(sent))
        self.assertEqual(sorted(found), sorted(sent))
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["rejected"]), (len(sent), 0))
        self.assertEqual(counters["gelf_chunks"], len(datagrams))

    def test_chunks_of_many_sockets_of_one_host_are_one_message(self):
        daemon, message = self.daemon(), json.dumps({"text": "y" * 5000}).encode()
        for part in chunks(message, 500, self.identity()):
            daemon.datagrams(part)
        self.assertEqual(daemon.wait_stored(1), [message])

    def test_a_message_with_a_missing_chunk_is_one_rejected_record_after_5_s(self):
        daemon = self.daemon()
        begun = time.monotonic()
        parts = chunks(json.dumps({"lost": "z" * 900}).encode(), 100, self.identity())
        daemon.datagrams(*parts[:4], *parts[5:])
        wait_until(lambda: status(daemon)["reasons"], "a rejected record", 30)
        self.assertGreater(time.monotonic() - begun, 4.9)
        daemon.datagrams(parts[4])  # too late: part of the message that was counted
        daemon.datagrams(b'{"after":1}')
        daemon.wait_stored(1)
        counters = daemon.stop()
        self.assertEqual(counters["reasons"], {"gelf_incomplete": 1})
        self.assertEqual((counters["received"], counters["gelf_chunks_ignored"]), (2, 1))
        (reject,) = rejects(daemon.base)
        self.assertEqual(reject["bytes"], 900 + len('{"lost": ""}') - 100)

    def test_what_is_unfinished_at_a_stop_is_counted(self):
        daemon = self.daemon()
        daemon.datagrams(chunks(b"x" * 100, 50, self.identity())[0])
        wait_until(lambda: status(daemon)["gelf_chunks"], "a chunk")
        self.assertEqual(daemon.stop()["reasons"], {"gelf_incomplete": 1})

    def test_invalid_headers_are_rejected_one_by_one(self):
        daemon, identity = self.daemon(), self.identity()
        bad = [
            b"\x1e\x0f",
            b"\x1e\x0f" + identity + b"\0",
            b"\x1e\x0f" + identity + b"\0\0{}",
            b"\x1e\x0f" + identity + b"\x02\x02{}",
            b"\x1e\x0f" + identity + b"\x00\x81{}",
            b"\x1e\x0f" + identity + b"\xff\xff{}",
        ]
        daemon.datagrams(*bad, b'{"fine":1}')
        counters = settled(self, daemon, 1, len(bad))
        self.assertEqual(counters["reasons"], {"gelf_chunk": len(bad)})

    def test_the_reader_knows_the_time_level_and_message_of_gelf(self):
        daemon = self.daemon()
        both = {"version": "1.1", "host": "h", "short_message": "short", "full_message": "full\ntext", "timestamp": 1385053862.3072, "level": 3}
        only = {"version": "1.1", "host": "h", "full_message": "full", "timestamp": 1385053863, "level": 4}
        daemon.datagrams(*chunks(json.dumps(both).encode(), 60, self.identity()), *chunks(json.dumps(only).encode(), 60, self.identity()))
        daemon.wait_stored(2)
        found = logport("cat", "--fields", "@time,@level,@message", daemon.base).lines
        self.assertEqual(
            sorted(found),
            [
                b'{"@time":"2013-11-21T17:11:02.3072Z","@level":"error","@message":"short"}',
                b'{"@time":"2013-11-21T17:11:03.000Z","@level":"warn","@message":"full"}',
            ],
        )
        self.assertEqual(len(logport("search", "--level", "error", "full", daemon.base).lines), 1)

    def test_plain_datagrams_and_tcp_with_nul_are_gelf_too(self):
        daemon = self.daemon()
        records = [log_line(self.rng, n=n, version="1.1", level=3) for n in range(50)]
        self.paced(daemon, records[:25])
        daemon.send(b"".join(record + b"\0" for record in records[25:]))
        self.assertEqual(sorted(daemon.wait_stored(50)), sorted(records))


@needs_zlib
class Compressed(Gelf):
    def test_zlib_and_gzip_of_all_levels_and_windows_with_and_without_chunks(self):
        daemon, sent, datagrams = self.daemon(), [], []
        for n in range(120):
            message = log_line(self.rng, n=n, more="text " * self.rng.randrange(300))
            sent.append(message)
            if n % 3 == 0:
                data = gzip.compress(message, n % 10)
            else:
                packer = zlib.compressobj(n % 10, zlib.DEFLATED, 9 + n % 7)
                data = packer.compress(message) + packer.flush()
            parts = chunks(data, self.rng.choice((40, 100, 1400)), self.identity())
            datagrams += parts if len(parts) <= 128 and n % 2 else [data]
        self.paced(daemon, datagrams)
        self.assertEqual(sorted(daemon.wait_stored(len(sent))), sorted(sent))
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_long_strings_are_no_bombs(self):
        daemon = self.daemon("--receive-bytes", "4MiB")
        sent = [json.dumps({"n": n, "long": character * size}).encode() for n, (character, size) in
                enumerate((("x", 100 << 10), ("y", 250 << 10), ("\\}{", 30_000)))]
        sent.append(json.dumps({"trace": [log_line(self.rng, n=n).decode() for n in range(3000)]}).encode()[: 1 << 20])
        for message in sent:
            self.paced(daemon, chunks(zlib.compress(message), 8192, self.identity()), 8)
        self.assertEqual(sorted(daemon.wait_stored(len(sent))), sorted(sent))

    def test_lines_in_a_message_become_one_record_or_records_as_in_any_datagram(self):
        daemon = self.daemon()
        daemon.datagrams(zlib.compress(b'{"a":\n1}'), gzip.compress(b'{"b":2}\n{"c":3}\n'), zlib.compress(b'{"d":4}\0'))
        self.assertEqual(sorted(daemon.wait_stored(4)), [b'{"a": 1}', b'{"b":2}', b'{"c":3}', b'{"d":4}'])

    def test_damaged_data_and_bombs_are_counted_and_nothing_of_them_is_stored(self):
        daemon = self.daemon()
        good = zlib.compress(log_line(self.rng, n=1))
        damaged = [good[:-1], good[:5], good + b"x", good[:-1] + bytes([good[-1] ^ 1]), b"\x1f\x8b", b"\x78\x9c",
                   gzip.compress(b"{}")[:-8] + b"\0" * 8]
        bomb = zlib.compress(b'{"a":"' + b"\0" * (4 << 20) + b'"}', 9)  # 1000 times its size
        large = zlib.compress(b'{"a":"' + self.rng.randbytes(6000).hex().encode() * 100 + b'"}', 9)  # 1.2 MB
        self.paced(daemon, damaged)
        self.paced(daemon, chunks(bomb, 1400, self.identity()) + chunks(large, 8000, self.identity()), 8)
        daemon.datagrams(b"x^2 is text", b"HKEY", good)
        counters = settled(self, daemon, 1, len(damaged) + 4)
        self.assertEqual(counters["reasons"], {"inflate": len(damaged), "expansion": 1, "oversized": 1, "not_object": 2})

    def test_a_compressed_connection_is_still_refused(self):
        daemon = self.daemon()
        daemon.send(gzip.compress(b'{"a":1}\n'))
        daemon.wait_said("compressed data")
        self.assertEqual(daemon.stop()["reasons"], {"compressed": 1})


class Floods(Gelf):
    def under_flood(self, flood, per_turn, turns):
        """Sends the flood in turns; between them another client sends records, whose times are measured."""
        daemon = self.daemon("--flush-ms", "20")
        plan = int(float(daemon.wait_said("at most [0-9.]+ MiB").split("at most ")[1].split()[0]) * 1024)
        other, sent, slowest = daemon.connect(), [], 0
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        for turn in range(turns):
            for _ in range(per_turn):
                sender.sendto(flood(), daemon.udp[0][:2])
            sent.append(log_line(self.rng, n=turn))
            other.sendall(sent[-1] + b"\n")
            if turn % 20 == 19:
                begun = time.monotonic()
                wait_until(lambda: status(daemon)["stored"] >= len(sent), "the other client's records")
                slowest = max(slowest, time.monotonic() - begun)
        found = daemon.wait_stored(len(sent))
        self.assertEqual([line for line in found if line in set(sent)], sent)
        self.assertLess(daemon.memory_kib("VmHWM" if os.name == "posix" else "VmRSS"), plan)
        return daemon, len(sent), slowest

    def test_half_messages_stay_within_memory_and_each_is_counted(self):
        body = b"\0\x02" + b"x" * 200
        daemon, stored, slowest = self.under_flood(lambda: b"\x1e\x0f" + self.identity() + body, scaled(10_000, 500), 100)
        counters = daemon.stop()
        # What the kernel dropped never arrived.
        halves = counters["gelf_chunks"]
        self.assertGreater(halves, 1000)
        self.assertEqual(counters["gelf_chunks"], counters["datagrams"])
        self.assertEqual(sum(counters["reasons"].values()), halves)
        self.assertLessEqual(set(counters["reasons"]), {"gelf_memory", "gelf_incomplete"})
        self.assertEqual(counters["received"], stored + halves)
        self.assertLess(slowest, 10)

    @needs_zlib
    def test_bombs_do_not_delay_other_clients(self):
        bomb = zlib.compress(b"{" + b" " * (60 << 20), 9)[:60_000]
        daemon, stored, slowest = self.under_flood(lambda: bomb, scaled(40, 5), 100)
        counters = daemon.stop()
        self.assertEqual(sum(counters["reasons"].values()), counters["datagrams"])
        self.assertEqual(counters["received"], stored + counters["datagrams"])
        self.assertLess(slowest, 10)


if __name__ == "__main__":
    main()
