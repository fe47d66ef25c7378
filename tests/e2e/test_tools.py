"""test_tools.py - other programs read live, closed and repaired segments; shells load the
completions.

Programs that read nothing or only a part are tested too, so that FORMAT.md ("Who reads it")
stays true.
"""

import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import time
import unittest

from harness import (
    PATIENCE_S,
    ROOT,
    Case,
    Daemon,
    environment,
    log_line,
    logport,
    logportd,
    main,
    native_only,
    program,
    run,
    segments,
    split_lines,
    wait_until,
)

NODE_MODULES = os.path.join(ROOT, "tests", "clients", "node_modules")
READ_LZ4_JS = os.path.join(ROOT, "tests", "clients", "read_lz4.js")
# Debian's python3-lz4 belongs to Debian's python3, which need not be first on the PATH.
PYTHON = "/usr/bin/python3"


def needs(name):
    return unittest.skipUnless(shutil.which(name), "%s is not installed" % name)


def has_python_lz4():
    return os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", "import lz4.frame"], capture_output=True).returncode == 0


def has_lz4_napi():
    return shutil.which("node") and os.path.isdir(os.path.join(NODE_MODULES, "lz4-napi"))


class Files(Case):
    def setUp(self):
        super().setUp()
        self.files = self.make()

    def make(self):
        """For each kind of file: its path and its lines."""
        daemon = self.daemon("--flush-ms", "50")
        base, files = daemon.base, {}
        sent = [log_line(self.rng, n=n, where="Zürich") for n in range(6000)]
        half = len(sent) // 2
        daemon.send(b"\n".join(sent[:half]) + b"\n")
        daemon.wait_stored(half)
        self.assertEqual(logport("rotate", base).code, 0)
        closed = wait_until(lambda: [p for p in segments(base) if ".part." not in p], "the first file is closed")[0]
        # in separate appends, so that there are several frames and lids
        for begin in range(half, len(sent), half // 4):
            daemon.send(b"\n".join(sent[begin : begin + half // 4]) + b"\n")
            daemon.wait_stored(begin + half // 4)
        live = [p for p in segments(base) if ".part." in p][0]
        files["closed"] = (closed, sent[:half])
        files["live"] = (live, sent[half:])
        files["repaired"] = self.repair(closed, sent[:half])
        return files

    def repair(self, closed, lines):
        folder = self.directory()
        damaged = os.path.join(folder, os.path.basename(closed))
        with open(closed, "rb") as file:
            text = bytearray(file.read())
        text[60] ^= 0x20  # in the first frame
        with open(damaged, "wb") as file:
            file.write(text)
        self.assertEqual(logport("verify", damaged).code, 1)
        result = logport("repair", "-o", os.path.join(folder, "saved"), damaged)
        self.assertEqual(result.code, 0, result.said)
        saved = os.path.join(folder, "saved", os.path.basename(closed))
        self.assertEqual(logport("verify", saved).code, 0)
        kept = logport("cat", "--output", "raw", saved).lines
        self.assertLess(len(kept), len(lines))
        hopeless = os.path.join(folder, "h" + os.path.basename(closed))
        with open(hopeless, "wb") as file:
            file.write(bytes(4096))
        nothing = logport("repair", "-o", os.path.join(folder, "saved"), damaged + "x", hopeless)
        self.assertEqual(nothing.code, 2, nothing.said)
        nothing = logport("repair", "-o", os.path.join(folder, "saved"), hopeless)
        self.assertEqual(nothing.code, 1, nothing.said)
        self.assertIn("nothing saved", nothing.out.decode())
        self.assert_lines(kept, lines[len(lines) - len(kept) :], "what repair saved")
        return saved, kept

    def read_all(self, command):
        for kind, (path, sent) in self.files.items():
            with self.subTest(kind):
                result = run(command + [path])
                self.assertEqual(result.code, 0, result.said)
                self.assert_lines(result.lines, sent)

    def read_first_frame_only(self, command):
        """Libraries that return only the first frame, without an error."""
        for kind, (path, sent) in self.files.items():
            with self.subTest(kind):
                found = run(command + [path]).lines
                self.assertLess(len(found), len(sent))
                self.assert_lines(found, sent[: len(found)])


class Tools(Files):
    @needs("lz4")
    def test_lz4_tests_and_prints_every_file(self):
        for path, _ in self.files.values():
            self.assertEqual(run(["lz4", "-t", path]).code, 0)
        self.read_all(["lz4", "-dc"])

    @needs("lz4")
    def test_lz4_prints_several_files_in_one_call(self):
        paths = [path for path, _ in self.files.values()]
        result = run(["lz4", "-dcm", *paths])
        self.assertEqual(result.code, 0, result.said)
        self.assert_lines(result.lines, [line for _, sent in self.files.values() for line in sent])

    @needs("rg")
    def test_ripgrep_searches_every_file(self):
        self.read_all(["rg", "-z", "-N", "--no-config", ""])

    @needs("bsdcat")
    def test_bsdcat_prints_every_file(self):
        self.read_all(["bsdcat"])

    @needs("lnav")
    @needs("lz4")
    def test_lnav_shows_what_it_shows_of_the_same_lines_packed_by_lz4(self):
        """lnav 0.11 loses lines of some compressed files, no matter which program made them.
        So a file that the lz4 command made from the same lines says what to expect."""
        for kind, (path, sent) in self.files.items():
            with self.subTest(kind):
                plain = os.path.join(self.directory(), "plain.ndjson.lz4")
                packed = run(["lz4", "-q", "-", plain], stdin=b"".join(line + b"\n" for line in sent))
                self.assertEqual(packed.code, 0, packed.said)
                shown, expected = self.lnav(path), self.lnav(plain)
                self.assertGreater(len(expected), 0)
                self.assert_lines(shown, expected)

    def lnav(self, path):
        """Sorted by the times that lnav finds in them."""
        result = run(["lnav", "-n", path], env=environment(HOME=os.path.dirname(path)))
        self.assertEqual(result.code, 0, result.said)
        return sorted(result.lines)

    @unittest.skipUnless(has_python_lz4(), "python3-lz4 is not installed")
    def test_python_lz4_open_reads_every_file(self):
        self.read_all(
            [PYTHON, "-c", "import lz4.frame, sys; sys.stdout.buffer.write(lz4.frame.open(sys.argv[1]).read())"]
        )

    @unittest.skipUnless(has_python_lz4(), "python3-lz4 is not installed")
    def test_python_lz4_decompress_reads_the_first_frame_only(self):
        self.read_first_frame_only(
            [
                PYTHON,
                "-c",
                "import lz4.frame, sys; sys.stdout.buffer.write(lz4.frame.decompress(open(sys.argv[1], 'rb').read()))",
            ]
        )

    @unittest.skipUnless(has_lz4_napi(), "lz4-napi is not installed in tests/clients")
    def test_lz4_napi_reads_every_file_frame_by_frame(self):
        self.read_all(["node", READ_LZ4_JS])

    @unittest.skipUnless(has_lz4_napi(), "lz4-napi is not installed in tests/clients")
    def test_lz4_napi_reads_the_first_frame_only_of_a_whole_file(self):
        self.read_first_frame_only(["node", READ_LZ4_JS, "--first"])


class Shells(Case):
    def script(self, shell):
        result = logport("completions", shell)
        self.assertEqual(result.code, 0, result.said)
        path = os.path.join(self.directory(), "completions." + shell)
        with open(path, "wb") as file:
            file.write(result.out)
        return path

    def path_with_logport(self):
        """A PATH in which a shell finds the program to test, also one that Wine must run."""
        folder = self.directory()
        path = os.path.join(folder, "logport")
        with open(path, "w") as file:
            file.write('#!/bin/sh\nexec %s "$@"\n' % shlex.join(program("logport")))
        os.chmod(path, 0o755)
        return folder + os.pathsep + os.environ["PATH"]

    @needs("bash")
    def test_bash_completes_commands_and_options(self):
        script = self.script("bash")
        ask = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; '
               '_%s; printf "%%s\\n" "${COMPREPLY[@]}"')

        def complete(*words):
            return run(["bash", "--norc", "-c", ask % words[0], script, *words]).out.decode().split()

        self.assertEqual(complete("logport", "se"), ["search", "send"])
        self.assertEqual(complete("logport", "repair", "--o"), ["--output"])
        self.assertEqual(complete("logport", "repair", "pa"), [])  # bash then completes file names
        self.assertIn("--segment-bytes-max", complete("logportd", "--seg"))
        registered = run(["bash", "--norc", "-c", 'source "$0"; complete -p logport logportd', script])
        self.assertEqual(registered.code, 0, registered.said)

    def records(self):
        """A directory with two streams."""
        daemon = Daemon(self, "--flush-ms", 20)
        daemon.send(b'{"msg":"m","http":{"status":200,"a b":1}}\nbad\n')
        daemon.wait_stored(1)
        daemon.stop()
        return daemon.base

    def test_values_are_those_of_the_files_at_hand(self):
        base = self.records()
        fields = logport("completions", "--values", "fields", base)
        self.assertEqual(fields.lines, [b"@time", b"@level", b"@message", b"@logger", b"@stream", b"msg", b"http.status"])
        self.assertEqual(logport("completions", "--values", "streams", base).lines, [b"main"])
        self.assertEqual(logport("completions", "--values", "streams", os.path.join(base, "nowhere")).out, b"")
        self.assertEqual(logport("completions", "--values", "moons", base).code, 2)

    def test_the_words_of_options_of_the_daemon_are_those_that_it_takes(self):
        script = logport("completions", "bash").out.decode()
        daemon = script[script.index("_logportd()"):]
        for option in ("protocol", "ack", "text", "stamp", "rotate", "schema-mode", "archive-command-then"):
            words = re.search(r"--%s\) _logport_words '([^']*)'" % option, daemon)[1].split()
            self.assertGreater(len(words), 1)
            for word in words:
                self.assertEqual(logportd("--check", "--%s" % option, word).code, 0, (option, word))

    @needs("bash")
    def test_bash_completes_values(self):
        base, script = self.records(), self.script("bash")
        path = self.path_with_logport()
        ask = ('source "$0"; COMP_LINE=$1; shift; COMP_POINT=${#COMP_LINE}; COMP_WORDS=("$@"); '
               'COMP_CWORD=$(($# - 1)); _logport; printf "%s\\n" "${COMPREPLY[@]}"')

        def complete(*words):
            line = " ".join(("logport",) + words).replace(" = ", "=").replace(" =", "=")
            result = run(["bash", "--norc", "-c", ask, script, line, "logport", *words], env=environment(PATH=path))
            return result.out.decode().split()

        self.assertEqual(complete("search", "--level", "wa"), ["warn"])
        self.assertEqual(complete("cat", "-o", ""), ["raw", "json", "pretty", "csv", "logfmt"])
        self.assertEqual(complete("cat", "--output", "=", "cs"), ["csv"])
        self.assertEqual(complete("cat", "--output", "="), ["raw", "json", "pretty", "csv", "logfmt"])
        self.assertEqual(complete("cat", base, "--fields", "ht"), ["http.status"])
        self.assertEqual(complete("cat", base, "--fields", "msg,ht"), ["msg,http.status"])
        self.assertEqual(complete("cat", base, "--stream", ""), ["main"])
        other = os.path.join(self.directory(), "app.log")
        with open(other, "w") as file:
            file.write('text\n{"shop":{"basket":7}}\n')
        self.assertEqual(complete("cat", other, "--fields", "sh"), ["shop.basket"])

    def typed(self, shell, setup, line, done):
        """Types a line and a tab in an interactive shell; waits until what it shows matches `done`."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(environment(PATH=self.path_with_logport(), TERM="dumb", PS1="ready> ", COLUMNS="200"))
            os.execvp(shell[0], shell)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        shown = b""

        def wait_for(pattern):
            nonlocal shown
            end = time.monotonic() + PATIENCE_S
            while not re.search(pattern, shown):
                ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
                self.assertTrue(ready, "%r does not show %r but %r" % (shell, pattern, shown))
                shown = re.sub(rb"\x1b\[[?0-9;]*[a-zA-Z]", b"", shown + os.read(terminal, 65536))

        wait_for(b"ready> $")
        os.write(terminal, setup.encode() + b"; PS1='set''up> '\n")
        wait_for(b"setup> $")
        shown = b""
        os.write(terminal, line.encode() + b"\t")
        wait_for(done)

    @native_only("the script is the same")
    @needs("bash")
    def test_an_interactive_bash_completes_as_one_types(self):
        base, script = self.records(), self.script("bash")
        for line, done in (
            ("logport sea", "logport search $"),
            ("logport search --whe", "--where $"),
            ("logport search --level wa", "--level warn $"),
            ("logport search --level=wa", "--level=warn $"),
            ("logport stat %s -o pl" % base, "-o plot $"),
            ("logport fields %s -o j" % base, "-o json $"),
            ("logport patterns --com", "--compare $"),
            ("logport cat %s --fields ht" % base, "--fields http.status$"),
            ("logport cat %s --fields=ht" % base, "--fields=http.status$"),
            ("logport cat %s --fields @lo" % base, "--fields @logger$"),
            ("logport cat %s --fields=@lo" % base, "--fields=@logger$"),
            ("logport cat %s --fields msg,@lo" % base, "--fields msg,@logger$"),
            ("logport cat %s --fields @time,@lo" % base, "--fields @time,@logger$"),
            ("logport stat %s --by=@time,http.s" % base, "--by=@time,http.status$"),
            ("logport cat %s --stream m" % base, "--stream main$"),
            ("logport help pat", "help patterns $"),
            ("logport completions ba", "completions bash $"),
            ("logport man logportd --he", "--help $"),
        ):
            with self.subTest(line=line):
                self.typed(["bash", "--norc", "--noprofile", "-i"], "source " + script, line, done.encode())

    @native_only("the script is the same")
    @needs("zsh")
    def test_an_interactive_zsh_completes_as_one_types(self):
        base, script = self.records(), self.script("zsh")
        setup = "autoload -Uz compinit; compinit -u -D; source %s" % script
        for line, done in (
            ("logport search --whe", "--where"),
            ("logport search --level wa", "--level warn"),
            ("logport cat %s --fields msg,@lo" % base, "--fields msg,@logger"),
            ("logport stat %s --by http.s" % base, "--by http.status"),
            ("logport cat %s --stream m" % base, "--stream main"),
            ("logport completions ba", "completions bash"),
        ):
            with self.subTest(line=line):
                self.typed(["zsh", "-f", "-i"], setup, line, done.encode())

    @needs("zsh")
    def test_zsh_takes_the_completions(self):
        script = self.script("zsh")
        result = run(
            ["zsh", "-f", "-c", 'autoload -Uz compinit; compinit -u -D; source "$1"; print $_comps[logport] $_comps[logportd]', "zsh", script]
        )
        self.assertEqual((result.code, result.out, result.err), (0, b"_logport _logportd\n", b""))

    @needs("fish")
    def test_fish_completes_commands_and_options(self):
        script = self.script("fish")
        path = self.path_with_logport()

        def complete(line):
            result = run(["fish", "--no-config", "-c", 'source $argv[1]; complete -C $argv[2]', script, line],
                         env=environment(HOME=os.path.dirname(script), PATH=path))
            return [word.split("\t")[0] for word in result.out.decode().splitlines()]

        self.assertEqual(sorted(complete("logport se")), ["search", "send"])
        self.assertEqual(complete("logport repair --o"), ["--output"])
        self.assertIn("--segment-bytes-max", complete("logportd --seg"))
        self.assertEqual(complete("logport search --level wa"), ["warn"])
        self.assertEqual(complete("logport cat --output=cs"), ["--output=csv"])
        base = self.records()
        self.assertEqual(complete("logport cat %s --fields msg,@lo" % base), ["msg,@logger"])
        self.assertEqual(complete("logport cat %s --stream m" % base), ["main"])

    def test_powershell_completions_name_every_option(self):
        out = logport("completions", "powershell").out.decode()
        self.assertIn(", @('--output', '-o', 'raw json pretty csv logfmt', '", out)
        self.assertIn(", @('--fields', '', 'fields', '", out)
        self.assertIn(", @('--segment-bytes-max', '", out)
        self.assertEqual(out.count("{"), out.count("}"))

    @needs("man")
    def test_man_shows_every_option_without_a_warning(self):
        for name, section, option in (("logport", "1", "--output DIR"), ("logportd", "8", "--segment-bytes-max SIZE")):
            page = os.path.join(self.directory(), "%s.%s" % (name, section))
            with open(page, "wb") as file:
                file.write(logport("man", name).out)
            shown = run(["man", "--warnings", "-l", page], env=environment(MANWIDTH="100", MANPAGER="cat"))
            self.assertEqual((shown.code, shown.said), (0, ""))
            self.assertIn(option, shown.out.decode())
            if name == "logportd":
                self.assertRegex(shown.out.decode(), r'"365d"}}\n\n +segment_bytes_max\n +segment_packed_bytes_max\n')

    def test_the_daemons_help_has_no_two_empty_lines(self):
        told = run([*program("logportd"), "--help"])
        self.assertNotIn(b"\n\n\n", told.out.replace(b"\r", b""))


class Generator(Case):
    """The benchmarks rely on logport-load: its reports about stored lines must be right."""

    OPTIONS = ["--lines", "3000", "--connections", "3", "--bytes", "200"]

    def send(self, address, *options):
        result = run([*program("logport-load"), "%s:%d" % address, *self.OPTIONS, *options])
        self.assertEqual(result.code, 0, result.said)
        return json.loads(result.out)

    def check(self, lines, *options):
        result = run([*program("logport-load"), "--check", *self.OPTIONS, *options], stdin=b"".join(line + b"\n" for line in lines))
        self.assertIn(result.code, (0, 1), result.said)
        told = json.loads(result.out)
        bad = {key: value for key, value in told.items() if key != "lines" and value}
        self.assertEqual((result.code, told["lines"]), (1 if bad else 0, len(lines)))
        return bad

    def stored(self, *options):
        daemon = self.daemon()
        self.assertEqual(self.send(daemon.tcp[0], *options)["lines"], 3000)
        daemon.wait_stored(3000)
        return split_lines(logport("cat", daemon.base).out)

    def test_what_was_stored_is_what_was_sent(self):
        self.assertEqual(self.check(self.stored()), {})

    def test_other_lines_are_not_what_was_sent(self):
        lines = self.stored("--seed", "2")
        self.assertEqual(self.check(lines, "--seed", "2"), {})
        self.assertEqual(self.check(lines), {"altered": 3000})

    def test_each_fault_is_told_by_its_name(self):
        lines = self.stored()
        mine = [i for i, line in enumerate(lines) if b'"conn":1,' in line]
        first, second, third, fourth, fifth = mine[:5]
        self.assertEqual(self.check(lines[:first] + lines[first + 1 :]), {"lost": 1})
        self.assertEqual(self.check(lines + [lines[first]]), {"doubled": 1})
        swapped = list(lines)
        swapped[second], swapped[third] = lines[third], lines[second]
        self.assertEqual(self.check(swapped), {"disordered": 1})
        changed = list(lines)
        changed[fourth] = lines[fourth].replace(b"level", b"Level")
        self.assertEqual(self.check(changed), {"altered": 1})
        changed[fifth] = lines[fifth][:150]
        self.assertEqual(self.check(changed), {"altered": 2, "cut": 1})
        self.assertEqual(self.check(lines + [b"nobody's", b"x" * 3000000]), {"altered": 2})

    @native_only("Windows sends a datagram a call")
    def test_many_datagrams_in_one_call_all_arrive(self):
        daemon = self.daemon()
        self.send(daemon.udp[0], "--udp", "--gso", "--rate", "100000")
        daemon.wait_stored(3000)
        self.assertEqual(self.check(split_lines(logport("cat", daemon.base).out)), {})


if __name__ == "__main__":
    main()
