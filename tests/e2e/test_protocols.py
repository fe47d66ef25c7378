"""test_protocols.py - records are found however they are separated; what is no log protocol is refused, named
and closed before any of it is stored."""

import contextlib
import http.server
import json
import os
import pickle
import shutil
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse

from harness import Case, log_line, main, native_only, rejects, wait_until
from test_bad_input import kept

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def lines_of(records):
    return b"".join(record + b"\n" for record in records)


FRAMINGS = {
    "lines": lines_of,
    "CRLF lines after a byte order mark": lambda records: b"\xef\xbb\xbf" + b"".join(r + b"\r\n" for r in records),
    "lines without the last newline": lambda records: b"\n".join(records),
    "lines between keep-alives": lambda records: b"\n" + b"".join(r + b"\n\r\n \n" for r in records),
    "NUL": lambda records: b"".join(r + b"\0" for r in records),
    "LF NUL": lambda records: b"".join(r + b"\n\0" for r in records),
    "RFC 7464": lambda records: b"".join(b"\x1e" + r + b"\n" for r in records),
    "octet counts": lambda records: b"".join(b"%d %s" % (len(r), r) for r in records),
    "octet counts that include a newline": lambda records: b"".join(b"%d %s\n" % (len(r) + 1, r) for r in records),
    "octet counts before a newline": lambda records: b"".join(b"%d %s\n" % (len(r), r) for r in records),
    "no delimiter": b"".join,
    "an array": lambda records: b"[" + b",".join(records) + b"]",
    "arrays on lines": lambda records: b"".join(b"[%s]\n" % b", ".join(records[i : i + 7]) for i in range(0, len(records), 7)),
}


class Separated(Case):
    def records(self, count=300):
        records = [log_line(self.rng, n=n) for n in range(count)]
        records[7] = json.dumps({"n": 7, "stack": "Error: }{\n\tat x\\y\"[\n" * 40, "ü": "東京 \U0001f600"}, ensure_ascii=False).encode()
        records[count // 2] = json.dumps({"n": count // 2, "long": "\\\"}{" * 25_000}).encode()
        return records

    def all_stored(self, daemon, sent):
        self.assert_lines(daemon.wait_stored(len(sent)), sent)

    def test_every_framing_is_detected_and_every_record_is_stored_as_sent(self):
        daemon, total, records = self.daemon(), 0, self.records()
        for name, framed in FRAMINGS.items():
            with self.subTest(name):
                daemon.send(framed(records))
                total += len(records)
                found = daemon.wait_stored(total)
                self.assert_lines(found[-len(records) :], records, name)
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["rejected"]), (total, 0))

    def test_wherever_the_bytes_are_cut_the_records_are_the_same(self):
        daemon, total, records = self.daemon(), 0, self.records(40)[:7]
        for name, framed in FRAMINGS.items():
            data = framed(records)
            with contextlib.closing(daemon.connect()) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                at = 0
                while at < len(data):
                    size = self.rng.choice((1, 1, 2, 3, 50))
                    connection.sendall(data[at : at + size])
                    at += size
            total += len(records)
            self.assert_lines(daemon.wait_stored(total)[-len(records) :], records, name)
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_what_is_written_over_many_lines_is_stored_on_one(self):
        daemon = self.daemon()
        values = [{"n": n, "list": [{"a": "}\n{"}, []], "text": "x" * n} for n in range(200)]
        daemon.send(b"".join(json.dumps(v, indent=2).encode() + b"\n" for v in values))
        daemon.wait_stored(200)
        daemon.send(json.dumps(values, indent="\t").encode().replace(b"\n", b"\r\n"))
        daemon.wait_stored(400)
        daemon.send(b"".join(b"\x1e" + json.dumps(v, indent=1).encode() + b"\n" for v in values))
        daemon.wait_stored(600)
        daemon.send(b"".join(b"%d %s" % (len(t), t) for t in (json.dumps(v, indent=1).encode() for v in values)))
        found = daemon.wait_stored(800)
        self.assertEqual([json.loads(line) for line in found], values * 4)
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_a_raw_newline_does_not_end_a_record_that_ends_in_nul(self):
        daemon = self.daemon()
        daemon.send(b'{"short_message":"one\n  two\n"}\0{"a":\n1}\0{"a":2}\0')
        found = daemon.wait_stored(3)
        self.assertEqual([json.loads(line) for line in found], [{"short_message": "one\n  two\n"}, {"a": 1}, {"a": 2}])
        daemon.stop()

    def test_a_rejected_record_of_many_lines_is_kept_as_it_was_received(self):
        for data, end, reason, fault in ((b'{"x":1}{\n  "a": 1,\n  "b": nul\n}', b"{}", "bad_literal", b"nul"),
                                         (b'{"x":1}\0{"a":"\n1\n2\n","b": nul}', b"\0{}", "bad_literal", b"nul"),
                                         (b'{"x":1}\0{"a":"\n\xff\n"}', b"\0{}", "bad_utf8", b"\xff"),
                                         (b'{"x":1}{"a":"\n"\n}', b"{}", "control_character", b'\n"')):
            daemon = self.daemon()
            daemon.send(data + end)
            daemon.wait_stored(2)
            counters = daemon.stop()
            self.assertEqual((counters["stored"], counters["reasons"]), (2, {reason: 1}))
            sent = data[len(b'{"x":1}') :].lstrip(b"\0")
            [bad] = rejects(daemon.base)
            self.assertEqual((kept(bad), bad["bytes"]), (sent, len(sent)))
            self.assertIn(bad["offset"] - sent.index(fault), range(len(fault) + 1))

    def test_a_large_pretty_printed_record_is_kept_to_the_bound(self):
        daemon = self.daemon()
        record = json.dumps({"n": ["ü" * 50] * 2000, "bad": 1}, indent=1, ensure_ascii=False).encode()[:-1] + b"x}"
        daemon.send(record + b'{"good":1}')
        daemon.wait_stored(1)
        daemon.stop()
        [bad] = rejects(daemon.base)
        self.assertEqual(bad["bytes"], len(record))
        self.assertTrue(record.startswith(kept(bad)))
        self.assertGreater(len(kept(bad)), (64 << 10) - 4)

    def test_every_rejected_event_counts(self):
        for framed in (b"".join, FRAMINGS["NUL"], FRAMINGS["RFC 7464"], FRAMINGS["octet counts"], FRAMINGS["an array"]):
            daemon = self.daemon()
            records = [b'{"n":%d%s}' % (n, b",x" if n % 3 == 1 else b"") for n in range(3000)]
            daemon.send(framed(records))
            daemon.wait_stored(2000)
            counters = daemon.stop()
            self.assertEqual((counters["received"], counters["stored"], counters["rejected"]), (3000, 2000, 1000))
            self.assertEqual(kept(rejects(daemon.base)[0]), records[1])

    def test_an_object_is_stored_when_it_is_complete(self):
        """Senders without a delimiter need not send another one, nor close."""
        for data, count in ((b'{"n":0}{"n":1}', 2), (b'[{"n":0},', 1), (b'{\n"n":0\n}', 1), (b'\x1e{"n":0}\n', 1), (b'7 {"n":0}', 1)):
            daemon = self.daemon()
            with contextlib.closing(daemon.connect()) as connection:
                connection.sendall(data)
                daemon.wait_stored(count)
            daemon.stop()

    def test_a_listener_may_have_one_protocol(self):
        daemon = self.daemon("--protocol", "newline")
        daemon.send(b'{"n":0}{"n":1}\n{"n":2}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"n":2}'])
        self.assertEqual(daemon.stop()["rejected"], 1)
        daemon = self.daemon("--protocol", "concatenated")
        daemon.send(b'text\n{"n":0}{"n":1}\n')
        self.assert_lines(daemon.wait_stored(2), [b'{"n":0}', b'{"n":1}'])
        self.assertEqual(daemon.stop()["rejected"], 1)

    def test_datagrams_use_the_same_protocols(self):
        daemon, total, records = self.daemon(), 0, self.records(20)[:7]
        for name, framed in FRAMINGS.items():
            daemon.datagrams(framed(records))
            total += len(records)
            self.assert_lines(daemon.wait_stored(total)[-len(records) :], records, name)
        daemon.datagrams(json.dumps({"a": [1, {}]}, indent=2).encode())
        self.assertEqual(json.loads(daemon.wait_stored(total + 1)[-1]), {"a": [1, {}]})
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_hostile_input_is_bounded_and_counted(self):
        daemon = self.daemon()
        hostile = [b"1000000000000000000 {", b"999999999 {" + b"x" * 3_000_000, b'{"a":' * 600_000, b'[{"a":"' + b"x" * 3_000_000,
                   b'{"a":1}{"b":"' + b"}{" * 1_500_000, b"\x1e" + b"[" * 3_000_000, b'{\n"a":' + b"\n" * 3_000_000, b"1" * 1_000_000]
        for data in hostile:
            connection = daemon.connect()
            with contextlib.suppress(OSError):
                connection.sendall(data)
            connection.close()
        daemon.send(b'{"good":1}\n')
        wait_until(lambda: b'{"good":1}' in daemon.lines_stored(), "a line after them is stored")
        counters = daemon.stop()
        self.assertGreaterEqual(counters["rejected"], len(hostile))
        self.assertLessEqual(counters["stored"], 2)
        self.assertEqual(counters["received"], counters["stored"] + counters["rejected"])


class Refused(Case):
    """Each: one message, one rejected record, closed, and nothing stored."""

    GOOD = b'\n{"forged":1}\n' * 3

    def refused(self, data, reason, words, answer=None):
        daemon = self.daemon()
        for n in range(3):
            connection = daemon.connect()
            peer = "%s:%d" % connection.getsockname()
            with contextlib.suppress(OSError):
                connection.sendall(data + self.GOOD)
            connection.settimeout(30)
            received = b""
            with contextlib.suppress(ConnectionError):
                while piece := connection.recv(4096):
                    received += piece
            connection.close()
            if answer is not None:
                self.assertRegex(received, answer)
            if n == 0:
                self.assertIn(peer, daemon.wait_said(words))
        daemon.send(b'{"good":1}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"good":1}'])
        counters = daemon.stop()
        self.assertEqual(len(daemon.said_lines(" sent .*" + words)), 1, daemon.said)
        self.assertEqual((counters["stored"], counters["rejected"], counters["reasons"]), (1, 3, {reason: 3}))
        self.assertEqual(counters["connections_refused"], 3)
        self.assertEqual([reject["reason"] for reject in rejects(daemon.base)], [reason] * 3)

    def test_http(self):
        self.refused(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", "http", "an HTTP request", rb"(?s)^HTTP/1\.1 400 .*not HTTP")

    def test_a_form(self):
        head = b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=b"
        self.refused(head, "form", "form data", rb"^HTTP/1\.1 400 ")

    def test_tls(self):
        self.refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "tls", "TLS", rb"^\x15\x03\x01\x00\x02\x02\x28$")

    def test_a_pickle(self):
        data = pickle.dumps({"msg": "x\ny"}, 4)
        self.refused(len(data).to_bytes(4, "big") + data, "pickle", "pickle")

    def test_java(self):
        self.refused(b"\xac\xed\x00\x05sr\x00\x21org.apache.logging.log4j", "java_serialization", "Java")

    def test_xml(self):
        self.refused(b'<log4j:event logger="x">\n<log4j:message>y</log4j:message>', "xml", "XML")

    def test_msgpack(self):
        self.refused(b"\x92\xd7\x00\x5f\x0a\x0a\x0a\x0a\x00\x00\x00\x00\x81\xa1a\x0a", "msgpack", "MessagePack")

    def test_log4js(self):
        self.refused(b'{"a":1}__LOG4JS__{"b":2}__LOG4JS__', "log4js", "log4js")

    def test_utf16(self):
        self.refused('\ufeff{"a":1}\r\n'.encode("utf-16-le"), "utf16", "UTF-16")

    def test_lumberjack_version_1(self):
        self.refused(b"1W\x00\x00\x00\x0a1D\x00\x00\x00\x01\x00\x00\x00\x01", "lumberjack_1", "version 1")

    def test_compressed_data(self):
        self.refused(b"\x1f\x8b\x08\x00\x0a\x0a\x0a\x0a", "compressed", "compressed")

    def test_an_invalid_octet_count(self):
        self.refused(b"1000000000000000000 {}", "octet_count", "RFC 6587")

    def test_a_fixed_protocol_refuses_http_too(self):
        for protocol in ("newline", "nul", "json-seq", "octet-counting", "concatenated"):
            daemon = self.daemon("--protocol", protocol)
            daemon.send(b"POST / HTTP/1.1\r\n\r\n" + self.GOOD)
            daemon.wait_said("an HTTP request")
            self.assertEqual(daemon.stop()["stored"], 0)

    def test_datagrams_are_named_too(self):
        daemon = self.daemon()
        daemon.datagrams(b"\x00\x00\x00\x0a\x80\x04\x95\n{}\n", b"\x28\xb5\x2f\xfd\n{}\n", b"\x28\xb5\x2f\xfd\n{}\n", b'{"good":1}')
        daemon.wait_stored(1)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["reasons"]), (1, {"pickle": 1, "compressed": 2}))
        self.assertEqual(len(daemon.said_lines(" sent compressed")), 1)

    def test_a_refused_client_that_keeps_sending_is_closed(self):
        daemon = self.daemon()
        connection = daemon.connect()
        connection.settimeout(30)
        begin = time.monotonic()
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"POST / HTTP/1.1\r\n\r\n")
            while time.monotonic() - begin < 30:
                connection.sendall(b'{"forged":1}\n' * 1000)
        self.assertLess(time.monotonic() - begin, 30)
        self.assertEqual(daemon.stop()["stored"], 0)

    def test_a_stop_ends_refused_connections(self):
        daemon = self.daemon()
        connections = [daemon.connect() for _ in range(100)]  # more than are answered at a time
        for connection in connections:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        daemon.wait_said("an HTTP request")
        self.assertEqual(daemon.stop()["stored"], 0)
        for connection in connections:
            connection.close()


PAGE = """<!doctype html><title>page</title><script>
async function send() {
  const address = 'http://127.0.0.1:%d/';
  const body = '{"forged":"by a page"}\\n'.repeat(100);
  const sent = [];
  for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
    try { await fetch(address, {method: 'POST', mode: 'no-cors', headers: {'Content-Type': type}, body});
          sent.push(type); } catch (error) { sent.push(String(error)); }
  navigator.sendBeacon(address, body);
  try { new WebSocket('ws://127.0.0.1:%d/').onerror = () => {}; } catch (error) {}
  await fetch('/done', {method: 'POST', body: JSON.stringify(sent)});
}
send();
</script>"""


class WebPages(Case):
    """A page of any site may send a POST of text/plain to a port of this machine without permission."""

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_a_post_of_json_lines_by_curl_is_answered_400_and_stores_nothing(self):
        daemon = self.daemon()
        url = "http://127.0.0.1:%d/" % daemon.tcp[0][1]
        body = os.path.join(self.directory(), "body")
        with open(body, "wb") as file:
            file.write(b'{"forged":1}\n' * 5000)
        for words in (["--data-binary", "@" + body], ["-H", "Content-Type: text/plain", "--data-binary", '{"forged":1}\n'],
                      ["-X", "FROB", "--data-binary", '\n{"forged":1}\n'], ["-X", "post", "-d", '{"forged":1}'], ["-T", body], []):
            result = subprocess.run(["curl", "-s", "-m", "30", "-i", "-H", "Expect:", *words, url], stdout=subprocess.PIPE)
            self.assertIn(b"HTTP/1.1 400 ", result.stdout, words)
            self.assertIn(b"not HTTP", result.stdout)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["rejected"]), (0, 6))

    @native_only("the browser is not a Windows program")
    @unittest.skipUnless(CHROMIUM, "chromium is not installed")
    def test_a_page_in_chromium_cannot_forge_records(self):
        daemon = self.daemon()
        port, done = daemon.tcp[0][1], []

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = (PAGE % (port, port)).encode() if urllib.parse.urlparse(self.path).path == "/" else b""
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                done.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        browser = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--user-data-dir=" + self.directory(), "--remote-debugging-port=0", "http://127.0.0.1:%d/" % server.server_address[1]],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: done, "the page has sent its requests")
            wait_until(lambda: daemon.lines_stored("rejects"), "a request has arrived")
        finally:
            browser.terminate()
            browser.wait()
        counters = daemon.stop()
        self.assertEqual(len(done[0]), 2, done)
        self.assertEqual(counters["stored"], 0)
        found = rejects(daemon.base)
        self.assertLessEqual({reject["reason"] for reject in found}, {"http", "form"})
        self.assertTrue(any(b"text/plain" in kept(reject) for reject in found), found)


if __name__ == "__main__":
    main()
