"""throughput.py - measures the daemon, its floor and its peers in turn under the same load.

Each mode is a row of MODES: what is sent, and to which receivers.  In every round every receiver
gets the same lines from the same sender (slow receivers only the first part of them).  Machines are
noisy: only the ratios of medians within one run count.  The floor is the bare stages in one simple
program (floor.c); null reads and discards, which shows the limit of the sender; rsyslog and
syslog-ng are Debian's, with the configurations in peers/: writing raw lines, neither validated nor
compressed, and parsing JSON.

A round: start the receiver on a free port in an empty directory, run logport-load, wait until every
line is stored, stop the receiver, compare the stored bytes with those sent.  CPU time is that of
the receiver's process from ready to its end.

No test depends on its speed: it checks what was stored, and prints the rest.  Exit status: 0; 1 the
daemon or the floor did not store what was sent; 2 an option is invalid or a program is missing.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import chart
import summary
from receivers import EXEC_PREFIX, RECEIVERS, START_S, Load, Wrong, cpu_by_thread, open_files, program, switches_of

LINES_A_SECOND_MIN = 10000  # limit for a hang
SMOKE_LINES = 20000
IDLE_S = 4

FRAMINGS = ("daemon", "daemon, NUL", "daemon, RFC 7464", "daemon, octet counts", "daemon, no delimiter")
PEERS = ("rsyslog", "syslog-ng", "rsyslog, JSON", "syslog-ng, JSON")
ALL = ("daemon", "floor", "null", *PEERS)
RAW = ("daemon", "null", "rsyslog", "syslog-ng")
NO_FLOOR = ("daemon", "null", *PEERS)
# The share of the lines that a receiver gets (TCP), so that all rounds take about the same time.
SHARES = {"rsyslog": 1 / 3, "syslog-ng": 1 / 3, "rsyslog, JSON": 1 / 10, "syslog-ng, JSON": 1 / 10}


class Mode:
    """A mode: its name, description, receivers, and what is sent."""

    def __init__(self, name, what, receivers, default=False, archive=False, hold=None, **load):
        self.name, self.what, self.receivers, self.default = name, what, receivers, default
        self.archive = archive  # measure the cost of indexing and re-packing afterwards
        self.hold = hold  # nothing is sent: this number of connections stays open and silent
        self.load = load

    def load_of(self, receiver, scale):
        lines = self.load["lines"] * scale
        if not self.load.get("udp"):
            lines *= SHARES.get(receiver, 1)
        load = dict(self.load, lines=max(int(lines), self.load.get("connections", 4)))
        load["framing"] = getattr(RECEIVERS[receiver], "framing", "newline")
        return Load(**load)


M = 1000000
LINE = 200  # bytes, including the newline
# fmt: off
MODES = [
    Mode("tcp-1", "1 TCP connection", ALL, True, lines=3 * M, connections=1),
    Mode("tcp-4", "4 TCP connections", ALL, True, archive=True, lines=4 * M, connections=4),
    Mode("tcp-64", "64 TCP connections", ALL, True, lines=4 * M, connections=64),
    Mode("tcp-1000", "1,000 TCP connections", ALL, True, lines=4 * M, connections=1000),
    Mode("tcp-10000", "10,000 TCP connections", NO_FLOOR, lines=4 * M, connections=10000),
    Mode("tcp-4-240", "4 TCP connections, lines of 240 bytes", ("daemon", "floor", "null"), True, lines=4 * M, bytes=240),
    Mode("tcp-4-small", "4 TCP connections, one line a send", ALL, True, lines=1 * M, send_bytes=LINE),
    Mode("tcp-64-small", "64 TCP connections, one line a send", ALL, lines=1 * M, connections=64, send_bytes=LINE),
    Mode("tcp-4-2k", "4 TCP connections, lines of 2,000 bytes", ALL, True, lines=1 * M, bytes=2000),
    Mode("tcp-4-64k", "4 TCP connections, lines of 64 KiB", ALL, lines=20000, bytes=65536),
    Mode("tcp-4-rate", "4 TCP connections, 100,000 lines a second", NO_FLOOR, lines=M // 4, rate=100000),
    Mode("tcp-idle", "4 TCP connections beside 10,000 silent ones", RAW, lines=4 * M, idle=10000),
    Mode("schema", "4 TCP connections, with and without a schema", ("daemon", "daemon, schema"), True, lines=4 * M),
    Mode("framing", "4 TCP connections, lines separated in other ways", FRAMINGS, True, lines=3 * M, connections=4),
    Mode("framing-2k", "the same, lines of 2,000 bytes", FRAMINGS, lines=M // 2, connections=4, bytes=2000),
    Mode("gelf", "UDP, 20,000 messages of 1,000 bytes a second, as GELF", ("daemon", "daemon, GELF chunks", "daemon, GELF zlib"), True,
         lines=M // 10, connections=1, udp=True, bytes=1000, rate=20000),
    Mode("udp", "UDP, a send each, as fast as the sender can", NO_FLOOR, True, lines=M // 2, udp=True),
    Mode("udp-100k", "UDP, 100,000 datagrams a second", NO_FLOOR, lines=M // 5, udp=True, rate=100000),
    Mode("udp-200k", "UDP, 200,000 datagrams a second", NO_FLOOR, lines=2 * M // 5, udp=True, rate=200000),
    Mode("udp-2k", "UDP, datagrams of 2,000 bytes", NO_FLOOR, lines=M // 4, udp=True, bytes=2000),
    Mode("udp-64k", "UDP, datagrams of 65,000 bytes", NO_FLOOR, lines=10000, udp=True, bytes=65000),
    Mode("gso", "UDP, 64 datagrams a send, as fast as the sender can", NO_FLOOR, lines=4 * M, udp=True, gso=True),
    Mode("gso-500k", "UDP, many datagrams a send, 500,000 a second", NO_FLOOR, lines=M, udp=True, gso=True, rate=500000),
    Mode("gso-1000k", "UDP, many datagrams a send, 1,000,000 a second", NO_FLOOR, True, lines=2 * M, udp=True, gso=True, rate=M),
    Mode("gso-1700k", "UDP, many datagrams a send, 1,700,000 a second", NO_FLOOR, lines=3 * M, udp=True, gso=True, rate=1700000),
    Mode("gso-2k", "UDP, 32 datagrams of 2,000 bytes a send, 100,000 a second", NO_FLOOR, lines=M // 5, udp=True, gso=True,
         bytes=2000, rate=100000),
    Mode("idle", "nothing is sent", ("daemon", "rsyslog", "syslog-ng"), True, hold=0),
    Mode("idle-10000", "10,000 silent TCP connections", ("daemon", "rsyslog", "syslog-ng"), hold=10000),
]
# fmt: on


def main():
    options = read_options()
    began = time.monotonic()
    build = options.build
    missing = missing_receivers(options)
    results = summary.Results(options)
    summary.print_head(options, missing)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=build) as scratch:
        os.chmod(scratch, 0o755)
        # One round of all modes, then the next: a temporary disturbance affects all modes alike.
        for number in range(options.rounds):
            for mode in options.modes:
                if number > 0 and time.monotonic() - began > 60 * options.minutes:
                    continue
                names = [name for name in mode.receivers if name in options.receivers and name not in missing]
                turn = number % max(len(names), 1)  # the first one has the cleaner cache
                measured = {}
                for name in names[turn:] + names[:turn]:
                    measured[name] = run_round(options, mode, name, number, scratch)
                results.add(mode, measured)
                summary.print_round(number, mode, measured, not options.unchecked)
    report = results.report()
    summary.print_report(options, report)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
    if options.svg:
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write(chart.draw(report))
    return 0


# ---- options ----


def read_options():
    known = {mode.name: mode for mode in MODES}
    parser = argparse.ArgumentParser(
        prog="tools/bench",
        description="Compares the daemon with its floor and its peers: lines a second, CPU time, memory, bytes on disk.",
        epilog="modes (* by default): "
        + "; ".join("%s%s: %s" % (mode.name, "*" if mode.default else "", mode.what) for mode in MODES),
    )
    parser.add_argument("modes", nargs="*", metavar="MODE", help="modes to run (default: the most important ones); all: every mode")
    parser.add_argument("--build", default="build", metavar="DIR", help="folder of the programs (build)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="number of rounds (3)")
    parser.add_argument("--minutes", type=float, default=8, metavar="N", help="start no further round after N minutes (8)")
    parser.add_argument("--scale", type=float, default=100, metavar="PERCENT", help="percentage of each mode's lines to send (100)")
    parser.add_argument("--receivers", metavar="NAMES", help="only these, separated by semicolons: " + "; ".join(RECEIVERS))
    parser.add_argument("--lines", type=int, metavar="N", help="instead of a mode, send N lines to the daemon and the floor")
    parser.add_argument("--bytes", type=int, metavar="N", help="instead of a mode: bytes of each line (240)")
    parser.add_argument("--connections", type=int, metavar="N", help="instead of a mode: number of connections (4)")
    parser.add_argument("--send-bytes", type=int, metavar="N", help="instead of a mode: bytes of each send")
    parser.add_argument("--floor-threads", type=int, default=2, metavar="N", help="threads of the floor (2)")
    parser.add_argument("--json", metavar="FILE", help="write all measurements to FILE")
    parser.add_argument("--svg", metavar="FILE", help="draw a chart of the medians")
    parser.add_argument("--unchecked", action="store_true", help="count the stored lines, but do not compare their bytes")
    parser.add_argument("--smoke", action="store_true", help="one short round; checks the report, not the speed")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    own = {key: getattr(options, key) for key in ("lines", "bytes", "connections", "send_bytes") if getattr(options, key)}
    names = options.modes or [mode.name for mode in MODES if mode.default]
    if names == ["all"]:
        names = list(known)
    for name in names:
        if name not in known:
            parser.error("no mode is called %s; there are: %s" % (name, ", ".join(known)))
    options.modes = [known[name] for name in names]
    if own:
        own = dict({"lines": 4 * M, "bytes": 240, "connections": 4}, **own)
        options.modes = [Mode("own", "%(lines)d lines of %(bytes)d bytes, %(connections)d TCP connections" % own, ("daemon", "floor"), **own)]
    elif options.smoke and names == [mode.name for mode in MODES if mode.default]:
        options.modes = [known[name] for name in ("tcp-4", "tcp-4-small", "schema", "udp-100k", "idle")]
    if options.smoke:
        options.rounds = 1
    options.receivers = [name.strip() for name in options.receivers.split(";")] if options.receivers else list(RECEIVERS)
    for name in options.receivers:
        if name not in RECEIVERS:
            parser.error("no receiver is called %s; there are: %s" % (name, "; ".join(RECEIVERS)))
    if options.rounds < 1 or options.scale <= 0 or options.floor_threads < 1 or (own and min(own.values()) < 1):
        parser.error("counts begin at 1")
    return options


def missing_receivers(options):
    """The receivers that are unavailable, and why.  The daemon is required."""
    wanted = {name for mode in options.modes for name in mode.receivers} & set(options.receivers)
    missing = {name: RECEIVERS[name].missing(options.build) for name in wanted}
    for what in (missing.get("daemon"), missing_load(options.build)):
        if what:
            raise SystemExit(complain("%s is missing: build first" % what, 2))
    if shutil.which("lz4") is None:
        raise SystemExit(complain("lz4 is missing: install the package lz4", 2))
    return {name: what for name, what in missing.items() if what}


def missing_load(build):
    path = program(build, "logport-load")
    return None if os.access(path, os.X_OK) else path


def complain(text, code):
    print("throughput.py: " + text, file=sys.stderr)
    return code


# ---- a round ----


def run_round(options, mode, name, number, scratch):
    directory = os.path.join(scratch, "%s-%s-%d" % (mode.name, name.replace(", ", "-"), number))
    os.mkdir(directory)
    try:
        if mode.hold is not None:
            return hold_round(options, mode, name, directory)
        return load_round(options, mode, name, number, directory)
    finally:
        shutil.rmtree(directory)


def scale_of(options, mode):
    if options.smoke:
        return min(1, SMOKE_LINES / mode.load["lines"])
    return options.scale / 100


def load_round(options, mode, name, number, directory):
    load = mode.load_of(name, scale_of(options, mode))
    load.floor_threads = options.floor_threads
    patience = START_S + load.lines / LINES_A_SECOND_MIN
    receiver = RECEIVERS[name](options.build, directory, load)
    try:
        sent = load.run(options.build, receiver, patience)
        began = time.monotonic() - sent["closed_seconds"]  # when all had connected
        stored = receiver.wait_stored(load, patience)
        seconds = stored.when - began
        lives = receiver.process.returncode is None
        memory_peak = receiver.memory_peak() if lives else None
        threads = cpu_by_thread(receiver.process.pid) if lives else {}
        cpu_stored = receiver.cpu_seconds() - sum(receiver.cpu_before) if lives else None
        usage, said = receiver.stop(load, patience)
    finally:
        receiver.kill()
    files = receiver.files()
    result = counted(options, name, load, files, said, patience)
    result["lines"] = load.lines
    result["lines_a_second"] = result["stored"] / seconds
    result["seconds"] = seconds
    result["memory_peak"] = memory_peak or said["memory_peak"]
    result["disk_bytes"] = sum(os.path.getsize(path) for path in files)
    result.update(cpu_used(usage, receiver.cpu_before, max(result["stored"], 1) / 1e6))
    result["cpu_stored"] = result["cpu"] if cpu_stored is None else cpu_stored * 1e6 / max(result["stored"], 1)
    result["load_cpu"] = sent["cpu_seconds"] * 1e6 / load.lines
    result["load_seconds"] = sent["seconds"]
    result["threads"] = {key: value * 1e6 / load.lines for key, value in threads.items()}
    for key in ("ns_a_line", "kernel_drops"):
        if key in said:
            result[key] = said[key]
    if mode.archive and name == "daemon" and number == 0 and not options.smoke:
        result["afterwards"] = afterwards(options, load, directory)
    return result


def cpu_used(usage, before, millions):
    """CPU seconds per million stored lines, of the whole process from ready to its end."""
    user, system = usage.ru_utime - before[0], usage.ru_stime - before[1]
    return {"cpu": (user + system) / millions, "cpu_user": user / millions, "cpu_system": system / millions}


def counted(options, name, load, files, said, patience):
    """The number of stored lines, and whether they are the lines that were sent."""
    if name == "null":
        return {"stored": said["lines"], "lost": load.lines - said["lines"]}
    if options.unchecked:
        stored = sum(lines_in(path) for path in files)
        found = {"stored": stored, "lost": load.lines - stored}
    else:
        found = load.check(options.build, files, patience)
        found["stored"] = found.pop("lines")
    if name.startswith("daemon") or name == "floor":
        bad = {key: found.get(key, 0) for key in ("altered", "doubled")}
        if not load.udp:
            bad.update({key: found.get(key, 0) for key in ("lost", "disordered")})
        if any(bad.values()):
            raise Wrong("%s did not store what was sent: %s" % (name, found))
    return found


def lines_in(path):
    unpack = "lz4 -dc '%s' | wc -l" if path.endswith(".lz4") else "wc -l < '%s'"
    return int(subprocess.run(unpack % path, shell=True, stdout=subprocess.PIPE, check=True).stdout)


def afterwards(options, load, directory):
    """Measures the daemon's later work alone: indexing and re-packing."""
    results = {}
    for name, more in (("index", ["--index-only"]), ("archive", [])):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        command = EXEC_PREFIX + [program(options.build, "logport"), "archive", *more, directory]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        folder = os.path.join(directory, "main")
        size = sum(os.path.getsize(os.path.join(folder, path)) for path in os.listdir(folder))
        results[name] = {"cpu": cpu * 1e6 / load.lines, "seconds": time.monotonic() - began, "disk_bytes": size}
    return results


# ---- idle modes ----


def hold_round(options, mode, name, directory):
    """Measures a receiver that receives nothing."""
    seconds = 1 if options.smoke else IDLE_S
    load = Load(1, connections=1, idle=mode.hold)
    open_files()
    receiver = RECEIVERS[name](options.build, directory, load)
    try:
        with contextlib.ExitStack() as stack:
            host, port = receiver.address.rsplit(":", 1)
            for _ in range(mode.hold):
                stack.enter_context(socket.create_connection((host, int(port)), START_S))
            time.sleep(1)  # until the last one is accepted and the delayed work of the start is done
            cpu, switches, began = receiver.cpu_seconds(), switches_of(receiver.process.pid), time.monotonic()
            time.sleep(seconds)
            spent = time.monotonic() - began
            result = {
                "connections": mode.hold,
                "cpu_a_second": (receiver.cpu_seconds() - cpu) / spent,
                "wakes_a_second": (switches_of(receiver.process.pid) - switches) / spent,
                "memory_peak": receiver.memory_peak(),
            }
    finally:
        receiver.kill()
    return result


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as wrong:
        sys.exit(complain(str(wrong), 1))
    except subprocess.TimeoutExpired as late:
        sys.exit(complain("%s took longer than %d s" % (late.cmd[0], late.timeout), 1))
