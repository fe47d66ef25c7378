"""shop.py - the logs of a small shop for docs/guide.md: half an hour of 2026-11-30, 13:50 to 14:20
UTC.  At 14:04 version 2.8.0 of `checkout` starts; from 14:05 to 14:12 it uses up the connections of
the database.  The same lines in every run.

usage: shop.py FOLDER    writes app.ndjson, web.ndjson and db.ndjson, one for each stream
"""

import calendar
import json
import os
import sys
import time

BEGIN_MS = calendar.timegm((2026, 11, 30, 13, 50, 0)) * 1000
REQUESTS = 900
EVERY_MS = 2000
DEPLOYED, BROKEN, REPAIRED = (14 * 60000, 15 * 60000, 22 * 60000)
CLIENTS = ["203.0.113.7", "203.0.113.21", "198.51.100.4", "198.51.100.30", "192.0.2.55"]
USERS = ["ann", "ben", "carla", "J. Müller", "eve", "farid", "gao"]
PATHS = ["/api/products", "/api/products", "/api/cart", "/api/checkout", "/healthz"]
STACK = "\n".join([
    "TimeoutError: no connection within 5000 ms",
    "    at Pool.acquire (/srv/checkout/pool.js:118:15)",
    "    at placeOrder (/srv/checkout/order.js:42:27)",
])


class Chance:
    """A generator of Knuth's, so that no version of Python changes the lines."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % limit


def rfc3339(at_ms, form="%Y-%m-%dT%H:%M:%S"):
    return time.strftime(form, time.gmtime(at_ms // 1000))


class Shop:
    def __init__(self):
        self.chance = Chance(13)
        self.lines = {"app": [], "web": [], "db": []}
        self.orders = 5000

    def add(self, stream, record):
        self.lines[stream].append(json.dumps(record, separators=(",", ":")).encode())

    def app(self, at_ms, level, logger, message, **more):
        self.add("app", dict({"level": level, "time": at_ms, "logger": logger, "msg": message}, **more))

    def db(self, at_ms, severity, message, **more):
        stamp = rfc3339(at_ms, "%Y-%m-%d %H:%M:%S") + ".%03d UTC" % (at_ms % 1000)
        self.add("db", dict({"timestamp": stamp, "error_severity": severity, "message": message}, **more))

    def checkout(self, at_ms, broken, request):
        """Returns the status and how long it takes."""
        user = USERS[self.chance.below(len(USERS))]
        since = at_ms - BEGIN_MS
        version = "2.7.3" if since < DEPLOYED else "2.8.0" if since < REPAIRED else "2.8.1"
        about = {"request_id": request, "user": user, "version": version}
        if broken and self.chance.below(10) < 6:
            self.db(at_ms + 12, "FATAL", "sorry, too many clients already", application_name="checkout")
            ms = 5000 + self.chance.below(200)
            self.app(at_ms + ms, 50, "checkout", "checkout failed: no connection within 5000 ms",
                     ms=ms, stack=STACK, **about)
            return 503, ms
        ms = (900 if broken else 60) + self.chance.below(240)
        self.orders += 1
        if self.chance.below(9) == 0:
            self.app(at_ms + 20, 40, "payment", "payment of order %d is slow, attempt 2" % self.orders, **about)
        self.app(at_ms + ms, 30, "checkout", "order %d placed" % self.orders, ms=ms, **about)
        return 200, ms

    def request(self, number):
        at_ms = BEGIN_MS + number * EVERY_MS + self.chance.below(EVERY_MS)
        since = at_ms - BEGIN_MS
        broken = BROKEN <= since < REPAIRED
        path = PATHS[self.chance.below(len(PATHS))]
        request = "%08x%08x" % (self.chance.below(1 << 31), self.chance.below(1 << 31))
        status, ms = 200, 3 + self.chance.below(60)
        if path == "/api/checkout":
            status, ms = self.checkout(at_ms, broken, request)
        elif path == "/api/products" and self.chance.below(40) == 0:
            status = 404
        self.add("web", {"time_iso8601": rfc3339(at_ms + ms) + "+00:00",
                         "remote_addr": CLIENTS[min(self.chance.below(7), 4)],
                         "request": "%s %s" % ("POST" if path == "/api/checkout" else "GET", path), "path": path,
                         "status": status, "ms": ms, "request_id": request})

    def other(self, number):
        at_ms = BEGIN_MS + number * EVERY_MS
        if number % 150 == 149:
            self.db(at_ms, "LOG", "checkpoint complete: wrote %d buffers" % (300 + self.chance.below(90)))
        if number == 230:
            self.db(at_ms, "WARNING", "index \"orders_by_user\" contains 4812 unused pages")
        if at_ms - BEGIN_MS == DEPLOYED:
            self.app(at_ms, 30, "deploy", "checkout 2.8.0 started", version="2.8.0", pool=4)
        if at_ms - BEGIN_MS == REPAIRED:
            self.app(at_ms, 30, "deploy", "checkout 2.8.1 started", version="2.8.1", pool=40)


def shop():
    """{stream: lines}, each in the order of their times."""
    made = Shop()
    for number in range(REQUESTS):
        made.other(number)
        made.request(number)
    made.lines["app"].sort(key=lambda line: json.loads(line)["time"])
    return made.lines


if __name__ == "__main__":
    for name, lines in shop().items():
        with open(os.path.join(sys.argv[1], name + ".ndjson"), "wb") as file:
            file.write(b"\n".join(lines) + b"\n")
