"""test_syslog.py - objects after a header of syslog are stored as sent, whatever the header is and however
messages are separated; the header is added, and text is wrapped, on request."""

import json
import logging
import logging.handlers
import os
import socket

from clients import needs
from harness import Case, log_line, logport, logportd, main, native_only, rejects, run
from test_bad_input import kept
from test_protocols import FRAMINGS

HEADERS = (
    b"<12>client: ",
    b"<12>client ",
    b"<12>",
    b"<13>Nov 30 14:00:00 ",
    b"<13>Nov  3 14:00:00 host ",
    b"<13>Nov 30 14:00:00 host app ",
    b"<13>Nov 30 14:00:00 app[7]: ",
    b"<13>Nov 30 14:00:00 host app[7]:",
    b"<14>2026-11-30T14:00:00.123456+01:00 host app[7]: ",
    b"<14>Nov 30 14:00:00 host app: @cee: ",
    b"<134>1 - - - - - - ",
    b"<134>1 2026-11-30T14:00:00.123Z host app 7 id "
    b"[App@32473 data=\"{\\\"user\\\":1}\" x=\"\\]{\"][b] \xef\xbb\xbf",
)
SEPARATED = ("lines", "lines without the last newline", "lines between keep-alives", "NUL", "LF NUL",
             "RFC 7464", "octet counts", "octet counts that include a newline", "octet counts before a newline", "no delimiter")


class Syslog(Case):
    def records(self):
        records = [log_line(self.rng, n=n) for n in range(120)]
        stack = {"stack": "Error: }{<13>\n\tat x\\y\"[\n" * 40, "ü": "東京"}
        records[3] = json.dumps(stack, ensure_ascii=False).encode()
        records[60] = json.dumps({"long": "\\\"}{" * 25_000}).encode()
        return records

    def messages(self, records):
        return [HEADERS[n % len(HEADERS)] + record for n, record in enumerate(records)]

    def test_in_every_framing_each_object_is_stored_once_as_sent(self):
        daemon, total, records = self.daemon(), 0, self.records()
        for name in SEPARATED:
            with self.subTest(name):
                daemon.send(FRAMINGS[name](self.messages(records)))
                total += len(records)
                found = daemon.wait_stored(total)
                self.assert_lines(found[-len(records) :], records, name)
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_wherever_the_bytes_are_cut_the_objects_are_the_same(self):
        daemon, total, records = self.daemon(), 0, self.records()[:13]
        for name in SEPARATED:
            data = FRAMINGS[name](self.messages(records))
            with daemon.connect() as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while data:
                    size = self.rng.choice((1, 1, 2, 3, 50))
                    connection.sendall(data[:size])
                    data = data[size:]
            total += len(records)
            self.assert_lines(daemon.wait_stored(total)[-len(records) :], records, name)
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_a_datagram_ends_with_nothing_lf_nul_or_both(self):
        for words in ((), ("--protocol", "newline")):
            daemon, records = self.daemon(*words), self.records()[:12]
            ends = (b"", b"\n", b"\0", b"\n\0", b"\r\n")
            for end in ends:
                for message in self.messages(records):
                    daemon.datagrams(message + end)
            self.assert_lines(daemon.wait_stored(len(ends) * len(records)), records * len(ends))
            daemon.datagrams(b"".join(m + b"\n" for m in self.messages(records)))
            daemon.wait_stored((len(ends) + 1) * len(records))
            self.assertEqual(daemon.stop()["rejected"], 0)

    def test_text_is_quarantined_as_it_came(self):
        daemon, text = self.daemon(), b"<13>Nov 30 14:00:00 host app: not { JSON"
        daemon.send(b'<13>a: {"n":1}\n' + text + b'\n<13>a: {"n":}\n<13>a: {"n":2}\n')
        daemon.wait_stored(2)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["reasons"]), (2, {"syslog_text": 1, "unexpected": 1}))
        [first, second] = rejects(daemon.base)
        self.assertEqual((kept(first), first["offset"]), (text, text.index(b"not")))
        self.assertEqual((kept(second), second["offset"]), (b'<13>a: {"n":}', 12))

    def test_a_datagram_of_text_is_one_message(self):
        daemon = self.daemon("--text", "wrap")
        for message in (b"<13>app: one\n two\n\n three", b"<13>app: one\n two\n\n three\n\0"):
            daemon.datagrams(message)
        daemon.datagrams(b"<13>app: a\n<13>app: b\n")
        found = [json.loads(line) for line in daemon.wait_stored(4)]
        self.assertEqual([f["message"] for f in found], ["one\n two\n\n three"] * 2 + ["a", "b"])
        daemon.stop()

    def test_the_header_is_added_on_request(self):
        daemon = self.daemon("--syslog-fields")
        daemon.send(HEADERS[-1] + b'{"a": 1.0}\n{"b":2}\n' + HEADERS[8] + b"{ }\n")
        found = daemon.wait_stored(3)
        daemon.stop()
        self.assertTrue(found[0].startswith(b'{"a": 1.0,"_syslog":{'))
        self.assertEqual(json.loads(found[0])["_syslog"], {
            "facility": "local0", "facility_code": 16, "severity": "info", "severity_code": 6,
            "time": "2026-11-30T14:00:00.123Z", "host": "host", "app": "app", "procid": "7", "msgid": "id",
            "structured_data": {"App@32473": {"data": '{"user":1}', "x": "]{"}, "b": {}}})
        self.assertEqual(found[1], b'{"b":2}')
        self.assertEqual(json.loads(found[2]), {"_syslog": {
            "facility": "user", "facility_code": 1, "severity": "info", "severity_code": 6,
            "time": "2026-11-30T14:00:00.123456+01:00", "host": "host", "app": "app", "procid": "7"}})

    def test_text_is_wrapped_on_request_and_objects_never(self):
        texts = ["plain text", 'quotes " \\ \t and ü 東京', "[1] array", "12", "<300>no header", "<a"]
        daemon = self.daemon("--text", "wrap")
        daemon.send("".join(text + "\n" for text in texts).encode())
        daemon.wait_stored(len(texts))
        daemon.send(b'{"n":1}\n{"n":}\n<12>app: \n<12>app: hi\n<12>app: {"n":2}\n')
        found = daemon.wait_stored(len(texts) + 4)
        counters = daemon.stop()
        self.assertEqual([json.loads(line) for line in found[: len(texts)]], [{"message": t} for t in texts])
        header = {"facility": "user", "facility_code": 1, "severity": "warning", "severity_code": 4,
                  "app": "app"}
        texts_of_syslog = [{"message": text, "_syslog": header} for text in ("", "hi")]
        self.assertEqual([json.loads(line) for line in found[len(texts) :]],
                         [{"n": 1}, *texts_of_syslog, {"n": 2}])
        self.assertEqual(counters["reasons"], {"unexpected": 1})

    def test_each_listener_has_its_own_setting_and_large_batches_grow(self):
        base = self.directory()
        path = os.path.join(base, "c.json")
        with open(path, "w") as file:
            first = {"address": "127.0.0.1:0", "text": "wrap", "syslog_fields": True}
            json.dump({"tcp": [first, "127.0.0.1:0"]}, file)
        daemon = self.daemon("--config", path, tcp=(), udp=())
        daemon.send(b"x\n<1>{}\n" * 20_000 + b"x" * 300_000 + b"\n")
        daemon.send(b"x\n<1>{}\n" * 10, listener=1)
        found = daemon.wait_stored(40_011)
        counters = daemon.stop()
        header = {"facility": "kern", "facility_code": 0, "severity": "alert", "severity_code": 1}
        values = [json.loads(line) for line in found]
        counts = [values.count(value) for value in ({"message": "x"}, {"_syslog": header}, {})]
        self.assertEqual(counts, [20_000, 20_000, 10])
        self.assertIn({"message": "x" * 300_000}, values)
        self.assertEqual(counters["reasons"], {"not_object": 10})

    def test_check_accepts_what_the_daemon_accepts(self):
        lines = [header + b'{"a":1}' for header in HEADERS] + [b'@cee: {"a":1}']
        result = logport("check", stdin=b"".join(line + b"\n" for line in lines))
        self.assertEqual(result.code, 0, result.said)
        result = logport("check", stdin=b'<12>app: {"a":}\n<12>app: text\n')
        self.assertEqual((result.code, len(result.lines)), (1, 2), result.said)

    def test_records_are_found_by_their_header(self):
        daemon = self.daemon("--text", "wrap", "--syslog-fields")
        daemon.send(b'<11>app: disk full\n<14>app: {"n":1}\nplain\n'
                    b'<8>1 2001-02-03T04:05:06Z host old - - - panic\n<11>Nov 30 14:00:00 app: {"level":"debug","n":2}\n')
        lines = daemon.wait_stored(5)

        def found(*words):
            result = logport("search", *words, "", daemon.base)
            self.assertIn(result.code, (0, 1), result.said)
            return [lines.index(line) for line in result.lines]

        def check():
            self.assertEqual(found("--where", "_syslog.severity_code<=3"), [0, 3, 4])
            self.assertEqual(found("--level", "error"), [0, 3])
            self.assertEqual(found("--level", "info"), [0, 1, 3])
            self.assertEqual(found("--until", "2001-02-04"), [3])
            self.assertEqual(found("--since", "1h"), [0, 1, 2, 4])
            self.assertEqual(found("--where", "@logger=old"), [3])

        check()
        daemon.stop()
        check()  # by the index
        self.assertEqual(logport("archive", daemon.base).code, 0)
        check()
        self.assertEqual(logport("verify", daemon.base).code, 0)
        pretty = logport("cat", "-o", "pretty", daemon.base).out.decode().splitlines()
        self.assertRegex(pretty[0], r"ERROR +app: +disk full _syslog.facility=user _syslog.facility_code=1$")
        self.assertRegex(pretty[3], r"2001-02-03T04:05:06.000Z FATAL +old: +panic _syslog.facility=user .* _syslog.host=host$")

    def test_without_the_header_a_level_is_not_the_record_s(self):
        daemon = self.daemon()
        daemon.send(b'<11>app: {"n":1}\n')
        daemon.wait_stored(1)
        daemon.stop()
        self.assertEqual(logport("search", "--level", "error", "", daemon.base).code, 1)

    def test_a_bad_setting_names_what_was_expected(self):
        result = logportd("--check", "--text", "keep")
        self.assertEqual(result.code, 2)
        self.assertIn("reject", result.said)


@native_only("these clients are programs of Linux")
class SyslogClients(Case):
    """More than docs/clients.md shows of two clients."""

    @needs("logger")
    def test_logger(self):
        for framing in ((), ("--octet-count",)):
            for header in ("--rfc3164", "--rfc5424", "--rfc5424=notime,nohost,notq"):
                for kind in ("--tcp", "--udp"):
                    if kind == "--udp" and framing:
                        continue
                    daemon = self.daemon()
                    port = getattr(daemon, kind[2:])[0][1]
                    sent = [log_line(self.rng, n=n) for n in range(20)]
                    words = [*framing, header, "-t", "app", "-i", "--size", "64KiB"]
                    if "5424" in header:
                        words += ["--sd-id", "App@32473", "--sd-param", 'data="{\\"user\\":1}"']
                    result = run(["logger", kind, "-n", "127.0.0.1", "-P", str(port), *words],
                                 stdin=b"".join(line + b"\n" for line in sent))
                    self.assertEqual(result.code, 0, result.said)
                    self.assert_lines(daemon.wait_stored(len(sent)), sent, str((framing, header, kind)))
                    self.assertEqual(daemon.stop()["rejected"], 0)

    def test_the_handler_of_python_that_ends_in_nul(self):
        for kind, kind_of_socket in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
            daemon = self.daemon("--syslog-fields")
            handler = logging.handlers.SysLogHandler(getattr(daemon, kind)[0], "local3", kind_of_socket)
            logger = logging.Logger("test")
            logger.addHandler(handler)
            values = [{"n": n, "stack": "a\n b\n", "ü": "東京\0"} for n in range(50)]
            for value in values:
                logger.warning(json.dumps(value, ensure_ascii=False))
            handler.ident = "app: "
            logger.error(json.dumps(values[0], indent=2))
            handler.close()
            found = [json.loads(line) for line in daemon.wait_stored(51)]
            headers = [value.pop("_syslog") for value in found]
            self.assertEqual(found, values + values[:1])
            self.assertEqual(headers[0], {"facility": "local3", "facility_code": 19,
                                          "severity": "warning", "severity_code": 4})
            self.assertEqual((headers[50]["severity"], headers[50]["app"]), ("err", "app"))
            self.assertEqual(daemon.stop()["rejected"], 0)


if __name__ == "__main__":
    main()
