"""windows.py - the throughput of Windows builds under Wine: one build, or several in turn.

Most of what it measures is Wine, whose server process takes part in each call on a socket.  So only
the ratio of two builds in one run says something, and only about what Wine and Windows have in
common: the number of calls.  Every round starts each daemon in turn, sends the same lines with this
system's logport-load, and compares the number of lines stored.  Speed: lines sent until the sender
has finished; CPU time: of the daemon and of Wine's server, until then.  The best of all rounds
counts: other programs only ever make it worse.

Exit status: 0; 1 lines were lost; 2 an option is invalid or a program is missing.
"""

import argparse
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

from receivers import cpu_seconds

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINE = os.path.join(ROOT, "tests", "wine.sh")
START_S, STOP_S, LOAD_S = 60, 60, 300
BURST = 1000
# Name, lines, options of logport-load; None: a burst of connections.
MODES = [
    ("TCP, 1 connection", 600000, ["--connections", "1"]),
    ("TCP, 4 connections", 600000, ["--connections", "4"]),
    ("TCP, 64 connections", 600000, ["--connections", "64"]),
    ("TCP, 4 connections, one line per send", 60000, ["--connections", "4", "--send-bytes", "200"]),
    ("1,000 connections at once", BURST, None),
]


def cpu_of_server(prefix):
    """Of Wine's server for this prefix, which is named by its directory."""
    for path in glob.glob("/proc/[0-9]*/environ"):
        pid = int(path.split("/")[2])
        try:
            with open(path, "rb") as file:
                ours = b"WINEPREFIX=" + prefix.encode() in file.read().split(b"\0")
            with open("/proc/%d/comm" % pid, encoding="utf-8") as file:
                if ours and file.read().startswith("wineserver"):
                    return cpu_seconds(pid)
        except OSError:
            continue
    return 0.0


class Daemon:
    def __init__(self, build, directory):
        where = "Z:" + directory.replace("/", "\\")
        self.process = subprocess.Popen(
            [WINE, os.path.join(build, "logportd.exe"), "--dir", where, "--tcp", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if ": ready tcp=" in line:
                self.address = line.split("tcp=")[1].split()[0]
                return
        raise SystemExit("windows.py: %s did not become ready" % build)

    def stop(self):
        """The counters of its last line."""
        self.process.send_signal(signal.SIGINT)
        lines = self.process.stderr.read().splitlines()
        self.process.wait(STOP_S)
        return json.loads(lines[-1])


def send_burst(address):
    """Many connections at once, each with a line."""
    host, port = address.rsplit(":", 1)
    sockets = []
    for _ in range(BURST):
        opened = socket.socket()
        opened.setblocking(False)
        opened.connect_ex((host, int(port)))
        sockets.append(opened)
    for n, opened in enumerate(sockets):
        opened.setblocking(True)
        opened.sendall(b'{"n":%d}\n' % n)
        opened.shutdown(socket.SHUT_WR)
    for opened in sockets:  # until the daemon has read all and closed it
        opened.recv(1)
        opened.close()


def measure(build, load, lines, options, prefix):
    with tempfile.TemporaryDirectory(dir=build) as directory:
        daemon = Daemon(build, os.path.join(directory, "logs"))
        before = cpu_seconds(daemon.process.pid) + cpu_of_server(prefix)
        begin = time.monotonic()
        if options is None:
            send_burst(daemon.address)
        else:
            subprocess.run([load, daemon.address, "--lines", str(lines), "--bytes", "200", *options],
                           stdout=subprocess.DEVNULL, check=True, timeout=LOAD_S)
        seconds = time.monotonic() - begin
        used = cpu_seconds(daemon.process.pid) + cpu_of_server(prefix) - before
        stored = daemon.stop()["stored"]
    if stored != lines:
        print("windows.py: %s stored %d of %d lines" % (build, stored, lines))
        sys.exit(1)
    return lines / seconds, used * 1e6 / lines


def best(rounds):
    """The speed and the CPU time of the rounds that were disturbed least."""
    return max(speed for speed, _ in rounds), min(used for _, used in rounds)


def main():
    parser = argparse.ArgumentParser(description="The throughput of Windows builds under Wine.")
    parser.add_argument("--build", required=True, help="this system's build, of which logport-load is used")
    parser.add_argument("--windows", action="append", help="a Windows build; may be repeated (default build-windows)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts")
    parser.add_argument("--scale", type=int, default=100, help="percentage of each mode's lines to send")
    parser.add_argument("--only", default="", help="only modes whose names contain this text")
    arguments = parser.parse_args()
    builds = [os.path.abspath(each) for each in arguments.windows or [os.path.join(ROOT, "build-windows")]]
    load = os.path.join(arguments.build, "logport-load")
    for path in [load] + [os.path.join(each, "logportd.exe") for each in builds]:
        if not os.path.exists(path):
            print("windows.py: %s is missing" % path)
            return 2
    prefix = os.environ.get("LOGPORT_WINE_PREFIX") or os.path.join(ROOT, "build-windows-wine")
    subprocess.run([WINE, "--prepare"], check=True)
    for name, lines, options in MODES:
        if arguments.only not in name:
            continue
        lines = lines * arguments.scale // 100 if options else lines
        results = {build: [] for build in builds}
        for turn in range(arguments.rounds):
            for build in builds if turn % 2 == 0 else reversed(builds):
                results[build].append(measure(build, load, lines, options, prefix))
        for build in builds:
            speed, used = best(results[build])
            first_speed, first_used = best(results[builds[0]])
            print("%-40s %-60s %9.0f lines/s (x%.2f)  %7.2f CPU-s/M (x%.2f)" % (
                name, os.path.relpath(build), speed, speed / first_speed, used, used / first_used), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
