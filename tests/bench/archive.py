"""archive.py - how much re-packing closed segments slows down ingest.

Runs the daemon in turn with re-packing on and off, under the same load, over the same closed
segments, which are enough to keep it busy for a whole round.  They are made once and linked into
each round's folder (re-packing replaces a file and never writes to it).  On two cores re-packing,
the daemon and the sender share the CPU; re-packing runs at the lowest priority and should use only
what the others leave.

Reports the ratio of lines a second, the CPU time of re-packing, and the memory of both compared
with the maximum that the daemon states at its start.  Do not run it under `nice`: then the priority
of re-packing is no lower than the rest's.

No test depends on its speed.  Exit status: 0; 1 lines were lost or nothing was re-packed; 2 an
option is invalid or a program is missing.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from receivers import START_S, Daemon, Load, Receiver, Wrong, cpu_by_thread, program, status_of

TARGET_LINES = 0.9  # lines a second while the archive works, over those without: at least
TARGET_MEMORY = 96 << 20  # of a daemon under full load, including re-packing
LINES_A_SECOND_MIN = 10000  # limit for a hang
PACK_S = 120  # limit for re-packing one segment


def main():
    options = read_options()
    rounds = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.build) as scratch:
        closed = os.path.join(scratch, "closed")
        files = make_closed_files(options, closed)
        print_head(options, files, closed)
        for number in range(options.rounds):
            measured = {}
            for beside in (True, False) if number % 2 == 0 else (False, True):
                directory = os.path.join(scratch, "round")
                link_files(closed, directory)
                measured["beside" if beside else "alone"] = run_round(options, directory, files, beside)
                shutil.rmtree(directory)
            rounds.append(measured)
            print_round(number, measured)
    report = summarize(rounds)
    print_report(options, report)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"settings": vars(options), "rounds": rounds, "report": report}, file, indent=1)
            file.write("\n")
    return 0


def read_options():
    parser = argparse.ArgumentParser(
        prog="tools/bench archive", description="Measures how much re-packing closed segments slows down ingest."
    )
    parser.add_argument("--build", default="build", metavar="DIR", help="folder of the programs (build)")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="number of rounds, each with and without re-packing (9)")
    parser.add_argument("--lines", type=int, default=8000000, metavar="N", help="lines a round (8000000)")
    parser.add_argument("--bytes", type=int, default=240, metavar="N", help="bytes a line (240)")
    parser.add_argument("--connections", type=int, default=4, metavar="N", help="TCP connections (4)")
    parser.add_argument("--closed", type=int, default=8000000, metavar="N", help="lines in closed segments (8000000)")
    parser.add_argument("--segment-bytes-max", default="256MiB", metavar="SIZE", help="size of each closed segment (256MiB)")
    parser.add_argument("--json", metavar="FILE", help="write all measurements to FILE")
    parser.add_argument("--smoke", action="store_true", help="one short round; checks the report, not the speed")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.lines, options.closed, options.segment_bytes_max = 1, 20000, 400000, "4MiB"
    if min(options.rounds, options.lines, options.connections, options.closed) < 1:
        parser.error("counts begin at 1")
    options.build = os.path.abspath(options.build)
    for name in ("logportd", "logport", "logport-load"):
        if not os.access(program(options.build, name), os.X_OK):
            raise SystemExit(complain("%s is missing: build first" % program(options.build, name), 2))
    return options


def complain(text, code):
    print("archive.py: " + text, file=sys.stderr)
    return code


def patience_of(load):
    return START_S + load.lines / LINES_A_SECOND_MIN


def load_of(options, lines):
    return Load(lines, bytes=options.bytes, connections=options.connections)


# ---- the closed files ----


def make_closed_files(options, directory):
    """Segments as they are before re-packing: closed, with their index."""
    load = load_of(options, options.closed)
    more = ["--archive-level=0", "--segment-bytes-max=" + options.segment_bytes_max]
    os.mkdir(directory)
    daemon = Daemon(options.build, directory, load, more)
    try:
        load.run(options.build, daemon, patience_of(load))
        daemon.wait_stored(load, patience_of(load))
        daemon.stop(load, patience_of(load))
    finally:
        daemon.kill()
    index = [program(options.build, "logport"), "archive", "--index-only", directory]
    subprocess.run(index, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return len(daemon.files())


def link_files(closed, directory):
    main, state = os.path.join(directory, "main"), os.path.join(directory, "state")
    shutil.copytree(os.path.join(closed, "state"), state)
    shutil.copytree(os.path.join(closed, "main"), main, copy_function=os.link)


# ---- a round ----


def run_round(options, directory, files, beside):
    load = load_of(options, options.lines)
    daemon = Daemon(options.build, directory, load, ["--archive-after-s=0s"] if beside else ["--archive-level=0"])
    try:
        if beside:
            wait_for_archive(daemon)
        before = usage_of(daemon)
        began = time.monotonic()
        load.run(options.build, daemon, patience_of(load))
        stored = daemon.wait_stored(load, patience_of(load))
        after = usage_of(daemon)
        memory_peak = daemon.memory_peak()
        daemon.stop(load, patience_of(load))
    finally:
        daemon.kill()
    if stored.count != load.lines:
        raise Wrong("the daemon stored %d of %d lines" % (stored.count, load.lines))
    if beside and after["archived"] >= files:
        raise Wrong("the archive was through before the round was: make more of --closed")
    seconds = stored.when - began
    return {
        "lines_a_second": load.lines / seconds,
        "cpu": (after["cpu"] - before["cpu"]) * 1e6 / load.lines,
        "archive_cpu": after["archive_cpu"] - before["archive_cpu"],
        "archive_share": (after["archive_cpu"] - before["archive_cpu"]) / seconds,
        "archived": after["archived"] - before["archived"],
        "seconds": seconds,
        "memory_peak": memory_peak,
        "memory_said": memory_said(daemon),
    }


def wait_for_archive(daemon):
    """One segment is re-packed, so its memory has been used; the next one is in progress."""
    end = time.monotonic() + PACK_S
    while usage_of(daemon)["archived"] < 1:
        if time.monotonic() > end:
            raise Wrong("the archive does not work")
        time.sleep(0.02)


def usage_of(daemon):
    """CPU seconds so far: of the idle lane's thread, which only re-packs here, and of the others."""
    threads = cpu_by_thread(daemon.process.pid)
    archive = threads.pop("idle", 0)
    archived = status_of(daemon.directory)["main"]["segments_archived"]
    return {"cpu": sum(threads.values()), "archive_cpu": archive, "archived": archived}


def memory_said(daemon: Receiver):
    """The maximum memory that the daemon states at its start."""
    for line in daemon.lines:
        found = re.search(r"memory: at most ([0-9.]+) MiB", line)
        if found:
            return int(float(found.group(1)) * (1 << 20))
    raise Wrong("the daemon did not say how much memory it needs")


# ---- the report ----


def print_head(options, files, closed):
    size = sum(entry.stat().st_size for entry in os.scandir(os.path.join(closed, "main")))
    print(
        "%d lines of %d bytes over %d TCP connections; %d rounds; %d cores, load average %.1f; %d closed files, %.0f MB"
        % (options.lines, options.bytes, options.connections, options.rounds, os.cpu_count(), os.getloadavg()[0], files,
           size / 1e6),
        flush=True,
    )


def print_round(number, measured):
    beside, alone = measured["beside"], measured["alone"]
    print(
        "round %d: %.2f M lines/s while the archive worked, which took %.0f %% of a core and packed %d files; %.2f alone: %.3f"
        % (number + 1, beside["lines_a_second"] / 1e6, 100 * beside["archive_share"], beside["archived"],
           alone["lines_a_second"] / 1e6, beside["lines_a_second"] / alone["lines_a_second"]),
        flush=True,
    )


def summarize(rounds):
    def median(name, key):
        return statistics.median([measured[name][key] for measured in rounds])

    report = {name: {key: median(name, key) for key in rounds[0][name]} for name in ("beside", "alone")}
    for name, one in report.items():
        one["memory_peak"] = max(measured[name]["memory_peak"] for measured in rounds)
    by_round = [measured["beside"]["lines_a_second"] / measured["alone"]["lines_a_second"] for measured in rounds]
    report["ratio"] = {
        "of_medians": report["beside"]["lines_a_second"] / report["alone"]["lines_a_second"],
        "median": statistics.median(by_round),
        "min": min(by_round),
        "max": max(by_round),
    }
    return report


def print_report(options, report):
    mib = 1 << 20
    print("\n%-20s%-12s%-16s%-14s%-16s%s" % ("", "M lines/s", "CPU-s/M lines", "archive CPU-s", "peak MiB", "said at most"))
    for name, text in (("alone", "archive off"), ("beside", "archive at work")):
        one = report[name]
        print(
            "%-20s%-12.2f%-16.3f%-14.2f%-16.1f%.1f"
            % (text, one["lines_a_second"] / 1e6, one["cpu"], one["archive_cpu"], one["memory_peak"] / mib,
               one["memory_said"] / mib)
        )
    ratio, beside = report["ratio"], report["beside"]
    text = "\nlines a second while the archive works, over those without: %.3f (by round %.3f, %.3f-%.3f)" % (
        ratio["of_medians"], ratio["median"], ratio["min"], ratio["max"])
    if not options.smoke:
        text += "; wanted at least %.2f: %s" % (TARGET_LINES, "yes" if ratio["of_medians"] >= TARGET_LINES else "NO")
    print(text)
    for what, limit in (("what the daemon says", beside["memory_said"]), ("wanted at most", TARGET_MEMORY)):
        print("memory: %.1f MiB, %s: %.1f: %s" % (beside["memory_peak"] / mib, what, limit / mib,
                                                   "yes" if beside["memory_peak"] <= limit else "NO"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Wrong, subprocess.SubprocessError, OSError) as wrong:
        sys.exit(complain(str(wrong), 1))
    except KeyboardInterrupt:
        sys.exit(130)
