"""relp.py - a client of RELP that remembers what was acknowledged, and sends the rest again."""

import collections
import contextlib
import socket
import threading

OFFERS = b"relp_version=0\nrelp_software=test\ncommands=syslog"
WINDOW = 128  # librelp's


def frame(number, command, data=b""):
    return b"%d %s %d%s\n" % (number, command, len(data), b" " + data if data else b"")


class Gone(OSError):
    """The daemon has closed the session, or died."""


class Session:
    """One connection."""

    def __init__(self, address, wrap=None, timeout=30):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wrap:
            self.socket = wrap(self.socket)
        self.number = 0
        self.rest = b""
        self.closed = False  # by serverclose

    def send(self, *commands):
        """Sends (command, data) pairs in one piece; returns their numbers."""
        numbers = range(self.number + 1, self.number + 1 + len(commands))
        self.number += len(commands)
        self.socket.sendall(b"".join(frame(n, *command) for n, command in zip(numbers, commands)))
        return list(numbers)

    def receive(self):
        """At least one answer: a list of (number, data); ends with Gone."""
        answers = []
        while not answers:
            piece = self.socket.recv(65536)
            if not piece:
                raise Gone("the daemon has closed the session")
            self.rest += piece
            answers = self.take_answers()
        return answers

    def take_answers(self):
        answers = []
        while True:
            header, space, rest = self.rest.partition(b"\n")
            words = header.split(b" ", 3)
            if not space or len(words) < 3:
                return answers
            number, command, size = int(words[0]), words[1], int(words[2])
            start = len(b" ".join(words[:3])) + (size > 0)
            if len(self.rest) < start + size + 1:
                return answers
            data, end = self.rest[start : start + size], self.rest[start + size : start + size + 1]
            assert end == b"\n" and command in (b"rsp", b"serverclose"), self.rest[:200]
            self.rest = self.rest[start + size + 1 :]
            if command == b"serverclose":
                self.closed = True
            else:
                answers.append((number, data))

    def wait_for(self, numbers):
        """Answers to these, in order."""
        found = {}
        while not all(number in found for number in numbers):
            found.update(self.receive())
        return [found[number] for number in numbers]

    def open(self):
        [answer] = self.wait_for(self.send((b"open", OFFERS)))
        assert answer.startswith(b"200 OK\n"), answer

    def rest_of_session(self):
        """All that still comes, until the daemon closes."""
        answers = []
        with contextlib.suppress(OSError):
            while True:
                answers += self.receive()
        return answers

    def close(self):
        self.socket.close()


class Sender:
    """Sends messages 0, 1, ... through any number of sessions, until it is told to stop, then until all
    are acknowledged.  What was not acknowledged in one session is sent again in the next."""

    def __init__(self, message, address, wrap=None, window=WINDOW):
        self.message, self.address, self.wrap, self.window = message, address, wrap, window
        self.sent = []  # how often, by number
        self.acknowledged = bytearray()
        self.waiting = collections.deque()  # numbers, in order
        self.stop = threading.Event()
        self.sessions = 0

    def run(self):
        while not self.stop.is_set() or self.waiting:
            with contextlib.suppress(OSError):
                self.run_session()
            self.stop.wait(0.01)

    def next_messages(self, count):
        """Numbers to send: those that wait for it first, then new ones."""
        numbers = []
        while len(numbers) < count and self.resend:
            numbers.append(self.resend.popleft())
        while len(numbers) < count and not self.stop.is_set():
            numbers.append(len(self.sent))
            self.sent.append(0)
            self.acknowledged.append(0)
            self.waiting.append(numbers[-1])
        return numbers

    def run_session(self):
        session = Session(self.address(), self.wrap)
        with contextlib.closing(session):
            session.open()
            self.sessions += 1
            self.resend = collections.deque(self.waiting)
            on_the_way = {}  # number of the transaction: of the message
            while not session.closed:
                numbers = self.next_messages(self.window - len(on_the_way))
                for n in numbers:  # before it is sent: it may arrive although sendall fails
                    self.sent[n] += 1
                if numbers:
                    commands = [(b"syslog", self.message(n)) for n in numbers]
                    on_the_way.update(zip(session.send(*commands), numbers))
                elif not on_the_way:
                    session.send((b"close", b""))
                    session.rest_of_session()
                    return
                for number, data in session.receive():
                    assert data == b"200 OK", data
                    n = on_the_way.pop(number)
                    self.acknowledged[n] = 1
                while self.waiting and self.acknowledged[self.waiting[0]]:
                    self.waiting.popleft()
