#!/usr/bin/env python3
"""The house keeps its order: includes point down only, the operating system is
named in port/ alone, and each library is included by one file."""
import pathlib
import re
import sys
from collections import defaultdict

ROOT = pathlib.Path(__file__).resolve().parent.parent
BELOW = {
    "port": {"port"},
    "schema": {"schema", "port"},
    "writer": {"writer", "schema", "port"},
    "ingest": {"ingest", "writer", "schema", "port"},
    "tools": {"tools", "ingest", "writer", "schema", "port"},
    "tests": {"tests", "tools", "ingest", "writer", "schema", "port"},
}
STANDARD_C = set(
    "assert.h ctype.h errno.h float.h inttypes.h limits.h math.h setjmp.h signal.h stdalign.h stdarg.h "
    "stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h time.h".split())
LIBRARIES = {"lz4.h", "lz4hc.h", "xxhash.h", "cjson/cJSON.h", "pcre2.h", "zlib.h", "liburing.h"}
INTRINSICS = re.compile(r"^[a-z]*mmintrin\.h$|^cpuid\.h$")
# What measures or tests one system may speak to it.
ONE_SYSTEM = ("tests/bench/floor.c", "tests/bench/null.c", "tests/unit/linux/", "tests/unit/windows/",
              "tests/windows/")

problems = []
libraries = defaultdict(set)


def check(path):
    name = path.relative_to(ROOT).as_posix()
    folder = name.split("/")[0]
    text = path.read_text()
    for match in re.finditer(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', text, re.M):
        ours, system = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        if ours:
            if ours.split("/")[0] not in BELOW[folder]:
                problems.append(f'{name}:{line}: "{ours}" does not lie below {folder}/')
            elif not (ROOT / ours).is_file() and not (path.parent / ours).is_file():
                problems.append(f'{name}:{line}: "{ours}" is spelled from nowhere')
        elif system in LIBRARIES:
            libraries[system].add(name)
        elif (folder != "port" and not name.startswith(ONE_SYSTEM) and system not in STANDARD_C | {"cmocka.h"}
              and not INTRINSICS.match(system)):
            problems.append(f"{name}:{line}: <{system}> belongs to port/")
    if folder != "port" and not name.startswith(ONE_SYSTEM):
        for match in re.finditer(r"\b(_WIN32|__linux__|WIN32|errno)\b", text):
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"{name}:{line}: {match.group()} belongs to port/")


files = [path for folder in BELOW for path in sorted((ROOT / folder).rglob("*.[ch]"))
         if "node_modules" not in path.parts]
for path in files:
    check(path)
for library, users in libraries.items():
    ours = {user for user in users if not user.startswith("tests/")}
    if len(ours) > 1:
        problems.append(f"<{library}> is included by {', '.join(sorted(ours))}: one is enough")
for problem in problems:
    print(problem)
print(f"{len(files)} files read, {len(problems)} problems")
sys.exit(1 if problems or len(files) < 50 else 0)
