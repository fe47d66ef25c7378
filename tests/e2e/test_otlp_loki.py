"""test_otlp_loki.py - OTLP logs and pushes of Loki over HTTP: what is stored, what is answered, real clients, and
kill -9 under load."""

import contextlib
import gzip
import json
import os
import re
import select
import subprocess
import unittest

from clients import NODE_MODULES, needs
from harness import PATIENCE_S, ROOT, Case, environment, identity, logport, main, read_lines, rejects, scaled, small_disk, status, wait_until
from http_client import Connection, chunked, http_address, request
from kills import kill_under_load
from resend import HttpResender
from unfold_model import FORMATS, Rejected, Writer, parse, spoil

JSON = "application/json"
PATHS = {"loki": "/loki/api/v1/push", "otlp": "/v1/logs"}


def loki(values, **labels):
    return json.dumps({"streams": [{"stream": labels, "values": values}]}, separators=(",", ":")).encode()


def otlp(records, **attributes):
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    return json.dumps({"resourceLogs": [{"resource": {"attributes": pairs}, "scopeLogs": [{"logRecords": records}]}]}).encode()


class EventsCase(Case):
    def http(self, *words, **options):
        options.setdefault("tcp", ())
        options.setdefault("udp", ())
        return self.daemon("--http", "127.0.0.1:0", *words, **options)

    def connect(self, daemon):
        connection = Connection(http_address(daemon))
        self.addCleanup(connection.close)
        return connection

    def post(self, connection, kind, body, **fields):
        fields.setdefault("Content_Type", JSON)
        return connection.ask(request(body, target=PATHS[kind], **fields))


class OtlpLoki(EventsCase):
    def test_each_event_is_stored_when_it_is_answered(self):
        daemon = self.http()
        connection = self.connect(daemon)
        answer = self.post(connection, "loki", loki([["1700000000123456789", "hello"], ["1700000000000000000", '{"a":1.50}']], job="x"))
        self.assertEqual((answer.status, answer.body), (204, b""))
        answer = self.post(connection, "otlp", otlp([{"severityNumber": 17, "body": {"stringValue": "hi"}}], service="shop"))
        self.assertEqual((answer.status, answer.json), (200, {"partialSuccess": {}}))
        self.assertEqual(answer.fields["content-type"], JSON)
        self.assertEqual(read_lines(daemon.base), [
            b'{"@timestamp":"2023-11-14T22:13:20.123456789Z","message":"hello","labels":{"job":"x"}}',
            b'{"@timestamp":"2023-11-14T22:13:20.000Z","a":1.50,"labels":{"job":"x"}}',
            b'{"level":"error","message":"hi","resource":{"service":"shop"}}'])
        found = logport("search", "--level", "error", "--where", "resource.service = shop", "", daemon.base).out.decode()
        self.assertEqual(found.count("\n"), 1)
        since = logport("search", "-c", "--since", "2023-11-14T22:13:20.1Z", "--until", "2023-11-14T22:13:21Z", "", daemon.base).out.decode()
        self.assertEqual(since, "1\n")
        self.assertEqual(daemon.stop()["stored"], 3)

    def test_a_bad_event_is_named_and_the_others_are_stored(self):
        daemon = self.http()
        connection = self.connect(daemon)
        body = otlp([{"flags": 1}, {"body": {"intValue": "x"}}, {"flags": 2}, 7])
        answer = self.post(connection, "otlp", body)
        self.assertEqual((answer.status, answer.json), (200, {"partialSuccess": {
            "rejectedLogRecords": "2",
            "errorMessage": "2 of 4 log records were rejected; log record 2, at byte %d: an intValue is not an integer"
            % body.index(b'{"body"')}}))
        body = loki([["1", "a"], ["x", "b"]])
        answer = self.post(connection, "loki", body)
        self.assertEqual((answer.status, answer.body.decode()), (
            400, "1 of 2 entries were rejected; entry 2, at byte %d: the time of an entry is not a number of nanoseconds\n"
            % body.index(b'["x"')))
        self.assertEqual([line["reason"] for line in rejects(daemon.base)], ["otlp_record", "otlp_record", "loki_entry"])
        self.assertEqual(rejects(daemon.base)[1]["raw"], "7")
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["stored"], counters["rejected"]), (6, 3, 3))

    def test_a_body_that_is_none_is_refused_with_its_position(self):
        daemon = self.http()
        connection = self.connect(daemon)
        answer = self.post(connection, "otlp", b'{"resourceLogs":[]} x')
        self.assertEqual((answer.status, answer.json), (
            400, {"code": 3, "message": "nothing was stored; at byte 20 of the body: extra text after the value"}))
        answer = self.post(connection, "otlp", b'{"resource_logs":[{}]}')
        self.assertEqual((answer.status, answer.json["code"]), (400, 3))
        answer = self.post(connection, "loki", b'{"streams":1}')
        self.assertEqual((answer.status, answer.body), (400, b'nothing was stored; at byte 0 of the body: "streams" is not an array\n'))
        for kind, status in (("otlp", 200), ("loki", 204)):
            self.assertEqual(self.post(connection, kind, b"{}").status, status)
            self.assertEqual(self.post(connection, kind, b"").status, status)
        self.assertEqual(daemon.stop()["rejected"], 3)

    def test_protobuf_is_refused_and_the_way_is_named(self):
        daemon = self.http()
        answer = self.post(self.connect(daemon), "otlp", b"\n\0", Content_Type="application/x-protobuf")
        self.assertEqual((answer.status, answer.json["code"]), (415, 3))
        self.assertIn("OTEL_EXPORTER_OTLP_PROTOCOL=http/json", answer.json["message"])
        self.assertIn("Collector", answer.json["message"])
        answer = self.post(self.connect(daemon), "loki", b"\0", Content_Type="application/x-protobuf")
        self.assertEqual(answer.status, 415)
        daemon.stop()

    def test_a_schema_rejects_records_as_anywhere(self):
        path = os.path.join(self.directory(), "schema.json")
        with open(path, "w") as file:
            json.dump({"properties": {"n": {"maximum": 1}}}, file)
        daemon = self.http("--schema", path)
        records = [{"attributes": [{"key": "n", "value": {"intValue": n}}]} for n in range(4)]
        answer = self.post(self.connect(daemon), "otlp", otlp(records))
        self.assertEqual(answer.json["partialSuccess"]["rejectedLogRecords"], "2")
        self.assertIn("2 of 4 log records were rejected; log record 3: ", answer.json["partialSuccess"]["errorMessage"])
        self.assertEqual(read_lines(daemon.base), [b'{"n":0}', b'{"n":1}'])
        daemon.stop()

    def test_a_body_that_is_too_long_is_refused(self):
        daemon = self.http()
        answer = self.post(self.connect(daemon), "loki", b" " * ((8 << 20) + 1))
        self.assertEqual(answer.status, 413)
        packed = gzip.compress(otlp([{"body": {"stringValue": os.urandom(1000).hex()}}] * 5000))
        answer = self.post(self.connect(daemon), "otlp", packed, Content_Encoding="gzip")
        self.assertEqual((answer.status, answer.json["code"]), (413, 3))
        connection = self.connect(daemon)
        answer = self.post(connection, "loki", loki([["1", "x" * (1 << 20)], ["2", "y"]]))
        self.assertEqual(answer.status, 400)
        self.assertIn(b"entry 1, at byte", answer.body)
        self.assertEqual(read_lines(daemon.base), [b'{"@timestamp":"1970-01-01T00:00:00.000000002Z","message":"y"}'])
        self.assertEqual(rejects(daemon.base)[0]["reason"], "oversized")
        daemon.stop()

    def test_bodies_that_are_not_finished_hold_bounded_memory(self):
        daemon = self.http()
        held = [self.connect(daemon) for _ in range(5)]
        for connection in held:
            connection.send(request(b" " * (8 << 20), target=PATHS["loki"], Content_Type=JSON)[:-1])
        refused = select.select([connection.socket for connection in held], [], [], PATIENCE_S)[0]
        self.assertTrue(refused, "5 bodies of 8 MiB are held")
        for connection in held:
            if connection.socket in refused:
                self.assertEqual(connection.answer().status, 429)
            connection.close()

        def fits():
            return self.post(self.connect(daemon), "otlp", otlp([{"flags": 1}])).status == 200

        wait_until(fits, "the memory is free again")
        daemon.stop()

    def test_random_bodies_become_what_the_model_says_however_they_are_sent(self):
        daemon = self.http("--segment-bytes-max", "1MiB")
        connection = self.connect(daemon)
        wanted, bad = [], 0
        for _ in range(scaled(60, 5)):
            for kind, (make, model) in FORMATS.items():
                tree = make(self.rng)
                if self.rng.random() < 0.3:
                    tree = spoil(self.rng, tree)
                results = model(tree)
                writer = Writer(self.rng)
                writer.write(tree)
                body, fields = writer.body(), {"Content_Type": JSON, "target": PATHS[kind]}
                if self.rng.random() < 0.5:
                    body, fields["Content_Encoding"] = gzip.compress(body), "gzip"
                if self.rng.random() < 0.5:
                    sizes = [self.rng.randrange(1, 300) for _ in range(3)]
                    data = request(length=False, Transfer_Encoding="chunked", **fields) + chunked(body, sizes)
                else:
                    data = request(body, **fields)
                answer = connection.ask(data)
                refused = isinstance(results, str)
                rejected = 1 if refused else sum(isinstance(event, Rejected) for event in results)
                bad += rejected
                if not refused:
                    wanted += [event for event in results if not isinstance(event, Rejected)]
                if kind == "loki":
                    self.assertEqual(answer.status, 400 if rejected else 204, body)
                else:
                    self.assertEqual(answer.status, 400 if refused else 200, body)
                    if not refused:
                        found = answer.json["partialSuccess"].get("rejectedLogRecords", "0")
                        self.assertEqual(found, str(rejected))
        self.assertEqual([parse(line) for line in read_lines(daemon.base)], wanted)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["rejected"]), (len(wanted), bad))

    def test_a_large_body_passes_through_many_batches(self):
        daemon = self.http()
        connection = self.connect(daemon)
        count = scaled(20000, 2000)
        body = otlp([{"timeUnixNano": str(n), "body": {"stringValue": "x" * (n % 200)}} for n in range(1, count)], fill="y" * 300)
        for data in (request(body, target=PATHS["otlp"], Content_Type=JSON) + request(b"{}", target=PATHS["loki"], Content_Type=JSON),):
            connection.send(data)
            self.assertEqual(connection.answer().json, {"partialSuccess": {}})
            self.assertEqual(connection.answer().status, 204)
        packed = gzip.compress(body)
        self.assertEqual(self.post(connection, "otlp", packed, Content_Encoding="gzip").status, 200)
        lines = read_lines(daemon.base)
        self.assertEqual([len(json.loads(line)["message"]) for line in lines], [n % 200 for n in range(1, count)] * 2)
        daemon.stop()


class OtlpPressure(EventsCase):
    def test_a_full_disk_is_answered_while_bodies_are_unfolded(self):
        disk = small_disk(self, 4 << 20)
        daemon = self.http("--buffer-bytes-max", "4MiB", dir=os.path.join(disk, "logs"))
        ballast = os.path.join(disk, "ballast")
        self.assertEqual(self.post(self.connect(daemon), "otlp", otlp([{"flags": 1}])).status, 200)
        for size in (65536, 512):
            with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))
        waiting = [self.connect(daemon) for _ in range(16)]
        body = otlp([{"body": {"stringValue": os.urandom(300).hex()}} for _ in range(2000)])
        for connection in waiting:
            connection.send(request(body, target=PATHS["otlp"], Content_Type=JSON))
        for connection in waiting:
            connection.socket.settimeout(60)
            answer = connection.answer()
            self.assertEqual((answer.status, answer.json["code"], answer.fields["retry-after"]), (429, 14, "5"))
        os.remove(ballast)
        wait_until(lambda: status(daemon)["in_flight"] == 0, "all is written")
        self.assertEqual(self.post(self.connect(daemon), "otlp", otlp([{"flags": 2}])).status, 200)
        identity(daemon.stop())


class Sender(HttpResender):
    """Sends log records of OTLP, or pushes of Loki if its number is odd."""

    def is_stored(self, status, body):
        return status in (200, 204)

    def request(self, numbers):
        if self.number % 2:
            lines = [json.dumps({"from": self.number, "n": n}) for n in numbers]
            return PATHS["loki"], loki([["1700000000000000000", line] for line in lines], fill="x" * 100), JSON
        return PATHS["otlp"], otlp([
            {"attributes": [{"key": key, "value": {"intValue": value}} for key, value in (("from", self.number), ("n", n))]}
            for n in numbers
        ], fill="x" * 100), JSON


class OtlpKills(EventsCase):
    def test_no_acknowledged_log_record_is_lost(self):
        kill_under_load(self, "log record", lambda sender: sender.acknowledged,
                        lambda address_now: [Sender(n, address_now) for n in range(4)],
                        http=True)


# ---- real clients ----

DOCUMENT = os.path.join(ROOT, "docs", "otlp-loki.md")
EVENTS = [
    {"message": "hello", "data": 1},
    {"message": "grüße aus 東京 \U0001f600", "data": "\x01 ü \\ \" \u2028"},
    {"message": "line one\nline two\r\n\tindented", "data": {"nested": [1.5, True, {"a": "b"}]}},
    {"message": '{"looks":"like JSON"', "data": 12345678901234},
    {"message": "", "data": "x" * 20000},
] + [{"message": "event %d" % n, "data": n} for n in range(300)]

OPENTELEMETRY = """
const events = JSON.parse(require('fs').readFileSync(process.env.EVENTS));
events.forEach((e, n) => log.emit({ severityNumber: 13, severityText: 'WARN', body: e.message, attributes: { n, data: e.data } }));
provider.shutdown().then(() => console.log('done'));
"""
EACH = """
const events = JSON.parse(require('fs').readFileSync(process.env.EVENTS));
events.forEach((e, n) => %s);
setInterval(() => {}, 1e6);
"""


def snippet(name):
    with open(DOCUMENT) as file:
        return re.search(r"^```js %s\n(.*?)^```$" % name, file.read(), re.M | re.S)[1]


@needs("node")
@unittest.skipUnless(os.path.isdir(os.path.join(NODE_MODULES, "pino-loki")), "npm install --no-package-lock was not run in tests/clients")
class OtlpLokiClients(EventsCase):
    """The examples of docs/otlp-loki.md: every event is stored once, equal to what was logged."""

    def stored(self, name, body, message):
        daemon = self.http()
        folder = self.directory()
        os.symlink(NODE_MODULES, os.path.join(folder, "node_modules"))
        with open(os.path.join(folder, "events.json"), "w") as file:
            json.dump(EVENTS, file)
        example = snippet(name).replace("5180", str(http_address(daemon)[1]))
        with open(os.path.join(folder, "log.js"), "w") as file:
            file.write(re.sub(r"^log\.(info|emit)\(.*\n", "", example, flags=re.M) + body)
        client = subprocess.Popen(["node", "log.js"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env={**environment(), "EVENTS": os.path.join(folder, "events.json")})
        try:
            wait_until(lambda: len(read_lines(daemon.base)) >= len(EVENTS), "all events of %s are stored" % name)
            if name == "opentelemetry":
                self.assertEqual((client.communicate(timeout=PATIENCE_S)[0], client.returncode), (b"done\n", 0))
        finally:
            client.kill()
            client.wait()
            client.stdout.close()
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["rejected"]), (len(EVENTS), 0))
        records = sorted(map(json.loads, read_lines(daemon.base)), key=lambda record: record["n"])
        self.assertEqual([{"message": r[message], "data": r["data"]} for r in records], EVENTS)
        return daemon, records

    def test_opentelemetry(self):
        daemon, records = self.stored("opentelemetry", OPENTELEMETRY, "message")
        for record in records:
            self.assertEqual((record["resource"]["service.name"], record["scope"]), ("shop", {"name": "cart", "version": "1.0"}))
            self.assertEqual((record["level"], record["severity_text"]), ("warn", "WARN"))
        self.assertEqual(logport("search", "-c", "--level", "warn", "--since", "1h", "", daemon.base).out, b"%d\n" % len(EVENTS))

    def test_winston_loki(self):
        daemon, records = self.stored("winston-loki", EACH % "log.warn(e.message, { n, data: e.data })", "message")
        for record in records:
            self.assertEqual((record["labels"], record["level"]), ({"job": "shop", "level": "warn"}, "warn"))
        self.assertEqual(logport("search", "-c", "--level", "warn", "--since", "1h", "", daemon.base).out, b"%d\n" % len(EVENTS))

    def test_pino_loki(self):
        daemon, records = self.stored("pino-loki", EACH % "log.warn({ n, data: e.data }, e.message)", "msg")
        for record in records:
            self.assertEqual((record["labels"]["job"], record["level"]), ("shop", 40))
        self.assertEqual(logport("search", "-c", "--level", "warn", "--since", "1h", "", daemon.base).out, b"%d\n" % len(EVENTS))


if __name__ == "__main__":
    main()
