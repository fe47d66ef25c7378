#!/usr/bin/env python3
"""test_strictness.py - compares which lines are JSON with another parser.

`logport check --any` accepts the same randomly changed lines as Python's json, which is made as
strict as RFC 8259 (by default it accepts NaN and Infinity), with Python's strict UTF-8 decoder.
"""

import json
import os
import re

from harness import Case, logport, main, scaled

SEEDS = [
    b'{"ts":"2026-11-24T07:30:00.123Z","level":"info","msg":"a \\"b\\" \\u00e9 c\\\\","n":[0,-1.5e+10,12,{}],"z":null}',
    b'{"asctime": "2026-11-24 07:30:00,450", "message": "x", "amount": 12.50, "ok": true, "tags": ["a", "b"]}\r',
    '{"user":"J\u00fcrgen","city":"\u6771\u4eac","mood":"\U0001f44d \u20ac","long":"%s"}'.encode() % (b"0123456789" * 9),
    b'[[[]],[{"a":{"b":[false]}}], "\\ud83d\\ude00\\ud83d", 1E5, -0, 0.0e-0, 18446744073709551616]',
    b'{"a":1,"a":2,"":"","\\/":"\\b\\f\\n\\r\\t"}',
    b"  42 ",
    b'"text \x7f"',
]
PIECES = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud800", b"0", b"1", b"-", b"+", b".", b"e", b"E+", b"true",
    b"false", b"null", b"NaN", b"Infinity", b"-Infinity", b" ", b"\t", b"\r", b"\x00", b"\x0b", b"\x1f", b"\x7f", b"\x80", b"\xc3",
    b"\xc3\xa9", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82\xac", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xff",
    b'""', b'\\"', b"//", b"/**/", b"'", b"abcdefghijklmnopqrstuvwxyz012345", b"\xe2\x80\xa8", b"\xc2\xa0",
]  # fmt: skip


def changed(rng):
    line = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(line) + 1)
        gone = rng.choice((0, 0, 1, 1, 2, rng.randrange(40)))
        line[at : at + gone] = rng.choice((b"", rng.choice(PIECES), rng.choice(PIECES), bytes([rng.randrange(256)])))
    return bytes(line).replace(b"\n", b"")


def refuse(word):
    raise ValueError(word + " is no JSON")


# Numbers stay text: their size does not matter.
STRICT = json.JSONDecoder(parse_constant=refuse, parse_int=str, parse_float=str, strict=True)


def is_json(line):
    try:
        text = line.decode("utf-8")  # rejects surrogates and overlong forms
        begin = len(text) - len(text.lstrip(" \t\r"))
        _, end = STRICT.raw_decode(text, begin)
    except ValueError:
        return False
    return text[end:].strip(" \t\r") == ""


class Strictness(Case):
    def test_changed_lines_are_json_to_us_and_to_python_alike(self):
        lines = [line for line in (changed(self.rng) for _ in range(scaled(60000))) if line.strip(b" \t\r")]
        path = os.path.join(self.directory(), "lines")
        with open(path, "wb") as file:
            file.write(b"\n".join(lines) + b"\n")
        result = logport("check", "--any", path, timeout=120)
        bad = {int(number) for number in re.findall(rb"(?m)^.*?:(\d+):\d+: ", result.out)}
        good = 0
        for number, line in enumerate(lines, 1):
            expected = is_json(line)
            good += expected
            self.assertEqual(number not in bad, expected, "%r" % line)
        self.assertGreater(good, len(lines) // 10, "too few are valid for this to mean much")
        self.assertGreater(len(bad), len(lines) // 10, "too few are bad for this to say much")

    def test_python_is_strict_as_we_use_it(self):
        for line in (b"NaN", b"-Infinity", b"01", b"1.", b".5", b'"\t"', b'"\\x"', b"[1,]", b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", b"1\x0b"):
            self.assertFalse(is_json(line), line)
        for line in (b'"\\ud800"', b" 1E400\r", b"18446744073709551616", b'{"a":1,"a":2}'):
            self.assertTrue(is_json(line), line)


if __name__ == "__main__":
    main()
