"""resend.py - senders of numbered records that send again what was not acknowledged."""

import contextlib
import http.client
import threading

from harness import PATIENCE_S


class Resender:
    """Sends records 0, 1, ... through any number of sessions (`run_session`), until it is told to stop, then until
    all are acknowledged."""

    def __init__(self, size):
        self.size = size  # of the largest message
        self.sent = []  # how often, by number
        self.acknowledged = 0  # of the first ones
        self.stop = threading.Event()

    def run(self):
        while not self.stop.is_set() or self.acknowledged < len(self.sent):
            with contextlib.suppress(OSError):
                self.run_session()
            self.stop.wait(0.01)

    def next_numbers(self, start):
        """Numbers from `start`: those that were sent before, else new ones."""
        if start < len(self.sent):
            return range(start, min(start + self.size, len(self.sent)))
        if self.stop.is_set():
            return range(0)
        numbers = range(start, start + 1 + start % self.size)
        self.sent += [0] * len(numbers)
        return numbers


class HttpResender:
    """Sends records 0, 1, ... in requests of 50, each until it is answered with success.  `request(numbers)` is its
    path, body and Content-Type; `is_stored(status, body)`: the answer says that all its records are stored."""

    def __init__(self, number, address_now):
        self.number, self.address_now = number, address_now
        self.sent, self.acknowledged, self.stop = [], 0, threading.Event()

    def run(self):
        connection = None
        while not (self.stop.is_set() and self.acknowledged == len(self.sent)):
            if self.acknowledged == len(self.sent):
                self.sent += [0] * 50
            numbers = range(self.acknowledged, len(self.sent))
            path, body, kind = self.request(numbers)
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(*self.address_now()[:2], timeout=PATIENCE_S)
                    connection.connect()
                for n in numbers:
                    self.sent[n] += 1
                connection.request("POST", path, body, {"Content-Type": kind})
                answer = connection.getresponse()
                if self.is_stored(answer.status, answer.read()):
                    self.acknowledged = len(self.sent)
            except (OSError, http.client.HTTPException, ValueError):  # ValueError: of is_stored, for a cut answer
                if connection:
                    connection.close()
                connection = None
                self.stop.wait(0.01)
        if connection:
            connection.close()
