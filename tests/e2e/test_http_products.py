"""test_http_products.py - HTTP as clients of Elasticsearch, Splunk, Seq and Datadog speak it."""

import gzip
import json

from harness import identity, log_line, main, read_lines, rejects
from http_client import chunked, request
from test_http import JSON, LINES, HttpCase


class HttpProducts(HttpCase):
    def test_a_bulk_of_elasticsearch(self):
        daemon = self.http()
        connection = self.connect(daemon)
        sent = [log_line(self.rng, n=n) for n in range(5000)]
        body = b"".join(b'{"%s":{"_index":"logs","_id":"%d"}}\n%s\n' % (self.rng.choice((b"index", b"create")), n, line)
                        for n, line in enumerate(sent))
        answer = connection.ask(request(body, target="/_bulk", Content_Type=LINES))
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.fields["x-elastic-product"], "Elasticsearch")
        self.assertEqual((answer.json["errors"], len(answer.json["items"])), (False, 5000))
        for item in answer.json["items"]:
            ((action, result),) = item.items()
            self.assertIn(action, ("index", "create"))
            self.assertEqual((result["status"], "error" in result), (201, False))
        self.assert_lines(read_lines(daemon.base), sent)
        for target in ("/logs/_bulk", "/_bulk?filter_path=errors&pretty", "/a-b/_bulk"):
            answer = connection.ask(request(gzip.compress(b'{"create":{}}\n{"x":1}\n'), target=target, Content_Encoding="gzip",
                                            Content_Type="application/vnd.elasticsearch+x-ndjson; compatible-with=8"))
            self.assertFalse(answer.json["errors"])
        daemon.stop()

    def test_each_item_of_a_bulk_has_its_own_status(self):
        """Random items, against what they should be answered."""
        daemon = self.http("--line-bytes-max", "1000")
        connection = self.connect(daemon)
        documents = ((b'{"a":1}', None), (b'{"a":}', "unexpected"), (b"", "blank"), (b"  ", "blank"), (b"[1]", "not_object"),
                     (b'{"x":"' + b"y" * 2000 + b'"}', "oversized"), (b'{"b":"\xc3\xa4"}', None), (b'{"a":"\xff"}', "bad_utf8"))
        for _ in range(60):
            body, expected, stored = b"", [], []
            for _ in range(self.rng.choice((0, 1, 5, 400))):
                action = self.rng.choice(("index", "create", "create", "update", "delete"))
                space = self.rng.choice((b"", b" ", b"\r"))
                body += self.rng.choice((b"", b"\n", b" \r\n")) + space + b'{%s"%s" : {"_id":"}{\\"[","n":[{}]}}%s\n' % (
                    space, action.encode(), space)
                if action == "delete":
                    expected.append((action, "bulk_action"))
                    continue
                document, reason = self.rng.choice(documents)
                body += document + self.rng.choice((b"\n", b"\r\n"))
                expected.append((action, "bulk_action" if action == "update" else reason))
                if expected[-1][1] is None:
                    stored.append(document)
            before = len(read_lines(daemon.base))
            if self.rng.random() < 0.3:
                sizes = tuple(self.rng.randrange(1, 300) for _ in range(5))
                data = request(length=False, target="/_bulk", Transfer_Encoding="chunked") + chunked(body, sizes)
            else:
                data = request(body, target="/_bulk")
            cut = self.rng.randrange(len(data))
            connection.send(data[:cut])
            connection.send(data[cut:])
            answer = connection.answer()
            self.assertEqual(answer.status, 200)
            found = []
            for item in answer.json["items"]:
                ((action, result),) = item.items()
                reason = result["error"]["reason"].split(":")[0] if "error" in result else None
                self.assertEqual(result["status"], 400 if reason else 201)
                found.append((action, reason))
            self.assertEqual(found, expected)
            self.assertEqual(answer.json["errors"], any(reason for _, reason in expected))
            self.assert_lines(read_lines(daemon.base)[before:], stored)
        identity(daemon.stop())

    def test_bulks_that_are_not_valid(self):
        daemon = self.http()
        for body in (b"{}\n{}\n", b'{"a":1}\n', b'{"index":{}\n{}\n', b"x\n", b'{"index":{}}\n', b'{"indexx":{}}\n{}\n',
                     b'["index"]\n{}\n', b'{"index":{}}x\n{}\n', b'{"index"}\n{}\n', b'{index:{}}\n{}\n'):
            answer = self.connect(daemon).ask(request(body, target="/_bulk"))
            self.assertEqual(answer.status, 400, body)
            self.assertEqual(answer.json["error"]["type"], "illegal_argument_exception")
        daemon.stop()

    def test_too_many_items(self):
        daemon = self.http()
        answer = self.connect(daemon).ask(request(b'{"index":{}}\n{}\n' * 65537, target="/_bulk"))
        self.assertEqual(answer.status, 413)
        answer = self.connect(daemon).ask(request(b'{"index":{}}\n{}\n' * 65536, target="/_bulk"))
        self.assertEqual((answer.status, len(answer.json["items"])), (200, 65536))
        daemon.stop()

    def test_what_clients_of_elasticsearch_ask_first(self):
        daemon = self.http()
        connection = self.connect(daemon)
        info = connection.ask(request(method="GET", target="/?pretty"))
        self.assertEqual((info.json["tagline"], info.json["version"]["number"][0]), ("You Know, for Search", "8"))
        head = connection.ask(request(method="HEAD"), to="HEAD")
        self.assertEqual((head.status, head.fields["x-elastic-product"], head.fields["content-length"]),
                         (200, "Elasticsearch", info.fields["content-length"]))
        self.assertEqual(connection.ask(request(method="GET", target="/_license")).json["license"]["status"], "active")
        self.assertEqual(connection.ask(request(method="GET", target="/_cluster/health/x?a=b")).json["status"], "green")
        for target in ("/_index_template/filebeat-8", "/_ilm/policy/filebeat", "/_template/x", "/_component_template/x"):
            self.assertEqual(connection.ask(request(method="HEAD", target=target), to="HEAD").status, 200)
            answer = connection.ask(request(b'{"template":{}}', method="PUT", target=target, Content_Type=JSON))
            self.assertEqual(answer.json, {"acknowledged": True})
        answer = connection.ask(request(b'{"a":\n1}', target="/logs/_doc", Content_Type=JSON))
        self.assertEqual((answer.status, answer.json["result"]), (201, "created"))
        self.assertEqual(read_lines(daemon.base), [b'{"a": 1}'])
        self.assertEqual(connection.ask(request(b"{", target="/logs/_doc", Content_Type=JSON)).json["status"], 400)
        daemon.stop()

    def test_splunk(self):
        daemon = self.http()
        connection = self.connect(daemon)
        events = [b'{"time":1764500000.5,"host":"h","event":{"n":%d}}' % n for n in range(100)]
        for target, body in (("/services/collector", b"".join(events)), ("/services/collector/event", b"\r\n".join(events)),
                             ("/services/collector/event/1.0", b"[" + b",".join(events) + b"]")):
            answer = connection.ask(request(body, target=target, Authorization="Splunk x"))
            self.assertEqual((answer.status, answer.json), (200, {"text": "Success", "code": 0}))
        self.assert_lines(read_lines(daemon.base), events * 3)
        answer = connection.ask(request(events[0] + b'{"event":}' + events[1], target="/services/collector"))
        self.assertEqual((answer.status, answer.json["code"], answer.json["invalid-event-number"]), (400, 6, 1))
        answer = connection.ask(request(b'{"raw":1}\ntext\n', target="/services/collector/raw?channel=c"))
        self.assertEqual((answer.status, answer.json["invalid-event-number"]), (400, 1))
        self.assertEqual(connection.ask(request(method="GET", target="/services/collector/health")).json["code"], 17)
        daemon.stop()

    def test_acknowledgement_of_splunk(self):
        daemon = self.http()
        connection = self.connect(daemon)
        ids = []
        for _ in range(3):
            answer = connection.ask(request(b'{"event":1}', target="/services/collector", X_Splunk_Request_Channel="c"))
            ids.append(answer.json["ackId"])
        self.assertEqual(len(set(ids)), 3)
        ask = {"target": "/services/collector/ack?channel=c"}
        answer = connection.ask(request(json.dumps({"acks": ids + [99]}).encode(), **ask))
        self.assertEqual(answer.json, {"acks": {**{str(n): True for n in ids}, "99": False}})
        answer = connection.ask(request(json.dumps({"acks": list(range(4000))}).encode(), **ask))
        self.assertEqual(len(answer.json["acks"]), 4000)
        for body, expected in ((b'{"acks":[1,"2"]}', 400), (b"{}", 400), (b'{"acks":[' + b"1," * 5000 + b"1]}", 413)):
            self.assertEqual(self.connect(daemon).ask(request(body, **ask)).status, expected)
        answer = self.connect(daemon).ask(request(b'{"acks":[1]}', target="/services/collector/ack"))
        self.assertEqual(answer.status, 400, "without a channel")
        daemon.stop()

    def test_text_is_wrapped_as_on_other_listeners(self):
        daemon = self.http("--text", "wrap")
        answer = self.connect(daemon).ask(request("Grüße\n{\"a\":1}".encode(), target="/services/collector/raw"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(read_lines(daemon.base), ['{"message":"Grüße"}'.encode(), b'{"a":1}'])
        daemon.stop()

    def test_seq(self):
        daemon = self.http()
        connection = self.connect(daemon)
        events = [b'{"@t":"2026-11-30T08:00:00Z","@mt":"{n} ]}","n":%d,"x":[[{}]]}' % n for n in range(500)]
        packed = b' {"Events" : [\n' + b" ,\n".join(events) + b"\n]\n} \n"
        for _ in range(30):
            before = len(read_lines(daemon.base))
            sizes = tuple(self.rng.randrange(1, 5000) for _ in range(9))
            head = request(length=False, target="/api/events/raw", Content_Type=JSON, Transfer_Encoding="chunked")
            answer = connection.ask(head + chunked(packed, sizes))
            self.assertEqual((answer.status, answer.json), (201, {"MinimumLevelAccepted": None}))
            self.assert_lines(read_lines(daemon.base)[before:], events)
        for target, kind in (("/ingest/clef", JSON), ("/api/events/raw?clef", "application/vnd.serilog.clef"),
                             ("/api/events/raw", JSON)):
            before = len(read_lines(daemon.base))
            self.assertEqual(connection.ask(request(b"\n".join(events), target=target, Content_Type=kind)).status, 201)
            self.assert_lines(read_lines(daemon.base)[before:], events)
        answer = connection.ask(request(b'{"Events":[{},{"a":}]}', target="/api/events/raw", Content_Type=JSON))
        self.assertEqual((answer.status, answer.json["Error"]), (400, "1 of the events were rejected, the first is number 2"))
        answer = connection.ask(request(b'{"Events":[{}],"a":1}', target="/api/events/raw", Content_Type=JSON))
        self.assertEqual(answer.status, 400)
        daemon.stop()

    def test_datadog(self):
        daemon = self.http()
        connection = self.connect(daemon)
        for target, body, stored in (("/api/v2/logs", b'[{"message":"a"},{"message":"b"}]', 2), ("/v1/input", b'{"a":1}', 1),
                                     ("/v1/input/KEY?ddsource=x", b'{"a":1}\n{"b":2}', 2)):
            before = len(read_lines(daemon.base))
            answer = connection.ask(request(body, target=target, DD_API_KEY="x"))
            self.assertEqual((answer.status, answer.json), (202, {}))
            self.assertEqual(len(read_lines(daemon.base)) - before, stored)
        self.assertEqual(connection.ask(request(b"[{]", target="/api/v2/logs", Content_Type=JSON)).status, 400)
        self.assertEqual(connection.ask(request(method="GET", target="/api/v1/validate")).json, {"valid": True})
        daemon.stop()

    def test_problems_are_said_as_each_product_does(self):
        daemon = self.configured(tokens=["t"])
        for target, path in (("/_bulk", ("error", "type")), ("/services/collector", ("code",)), ("/ingest/clef", ("Error",)),
                             ("/api/v2/logs", ("errors",)), ("/", ("error",))):
            found = self.connect(daemon).ask(request(b"{}", target=target)).json
            for name in path:
                found = found[name]
            self.assertTrue(found)
        answer = self.connect(daemon).ask(request(method="GET", target="/services/collector/health"))
        self.assertEqual(answer.status, 200, "needs no token")
        daemon.stop()


if __name__ == "__main__":
    main()
