"""http_client.py - requests of HTTP/1.1 as bytes, so that tests can send what no library would, and a reader of
answers that accepts only what RFC 9112 allows."""

import json
import re
import socket

from harness import PATIENCE_S, address_of


def http_address(daemon, listener=0):
    return address_of(re.findall(r"\bhttp=(\S+)", daemon.ready_line)[listener])


def request(body=b"", method="POST", target="/", host="127.0.0.1", length=True, version="1.1", **fields):
    """A request; fields: names with underscores.  A value None leaves out Host."""
    head = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        head.append(f"Host: {host}")
    head += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if length and (body or method in ("POST", "PUT")):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body, sizes, extension=b"", trailer=b""):
    """The body in chunks of these sizes, repeated."""
    out, at, turn = b"", 0, 0
    while at < len(body):
        part = body[at : at + sizes[turn % len(sizes)]]
        out += b"%x%s\r\n%s\r\n" % (len(part), extension, part)
        at, turn = at + len(part), turn + 1
    return out + b"0" + extension + b"\r\n" + trailer + b"\r\n"


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:300]}"


class Closed(Exception):
    """The server has closed the connection before an answer."""


class Connection:
    def __init__(self, address, tls=None):
        self.socket = socket.create_connection(address[:2], PATIENCE_S)
        if tls:
            self.socket = tls.wrap_socket(self.socket)
        self.rest = b""

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise Closed(self.rest)
        self.rest += piece

    def _line(self):
        while b"\r\n" not in self.rest:
            self._more()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def _bytes(self, size):
        while len(self.rest) < size:
            self._more()
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def _chunks(self):
        body = b""
        while True:
            size = int(self._line(), 16)
            body += self._bytes(size)
            assert self._bytes(2) == b"\r\n"
            if size == 0:
                return body

    def answer(self, to="POST"):
        status = re.fullmatch(rb"HTTP/1\.1 (\d\d\d) [A-Za-z ]+", self._line())
        assert status, "no status line"
        status, fields = int(status[1]), {}
        while line := self._line():
            name, value = line.decode().split(": ", 1)
            fields.setdefault(name.lower(), value)
        if status == 100 or status == 204 or to == "HEAD":
            return Answer(status, fields, b"")
        if fields.get("transfer-encoding") == "chunked":
            return Answer(status, fields, self._chunks())
        if "content-length" in fields:
            return Answer(status, fields, self._bytes(int(fields["content-length"])))
        body = b""
        while True:
            try:
                self._more()
            except Closed:
                body, self.rest = self.rest, b""
                return Answer(status, fields, body)

    def ask(self, data, to="POST"):
        self.send(data)
        return self.answer(to)

    def closed(self):
        """Has the server closed the connection, and sent nothing else?"""
        try:
            return not self.rest and self.socket.recv(1) == b""
        except ConnectionResetError:
            return not self.rest
