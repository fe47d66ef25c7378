#!/usr/bin/env python3
"""Checks the structure of the code: includes point down only, between folders and between the rooms
(sub-folders) inside them; modules of one room do not include each other in a circle; the operating
system is named in port/ alone; each library is included by one file."""
import pathlib
import re
import sys
from collections import defaultdict

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Folders, and the rooms inside them, from the ground up.  A file may include files of its own room
# and of every floor below it.  Rooms of one floor do not include each other.
FLOORS = [
    ["port"],
    ["schema/json"],
    ["schema/regex"],
    ["schema/record"],
    ["schema/format"],
    ["schema/rules"],
    ["writer/clock", "writer/segment"],
    ["writer/index"],
    ["writer/live"],
    ["writer/keep"],
    ["ingest/protocol", "ingest/transport"],
    ["ingest/config"],
    ["ingest/pipeline"],
    ["ingest/network"],
    ["ingest/daemon"],
    ["tools/query"],
    ["tools/render"],
    ["tools/commands", "tools/load"],
    ["packaging"],
    ["tests"],
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}

STANDARD_C = set(
    "assert.h ctype.h errno.h float.h inttypes.h limits.h math.h setjmp.h signal.h stdalign.h stdarg.h "
    "stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h time.h".split())
LIBRARIES = {"lz4.h", "lz4frame.h", "lz4hc.h", "xxhash.h", "cjson/cJSON.h", "pcre2.h", "zlib.h", "zstd.h",
             "liburing.h", "msgpack/unpack_define.h", "msgpack/unpack_template.h", "msgpack/version_master.h", "openssl/evp.h", "openssl/ssl.h", "openssl/err.h", "openssl/pem.h", "openssl/x509v3.h"}
INTRINSICS = re.compile(r"^[a-z]*mmintrin\.h$|^cpuid\.h$")
# Programs that measure or test one operating system may call it directly.
ONE_SYSTEM = ("tests/bench/floor.c", "tests/bench/null.c", "tests/bench/relp.c", "tests/unit/linux/", "tests/unit/windows/",
              "tests/windows/", "tests/faults/", "packaging/windows/")

problems = []
libraries = defaultdict(set)
includes = defaultdict(set)  # module -> modules of the same room that it includes


def room_of(name):
    first = name.split("/")[0]
    return first if first in ("port", "packaging", "tests") else "/".join(name.split("/")[:2])


def module_of(name):
    """NAME.c, NAME.h and NAME_internal.h, which the files of one module share, are one."""
    return name.rsplit(".", 1)[0].removesuffix("_internal")


def check_include(name, line, target):
    if not (ROOT / target).is_file():
        if not (ROOT / name).with_name(target).is_file():
            problems.append(f'{name}:{line}: "{target}" does not exist')
        return
    room, below = room_of(name), room_of(target)
    if below not in FLOOR:
        problems.append(f'{name}:{line}: "{target}" is in no known room')
    elif room == below:
        includes[module_of(name)].add(module_of(target))
    elif FLOOR[below] >= FLOOR[room]:
        problems.append(f'{name}:{line}: "{target}" is not below {room}/')


def check(path):
    name = path.relative_to(ROOT).as_posix()
    folder = name.split("/")[0]
    if room_of(name) not in FLOOR:
        problems.append(f"{name}: is in no known room")
        return
    text = path.read_text()
    for match in re.finditer(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', text, re.M):
        ours, system = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        if ours:
            check_include(name, line, ours)
        elif system in LIBRARIES:
            libraries[system].add(name)
        elif (folder != "port" and not name.startswith(ONE_SYSTEM) and system not in STANDARD_C | {"cmocka.h"}
              and not INTRINSICS.match(system)):
            problems.append(f"{name}:{line}: <{system}> belongs in port/")
    if folder != "port" and not name.startswith(ONE_SYSTEM):
        for match in re.finditer(r"\b(_WIN32|__linux__|WIN32|errno)\b", text):
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"{name}:{line}: {match.group()} belongs in port/")


def find_circles():
    """Reports each include circle between modules once (a module is NAME.c with NAME.h)."""
    state, stack = {}, []

    def visit(module):
        state[module] = "open"
        stack.append(module)
        for other in sorted(includes[module] - {module}):
            if state.get(other) == "open":
                circle = stack[stack.index(other):] + [other]
                problems.append("include circle: " + " -> ".join(circle))
            elif other not in state:
                visit(other)
        stack.pop()
        state[module] = "done"

    for module in sorted(includes):
        if module not in state:
            visit(module)


folders = sorted({room.split("/")[0] for room in FLOOR})
files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.[ch]"))
         if "node_modules" not in path.parts]
for path in files:
    check(path)
find_circles()
for library, users in libraries.items():
    ours = {user for user in users if not user.startswith("tests/")}
    if len(ours) > 1:
        problems.append(f"<{library}> is included by {', '.join(sorted(ours))}: only one file may include it")
for problem in problems:
    print(problem)
print(f"{len(files)} files read, {len(problems)} problems")
sys.exit(1 if problems or len(files) < 50 else 0)
