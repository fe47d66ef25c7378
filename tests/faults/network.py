#!/usr/bin/env python3
"""network.py - runs logportd while one call of its network, waiting or threads goes wrong.

A case is CALL:CLASS:N:ACTION, as in run.py; the calls are at the end of faults.c.  Receives are made
with one call each (LOGPORT_PORT=epoll), except in cases about io_uring.  What must hold:

- the daemon starts, or exits with 1 and says why;
- once it has started it serves, and on SIGTERM it stops in bounded time with its counters, which add
  up;
- what a client has sent on a connection is stored, unless the daemon has reported that connection or
  its listener as failed; what is stored of a connection is the beginning of what was sent;
- a reload that fails changes nothing.
"""

import collections
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time

import driver
import run
import script
from script import FaultyDaemon, Scope, environment, harness, runtimes, stacks

DRAIN_MS = 1500
STOP_LIMIT_S = 15
START_LIMIT_S = 10

SHORT = ("ENOMEM", "ENOBUFS")
ENDS = ("ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH")  # of one connection
ERRORS = {
    "socket": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EACCES", "EAFNOSUPPORT"),
    "bind": ("EADDRINUSE", "EACCES", "EADDRNOTAVAIL", "ENOMEM"),
    "listen": ("EADDRINUSE", "ENOMEM"),
    "accept4": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EINTR", "EPERM", "EPROTO", "ENETDOWN"),
    "getsockname": ("ENOBUFS",),
    "setsockopt": ("ENOMEM", "EPERM", "ENOPROTOOPT"),
    "getsockopt": ("ENOMEM", "ENOPROTOOPT"),
    "socketpair": ("EMFILE", "ENFILE"),
    "recv": SHORT + ("EINTR",) + ENDS,
    "send": SHORT + ("EINTR", "EPIPE", "ECONNRESET"),
    "recvmsg": SHORT + ("EINTR",),
    "connect": ("EACCES", "ENOMEM"),  # looks whether a Unix socket is in use
    "fchmod": ("EIO",),
    "chmod": ("EIO", "EPERM"),
    "recvmmsg": SHORT + ("EINTR", "ECONNREFUSED", "EHOSTUNREACH"),
    "epoll_create1": ("EMFILE", "ENFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_pwait2": ("EINTR", "ENOSYS", "EPERM"),
    "epoll_wait": ("EINTR",),
    "eventfd": ("EMFILE", "ENFILE", "ENOMEM", "ENODEV"),
    "sigaction": ("EINVAL",),
    "pthread_create": ("EAGAIN", "EPERM", "ENOMEM"),
    "posix_spawnp": ("EAGAIN", "ENOMEM", "ENOENT"),
    "getaddrinfo": ("EMFILE", "ENOMEM", "EAGAIN"),
    "io_uring_queue_init": ("ENOSYS", "EPERM", "ENOMEM", "EMFILE"),
    "io_uring_register_ring_fd": ("EINVAL", "ENOMEM"),
    "io_uring_submit": ("EINTR", "EAGAIN", "EBUSY", "ENOMEM", "EBADR"),
    "__io_uring_get_cqe": ("EINTR", "EAGAIN"),
}
RING = {call for call in ERRORS if "io_uring" in call}
SHORTENED = ("recv", "send")
EVERY = {"epoll_pwait2": 6}  # they differ little
# A kernel without the call refuses it always; no kernel interrupts a call always.
ALWAYS = {"epoll_pwait2": ("ENOSYS", "EPERM")}
NEVER_ALWAYS = ("EINTR",) + ENDS + ("ECONNABORTED", "EPROTO", "ENETDOWN", "EPERM", "ECONNREFUSED")


def cases_of(calls):
    cases = []
    for (call, where), count in sorted(calls.items()):
        if call not in ERRORS:
            continue
        for n in range(1, count + 1, EVERY.get(call, 1)):
            for error in ERRORS[call]:
                cases.append("%s:%s:%d:%s" % (call, where, n, error))
            lasting = [error for error in ERRORS[call] if error not in NEVER_ALWAYS or call in ALWAYS]
            error = lasting[n % len(lasting)] if lasting else "EINTR"
            cases.append("%s:%s:%d:%s" % (call, where, n, error + "*%d" % (2 + n % 4)))
            if lasting:
                cases.append("%s:%s:%d:%s" % (call, where, n, error + "+all"))
            if call in SHORTENED:
                cases.append("%s:%s:%d:half" % (call, where, n))
    return cases


class Client:
    """A connection with its own numbered lines."""

    count = 0

    def __init__(self, script_, address, lines, cut=False):
        self.number = len(script_.clients)
        self.text = [b'{"client":%d,"n":%d,"pad":"%s"}' % (self.number, n, b"x" * (n * 37 % 90)) for n in range(lines)]
        self.sent = False  # all of it; the kernel has accepted it
        self.cut = cut  # it ends with a reset
        script_.clients.append(self)
        self.socket = None
        with contextlib.suppress(OSError):
            if isinstance(address, str):
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(3)
                self.socket.connect(address)
            else:
                self.socket = socket.create_connection(address, 3)
            self.socket.settimeout(3)

    def send(self, urgent=False):
        data = b"".join(line + b"\n" for line in self.text)
        try:
            if urgent:
                middle = len(data) // 2
                self.socket.sendall(data[:middle])
                self.socket.send(data[middle:middle + 1], socket.MSG_OOB)
                data = data[middle + 1:]
            self.socket.sendall(data)
            self.sent = not self.cut
        except (OSError, AttributeError):
            self.sent = False
        return self

    def close(self):
        if self.socket:
            if self.cut:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
        return self

    def half_close(self):
        """Ends sending, then waits until the daemon has read it all and closes."""
        with contextlib.suppress(OSError, AttributeError):
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.recv(1)
        return self.close()


class Network:
    def __init__(self, case, keep=False):
        self.case, self.keep = case, keep
        self.call = case.split(":")[0] if case else ""
        self.action = case.split(":")[3] if case else ""
        self.number = int(case.split(":")[2]) if case else 0
        self.refused = 0
        self.problems, self.vague, self.clients, self.datagrams = [], False, [], 0
        self.fired_at_stop, self.stop_offset = False, 0  # of script.Script.calls
        self.root = tempfile.mkdtemp(prefix="logport-network-", dir=os.environ.get("LOGPORT_FAULTS_TMP"))
        self.base = os.path.join(self.root, "logs")
        self.config = os.path.join(self.root, "config.json")
        self.log = os.path.join(self.root, "calls")

    def wrong(self, text, *values):
        self.problems.append(text % values if values else text)

    def path(self, name):
        return os.path.join(self.root, name)

    def configure(self, tcp, udp, datagram):
        with open(self.config + ".new", "w") as file:
            json.dump({"dir": self.base, "tcp": tcp, "udp": udp, "unix_stream": self.path("s"),
                       "unix_datagram": self.path(datagram), "flush_ms": 5, "drain_ms": DRAIN_MS,
                       "stop_ms": 6000, "archive_after_s": 0, "archive_command": ["true", "{path}"]}, file)
        os.replace(self.config + ".new", self.config)

    def run(self, ring):
        begin = time.monotonic()
        self.configure(["127.0.0.1:0", "localhost:0"], ["127.0.0.1:0"], "d")
        with socket.socket(socket.AF_UNIX) as killed:  # a daemon that was killed has left its file
            killed.bind(self.path("s"))
        variables = {"LD_PRELOAD": " ".join(runtimes() + [run.LIBRARY]), "LOGPORT_FAULTS_ROOT": self.root,
                     "LOGPORT_FAULTS_LOG": self.log, "LOGPORT_PORT": "" if ring else "epoll"}
        if self.case:
            variables["LOGPORT_FAULTS"] = self.case
        said = ""
        try:
            with Scope() as scope:
                daemon = FaultyDaemon(scope, "--config", self.config, dir=self.base, tcp=(), udp=(),
                                      env=environment(**variables))
                try:
                    self.whole_life(daemon)
                finally:
                    said = daemon.said + (stacks(daemon) if self.problems else "")
        except AssertionError as error:
            self.wrong("%s", error)
        calls, fired = self.calls()
        if not self.keep:
            shutil.rmtree(self.root, ignore_errors=True)
        return script.Outcome(self, said, fired, time.monotonic() - begin, calls)

    calls = script.Script.calls

    def whole_life(self, daemon):
        if not daemon.started:
            if daemon.lives:
                self.wrong("neither ready nor ended after %d s", START_LIMIT_S)
                return
            code, counters = daemon.wait_end(5)
            if code not in (1, 2) or not daemon.said_lines("^logportd: "):
                self.wrong("the start failed with %s, and the message was %r", code, daemon.said)
            return
        self.use(daemon)
        if not daemon.lives:
            self.wrong("it ended by itself with %s", daemon.process.poll())
        begin = time.monotonic()
        if not (self.number % 2 and self.logport("stop")):
            daemon.ask_to_stop()
        try:
            code, counters = daemon.wait_end(STOP_LIMIT_S)
        except AssertionError:
            self.wrong("the stop takes more than %d s", STOP_LIMIT_S)
            return
        if time.monotonic() - begin > DRAIN_MS / 1000 + 7:  # 5 s for a client that takes no answer
            self.wrong("the stop took %.1f s", time.monotonic() - begin)
        if counters is None:
            self.wrong("it ended with %s, without the counters", code)
            return
        self.check(daemon, code, counters)

    # -- what happens in its life --

    def use(self, daemon):
        first, second, = daemon.tcp[0], daemon.tcp[1]
        stays = Client(self, first, 20).send()
        for _ in range(6):
            Client(self, first, 5).send().close()
        Client(self, second, 30).send().half_close()
        Client(self, first, 30, cut=True).send().close()
        Client(self, first, 3).send(urgent=True).close()
        self.send_datagrams(daemon.udp[0], 10)
        Client(self, self.path("s"), 20).send().close()
        self.send_datagrams(self.path("d"), 10)
        self.logport("status")
        removed = Client(self, second, 25).send()
        Client(self, second, 10).send().close()
        self.configure(["127.0.0.1:0", "[::1]:0"] if socket.has_ipv6 else ["127.0.0.1:0"],
                       ["127.0.0.1:0", "127.0.0.2:0"], "e")
        before = len(daemon.said_lines("reload: "))
        daemon.process.send_signal(signal.SIGHUP)
        with contextlib.suppress(AssertionError):
            harness.wait_until(lambda: len(daemon.said_lines("reload: ")) > before, "it reloads", 8)
        lines = daemon.said_lines("reload: ")
        if len(lines) == before:
            self.wrong("the reload has no end")
        for text in re.findall(r" tcp=(\S+)", lines[-1]) if lines and "active:" in lines[-1] else ():
            Client(self, harness.address_of(text), 10).send().close()
        for text in re.findall(r" udp=(\S+)", lines[-1]) if lines and "active:" in lines[-1] else ():
            self.send_datagrams(harness.address_of(text), 5)
        self.send_datagrams(daemon.udp[0], 5)
        self.send_datagrams(self.path("e" if os.path.exists(self.path("e")) else "d"), 5)
        Client(self, self.path("s"), 5).send().close()
        stays.text += [b'{"client":%d,"n":%d}' % (stays.number, n) for n in range(20, 30)]
        with contextlib.suppress(OSError, AttributeError):
            stays.socket.sendall(b"".join(line + b"\n" for line in stays.text[20:]))
            stays.socket.shutdown(socket.SHUT_WR)
        removed.close()
        self.logport("rotate")
        for _ in range(4):
            Client(self, first, 5).send().close()  # not accepted yet when the stop begins, perhaps
        stays.close()

    def logport(self, command):
        """May fail once: the fault may be on its connection.  It must not hang.

        It waits for as long as its connection is not accepted, so not where none ever is."""
        if (self.call, self.action[-4:]) == ("accept4", "+all"):
            return False
        failed = harness.logport(command, "--dir", self.base, timeout=15).code != 0
        self.refused += failed
        if self.refused > 1 and self.action.isalpha():
            self.wrong("logport %s failed too", command)
        return not failed

    def send_datagrams(self, address, count):
        """To the path of a Unix socket: what is refused, or finds the queue full for a second, is not sent."""
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.settimeout(1)
            for _ in range(count):
                try:
                    sender.sendto(b'{"client":-1,"n":%d}' % self.datagrams, address)
                except OSError:
                    if family != socket.AF_UNIX:
                        raise
                    return
                self.datagrams += 1

    # -- what must hold --

    def check(self, daemon, code, c):
        lost = harness.dropped(c) + c["in_flight"]
        if code != 0 or lost:
            self.wrong("it ended with %d and lost %d records", code, lost)
        if c["received"] != c["stored"] + c["rejected"] + lost:
            self.wrong("the counters do not add up: %s", json.dumps(c))
        stored = collections.defaultdict(list)
        for line in daemon.lines_stored():
            record = json.loads(line)
            stored[record["client"]].append((record["n"], line))
        if sum(map(len, stored.values())) != c["stored"]:
            self.wrong("%d records are in the files, %d were stored", sum(map(len, stored.values())), c["stored"])
        allowed = c["connections_failed"]
        closed = bool(daemon.said_lines("closes while it cannot accept"))
        incomplete = []
        for client in self.clients:
            found = [line for _, line in sorted(stored[client.number])]
            # A record may be cut where the connection failed; then it is rejected.
            if found != client.text[: len(found)]:
                self.wrong("of client %d other lines were stored than sent", client.number)
            if client.sent and len(found) < len(client.text):
                incomplete.append("%d (%d of %d)" % (client.number, len(found), len(client.text)))
        if len(incomplete) > allowed and not closed:
            self.wrong("lines of clients %s are missing, and %d connections failed; sent: %d", ", ".join(incomplete),
                       allowed, sum(len(client.text) for client in self.clients))
        datagrams = len(stored[-1])
        if datagrams != self.datagrams and not daemon.said_lines("datagrams that wait are lost"):
            self.wrong("%d datagrams were sent, %d stored", self.datagrams, datagrams)


def run_case(case, keep=False):
    return case, Network(case, keep).run(ring=case.split(":")[0] in RING)


def baseline():
    calls = collections.Counter()
    for ring in (False, True):
        outcome = Network(None).run(ring)
        if outcome.problems:
            print("wrong without a fault:\n  " + "\n  ".join(outcome.problems) + "\n" + outcome.said)
            sys.exit(1)
        calls.update({key: n for key, n in outcome.calls.items() if (key[0] in RING) == ring})
    return calls


def main():
    options = driver.arguments(__doc__, "about ten minutes", 150, "accept4:*")
    if options.case:
        return driver.show(options.case, run_case, options.keep)
    return driver.run_cases("tests/faults/network.py", cases_of(baseline()), run_case, options)


if __name__ == "__main__":
    sys.exit(main())
