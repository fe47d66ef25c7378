"""test_stamp.py - records are stored as sent, with the stamps that were asked for as their last members; no
sender can forge one, and the numbers of a stream follow each other."""

import json
import os
import re
import socket
import time

from harness import (
    Case,
    decode,
    log_line,
    logport,
    logportd,
    main,
    read_lines,
    rejects,
    segments,
)
from test_gelf import chunks
from test_protocols import FRAMINGS
from test_tls import TlsCase

STAMPED = re.compile(
    rb',?"_received":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z)","_peer":"([^"]+)","_listener":"([^"]+)",'
    rb'"_seq":(\d+)}$')


def once(pairs):
    """Refuses names that occur twice: readers disagree about them."""
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), pairs
    return dict(pairs)


class Stamps(Case):
    def taken_off(self, line):
        """The record as it was sent, and its stamps."""
        found = STAMPED.search(line)
        self.assertTrue(found, line)
        stamps = json.loads(line, object_pairs_hook=once)
        self.assertEqual([stamps[name].encode() for name in ("_received", "_peer", "_listener")],
                         list(found.groups()[:3]))
        return line[: found.start()] + b"}", stamps

    def test_in_every_framing_and_over_udp_records_are_stamped_in_the_order_of_a_connection(self):
        daemon = self.daemon("--stamp", "all")
        records = [log_line(self.rng, n=n) for n in range(100)] + [b"{}", b"{ }", b'{"a":{"b":[{}]} }']
        records[3] = json.dumps({"stack": "Error: }{\n\tat x\\y\"[\n" * 40, "ü": "東京"}, ensure_ascii=False).encode()
        records[60] = json.dumps({"long": "\\\"}{" * 25_000}).encode()
        total, before = 0, time.time_ns()
        for name, framed in FRAMINGS.items():
            with self.subTest(name), daemon.connect() as connection:
                peer = "%s:%d" % connection.getsockname()
                connection.sendall(framed(records))
                connection.shutdown(socket.SHUT_WR)
                total += len(records)
                lines = daemon.wait_stored(total)[-len(records) :]
                found = [self.taken_off(line) for line in lines]
                self.assert_lines([record.replace(b"{ }", b"{}") for record, _ in found],
                                  [record.replace(b"{ }", b"{}") for record in records], name)
                self.assertEqual({stamps["_peer"] for _, stamps in found}, {peer})
                self.assertEqual({stamps["_listener"] for _, stamps in found}, {"tcp=%s:%d" % daemon.tcp[0]})
                self.assertEqual([stamps["_seq"] for _, stamps in found],
                                 list(range(total - len(records) + 1, total + 1)))
        daemon.datagrams(b'{"n":1}', *chunks(b'{"n":2,"_seq":5}', 4, b"12345678"))
        lines = daemon.wait_stored(total + 2)[-2:]
        self.assertEqual([self.taken_off(line)[0] for line in lines], [b'{"n":1}', b'{"n":2,"__seq":5}'])
        self.assertIn(b'"_listener":"udp=', lines[0])
        times = [self.taken_off(line)[1]["_received"] for line in read_lines(daemon.base)]
        seconds = [time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 10**9)) for at in (before, time.time_ns())]
        self.assertTrue(seconds[0] <= min(times)[:19] and max(times)[:19] <= seconds[1], times[0])
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_no_sender_can_forge_a_stamp_and_no_value_is_lost(self):
        daemon = self.daemon("--stamp", "received,peer", "--text", "wrap", "--syslog-fields")
        sent = [
            b'{"_peer":"evil"}',
            b'{"_peer":"a","x":1,"_peer":"b"}',
            b'{ "_p\\u0065er" : {"_peer":1} , "_received":"1999-01-01T00:00:00Z","__peer":2}',
            b'<13>app: {"_peer":"evil","_seq":7}',
            b'{"_seq":1,"a":"_peer"}',
            b'{"_peer":"evil"} text',
        ]
        daemon.send(b"".join(line + b"\n" for line in sent))
        lines = daemon.wait_stored(len(sent) - 1)
        daemon.stop()
        pairs = [json.loads(line, object_pairs_hook=list) for line in lines[:5]]
        for line in pairs:
            self.assertEqual(len([name for name, _ in line if name in ("_peer", "_received")]), 2)
            values = dict(line)
            self.assertRegex(values["_peer"], r"^127\.0\.0\.1:\d+$")
            self.assertRegex(values["_received"], r"^20")
            self.assertEqual([name for name, _ in line][-2:], ["_received", "_peer"])
        self.assertTrue(lines[0].startswith(b'{"__peer":"evil","_received":"'))
        self.assertEqual(pairs[1][:3], [("__peer", "a"), ("x", 1), ("__peer", "b")])
        self.assertEqual([name for name, _ in pairs[2]][:3], ["__peer", "__received", "___peer"])
        self.assertEqual([name for name, _ in pairs[3]][:3], ["__peer", "_seq", "_syslog"])
        self.assertTrue(lines[4].startswith(sent[4][:-1]))
        self.assertEqual(len(rejects(daemon.base)), 1)
        self.assertEqual(rejects(daemon.base)[0]["raw"], sent[5].decode())

    def test_schema_and_limit_are_about_what_was_sent(self):
        base = self.directory()
        with open(os.path.join(base, "s.json"), "w") as file:
            json.dump({"properties": {"a": {}, "_seq": {}}, "additionalProperties": False}, file)
        daemon = self.daemon("--stamp", "all", "--schema", os.path.join(base, "s.json"), "--line-bytes-max", "4KiB",
                             "--ijson")
        longest = b'{"a":"' + b"x" * (4096 - 8) + b'"}'
        daemon.send(b"\n".join([longest, longest.replace(b"xx", b"xxx", 1), b'{"a":1,"_peer":1}', b'{"_seq":1}', b""]))
        lines = daemon.wait_stored(2)
        counters = daemon.stop()
        self.assertEqual(counters["reasons"], {"oversized": 1, "schema": 1})
        self.assertEqual([self.taken_off(line)[0] for line in lines], [longest, b'{"__seq":1}'])
        self.assertEqual({record["reason"]: record["bytes"] for record in rejects(daemon.base)},
                         {"oversized": 4097, "schema": 17})

    def test_numbers_follow_each_other_in_each_stream_over_batches_reloads_and_rotations(self):
        base = self.directory()
        path = os.path.join(base, "c.json")

        def write(*listeners):
            with open(path, "w") as file:
                json.dump({"tcp": list(listeners), "stamp": ["seq"], "segment_bytes_max": "1MiB"}, file)

        write({"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0", "stream": "second"},
              {"address": "127.0.0.1:0", "stamp": "none"})
        daemon = self.daemon("--config", path, tcp=(), udp=())

        def send(connection):
            daemon.send(b"".join(b'{"c":%d,"n":%d}\n' % (connection, n) + b"bad\n" * (n % 50 == 0) + b"\n" * (n % 7 == 0)
                                 for n in range(20_000)), listener=connection % 2)

        threads = [self.in_thread(send, connection) for connection in range(6)]
        for _ in range(3):
            self.assertEqual(logport("reload", daemon.base).code, 0)
        for thread in threads:
            thread.finish()
        daemon.send(b'{"n":0}\n', listener=2)
        daemon.wait_stored(60_001)
        daemon.wait_stored(60_000, stream="second")
        daemon.stop()
        for stream in ("main", "second"):
            records = [json.loads(line) for line in read_lines(daemon.base, stream)]
            numbered = [record for record in records if "c" in record]
            self.assertEqual([record["_seq"] for record in numbered], list(range(1, 60_001)))
            for connection in {record["c"] for record in numbered}:
                self.assertEqual([r["n"] for r in numbered if r["c"] == connection], list(range(20_000)))
            self.assertEqual([r for r in records if "c" not in r], [{"n": 0}] if stream == "main" else [])
        self.assertGreater(len(segments(daemon.base)), 1)
        again = self.daemon("--stamp", "seq", dir=daemon.base)
        again.send(b'{"n":1}\n')
        self.assertEqual(again.wait_stored(60_002)[-1], b'{"n":1,"_seq":1}')
        again.stop()

    def test_segments_of_records_that_grow_stay_within_their_limit(self):
        for limit in ("1KiB", "5000", "24KiB"):
            daemon = self.daemon("--stamp", "all", "--text", "wrap", "--syslog-fields", "--segment-bytes-max", limit)
            daemon.send(b"x\n<1>x\n<1>{}\n\x01\x02\n" * 60 + b'{"_seq":1}\n' * 100 + b"<9>" + b"y" * 6000)
            daemon.wait_stored(341)
            daemon.stop()
            most = {"1KiB": 1024, "5000": 5000, "24KiB": 24 << 10}[limit]
            for path in segments(daemon.base):
                data = decode(path)
                self.assertTrue(len(data) <= most or data.count(b"\n") == 1, (limit, len(data)))

    def test_readers_filter_stamped_records_and_stamps_of_two_daemons_are_both_kept(self):
        daemon = self.daemon("--stamp", "all", "--time-keys", "+_received")
        daemon.send(b'{"level":"error","n":1,"time":"2020-01-01T00:00:00Z"}\n{"level":"info","n":2}\n')
        lines = daemon.wait_stored(2)
        daemon.stop()
        stamps = self.taken_off(lines[0])[1]

        def found(*words):
            result = logport("search", "-c", "", *words, daemon.base)
            self.assertIn(result.code, (0, 1), result.said)
            return int(result.out)

        self.assertEqual(found("--level", "error"), 1)
        self.assertEqual(found("--where", "_seq=2"), 1)
        self.assertEqual(found("--where", f"_peer={stamps['_peer']}"), 2)
        self.assertEqual(found("--time-keys", "+_received", "--since", stamps["_received"]), 2)
        self.assertEqual(found("--time-keys", "+_received", "--until", "2021-01-01"), 0)
        self.assertEqual(found("--time-keys", "time", "--until", "2021-01-01"), 1)
        self.assertEqual(logport("verify", daemon.base).code, 0)
        target = self.daemon("--stamp", "all")
        self.assertEqual(logport("send", "%s:%d" % target.tcp[0], stdin=b"\n".join(lines)).code, 0)
        twice = target.wait_stored(2)
        target.stop()
        for before, after in zip(lines, twice):
            record = self.taken_off(after)[0]
            self.assertEqual(record, re.sub(rb'"(_(?:received|peer|listener|seq)":)', rb'"_\1', before))

    def test_a_rejected_record_is_stamped_when_it_is_replayed(self):
        base = self.directory()
        schema = os.path.join(base, "s.json")
        with open(schema, "w") as file:
            file.write('{"required": ["b"]}')
        daemon = self.daemon("--stamp", "seq,peer", "--schema", schema)
        daemon.send(b'{"a":1}\n{"b":1}\n{"a":2}\n')
        daemon.wait_stored(1)
        with open(schema, "w") as file:
            file.write("{}")
        self.assertEqual(logport("reload", daemon.base).code, 0)
        self.assertEqual(logport("replay", daemon.base).code, 0)
        lines = daemon.wait_stored(3)
        daemon.stop()
        self.assertEqual([record["raw"] for record in rejects(daemon.base)], ['{"a":1}', '{"a":2}'])
        self.assertEqual([json.loads(line)["_seq"] for line in lines], [1, 2, 3])
        self.assertTrue(lines[1].startswith(b'{"a":1,"_peer":"127.0.0.1:'), lines)

    def test_a_wrong_setting_is_named_with_what_was_expected(self):
        result = logportd("--check", "--stamp", "seq,host")
        self.assertEqual(result.code, 2)
        self.assertIn("received, peer, listener and seq", result.said)
        path = os.path.join(self.directory(), "c.json")
        for text, good in (('["seq","peer"]', True), ('"all"', True), ("[]", True), ('["seq,peer"]', False), ("7", False)):
            with open(path, "w") as file:
                file.write('{"stamp": %s, "tcp": {"address": "127.0.0.1:0", "stamp": %s}}' % (text, text))
            self.assertEqual(logportd("--check", "--config", path).code, 0 if good else 2, text)


class StampsOfTls(TlsCase):
    def test_the_peer_has_the_name_of_its_certificate(self):
        self.make("a", "DNS:shop-1.example.org")
        listener = {"address": "127.0.0.1:0", "tls": self.tls_keys(clients=self.path("ca.pem")), "stamp": ["peer"]}
        daemon = self.daemon("--config", self.write_config(listener), tcp=(), udp=())
        connection = self.open(daemon, self.context(client="a"))
        connection.sendall(b'{"n":1}\n')
        line = daemon.wait_stored(1)[0]
        peer = "shop-1.example.org (%s:%d)" % connection.getsockname()
        self.assertEqual(line, b'{"n":1,"_peer":"%s"}' % peer.encode())
        daemon.stop()


if __name__ == "__main__":
    main()
