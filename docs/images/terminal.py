#!/usr/bin/env python3
"""terminal.py - runs a short session with logportd and logport in a terminal and draws what it
printed as SVG: how docs/images/terminal.svg is made.

usage: terminal.py BUILD > docs/images/terminal.svg
"""
import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile
import termios
import struct
import fcntl
from xml.sax.saxutils import escape

COLUMNS = 104
CELL, LINE, MARGIN = 8.4, 18, 16  # of 14 px monospace
SESSION = (
    "logport tail -n 6",
    "logport search --level warn --fields msg,http.status,http.ms ''",
    "logport search -c '\"user\":\"ann\"'",
    "lz4 -dcm logs/main/*.lz4 | tail -n 1",
    "logport cat -o logfmt --fields peer,reason,offset,raw logs/rejects",
    "logport verify",
)
LINES = """\
{"ts":"2026-11-30T07:24:01.120Z","level":"info","logger":"http","msg":"GET /api/users","http":{"status":200,"ms":12},"user":"ann"}
{"ts":"2026-11-30T07:24:01.480Z","level":"info","logger":"http","msg":"GET /api/orders/7","http":{"status":200,"ms":18},"user":"ben"}
{"ts":"2026-11-30T07:24:02.001Z","level":"warn","logger":"cache","msg":"refill took 2.4 s","shard":3}
{"ts":"2026-11-30T07:24:02.350Z","level":"error","logger":"http","msg":"POST /api/orders","http":{"status":503,"ms":4012},"user":"ann"}
{"ts":"2026-11-30T07:24:02.700Z","level":"info","logger":"http","msg":"GET /healthz","http":{"status":200,"ms":1}}
{"ts":"2026-11-30T07:24:03.020Z","level":"debug","logger":"db","msg":"reconnected","attempt":2}
{"level":"info","msg":"oops",}
"""
COLOURS = {31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#56d4dd"}
TEXT, FAINT, GROUND, PROMPT = "#e6edf3", "#8b949e", "#0d1117", "#7ee787"


def record(command, environment, folder):
    """What the command prints to a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(["sh", "-c", command], stdin=slave, stdout=slave, stderr=slave,
                               env=environment, cwd=folder, close_fds=True)
    os.close(slave)
    output = b""
    while select.select([master], [], [], 10)[0]:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the terminal's other side is closed
            break
        if not piece:
            break
        output += piece
    process.wait()
    os.close(master)
    return output.decode()


def session(build):
    """[(command, output)]"""
    environment = dict(os.environ, PATH=f"{build}:{os.environ['PATH']}", PAGER="cat", TERM="xterm")
    environment.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        daemon = subprocess.Popen([build / "logportd", "--tcp", "127.0.0.1:0"], cwd=folder,
                                  stderr=subprocess.PIPE, text=True)
        try:
            ready = next(line for line in daemon.stderr if "ready" in line)
            address = re.search(r"tcp=(\S+)", ready).group(1)
            subprocess.run([build / "logport", "send", address], cwd=folder, input=LINES, text=True,
                           check=True)
            subprocess.run([build / "logport", "rotate"], cwd=folder, check=True)
            return [(command, record(command, environment, folder)) for command in SESSION]
        finally:
            daemon.terminate()
            daemon.communicate()


def cells_of(line):
    """[(text, colour, bold)] of a line with escape sequences."""
    colour, bold, runs = TEXT, False, []
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        codes = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if not codes:
            if part:
                runs.append((part, colour, bold))
            continue
        for code in [int(code or 0) for code in codes.group(1).split(";")]:
            if code == 0:
                colour, bold = TEXT, False
            elif code == 1:
                bold = True
            elif code == 2:
                colour = FAINT
            else:
                colour = COLOURS.get(code, colour)
    return runs


def wrapped(runs):
    """The same, cut into rows as a terminal does."""
    rows, row, used = [], [], 0
    for text, colour, bold in runs:
        while text:
            piece, text = text[:COLUMNS - used], text[COLUMNS - used:]
            row.append((used, piece, colour, bold))
            used += len(piece)
            if used == COLUMNS and text:
                rows.append(row)
                row, used = [], 0
    return rows + [row]


def draw(commands):
    rows = []
    for number, (command, output) in enumerate(commands):
        if number:
            rows.append([])
        rows += wrapped([("$ ", PROMPT, True), (command, TEXT, True)])
        for line in output.rstrip("\r\n").split("\r\n"):
            rows += wrapped(cells_of(line))
    width, height = COLUMNS * CELL + 2 * MARGIN, len(rows) * LINE + 2 * MARGIN
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
             f'viewBox="0 0 {width:.0f} {height}" role="img">',
             "<title>A terminal: logport tail, search, cat and verify</title>",
             "<style>text { font: 14px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; "
             "white-space: pre; }</style>",
             f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>']
    for number, row in enumerate(rows):
        y = MARGIN + number * LINE + 13
        for column, text, colour, bold in row:
            if text.strip():
                weight = ' font-weight="bold"' if bold else ""
                parts.append(f'<text x="{MARGIN + column * CELL:.1f}" y="{y}" fill="{colour}"{weight} '
                             f'textLength="{len(text) * CELL:.1f}" xml:space="preserve">'
                             f"{escape(text)}</text>")
    return "\n".join(parts + ["</svg>"])


if __name__ == "__main__":
    print(draw(session(pathlib.Path(sys.argv[1]).resolve())))
