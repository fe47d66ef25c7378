#!/usr/bin/env python3
"""msvc.py - clang reads every source as a compiler for Windows with Microsoft's headers would (clang-cl).

Only the syntax is checked, with Wine's headers; code is not generated."""

import concurrent.futures
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WINE = "/usr/include/wine/wine"


def sources():
    for folder in ("port", "schema", "writer", "ingest", "tools", "packaging"):
        for path in sorted(glob.glob("%s/%s/**/*.c" % (ROOT, folder), recursive=True)):
            if "/port/linux/" not in path:
                yield path


def main():
    resources = subprocess.run(["clang", "-print-resource-dir"], capture_output=True, text=True, check=True).stdout.strip()
    headers = [resources + "/include", WINE + "/msvcrt", WINE + "/windows", sys.argv[1] + "/include", ROOT + "/tests/windows/sdk"]
    command = ["clang", "--target=x86_64-pc-windows-msvc", "-fsyntax-only", "-std=c11", "-Wall", "-Werror",
               "-Wno-inconsistent-dllimport", "-nostdinc", "-I" + ROOT, "-include", "lacking.h", "-D_WIN32_WINNT=0x0A00", "-DWIN32_LEAN_AND_MEAN",
               "-DPRINTF_KIND=printf", '-DLOGPORT_VERSION=""', "-DCJSON_HIDE_SYMBOLS", "-DPCRE2_STATIC"]
    command += [word for header in headers for word in ("-isystem", header)]
    paths = list(sources())
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        results = threads.map(lambda path: subprocess.run(command + [path], stderr=subprocess.PIPE, text=True), paths)
        failed = [result.stderr for result in results if result.returncode != 0]
    print("".join(failed) + "%d sources read, %d with errors" % (len(paths), len(failed)))
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
