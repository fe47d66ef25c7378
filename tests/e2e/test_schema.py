"""test_schema.py - lines are validated by their listener's JSON Schema: enforced or only
monitored, at the start, by a reload, and by `logport check`."""

import contextlib
import json
import os
import socket

from harness import Case, identity, log_line, logport, logportd, main, rejects, scaled, wait_until

HTTP = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["msg"],
    "properties": {
        "msg": {"type": "string", "maxLength": 100},
        "http": {"properties": {"status": {"type": "integer", "minimum": 100, "maximum": 599}}},
        "at": {"format": "date-time"},
    },
}
STATUS_700 = "#/properties/http/properties/status/maximum"


class WithSchemas(Case):
    def file(self, content, name="s.json"):
        path = os.path.join(self.directory(), name)
        with open(path, "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path


class Schema(WithSchemas):
    def test_what_the_schema_does_not_allow_is_kept_in_quarantine_with_its_verdict(self):
        daemon = self.daemon("--schema", self.file(HTTP))
        bad = b'{"msg":"a","http":{"status":700}}'
        daemon.send(b'{"msg":"first"}\n' + bad + b'\n  {"msg":"third"} \r\n{"n":1}\nnot json\n')
        daemon.wait_stored(3, "rejects")
        daemon.datagrams(b'{"msg":1}')
        daemon.wait_stored(4, "rejects")
        found = rejects(daemon.base)
        by_schema = [r for r in found if r["reason"] == "schema"]
        self.assertEqual(len(by_schema), 3)
        first = by_schema[0]
        self.assertEqual(first["raw"].encode(), bad)
        self.assertEqual(first["bytes"], len(bad))
        self.assertEqual(
            first["schema"],
            {"instance": "/http/status", "keyword": STATUS_700, "sentence": "700 is greater than the maximum 599"},
        )
        self.assertEqual(first["listener"], "tcp=127.0.0.1:%d" % daemon.tcp[0][1])
        self.assertEqual(by_schema[1]["schema"]["instance"], "")
        self.assertEqual(by_schema[2]["listener"], "udp=127.0.0.1:%d" % daemon.udp[0][1])
        self.assertEqual(sum(1 for r in found if "schema" not in r), 1)
        self.assert_lines(daemon.wait_stored(2), [b'{"msg":"first"}', b'{"msg":"third"}'])
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["stored"], counters["rejected"]), (6, 2, 4))
        self.assertEqual(counters["reasons"]["schema"], 3)
        self.assertEqual(counters["schema_monitored"], 0)

    def test_each_listener_has_its_own_schema_or_none(self):
        numbers = self.file({"properties": {"n": {"type": "integer"}}}, "numbers.json")
        texts = self.file({"properties": {"n": {"type": "string"}}}, "texts.json")
        config = self.file(
            {
                "schema": numbers,
                "tcp": [
                    "127.0.0.1:0",
                    {"address": "127.0.0.1:0", "schema": texts},
                    {"address": "127.0.0.1:0", "schema": "none"},
                ],
            },
            "c.json",
        )
        daemon = self.daemon("--config", config, tcp=[], udp=[])
        for listener in range(3):
            daemon.send(b'{"n":%d,"at":%d}\n{"n":"%d","at":%d}\n' % ((listener,) * 4), listener=listener)
        stored = daemon.wait_stored(4)
        self.assertEqual(
            sorted(stored), sorted([b'{"n":0,"at":0}', b'{"n":"1","at":1}', b'{"n":2,"at":2}', b'{"n":"2","at":2}'])
        )
        counters = daemon.stop()
        self.assertEqual(counters["reasons"], {"schema": 2})

    def test_a_monitored_schema_stores_counts_and_tells_a_few(self):
        daemon = self.daemon("--schema", self.file(HTTP), "--schema-mode", "monitor")
        sent = [b'{"msg":"a","http":{"status":%d}}' % n for n in range(600, 700)] + [b'{"n":"\xc2\x9b31m"}', b'{"msg":"b"}']
        daemon.send(b"\n".join(sent) + b"\n")
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
        line = daemon.wait_said("the schema would reject it: /http/status: ")
        self.assertIn("tcp=127.0.0.1:%d: stored, but" % daemon.tcp[0][1], line)
        self.assertIn(STATUS_700, line)
        daemon.wait_said("the schema would reject it: the record: ")
        daemon.send(sent[0] + b"\n")
        daemon.wait_stored(len(sent) + 1)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["rejected"]), (len(sent) + 1, 0))
        self.assertEqual(counters["schema_monitored"], 102)
        self.assertEqual(len(daemon.said_lines("would reject it")), 2, "each keyword once a minute")
        self.assertEqual(rejects(daemon.base), [])

    def test_format_is_asserted_only_when_asked(self):
        schema = self.file(HTTP)
        daemon = self.daemon("--schema", schema)
        daemon.send(b'{"msg":"a","at":"yesterday"}\n')
        daemon.wait_stored(1)
        daemon.stop()
        daemon = self.daemon("--schema", schema, "--formats")
        daemon.send(b'{"msg":"a","at":"yesterday"}\n{"msg":"a","at":"2026-11-24T08:00:00Z"}\n')
        daemon.wait_stored(1)
        daemon.wait_stored(1, "rejects")
        self.assertEqual(rejects(daemon.base)[0]["schema"]["keyword"], "#/properties/at/format")
        daemon.stop()

    def test_a_bad_schema_is_refused_at_the_start_and_by_check(self):
        where = self.directory()
        for content, said in (
            ('{\n "properties": {"a": {"minimum": "five"}}\n}', "/properties/a/minimum"),
            ('{"type": "objekt"}', "/type"),
            ('{"$ref": "https://elsewhere.example/s.json"}', "/$ref"),
            ('{"pattern": "("}', "/pattern"),
            ('{"a":}', ":1:6: "),
            ("[]", ""),
        ):
            path = self.file(content, "bad.json")
            for words in (["--check"], []):
                result = logportd("--schema", path, "--dir", where, *words)
                self.assertEqual(result.code, 2, (content, result.said))
                self.assertIn(path, result.said)
                self.assertIn(said, result.said)
                self.assertNotIn("ready", result.said)
        result = logportd("--schema", os.path.join(where, "none-such.json"), "--check")
        self.assertEqual(result.code, 2)
        self.assertIn("none-such.json: no such file", result.said)
        self.assertEqual(logportd("--schema", self.file(HTTP), "--check").code, 0)
        result = logportd("--schema", self.file(HTTP), "--schema-mode", "loud", "--check")
        self.assertEqual((result.code, "neither enforce nor monitor" in result.said), (2, True))

    def test_an_unknown_keyword_is_named_once_and_does_no_harm(self):
        path = self.file({"colour": "red", "properties": {"a": {"colour": 1}}})
        result = logportd("--schema", path, "--check")
        self.assertEqual(result.code, 0, result.said)
        self.assertEqual(result.said.count("colour is not a keyword"), 1, result.said)

    def test_many_lines_on_several_workers_are_validated_independently(self):
        schema = self.file(HTTP)
        daemon = self.daemon("--schema", schema, "--flush-ms", "20")
        lines = []
        for n in range(scaled(40000, 3000)):
            status = self.rng.choice((200, 404, 599, 600, 99, 201.0, 1e3))
            lines.append(b'{"msg":"%s","n":%d,"http":{"status":%s}}' % (b"m" * self.rng.randrange(1, 103), n, json.dumps(status).encode()))

        def holds(line):
            record = json.loads(line)
            return len(record["msg"]) <= 100 and 100 <= record["http"]["status"] <= 599

        senders = [self.in_thread(lambda part=lines[k::4]: daemon.send(b"\n".join(part) + b"\n")) for k in range(4)]
        for sender in senders:
            sender.finish()
        counters = daemon.stop()
        good = [line for line in lines if holds(line)]
        self.assertEqual(sorted(daemon.lines_stored()), sorted(good))
        self.assertEqual(counters["reasons"], {"schema": len(lines) - len(good)})
        identity(counters)
        checked = logport("check", "--schema", schema, stdin=b"\n".join(lines) + b"\n")
        self.assertEqual(checked.code, 1)
        self.assertEqual(len(checked.lines), len(lines) - len(good))

    def test_a_reload_takes_another_schema_and_refuses_a_bad_one(self):
        schema = self.file({"required": ["a"]})
        daemon = self.daemon("--schema", schema)
        connection = daemon.connect()
        connection.sendall(b'{"a":1}\n{"b":1}\n')
        daemon.wait_stored(1, "rejects")
        with open(schema, "w") as file:
            file.write('{"required": "b"}')
        answer = logport("reload", "--dir", daemon.base)
        self.assertEqual(answer.code, 2)
        self.assertIn(schema, answer.said)
        self.assertIn("/required", answer.said)
        connection.sendall(b'{"a":2}\n')
        daemon.wait_stored(2)
        with open(schema, "w") as file:
            file.write('{"required": ["b"]}')
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        connection.sendall(b'{"a":3}\n{"b":3}\n')
        self.assert_lines(daemon.wait_stored(3), [b'{"a":1}', b'{"a":2}', b'{"b":3}'])
        daemon.wait_stored(2, "rejects")
        self.assertEqual(daemon.stop()["reasons"], {"schema": 2})


class IJson(WithSchemas):
    LINES = [b'{"a":1}', b'{"a":1,"a":2}', b'{"a":"\\ud800"}', b'{"a":9007199254740993}', b'{"a":9007199254740991}']

    def test_what_not_all_read_alike_is_rejected_where_that_is_asked_for(self):
        config = self.file({"tcp": ["127.0.0.1:0", {"address": "127.0.0.1:0", "ijson": True}]}, "c.json")
        daemon = self.daemon("--config", config, tcp=[], udp=[])
        daemon.send(b"\n".join(self.LINES) + b"\n", listener=0)
        daemon.wait_stored(5)
        daemon.send(b"\n".join(self.LINES) + b"\n", listener=1)
        daemon.wait_stored(7)
        daemon.wait_stored(3, "rejects")
        counters = daemon.stop()
        self.assertEqual(counters["reasons"], {"duplicate_name": 1, "lone_surrogate": 1, "number_range": 1})
        self.assertEqual([r["offset"] for r in rejects(daemon.base)], [7, 6, 5])
        daemon = self.daemon("--ijson")
        daemon.send(b"\n".join(self.LINES) + b"\n")
        daemon.wait_stored(3, "rejects")
        self.assertEqual(daemon.stop()["stored"], 2)

    def test_check_validates_so_when_asked(self):
        text = b"\n".join(self.LINES) + b"\n"
        self.assertEqual(logport("check", stdin=text).code, 0)
        result = logport("check", "--ijson", stdin=text)
        self.assertEqual(result.code, 1)
        self.assertEqual([line.split(b": ")[1] for line in result.lines], [b"duplicate_name", b"lone_surrogate", b"number_range"])


class CheckSchema(WithSchemas):
    def test_verdicts_say_where_what_and_by_which_keyword(self):
        lines = b'{"msg":"a"}\n{"msg":"a","http":{"status":700}}\n{}\n'
        result = logport("check", "--schema", self.file(HTTP), stdin=lines)
        self.assertEqual(result.code, 1)
        self.assertEqual(
            result.lines[0],
            b"stdin:2: schema: /http/status: 700 is greater than the maximum 599 (%s)" % STATUS_700.encode(),
        )
        self.assertRegex(result.lines[1], rb"^stdin:3: schema: the record: .*\"msg\".* \(#/required\)$")
        self.assertEqual(len(result.lines), 2)

    def test_exit_codes_are_0_all_valid_1_some_invalid_2_no_schema(self):
        schema = self.file(HTTP)
        self.assertEqual(logport("check", "--schema", schema, stdin=b'{"msg":""}\n').code, 0)
        self.assertEqual(logport("check", "--schema", schema, stdin=b"[]\n").code, 1)
        self.assertEqual(logport("check", "--any", "--schema", schema, stdin=b"[]\n").code, 1)
        self.assertEqual(logport("check", "--schema", self.file("{"), stdin=b"{}\n").code, 2)
        self.assertEqual(logport("check", "--schema", schema + "x", stdin=b"{}\n").code, 2)

    def test_any_value_may_stand_at_the_top_with_any(self):
        schema = self.file({"type": ["integer", "null"]})
        values = b'1\n1.0\nnull\n"1"\ntrue\n[]\n{}\n1.5\n'
        result = logport("check", "--any", "--schema", schema, stdin=values)
        self.assertEqual([line.split(b":")[1] for line in result.lines], [b"4", b"5", b"6", b"7", b"8"])
        for boolean, code in (("true", 0), ("false", 1)):
            self.assertEqual(logport("check", "--any", "--schema", self.file(boolean), stdin=b"1\n").code, code)

    def test_many_texts_that_are_hard_to_match_cost_no_more_than_one(self):
        hard = json.dumps({"a" * 18 + "b%d" % n: 1 for n in range(2000)})
        schema = self.file({"patternProperties": {"^(a+)+$": {"type": "integer"}}})
        result = logport("check", "--schema", schema, stdin=hard.encode() + b'\n{"aaa":1}\n')
        self.assertRegex(result.lines[0], rb"stdin:1: schema: the record: matching a pattern .* too many steps")
        self.assertEqual(len(result.lines), 1)

    def test_names_cannot_forge_lines_nor_reach_a_terminal_as_they_are(self):
        names = b'{"\\u001b]0;x\\u0007":1}\n{"a\\nstdin:9: forged":1}\n{"\\ud800\\u0000":1}\n'
        result = logport("check", "--schema", self.file({"additionalProperties": False}), stdin=names)
        self.assertEqual(len(result.lines), 3)
        self.assertIn(b"/\\u001b]0;x\\u0007: ", result.lines[0])
        self.assertIn("/\ufffd\ufffd: ".encode(), result.lines[2])

    def test_formats_are_asserted_only_when_asked(self):
        schema = self.file({"format": "ipv4"})
        self.assertEqual(logport("check", "--any", "--schema", schema, stdin=b'"1.2.3.400"\n').code, 0)
        self.assertEqual(logport("check", "--any", "--formats", "--schema", schema, stdin=b'"1.2.3.400"\n').code, 1)
        self.assertEqual(logport("check", "--any", "--formats", "--schema", schema, stdin=b'"1.2.3.40"\n').code, 0)

    def test_schemas_in_several_files_refer_to_each_other_by_id(self):
        root = self.file({"$ref": "https://x.example/item.json#/$defs/positive"}, "root.json")
        item = self.file({"$id": "https://x.example/item.json", "$defs": {"positive": {"minimum": 1}}}, "item.json")
        words = ["check", "--any", "--schema", root, "--schema", item]
        self.assertEqual(logport(*words, stdin=b"1\n").code, 0)
        self.assertEqual(logport(*words, stdin=b"0\n").code, 1)
        alone = logport("check", "--any", "--schema", root, stdin=b"1\n")
        self.assertEqual(alone.code, 2)
        self.assertIn("/$ref", alone.said)


if __name__ == "__main__":
    main()
