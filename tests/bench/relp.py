"""relp.py - messages a second over RELP: the daemon, acknowledging what is written and what is synced, and
rsyslog's imrelp, which acknowledges what is in its queue in memory.

bench_relp sends the same messages to each in turn, with librelp's window of 128.  Exit status: 0; 1 messages
were lost; 2 a program is missing.
"""

import argparse
import glob
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from receivers import cpu_seconds

CONF = """
global(workDirectory="%(dir)s" maxMessageSize="128k" net.enableDNS="off" processInternalMessages="off")
main_queue(queue.type="LinkedList" queue.size="250000" queue.dequeueBatchSize="4096")
module(load="imrelp")
template(name="asItCame" type="string" string="%%rawmsg%%\\n")
input(type="imrelp" port="%(port)d" address="127.0.0.1" maxDataSize="128k" keepAlive="off")
action(type="omfile" file="%(dir)s/lines" template="asItCame" ioBufferSize="1m" flushOnTXEnd="on")
"""
PATIENCE_S = 30


def program(build, *path):
    return os.path.join(build, *path)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(check, what):
    end = time.monotonic() + PATIENCE_S
    while not check():
        if time.monotonic() > end:
            raise SystemExit("relp.py: waited in vain until " + what)
        time.sleep(0.01)


def listens(port):
    with open("/proc/net/tcp", encoding="utf-8") as file:
        return any(" 0100007F:%04X " % port in line and line.split()[3] == "0A" for line in file)


class Daemon:
    def __init__(self, build, directory, port, ack):
        self.directory, self.build = directory, build
        self.command = [program(build, "logportd"), "--dir", directory, "--tcp", "127.0.0.1:%d" % port, "--ack", ack]

    def stored(self):
        out = subprocess.run([program(self.build, "logport"), "search", "-c", "", self.directory], stdout=subprocess.PIPE)
        return int(out.stdout or 0)


class Rsyslog:
    def __init__(self, directory, port):
        self.directory = directory
        path = os.path.join(directory, "conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONF % {"dir": directory, "port": port})
        self.command = [rsyslogd(), "-n", "-f", path, "-i", os.path.join(directory, "pid")]

    def stored(self):
        with open(os.path.join(self.directory, "lines"), "rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


def rsyslogd():
    found = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return found if found and glob.glob("/usr/lib/*/rsyslog/imrelp.so") else None


def measure(options, name, connections, scratch):
    directory = tempfile.mkdtemp(dir=scratch)
    port = free_port()
    receiver = Rsyslog(directory, port) if name == "rsyslog" else Daemon(options.build, directory, port, name.split()[-1])
    process = subprocess.Popen(receiver.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), name + " listens")
        load = subprocess.run(
            [program(options.build, "tests", "bench_relp"), str(port), str(connections), str(options.messages),
             str(options.window), str(options.bytes)], stdout=subprocess.PIPE, check=True)
        sent = options.messages // connections * connections
        wait_until(lambda: receiver.stored() >= sent, "all messages are stored")
        cpu = cpu_seconds(process.pid)
        lost = sent - receiver.stored()
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)
    return sent / float(load.stdout), cpu * 1e6 / sent, lost


def main():
    parser = argparse.ArgumentParser(prog="tools/bench relp", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build", help="folder of the programs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=500000, help="of each measurement")
    parser.add_argument("--bytes", type=int, default=240, help="of a message, with its header")
    parser.add_argument("--window", type=int, default=128, help="unanswered messages of a connection")
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 4, 64])
    parser.add_argument("--smoke", action="store_true", help="one short round")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if options.smoke:
        options.rounds, options.messages, options.connections = 1, 20000, [4]
    names = ["logportd written", "logportd synced"] + (["rsyslog"] if rsyslogd() else [])
    lost = 0
    print("RELP, messages of %d bytes, a window of %d; medians of %d" % (options.bytes, options.window, options.rounds))
    if not rsyslogd():
        print("without rsyslog: its package rsyslog-relp is not installed")
    print("%-18s %12s %14s %18s" % ("", "connections", "messages/s", "CPU s/M messages"))
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.build) as scratch:
        for connections in options.connections:
            rounds = [{name: measure(options, name, connections, scratch) for name in names} for _ in range(options.rounds)]
            for name in names:
                found = [measured[name] for measured in rounds]
                lost += sum(row[2] for row in found)
                print("%-18s %12d %14d %18.2f" % (
                    name, connections, statistics.median(row[0] for row in found),
                    statistics.median(row[1] for row in found)))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
