"""test_reader.py - the reader: output, order and exit codes of its commands."""

import contextlib
import os
import shutil
import subprocess
import threading
import time

from harness import (
    SANITIZED,
    WINDOWS,
    Case,
    Daemon,
    environment,
    log_line,
    logport,
    main,
    native_only,
    program,
    run,
    scaled,
    segments,
    start,
    wait_until,
)
from records import BAD, GOOD


class Follower:
    """Runs `logport tail -f` and records when it printed each line."""

    def __init__(self, case, *words, env=None):
        self.process = start(
            program("logport") + ["tail", "-f", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=env or environment(),
        )
        case.addCleanup(self.kill)
        self.seen = []  # (when, line)
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        rest = b""
        while True:
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            now = time.monotonic()
            self.seen += [(now, line) for line in lines]

    @property
    def lines(self):
        return [line for _, line in self.seen]

    def said(self):
        os.set_blocking(self.process.stderr.fileno(), False)
        return self.process.stderr.read(4096)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


def write_directory(case, lines, cuts=(), stream_words=()):
    """A directory with these lines, stored by the daemon, with a new segment after
    each number of lines in cuts."""
    daemon = Daemon(case, *stream_words)
    edges = [0, *cuts, len(lines)]
    for begin, end in zip(edges, edges[1:]):
        daemon.send(b"\n".join(lines[begin:end]) + b"\n")
        daemon.wait_stored(end)
        if end != len(lines):
            case.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
    daemon.stop()
    case.assertEqual(len(segments(daemon.base)), len(edges) - 1)
    return daemon.base


class Shared(Case):
    """A directory that all tests of a class read: three segments, 3,000 lines."""

    CUTS = (700, 2100)
    COUNT = 3000

    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        case.rng.seed(7)
        cls.addClassCleanup(case.doCleanups)
        cls.lines = [log_line(case.rng, n=n) for n in range(cls.COUNT)]
        cls.base = write_directory(case, cls.lines, cls.CUTS)

    def check(self, expected, *words, code=0, **options):
        """Checks the exit code and all of stdout."""
        result = logport(*words, **options)
        self.assertEqual(result.code, code, result.said)
        self.assert_lines(result.lines, expected)
        return result


class Cat(Shared):
    def test_cat_prints_every_line_in_order_and_nothing_else(self):
        result = self.check(self.lines, "cat", self.base)
        self.assertEqual(result.err, b"")
        self.assertEqual(result.out, b"\n".join(self.lines) + b"\n")

    def test_cat_reads_what_it_is_given_a_file_a_stream_or_a_directory(self):
        files = segments(self.base)
        self.check(self.lines[700:2100], "cat", files[1])
        self.check(self.lines, "cat", os.path.join(self.base, "main"))
        self.check(self.lines[2100:] + self.lines[:700], "cat", files[2], files[0])

    def test_logport_dir_names_the_directory_when_no_path_does(self):
        self.check(self.lines, "cat", env=environment(LOGPORT_DIR=self.base))

    def test_a_path_that_is_not_there_exits_2_and_is_named(self):
        for command in ("cat", "tail", "verify"):
            result = logport(command, os.path.join(self.base, "nowhere"))
            self.assertEqual(result.code, 2, command)
            self.assertIn("nowhere", result.said)
            self.assertEqual(result.out, b"")

    def test_bad_options_and_commands_exit_2_and_say_what_was_meant(self):
        for words, hint in ((("cta",), "cat"), (("cat", "--strem"), ""), ((), "help"), (("tail", "-n", "x"), "x")):
            result = logport(*words)
            self.assertEqual(result.code, 2, words)
            self.assertIn(hint, result.said)
            self.assertEqual(result.out, b"")

    def test_rejects_are_read_only_when_named(self):
        daemon = self.daemon()
        daemon.send(b'{"a":1}\nbad\n')
        daemon.wait_stored(1)
        daemon.stop()
        self.check([b'{"a":1}'], "cat", daemon.base)
        named = logport("cat", os.path.join(daemon.base, "rejects"))
        self.assertEqual((named.code, len(named.lines)), (0, 1))
        self.assertIn(b'"raw":"bad"', named.out)

    @native_only("no such shell")
    def test_a_closed_pipe_is_no_error(self):
        for words in ("cat '%s'", "search '' '%s'", "tail -n 3000 '%s'"):
            command = " ".join(program("logport")) + " " + words % self.base
            result = run(["bash", "-c", command + " | head -1; echo ${PIPESTATUS[0]}"])
            self.assert_lines(result.lines[:1], [self.lines[0]])
            self.assertEqual((result.lines[1], result.err), (b"0", b""), words)

    @native_only("no such file")
    def test_output_that_cannot_be_written_exits_2_and_says_so(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run(
                program("logport") + ["cat", self.base], stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=60
            )
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"no space left", result.stderr)

    def test_a_directory_without_records_is_no_error(self):
        daemon = self.daemon()
        for stop in (lambda: None, daemon.stop):
            stop()
            self.check([], "cat", daemon.base)
            self.check([], "tail", daemon.base)
            self.check([], "search", "a", daemon.base, code=1)
            self.assertEqual(logport("verify", daemon.base).code, 0)

    def test_every_command_has_a_help_text(self):
        for command in ("cat", "tail", "search", "verify", "check", "send", "status", "rotate", "stop", "reload"):
            result = logport(command, "--help")
            self.assertEqual(result.code, 0, result.said)
            self.assertIn(command.encode(), result.out)
            self.assertEqual(result.err, b"")


class Tail(Shared):
    def test_tail_prints_the_last_ten_or_as_many_as_asked(self):
        self.check(self.lines[-10:], "tail", self.base)
        for count in (1, 5, 900, 901, 2999, 3000, 5000):
            self.check(self.lines[-count:], "tail", "-n", count, self.base)
        self.check(self.lines[-4:], "tail", "-n4", self.base)
        self.check([], "tail", "-n", "0", self.base)

    def test_tail_of_one_file(self):
        self.check(self.lines[697:700], "tail", "-n", "3", segments(self.base)[0])


class Follow(Case):
    def test_tail_f_shows_every_line_once_in_order_across_rotations_and_soon(self):
        daemon = self.daemon("--segment-bytes-max", "1MiB", "--flush-ms", "20")
        first = [log_line(self.rng, n=n) for n in range(5)]
        daemon.send(b"\n".join(first) + b"\n")
        daemon.wait_stored(5)
        follower = Follower(self, daemon.base)
        wait_until(lambda: follower.lines == first, "the last lines are shown")
        connection, sent, when = daemon.connect(), list(first), {}
        rounds = scaled(60, 15)
        for n in range(rounds):
            burst = [log_line(self.rng, round=n, i=i, pad="p" * 500) for i in range(100)]
            sent += burst
            when[burst[-1]] = time.monotonic()
            connection.sendall(b"\n".join(burst) + b"\n")
            if n % 5 == 4:
                self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
            wait_until(lambda: len(follower.seen) >= len(sent), "round %d is shown" % n)
        self.assert_lines(follower.lines, sent)
        self.assertGreaterEqual(len(segments(daemon.base)), rounds // 5)
        late = sorted(seen - when[line] for seen, line in follower.seen if line in when)
        # flush_ms and a poll every 250 ms; the margin is for a busy machine
        self.assertLess(late[len(late) // 2], 0.02 + 0.25 + (2 if WINDOWS or SANITIZED else 0.2), late)
        self.assertLess(late[-1], 0.02 + 0.25 + (10 if WINDOWS or SANITIZED else 2), late)
        daemon.stop()

    def test_tail_f_shows_the_first_line_of_a_new_directory(self):
        daemon = self.daemon()
        follower = Follower(self, daemon.base)
        daemon.send(b'{"n":1}\n')
        wait_until(lambda: follower.lines == [b'{"n":1}'], "the first line is shown")
        daemon.stop()

    def test_tail_f_goes_on_over_a_restart_of_the_daemon(self):
        daemon = self.daemon()
        daemon.send(b'{"n":1}\n')
        daemon.wait_stored(1)
        follower = Follower(self, daemon.base)
        wait_until(lambda: len(follower.seen) == 1, "the first line is shown")
        daemon.stop()
        daemon = self.daemon(dir=daemon.base)
        daemon.send(b'{"n":2}\n')
        wait_until(lambda: len(follower.seen) == 2, "the second line is shown")
        daemon.kill()
        daemon = self.daemon(dir=daemon.base)
        daemon.send(b'{"n":3}\n')
        wait_until(lambda: len(follower.seen) == 3, "the third line is shown")
        self.assert_lines(follower.lines, [b'{"n":%d}' % n for n in (1, 2, 3)])
        daemon.stop()

    def test_tail_f_under_load_shows_every_line_once_and_in_order(self):
        daemon = self.daemon("--segment-bytes-max", "2MiB", "--flush-ms", "50")
        daemon.send(b'{"first":1}\n')
        daemon.wait_stored(1)
        follower = Follower(self, daemon.base)
        wait_until(lambda: follower.seen, "the first line is shown")
        sent = [log_line(self.rng, n=n) for n in range(scaled(50_000, 2000))]
        daemon.send(b"\n".join(sent) + b"\n")
        wait_until(lambda: len(follower.seen) > len(sent), "all lines are shown")
        self.assert_lines(follower.lines, [b'{"first":1}'] + sent)
        daemon.stop()

    ROTATIONS = 200

    def load_with_rotations(self, daemon, sent, seen):
        """Sends until there are that many segments, one batch each; adds the lines to `sent`."""
        connection, number = daemon.connect(), 0
        while len(segments(daemon.base)) <= self.ROTATIONS:
            burst = [log_line(self.rng, n=number + i, pad="p" * 200) for i in range(60)]
            number += len(burst)
            sent += burst
            connection.sendall(b"\n".join(burst) + b"\n")
            time.sleep(0.05 if WINDOWS else 0.01)  # not too fast, which would fill larger batches
            if WINDOWS:  # Wine is slower
                wait_until(lambda: len(sent) < len(seen) + 3000, "the follower keeps up")
        connection.close()

    def assert_shown(self, follower, lines):
        """Waits for that many lines, and names the missing one if they do not arrive."""
        try:
            wait_until(lambda: len(follower.seen) >= len(lines), "they are shown")
        except AssertionError:
            self.assert_lines(follower.lines, lines, "lines shown (it said %r)" % follower.said())
        self.assert_lines(follower.lines, lines)

    def follow_rotations(self, beside):
        """Meanwhile `beside` runs repeatedly in a thread of its own."""
        daemon = self.daemon("--segment-bytes-max", "8KiB", "--flush-ms", "5")
        follower = Follower(self, daemon.base)
        # It may start when there are many already.
        errors = Follower(self, "-n", "1000000", "--level", "error", daemon.base)
        sent = [log_line(self.rng, first=1)]
        daemon.send(sent[0] + b"\n")
        wait_until(lambda: follower.seen, "the first line is shown")
        load = self.in_thread(self.load_with_rotations, daemon, sent, follower.seen)
        while load.is_alive():
            beside(daemon)
        load.finish()
        self.assert_shown(follower, sent)
        expected = [line for line in sent if b'"level":"error"' in line]
        self.assert_shown(errors, expected)
        beside(daemon)
        daemon.stop()
        self.assertGreaterEqual(len(segments(daemon.base)), self.ROTATIONS)
        self.assert_lines(daemon.lines_stored(), sent)
        time.sleep(0.3)  # nothing may be printed twice after the end
        self.assertEqual((len(follower.seen), len(errors.seen)), (len(sent), len(expected)))

    def test_tail_f_through_200_rotations_under_load_shows_every_line_once_in_order(self):
        self.follow_rotations(lambda daemon: time.sleep(0.1))

    def test_tail_f_shows_every_line_once_while_archive_replaces_the_files(self):
        def archive(daemon):
            result = logport("archive", daemon.base)
            self.assertIn(result.code, (0, 2), result.said)

        self.follow_rotations(archive)


class Search(Shared):
    """Compares search with GNU grep on the same lines.  The patterns are written in one way only, as
    grep does not decode strings (test_decoded.py)."""

    PATTERNS = ["worker", "timeout upstream", "error", '"n":7', "zzz-not-there", "\\u00e9", "WARN", "a", ""]

    def grep(self, lines, *words):
        result = run(["grep", "-a", *words], stdin=b"".join(line + b"\n" for line in lines), env=environment())
        self.assertLess(result.code, 2, result.said)
        return result

    def same(self, grep_words, words, lines=None, paths=None):
        lines = self.lines if lines is None else lines
        expected = self.grep(lines, *grep_words)
        found = logport("search", *words, *(paths or [self.base]))
        self.assertEqual(found.code, expected.code, "%s: %s" % (words, found.said))
        self.assert_lines(found.lines, expected.lines, "lines of %s" % (words,))

    def test_literals_are_found_as_grep_f_finds_them(self):
        for pattern in self.PATTERNS:
            self.same(["-F", "--", pattern], [pattern])

    def test_no_byte_of_a_literal_is_special(self):
        for pattern in (".", "*", "\\u00e9", '\\"quoted\\"', "[a-z]", "^", "$", "{"):
            self.same(["-F", "--", pattern], [pattern])

    def test_flags_in_any_combination_give_what_grep_gives(self):
        for _ in range(scaled(60, 12)):
            pattern = self.rng.choice(self.PATTERNS)
            flags = [flag for flag in ("-i", "-v") if self.rng.random() < 0.4]
            kind = self.rng.choice(("plain", "count", "max"))
            if kind == "count":
                if pattern == "" and "-v" in flags:
                    continue  # grep prints nothing here, logport prints 0
                flags.append("-c")
            elif kind == "max":
                flags += ["-m", str(self.rng.choice((1, 2, 10, 1000)))]
            self.same(["-F", *flags, "--", pattern], [*flags, "--", pattern])

    def test_files_with_a_match_are_named_each_once(self):
        paths = segments(self.base)
        for pattern in self.PATTERNS:
            having = [path for path in paths if logport("search", "-c", pattern, path).out != b"0\n"]
            for words, expected in (
                (["-l"], having),
                (["-l", "--newest-first"], having[::-1]),
                (["-l", "-m", "1"], having[:1]),
            ):
                found = logport("search", *words, pattern, self.base)
                self.assertEqual(found.out.decode().splitlines(), expected, (words, pattern))
                self.assertEqual(found.code, 0 if expected else 1)

    def test_context_is_grouped_and_parted_as_grep_does(self):
        path, lines = segments(self.base)[1], self.lines[700:2100]
        for _ in range(scaled(60, 12)):
            pattern = self.rng.choice(self.PATTERNS + ['"n":8', '"n":19', "checkout payment"])
            flags = [flag for flag in ("-i", "-v") if self.rng.random() < 0.3]
            for name in ("-A", "-B", "-C"):
                if self.rng.random() < 0.5:
                    flags += [name, str(self.rng.choice((0, 1, 2, 5, 30)))]
            self.same(["-F", *flags, "--", pattern], [*flags, "--", pattern], lines, [path])

    def test_a_stream_is_one_text_context_crosses_its_segments(self):
        for pattern in ('"n":699,', '"n":700,', '"n":2099,', '"n":2100,'):
            self.same(["-F", "-C", "3", "--", pattern], ["-C", "3", "--", pattern])

    def test_the_number_is_printed_also_when_it_is_zero(self):
        self.check([b"0"], "search", "-c", "zzz-not-there", self.base, code=1)
        self.check([b"3000"], "search", "-c", "", self.base)
        self.check([b"0"], "search", "-c", "-v", "", self.base, code=1)

    def test_the_limit_counts_over_all_files(self):
        self.check(self.lines[:1000], "search", "-m", "1000", "", self.base)
        self.check([], "search", "-m", "0", "", self.base, code=1)

    def test_exit_codes_are_0_found_1_nothing_2_error(self):
        self.assertEqual(logport("search", "worker", self.base).code, 0)
        self.check([], "search", "zzz-not-there", self.base, code=1)
        for words in ((), ("a", os.path.join(self.base, "nowhere")), ("--no-such-option", "a"), ("-m", "x", "a")):
            result = logport("search", *words)
            self.assertEqual(result.code, 2, words)
            self.assertEqual(result.out, b"")
            self.assertNotEqual(result.err, b"")

    def test_a_pattern_that_begins_with_a_dash_can_be_searched_behind_two(self):
        self.check([], "search", "--", "-zzz", self.base, code=1)


class Damage(Case):
    def setUp(self):
        super().setUp()
        self.lines = [log_line(self.rng, n=n, pad="q" * 100) for n in range(900)]
        daemon = self.daemon("--flush-ms", "10")
        for n in range(0, 900, 100):  # nine frames
            daemon.send(b"\n".join(self.lines[n : n + 100]) + b"\n")
            daemon.wait_stored(n + 100)
        daemon.stop()
        self.base = daemon.base
        [self.path] = segments(self.base)

    def flip(self, where):
        """Flips one bit, at a fraction of the file's length."""
        with open(self.path, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(int(size * where))
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 0x10]))

    def test_verify_is_content_with_sound_files_and_names_file_and_frame_of_a_flipped_byte(self):
        sound = logport("verify", self.base)
        self.assertEqual(sound.code, 0, sound.said)
        self.flip(0.5)
        damaged = logport("verify", self.base)
        self.assertEqual(damaged.code, 1, damaged.said)
        said = damaged.out.decode() + damaged.said
        self.assertIn(os.path.basename(self.path), said)
        self.assertRegex(said, r"(?i)frame\D{0,20}\d")

    def test_verify_finds_a_flipped_byte_wherever_it_is_in_the_data(self):
        pristine = self.path + ".kept"
        shutil.copyfile(self.path, pristine)
        os.rename(pristine, os.path.join(self.base, "pristine"))
        for _ in range(scaled(25, 5)):
            shutil.copyfile(os.path.join(self.base, "pristine"), self.path)
            where = self.rng.random() * 0.9
            self.flip(where)
            self.assertEqual(logport("verify", self.path).code, 1, "flipped at %f" % where)

    def test_a_file_cut_short_is_damage(self):
        os.truncate(self.path, os.path.getsize(self.path) * 11 // 18)  # in the middle of the sixth frame
        self.assertEqual(logport("verify", self.path).code, 1)

    def test_what_can_be_read_beside_damage_is_printed_and_the_exit_code_is_2(self):
        self.flip(0.5)
        for words in (("cat",), ("search", "qqqq")):
            result = logport(*words, self.base)
            self.assertEqual(result.code, 2, result.said)
            self.assertIn(os.path.basename(self.path), result.said)
            self.assertEqual(result.lines[:300], self.lines[:300])
            self.assertEqual(result.lines[-300:], self.lines[-300:], "the frames behind the damage are read")
            self.assertLessEqual(set(result.lines), set(self.lines), "nothing but records is on stdout")

    def test_a_file_that_is_no_segment_is_read_as_text(self):
        path = os.path.join(self.directory(), "x.ndjson.lz4")
        with open(path, "wb") as file:
            file.write(b"this is not LZ4\n")
        self.assertEqual(logport("verify", path).code, 1)
        for command in ("cat", "tail"):
            result = logport(command, path)
            self.assertEqual((result.code, result.out), (0, b"this is not LZ4\n"))


class Check(Case):
    def test_check_judges_each_line_as_the_daemon_does(self):
        lines = GOOD + [line for group in BAD.values() for line in group]
        daemon = self.daemon()
        verdicts = []
        for line in lines:
            result = logport("check", stdin=line + b"\n")
            self.assertIn(result.code, (0, 1), line[:100])
            verdicts.append(result.code == 0)
        daemon.send(b"\n".join(lines) + b"\n")
        wait_until(
            lambda: len(daemon.lines_stored()) + len(daemon.lines_stored("rejects")) == len(lines), "all are judged"
        )
        daemon.stop()
        stored = daemon.lines_stored()
        self.assert_lines(stored, [line for line, good in zip(lines, verdicts) if good])
        self.assert_lines(stored, GOOD)

    def test_check_names_the_line_and_the_reason(self):
        path = os.path.join(self.directory(), "lines.ndjson")
        with open(path, "wb") as file:
            file.write(b'{"a":1}\n\n{"a":01}\n{"b":2}\n{"a":1\n')
        result = logport("check", path)
        self.assertEqual(result.code, 1)
        said = result.out.decode() + result.said
        self.assertRegex(said, r"lines\.ndjson:3")
        self.assertRegex(said, r"lines\.ndjson:5")
        self.assertNotRegex(said, r"lines\.ndjson:[124]\b")
        self.assertEqual(logport("check", path + "x").code, 2)

    @native_only("Wine has no FIFOs")
    def test_a_pipe_is_checked_like_a_file_and_is_no_segment(self):
        path = os.path.join(self.directory(), "pipe")
        os.mkfifo(path)

        def fed(*command):
            def write():
                with contextlib.suppress(BrokenPipeError), open(path, "wb") as file:
                    file.write(b'{"a":1}\n' * 100000 + b'{"a":01}\n')

            feeder = threading.Thread(target=write)
            feeder.start()
            result = logport(*command, path)
            feeder.join()
            return result

        checked = fed("check")
        self.assertEqual(checked.code, 1)
        self.assertRegex(checked.out.decode() + checked.said, r"pipe:100001:")
        self.assertRegex(checked.said, r"100001 lines: 100000 valid, 1 invalid")
        with open(path + ".json", "w", encoding="utf-8") as file:
            file.write('{"a":1}\n')
        schema = fed("check", path + ".json", "--schema")
        self.assertEqual(schema.code, 2)
        self.assertRegex(schema.said, r"pipe:100001|pipe:2:1")  # the input is not a schema, but it was read
        shown = logport("verify", path)  # does not wait for a writer
        self.assertEqual(shown.code, 2)
        self.assertRegex(shown.said, r"pipe: a pipe or a device, not a file")

    def test_any_lets_every_value_pass(self):
        text = b'[1]\n"text"\n1\nnull\n{}\n'
        self.assertEqual(logport("check", stdin=text).code, 1)
        self.assertEqual(logport("check", "--any", stdin=text).code, 0)
        self.assertEqual(logport("check", "--any", stdin=b"[1\n").code, 1)

    def test_nothing_is_good(self):
        self.assertEqual(logport("check", stdin=b"").code, 0)


class Send(Case):
    def sends(self, kind):
        daemon = self.daemon()
        host, port = getattr(daemon, kind)[0]
        address = "%s:%d" % (host, port)
        sent = [log_line(self.rng, n=n) for n in range(200)]
        path = os.path.join(self.directory(), "lines.ndjson")
        with open(path, "wb") as file:
            file.write(b"\n".join(sent[:150]) + b"\n")
        words = [] if kind == "tcp" else ["--udp"]
        result = logport("send", *words, address, path)
        self.assertEqual((result.code, result.out), (0, b""), result.said)
        daemon.wait_stored(150)
        result = logport("send", "--" + kind, address, stdin=b"\n".join(sent[150:]))
        self.assertEqual(result.code, 0, result.said)
        self.assert_lines(daemon.wait_stored(200), sent)
        self.assertEqual(daemon.stop()["received"], 200)

    def test_send_delivers_a_file_and_stdin_over_tcp(self):
        self.sends("tcp")

    def test_send_delivers_a_file_and_stdin_over_udp(self):
        self.sends("udp")

    def test_send_to_a_closed_port_exits_2(self):
        daemon = self.daemon()
        address = "%s:%d" % daemon.tcp[0]
        daemon.stop()
        result = logport("send", address, stdin=b'{"a":1}\n')
        self.assertEqual(result.code, 2)
        self.assertIn(address, result.said)

    def test_send_without_an_address_or_a_file_that_is_there_exits_2(self):
        self.assertEqual(logport("send").code, 2)
        self.assertEqual(logport("send", "127.0.0.1:1", "/nowhere/lines").code, 2)


if __name__ == "__main__":
    main()
