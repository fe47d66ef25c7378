#!/usr/bin/env python3
"""test_output.py - what logport prints to a terminal and to programs.

The terminal is a pseudo-terminal; a real daemon stores the records.
"""

import contextlib
import csv
import errno
import io
import json
import os
import pty
import re
import select
import subprocess
import time

from harness import (
    PATIENCE_S,
    Case,
    Daemon,
    environment,
    logport,
    main,
    native_only,
    program,
    refuse_sanitizer_reports,
    split_lines,
    start,
    temporary_directory,
    wait_until,
)

RECORDS = [
    {"time": "2026-11-24T07:30:00.5Z", "level": "info", "msg": "started", "http": {"status": 200, "path": "/a b"}},
    {"time": "2026-11-24T07:30:01Z", "level": "error", "msg": 'say "no"', "text": "a,b\nc"},
    {"msg": "\x1b[31mred\x9b2J\x07", "n": 5},
]
LINES = [json.dumps(record).encode() for record in RECORDS]


def on_terminal(*words, **variables):
    """What the reader prints on a terminal of 80 columns, and its exit code."""
    master, slave = pty.openpty()
    env = environment(TERM="xterm", PAGER="cat")
    env.pop("NO_COLOR")
    env.update(variables)
    process = start(program("logport") + list(words), stdout=slave, stderr=slave, stdin=slave, env=env)
    os.close(slave)
    text = b""
    end = time.monotonic() + PATIENCE_S
    while True:
        ready, _, _ = select.select([master], [], [], max(0, end - time.monotonic()))
        if not ready:
            process.kill()
            raise AssertionError("%s does not end; it printed %r" % (words, text[-2000:]))
        try:
            piece = os.read(master, 65536)
        except OSError as error:  # Linux: nothing has the slave side open any more
            if error.errno != errno.EIO:
                raise
            piece = b""
        if not piece:
            break
        text += piece
    os.close(master)
    refuse_sanitizer_reports(text, " ".join(words))
    return process.wait(PATIENCE_S), text.replace(b"\r\n", b"\n")


class Shared(Case):
    """A directory that all tests of a class read."""

    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        daemon = Daemon(case)
        daemon.send(b"".join(line + b"\n" for line in LINES))
        daemon.wait_stored(len(LINES))
        daemon.stop()
        cls.base = daemon.base


class Printing(Shared):
    def test_raw_is_what_was_sent(self):
        for words in (("cat",), ("cat", "-oraw"), ("tail",)):
            self.assertEqual(logport(*words, self.base).lines, LINES, words)

    def test_json_and_chosen_fields_are_read_by_a_json_reader(self):
        lines = logport("cat", "-o", "json", "--fields", "msg,http.status", self.base).lines
        got = [json.loads(line) for line in lines]
        self.assertEqual(got, [{"msg": "started", "http.status": 200}, {"msg": 'say "no"'}, {"msg": RECORDS[2]["msg"]}])
        hidden = [json.loads(line) for line in logport("tail", "--hide", "http.path,msg", self.base).lines]
        self.assertEqual(hidden[0]["http"], {"status": 200})
        self.assertNotIn("msg", hidden[0])

    def test_csv_is_read_by_a_csv_reader(self):
        out = logport("cat", "-ocsv", "--fields=time,msg,text", self.base).out.decode()
        rows = list(csv.DictReader(io.StringIO(out, newline="")))
        for row, record in zip(rows, RECORDS, strict=True):
            self.assertEqual(row, {name: record.get(name, "") for name in ("time", "msg", "text")})
        rows = list(csv.DictReader(io.StringIO(logport("cat", "-ocsv", self.base).out.decode(), newline="")))
        self.assertEqual([row["level"] for row in rows], ["INFO", "ERROR", ""])
        self.assertEqual(json.loads(rows[0]["other"]), {"http": RECORDS[0]["http"]})

    def test_wrong_formats_exit_2_and_say_which_there_are(self):
        for words, hint in ((("-oxml",), "logfmt"), (("-oraw", "--fields", "a"), "--fields"), (("--color=x",), "never")):
            result = logport("cat", *words, self.base)
            self.assertEqual((result.code, result.out), (2, b""))
            self.assertIn(hint, result.said)

    @native_only("Debian's tzdata is not Windows' list")
    def test_local_times_are_those_of_the_zone_then(self):
        for zone, text in (
            ("Asia/Kolkata", b"2026-11-24T13:00:00.500+05:30"),
            ("America/New_York", b"2026-11-24T02:30:00.500-05:00"),
        ):
            line = logport("tail", "-n3", "-opretty", "--local", self.base, env=environment(TZ=zone)).lines[0]
            self.assertTrue(line.startswith(text + b" INFO  started "), line)


    @native_only("Windows has no time zone files")
    def test_tz_shows_and_reads_times_in_any_zone(self):
        line = logport("tail", "-n3", "-opretty", "--tz", "Asia/Kolkata", self.base).lines[0]
        self.assertTrue(line.startswith(b"2026-11-24T13:00:00.500+05:30 INFO  started "), line)
        words = ("search", "-c", "--tz", "Asia/Kolkata", "--since", "2026-11-24 13:00", "--until", "2026-11-24 13:00:01", "", self.base)
        self.assertEqual(logport(*words).out, b"1\n")
        table = logport("stat", "--tz", "Asia/Kolkata", self.base).out
        self.assertIn(b"2026-11-24T13:00:00+05:30", table)

    def test_tz_utc_is_known_everywhere_and_a_zone_that_is_not_is_refused(self):
        line = logport("tail", "-n3", "-opretty", "--tz", "UTC", self.base).lines[0]
        self.assertTrue(line.startswith(b"2026-11-24T07:30:00.500Z INFO  started "), line)
        for name in ("Mars/Base", "../../etc/passwd", ""):
            result = logport("cat", "--tz", name, self.base)
            self.assertEqual((result.code, result.out), (2, b""))
            self.assertIn("--tz: ", result.said)


@native_only("a pseudo-terminal is a thing of Linux")
class Terminal(Shared):
    def test_a_terminal_gets_pretty_coloured_lines_and_no_control_characters(self):
        for words in (("cat",), ("tail",)):
            code, text = on_terminal(*words, self.base)
            self.assertEqual(code, 0)
            self.assertIn(b"\x1b[32mINFO\x1b[m  ", text)
            plain = re.sub(rb"\x1b\[[0-9;]*m", b"", text)
            self.assertEqual(
                plain.decode().split("\n"),
                [
                    '2026-11-24T07:30:00.500Z INFO  started http.status=200 http.path="/a b"',
                    '2026-11-24T07:30:01.000Z ERROR say "no"',
                    "    text:",
                    "      a,b",
                    "      c",
                    " " * 31 + "\\u001b[31mred\\u009b2J\\u0007 n=5",
                    "",
                ],
            )

    def test_no_color_and_dumb_terminals_get_no_colour(self):
        for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            code, text = on_terminal("cat", self.base, **variables)
            self.assertEqual((code, text.count(b"\x1b")), (0, 0))
            self.assertIn(b"INFO  started", text)
        self.assertIn(b"\x1b[32m", on_terminal("cat", self.base, NO_COLOR="")[1])
        self.assertIn(b"\x1b[32m", logport("cat", "-opretty", "--color=always", self.base).out)
        self.assertNotIn(b"\x1b[", logport("cat", "-opretty", self.base, env=environment(NO_COLOR="")).out)

    def test_a_terminal_gets_other_formats_when_it_asks(self):
        code, text = on_terminal("cat", "-oraw", self.base)
        self.assertEqual((code, split_lines(text)), (0, LINES))

    def test_a_pager_gets_everything_and_is_waited_for(self):
        path = os.path.join(temporary_directory(self), "page")
        code, text = on_terminal("cat", self.base, PAGER="cat > %s; echo left" % path)
        self.assertEqual((code, text), (0, b"left\n"))
        with open(path, "rb") as file:
            self.assertEqual(len(file.readlines()), 6)
        code, text = on_terminal("cat", "--no-pager", self.base, PAGER="echo paged")
        self.assertNotIn(b"paged", text)
        code, text = on_terminal("search", "started", self.base, PAGER="cat > %s" % path)
        self.assertEqual((code, text), (0, b""))
        with open(path, "rb") as file:
            self.assertIn(b"\x1b[1;31mstarted\x1b[m", file.read())
        self.assertEqual(on_terminal("search", "-c", "started", self.base, PAGER="echo paged"), (0, b"1\n"))
        self.assertEqual(on_terminal("search", "nothing", self.base, PAGER="cat >&2"), (1, b""))
        code, text = on_terminal("tail", self.base, PAGER="echo paged")
        self.assertNotIn(b"paged", text)

    def test_the_status_shows_what_was_refused(self):
        daemon = Daemon(self, "--deny", "127.0.0.1")
        daemon.connect().close()
        wait_until(lambda: b"connections_denied: 1" in on_terminal("status", daemon.base)[1], "the counter")
        daemon.stop()

    def test_a_scan_of_more_than_a_second_shows_on_stderr_how_far_it_is_and_takes_it_away(self):
        daemon = Daemon(self)
        lines = [b'{"n":%d,"id":"%s"}' % (n, self.rng.randbytes(200).hex().encode()) for n in range(20000)]
        daemon.send(b"".join(line + b"\n" for line in lines))
        daemon.wait_stored(len(lines))
        daemon.stop()
        for words in (["search", ""], ["search", "--no-index", "-v", "zzz"], ["cat"]):
            master, slave = pty.openpty()
            command = program("logport") + words + [daemon.base]
            process = start(command, stdout=subprocess.PIPE, stderr=slave, env=environment(TERM="xterm"))
            os.close(slave)
            # It is blocked, because nothing is read in the first second.
            time.sleep(1.2)
            self.assertIsNone(process.poll())
            out = process.stdout.read()
            self.assertEqual(process.wait(PATIENCE_S), 0)
            process.stdout.close()
            self.assert_lines(split_lines(out), lines)
            said = b""
            with contextlib.suppress(OSError):
                while piece := os.read(master, 65536):
                    said += piece
            os.close(master)
            self.assertRegex(said, rb"\r *[0-9]+ % of [0-9]+\.[0-9] MiB \r")
            self.assertTrue(said.endswith(b"\r" + b" " * 32 + b"\r"), said)

    def test_a_quick_scan_shows_nothing_on_stderr(self):
        for words in (["search", "started"], ["cat"], ["stat"]):
            master, slave = pty.openpty()
            process = start(program("logport") + words + [self.base], stdout=subprocess.DEVNULL, stderr=slave, env=environment(TERM="xterm"))
            self.assertEqual(process.wait(PATIENCE_S), 0)
            os.set_blocking(master, False)
            with self.assertRaises(BlockingIOError):
                os.read(master, 100)
            os.close(slave)
            os.close(master)

    def test_a_pager_that_is_left_or_missing_ends_the_program(self):
        self.assertEqual(on_terminal("cat", self.base, PAGER="true")[0], 0)
        code, text = on_terminal("cat", os.path.join(self.base, "nowhere"), PAGER="cat; exit 0")
        self.assertEqual(code, 2)
        self.assertIn(b"nowhere", text)


if __name__ == "__main__":
    main()
