"""search.py - compares logport search with the usual alternatives.

The corpus is sent through the daemon, so that its segments are closed as in real use.  It is
searched in turn by logport, `rg -z`, `lz4 -dc | grep -c`, zstdgrep (the same lines, compressed by
zstd), and lnav (one file); bare decompression is measured as the lower bound for any program that
reads everything.  Then the last lines: `logport tail`, and tail on the decompressed last file.
Everything is in the page cache: the round before the first is discarded.  Machines are noisy, so
every program runs in every round, and only the ratios of the medians count.

At last a table of targets, with what was measured (targets.py).

No test depends on its speed: it checks that the counts agree, and prints the rest.  Exit status: 0;
1 programs disagree; 2 an option is invalid or a program is missing.
"""

import argparse
import datetime
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from targets import Targets
from targets import Wrong as WrongTarget

UNIQUE = "5e0b1f7c93ad4286"  # in one record in the middle; the ids of logport-load repeat
SECONDS = 120  # limit for a hang
NO_MATCH = 1


class Wrong(Exception):
    """Programs disagree, or one failed."""


def main():
    options = read_options()
    for program in ("lz4", "rg", "grep"):
        if shutil.which(program) is None:
            raise SystemExit(complain("%s is missing: install its package" % program, 2))
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.build) as scratch:
        paths = make_corpus(options, scratch)
        report = measure_all(options, paths)
        if options.cases in "targets":
            report["targets"] = measure_targets(options, paths, scratch)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
    return 0


def read_options():
    parser = argparse.ArgumentParser(prog="search.py", description="measures logport search")
    parser.add_argument("--build", default="build", metavar="DIR", help="folder of the programs (build)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="number of rounds (5)")
    parser.add_argument("--files", type=int, default=10, metavar="N", help="number of segments (10)")
    parser.add_argument("--lines", type=int, default=1000000, metavar="N", help="lines in each segment, of 240 bytes (1000000)")
    parser.add_argument("--cases", default="", metavar="TEXT", help="only cases whose name contains TEXT: unique, 1 file, tail, since, targets")
    parser.add_argument("--older", metavar="PATH", help="an older build of logport, for the targets that name one")
    parser.add_argument("--json", metavar="FILE", help="write all measurements to FILE")
    parser.add_argument("--smoke", action="store_true", help="one round over 3 small segments; checks the report, not the speed")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.files, options.lines = 1, 3, 100000
    if min(options.rounds, options.files, options.lines) < 1:
        parser.error("counts begin at 1")
    options.build = os.path.abspath(options.build)
    return options


def complain(text, code):
    print("search.py: " + text, file=sys.stderr)
    return code


# ---- the corpus ----


def make_corpus(options, scratch):
    """Closed segments of one stream, with their index."""
    directory = os.path.join(scratch, "logs")
    daemon = subprocess.Popen(
        [os.path.join(options.build, "logportd"), "--dir", directory, "--tcp", "127.0.0.1:0", "--segment-bytes-max", "1GiB", "--archive-level", "0"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    address = ""
    try:
        for line in daemon.stderr:
            if b": ready tcp=" in line:
                address = line.split(b"tcp=")[1].split()[0].decode()
                break
        drain = threading.Thread(target=daemon.stderr.read, daemon=True)
        drain.start()
        stored = 0
        for number in range(options.files):
            load = [os.path.join(options.build, "logport-load"), "--lines", str(options.lines), "--connections", "4"]
            run(load + ["--seed", str(number + 1), "--id", "file%d" % number, address])
            stored += options.lines
            if number == options.files // 2:
                send(options, scratch, address, {"ts": "2026-11-24T07:30:00Z", "trace_id": UNIQUE, "msg": "the one"})
                stored += 1
            wait_stored(options, directory, stored)
            run([os.path.join(options.build, "logport"), "rotate", "--dir", directory])
        # For --since: all other segments are from another day.
        now = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
        send(options, scratch, address, {"ts": now, "msg": "recent"})
        wait_stored(options, directory, stored + 1)
        daemon.terminate()
        daemon.wait(SECONDS)
        # A stop waits for indexes only for a limited time.
        run([os.path.join(options.build, "logport"), "archive", "--index-only", directory])
    finally:
        if daemon.returncode is None:
            daemon.kill()
            daemon.wait()
    paths = sorted(glob.glob(os.path.join(directory, "main", "*.ndjson.lz4")))
    if len(paths) != options.files + 1:
        raise Wrong("%d files were made, not %d" % (len(paths), options.files + 1))
    return paths


def send(options, scratch, address, record):
    path = os.path.join(scratch, "record")
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    run([os.path.join(options.build, "logport"), "send", address, path])


def wait_stored(options, directory, lines):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        status = run([os.path.join(options.build, "logport"), "status", "--dir", directory], codes=(0, 2))
        found = re.search(rb'"stored": ?(\d+)', status)
        if found and int(found.group(1)) >= lines:
            return
        time.sleep(0.05)
    raise Wrong("%d lines were not stored in %d s" % (lines, SECONDS))


def run(command, codes=(0,)):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    if done.returncode not in codes:
        raise Wrong("%s ended with %d: %s" % (command, done.returncode, done.stderr.decode("utf-8", "replace")[-300:]))
    return done.stdout


# ---- the programs ----


def cases(paths):
    """(name, logport's arguments, rg's and grep's arguments, files, target ratio to rg)"""
    one, ten = paths[:1], paths[:-1]
    many = "%d files" % len(ten)
    return [
        ("rare literal, 1 file", ["zzyx qvort"], ["-F", "zzyx qvort"], one, 4),
        ("common word, 1 file", ["error"], ["-F", "error"], one, 4),
        ("rare literal, " + many, ["zzyx qvort"], ["-F", "zzyx qvort"], ten, 2),
        ("common word, " + many, ["error"], ["-F", "error"], ten, 2),
        ("regex with literal, 1 file", ["-e", "queued for [a-z]+ 32[0-9]{3}"], ["queued for [a-z]+ 32[0-9]{3}"], one, 2),
        ("regex without, 1 file", ["-e", "[a-z]+[0-9]{3}[.:][a-z]"], ["[a-z]+[0-9]{3}[.:][a-z]"], one, 0.8),
        ("unique id, " + many, [UNIQUE], ["-F", UNIQUE], ten, 60),
        ("unique id, no index, " + many, ["--no-index", UNIQUE], ["-F", UNIQUE], ten, None),
    ]


def timed(command, shell=False, seconds_max=SECONDS):
    begun = time.monotonic()
    done = subprocess.run(
        command, shell=shell, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds_max, check=False, env=dict(os.environ, LC_ALL="C")
    )
    seconds = time.monotonic() - begun
    if done.returncode not in (0, NO_MATCH):
        raise Wrong("%s ended with %d: %s" % (command, done.returncode, done.stderr[-300:]))
    return seconds, done.stdout


def count_of(out):
    """The sum of the numbers, one a line, as rg -c prints them (file:number) or alone."""
    return sum(int(line.rsplit(b":", 1)[-1]) for line in out.splitlines())


def measure(options, case):
    name, words, others, paths, target = case
    logport = [os.path.join(options.build, "logport"), "search", "-c", *words, *paths]
    grep_words = ["-F" if word == "-F" else "'%s'" % word for word in (others if "-F" in others else ["-E", *others])]
    programs = {
        "logport": (logport, False),
        "rg": (["rg", "-z", "-c", "--no-config", *others, *paths], False),
        "lz4 | grep": ("lz4 -dcm %s | grep -a -c %s" % (" ".join(paths), " ".join(grep_words).replace("'-E'", "-E")), True),
        "lz4": (["sh", "-c", "lz4 -dcm %s > /dev/null" % " ".join(paths)], False),
    }
    if shutil.which("zstdgrep"):
        # A script that starts one grep for each file: with -h the counts would lose their names.
        programs["zstdgrep"] = (["zstdgrep", "-a", "-c", *(others if "-F" in others else ["-E", *others]), *packed_by_zstd(paths)], False)
    times = {program: [] for program in programs}
    for number in range(options.rounds + 1):
        counts = {}
        for program, (command, shell) in programs.items():
            seconds, out = timed(command, shell)
            if number > 0:
                times[program].append(seconds)
            if program != "lz4":
                counts[program] = count_of(out)
        if len(set(counts.values())) != 1:
            raise Wrong("%s: the counts differ: %s" % (name, counts))
    medians = {program: statistics.median(spent) for program, spent in times.items()}
    return {"name": name, "count": counts["logport"], "target": target, "medians": medians}


def packed_by_zstd(paths):
    """The same lines, compressed by zstd; made once."""
    packed = []
    for path in paths:
        packed.append(path.replace("/main/", "/zstd/").replace(".lz4", ".zst"))
        if not os.path.exists(packed[-1]):
            os.makedirs(os.path.dirname(packed[-1]), exist_ok=True)
            run(["sh", "-c", "lz4 -dc '%s' | zstd -q -3 -o '%s'" % (path, packed[-1])])
    return packed


def measure_tail(options, paths, lines):
    """The last lines of all segments; the other programs are given only the last file."""
    programs = {
        "logport tail": ([os.path.join(options.build, "logport"), "tail", "-n", str(lines), *paths], False),
        "lz4 | tail": ("lz4 -dc '%s' | tail -n %d" % (paths[-1], lines), True),
    }
    if shutil.which("zstdcat"):
        programs["zstdcat | tail"] = ("zstdcat '%s' | tail -n %d" % (packed_by_zstd(paths[-1:])[0], lines), True)
    times, told = {program: [] for program in programs}, {}
    for number in range(options.rounds + 1):
        for program, (command, shell) in programs.items():
            seconds, told[program] = timed(command, shell)
            if number > 0:
                times[program].append(seconds)
        if len(set(told.values())) != 1:
            raise Wrong("the last %d lines differ" % lines)
    return {program: statistics.median(spent) for program, spent in times.items()}


def measure_lnav(options, path):
    """One run; its count is not compared: lnav 0.11 loses lines of some compressed files."""
    home = os.path.join(os.path.dirname(path), "..", "lnav")
    os.makedirs(home, exist_ok=True)
    command = "HOME='%s' lnav -n -c ':filter-in zzyx qvort' '%s' | wc -l" % (home, path)
    try:
        return timed(command, shell=True)[0]
    except subprocess.TimeoutExpired:
        return None


def measure_since(options, paths):
    """--since 10m: over one old segment and the new one, and over all."""
    logport = [os.path.join(options.build, "logport"), "search", "-c", "--since", "10m", ""]
    spent = {"few": [], "all": []}
    for number in range(options.rounds + 1):
        for name, chosen in (("few", paths[-2:]), ("all", paths)):
            seconds, out = timed(logport + chosen)
            if count_of(out) != 1:
                raise Wrong("--since 10m found %d records, not 1" % count_of(out))
            if number > 0:
                spent[name].append(seconds)
    return {name: statistics.median(times) for name, times in spent.items()}


def measure_all(options, paths):
    packed = sum(os.path.getsize(path) for path in paths)
    print("%d files, %.0f MB raw each, %.0f MB packed in all" % (len(paths) - 1, options.lines * 240 / 1e6, packed / 1e6), flush=True)
    report = {"files": len(paths), "packed": packed, "cases": [], "tail": {}}
    for case in cases(paths):
        if options.cases in case[0]:
            report["cases"].append(measure(options, case))
            print_case(report["cases"][-1])
    for lines in (10, 10000):
        if options.cases in "tail":
            report["tail"][lines] = measure_tail(options, paths[:-1], lines)
            print_tail(lines, report["tail"][lines])
    if options.cases in "since":
        report["since"] = measure_since(options, paths)
        print_since(report)
    if shutil.which("lnav") and options.cases in "lnav" and not options.smoke:
        report["lnav"] = measure_lnav(options, paths[0])
        print("lnav -n, a rare literal in 1 file: %s" % ("over %d s" % SECONDS if report["lnav"] is None else "%.1f s" % report["lnav"]))
    return report


def measure_targets(options, paths, scratch):
    """Over the first files only, so that the whole takes minutes."""
    few = paths[: min(6, len(paths) - 1)]
    logport = os.path.join(options.build, "logport")
    return Targets(logport, few, scratch, min(options.rounds, 3), options.older, UNIQUE, packed_by_zstd).measure_all()


# ---- the report ----


def print_case(case):
    ours = case["medians"]["logport"]
    names = {"rg": "rg -z", "lz4 | grep": "lz4|grep", "lz4": "lz4 alone", "zstdgrep": "zstdgrep"}
    others = ["%s %7.1f (%5.1fx)" % (name, case["medians"][key] * 1e3, case["medians"][key] / ours) for key, name in names.items() if key in case["medians"]]
    target = "" if case["target"] is None else "  target %gx" % case["target"]
    print("%-28s %8d hits  logport %7.1f ms  %s%s" % (case["name"], case["count"], ours * 1e3, "  ".join(others), target), flush=True)


def print_tail(lines, medians):
    ours = medians["logport tail"]
    others = ["%s %.1f (%.1fx)" % (name, spent * 1e3, spent / ours) for name, spent in medians.items() if name != "logport tail"]
    print("%-28s %13s  logport %7.1f ms  %s" % ("the last %d lines" % lines, "", ours * 1e3, "  ".join(others)), flush=True)


def print_since(report):
    since = report["since"]
    print(
        "--since 10m: %.1f ms over 2 files, %.1f ms over %d"
        % (since["few"] * 1e3, since["all"] * 1e3, report["files"]),
        flush=True,
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Wrong, WrongTarget) as wrong:
        sys.exit(complain(str(wrong), 1))
