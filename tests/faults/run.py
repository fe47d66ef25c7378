#!/usr/bin/env python3
"""run.py - runs logportd while one call of it goes wrong, and checks that nothing is lost.

A case is CALL:CLASS:N:ACTION, such as fdatasync:manifest:7:EIO: the seventh fdatasync of the manifest
fails.  With :restart after it, the daemon starts with what a killed one left.  faults.c lists the
classes of files and the actions; script.py is what each case runs, and what must hold afterwards.
A run without a fault counts the calls of each kind.
"""

import atexit
import os
import re
import subprocess
import sys

import driver
import script

BUILD = script.harness.BUILD
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


def main():
    global left_by_a_killed_daemon
    options = driver.arguments(__doc__, "an hour or two", 300, "rename:*")
    left_by_a_killed_daemon = script.Left(LIBRARY)
    atexit.register(left_by_a_killed_daemon.remove)
    if options.case:
        return driver.show(options.case, run_case, options.keep)
    unknown = unknown_calls()
    if unknown:
        print("logportd uses calls that tests/faults/faults.c does not have: " + " ".join(unknown))
        return 1
    first, restart = count_calls(None), count_calls(left_by_a_killed_daemon)
    cases = cases_of(first.calls) + [case + ":restart" for case in cases_of(restart.calls)]
    note = "; %d calls without a fault, %d after a restart" % (sum(first.calls.values()), sum(restart.calls.values()))
    return driver.run_cases("tests/faults/run.py", cases, run_case, options, note)


if __name__ == "__main__":
    sys.exit(main())
