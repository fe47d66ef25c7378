#!/usr/bin/env python3
"""Compares the modules that call each other in a circle with those that docs/design.md explains
("Remaining call cycles").  A call is a symbol that one object file uses and another defines; a
module is a .c file.  Calls through pointers are not seen.

usage: circles.py BUILD    a native build without link-time optimization
"""
import pathlib
import re
import subprocess
import sys
from collections import defaultdict

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
SECTION = "## Remaining call cycles"


def modules():
    """module -> its object file, of the libraries and programs, not of the tests."""
    found = {}
    for path in (BUILD / "CMakeFiles").glob("*.dir/**/*.c.o"):
        name = path.relative_to(BUILD / "CMakeFiles").as_posix().split(".dir/")[1]
        if (ROOT / name.removesuffix(".o")).exists():  # builds keep the objects of removed files
            found[name.removesuffix(".c.o")] = path
    return found


def symbols_of(objects):
    """module -> (symbols that it defines, symbols that it uses)"""
    module_of = {str(path): module for module, path in objects.items()}
    found = {module: (set(), set()) for module in objects}
    output = subprocess.run(["nm", "-g", "-A", *module_of], capture_output=True, text=True, check=True)
    for line in output.stdout.splitlines():
        path, _, symbol = line.rpartition(":")
        *_, kind, name = symbol.split()
        found[module_of[path]][kind == "U"].add(name)
    return found


def calls_between(objects):
    """module -> {module: symbols}"""
    symbols = symbols_of(objects)
    home = {name: module for module, (defined, _) in symbols.items() for name in defined}
    calls = defaultdict(lambda: defaultdict(set))
    for module, (_, used) in symbols.items():
        for name in used:
            if home.get(name, module) != module:
                calls[module][home[name]].add(name)
    return calls


def reachable(calls, module):
    seen, left = set(), [module]
    while left:
        for other in calls[left.pop()]:
            if other not in seen:
                seen.add(other)
                left.append(other)
    return seen


def circles_of(calls):
    """The sets of modules that reach each other."""
    reach = {module: reachable(calls, module) for module in list(calls)}
    return {frozenset(other for other in reach[module] if module in reach.get(other, ()))
            for module in reach if module in reach[module]}


def circles_explained():
    """A row for each: | `folder`: `module`, `module` | why |"""
    text = (ROOT / "docs/design.md").read_text()
    section = text.split(SECTION + "\n")[1].split("\n## ")[0]
    found = set()
    for cell in re.findall(r"^\| (`[^|]*) \|", section, re.M):
        folder, *names = re.findall(r"`([^`]+)`", cell)
        found.add(frozenset(f"{folder}/{name}" for name in names))
    return found


def text_of(circle):
    return ", ".join(sorted(circle))


def main():
    objects = modules()
    calls = calls_between(objects)
    present, explained = circles_of(calls), circles_explained()
    for circle in sorted(present - explained, key=text_of):
        print(f"docs/design.md does not explain the circle of {text_of(circle)}:")
        for module in sorted(circle):
            for other in sorted(circle & calls[module].keys()):
                print(f"  {module} -> {other}: {', '.join(sorted(calls[module][other]))}")
    for circle in sorted(explained - present, key=text_of):
        print(f"docs/design.md explains a circle that is gone: {text_of(circle)}")
    print(f"{len(objects)} modules, {len(present)} circles")
    return 1 if present != explained or len(objects) < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
