"""cat, search, tail and stat read files of other programs: text, and text in gzip, zstd and lz4."""

import contextlib
import gzip
import json
import os
import shutil
import socket
import subprocess
import threading
import unittest

from harness import Case, logport, main, native_only, program, start, wait_until

COMPRESSORS = [
    ["gzip", "-1"], ["gzip", "-9"],
    ["zstd", "-q"], ["zstd", "-q", "--no-check"], ["zstd", "-q", "--no-content-size"],
    ["zstd", "-q", "--long=27"],
    ["lz4", "-q", "-c"], ["lz4", "-q", "-l", "-c"], ["lz4", "-q", "-B4", "-BD", "-c"],
    ["lz4", "-q", "-B4", "-BI", "-c"], ["lz4", "-q", "-B7", "-BX", "-c"], ["lz4", "-q", "--no-frame-crc", "-c"],
]
LIBRARIES = logport("--version").out
COMPRESSORS = [words for words in COMPRESSORS if b"without " + {"gzip": b"zlib"}.get(words[0], words[0].encode())
               not in LIBRARIES]


def records(count):
    for n in range(count):
        if n % 3 == 0:
            yield b"plain text %d, not json {" % n
        else:
            level = ["info", "error"][n % 2]
            yield json.dumps({"time": "2026-11-29T10:00:00Z", "level": level, "msg": "hello", "n": n}).encode()


def compressed(words, text):
    return subprocess.run(words, input=text, stdout=subprocess.PIPE, check=True).stdout


class AnyFile(Case):
    def file(self, name, data):
        path = os.path.join(self.directory(), name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_every_format_gives_the_same_records(self):
        lines = list(records(30000))
        text = b"\n".join(lines)
        errors = sum(b'"error"' in line for line in lines)
        for words in [None] + COMPRESSORS:
            if words and not shutil.which(words[0]):
                continue
            with self.subTest(words=words):
                data = compressed(words, text) if words else text
                path = self.file("app.data", data)
                self.assertEqual(logport("cat", path).out, text + b"\n")
                self.assertEqual(logport("cat", "-", stdin=data).out, text + b"\n")
                self.assertEqual(logport("cat", "-", stdin=data + data).code, 0)
                self.assertEqual(logport("search", "-c", "text", path).out, b"10000\n")
                self.assertEqual(logport("search", "-c", "--level", "error", "", path).out, b"%d\n" % errors)
                found = logport("search", "--where", "n = 29999 or n = 10", "--newest-first", "", path)
                self.assertEqual(found.lines, [line for line in (lines[29999], lines[10]) if line[:1] == b"{"])
                self.assertEqual(logport("tail", "-3", path).lines, lines[-3:])
                stat = json.loads(logport("stat", "--json", path).out)
                self.assertEqual(stat["all"]["lines"], 30000)

    def test_a_cut_file_is_reported_and_read_as_far_as_possible(self):
        text = b"\n".join(records(30000)) + b"\n"
        for words in COMPRESSORS:
            if not shutil.which(words[0]):
                continue
            with self.subTest(words=words):
                data = compressed(words, text)
                result = logport("cat", "-", stdin=data[: len(data) - 5])
                self.assertEqual(result.code, 2, result.said)
                self.assertIn("inside its", result.said)
                bad = bytearray(data)
                bad[len(bad) // 2] ^= 0x55
                result = logport("cat", self.file("bad", bytes(bad)))
                if "-l" not in words and "--no-frame-crc" not in words and "--no-check" not in words:
                    self.assertEqual(result.code, 2, result.said)

    def test_odd_text(self):
        for data, out in [
            (b"", b""),
            (b"\n", b"\n"),
            (b"a", b"a\n"),
            (b"\xef\xbb\xbf{}\n", b"{}\n"),
            (b"\xef\xbb\xbf", b""),
            (b"a\r\nb\r\n", b"a\r\nb\r\n"),
            (b'{"a":1\n{"level":"error"}', b'{"a":1\n{"level":"error"}\n'),
            (bytes(range(256)) * 100 + b"\n", bytes(range(256)) * 100 + b"\n"),
        ]:
            with self.subTest(data=data[:20]):
                result = logport("cat", self.file("odd", data))
                self.assertEqual((result.code, result.out, result.said), (0, out, ""))
        self.assertEqual(logport("search", "-c", "--level", "error", "", "-", stdin=b'{"level":"error"\n').out, b"0\n")

    def test_a_long_line_is_one_line(self):
        line = b"x" * (5 << 20) + b"needle"
        result = logport("search", "needle", "-", stdin=b"a\n" + line + b"\nb\n")
        self.assertEqual(result.lines, [line])

    def test_formats_that_are_not_read_are_named(self):
        result = logport("cat", "-", stdin=b"\xfd7zXZ\0" + b"x" * 100)
        self.assertEqual(result.code, 2)
        self.assertIn("xz -dc", result.said)
        self.assertEqual(logport("cat", "-", stdin=b"\xff\xfea\0\n\0").code, 2)

    def test_standard_input_is_read_only_if_there_is_no_directory(self):
        folder = self.directory()
        found = logport("search", "hello", stdin=b"hello\n", cwd=folder)
        self.assertEqual((found.code, found.out), (0, b"hello\n"))
        none = logport("search", "hello", stdin=b"", cwd=folder)
        self.assertEqual(none.code, 2)
        self.assertIn("standard input", none.said)
        os.mkdir(os.path.join(folder, "logs"))
        ignored = logport("search", "hello", stdin=b"hello\n", cwd=folder)
        self.assertEqual((ignored.code, ignored.out), (1, b""))
        self.assertEqual(logport("search", "hello", "-", stdin=b"hello\n", cwd=folder).out, b"hello\n")

    def test_a_directory_without_segments_means_its_log_files(self):
        folder = self.directory()
        for name, data in [("a.lz4", b"hello 1\n"), ("b.log", b"hello 2\n"), ("c.bin", b"hello 3\n")]:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        self.assertEqual(logport("search", "-c", "hello", folder).out, b"2\n")
        for name in "app.log.1", "app.log-20261130", "old/app.log.2", "old/number.7":
            os.makedirs(os.path.join(folder, "old"), exist_ok=True)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(b"hello\n")
        self.assertEqual(logport("search", "-c", "hello", folder).out, b"5\n")

    def test_a_directory_without_names_of_logs_is_no_silent_zero(self):
        folder = self.directory()
        self.assertEqual(logport("search", "-c", "", folder).said, "")
        for name in "messages", "syslog":
            with open(os.path.join(folder, name), "wb") as file:
                file.write(b"hello\n")
        said = logport("search", "-c", "hello", folder).said
        self.assertEqual(said, "logport: %s: 2 files are not named like logs and are not read; "
                               "name them to read them: messages, syslog\n" % folder)

    def test_files_next_to_segments_are_reported_and_not_read(self):
        daemon = self.daemon()
        daemon.send(b'{"msg":"hello"}\n')
        daemon.wait_stored(1)
        daemon.stop()
        base = daemon.base

        def said():
            for command in (["cat"], ["search", "-c", "hello"], ["tail"], ["stat"]):
                result = logport(*command, base)
                self.assertEqual(result.code, 0, result.said)
                if command[0] != "stat":
                    self.assertEqual(len(result.lines), 1)
                yield result.said

        def put(name):
            with open(os.path.join(base, name), "wb") as file:
                file.write(b"hello\n")

        put("notes.txt")
        put("settings.json")
        put("state/old.log")
        self.assertEqual(set(said()), {""})
        put("app.log.gz")
        for text in said():
            self.assertIn("%s: 1 file is not a segment and is not read; name it to read it: app.log.gz\n" % base, text)
        put("main/other.lz4")
        put("main/a.log")
        for text in said():
            self.assertEqual(text.count("\n"), 1, text)
            self.assertIn("%s: 3 files are not segments and are not read; name them to read them: "
                          "app.log.gz, main/a.log, main/other.lz4\n" % base, text)
        for number in range(50):
            put("file%02d.ndjson" % number)
        for text in said():
            self.assertEqual(text.count("\n"), 1, text)
            self.assertIn("53 files", text)
            self.assertIn(", ...", text)
        self.assertEqual(logport("verify", base).said, "")


@native_only("Wine has no FIFOs")
class Pipes(Case):
    """A named pipe, and bash's <(...), are read like files, once."""

    def fed(self, data, *words, **more):
        path = os.path.join(self.directory(), "pipe")
        os.mkfifo(path)

        def write():
            with contextlib.suppress(BrokenPipeError), open(path, "wb") as file:
                file.write(data)

        feeder = threading.Thread(target=write)
        feeder.start()
        self.addCleanup(feeder.join)
        return logport(*[path if word == "PIPE" else word for word in words], **more)

    def test_every_command_reads_a_pipe(self):
        lines = list(records(30000))
        text = b"\n".join(lines) + b"\n"
        for data in text, gzip.compress(text, 1):
            self.assertEqual(self.fed(data, "cat", "PIPE").out, text)
            self.assertEqual(self.fed(data, "search", "-c", "text", "PIPE").out, b"10000\n")
            self.assertEqual(self.fed(data, "tail", "-3", "PIPE").lines, lines[-3:])
            self.assertEqual(self.fed(data, "tail", "-f", "PIPE").out, text)
            self.assertEqual(json.loads(self.fed(data, "stat", "--json", "PIPE").out)["all"]["lines"], 30000)
        found = self.fed(text, "search", "--newest-first", "-m1", "text", "PIPE")
        self.assertEqual(found.lines, [lines[29997]])

    def test_a_pipe_beside_other_files(self):
        path = os.path.join(self.directory(), "app.log")
        with open(path, "wb") as file:
            file.write(b"hello file\n")
        result = self.fed(b"hello pipe\n", "search", "hello", path, "PIPE", "-", stdin=b"hello input\n")
        self.assertEqual(result.lines, [b"hello file", b"hello pipe", b"hello input"])

    def test_values_of_a_pipe_are_counted_in_one_reading(self):
        values = [b'{"v":"%d"}\n' % n for n in range(140000)] + [b'{"v":"often"}\n'] * 1000
        result = self.fed(b"".join(values), "stat", "--by", "v", "-n1", "--json", "PIPE")
        self.assertEqual(result.code, 0, result.said)
        self.assertIn(b"often", result.out)

    @unittest.skipUnless(shutil.which("bash"), "needs bash")
    def test_process_substitution(self):
        path = os.path.join(self.directory(), "app.log.gz")
        with open(path, "wb") as file:
            file.write(gzip.compress(b"hello 1\nother\n"))
        line = '"$1" search hello <(zcat "$2") <(echo hello 2)'
        result = subprocess.run(["bash", "-c", line, "bash", *program("logport"), path],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        self.assertEqual(result.stdout, b"hello 1\nhello 2\n")

    def test_devices_and_sockets_are_refused(self):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        path = os.path.join(self.directory(), "socket")
        listener.bind(path)
        for odd in path, "/dev/zero":
            for command in (["cat"], ["search", "x"], ["tail"], ["stat"]):
                result = logport(*command, odd)
                self.assertEqual(result.code, 2)
                self.assertIn(odd + ": a device or a socket; logport reads files, directories and pipes", result.said)


class TailAgain(Case):
    def test_tail_follows_standard_input_to_its_end(self):
        result = logport("tail", "-f", "-", stdin=b"one\ntwo\nthree")
        self.assertEqual((result.code, result.out), (0, b"one\ntwo\nthree\n"))

    def test_tail_follows_a_text_file(self):
        path = os.path.join(self.directory(), "app.log")
        with open(path, "wb") as file:
            file.write(b"one\ntwo\n")
        out = os.path.join(self.directory(), "out")
        with open(out, "wb") as output:
            process = start(program("logport") + ["tail", "-1", "-f", path], stdout=output)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def printed(text):
            with open(out, "rb") as file:
                return file.read() == text

        wait_until(lambda: printed(b"two\n"), "the last line is printed")
        with open(path, "ab") as file:
            file.write(b"three\n")
        wait_until(lambda: printed(b"two\nthree\n"), "a new line is printed")


if __name__ == "__main__":
    main()
