"""clients.py - what tests of real clients share: the events that every client logs, a proxy that records what
the client sends, a second implementation of each framing that says what must be stored, and the snippets of
docs/clients.md, which are the configurations under test."""

import contextlib
import glob
import json
import os
import re
import select
import socket
import struct
import subprocess
import threading
import unittest
import zlib

from harness import BUILD, PATIENCE_S, ROOT, WINDOWS, Case, environment, free_port, logport, logportd, run, start, wait_until

DOCUMENT = os.path.join(ROOT, "docs", "clients.md")
VERSION = logportd("--version").out
NODE_MODULES = os.path.join(ROOT, "tests", "clients", "node_modules")
PORT_IN_SNIPPETS = "5170"


UNPACKED = os.path.join(ROOT, "tests", "clients", "unpacked")


def which(name):
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin", UNPACKED + "/usr/sbin"]:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    return None


def needs(name):
    return unittest.skipUnless(which(name), "%s is not installed" % name)


def lacks_libraries(path, **variables):
    return b"not found" in run(["ldd", path], env=environment(**variables)).out


def content_of(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


# ---- syslog-ng, installed or unpacked ----

SYSLOG_NG_LIBRARIES = UNPACKED + "/usr/lib/syslog-ng"
SYSLOG_NG = """
@version: 3.38
options { log-msg-size(1048576); };
source s_local { file("%(folder)s/events.ndjson" flags(no-parse) program-override("shop") follow-freq(0.1)); };
"""


def syslog_ng_options(folder, config):
    modules = glob.glob(SYSLOG_NG_LIBRARIES + "/[0-9]*")
    found = ["--module-path", modules[0]] if modules else []
    return ["-F", "-f", config, "-R", folder + "/persist", "-c", folder + "/ctl", "-p", folder + "/pid", *found]


# ---- what is logged ----

STACK = "Error: it failed\n" + "".join(
    '    at Object.<anonymous> (C:\\app\\src\\"x"\\line%d.js:%d:7)\n' % (n, n) for n in range(40)
)
LONG = 100 << 10

# Numbers that a double holds exactly, and some that need 64-bit integers or all digits of a double.
EVENTS = [
    {"message": "hello", "data": 1},
    {"message": "grüße aus 東京 \U0001f600 e\u0301 \u2028\u2029 \u00a0\ufeff \U0010ffff", "data": "\x01 \x1f \x7f \u0085 ü"},
    {"message": "line one\nline two\r\n\tindented\n\n", "data": "\n\r\t"},
    {"message": 'say "hi" \\ /slash/ }{ [x] <b>&amp; 100 % ${x} {} {0} #{x} \'q\'', "data": {"}{": '"\\}{ %s %d %%'}},
    {"message": "", "data": ""},
    {"message": "a stack trace", "data": {"stack": STACK}},
    {"message": "numbers", "data": [0, -1, 0.5, 9007199254740991, -9007199254740991, 1e21, 1e-7, 123456789.125]},
    {"message": "nested", "data": {"a": {"b": [1, {"c": None, "d": [True, False, []]}], "e": {}}, "": [[[]]], "ü": "東"}},
    {"message": "long", "data": "".join('}{"\\\n%d' % n for n in range(LONG // 9))},
    {"message": "limits", "data": [9223372036854775807, -9223372036854775808, 1.7976931348623157e308, 5e-324, 0.1]},
]
ROUNDS = 4


def events_for(entry):
    """All that the client can send, several times, each with a number of its own in n."""
    chosen = [
        (number, event)
        for number, event in enumerate(EVENTS)
        if (entry.numbers or event["message"] != "limits")
        and (entry.long or event["message"] != "long")
        and (entry.empty or event["message"])
        and not event["message"].startswith(entry.more.get("without", ("not in any",)))
    ]
    # The long one once: a socket's buffer has little room.
    return [
        {**event, "n": turn * len(EVENTS) + number}
        for turn in range(ROUNDS)
        for number, event in chosen
        if turn == 0 or event["message"] != "long"
    ]


# ---- what must be stored ----


def frames(framing, data):
    """The records in what one connection, or one datagram, carried."""
    if framing == "newline":
        return [line.rstrip(b"\r") for line in data.split(b"\n")]
    if framing == "nul":
        return data.split(b"\0")
    if framing == "json-seq":
        return data.split(b"\x1e")
    if framing == "octet-counting":
        found = []
        while data:
            count, _, data = data.partition(b" ")
            found.append(data[: int(count)])
            data = data[int(count) :].lstrip(b"\r\n")
        return found
    if framing == "relp":
        found = []
        while data:
            _, command, rest = data.split(b" ", 2)
            length = int(re.match(rb"\d+", rest).group())
            rest = rest[len(str(length)) :].removeprefix(b" ")
            found += [rest[:length]] if command == b"syslog" else []
            data = rest[length + 1 :]
        return found
    if framing == "lumberjack":
        found = []
        while data:
            kind, (size,), data = data[:2], struct.unpack(">I", data[2:6]), data[6:]
            if kind == b"2C":
                found += frames(framing, zlib.decompress(data[:size]))
                data = data[size:]
            elif kind == b"2J":
                (size,) = struct.unpack(">I", data[:4])
                found.append(data[4 : 4 + size])
                data = data[4 + size :]
        return found
    assert framing == "concatenated", framing
    text, found, at = data.decode(), [], 0
    decoder = json.JSONDecoder()
    while True:
        at = text.find("{", at)
        if at < 0:
            return found
        try:
            _, end = decoder.raw_decode(text, at)
            found.append(text[at:end].encode())
            at = end
        except ValueError:
            at += 1


def stored_as(frame):
    """The object in a record after whatever header, as one line; None when there is nothing."""
    frame = frame.strip(b" \t\r\n\0")
    if not frame:
        return None
    for match in re.finditer(rb"\{", frame):
        try:
            json.loads(frame[match.start() :])
            return frame[match.start() :].replace(b"\n", b" ")
        except ValueError:
            pass
    raise AssertionError("there is no object in %r" % frame[:300])


# ---- the recording proxy ----


class Recorder:
    """Passes on what arrives at one port, TCP and UDP, and keeps it."""

    def __init__(self, test, daemon):
        self.port = free_port()
        self.daemon = daemon
        self.connections = []
        self.datagrams = []
        self.answers = []
        self.stopped = False
        self.tcp = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.end, ending = os.pipe()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.accept, self.receive)]
        for thread in self.threads:
            thread.start()

        def stop():
            self.stopped = True
            os.write(ending, b"x")
            for thread in self.threads:
                thread.join(PATIENCE_S)
            self.tcp.close()
            self.udp.close()
            os.close(self.end)
            os.close(ending)

        test.addCleanup(stop)

    def ready(self, *sockets):
        found, _, _ = select.select([self.end, *sockets], [], [])
        return [] if self.end in found else found

    def accept(self):
        while self.ready(self.tcp):
            client, _ = self.tcp.accept()
            kept = bytearray()
            self.connections.append(kept)
            thread = threading.Thread(target=self.pass_on, args=(client, kept), daemon=True)
            self.threads.append(thread)
            thread.start()

    def pass_on(self, client, kept):
        server = socket.create_connection(self.daemon.tcp[0], PATIENCE_S)
        sources = [client, server]
        with client, server, contextlib.suppress(ConnectionError):
            while server in sources:
                for source in self.ready(*sources):
                    try:
                        piece = source.recv(65536)
                    except ConnectionError:
                        piece = b""
                    if source is server:
                        self.answers += [piece] if piece else []
                        client.sendall(piece)
                    else:
                        kept += piece
                        server.sendall(piece)
                    if not piece:
                        sources.remove(source)
                        (server if source is client else client).shutdown(socket.SHUT_WR)
                if self.stopped:
                    return

    def receive(self):
        while self.ready(self.udp):
            datagram = self.udp.recv(65536)
            self.datagrams.append(datagram)
            self.udp.sendto(datagram, self.daemon.udp[0])

    def expected(self, framing):
        """The lines that the daemon must store for what was sent, in no order."""
        pieces = [bytes(kept) for kept in self.connections]
        found = [stored_as(frame) for piece in pieces for frame in frames(framing, piece)]
        found += [stored_as(frame) for datagram in self.datagrams for frame in frames("newline" if framing == "newline" else "nul", datagram)]
        return [record for record in found if record is not None]


# ---- the snippets ----


def snippets():
    """The blocks of docs/clients.md that have a name after the language: {name: text}."""
    found = {}
    with open(DOCUMENT) as file:
        for name, text in re.findall(r"^```[\w+-]+ ([\w.-]+)\n(.*?)^```$", file.read(), re.M | re.S):
            assert name not in found, "%s is in docs/clients.md twice" % name
            found[name] = text
    return found


def with_port(text, port):
    return text.replace(PORT_IN_SNIPPETS, str(port))


# ---- a client ----


class Entry:
    """A client under test.

    name       of its snippet in docs/clients.md
    framing    as the recorded bytes are read again; None: they cannot be (TLS, compression)
    picks      record -> what the client made of an event: n, and any of message, data
    body       what follows the snippet and logs the events
    example    how many events the snippet itself logs
    long, numbers, empty, without   which of the events the client can send
    tls        "server" or "client": whose certificates there are
    unix       it sends to a Unix socket
    """

    def __init__(self, name, framing, picks, body="", example=1, long=True, numbers=True, empty=True, **more):
        self.name, self.framing, self.picks, self.body, self.example = name, framing, picks, body, example
        self.long, self.numbers, self.empty = long, numbers, empty
        self.tls = more.pop("tls", False)
        self.more = more


class ClientCase(Case):
    def run_client(self, entry):
        if entry.tls and b"OpenSSL" not in VERSION:
            self.skipTest("this build has no TLS")
        if entry.framing == "forward" and b"without msgpack-c" in VERSION:
            self.skipTest("built without msgpack-c")
        unpacked = entry.framing or entry.tls or entry.more.get("unix")
        if not unpacked and b"zlib" not in VERSION:
            self.skipTest("built without zlib")
        if entry.more.get("unix") and WINDOWS:
            self.skipTest("Wine has no Unix sockets")
        self.run_and_check(entry)

    def run_and_check(self, entry):
        """Runs the client until its events are stored; each must be stored once, as sent."""
        folder, events = self.directory(), events_for(entry)
        daemon, port = self.listening(entry, folder)
        with open(os.path.join(folder, "events.json"), "w") as file:
            json.dump(events, file)
        with open(os.path.join(folder, "events.ndjson"), "w") as file:
            file.write("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events))
        text = with_port(snippets()[entry.name], port).replace("/run/logport/", folder + "/")
        total = len(events) + entry.example
        process = self.client(entry, folder, text, port)
        try:
            found = self.wait_for(daemon, total, process, folder)
        finally:
            self.end(process)
        self.check(entry, events, found, total)
        if self.recorder:
            if entry.framing and entry.framing != "forward":  # which is not JSON
                self.assert_lines(sorted(found), sorted(self.recorder.expected(entry.framing)))
            self.assertEqual(bool(self.recorder.answers), entry.framing in ("relp", "lumberjack") or "acknowledged" in text)
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["stored"], counters["rejected"]), (total, total, 0))

    def listening(self, entry, folder):
        self.recorder = None
        if entry.more.get("unix"):
            words = ["--unix-stream", folder + "/stream.sock", "--unix-datagram", folder + "/datagram.sock"]
            return self.daemon("--flush-ms", "10", *words), 0
        if not entry.tls:
            daemon = self.daemon("--flush-ms", "10", "--receive-bytes", "1MiB")
            self.recorder = Recorder(self, daemon)
            return daemon, self.recorder.port
        made = logport("cert", "--dir", os.path.join(folder, "pki"), "--name", "localhost", "--client", "shop-1")
        self.assertEqual(made.code, 0, made.said)
        pki = lambda name: os.path.join(folder, "pki", name)
        tls = {"certificate": pki("server.pem"), "key": pki("server-key.pem")}
        if entry.tls == "client":
            tls["clients"] = pki("ca.pem")
        with open(os.path.join(folder, "logportd.json"), "w") as file:
            json.dump({"tcp": {"address": "127.0.0.1:0", "tls": tls}}, file)
        daemon = self.daemon("--flush-ms", "10", "--config", os.path.join(folder, "logportd.json"), tcp=(), udp=())
        return daemon, daemon.tcp[0][1]

    def wait_for(self, daemon, total, process, folder):
        found = []

        def enough():
            found[:] = daemon.lines_stored()
            if process.poll():
                raise AssertionError("the client ended with %d: %s" % (process.returncode, self.output(folder)))
            return len(found) >= total

        try:
            wait_until(enough, "%d records are stored" % total)
        except AssertionError as error:
            raise AssertionError(
                "%s; there are %d; the client said: %s; the daemon said:\n%s\nrejects: %r\nsent: %r"
                % (error, len(found), self.output(folder), daemon.said, daemon.lines_stored("rejects")[:3], self.sent()[:3])
            )
        return found

    def sent(self):
        recorder = self.recorder
        return [bytes(piece[:300]) for piece in recorder.connections + recorder.datagrams] if recorder else []

    def check(self, entry, events, found, total):
        self.assertEqual(len(found), total)
        remaining = {event["n"]: 1 for event in events}
        examples = 0
        for line in found:
            record = json.loads(line)
            try:
                picked = entry.picks(record)
            except (KeyError, TypeError, AttributeError, ValueError):
                picked = {}
            if "n" not in picked:
                self.assertTrue(b"order created" in line, line)
                examples += 1
                continue
            n = picked.pop("n")
            remaining[n] -= 1
            for key, value in picked.items():
                self.assertEqual(value, EVENTS[n % len(EVENTS)][key], "%s of %r" % (key, line[:300]))
        self.assertEqual(examples, entry.example)
        self.assertEqual(set(remaining.values()), {0}, remaining)

    # -- processes --

    def start(self, folder, command, stdin=None, **variables):
        with open(os.path.join(folder, "output"), "wb") as output:
            return start(
                command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, stdin=stdin, start_new_session=True,
                env=environment(EVENTS=os.path.join(folder, "events.json"), **variables),
            )

    def shell(self, folder, text):
        """Runs commands of a shell, in which my-app prints the events, a line each."""
        path = self.write(folder, "bin/my-app", "#!/bin/sh\ncat '%s'\n" % os.path.join(folder, "events.ndjson"))
        os.chmod(path, 0o755)
        return self.start(folder, ["bash", "-euc", text], PATH=":".join((os.path.dirname(path), BUILD, os.environ["PATH"])))

    def output(self, folder):
        with open(os.path.join(folder, "output"), "rb") as file:
            return file.read()[-2000:].decode("utf-8", "replace")

    def end(self, process):
        """Ends the client, and what it has started."""
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.wait()

    def write(self, folder, name, text):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path


def tests_of(entries):
    """A decorator: a test method for each entry."""

    def add(case):
        for entry in entries:
            method = lambda self, entry=entry: self.run_client(entry)
            need = entry.more.get("needs")
            if need:
                method = needs(need)(method)
            setattr(case, "test_" + re.sub(r"\W", "_", entry.name), method)
        case.entries = entries
        return case

    return add
