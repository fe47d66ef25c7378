#!/usr/bin/env python3
"""test_shapes.py - records in the shapes of common programs: time, level, logger and message are
found in each, printed in aligned columns, and can be chosen by their canonical names."""

import csv
import io
import json
import re

from harness import Case, Daemon, logport, main, native_only
from shapes import SHAPES, Event
from test_output import on_terminal

FIELDS = ("@time", "@level", "@logger", "@message")


class Shapes(Case):
    def store(self, lines, **more):
        daemon = Daemon(self, "--flush-ms", 20, **more)
        daemon.send(b"".join(line + b"\n" for line in lines))
        daemon.wait_stored(len(lines))
        return daemon

    def events(self, count):
        events, lines = [], []
        for n in range(count):
            event = Event(self.rng, n)
            record = self.rng.choice(SHAPES)(event) if n >= len(SHAPES) else SHAPES[n](event)
            events.append(event)
            lines.append(json.dumps(record, ensure_ascii=self.rng.random() < 0.5).encode())
        return events, lines

    def test_time_level_logger_and_message_are_found_in_every_shape(self):
        events, lines = self.events(300)
        base = self.store(lines).base
        out = logport("cat", "-o", "csv", "--fields", ",".join((*FIELDS, "@stream")), base).out.decode()
        rows = list(csv.reader(io.StringIO(out, newline="")))
        self.assertEqual(rows[0], [*FIELDS, "@stream"])
        for line, event, row in zip(lines, events, rows[1:], strict=True):
            self.assertEqual(row, [event.iso, event.level, event.logger, event.message, "main"], line)
        got = [json.loads(line) for line in logport("cat", "-o", "json", "--fields", ",".join(FIELDS), base).lines]
        for event, record in zip(events, got, strict=True):
            expected = dict(zip(FIELDS, (event.iso, event.level, event.logger, event.message), strict=True))
            self.assertEqual(record, {name: value for name, value in expected.items() if value})

    def test_pretty_lines_are_aligned_for_every_shape(self):
        events, lines = self.events(100)
        base = self.store(lines).base
        got = logport("cat", "-o", "pretty", base).out.decode().split("\n")[:-1]
        width = max(len(event.logger) for event in events) + 1
        for event, line in zip(events, got, strict=True):
            logger = event.logger + ":" if event.logger else ""
            expected = "%s %-5s %-*s %s" % (event.iso, event.level.upper(), width, logger, event.message)
            self.assertTrue(line.startswith(expected), (line, expected))

    def test_stack_traces_are_indented_and_context_is_marked(self):
        records = [
            {"msg": "one", "n": 1},
            {"msg": "two\nlines", "stack_trace": "Error: x\n\tat y\n", "n": 2},
            {"msg": "three", "n": 3},
        ]
        base = self.store([json.dumps(record).encode() for record in records]).base
        out = logport("search", "-C1", "-o", "pretty", "two", base).out.decode()
        self.assertEqual(
            out.split("\n"),
            ["- one n=1", "> two n=2", "    lines", "    stack_trace:", "      Error: x", "          at y", "- three n=3", ""],
        )

    def test_streams_are_shown_if_there_are_several(self):
        daemon = self.store([b'{"msg":"good"}'])
        daemon.send(b"bad\n")
        rejects = daemon.base + "/rejects"
        out = logport("cat", "-o", "pretty", daemon.base + "/main", rejects).out
        lines = out.decode().split("\n") if b"not_object" in out else []
        while len(lines) < 3:
            out = logport("cat", "-o", "pretty", daemon.base + "/main", rejects).out
            lines = out.decode().split("\n") if b"not_object" in out else []
        self.assertTrue(lines[0].startswith("main    good"), lines)
        self.assertTrue(lines[1].startswith("rejects "), lines)
        self.assertTrue(logport("cat", "-o", "pretty", daemon.base).out.startswith(b"good"))
        self.assertEqual(len(logport("cat", "--stream", "main,rejects", daemon.base + "/main", rejects).lines), 2)
        self.assertEqual(logport("cat", "--stream", "nope,main", daemon.base).code, 2)

    def test_a_name_that_no_record_has_is_reported_with_the_nearest_ones(self):
        base = self.store([b'{"user":{"name":"Ann"},"msg":"m"}']).base
        result = logport("cat", "-o", "csv", "--fields", "user.nmae,@mesage,msg", base)
        self.assertEqual((result.code, result.lines[1]), (0, b",,m"))
        self.assertIn("--fields user.nmae: no printed record has this field; did you mean user.name?", result.said)
        self.assertIn("did you mean @message?", result.said)
        self.assertNotIn("--fields msg", result.said)
        self.assertIn("--hide nam", logport("cat", "--hide", "nam", base).said)
        self.assertEqual(logport("cat", "--hide", "user.name,@message,@stream", base).said, "")

    def test_csv_for_spreadsheets(self):
        base = self.store([b'{"a":"=1+1","b":-1}']).base
        result = logport("cat", "-o", "csv", "--fields", "a,b", "--bom", "--safe-cells", base)
        self.assertEqual(result.out, b"\xef\xbb\xbfa,b\n'=1+1,-1\n")
        self.assertEqual(logport("cat", "--bom", base).code, 2)

    def test_tail_takes_a_number_as_tail_does(self):
        lines = [b'{"n":%d}' % n for n in range(30)]
        base = self.store(lines).base
        self.assertEqual(logport("tail", "-20", base).lines, lines[-20:])
        self.assertEqual(logport("tail", "-f5", base).code, 2)

    @native_only("a pseudo-terminal is a thing of Linux")
    def test_status_on_a_terminal_is_a_short_table(self):
        daemon = self.store([b'{"n":1}'])
        code, text = on_terminal("status", daemon.base)
        self.assertEqual(code, 0)
        self.assertRegex(text.decode(), r"received 1   stored 1   rejected 0   dropped 0   in flight 0\n")
        self.assertRegex(text.decode(), r"main +1 +8 B ")
        code, text = on_terminal("status", "--json", daemon.base)
        self.assertEqual((code, json.loads(text)["received"]), (0, 1))
        self.assertEqual(json.loads(logport("status", daemon.base).out)["received"], 1)

    @native_only("a pseudo-terminal is a thing of Linux")
    def test_a_terminal_gets_wrapped_lines(self):
        base = self.store([json.dumps({"msg": "word " * 40}).encode()]).base
        lines = on_terminal("cat", "--color", "never", base)[1].decode().split("\n")
        self.assertGreater(len(lines), 2)
        self.assertTrue(all(len(line) <= 80 for line in lines), lines)
        self.assertEqual(re.sub(r"\s+", " ", " ".join(lines)).strip(), ("word " * 40).strip())


if __name__ == "__main__":
    main()
