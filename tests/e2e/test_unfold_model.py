"""test_unfold_model.py - random pushes of Loki and exports of OTLP logs become what a model says, whatever the room
for records, and whatever is wrong in them.  Input is random; a failing test prints its seed."""

import os
import subprocess

from harness import BUILD, EXEC_PREFIX, SUFFIX, Case, environment, main, scaled
from unfold_model import FORMATS, Rejected, Writer, parse, spoil

UNFOLDED = EXEC_PREFIX + [os.path.join(BUILD, "tests", "unfolded" + SUFFIX)]


def take(cases):
    """cases: (format, record_max, room, body).  For each: what is refused, or a list of records and "REASON@POSITION"."""
    text = "".join("%s\t%d\t%d\t%s\n" % (*case[:3], case[3].hex()) for case in cases)
    done = subprocess.run(UNFOLDED, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), timeout=900)
    answers = done.stdout.decode().splitlines()
    assert done.returncode == 0 and len(answers) == len(cases), (done.returncode, done.stderr[-3000:], len(answers))
    found = []
    for answer in answers:
        refused, *events = answer.split("\t")
        found.append(refused or [bytes.fromhex(event[1:]) if event[0] == "=" else event for event in events])
    return found


def decoded(result):
    return result if isinstance(result, str) else [parse(event) if isinstance(event, bytes) else event for event in result]


class UnfoldModel(Case):
    def bodies(self, count, share):
        """(format, body as bytes, what is to become of it)"""
        for _ in range(count):
            for name, (make, model) in FORMATS.items():
                tree = make(self.rng)
                while self.rng.random() < share:
                    tree = spoil(self.rng, tree)
                writer = Writer(self.rng)
                writer.write(tree)
                wanted = model(tree)
                if not isinstance(wanted, str):
                    wanted = ["%s@%s" % (e.reason, writer.at[id(e.node)]) if isinstance(e, Rejected) else e for e in wanted]
                yield name, writer.body(), wanted

    def check(self, cases, wanted):
        for case, found, want in zip(cases, take(cases), wanted):
            found = decoded(found)
            if isinstance(want, str) and isinstance(found, str):
                found = found.split("@")[0]
            elif isinstance(found, list) and len(found) == len(want):
                unknown = [isinstance(event, str) and event.endswith("@None") for event in want]
                found = ["%s@None" % event.split("@")[0] if skip and isinstance(event, str) else event for event, skip in zip(found, unknown)]
            self.assertEqual(found, want, "%s %r" % (case[0], case[3]))

    def test_each_event_becomes_the_record_that_the_model_says(self):
        cases, wanted = [], []
        for name, body, want in self.bodies(scaled(1500), 0):
            cases.append((name, 60000, 0, body))
            wanted.append(want)
        self.check(cases, wanted)
        events = [event for want in wanted for event in want]
        self.assertGreater(sum(not isinstance(event, str) for event in events), len(events) // 2)

    def test_what_is_wrong_is_rejected_by_itself_with_its_position(self):
        cases, wanted = [], []
        for name, body, want in self.bodies(scaled(1500), 0.7):
            cases.append((name, 60000, 0, body))
            wanted.append(want)
        self.check(cases, wanted)
        self.assertTrue(any(isinstance(event, str) for want in wanted if not isinstance(want, str) for event in want))

    def test_the_room_for_records_does_not_matter_but_what_is_too_long_is_rejected(self):
        bodies = list(self.bodies(scaled(500), 0.2))
        whole = take([(name, 60000, 0, body) for name, body, _ in bodies])
        limits = [self.rng.randrange(40, 400) for _ in bodies]
        wide = take([(name, most, 0, body) for (name, body, _), most in zip(bodies, limits)])
        narrow = take([(name, most, most, body) for (name, body, _), most in zip(bodies, limits)])
        self.assertEqual(wide, narrow)
        for (name, body, _), most, all_events, events in zip(bodies, limits, whole, wide):
            if isinstance(all_events, str):
                self.assertEqual(events, all_events)
                continue
            self.assertEqual(len(events), len(all_events))
            for full, event in zip(all_events, events):
                if isinstance(event, bytes):
                    self.assertEqual(event, full)
                    self.assertLessEqual(len(event), most)
                elif event.startswith("oversized@") and isinstance(full, str):
                    self.assertEqual(event.split("@")[1], full.split("@")[1])  # too long, and wrong
                elif event.startswith("oversized@"):
                    # A line of Loki that is decoded, or has members that are moved, takes some more.
                    self.assertGreater(len(full), most if name == "otlp" else most // 3, "%r %r" % (body, full))
                else:
                    self.assertEqual(event, full)

    def test_any_bytes_are_refused_or_taken_the_same_way(self):
        cases = []
        for name, body, _ in self.bodies(scaled(500), 0.1):
            changed = bytearray(body)
            for _ in range(self.rng.randrange(1, 3)):
                changed[self.rng.randrange(len(changed))] = self.rng.choice(b'{}[]",:\\\n0 x\xff')
            cases.append((name, 60000, 0, bytes(changed)))
        for case, found in zip(cases, take(cases)):
            try:
                tree = parse(case[3].decode())
            except (ValueError, RecursionError):
                self.assertIsInstance(found, str, "%r" % case[3])
                continue
            wanted = FORMATS[case[0]][1](tree)
            if isinstance(wanted, str):
                self.assertEqual(found.split("@")[0], wanted, "%r" % case[3])
                continue
            found = [event.split("@")[0] if isinstance(event, str) else event for event in decoded(found)]
            self.assertEqual(found, [e.reason if isinstance(e, Rejected) else e for e in wanted], "%r" % case[3])


if __name__ == "__main__":
    main()
