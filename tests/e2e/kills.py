"""kills.py - kill -9 of the daemon under load, with senders that resend what was not acknowledged."""

import json
import os
import time

from harness import read_lines, scaled, wait_until
from http_client import http_address


def kill_under_load(case, what, acknowledged, open_senders, http=False):
    """http: they send to a listener for HTTP.  open_senders(address of the daemon now) makes senders of {"from":NUMBER,"n":N}; acknowledged(sender) is
    how many were; sender.sent[n] how often n was sent.  Checks that each acknowledged one is stored, and that
    only unacknowledged ones are stored twice."""
    base = os.path.join(case.directory(), "logs")
    daemon = None
    senders = open_senders(lambda: http_address(daemon) if http else daemon.tcp[0])
    listener = ["--http", "127.0.0.1:0"] if http else []
    options = {"tcp": ()} if http else {}
    kills = scaled(5, 3)
    threads = []
    for n in range(kills + 1):
        more = ["--ack", "synced"] if n % 2 else []
        daemon = case.daemon("--segment-bytes-max", "1MiB", *listener, *more, dir=base, udp=(), **options)
        if n == 0:
            threads = [case.in_thread(sender.run) for sender in senders]
        before = [acknowledged(sender) for sender in senders]
        wait_until(lambda: all(acknowledged(sender) > count for sender, count in zip(senders, before)),
                   "%ss are acknowledged" % what)
        time.sleep(case.rng.uniform(0, 0.2))
        if n < kills:
            daemon.kill()
    for sender in senders:
        sender.stop.set()
    for thread in threads:
        thread.finish()
    daemon.stop()
    stored = [bytearray(len(sender.sent)) for sender in senders]
    for line in read_lines(base):
        value = json.loads(line)
        stored[value["from"]][value["n"]] += 1
    twice = 0
    for times, sender in zip(stored, senders):
        case.assertEqual(acknowledged(sender), len(sender.sent))
        for n, count in enumerate(times):
            case.assertGreater(count, 0, "an acknowledged %s is missing" % what)
            case.assertLessEqual(count, sender.sent[n], "an acknowledged %s is stored twice" % what)
            twice += count - 1
    print("%d kills, %d %ss, %d sent again, %d stored again" % (
        kills, sum(map(len, stored)), what, sum(sum(sender.sent) - len(sender.sent) for sender in senders), twice))


def numbered(number):
    """The n-th record of a sender."""
    fill = "x" * 200
    return lambda n: b'{"from":%d,"n":%d,"fill":"%s"}' % (number, n, fill[: n % 200].encode())
