"""checks.py - what must hold after the runs of script.py: every record is there once and in order or
recorded as deleted, the counters agree with that, nothing is left over, and a failure was reported."""

import collections
import contextlib
import json
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))

import harness  # noqa: E402
from harness import dropped, logport, run, split_lines  # noqa: E402

GONE = ("deleting", "deleted")
STREAMS = ("main", "audit", "metrics", "late")
SEGMENT = re.compile(r"^(?P<stream>.+)-(?P<sequence>\d{10})-\d{8}T\d{6}Z\.ndjson\.lz4$")
STATE_FILES = re.compile(r"^(lock|manifest\.ndjson|archives|archive-of|[a-z]+\.sequence)$")

# Without these no file can be made or numbered, so a stream must wait for them.
HOLD = ("directory", "sequence", "lock")


class Checks:
    """What a Script checks of itself; problems go to its wrong()."""

    # ---- the files ----

    def closed_here(self):
        found = []
        for stream in STREAMS:
            found += [path for path in harness.segments(self.base, stream) if ".part." not in path]
        return found

    def events(self):
        try:
            with open(os.path.join(self.base, "state", "manifest.ndjson"), "rb") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        events = []
        for line in split_lines(text):
            with contextlib.suppress(ValueError):
                events.append(json.loads(line))
        return [event for event in events if "name" in event]

    def count(self, stream):
        """The records of a stream as a killed daemon left it: present, or deleted and recorded."""
        files = self.files_of(stream)
        last = {event["name"]: event for event in self.events() if event["stream"] == stream}
        gone = [e["lines"] for e in last.values() if e["event"] in GONE and e["name"] not in files]
        return sum(run(["lz4", "-dc", path]).out.count(b"\n") for path in files.values()) + sum(gone)

    # ---- what must hold ----

    def check_end(self, daemon):
        """The exit code and the counters of the first run."""
        if self.code == -signal.SIGKILL and self.action.startswith("kill"):
            return
        if not daemon.started:
            if self.code not in (1, 2):
                self.wrong("it did not start, and ended with %s", self.code)
            return
        if self.counters is None or self.code not in (0, 1):
            self.wrong("it ended with %s, without the counters", self.code)
            return
        c = self.counters
        lost = dropped(c) + c["in_flight"]
        if c["received"] != c["stored"] + c["rejected"] + lost:
            self.wrong("the counters do not add up: %s", json.dumps(c))
        if c["in_flight"] != 0:
            self.wrong("%d records are in flight at the end", c["in_flight"])
        if (self.code == 0) != (lost == 0):
            self.wrong("exit code %d, but %d records were lost", self.code, lost)
        if lost and not self.may_lose(c):
            self.wrong("%d records were lost (%s) although the fault is over", lost, c["dropped"])
        sent = sum(sender.sent for sender in self.senders)
        received = c["received"] - self.udp_received(c)
        if received != sent and not lost:
            self.wrong("%d records were sent over TCP and %d received", sent, received)

    @staticmethod
    def udp_received(counters):
        """All datagrams are good lines, so those stored are those received."""
        streams = counters["streams"]
        return sum(streams[name]["stored"] for name in ("metrics", "late") if name in streams)

    def may_lose(self, counters):
        """A single failure must not lose anything, nor must a file that stays bad: another is made."""
        if self.class_ == "rejects":
            return dropped(counters) + counters["rejected"] <= sum(len(sender.bad) for sender in self.senders)
        return self.action.endswith("+all") and self.class_ in HOLD + ("live",) or (
            self.action.endswith("+file") and self.class_ in HOLD
        )

    def check_files(self):
        """Every stored record is there once and in order, or was deleted and the manifest says so."""
        self.check_names()
        self.check_verify()
        last = {}
        for event in self.events():
            last[event["name"]] = event
        for stream in STREAMS:
            files = self.files_of(stream)
            recorded = [event for event in last.values() if event["stream"] == stream]
            deleted = [event for event in recorded if event["event"] in GONE]
            gone = {event["name"]: event["lines"] for event in deleted if event["name"] not in files}
            for event in deleted:
                if event["name"] in files and event["event"] == "deleted":
                    self.wrong("%s was deleted according to the manifest, and is there", event["name"])
            self.check_sequences(stream, set(files) | {event["name"] for event in recorded})
            present = self.check_records(stream, files, gone)
            count = sum(gone.values())
            self.check_count(stream, present + count, "%d present, %d deleted" % (present, count))
        self.check_rejects()

    def files_of(self, stream):
        """{name: path}, in name order."""
        files = {}
        for folder in (self.archive, self.base):
            files.update((os.path.basename(path), path) for path in harness.segments(folder, stream))
        return dict(sorted(files.items()))

    def records(self, files):
        if not files:
            return []
        result = run(["lz4", "-dcm", *files.values()])
        if result.code != 0 or result.err:
            self.wrong("lz4 -dcm: %s", result.said)
        return split_lines(result.out)

    def check_sequences(self, stream, names):
        numbers = collections.Counter(SEGMENT.match(name)["sequence"] for name in names)
        for number, count in numbers.items():
            if count > 1:
                self.wrong("sequence %s of %s was used %d times", number, stream, count)

    def check_records(self, stream, files, gone):
        """Of each sender: numbers that rise, with gaps only where segments were deleted.  How many."""
        last, count = {}, 0  # sender: its last number
        known = dict(self.left.good, udp=range(self.udp_sent))
        known.update((sender.name, sender.good) for sender in self.senders)
        for names, after_gap in runs_of(files, gone):
            first = {}
            for line in self.records({name: files[name] for name in names}):
                count += 1
                try:
                    record = json.loads(line)
                    sender, n = record["from"], record["n"]
                    place = known[sender].index(n)
                except (ValueError, KeyError):
                    self.wrong("%s holds a line that was not sent: %r", stream, line[:200])
                    continue
                before = last.get(sender, -1)
                if place <= before:
                    self.wrong("%s: record %d of %s is repeated or not in order", stream, n, sender)
                lost = sender == "udp" or self.lost_some() or after_gap and sender not in first
                if place > before + 1 and not lost:
                    self.wrong("%s: records of %s before %d are missing", stream, sender, n)
                first.setdefault(sender, n)
                last[sender] = place
        return count

    def lost_some(self):
        return self.counters is not None and dropped(self.counters) > 0

    def check_count(self, stream, count, how):
        before = self.left.counts[stream]
        if self.counters is not None:
            stored = before + self.counters["streams"].get(stream, {"stored": 0})["stored"]
            if count != stored:
                self.wrong("%s: %d records were stored, but %s", stream, stored, how)
        else:
            stored = before + self.acknowledged.get(stream, 0)
            if count < stored:
                self.wrong("%s: at least %d records were stored, but %s", stream, stored, how)

    def check_rejects(self):
        files = self.files_of("rejects")
        found = []
        for line in self.records(files):
            try:
                found.append(json.loads(json.loads(line)["raw"].replace(",}", "}")))
            except (ValueError, KeyError):
                self.wrong("rejects holds %r", line[:200])
        keys = [(record["from"], record["n"]) for record in found]
        if len(keys) != len(set(keys)):
            self.wrong("records in rejects are repeated")
        bad = self.left.bad | {(sender.name, n) for sender in self.senders for n in sender.bad}
        if not set(keys) <= bad:
            self.wrong("rejects holds good lines: %s", sorted(set(keys) - bad)[:5])
        rejected = self.left.counts["rejects"] + (self.counters["rejected"] if self.counters else 0)
        if len(keys) != rejected if self.counters else len(keys) < rejected:
            self.wrong("%d records were rejected, rejects holds %d", rejected, len(keys))

    def check_names(self):
        """Nothing is left over: no temporary file, no live segment, nothing twice."""
        for path in self.closed_here():
            if os.path.exists(os.path.join(self.archive, os.path.relpath(path, self.base))):
                self.wrong("%s is also in the archive", path)
        for top in (self.base, self.archive):
            for folder, _, names in os.walk(top):
                below = os.path.relpath(folder, top)
                for name in names:
                    known = STATE_FILES.match(name) if below == "state" else SEGMENT.match(name)
                    if not known:
                        self.wrong("%s is left over", os.path.join(folder, name))

    def check_verify(self):
        if not self.events() and not any(map(self.files_of, STREAMS)):
            return  # it never stored anything
        result = logport("verify", "--manifest", self.base)
        if result.code != 0 or re.search(rb"\b[1-9]\d* (missing|added|changed)", result.out):
            self.wrong("verify --manifest: %d, %s%s", result.code, result.out.decode(), result.said)

    def check_message(self, fired, said):
        """An error is reported, with the file or the folder and what went wrong.

        Not of each look at something: it is repeated, and what matters is the result."""
        errno = re.match(r"E[A-Z]+", self.action)
        looks = self.call in LOOKS and not (self.action.endswith("+all") and self.number == 1)
        looks = looks or self.fired_at_stop  # what a stop leaves undone is left to the next start
        if not errno or errno.group() == "EINTR" or looks or any(silent in SILENT for silent in self.kinds()):
            return
        if fired[0].endswith("/manifest.ndjson.new"):
            return  # the manifest is written in place instead; if that fails, too, it is reported
        text = ERROR_TEXTS.get(errno.group(), "unexpected system error")
        name = os.path.basename(fired[0])
        lines = [line for line in said.split("\n") if text in line and WHERE.search(line)]
        if not lines:
            self.wrong('no message reports "%s" of %s', text, fired[0])
        self.vague = not any(name in line for line in lines)

    def kinds(self):
        return (self.call, self.class_), (self.call, "*")


def runs_of(files, gone):
    """Names of files that follow each other, and whether deleted ones come before them."""
    runs, names, after_gap = [], [], False
    for name in sorted(set(files) | set(gone)):
        if name in files:
            names.append(name)
            continue
        if names:
            runs.append((names, after_gap))
        names, after_gap = [], True
    return runs + ([(names, after_gap)] if names else [])


WHERE = re.compile("logport-faults-|logportd: (main|audit|metrics|late|rejects): ")
ERROR_TEXTS = {
    "EIO": "input/output error",
    "ENOSPC": "no space left on device",
    "EDQUOT": "no space left on device",
    "EROFS": "read-only file system",
    "EACCES": "permission denied",
    "EMFILE": "too many open files",
    "ENFILE": "too many open files",
    "ENOMEM": "out of memory",
    "ESTALE": "the volume is gone",
}

LOOKS = "stat lstat fstat fstatat statvfs statfs opendir readdir open read pread fopen access".split()

# Failures that need no message, and why.
SILENT = {
    ("close", "*"): "nothing is lost: what matters was synced before",
    ("fchown", "*"): "not permitted for most users; the file keeps the daemon's owner",
    ("fchmod", "*"): "the same",
    ("remove", "copy"): "nothing is left over at the end, which is checked",
    ("remove", "pack"): "the same",
    ("remove", "run"): "the same",
    ("remove", "sequence"): "the same",
    ("remove", "archives"): "the same",
    ("remove", "archive-of"): "the same",
    ("remove", "manifest"): "the same",
    ("open", "run"): "looks whether the file was deleted or replaced; looks again a second later",
    ("fstat", "run"): "the same",
    ("pread", "run"): "the same",
    ("lstat", "*"): "stat failed before and decides; this only looks for a link to nothing",
    ("mkdir", "*"): "the directory exists already, or what is then made in it fails",
}
