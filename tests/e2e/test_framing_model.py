"""test_framing_model.py - random sessions of every framing become what a model says: cut into any segments, in
batches of any size, and cut off at any byte.  Input is random; a failing test prints its seed."""

import json
import os
import subprocess

from framing_model import FRAMINGS, Event, expected, expected_cut
from harness import BUILD, EXEC_PREFIX, SUFFIX, Case, environment, main, scaled

SESSIONS = EXEC_PREFIX + [os.path.join(BUILD, "tests", "sessions" + SUFFIX)]


def take(cases):
    """cases: (protocol, line_max, room, seed, bytes).  For each: (protocol, refused, stored, rejected, reasons)."""
    text = "".join("%s\t%d\t%d\t%s\t%s\n" % (*case[:4], case[4].hex()) for case in cases)
    done = subprocess.run(SESSIONS, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), timeout=900)
    answers = done.stdout.decode().splitlines()
    assert done.returncode == 0 and len(answers) == len(cases), (done.returncode, done.stderr[-3000:], len(answers))
    found = []
    for answer in answers:
        protocol, refused, stored, reasons = answer.split("\t")
        counts = sum(int(reason.split("=")[1]) for reason in reasons.split())
        found.append((protocol, refused, bytes.fromhex(stored).split(b"\n")[:-1], counts, reasons))
    return found


class FramingModel(Case):
    def compare(self, cases, wanted):
        different = {}
        for case, (name, stored, rejected), found in zip(cases, wanted, take(cases)):
            if (found[2], found[3]) != (stored, rejected):
                different.setdefault(name, []).append(
                    "%s %r\nstored %r\nnot    %r\nrejected %s, not %d; the session is %s %s"
                    % (name, case, found[2], stored, found[4], rejected, *found[:2]))
        shortest = [min(texts, key=len) for texts in different.values()]
        self.assertFalse(different, "%s\n%s" % ({name: len(texts) for name, texts in different.items()}, "\n\n".join(shortest)))

    def ways(self):
        """Cut into segments, batches with little room."""
        return self.rng.choice((0, 0, 0, 1500)), self.rng.choice((0, 1, self.rng.randrange(2, 1 << 31)))

    def test_every_event_is_stored_or_rejected_once_whatever_is_in_it(self):
        cases, wanted = [], []
        for _ in range(scaled(1500)):
            for framing in FRAMINGS:
                events = framing.events(self.rng, self.rng.randrange(2, 9))
                data = framing.session(events, self.rng)
                protocol = self.rng.choice(("auto", framing.protocol))
                cases.append((protocol, 60000, *self.ways(), data))
                wanted.append((framing.name, *expected(events)))
        self.compare(cases, wanted)

    def test_cut_off_at_any_byte_what_is_unfinished_is_one_record(self):
        cases, wanted = [], []
        for _ in range(scaled(30)):
            for framing in FRAMINGS:
                events = framing.events(self.rng, 4, clean=True)
                data = framing.session(events, self.rng)
                for at in range(len(data) + 1):
                    protocol = self.rng.choice(("auto", framing.protocol))
                    room, seed = self.ways()
                    cases.append((protocol, 60000, room, self.rng.choice((seed, seed, "d")), data[:at]))
                    wanted.append((framing.name, *expected_cut(framing, protocol, data, events, at)))
        self.compare(cases, wanted)

    def test_the_limit_of_a_record_is_exact_in_every_framing(self):
        cases, wanted = [], []
        for _ in range(scaled(40)):
            for framing in FRAMINGS:
                if framing.name == "keep-alives":
                    continue  # white space before a line and after it counts
                for limit in (100, 117, 1000):
                    events = []
                    for size in self.rng.choices((limit - 1, limit, limit + 1, limit + 2, limit + 3, limit * 20, 20), k=6):
                        record = b'{"n":"%s"}' % (b"x" * (size - 8))
                        if framing.many_lines and events and self.rng.random() < 0.3:
                            record = b'{"n":"%s"\n}' % (b"x" * (size - 9))
                        events.append(Event(record, record.replace(b"\n", b" ") if size <= limit else None))
                    if framing.protocol != "octet-counting" and framing.protocol != "json-seq" and events[0].stored is None:
                        events.insert(0, Event(b'{"first":1}', b'{"first":1}'))
                    data = framing.session(events, self.rng)
                    cases.append((self.rng.choice(("auto", framing.protocol)), limit, *self.ways(), data))
                    wanted.append((framing.name, *expected(events)))
        self.compare(cases, wanted)

    def assert_extended(self, event, line):
        """An object with its header, or text as an object."""
        found = json.loads(line)
        has_header = found.pop("_syslog", None) is not None
        if event.text is not None:
            # A word before text may be its tag, or part of it.
            message, text = found.pop("message").strip(), event.text.decode("utf-8", "replace")
            same = message.endswith(text) or text.endswith(message) if event.header else message == text
            self.assertTrue(same, (event.sent, message))
            self.assertEqual((found, has_header), ({}, event.header != b""))
        elif event.header.startswith(b"<") and b'"_syslog"' not in event.stored:
            self.assertTrue(has_header)
            self.assertTrue(line.startswith(event.stored.rstrip()[:-1]), (line, event.stored))
        else:
            self.assertEqual(line, event.stored)

    def test_text_becomes_an_object_and_headers_are_added_on_request(self):
        cases, wanted = [], []
        for _ in range(scaled(500)):
            for framing in FRAMINGS:
                if not framing.headers:
                    continue
                events = framing.events(self.rng, self.rng.randrange(2, 9))
                protocol = self.rng.choice(("auto", framing.protocol))
                cases.append((protocol + "+", 60000, *self.ways(), framing.session(events, self.rng)))
                wanted.append(events)
        for case, events, found in zip(cases, wanted, take(cases)):
            extended = [event for event in events if event.stored is not None or event.text is not None]
            self.assertEqual((len(found[2]), found[3]), (len(extended), len(events) - len(extended)), (case, found))
            for event, line in zip(extended, found[2]):
                self.assert_extended(event, line)

    def test_a_datagram_holds_the_same_records(self):
        cases, wanted = [], []
        for _ in range(scaled(300)):
            for framing in FRAMINGS:
                events = framing.events(self.rng, self.rng.randrange(1, 9))
                data = framing.session(events, self.rng)
                cases.append((self.rng.choice(("auto", framing.protocol)), 60000, self.ways()[0], "d", data))
                wanted.append((framing.name, *expected(events)))
        self.compare(cases, wanted)


if __name__ == "__main__":
    main()
