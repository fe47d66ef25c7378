#!/usr/bin/env python3
"""run.py - runs logportd while one call of it goes wrong, and checks that nothing is lost.

A case is CALL:CLASS:N:ACTION, such as fdatasync:manifest:7:EIO: the seventh fdatasync of the manifest
fails.  With :restart after it, the daemon starts with what a killed one left.  faults.c lists the
classes of files and the actions; script.py is what each case runs, and what must hold afterwards.
A run without a fault counts the calls of each kind.
"""

import argparse
import atexit
import collections
import fnmatch
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time

import script

BUILD = script.harness.BUILD
SHOWN_MAX = 5  # wrong cases of which the daemon's messages are printed
left_by_a_killed_daemon = None  # made once, before the first case
LIBRARY = os.path.join(BUILD, "tests", "libfaults.so")

# Which errors a call can return.  EINTR only where Linux interrupts the call.
READS = ("EIO", "ESTALE", "ENOMEM")
WRITES = ("EIO", "ENOSPC", "ESTALE", "EDQUOT", "EROFS")
ERRORS = {
    "open": ("EIO", "EMFILE", "ESTALE", "ENFILE", "ENOMEM", "EACCES", "EINTR"),
    "open-to-write": ("EIO", "EMFILE", "ENOSPC", "EROFS", "ESTALE", "EDQUOT", "ENOMEM", "EACCES", "EINTR"),
    "fopen": ("EIO", "EMFILE"),
    "opendir": ("EIO", "EMFILE", "ESTALE", "ENOMEM", "EACCES"),
    "readdir": ("EIO", "ESTALE"),
    "read": ("EIO", "ESTALE", "EINTR"),
    "pread": ("EIO", "ESTALE", "EINTR"),
    "write": WRITES + ("EINTR",),
    "pwrite": WRITES + ("EINTR",),
    "fsync": ("EIO", "ENOSPC", "ESTALE", "EDQUOT"),
    "fdatasync": ("EIO", "ENOSPC", "ESTALE", "EDQUOT"),
    "ftruncate": ("EIO", "EROFS", "ESTALE", "EINTR"),
    "rename": WRITES + ("EACCES",),
    "link": WRITES,
    "unlink": ("EIO", "EROFS", "ESTALE", "EACCES"),
    "remove": ("EIO", "EROFS", "ESTALE", "EACCES"),
    "rmdir": ("EIO", "EROFS"),
    "mkdir": WRITES + ("EACCES",),
    "close": ("EIO", "ENOSPC"),
    "flock": ("EIO", "EINTR", "ENOMEM"),
    "statvfs": ("EIO", "ESTALE"),
    "statfs": ("EIO", "ESTALE"),
    "fchown": ("EIO",),
    "fchmod": ("EIO",),
    "access": ("EIO",),
}
SHORTENED = {"read", "pread", "write", "pwrite"}
# Calls that change what is on the disk; a crash before and after them is different.  The others
# get one of the possible actions for each N.
CHANGES = {"open-to-write", "write", "pwrite", "ftruncate", "rename", "link", "unlink", "remove", "rmdir", "mkdir",
           "fsync", "fdatasync"}
EVERY = {"readdir": 10}  # the entries of one listing differ little
# Not the daemon's files.
LEFT_OUT = {"other", "pipe", "socket", "[eventfd]", "[eventpoll]", "[io_uring]", "[thread]"}

# Functions of the C library that touch files.  The daemon may import only those that faults.c has.
FILE_CALLS = re.compile(
    r"^_*(open|openat|creat|f?reopen|fopen|tmpfile|mkstemp|mkostemp|mkdtemp|(p|pre)?(read|write)v?2?|pread|pwrite|"
    r"close|close_range|fsync|fdatasync|sync|syncfs|sync_file_range|f?truncate|posix_fallocate|fallocate|"
    r"copy_file_range|sendfile|splice|mmap|msync|rename|renameat2?|link(at)?|symlink(at)?|unlink(at)?|remove|rmdir|"
    r"mkdir(at)?|mkfifo|mknod(at)?|f?l?stat|fstatat|statx|statfs|fstatfs|f?statvfs|access|faccessat|euidaccess|"
    r"f?chmod|fchmodat|f?l?chown|fchownat|utimes|futimens|utimensat|futimes|opendir|fdopendir|readdir(_r)?|scandir|"
    r"nftw|ftw|glob|realpath|readlink(at)?|flock|lockf|setxattr|fsetxattr|io_uring_prep_.*|aio_.*)(64)?(_chk|_2)?$"
)


def unknown_calls():
    """File calls that logportd imports and faults.c does not have."""

    def symbols(path, which):
        listed = subprocess.run(["nm", "-D", which, path], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1].split("@")[0] for line in listed.splitlines()}

    known = symbols(LIBRARY, "--defined-only")
    imported = symbols(os.path.join(BUILD, "logportd"), "--undefined-only")
    return sorted(name for name in imported - known if FILE_CALLS.match(name))


def cases_of(calls):
    """Every case: for each call and each N what can happen to it.

    Where there are several errors, and several ways to repeat one, each comes up for some N."""
    cases = []
    for (call, where), count in sorted(calls.items()):
        if where in LEFT_OUT:
            continue
        cases.append("%s:%s:1:%s+all" % (call, where, ERRORS.get(call, READS)[0]))
        for n in range(1, count + 1, EVERY.get(call, 1)):
            cases += ["%s:%s:%d:%s" % (call, where, n, action) for action in actions_of(call, n)]
    return list(dict.fromkeys(cases))


def actions_of(call, n):
    errors = list(ERRORS.get(call, READS))
    lasting = [error for error in errors if error != "EINTR"]
    once = [errors[0]] + errors[1:][n % max(1, len(errors) - 1) :][:1]
    of_one_file = [error for error in lasting if error not in ("ENOSPC", "EDQUOT", "EROFS")]
    again = [
        of_one_file[n % len(of_one_file)] + "+file",
        lasting[n % len(lasting)] + "*3",
        lasting[n % len(lasting)] + "+all",
    ][n % 3 :][:1]
    delay = ["delay"] if n % 3 == 0 else []
    if call in CHANGES:
        half = ["half", "kill-half"] if call in SHORTENED else []
        return once + again + half + delay + ["kill-before", "kill-after"]
    every = once + again + delay + (["half"] if call in SHORTENED else [])
    return [every[n % len(every)]]


def run_case(case, keep=False):
    left = left_by_a_killed_daemon if case.endswith(":restart") else None
    return case, script.Script(case, LIBRARY, left, keep).run()


def count_calls(left):
    outcome = script.Script(None, LIBRARY, left).run()
    if outcome.problems:
        print("wrong without a fault:\n  " + "\n  ".join(outcome.problems) + "\n" + outcome.said)
        sys.exit(1)
    return outcome


def leave_signals_to_the_parent():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def interrupt(*_):
    raise KeyboardInterrupt


class Summary:
    def __init__(self, count, details):
        self.details = details
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
            print("  wrong: tests/faults/run.py --case '%s'" % case)


def listed(counts):
    return ", ".join("%s %d" % pair for pair in sorted(counts.items()))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--case", metavar="CASE", action="append", default=[], help="run this case and show what the daemon says")
    add("--keep", action="store_true", help="with --case: keep the files, and print where")
    add("--all", action="store_true", help="run all cases; takes an hour or two")
    add("--count", type=int, default=300, help="run this number of cases, chosen by the seed (300)")
    add("--seconds", type=int, default=0, help="start no further case after this time")
    add("--only", default="*", metavar="PATTERN", help="only cases that match, such as 'rename:*'")
    add("--seed", type=int, default=script.harness.SEED)
    add("--list", action="store_true", help="list the cases")
    add("--details", metavar="FILE", help="append what the daemon says in wrong cases, instead of showing some of it")
    add("-j", type=int, default=2, metavar="N", help="cases to run at once (2)")
    return parser.parse_args()


def show(cases, keep):
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


def main():
    global left_by_a_killed_daemon
    options = arguments()
    left_by_a_killed_daemon = script.Left(LIBRARY)
    atexit.register(left_by_a_killed_daemon.remove)
    if options.case:
        return show(options.case, options.keep)
    unknown = unknown_calls()
    if unknown:
        print("logportd uses calls that tests/faults/faults.c does not have: " + " ".join(unknown))
        return 1
    first, restart = count_calls(None), count_calls(left_by_a_killed_daemon)
    cases = cases_of(first.calls) + [case + ":restart" for case in cases_of(restart.calls)]
    cases = [case for case in cases if fnmatch.fnmatch(case, options.only)]
    if options.list:
        print("\n".join(cases))
        return 0
    random.Random(options.seed).shuffle(cases)
    total = len(cases)
    if not options.all:
        cases = cases[: options.count]
    print("seed %d (--seed repeats it): %d of %d cases; %d calls without a fault, %d after a restart" % (
        options.seed, len(cases), total, sum(first.calls.values()), sum(restart.calls.values())), flush=True)
    signal.signal(signal.SIGTERM, interrupt)  # the summary is printed, too
    summary = Summary(len(cases), open(options.details, "a") if options.details else None)
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


if __name__ == "__main__":
    sys.exit(main())
