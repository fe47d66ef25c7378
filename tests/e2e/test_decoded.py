"""test_decoded.py - thousands of random literals and regular expressions find what decoded.py says:
in lines with escapes, Unicode and nested strings, in lines that are not JSON, in files with an index
and without, and in the live segment."""

import collections
import concurrent.futures
import os
import re

from decoded import a_literal, a_regex, matching
from harness import SEED, WINDOWS, Case, Daemon, logport, main, scaled, segments, temporary_directory
from mutations import stored_frame
from shapes import string

QUERIES = 1000
# Without the Turkish dotted and dotless i, which are an i for re but not in Unicode's case folding.
WORDS = (
    "Müller MÜLLER müller task TASK ta\u017fk \u212aelvin kelvin Straße STRASSE ẞ ÉCOLE école Ωμέγα ωΜΈΓΑ ς Σ σ "
    "/api/users /api/v2/ C:\\temp\\new \"hi\" said\"so line\nfoo tab\tbar cr\rlf \b\f \x7f \u0085 \u2028 null\x00byte 😀 é👍 e\u0301 "
    "timeout connection 550e8400-e29b-41d4-a716-446655440000 0123456789abcdef ٣٤ 12 x_y a k s ss \\u00fc \\n n foo {\"a\":\"b\\n\"} "
    "Жук жУК ﬁ ǆ ǅ Ǆ \ufffd"
).split(" ")


def a_text(rng):
    return rng.choice((" ", "", "-")).join(rng.choice(WORDS) for _ in range(rng.randrange(1, 6)))


def a_value(rng, style, depth):
    kind = rng.randrange(7)
    if kind == 0 and depth < 3:
        return "[%s]" % ",".join(a_value(rng, style, depth + 1) for _ in range(rng.randrange(3)))
    if kind == 1 and depth < 3:
        return an_object(rng, style, depth + 1)
    if kind == 2:
        return rng.choice(("12", "-3.5e2", "true", "null", '""'))
    if kind == 3:  # JSON inside a string
        return string(rng, an_object(rng, "python", 3), style)
    return string(rng, a_text(rng), style)


def an_object(rng, style, depth=0):
    names = ["m", "message", "path/x", "größe", "a\"b", "m"]
    members = ("%s:%s" % (string(rng, rng.choice(names), style), a_value(rng, style, depth)) for _ in range(rng.randrange(1, 4)))
    return "{%s}" % ", ".join(members)


def is_utf8(line):
    try:
        return line.decode() is not None
    except UnicodeDecodeError:
        return False


def a_line(rng):
    line = an_object(rng, rng.choice(("plain", "plain", "python", "php", "any"))).encode()
    if rng.random() < 0.02:  # a lone surrogate, which json.loads accepts
        line = line[:-1] + b',"l":"a\\ud800b\\udc00"}'
    return line


def not_json(rng):
    """Lines that only another program could have written; their bytes are what they are."""
    line = a_line(rng)
    kind = rng.randrange(4)
    if kind == 0:
        return line[: rng.randrange(1, len(line))]
    if kind == 1:
        return line[:-1] + b'\xff\\u00fc"}'
    if kind == 2:
        return a_text(rng).replace("\n", "\\n").encode() + b" \\u00fc \\"
    at = rng.randrange(len(line))
    return line[:at] + bytes([rng.choice(b'"\\{}u\xc3')]) + line[at:]


class Decoded(Case):
    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.rng = case.rng
        daemon = Daemon(case, "--flush-ms", "20")
        cls.lines = [a_line(case.rng) for _ in range(900)]
        # Small segments have small groups, so that filters exclude some; the last one stays live.
        for begin in range(0, 900, 60):
            daemon.send(b"\n".join(cls.lines[begin : begin + 60]) + b"\n")
            daemon.wait_stored(begin + 60)
            if begin + 60 < 900:
                case.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        cls.base = daemon.base
        # Files of other programs: without and with an index.
        cls.foreign = [not_json(case.rng) if case.rng.random() < 0.4 else a_line(case.rng) for _ in range(500)]
        cls.foreign = [line for line in cls.foreign if b"\n" not in line]
        cls.folder = temporary_directory(case)
        os.makedirs(os.path.join(cls.folder, "main"))
        for number in (1, 2):
            path = os.path.join(cls.folder, "main", "main-%010d-20260101T000000Z.ndjson.lz4" % number)
            with open(path, "wb") as file:
                for i in range(0, len(cls.foreign), 100):
                    file.write(stored_frame(b"".join(line + b"\n" for line in cls.foreign[i : i + 100])))
        case.assertEqual(logport("archive", path).code, 0)

    # ---- patterns ----

    def a_literal(self, lines):
        return a_literal(self.rng, lines, WORDS)

    def a_regex(self, lines):
        return a_regex(self.rng, self.a_literal(lines))

    def ask(self, lines, path):
        rng = self.rng
        regex = rng.random() < 0.5
        patterns = [self.a_regex(lines) if regex else self.a_literal(lines) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        ignore_case, invert = rng.random() < 0.35, rng.random() < 0.1
        # Of a repeated group, re ignores the case of final sigma only in one direction.
        ignore_case = ignore_case and not any(r"(?:\1)" in pattern for pattern in patterns)
        expected = [lines[i] for i in matching(lines, patterns, not regex, ignore_case, invert)]
        words = ["-i"] * ignore_case + ["-v"] * invert + ["--no-index"] * (rng.random() < 0.4) + ([] if regex else ["-F"])
        words += [word for pattern in patterns for word in ("-e", pattern)]
        count = rng.random() < 0.2 and not (regex and lines is self.foreign)
        return words, expected, count, regex, path

    def check(self, question):
        words, expected, count, regex, path = question
        result = logport("search", *(["-c"] if count else []), *words, path)
        where = "%r of %s (seed %d)" % (words, path, SEED)
        self.assertEqual(result.err, b"", where)
        self.assertEqual(result.code, 0 if result.lines and result.lines != [b"0"] else 1, where)
        if count:
            self.assertEqual(result.out, b"%d\n" % len(expected), where)
            return
        found = result.lines
        if regex:  # PCRE2 sees the parts between invalid bytes, re sees surrogates there
            expected, found = ([line for line in lines if is_utf8(line)] for lines in (expected, found))
        missing, extra = (list((collections.Counter(a) - collections.Counter(b)).elements())
                          for a, b in ((expected, found), (found, expected)))  # fmt: skip
        self.assertEqual((missing, extra), ([], []), where)
        self.assert_lines(found, expected, where)

    def ask_all(self, lines, path):
        questions = [self.ask(lines, path) for _ in range(scaled(QUERIES, 30))]
        with concurrent.futures.ThreadPoolExecutor(1 if WINDOWS else 2) as pool:
            list(pool.map(self.check, questions))

    def test_patterns_match_bytes_or_decoded_strings_of_what_the_daemon_stored(self):
        self.ask_all(self.lines, self.base)

    def test_patterns_match_lines_that_are_not_json_by_their_bytes(self):
        for path in segments(self.folder):
            self.ask_all(self.foreign, path)

    def test_ignoring_case_a_literal_finds_what_the_quoted_expression_finds(self):
        for _ in range(scaled(200, 20)):
            literal = self.a_literal(self.lines)
            quoted = re.sub(r"([^\w])", r"\\\1", literal, flags=re.ASCII) if literal.isascii() else re.sub(r"([\x01-/:-@\[-`{-\x7f])", r"\\\1", literal)
            found = [logport("search", "-i", *words, self.base) for words in (["-F", "-e", literal], ["-e", quoted])]
            self.assertEqual((found[0].code, found[0].out), (found[1].code, found[1].out), (literal, SEED))

    def test_a_literal_with_a_newline_is_found_in_decoded_strings_only(self):
        text = "né\nfooΩ/api"
        escapes = [text.replace("\n", "\\n"), text.replace("\n", "\\u000A"), text.upper().replace("\n", "\\n")]
        lines = [line.encode() for line in [*('{"m":"%s"}' % each for each in escapes), *text.split("\n")]]
        path = os.path.join(temporary_directory(self), "lines")
        with open(path, "wb") as file:
            file.write(b"".join(line + b"\n" for line in lines))
        newline = text.index("\n")
        for begin in range(newline + 1):
            for end in range(newline + 1, len(text) + 1):
                literal = text[begin:end]
                found = logport("search", "-i", "-F", "-e", literal, path).lines
                self.assertEqual(found, [lines[i] for i in matching(lines, [literal], True, True)], literal)


if __name__ == "__main__":
    main()
