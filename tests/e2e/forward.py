"""forward.py - the forward protocol as Fluentd, Fluent Bit and Docker speak it: messages of every mode, and a
sender that remembers what was acknowledged, and sends the rest again."""

import base64
import contextlib
import gzip
import hashlib
import os
import socket
import struct

import msgpack

from resend import Resender


def event_time(seconds, nanoseconds=0):
    return msgpack.ExtType(0, struct.pack(">II", seconds, nanoseconds))


def pack(value, **how):
    return msgpack.packb(value, **how)


def entries(records, time=1700000000):
    return b"".join(pack([time, record]) for record in records)


def with_option(message, option):
    return message if option is None else message + [option]


def one(tag, record, time=1700000000, option=None):
    """Message mode."""
    return pack(with_option([tag, time, record], option))


def forward(tag, records, time=1700000000, option=None):
    return pack(with_option([tag, [[time, record] for record in records]], option))


def packed(tag, records, time=1700000000, option=None, text=False):
    """PackedForward; text: with a string, as clients of old versions of MessagePack send it."""
    data = entries(records, time)
    if text:
        head = pack([tag, None])[:-1]
        return (bytes([0x92 + (option is not None)]) + head[1:] + b"\xdb" + struct.pack(">I", len(data)) + data
                + (b"" if option is None else pack(option)))
    return pack(with_option([tag, data], option))


def compressed(tag, records, time=1700000000, option=None, members=1):
    """CompressedPackedForward; the entries in so many members of gzip."""
    part = -(-len(records) // members)
    data = b"".join(gzip.compress(entries(records[at : at + part], time), 6)
                    for at in range(0, max(len(records), 1), part or 1))
    return pack([tag, data, dict(option or {}, compressed="gzip")])


MODES = {"message": lambda tag, records, **how: b"".join(one(tag, record, **how) for record in records),
         "forward": forward, "packed": packed, "text": lambda *all, **how: packed(*all, text=True, **how),
         "compressed": compressed, "members": lambda *all, **how: compressed(*all, members=3, **how)}


def chunk():
    return base64.b64encode(os.urandom(16)).decode()


class Gone(OSError):
    """The daemon has closed the connection, or died."""


class Session:
    """One connection."""

    def __init__(self, address, wrap=None, timeout=30):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout=timeout)
        if wrap:
            self.socket = wrap(self.socket)
        self.unpacker = msgpack.Unpacker()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next message."""
        while True:
            for message in self.unpacker:
                return message
            piece = self.socket.recv(4096)
            if not piece:
                raise Gone("the daemon has closed the connection")
            self.unpacker.feed(piece)

    def wait_for(self, *chunks):
        for expected in chunks:
            answer = self.receive()
            assert answer == {"ack": expected}, (answer, expected)

    def deliver(self, make, tag, records, **how):
        """A message of a mode with one option, and its answer."""
        name = chunk()
        self.send(make(tag, records, option={"chunk": name, "size": len(records)}, **how))
        self.wait_for(name)

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
    """Sends records 0, 1, ... in messages through any number of connections, until it is told to stop, then until
    all are acknowledged.  `pipeline` messages wait for an answer at a time."""

    def __init__(self, record, address, wrap=None, size=100, pipeline=3):
        super().__init__(size)
        self.record, self.address, self.wrap = record, address, wrap
        self.pipeline = pipeline

    def run_session(self):
        session = Session(self.address(), self.wrap)
        modes = [forward, packed, compressed]
        with contextlib.closing(session):
            on_the_way, next_number, messages = [], self.acknowledged, 0
            while True:
                while len(on_the_way) < self.pipeline and (numbers := self.next_numbers(next_number)):
                    for n in numbers:  # before it is sent: it may arrive although sendall fails
                        self.sent[n] += 1
                    name, make = chunk(), modes[messages % len(modes)]
                    on_the_way.append((numbers, name))
                    next_number, messages = numbers[-1] + 1, messages + 1
                    session.send(make("kills", [self.record(n) for n in numbers], option={"chunk": name}))
                if not on_the_way:
                    return
                numbers, name = on_the_way.pop(0)
                session.wait_for(name)
                self.acknowledged = numbers[-1] + 1


def digest(*pieces):
    return hashlib.sha512(b"".join(pieces)).hexdigest()


class Refused(OSError):
    """PONG said so."""


def handshake(session, key, user="", password="", host="client", salt=None):
    """HELO, PING and PONG as a client sees them; returns HELO's options."""
    greeting, options = session.receive()
    assert greeting == "HELO" and options["keepalive"] is True, options
    salt, nonce = salt or os.urandom(16), options["nonce"]
    assert len(nonce) == 16 and len(options["auth"]) in (0, 16)
    password = digest(options["auth"], user.encode(), password.encode()) if options["auth"] else ""
    session.send(pack(["PING", host, salt, digest(salt, host.encode(), nonce, key.encode()), user, password]))
    pong, passed, reason, server, proof = session.receive()
    assert pong == "PONG"
    if not passed:
        assert (server, proof) == ("", "")
        raise Refused(reason)
    assert (reason, proof) == ("", digest(salt, server.encode(), nonce, key.encode()))
    return dict(options, server=server)
