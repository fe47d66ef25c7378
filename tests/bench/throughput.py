"""throughput.py - the daemon and the floor in turn, under the same load.

How much the daemon costs above the bare stages (receive, copy, validate,
compress, write: tests/bench/floor.c), and how many lines a second pass.  Machines
are noisy, so both run in every round of one run and the ratio of their medians
is what counts; the plain numbers are this machine's, this hour's.

A round: start the receiver on a free port in a fresh directory, run
logport-load, wait until every line is stored, stop the receiver.  Stored means
for the daemon that its counters say so, and for the floor that it has
ended.  Every round's counts are checked, and in the first round every byte:
each connection's lines, as stored, against what logport-load sends.

Never a timed test: it judges what was stored, and prints the rest.  Exit
code: 0; 1 when something was not stored as sent; 2 for bad options or when
a program is missing.
"""

import argparse
import contextlib
import glob
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib

TARGET_CPU = 1.3  # the daemon's CPU time a line, over the floor's: at most
TARGET_LINES = 0.7  # the daemon's lines a second, over the floor's: at least

# The daemon seals a batch that is not full after this time.  Its default, 200
# ms, would be a tenth of a round, waited for the last batch alone.
FLUSH_MS = 20
POLL_S = 0.005
START_S = 20  # a receiver must be ready, and must stop, within this
LINES_A_SECOND_MIN = 20000  # slower than this is a hang

SMOKE_LINES = 20000


class Wrong(Exception):
    """What was stored is not what was sent, or a program failed."""


def main():
    options = read_options()
    programs = find_programs(options.build)
    print_head(options)
    rounds = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.build) as scratch:
        sent = what_is_sent(programs, options)
        for number in range(options.rounds):
            # Whoever comes first has the cleaner cache: take turns.
            order = ["daemon", "floor"] if number % 2 == 0 else ["floor", "daemon"]
            measured = {}
            for name in order:
                directory = os.path.join(scratch, "%s-%d" % (name, number))
                os.mkdir(directory)
                run = run_daemon if name == "daemon" else run_floor
                measured[name] = run(programs, options, directory)
                if number == 0 and not options.unchecked:
                    check_bytes(name, directory, sent)
                shutil.rmtree(directory)
            rounds.append(measured)
            print_round(number, measured, number == 0 and not options.unchecked)
    report = summarize(options, rounds)
    print_report(options, report)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
    return 0


def read_options():
    parser = argparse.ArgumentParser(
        prog="tools/bench throughput",
        description="Compares the daemon with the floor: CPU time a line and lines a second.",
    )
    parser.add_argument("--build", default="build", metavar="DIR", help="where the programs are (build)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of both (5)")
    parser.add_argument("--lines", type=int, default=4000000, metavar="N", help="lines a round (4000000)")
    parser.add_argument("--bytes", type=int, default=240, metavar="N", help="bytes a line (240)")
    parser.add_argument("--connections", type=int, default=4, metavar="N", help="TCP connections (4)")
    parser.add_argument("--floor-threads", type=int, default=2, metavar="N", help="threads of the floor (2)")
    parser.add_argument("--json", metavar="FILE", help="write everything measured to this file")
    parser.add_argument(
        "--unchecked", action="store_true", help="do not compare the first round's bytes; only count"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="one round of %d lines; no ratio is judged" % SMOKE_LINES
    )
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.lines = 1, SMOKE_LINES
    if min(options.rounds, options.lines, options.connections, options.floor_threads) < 1:
        parser.error("counts begin at 1")
    options.build = os.path.abspath(options.build)
    return options


def find_programs(build):
    programs = {
        "daemon": os.path.join(build, "logportd"),
        "load": os.path.join(build, "logport-load"),
        "floor": os.path.join(build, "tests", "bench_floor"),
    }
    for path in programs.values():
        if not os.access(path, os.X_OK):
            raise SystemExit(complain("%s is missing: build first" % path, 2))
    if shutil.which("lz4") is None:
        raise SystemExit(complain("lz4 is missing: install the package lz4", 2))
    return programs


def complain(text, code):
    print("throughput.py: " + text, file=sys.stderr)
    return code


# ---- receivers ----


class Receiver:
    """A running program that says where it listens, and what it used."""

    def __init__(self, command):
        self.command = command
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.lines = []
        self.address = None
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.ready.wait(START_S) or self.address is None:
            self.kill()
            raise Wrong("%s did not become ready: %s" % (command[0], self.last_line()))

    def _read(self):
        for line in self.process.stderr:
            text = line.decode("utf-8", "replace").rstrip("\n")
            self.lines.append(text)
            if ": ready tcp=" in text and self.address is None:
                self.address = text.split("tcp=")[1].split()[0]
                self.ready.set()
        self.ready.set()

    def last_line(self):
        return self.lines[-1] if self.lines else ""

    def memory_peak(self):
        """Until now.  What wait4 tells would be our own peak, if that was more:
        the kernel remembers it across exec."""
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return 0

    def cpu_seconds(self):
        """Until now; in steps of a clock tick."""
        with open("/proc/%d/stat" % self.process.pid, encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, seconds):
        """Waits for the end; returns stdout and the resources used."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.start()
        out = self.process.stdout.read()
        self.reader.join()
        _, status, usage = os.wait4(self.process.pid, 0)
        timer.cancel()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            raise Wrong(
                "%s ended with %d: %s" % (self.command[0], self.process.returncode, self.last_line())
            )
        return out, usage

    def kill(self):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def receiver_of(command):
    receiver = Receiver(command)
    try:
        yield receiver
    finally:
        receiver.kill()


def patience(options):
    return START_S + options.lines / LINES_A_SECOND_MIN


def load_command(programs, options, address):
    return [
        programs["load"],
        address,
        "--connections=%d" % options.connections,
        "--lines=%d" % options.lines,
        "--bytes=%d" % options.bytes,
    ]


def run_load(programs, options, address):
    done = subprocess.run(
        load_command(programs, options, address),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=patience(options),
        check=True,
    )
    said = json.loads(done.stdout)
    if said["lines"] != options.lines:
        raise Wrong("logport-load sent %d lines of %d" % (said["lines"], options.lines))
    return said


def run_daemon(programs, options, directory):
    command = [programs["daemon"], "--dir", directory, "--tcp", "127.0.0.1:0", "--flush-ms=%d" % FLUSH_MS]
    with receiver_of(command) as daemon:
        began = time.monotonic()
        load = run_load(programs, options, daemon.address)
        wait_until_stored(options, directory)
        seconds = time.monotonic() - began
        cpu_stored, memory_peak = daemon.cpu_seconds(), daemon.memory_peak()
        daemon.process.send_signal(signal.SIGTERM)
        _, usage = daemon.end(patience(options))
        counters = json.loads(daemon.last_line())
    expected = {"received": options.lines, "stored": options.lines, "rejected": 0, "in_flight": 0}
    for name, value in expected.items():
        if counters[name] != value:
            raise Wrong("the daemon says %s=%d, not %d" % (name, counters[name], value))
    if any(counters["dropped"].values()):
        raise Wrong("the daemon dropped %s" % counters["dropped"])
    return measured_of(options, seconds, usage, load, cpu_stored, memory_peak)


def wait_until_stored(options, directory):
    end = time.monotonic() + patience(options)
    while True:
        stored = status_of(directory)["stored"]
        if stored >= options.lines:
            return
        if time.monotonic() > end:
            raise Wrong("the daemon had stored %d lines of %d and stood still" % (stored, options.lines))
        time.sleep(POLL_S)


def status_of(directory):
    """What `logport status` asks, without starting a program for it."""
    with open(os.path.join(directory, "logportd.run"), encoding="utf-8") as file:
        run = json.load(file)
    host, port = run["control"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), START_S) as control:
        control.sendall((run["token"] + " status\n").encode())
        with control.makefile("rb") as answer:
            return json.loads(answer.read())


def run_floor(programs, options, directory):
    command = [
        programs["floor"],
        "--dir=" + directory,
        "--connections=%d" % options.connections,
        "--threads=%d" % options.floor_threads,
    ]
    with receiver_of(command) as floor:
        began = time.monotonic()
        load = run_load(programs, options, floor.address)
        out, usage = floor.end(patience(options))
        seconds = time.monotonic() - began
    said = json.loads(out)
    if said["lines"] != options.lines or said["bad"] != 0:
        raise Wrong("the floor says lines=%d bad=%d" % (said["lines"], said["bad"]))
    measured = measured_of(options, seconds, usage, load, None, said["memory_peak"])
    measured["ns_a_line"] = said["ns_a_line"]
    return measured


def measured_of(options, seconds, usage, load, cpu_stored, memory_peak):
    """CPU: seconds a million lines, of the whole process from start to end;
    cpu_stored: the same until all was stored, before it stopped."""
    millions = options.lines / 1e6
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "lines_a_second": options.lines / seconds,
        "cpu": cpu / millions,
        "cpu_user": usage.ru_utime / millions,
        "cpu_system": usage.ru_stime / millions,
        "cpu_stored": (cpu if cpu_stored is None else cpu_stored) / millions,
        "memory_peak": memory_peak,
        "seconds": seconds,
        "load_cpu": load["cpu_seconds"] / millions,
    }


# ---- what was sent, what was stored ----


def connection_of(line):
    start = line.index(b'"conn":') + 7
    return int(line[start : line.index(b",", start)])


def what_is_sent(programs, options):
    """The size and CRC-32 of what each connection sends: the load is the same
    each time, so one run of it into a sink of ours tells."""
    sent = {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        load = subprocess.Popen(
            load_command(programs, options, "127.0.0.1:%d" % listener.getsockname()[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            listener.settimeout(START_S)
            connections = [listener.accept()[0] for _ in range(options.connections)]
            threads = [threading.Thread(target=sink, args=(c, options, sent)) for c in connections]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            load.wait(patience(options))
        finally:
            load.kill()
            load.wait()
    if sum(size for size, _ in sent.values()) != options.lines * options.bytes:
        raise Wrong("logport-load sent other than it was told to")
    return sent


def sink(connection, options, sent):
    connection.settimeout(patience(options))
    size, crc, number = 0, 0, None
    buffer = bytearray(1 << 20)
    with connection:
        while True:
            got = connection.recv_into(buffer)
            if got == 0:
                break
            if number is None:
                number = connection_of(buffer)
            size += got
            crc = zlib.crc32(memoryview(buffer)[:got], crc)
    if number is not None:
        sent[number] = (size, crc)


def check_bytes(name, directory, sent):
    """Each connection's lines, in the order in which they are stored, are what
    it sent: nothing is missing, changed, doubled or out of order."""
    if name == "daemon":
        paths = sorted(glob.glob(os.path.join(directory, "main", "*.lz4")))
        if glob.glob(os.path.join(directory, "rejects", "*")):
            raise Wrong("the daemon rejected good lines")
    else:
        paths = sorted(glob.glob(os.path.join(directory, "*.lz4")))
    sizes, crcs = {}, {}
    for path in paths:
        unpack = subprocess.Popen(["lz4", "-dc", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        for line in unpack.stdout:
            number = connection_of(line)
            sizes[number] = sizes.get(number, 0) + len(line)
            crcs[number] = zlib.crc32(line, crcs.get(number, 0))
        unpack.stdout.close()
        if unpack.wait() != 0:
            raise Wrong("lz4 -dc %s failed" % path)
    stored = {number: (sizes[number], crcs[number]) for number in sizes}
    if stored != sent:
        raise Wrong("%s: stored %s, sent %s" % (name, stored, sent))


# ---- the report ----

COLUMNS = (
    # key, head, factor, digits
    ("lines_a_second", "M lines/s", 1e-6, 2),
    ("cpu", "CPU-s/M lines", 1, 3),
    ("cpu_stored", "until stored", 1, 3),
    ("cpu_user", "user", 1, 3),
    ("cpu_system", "system", 1, 3),
    ("memory_peak", "peak MiB", 1 / (1 << 20), 1),
)


def summarize(options, rounds):
    report = {
        "settings": {
            key: getattr(options, key) for key in ("rounds", "lines", "bytes", "connections", "floor_threads")
        },
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()[0]},
        "targets": {"cpu": TARGET_CPU, "lines_a_second": TARGET_LINES},
        "rounds": rounds,
        "ratios": {},
    }
    for name in ("daemon", "floor"):
        report[name] = {}
        for key, _, _, _ in COLUMNS:
            values = [measured[name][key] for measured in rounds]
            report[name][key] = {
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
            }
    report["load_cpu"] = statistics.median(
        [measured[name]["load_cpu"] for measured in rounds for name in ("daemon", "floor")]
    )
    stages = rounds[0]["floor"]["ns_a_line"]
    report["floor"]["ns_a_line"] = {
        stage: statistics.median([measured["floor"]["ns_a_line"][stage] for measured in rounds])
        for stage in stages
    }
    for key in ("cpu", "cpu_stored", "lines_a_second"):
        by_round = [measured["daemon"][key] / measured["floor"][key] for measured in rounds]
        report["ratios"][key] = {
            "of_medians": report["daemon"][key]["median"] / report["floor"][key]["median"],
            "min": min(by_round),
            "max": max(by_round),
        }
    return report


def print_head(options):
    print(
        "%d lines of %d bytes over %d TCP connections; %d rounds; %d cores, load average %.1f"
        % (
            options.lines,
            options.bytes,
            options.connections,
            options.rounds,
            os.cpu_count(),
            os.getloadavg()[0],
        ),
        flush=True,
    )


def print_round(number, measured, checked):
    parts = [
        "%s %.2f M lines/s %.3f CPU-s/M" % (name, measured[name]["lines_a_second"] / 1e6, measured[name]["cpu"])
        for name in ("daemon", "floor")
    ]
    note = "; every byte checked" if checked else ""
    print("round %d: %s%s" % (number + 1, "; ".join(parts), note), flush=True)


def print_report(options, report):
    print()
    print("%-8s" % "" + "".join("%-22s" % head for _, head, _, _ in COLUMNS).rstrip())
    for name in ("daemon", "floor"):
        cells = []
        for key, _, factor, digits in COLUMNS:
            numbers = [report[name][key][part] * factor for part in ("median", "min", "max")]
            cells.append("%-22s" % ("%.*f (%.*f-%.*f)" % tuple(x for n in numbers for x in (digits, n))))
        print(("%-8s" % name + "".join(cells)).rstrip())
    stages = ", ".join("%s %.0f" % pair for pair in report["floor"]["ns_a_line"].items())
    print("floor, CPU ns a line: %s; the sender: %.0f" % (stages, report["load_cpu"] * 1000))
    print()
    ratios = report["ratios"]
    verdicts = {
        "cpu": ratios["cpu"]["of_medians"] <= TARGET_CPU,
        "lines_a_second": ratios["lines_a_second"]["of_medians"] >= TARGET_LINES,
    }
    wanted = {"cpu": "at most %.1f" % TARGET_CPU, "lines_a_second": "at least %.1f" % TARGET_LINES}
    heads = {
        "cpu": "CPU a line",
        "cpu_stored": "CPU a line until stored",
        "lines_a_second": "lines a second",
    }
    for key, ratio in ratios.items():
        text = "daemon/floor, %s: %.2f (%.2f-%.2f)" % (
            heads[key],
            ratio["of_medians"],
            ratio["min"],
            ratio["max"],
        )
        if key in wanted and not options.smoke:
            text += "; wanted %s: %s" % (wanted[key], "yes" if verdicts[key] else "NO")
        print(text)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Wrong, subprocess.SubprocessError, OSError) as wrong:
        sys.exit(complain(str(wrong), 1))
    except KeyboardInterrupt:
        sys.exit(130)
