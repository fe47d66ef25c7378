"""driver.py - runs cases of injected faults, some or all, several at once, and sums up.  A program gives
what it can run: run_case(case, keep) returns the case and its script.Outcome."""

import argparse
import collections
import fnmatch
import multiprocessing
import random
import signal
import sys
import time

import script

SHOWN_MAX = 5  # wrong cases of which the daemon's messages are printed


def arguments(description, takes, count, example):
    """takes: how long all cases take; count: of cases without --all; example: a pattern of cases."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--case", metavar="CASE", action="append", default=[], help="run this case and show what the daemon says")
    add("--keep", action="store_true", help="with --case: keep the files, and print where")
    add("--all", action="store_true", help="run all cases; takes " + takes)
    add("--count", type=int, default=count, help="run this number of cases, chosen by the seed (%d)" % count)
    add("--seconds", type=int, default=0, help="start no further case after this time")
    add("--only", default="*", metavar="PATTERN", help="only cases that match, such as '%s'" % example)
    add("--seed", type=int, default=script.harness.SEED)
    add("--list", action="store_true", help="list the cases")
    add("--details", metavar="FILE", help="append what the daemon says in wrong cases, instead of showing some of it")
    add("-j", type=int, default=2, metavar="N", help="cases to run at once (2)")
    return parser.parse_args()


def leave_signals_to_the_parent():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def interrupt(*_):
    raise KeyboardInterrupt


class Summary:
    def __init__(self, program, count, details):
        self.program, self.details = program, details
        self.count, self.done, self.begin = count, 0, time.monotonic()
        self.wrong, self.missed, self.slowest = [], 0, (0, "")
        self.kinds, self.vague = collections.Counter(), collections.Counter()

    def add(self, case, outcome):
        self.done += 1
        self.slowest = max(self.slowest, (outcome.seconds, case))
        self.kinds[case.split(":")[0]] += 1
        if not outcome.fired:
            self.missed += 1
        if outcome.vague:
            self.vague[":".join(case.split(":")[:2])] += 1
        if outcome.problems:
            self.wrong.append(case)
            problems = "WRONG %s (%.1f s)\n  %s" % (case, outcome.seconds, "\n  ".join(outcome.problems))
            print(problems, flush=True)
            if self.details:
                print(problems, outcome.said, sep="\n", end="\n\n", file=self.details, flush=True)
            elif len(self.wrong) <= SHOWN_MAX:
                print("\n".join(line[:300] for line in outcome.said.split("\n")), flush=True)
        if sys.stderr.isatty() or self.done % 100 == 0:
            left = (time.monotonic() - self.begin) / self.done * (self.count - self.done)
            text = "%d of %d, %d wrong, %d s left   " % (self.done, self.count, len(self.wrong), left)
            print(text, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)

    def print(self):
        print("\n%d cases in %d s: %d wrong; %d were not reached; the slowest took %.1f s (%s)" % (
            self.done, time.monotonic() - self.begin, len(self.wrong), self.missed, *self.slowest))
        print("calls: " + listed(self.kinds))
        if self.vague:
            print("messages that do not name the file: " + listed(self.vague))
        for case in self.wrong:
            print("  wrong: %s --case '%s'" % (self.program, case))


def listed(counts):
    return ", ".join("%s %d" % pair for pair in sorted(counts.items()))


def show(cases, run_case, keep):
    wrong = False
    for case in cases:
        _, outcome = run_case(case, keep)
        print(outcome.said)
        print("---- %s: %.1f s, hit %s" % (case, outcome.seconds, ", ".join(outcome.fired[:3]) or "nothing"))
        print("\n".join("WRONG " + problem for problem in outcome.problems) or "nothing is wrong")
        if outcome.folder:
            print("files: " + outcome.folder)
        wrong = wrong or bool(outcome.problems)
    return 1 if wrong else 0


def run_cases(program, cases, run_case, options, note=""):
    """Lists or runs the cases that the options choose; returns the exit code.  note: printed at the start."""
    cases = [case for case in cases if fnmatch.fnmatch(case, options.only)]
    if options.list:
        print("\n".join(cases))
        return 0
    random.Random(options.seed).shuffle(cases)
    total = len(cases)
    if not options.all:
        cases = cases[: options.count]
    print("seed %d (--seed repeats it): %d of %d cases%s" % (options.seed, len(cases), total, note), flush=True)
    signal.signal(signal.SIGTERM, interrupt)  # the summary is printed, too
    summary = Summary(program, len(cases), open(options.details, "a") if options.details else None)
    with multiprocessing.Pool(options.j, leave_signals_to_the_parent) as pool:
        try:
            for case, outcome in pool.imap_unordered(run_case, cases):
                summary.add(case, outcome)
                if options.seconds and time.monotonic() - summary.begin > options.seconds:
                    print("\nstopped after %d s" % options.seconds)
                    break
        except KeyboardInterrupt:
            pass
        pool.terminate()
    summary.print()
    return 1 if summary.wrong or not summary.done else 0
