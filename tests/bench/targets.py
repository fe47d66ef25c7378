"""targets.py - what the reader should reach, and what it reaches on this machine.

Every row compares one command of logport with another program that gives the same answer, or with
another command of logport.  All programs of a row run in turn in every round, so that a noisy
machine slows all of them; the medians of the elapsed time count, and the ratio of CPU seconds is
printed next to them.  A missed target is printed as missed: nothing here fails because of speed.
Answers are compared, and a wrong one is an error.
"""

import os
import re
import resource
import shutil
import statistics
import subprocess
import time

SECONDS = 300  # limit for a hang
BIG_FILES = 100  # for the count: links to the same segments
ROUNDS_SLOW = 1  # of programs that take many seconds
LINES_SLOW = 200000  # that jq and gawk are given


class Wrong(Exception):
    """Programs disagree, or one failed."""


class Cost:
    def __init__(self, wall, cpu, peak, out):
        self.wall, self.cpu, self.peak, self.out = wall, cpu, peak, out


def shell(command):
    return ["bash", "-c", command]


def spend(command, keep=True):
    """Runs a command; its elapsed and CPU seconds, peak bytes of the largest process, and output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if keep else subprocess.DEVNULL, stderr=subprocess.PIPE,
        timeout=SECONDS, check=False, env=dict(os.environ, LC_ALL="C"),
    )
    wall = time.monotonic() - begun
    if done.returncode not in (0, 1):
        raise Wrong("%s ended with %d: %s" % (command, done.returncode, done.stderr[-300:]))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, 0, done.stdout)


def peak_of(command):
    """Peak resident bytes."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return usage.ru_maxrss * 1024


def in_turn(commands, rounds, keep=True):
    """{name: Cost} with medians; a first round is discarded."""
    costs = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            cost = spend(command, keep)
            if number > 0 or rounds == ROUNDS_SLOW:
                costs[name].append(cost)
    return {
        name: Cost(statistics.median(c.wall for c in all_of), statistics.median(c.cpu for c in all_of), 0, all_of[-1].out)
        for name, all_of in costs.items()
    }


def count_of(out):
    return sum(int(line.rsplit(b":", 1)[-1]) for line in out.splitlines())


class Targets:
    def __init__(self, logport, paths, scratch, rounds, older, unique, packed_by_zstd):
        self.logport, self.paths, self.scratch = logport, paths, scratch
        self.rounds, self.older, self.unique = rounds, older, unique
        self.packed_by_zstd = packed_by_zstd
        self.rows = []

    # ---- rows ----

    def add(self, name, target, measured, met, note=""):
        """met: None if the row has no target."""
        verdict = "" if met is None else "met" if met else "missed"
        self.rows.append({"name": name, "target": target, "measured": measured, "met": met, "note": note})
        print("%-42s %-15s %-15s %-7s %s" % (name, target, measured, verdict, note), flush=True)

    def faster(self, name, costs, other, least, note=""):
        """How many times as fast as another program the command `logport` is."""
        ours, theirs = costs["logport"], costs[other]
        ratio, cpu = theirs.wall / ours.wall, theirs.cpu / max(ours.cpu, 0.001)
        met = None if least is None else ratio >= least
        target = "" if least is None else ">= %g x %s" % (least, other)
        told = "%.1f and %.1f ms, CPU %.1f x" % (ours.wall * 1e3, theirs.wall * 1e3, cpu)
        self.add(name, target, "%.1f x %s" % (ratio, other), met, told + (", " + note if note else ""))

    def at_most(self, name, costs, other, most):
        ours, theirs = costs["logport"], costs[other]
        ratio = ours.wall / theirs.wall
        told = "%.1f and %.1f ms, CPU %.2f x" % (ours.wall * 1e3, theirs.wall * 1e3, ours.cpu / max(theirs.cpu, 0.001))
        self.add(name, "<= %g x %s" % (most, other), "%.2f x" % ratio, ratio <= most, told)

    # ---- commands ----

    def search(self, *words):
        return [self.logport, "search", *words]

    def rg(self, words, paths):
        return ["rg", "-z", "-c", "--no-config", *words, *paths]

    def others(self, words, paths):
        """Programs that count lines with a pattern, and bare decompression."""
        words = " ".join("'%s'" % word for word in words)
        commands = {
            "lz4, grep": shell("lz4 -dcm %s | grep -a -c %s" % (" ".join(paths), words)),
            "lz4": shell("lz4 -dcm %s > /dev/null" % " ".join(paths)),
        }
        if shutil.which("zstdgrep"):
            commands["zstdgrep"] = shell("zstdgrep -a -c %s %s" % (words, " ".join(self.packed_by_zstd(paths))))
        return commands

    def counted(self, name, words, kind, text, least):
        """kind: grep's option for the text: -F or -E."""
        paths = self.paths
        commands = {"logport": self.search("-c", *words, *paths), "rg -z": self.rg(["-F", text] if kind == "-F" else ["-e", text], paths)}
        commands.update(self.others([kind, text], paths))
        costs = in_turn(commands, self.rounds)
        counts = {program: count_of(cost.out) for program, cost in costs.items() if program != "lz4"}
        if len(set(counts.values())) != 1:
            raise Wrong("%s: the counts differ: %s" % (name, counts))
        rest = ["%s %.1f x" % (program, costs[program].wall / costs["logport"].wall) for program in commands if program not in ("logport", "rg -z")]
        self.faster("%s, %d records" % (name, counts["logport"]), costs, "rg -z", least, ", ".join(rest))

    # ---- what is measured ----

    def literals(self):
        for name, text in (
            ("an id", self.unique),
            ("an absent text of whole words", " zzyxq vort "),
            ("an absent text", "zzyx qvort"),
            ("a frequent word", "error"),
        ):
            self.counted(name, [text], "-F", text, 5)

    def alternatives(self):
        for name, text in (("absent a|b|c", "zzyx|qvort|blorf"), ("frequent a|b|c", "error|warn|fatal")):
            self.counted(name, ["-e", text], "-E", text, 3)

    def conditions(self):
        paths = self.paths
        for name, literal, condition in (
            ("an id", self.unique, 'trace_id = "%s"' % self.unique),
            ("many records", '"level":"error"', "level = error"),
            ("a number", '"status":404,', "http.status = 404"),
        ):
            costs = in_turn(
                {"logport": self.search("-c", "--where", condition, "", *paths), "the literal": self.search("-c", literal, *paths)}, self.rounds
            )
            if costs["logport"].out != costs["the literal"].out:
                raise Wrong("%s: %s and %s records" % (condition, costs["logport"].out, costs["the literal"].out))
            self.at_most("--where, equality, " + name, costs, "the literal", 2)

    def ordered(self):
        """Over a GiB of matches; every line has this literal."""
        size, paths = 0, []
        for path in self.paths:
            if size < 1 << 30:
                paths.append(path)
                size += int(spend([self.logport, "stat", "--json", path]).out.split(b'"raw_bytes":')[1].split(b",")[0])
        words = ['"level":"', *paths]
        command = self.search("--sort", "--newest-first", "-m", "20", *words)
        costs = in_turn({"logport": command, "unsorted": self.search(*words)}, self.rounds, keep=False)
        self.at_most("--sort --newest-first -m 20, %.2f GiB" % (size / 2**30), costs, "unsorted", 2)
        peak = peak_of(command)
        self.add("its memory", "< 64 MiB", "%.1f MiB" % (peak / 2**20), peak < 64 << 20)

    def csv(self):
        words = ["search", "-o", "csv", "--fields", "ts,level,msg,http.status", "", self.paths[0]]
        commands = {"logport": [self.logport, *words]}
        if self.older:
            commands["older build"] = [self.older, *words]
        commands["jq"] = shell("lz4 -dc %s | head -n %d | jq -r '[.ts,.level,.msg,.http.status]|@csv'" % (self.paths[0], LINES_SLOW))
        costs = in_turn(commands, self.rounds, keep=False)
        if self.older:
            self.faster("four fields as CSV", costs, "older build", 2.5)
        else:
            self.add("four fields as CSV", ">= 2.5 x older", "%.0f ms" % (costs["logport"].wall * 1e3), None, "name a build to compare with: --older PATH")
        whole = self.whole_of(costs["jq"])
        self.faster("four fields as CSV", {"logport": costs["logport"], "jq": whole}, "jq", None)

    def whole_of(self, cost):
        """What all lines of the first file would cost, from the cost of LINES_SLOW of them."""
        scale = self.lines / LINES_SLOW
        return Cost(cost.wall * scale, cost.cpu * scale, 0, cost.out)

    def aggregates(self):
        path = self.paths[0]
        text = "lz4 -dc %s | head -n %d" % (path, LINES_SLOW)
        self.lines = int(spend([self.logport, "search", "-c", "", path]).out)
        gawk = shutil.which("gawk")
        top = {"jq": "%s | jq -r .http.path | sort | uniq -c | sort -rn | head -n 10" % text}
        p99 = {"jq": "%s | jq -r '\"\\(.ts[0:16]) \\(.http.ms)\"' | sort -k1,1 -k2,2n | "
                     "awk '{if ($1 != m) {if (m) print m, v[int(n * .99 + .5)]; m = $1; n = 0} v[++n] = $2} END {print m, v[int(n * .99 + .5)]}'" % text}
        if gawk:
            top["gawk"] = "%s | gawk -F'\"path\":\"' '{split($2, a, \"\\\"\"); n[a[1]]++} END {for (p in n) print n[p], p}' | sort -rn | head -n 10" % text
            p99["gawk"] = (
                "%s | gawk '{m = substr($0, 8, 16); match($0, /\"ms\":[0-9.]+/); v[m][++n[m]] = substr($0, RSTART + 5, RLENGTH - 5) + 0} "
                "END {for (m in v) {c = asort(v[m], w); print m, w[int(c * .99 + .5)]}}'" % text
            )
        for name, words, others in (
            ("the 10 most frequent paths", ["--by", "http.path", "-n", "10"], top),
            ("p99 of a number, for each minute", ["--every", "1m", "--p99", "http.ms", "-o", "csv"], p99),
        ):
            commands = {"logport": [self.logport, "stat", *words, path]}
            costs = in_turn(commands, self.rounds)
            for program, command in others.items():
                slow = in_turn({program: shell(command)}, ROUNDS_SLOW)[program]
                self.faster(name, {"logport": costs["logport"], program: self.whole_of(slow)}, program, 20)

    def count(self):
        """100 segments, by links to the ones there are."""
        folder = os.path.join(self.scratch, "big", "main")
        os.makedirs(folder, exist_ok=True)
        for number in range(BIG_FILES):
            path = self.paths[number % len(self.paths)]
            name = re.sub(r"-\d{10}-", "-%010d-" % (number + 1), os.path.basename(path))
            os.link(path, os.path.join(folder, name))
        directory = os.path.dirname(folder)
        costs = in_turn({"logport": self.search("-c", "", directory)}, max(self.rounds, 3))
        size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
        each = self.lines * BIG_FILES
        if abs(int(costs["logport"].out) - each) > BIG_FILES:
            raise Wrong("search -c '' counted %s, not about %d" % (costs["logport"].out, each))
        wall = costs["logport"].wall
        self.add("search -c '', %d million records" % (each / 1e6), "< 100 ms", "%.1f ms" % (wall * 1e3), wall < 0.1, "%.1f GB packed" % (size / 1e9))

    def measure_all(self):
        print("\n%-42s %-15s %-15s %-7s %s" % ("what", "target", "measured", "", "elapsed, and how many times the CPU time"))
        for measure in (self.literals, self.alternatives, self.conditions, self.ordered, self.aggregates, self.csv, self.count):
            measure()
        missed = sum(row["met"] is False for row in self.rows)
        print("%d of %d targets are missed" % (missed, sum(row["met"] is not None for row in self.rows)))
        return self.rows
