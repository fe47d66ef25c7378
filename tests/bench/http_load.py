"""http_load.py - lines a second over HTTP, next to the same lines over plain TCP without acknowledgement.

Senders in Python post bodies that were made before; each waits for an answer before its next request.
Exit status: 0; 1 lines were lost; 2 an option is invalid.
"""

import argparse
import gzip
import json
import multiprocessing
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from receivers import cpu_seconds

LINE = '{"time":"2026-11-30T08:%02d:%02d.%06dZ","level":"info","message":"request %d","user":%d,"path":"/api/v1/items/%d","ms":%d}'
PATIENCE_S = 60


def lines(count):
    return [(LINE % (n // 60 % 60, n % 60, n % 1000000, n, n * 7919 % 10007, n % 977, n % 613)).encode() for n in range(count)]


def post(target, body, *fields):
    head = ["POST %s HTTP/1.1" % target, "Host: 127.0.0.1", "Content-Length: %d" % len(body), *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


NDJSON = "Content-Type: application/x-ndjson"


def bulk(found):
    return b"".join(b'{"create":{"_index":"logs"}}\n%s\n' % line for line in found)


# name: lines of a body, and what is sent for them; no request: plain TCP
MODES = {
    "tcp, newline": (50000, lambda found: b"\n".join(found) + b"\n"),
    "ndjson, 7 MB": (50000, lambda found: post("/", b"\n".join(found), NDJSON)),
    "ndjson, 140 kB": (1000, lambda found: post("/", b"\n".join(found), NDJSON)),
    "ndjson, gzip": (50000, lambda found: post("/", gzip.compress(b"\n".join(found), 6), NDJSON, "Content-Encoding: gzip")),
    "array": (50000, lambda found: post("/", b"[" + b",".join(found) + b"]", "Content-Type: application/json")),
    "_bulk": (5000, lambda found: post("/_bulk", bulk(found), NDJSON)),
}


def answer(connection):
    """Reads one answer; true if it is one of success."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, body = data.split(b"\r\n\r\n", 1)
    length = re.search(rb"Content-Length: (\d+)", head)
    while len(body) < int(length[1]) if length else not body.endswith(b"0\r\n\r\n"):
        body += connection.recv(1 << 16)
    return head.startswith(b"HTTP/1.1 200") and b'"errors":true' not in body


def send(port, data, times, is_http, begin):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begin.wait()
        for _ in range(times):
            connection.sendall(data)
            if is_http and not answer(connection):
                raise SystemExit("http_load.py: a request was not answered with success")


def stored(build, directory):
    status = subprocess.run([os.path.join(build, "logport"), "status", directory], stdout=subprocess.PIPE, check=True)
    return json.loads(status.stdout)["stored"]


def measure(options, name, connections, scratch):
    count, make = MODES[name]
    data, is_http = make(lines(count)), not name.startswith("tcp")
    times = max(1, options.lines // count // connections)
    total = times * count * connections
    directory = tempfile.mkdtemp(dir=scratch)
    command = [os.path.join(options.build, "logportd"), "--dir", directory, "--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        ready = next(line for line in process.stderr if b"ready" in line).decode()
        port = int(re.search(r"\b%s=\S+:(\d+)" % ("http" if is_http else "tcp"), ready)[1])
        begin = multiprocessing.Barrier(connections + 1)
        senders = [multiprocessing.Process(target=send, args=(port, data, times, is_http, begin)) for _ in range(connections)]
        for sender in senders:
            sender.start()
        begin.wait()
        start = time.monotonic()
        for sender in senders:
            sender.join()
        while stored(options.build, directory) < total and time.monotonic() < start + PATIENCE_S:
            time.sleep(0.005)
        elapsed = time.monotonic() - start
        cpu = cpu_seconds(process.pid)
        lost = total - stored(options.build, directory) + sum(sender.exitcode != 0 for sender in senders)
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(directory)
    return total / elapsed, cpu * 1e6 / total, lost


def main():
    parser = argparse.ArgumentParser(prog="tools/bench http", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build", help="folder of the programs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=4000000, help="of each measurement")
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--smoke", action="store_true", help="one short round")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if options.smoke:
        options.rounds, options.lines, options.connections = 1, 100000, [2]
    lost = 0
    print("HTTP, lines of about 140 bytes; medians of %d" % options.rounds)
    print("%-16s %12s %12s %10s %15s" % ("", "connections", "lines/s", "of TCP's", "CPU s/M lines"))
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.build) as scratch:
        for connections in options.connections:
            rounds = [{name: measure(options, name, connections, scratch) for name in MODES} for _ in range(options.rounds)]
            tcp = statistics.median(measured["tcp, newline"][0] for measured in rounds)
            for name in MODES:
                found = [measured[name] for measured in rounds]
                lost += sum(row[2] for row in found)
                speed = statistics.median(row[0] for row in found)
                print("%-16s %12d %12d %9d%% %15.2f" % (
                    name, connections, speed, 100 * speed / tcp, statistics.median(row[1] for row in found)))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
