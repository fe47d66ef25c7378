"""lumberjack.py - a client of Lumberjack version 2, as pylogbeat and Beats are, that remembers what was
acknowledged, and sends the rest again."""

import contextlib
import socket
import struct
import zlib

from resend import Resender


def window(count):
    return b"2W" + struct.pack(">I", count)


def record(sequence, data):
    return b"2J" + struct.pack(">II", sequence, len(data)) + data


def compressed(data, level=3):
    data = zlib.compress(data, level)
    return b"2C" + struct.pack(">I", len(data)) + data


def batch(records, first=1, pack=True):
    """A window of these records, as Beats send it."""
    frames = b"".join(record(first + n, data) for n, data in enumerate(records))
    return window(len(records)) + (compressed(frames) if pack else frames)


class Gone(OSError):
    """The daemon has closed the connection, or died."""


class Session:
    """One connection."""

    def __init__(self, address, wrap=None, timeout=30):
        self.socket = socket.create_connection(address, timeout=timeout)
        if wrap:
            self.socket = wrap(self.socket)
        self.answers = []  # all so far

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The sequence number of the next answer."""
        data = b""
        while len(data) < 6:
            piece = self.socket.recv(6 - len(data))
            if not piece:
                raise Gone("the daemon has closed the connection")
            data += piece
        assert data[:2] == b"2A", data
        self.answers.append(struct.unpack(">I", data[2:])[0])
        return self.answers[-1]

    def wait_for(self, sequence):
        """As Beats wait: until this number; what comes before only shows that the daemon is alive."""
        while True:
            answer = self.receive()
            assert answer <= sequence, (answer, sequence)
            if answer == sequence:
                return

    def deliver(self, records, **how):
        self.send(batch(records, **how))
        self.wait_for(how.get("first", 1) + len(records) - 1)

    def rest(self):
        """All answers that still come, until the daemon closes."""
        answers = []
        with contextlib.suppress(OSError):
            while True:
                answers.append(self.receive())
        return answers

    def close(self):
        self.socket.close()


class Sender(Resender):
    """Sends messages 0, 1, ... in windows through any number of connections, until it is told to stop,
    then until all are acknowledged.  `pipeline` windows wait for an answer at a time."""

    def __init__(self, message, address, wrap=None, size=200, pipeline=3, pack=True):
        super().__init__(size)
        self.message, self.address, self.wrap = message, address, wrap
        self.pipeline, self.pack = pipeline, pack
        self.sessions = 0

    def run_session(self):
        session = Session(self.address(), self.wrap)
        with contextlib.closing(session):
            self.sessions += 1
            on_the_way, next_number = [], self.acknowledged
            while True:
                while len(on_the_way) < self.pipeline and (numbers := self.next_numbers(next_number)):
                    for n in numbers:  # before it is sent: it may arrive although sendall fails
                        self.sent[n] += 1
                    on_the_way.append(numbers)
                    next_number = numbers[-1] + 1
                    session.send(batch([self.message(n) for n in numbers], pack=self.pack))
                if not on_the_way:
                    return
                answer = session.receive()
                assert answer <= len(on_the_way[0]), (answer, len(on_the_way[0]))
                self.acknowledged = max(self.acknowledged, on_the_way[0].start + answer)
                if answer == len(on_the_way[0]):
                    on_the_way.pop(0)
