"""forward.py - entries a second over the forward protocol, in each of its modes, acknowledged when they are
written; and for comparison the objects that the daemon makes of them, sent to it as lines.

Messages are made before they are sent: 500 entries each, in Message mode one.  A connection has at most 8
messages unanswered.  Exit status: 0; 1 entries were lost; 2 a program is missing.
"""

import argparse
import gzip
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from receivers import cpu_seconds

TIME, TIME_TEXT = 1700000000, "2023-11-14T22:13:20.000Z"
TAG = "app.web"
CHUNK = b"\x81\xa5chunk\xb8" + b"c" * 24  # as long as Fluentd's
ANSWER_BYTES = len(b"\x81\xa3ack\xd9\x18") + 24
ENTRIES = 500
WINDOW = 8
PATIENCE_S = 60


def text(value):
    data = value.encode()
    return (bytes([0xA0 + len(data)]) if len(data) < 32 else b"\xd9" + bytes([len(data)])) + data


def record(number):
    return {"level": "info", "message": "GET /api/products/%d" % number, "status": 200, "ms": number % 300, "user": "user-%d" % (number % 997),
            "request_id": "%032x" % (number * 2654435761 % (1 << 64))}


def packed_record(value):
    parts = [bytes([0x80 + len(value)])]
    for name, member in value.items():
        parts += [text(name), text(member) if isinstance(member, str) else b"\xcd" + struct.pack(">H", member)]
    return b"".join(parts)


def message(mode, first):
    """Bytes, and whether they are answered."""
    records = [record(first + n) for n in range(ENTRIES)]
    time_value = b"\xce" + struct.pack(">I", TIME)
    if mode == "lines":
        return b"".join(json.dumps(dict(r, _tag=TAG, time=TIME_TEXT), separators=(",", ":")).encode() + b"\n" for r in records)
    if mode == "message":
        return b"".join(b"\x94" + text(TAG) + time_value + packed_record(r) + (CHUNK if n == ENTRIES - 1 else b"\xc0")
                        for n, r in enumerate(records))
    entries = b"".join(b"\x92" + time_value + packed_record(r) for r in records)
    if mode == "forward":
        return b"\x93" + text(TAG) + b"\xdd" + struct.pack(">I", ENTRIES) + entries + CHUNK
    data = gzip.compress(entries, 6) if mode == "compressed" else entries
    return b"\x93" + text(TAG) + b"\xc6" + struct.pack(">I", len(data)) + data + CHUNK


def send(address, messages, answered):
    with socket.create_connection(address) as connection:
        connection.settimeout(PATIENCE_S)
        owed = 0  # bytes of answers
        for data in messages:
            connection.sendall(data)
            owed += ANSWER_BYTES * answered
            while owed > (WINDOW - 1) * ANSWER_BYTES:
                owed -= len(connection.recv(65536)) or sys.exit("forward.py: the daemon has closed the connection")
        connection.shutdown(socket.SHUT_WR)
        while owed > 0:
            owed -= len(connection.recv(65536)) or sys.exit("forward.py: the daemon has closed the connection")


def stored(build, directory):
    out = subprocess.run([os.path.join(build, "logport"), "search", "-c", "", directory], stdout=subprocess.PIPE)
    return int(out.stdout or 0)


def measure(options, mode, connections, scratch):
    directory = tempfile.mkdtemp(dir=scratch)
    command = [os.path.join(options.build, "logportd"), "--dir", directory, "--tcp", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        ready = next(line for line in process.stderr if " ready " in line)
        host, port = ready.split("tcp=")[1].split()[0].rsplit(":", 1)
        made = [message(mode, ENTRIES * n) for n in range(20)]
        count = max(1, options.entries // ENTRIES // connections)
        threads = [threading.Thread(target=send, args=((host, int(port)), [made[n % len(made)] for n in range(count)], mode != "lines"))
                   for _ in range(connections)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent = count * ENTRIES * connections
        end = time.monotonic() + PATIENCE_S
        while mode == "lines" and stored(options.build, directory) < sent and time.monotonic() < end:
            pass
        seconds = time.monotonic() - begin
        cpu = cpu_seconds(process.pid)
        lost = sent - stored(options.build, directory)
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(directory)
    return sent / seconds, cpu * 1e6 / sent, lost


def main():
    parser = argparse.ArgumentParser(prog="tools/bench forward", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build", help="folder of the programs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--entries", type=int, default=2000000, help="of each measurement")
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--smoke", action="store_true", help="one short round")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if options.smoke:
        options.rounds, options.entries, options.connections = 1, 20000, [4]
    modes = ["message", "forward", "packed", "compressed", "lines"]
    lost = 0
    line = len(message("lines", 0)) // ENTRIES
    print("forward, entries of %d bytes as JSON; medians of %d" % (line, options.rounds))
    print("%-12s %12s %14s %18s" % ("", "connections", "entries/s", "CPU s/M entries"))
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.build) as scratch:
        for connections in options.connections:
            rounds = [{mode: measure(options, mode, connections, scratch) for mode in modes} for _ in range(options.rounds)]
            for mode in modes:
                found = [measured[mode] for measured in rounds]
                lost += sum(row[2] for row in found)
                print("%-12s %12d %14d %18.2f" % (mode, connections, statistics.median(row[0] for row in found),
                                                  statistics.median(row[1] for row in found)))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
