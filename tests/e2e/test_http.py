"""test_http.py - HTTP: what is posted, what is answered, and what is refused."""

import contextlib
import gzip
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import unittest
import zlib

from harness import Case, identity, log_line, logport, main, read_lines, rejects, small_disk, status, wait_until
from http_client import Closed, Connection, chunked, http_address, request
from test_tls import TlsCase

LINES = "application/x-ndjson"
JSON = "application/json"


class HttpCase(Case):
    def http(self, *words, listener="127.0.0.1:0", **options):
        options.setdefault("tcp", ())
        options.setdefault("udp", ())
        return self.daemon("--http", listener, *words, **options)

    def connect(self, daemon, listener=0, **options):
        connection = Connection(http_address(daemon, listener), **options)
        self.addCleanup(connection.close)
        return connection

    def configured(self, **listener):
        """A daemon whose only listener is this object."""
        path = os.path.join(self.directory(), "logportd.json")
        with open(path, "w") as file:
            json.dump({"http": {"address": "127.0.0.1:0", **listener}}, file)
        return self.daemon("--config", path, tcp=(), udp=())


class Http(HttpCase):
    """Bodies, answers, and connections."""

    def test_lines_are_stored_as_they_are(self):
        daemon = self.http()
        connection = self.connect(daemon)
        sent = [log_line(self.rng, n=n) for n in range(2000)]
        for at in range(0, 2000, 500):
            answer = connection.ask(request(b"\n".join(sent[at : at + 500]), Content_Type=LINES))
            self.assertEqual((answer.status, answer.json), (200, {"stored": 500, "rejected": 0}))
            self.assertEqual(len(read_lines(daemon.base)), at + 500, "the answer comes when they are stored")
        self.assert_lines(read_lines(daemon.base), sent)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["http_requests"]), (2000, 4))

    def test_objects_and_arrays(self):
        daemon = self.http()
        connection = self.connect(daemon)
        for body, kind, stored in (
            (b'{"a":1}', JSON, [b'{"a":1}']),
            (b'[{"a":2},\n {"b":[{}]}]', JSON, [b'{"a":2}', b'{"b":[{}]}']),
            (b'{"a":3}{"a":4}\n{"a":5}', JSON, [b'{"a":3}', b'{"a":4}', b'{"a":5}']),
            (b'{\n  "a": 6\n}\n', "text/plain", [b'{   "a": 6 }']),
            (b'{"a":7}\n{"a":8}', None, [b'{"a":7}', b'{"a":8}']),
            (b'[{"a":9}]', None, [b'{"a":9}']),
            (b" \n", None, []),
            (b"", JSON, []),
            (b"[]", JSON, []),
        ):
            before = len(read_lines(daemon.base))
            answer = connection.ask(request(body, **({"Content_Type": kind} if kind else {})))
            self.assertEqual((answer.status, answer.json), (200, {"stored": len(stored), "rejected": 0}), body)
            self.assertEqual(read_lines(daemon.base)[before:], stored)
        daemon.stop()

    def test_the_first_record_that_was_rejected_is_named(self):
        daemon = self.http()
        connection = self.connect(daemon)
        answer = connection.ask(request(b'{"a":1}\n\n{"b":}\n{"c":3}\nx', Content_Type=LINES))
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json, {
            "error": "records were rejected", "stored": 2, "rejected": 2,
            "first_rejected": {"record": 3, "offset": 5, "reason": "unexpected"}})
        answer = connection.ask(request(b'[{"a":1},{"b":tru},{"c":3}]', Content_Type=JSON))
        self.assertEqual((answer.json["stored"], answer.json["first_rejected"]["record"]), (2, 2))
        self.assertEqual([r["raw"] for r in rejects(daemon.base)], ['{"b":}', "x", '{"b":tru}'])
        self.assertEqual(connection.ask(request(b"{}")).status, 200, "the connection continues")
        daemon.stop()

    def test_the_line_of_a_fault_is_counted_over_batches(self):
        daemon = self.http()
        connection = self.connect(daemon)
        sent = [b'{"n":%d,"x":"%s"}' % (n, b"x" * 200) for n in range(20000)]
        sent[15000] = b"nothing"
        answer = connection.ask(request(b"\n".join(sent), Content_Type=LINES))
        self.assertEqual((answer.json["stored"], answer.json["rejected"]), (19999, 1))
        self.assertEqual(answer.json["first_rejected"]["record"], 15001)
        daemon.stop()

    def test_chunked(self):
        daemon = self.http()
        connection = self.connect(daemon)
        sent = [log_line(self.rng, n=n) for n in range(300)]
        body = b"\n".join(sent)
        for sizes in ((7,), (5000, 1, 3), (100000,)):
            data = chunked(body, sizes, extension=b';a="b c"' if sizes[0] > 7 else b"", trailer=b"X-Sum: 1\r\n")
            answer = connection.ask(request(length=False, Transfer_Encoding="chunked", Content_Type=LINES) + data)
            self.assertEqual(answer.json, {"stored": 300, "rejected": 0})
        self.assert_lines(read_lines(daemon.base), sent * 3)
        daemon.stop()

    @unittest.skipUnless(shutil.which("zstd"), "needs zstd")
    def test_compressed(self):
        daemon = self.http()
        connection = self.connect(daemon)
        sent = [log_line(self.rng, n=n) for n in range(3000)]
        body = b"\n".join(sent)
        half = len(body) // 2
        zstd = subprocess.run(["zstd", "-q", "-c"], input=body, stdout=subprocess.PIPE, check=True).stdout
        long = subprocess.run(["zstd", "-q", "-c", "-19"], input=body, stdout=subprocess.PIPE, check=True).stdout
        packed = (("zstd", zstd), ("zstd", long + zstd[:0]), ("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)),
                  ("x-gzip", gzip.compress(body[:half]) + gzip.compress(body[half:])))
        for coding, data in packed:
            answer = connection.ask(request(data, Content_Encoding=coding, Content_Type=LINES))
            self.assertEqual(answer.json, {"stored": 3000, "rejected": 0}, coding)
            head = request(length=False, Transfer_Encoding="chunked", Content_Encoding=coding, Content_Type=LINES)
            answer = connection.ask(head + chunked(data, (1, 5000, 10)))
            self.assertEqual(answer.json, {"stored": 3000, "rejected": 0}, coding)
        self.assert_lines(read_lines(daemon.base), sent * 10)
        daemon.stop()

    def test_damaged_and_exploding_bodies(self):
        daemon = self.http()
        data = gzip.compress(b'{"a":1}\n{"a":')
        bomb = gzip.compress(b'{"a":"' + bytes(64 << 20) + b'"}')
        for body, expected in ((b"{}", 400), (data[:-1], 400), (data + b"x", 400), (bomb, 413)):
            for is_chunked in (False, True):
                connection = self.connect(daemon)
                if is_chunked:
                    head = request(length=False, Transfer_Encoding="chunked", Content_Encoding="gzip")
                    answer = connection.ask(head + chunked(body, (100,)))
                else:
                    answer = connection.ask(request(body, Content_Encoding="gzip"))
                self.assertEqual((answer.status, answer.fields["connection"]), (expected, "close"))
                self.assertTrue(connection.closed())
        counters = daemon.stop()
        identity(counters)

    def test_pipelined_requests_are_answered_in_order(self):
        daemon = self.http()
        connection = self.connect(daemon)
        for n in range(200):
            connection.send(request(b'{"n":%d}' % n) + (request(method="GET") if n % 3 == 0 else b""))
        for n in range(200):
            self.assertEqual(connection.answer().json["stored"], 1)
            if n % 3 == 0:
                self.assertEqual(connection.answer().json["name"], "logport")
        self.assert_lines(read_lines(daemon.base), [b'{"n":%d}' % n for n in range(200)])
        daemon.stop()

    def test_bytes_one_by_one(self):
        daemon = self.http()
        connection = self.connect(daemon)
        data = request(b'{"a":1}\n{"b":2}') + request(
            length=False, Transfer_Encoding="chunked", Content_Encoding="gzip"
        ) + chunked(gzip.compress(b'{"c":3}'), (3,)) + request(b"[{}]")
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(len(data)):
            connection.send(data[n : n + 1])
        self.assertEqual([connection.answer().json["stored"] for _ in range(3)], [2, 1, 1])
        self.assertEqual(read_lines(daemon.base), [b'{"a":1}', b'{"b":2}', b'{"c":3}', b"{}"])
        daemon.stop()

    def test_continue(self):
        daemon = self.http()
        connection = self.connect(daemon)
        self.assertEqual(connection.ask(request(length=False, Content_Length="8", Expect="100-continue")).status, 100)
        self.assertEqual(connection.ask(b'{"a": 1}').status, 200)
        answer = connection.ask(request(length=False, Content_Length="8", Expect="100-continue", Origin="http://x"))
        self.assertEqual(answer.status, 403, "without the body")
        self.assertTrue(connection.closed())
        self.assertEqual(self.connect(daemon).ask(request(b"{}", Expect="200-ok")).status, 417)
        daemon.stop()

    def test_the_end_of_connections(self):
        daemon = self.http()
        for data, closes in (
            (request(b"{}"), False),
            (request(b"{}", Connection="close"), True),
            (request(b"{}", Connection="TE, Close"), True),
            (request(b"{}", version="1.0", host=None), True),
            (request(b"{}", version="1.0", Connection="keep-alive"), False),
        ):
            connection = self.connect(daemon)
            answer = connection.ask(data)
            self.assertEqual((answer.status, answer.fields.get("connection") == "close"), (200, closes))
            if closes:
                self.assertTrue(connection.closed())
            else:
                self.assertEqual(connection.ask(request(b"{}")).status, 200)
        connection = self.connect(daemon)
        connection.send(request(b'{"last":1}'))
        connection.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.answer().status, 200, "also after the client's end")
        self.assertTrue(connection.closed())
        daemon.stop()

    def test_a_request_that_is_cut_off_is_not_stored_silently(self):
        daemon = self.http()
        connection = self.connect(daemon)
        connection.send(request(b'{"a":1}\n{"b":2', length=False, Content_Length="100", Content_Type=LINES))
        wait_until(lambda: status(daemon)["bytes_received"] > 100, "it is received")
        connection.close()
        wait_until(lambda: status(daemon)["connections"] == 0, "it ends")
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["reasons"]), (1, {"http_body": 1}))

    def test_a_stop_answers(self):
        daemon = self.http("--drain-ms", "200ms")
        waits, idle, half = (self.connect(daemon) for _ in range(3))
        half.send(request(b'{"b":2', length=False, Content_Length="100"))
        waits.send(request(b'{"a":1}'))
        idle.ask(request(b"{}"))
        daemon.stop()
        self.assertEqual(waits.answer().status, 200)
        self.assertEqual(half.answer().status, 503)
        self.assertTrue(idle.closed())

    def test_synced(self):
        daemon = self.http("--ack", "synced", "--sync-ms", "1h")
        connection = self.connect(daemon)
        self.assertEqual(connection.ask(request(b'{"a":1}\nx', Content_Type=LINES)).json["stored"], 1)
        daemon.stop()

    def test_an_unfinished_request_is_overdue(self):
        daemon = self.http("--partial-s", "1")
        head, body, idle = (self.connect(daemon) for _ in range(3))
        head.send(request(b"{}")[:20])
        body.send(request(b'{"b":2', length=False, Content_Length="100"))
        for connection in (head, body):
            self.assertEqual(connection.answer().status, 408)
            self.assertTrue(connection.closed())
        self.assertEqual(idle.ask(request(b"{}")).status, 200, "it has begun no request")
        counters = daemon.stop()
        self.assertEqual(counters["connections_unfinished"], 2)


class HttpRefusals(HttpCase):
    """What is no request, or not allowed."""

    def refused(self, daemon, data, expected, closes=True):
        connection = self.connect(daemon)
        answer = connection.ask(data)
        self.assertEqual(answer.status, expected, data[:200])
        self.assertIn("error", answer.json)
        if closes:
            self.assertEqual(answer.fields.get("connection"), "close", data[:200])
            self.closing.append((connection, data[:200]))
        return answer

    def setUp(self):
        super().setUp()
        self.closing = []

    def all_close(self):
        """The connections of refused(), which wait for a second for their peer to close first."""
        for connection, data in self.closing:
            self.assertTrue(connection.closed(), data)

    def test_what_servers_may_understand_differently(self):
        daemon = self.http()
        good = b"POST / HTTP/1.1\r\nHost: a.b:1\r\n"
        daemon_host = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
        for head in (
            b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
            b"Content-Length: 2\r\nContent-Length: 2\r\n", b"Content-Length: 2, 2\r\n", b"Content-Length: +2\r\n",
            b"Content-Length: 0x2\r\n", b"Content-Length: -1\r\n", b"Content-Length: \r\n", b"Content-Length : 2\r\n",
            b" Content-Length: 2\r\n", b"X: a\r\n Content-Length: 2\r\n", b"X: a\r\n\tb\r\n", b"Content-Length: 2\n",
            b"X: a\rContent-Length: 2\r\n", b"X: \0\r\n", b"X: \x7f\r\n", b"X\r\n", b": a\r\n", b"X y: a\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"Host: localhost\r\n",
        ):
            self.refused(daemon, daemon_host + head + b"\r\n{}", 400)
        for coding in (b"gzip, chunked", b"identity", b"chunked, chunked", b"chunked;q=1", b"\x0bchunked", b"xchunked"):
            answer = self.refused(daemon, daemon_host + b"Transfer-Encoding: " + coding + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                                  400 if coding[0] < 32 else 501)
            self.assertIn("error", answer.json)
        self.refused(daemon, good + b"Content-Length: 2\r\n\r\n{}", 421)
        self.refused(daemon, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400)
        self.refused(daemon, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400)
        self.all_close()
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["received"]), (0, 0))

    def test_chunks(self):
        daemon = self.http()
        for body in (
            b"2\n{}\r\n0\r\n\r\n", b"2\r\n{}0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n", b"x\r\n", b"\r\n", b" 2\r\n{}\r\n", b"2 \r\n{}\r\n",
            b"-2\r\n", b"0x2\r\n{}\r\n", b"1000000000000000\r\n", b"2\r\n{}\r\n0\r\nX\r\n\r\n", b"2\r\n{}\r\n0\r\n X: a\r\n\r\n",
            b"2;" + b"x" * 2000 + b"\r\n{}\r\n", b"2;\x01\r\n{}\r\n", b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n", b"2\r\n{}\r\r\n",
        ):
            self.refused(daemon, request(length=False, Transfer_Encoding="chunked") + body, 400)
        self.refused(daemon, request(length=False, Transfer_Encoding="chunked") + b"7000000\r\n", 413)
        self.all_close()
        daemon.stop()

    def test_request_lines(self):
        daemon = self.http()
        for line, expected in (
            (b"POST / HTTP/2.0", 505), (b"POST / HTTP/1.1 ", 400), (b"POST  / HTTP/1.1", 400), (b"POST / http/1.1", 400),
            (b"POST /\x01 HTTP/1.1", 400), (b"POST x HTTP/1.1", 400), (b"POST / HTTP/1.", 400), (b"POST /", 400),
            (b"PRI * HTTP/2.0", 505), (b"POST / HTTP/11", 400), (b"POST http://a\\b/ HTTP/1.1", 400), (b"(: / HTTP/1.1", 400),
            (b"hello", 400), (b"\x16\x03\x01", 400), (b'{"a":1}', 400),
        ):
            self.refused(daemon, line + b"\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", expected)
        for line, expected in (
            (b"BREW / HTTP/1.1", 501), (b"GET /nothing HTTP/1.1", 404), (b"GET /_bulk HTTP/1.1", 405),
            (b"POST http://localhost:1/ HTTP/1.1", 200), (b"POST http://localhost HTTP/1.1", 200),
            (b"POST http://evil.example/ HTTP/1.1", 421), (b"OPTIONS * HTTP/1.1", 204), (b"POST /?a=b&c HTTP/1.1", 200),
        ):
            answer = self.connect(daemon).ask(line + b"\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(answer.status, expected, line)
        self.all_close()
        daemon.stop()

    def test_limits(self):
        daemon = self.http()
        self.refused(daemon, b"POST /" + b"x" * 9000 + b" HTTP/1.1\r\n", 414)
        self.refused(daemon, b"POST / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n", 431)
        self.refused(daemon, b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431)
        self.refused(daemon, b"POST / HTTP/1.1\r\n" + b"X: %s\r\n" % (b"y" * 1000) * 17 + b"\r\n", 431)
        self.refused(daemon, request(length=False, Content_Length=str((100 << 20) + 1)), 413)
        self.refused(daemon, request(length=False, Content_Length="9" * 30), 413)
        self.refused(daemon, request(length=False), 411, closes=False)
        self.refused(daemon, request(b"{}", Content_Encoding="br"), 415)
        self.refused(daemon, request(b"{}", Content_Encoding="gzip, gzip"), 415)
        self.refused(daemon, request(b"{}", Content_Type="application/x-protobuf"), 415)
        self.refused(daemon, request(b"{}", Content_Type="multipart/form-data; boundary=x"), 415)
        self.all_close()
        daemon.stop()

    def test_pages_may_not_send(self):
        daemon = self.http()
        for fields in ({"Origin": "http://example.com"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
                       {"Origin": "http://127.0.0.1"}, {"Sec_Fetch_Site": "same-origin"}):
            answer = self.refused(daemon, request(b"{}", **fields), 403)
            self.assertFalse([name for name in answer.fields if name.startswith("access-control")])
            self.assertEqual(self.connect(daemon).ask(request(method="OPTIONS", **fields)).status, 403)
        self.assertEqual(self.connect(daemon).ask(request(b"{}", Sec_Fetch_Site="none")).status, 200)
        for host, expected in (("127.0.0.1:5180", 200), ("[::1]:5180", 200), ("localhost", 200), ("LOCALHOST:1", 200),
                               ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example", 421),
                               ("1.2.3.4x", 421), ("", 421), ("a b", 400), ("a/b", 400)):
            self.assertEqual(self.connect(daemon).ask(request(b"{}", host=host)).status, expected, host)
        self.all_close()
        daemon.stop()
        daemon = self.configured(hosts=["logs.example.com"])
        for host, expected in (("logs.example.com:1", 200), ("evil.example", 421), ("127.0.0.1", 200)):
            self.assertEqual(self.connect(daemon).ask(request(b"{}", host=host)).status, expected, host)
        daemon.stop()

    def test_a_reload_changes_tokens_of_open_connections(self):
        path = os.path.join(self.directory(), "logportd.json")

        def configure(*tokens):
            with open(path, "w") as file:
                json.dump({"http": {"address": "127.0.0.1:0", "tokens": tokens}}, file)

        configure("old")
        daemon = self.daemon("--config", path, tcp=(), udp=())
        connections = [self.connect(daemon) for _ in range(3)]
        head = {"method": "GET", "Authorization": "Bearer old"}
        for connection in connections[:2]:
            self.assertEqual(connection.ask(request(**head)).status, 200)
        for tokens, expected in ((("new",), 401), (("other",), 401), (("old", "other"), 200)):
            configure(*tokens)
            self.assertEqual(logport("reload", daemon.base).code, 0)
            for connection in connections:
                self.assertEqual(connection.ask(request(**head)).status, expected, tokens)
        daemon.stop()

    def test_tokens(self):
        path = os.path.join(self.directory(), "tokens")
        with open(path, "w") as file:
            file.write("from-a-file\r\n\nanother\n")
        daemon = self.configured(tokens=["s3cret", "user:pass", "file:" + path])
        for fields, target, expected in (
            ({}, "/", 401), ({"Authorization": "Bearer s3cret"}, "/", 200), ({"Authorization": "bearer s3cret"}, "/", 200),
            ({"Authorization": "Bearer s3cre"}, "/", 401), ({"Authorization": "Bearer s3crets"}, "/", 401),
            ({"Authorization": "Bearer "}, "/", 401), ({"Authorization": "Splunk another"}, "/", 200),
            ({"Authorization": "Basic dXNlcjpwYXNz"}, "/", 200), ({"Authorization": "Basic YW55OnMzY3JldA=="}, "/", 200),
            ({"Authorization": "Basic dXNlcjpwYXNr"}, "/", 401), ({"Authorization": "Basic ?"}, "/", 401),
            ({"X_Seq_ApiKey": "from-a-file"}, "/", 200), ({"DD_API_KEY": "another"}, "/", 200), ({}, "/?apiKey=s3cret", 200),
            ({}, "/?a=b&dd-api-key=s3cret&c", 200), ({}, "/?xapiKey=s3cret", 401),
            ({}, "/v1/input/s3cret?service=shop", 202), ({}, "/v1/input/s3cre", 401), ({}, "/v1/input", 401),
        ):
            answer = self.connect(daemon).ask(request(b"{}", target=target, **fields))
            self.assertEqual(answer.status, expected, (fields, target))
            if expected == 401:
                self.assertIn("Bearer", answer.fields["www-authenticate"])
        counters = daemon.stop()
        self.assertNotIn("s3cret", daemon.said)
        self.assertEqual(counters["stored"], 10)


class HttpPressure(HttpCase):
    """A full disk, and clients that are slow or gone."""

    def test_a_full_disk_is_answered(self):
        disk = small_disk(self, 4 << 20)
        base = os.path.join(disk, "logs")
        daemon = self.http("--buffer-bytes-max", "4MiB", dir=base)
        ballast = os.path.join(disk, "ballast")
        self.assertEqual(self.connect(daemon).ask(request(b'{"first":1}')).status, 200)
        for size in (65536, 512):
            with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))
        lines = [b'{"n":%d,"x":"%s"}' % (n, os.urandom(300).hex().encode()) for n in range(2000)]
        waiting = [self.connect(daemon) for _ in range(16)]
        for n, connection in enumerate(waiting):
            part = lines[n * 125 : n * 125 + 125] * 12  # more than there is memory for
            connection.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                connection.socket.sendall(request(b"\n".join(part), Content_Type=LINES))
            connection.socket.settimeout(60)
        for connection in waiting:
            answer = connection.answer()
            self.assertEqual((answer.status, answer.fields["retry-after"]), (429, "5"))
        self.assertEqual(self.connect(daemon).ask(request(method="GET")).status, 200, "what needs no batch is served")
        os.remove(ballast)
        wait_until(lambda: status(daemon)["in_flight"] == 0, "all is written")
        self.assertEqual(self.connect(daemon).ask(request(b'{"last":1}')).status, 200)
        counters = daemon.stop()
        identity(counters)

    def test_slow_and_vanished_clients(self):
        daemon = self.http()
        connections = []
        for n in range(300):
            connection = self.connect(daemon)
            data = request(b'{"n":1}' * 10, Content_Type=JSON)
            connection.send(data[: self.rng.randrange(1, len(data))])
            connections.append(connection)
        for connection in connections[::2]:
            connection.close()
        self.assertEqual(self.connect(daemon).ask(request(b"{}")).status, 200)
        for connection in connections[1::2]:
            connection.close()
        wait_until(lambda: status(daemon)["connections"] <= 1, "they end")
        identity(daemon.stop())

    def test_a_reload_answers(self):
        path = os.path.join(self.directory(), "logportd.json")
        with open(path, "w") as file:
            json.dump({"http": ["127.0.0.1:0"], "tcp": "127.0.0.1:0", "drain_ms": "200ms"}, file)
        daemon = self.daemon("--config", path, tcp=(), udp=())
        half, idle = self.connect(daemon), self.connect(daemon)
        half.send(request(b'{"b":2', length=False, Content_Length="100"))
        idle.ask(request(b"{}"))
        with open(path, "w") as file:
            json.dump({"tcp": "127.0.0.1:0", "drain_ms": "200ms"}, file)
        self.assertEqual(logport("reload", daemon.base).code, 0)
        self.assertEqual(half.answer().status, 503)
        self.assertTrue(idle.closed())
        daemon.stop()


class HttpTls(HttpCase, TlsCase):
    def test_requests_over_tls(self):
        daemon = self.configured(tls=self.tls_keys(), tokens=["secret"], stream="web", ack="synced")
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        context.check_hostname = False
        sent = [log_line(self.rng, n=n) for n in range(3000)]
        connection = self.connect(daemon, tls=context)
        self.assertEqual(connection.ask(request(b"{}")).status, 401)
        self.assertTrue(connection.closed(), "its body was not read")
        connection = self.connect(daemon, tls=context)
        for at in range(0, 3000, 1000):
            body = b"".join(b'{"create":{}}\n%s\n' % line for line in sent[at : at + 1000])
            answer = connection.ask(request(body, target="/_bulk", Authorization="Bearer secret"))
            self.assertEqual((answer.json["errors"], len(answer.json["items"])), (False, 1000))
        answer = connection.ask(request(b"{}", Authorization="Bearer secret", Connection="close"))
        self.assertEqual(answer.status, 200)
        self.assertTrue(connection.closed())
        self.assert_lines(read_lines(daemon.base, "web"), sent + [b"{}"])
        daemon.stop()

    def test_plain_text_where_tls_is_required(self):
        daemon = self.configured(tls=self.tls_keys())
        connection = self.connect(daemon)
        connection.send(request(b"{}"))
        with self.assertRaises((Closed, ConnectionError, AssertionError)):
            connection.answer()
        self.assertEqual(daemon.stop()["stored"], 0)


if __name__ == "__main__":
    main()
