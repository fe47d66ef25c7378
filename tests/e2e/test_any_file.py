"""cat, search, tail and stat read files of other programs: text, and text in gzip, zstd and lz4."""

import json
import os
import shutil
import subprocess

from harness import WINDOWS, Case, logport, main, program, start, wait_until

COMPRESSORS = [
    ["gzip", "-1"], ["gzip", "-9"],
    ["zstd", "-q"], ["zstd", "-q", "--no-check"], ["zstd", "-q", "--no-content-size"],
    ["zstd", "-q", "--long=27"],
    ["lz4", "-q", "-c"], ["lz4", "-q", "-l", "-c"], ["lz4", "-q", "-B4", "-BD", "-c"],
    ["lz4", "-q", "-B4", "-BI", "-c"], ["lz4", "-q", "-B7", "-BX", "-c"], ["lz4", "-q", "--no-frame-crc", "-c"],
]
if WINDOWS:  # built without zlib and libzstd
    COMPRESSORS = [words for words in COMPRESSORS if words[0] == "lz4"]


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


class TailAgain(Case):
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
