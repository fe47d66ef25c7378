"""script.py - one run of logportd with a fault, a second without, and what must hold after both.

The script has three streams over TCP and UDP, good and bad lines, rotation by size and by
`logport rotate`, re-packing, a move to an archive, archive_command, retention in both places, a
reload that changes the configuration and adds a stream, and a clean stop.

A second, shorter script is for cases that end with ":restart".  It begins with what a killed
daemon left: torn live segments, closed segments that were not packed, moved or handed over yet, a
torn manifest and temporary files.
"""

import collections
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))

import checks  # noqa: E402
import harness  # noqa: E402
from checks import STREAMS  # noqa: E402
from harness import Daemon, environment, logport, run, split_lines  # noqa: E402

STOP_MS = 10000
DELAY_S = 3  # of faults.c
WAIT_S = 2.5  # a failed write is tried again after 2 s
# What a daemon may need in addition: a slow machine, and the delayed call.
STOP_LIMIT_S = STOP_MS / 1000 + DELAY_S + 6
START_LIMIT_S = DELAY_S + 15


class Wrong(Exception):
    """Something that must hold does not."""


class Outcome:
    def __init__(self, script, said, fired, seconds, calls):
        self.problems, self.vague = script.problems, script.vague  # vague: no message names the file
        self.said, self.fired, self.seconds = said, fired, seconds
        self.calls = calls  # {(call, class): how many}
        self.folder = script.root if script.keep else None


class Scope(contextlib.ExitStack):
    """What harness.Daemon needs of a test."""

    def addCleanup(self, function, *arguments, **options):
        self.callback(function, *arguments, **options)


class FaultyDaemon(Daemon):
    """May fail to start, and may end at any time."""

    def wait_ready(self):
        self.started = False
        with contextlib.suppress(AssertionError):
            self.wait_said(harness.READY, START_LIMIT_S)
            Daemon.wait_ready(self)
            self.started = True

    @property
    def lives(self):
        return self.process.poll() is None


# ---- the lines ----


class Sender:
    """One connection: numbered lines to a stream, some of them bad."""

    def __init__(self, daemon, stream, name, listener):
        self.stream, self.name = stream, name
        self.rng = random.Random(name)
        self.good, self.bad = [], []  # numbers
        self.connection = None
        with contextlib.suppress(OSError):
            self.connection = daemon.connect(listener, 5)
            self.connection.settimeout(2)  # a daemon that reads nothing is a finding, no reason to wait

    def line(self, bad=False):
        n = len(self.good) + len(self.bad)
        (self.bad if bad else self.good).append(n)
        pad = "%048x" % self.rng.getrandbits(192)
        text = '{"from":"%s","n":%d,"level":"info","pad":"%s","text":"a line of the fault test"}'
        text %= self.name, n, pad
        return (text[:-1] + ",}" if bad else text).encode()

    def send(self, count, bad=0):
        lines = [self.line(i < bad) for i in range(count)]
        self.write(b"\n".join(lines) + b"\n")

    def end(self):
        """The last line has no newline."""
        self.write(self.line())
        if self.connection:
            self.connection.close()

    def write(self, data):
        try:
            if self.connection:
                self.connection.sendall(data)
        except OSError:
            self.connection.close()  # part of it may have been sent: nothing else can follow
            self.connection = None

    @property
    def sent(self):
        return len(self.good) + len(self.bad)


# ---- the script ----


class Left:
    """What a daemon left that was killed; copied for each case that ends with :restart."""

    def __init__(self, library):
        killed = Script("pwrite:live:45:kill-half", library, keep=True)
        killed.run(restart=False)
        self.root = killed.root
        for name in ("logs/state/main.pack", "logs/state/manifest.ndjson.new", "archive/state/audit.copy"):
            path = os.path.join(self.root, name)
            if os.path.isdir(os.path.dirname(path)):
                with open(path, "wb") as file:
                    file.write(b"the beginning of something")
        with open(os.path.join(self.root, "logs/state/manifest.ndjson"), "ab") as file:
            file.write(b'{"event":"closed","time":"2026')
        os.remove(killed.log)
        self.good = {sender.name: sender.good for sender in killed.senders}
        self.bad = {(sender.name, n) for sender in killed.senders for n in sender.bad}
        self.udp_sent = killed.udp_sent
        self.counts = {stream: killed.count(stream) for stream in STREAMS + ("rejects",)}

    def copy(self, root):
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        for name in ("archives", "manifest.ndjson"):  # they name the archive
            path = os.path.join(root, "logs/state", name)
            with contextlib.suppress(FileNotFoundError), open(path, "rb+") as file:
                text = file.read()  # the new root is as long as the old one
                file.seek(0)
                file.write(text.replace(self.root.encode(), root.encode()))

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


class Nothing:
    """The same for a first start."""

    good, bad, udp_sent, counts = {}, set(), 0, {stream: 0 for stream in STREAMS + ("rejects",)}


class Script(checks.Checks):
    def __init__(self, case, library, left=None, keep=False):
        self.case, self.library, self.left, self.keep = case, library, left or Nothing, keep
        self.problems, self.vague = [], False
        self.senders, self.udp_sent = [], self.left.udp_sent
        self.code = self.counters = None
        self.impatient = self.fired_at_stop = False
        self.stop_offset = 0
        self.acknowledged = {}
        self.said = []  # of both runs
        self.root = tempfile.mkdtemp(prefix="logport-faults-")
        self.base = os.path.join(self.root, "logs")
        self.archive = os.path.join(self.root, "archive")
        self.handed = os.path.join(self.root, "handed")
        self.log = os.path.join(self.root, "calls")
        self.config = os.path.join(self.root, "config.json")
        os.mkdir(self.handed)
        self.call, self.class_, number, self.action = case.split(":")[:4] if case else ("", "", "0", "")
        self.number = int(number)
        if left:
            left.copy(self.root)

    def wrong(self, text, *values):
        self.problems.append(text % values if values else text)

    def configure(self, changed):
        """The second configuration keeps less, re-packs better and sends datagrams to another stream."""
        config = {
            "dir": self.base,
            "tcp": ["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "audit"}],
            "udp": {"address": "127.0.0.1:0", "stream": "late" if changed else "metrics"},
            "flush_ms": 10,
            "sync_ms": 40,
            "drain_ms": 1000,
            "stop_ms": 2000 if self.action.endswith("+all") else STOP_MS,
            "segment_bytes_max": "20KiB",
            "archive_after_s": 0,
            "archive_level": 4 if changed else 3,
            "retention_free_bytes_min": 1,
            "streams": {
                "main": {"retention_count_max": 2 if changed else 3},
                "audit": {"segment_bytes_max": "8KiB", "archive_dir": self.archive, "retention_count_max": 2},
                "metrics": {
                    "segment_bytes_max": "2KiB",
                    "archive_level": 0,
                    "archive_command": ["cp", "{path}", os.path.join(self.handed, "{name}")],
                    "archive_command_then": "delete",
                },
                "late": {"segment_idle_s": 1},
            },
        }
        with open(self.config + ".new", "w") as file:
            json.dump(config, file, indent=1)
        os.replace(self.config + ".new", self.config)

    def daemon(self, scope, **options):
        return FaultyDaemon(scope, "--config", self.config, dir=self.base, tcp=(), udp=(), **options)

    def run(self, restart=True):
        begin = time.monotonic()
        try:
            with Scope() as scope:
                self.first_run(scope)
                if restart:
                    self.second_run(scope)
                    self.check_files()
        except (AssertionError, Wrong) as error:
            self.wrong("%s", error)
        said = "\n---- the second run ----\n".join(self.said)
        calls, fired = self.calls()
        if self.case and fired:
            self.check_message(fired, said)
        if not self.keep:
            shutil.rmtree(self.root, ignore_errors=True)
        return Outcome(self, said, fired, time.monotonic() - begin, calls)

    # -- the first run, with the fault --

    def first_run(self, scope):
        self.configure(changed=False)
        variables = {
            "LD_PRELOAD": " ".join(runtimes() + [self.library]),
            "LOGPORT_FAULTS_ROOT": self.root,
            "LOGPORT_FAULTS_LOG": self.log,
        }
        if self.case:
            variables["LOGPORT_FAULTS"] = self.case.removesuffix(":restart")
        daemon = self.daemon(scope, env=environment(**variables))
        if daemon.started:
            self.use(daemon)
        elif daemon.lives:
            self.said.append(daemon.said + stacks(daemon))
            raise Wrong("the start takes more than %d s" % START_LIMIT_S)
        begin = time.monotonic()
        self.stop_offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        if daemon.lives:
            daemon.ask_to_stop()
        try:
            self.code, self.counters = daemon.wait_end(STOP_LIMIT_S)
        except AssertionError:
            raise Wrong("the stop takes more than %d s" % STOP_LIMIT_S) from None
        finally:
            self.said.append(daemon.said + stacks(daemon))
        self.stop_s = time.monotonic() - begin
        self.check_end(daemon)

    def use(self, daemon):
        names = ("a", "b", "c") if self.left is Nothing else ("d", "e", "f")
        self.senders = [Sender(daemon, "main", name, 0) for name in names[:2]]
        self.senders.append(Sender(daemon, "audit", names[2], 1))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with self.udp:
            if self.left is Nothing:
                self.use_all(daemon)
            else:
                self.send(daemon)
                self.wait(daemon, self.all_done, WAIT_S)
        if daemon.lives:
            self.all_received()
        for sender in self.senders:
            sender.end()

    def use_all(self, daemon):
        for phase in range(3):
            for _ in range(2):
                self.send(daemon)
            if not daemon.lives:
                return
            if phase == 0:
                self.rotate(daemon)
                self.wait(daemon, self.some_moved, WAIT_S)
            if phase == 1:
                self.reload(daemon)
        self.wait(daemon, self.all_kept, WAIT_S)

    def send(self, daemon):
        for sender in self.senders:
            sender.send(70, bad=1)
        self.datagrams(daemon, 6)
        self.wait(daemon, self.all_received, WAIT_S)

    def datagrams(self, daemon, count):
        for _ in range(count):
            lines = []
            for _ in range(4):
                lines.append(b'{"from":"udp","n":%d,"text":"a line of a datagram"}' % self.udp_sent)
                self.udp_sent += 1
            with contextlib.suppress(OSError):
                self.udp.sendto(b"\n".join(lines), daemon.udp[0][:2])

    def rotate(self, daemon):
        result = logport("rotate", "--dir", self.base, timeout=STOP_LIMIT_S)
        if result.code != 0 and not self.case:
            self.wrong("rotate: %s", result.said)

    def reload(self, daemon):
        self.configure(changed=True)
        with contextlib.suppress(ProcessLookupError):
            daemon.process.send_signal(signal.SIGHUP)
        self.wait(daemon, lambda: daemon.said_lines("reload: "), WAIT_S)

    def wait(self, daemon, predicate, limit_s):
        """Until it holds, the daemon ends, or the time is up: a fault may have made it impossible.

        Then later waits are short."""
        if self.impatient:
            limit_s = 0.2
        end = time.monotonic() + (limit_s if self.case else harness.PATIENCE_S)
        while daemon.lives and time.monotonic() < end:
            if predicate():
                return True
            time.sleep(0.01)
        if not self.case:
            self.wrong("%s did not come true without a fault", predicate.__name__)
        self.impatient = True
        return False

    def status(self):
        result = logport("status", "--dir", self.base, timeout=STOP_LIMIT_S)
        return json.loads(result.out) if result.code == 0 else None

    def all_received(self):
        status = self.status()
        if status is None:
            return False
        self.acknowledged = {name: stream["stored"] for name, stream in status["streams"].items()}
        sent = sum(sender.sent for sender in self.senders) + self.udp_sent - self.left.udp_sent
        return status["received"] == sent and status["in_flight"] == 0

    def some_moved(self):
        return any(event["event"] == "moved" for event in self.events())

    def all_kept(self):
        """Segments were deleted by each rule, moved and handed over."""
        events = collections.Counter((event["stream"], event["event"]) for event in self.events())
        return (
            events["main", "archived"] >= 1
            and events["main", "deleted"] >= 2
            and events["audit", "moved"] >= 3
            and events["audit", "deleted"] >= 2
            and events["metrics", "handed_over"] >= 2
            and events["metrics", "deleted"] >= 2
        )

    # -- the second run, without a fault: what was left over is done --

    def second_run(self, scope):
        self.configure(changed=True)
        daemon = self.daemon(scope)
        if not daemon.started:
            self.said.append(daemon.said)
            raise Wrong("the second start failed")
        self.wait_books()
        daemon.ask_to_stop()
        try:
            code, counters = daemon.wait_end(STOP_LIMIT_S)
        except AssertionError:
            raise Wrong("the second run does not stop") from None
        finally:
            self.said.append(daemon.said + stacks(daemon))
        if code != 0 or counters is None:
            self.wrong("the second run ended with %s", code)

    def wait_books(self):
        end = time.monotonic() + 5
        while time.monotonic() < end and not self.all_done():
            time.sleep(0.01)

    def all_done(self):
        """Each closed segment is recorded, and moved, handed over or deleted if it has to be."""
        closed = self.closed_here()
        recorded = {event["name"] for event in self.events()}
        waiting = [path for path in closed if "/audit/" in path or "/metrics/" in path]
        kept = [path for path in closed if "/main/" in path], harness.segments(self.archive, "audit")
        return not waiting and max(map(len, kept)) <= 3 and all(os.path.basename(path) in recorded for path in closed)

    # -- the calls and the fault --

    def calls(self):
        calls, fired = collections.Counter(), []
        with contextlib.suppress(FileNotFoundError), open(self.log, "rb") as file:
            offset = 0
            for line in split_lines(file.read()):
                offset += len(line) + 1
                words = line.decode("utf-8", "replace").split(" ", 4)
                if words[0] == "FAULT":
                    self.fired_at_stop = self.fired_at_stop or not fired and offset > self.stop_offset
                    fired.append(" ".join(words[4:]))
                    words = words[1:]
                if len(words) >= 3:
                    calls[words[0], words[1]] += 1
        return calls, fired

def runtimes():
    """The libraries of a sanitizer, which must be loaded before ours."""
    if not harness.SANITIZED:
        return []
    needs = run(["ldd"] + harness.program("logportd")).out.decode()
    return re.findall(r"=> (\S*/lib[at]san\S*)", needs)


def stacks(daemon):
    """Where each thread of a daemon is that does not end; "" when it has ended."""
    if not daemon.lives or shutil.which("gdb") is None:
        return ""
    result = run(["gdb", "-batch", "-p", str(daemon.pid), "-ex", "thread apply all bt 12"])
    return "\n" + result.out.decode("utf-8", "replace")
