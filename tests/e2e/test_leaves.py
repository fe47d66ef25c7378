"""test_leaves.py - compares small parts of schema/ with other implementations: numbers with Python's
fractions, patterns with JavaScript's RegExp, formats with Python's parsers.
Input is random; a failing test prints its seed."""

import datetime
import fractions
import ipaddress
import json
import os
import random
import re
import shutil
import subprocess
import unittest
import uuid

from harness import BUILD, EXEC_PREFIX, ROOT, SEED, SUFFIX, Case, environment, main, scaled

LEAVES = EXEC_PREFIX + [os.path.join(BUILD, "tests", "leaves" + SUFFIX)]


def hexed(text):
    return text.encode("utf-8", "surrogatepass").hex()


def ask(questions):
    """The answers to the questions, which are tuples of fields."""
    lines = "".join("\t".join(fields) + "\n" for fields in questions)
    done = subprocess.run(LEAVES, input=lines.encode(), stdout=subprocess.PIPE, env=environment(), timeout=600)
    answers = done.stdout.decode().splitlines()
    assert done.returncode == 0 and len(answers) == len(questions), done
    return answers


class Numbers(Case):
    def number(self, random):
        digits = "".join(random.choice("0123456789900") for _ in range(random.choice([1, 1, 2, 3, 5, 17, 18, 19, 20, 40])))
        text = random.choice(["", "-"]) + (digits.lstrip("0") or "0")
        if random.random() < 0.4:
            text += "." + random.choice(["0", "5", "00", "01", "10", digits, "".join(random.choices("0123456789", k=random.randrange(1, 25)))])
        if random.random() < 0.3:
            text += random.choice("eE") + random.choice(["", "-", "+"]) + str(random.randrange(random.choice([3, 30, 400])))
        return text

    def test_order_integers_and_multiples_are_those_of_fractions(self):
        chance = random.Random(SEED)
        questions, expected = [], []
        for _ in range(scaled(20000)):
            a, b = self.number(chance), self.number(chance)
            if chance.random() < 0.2:  # the same number in another notation
                b = re.sub(r"^(-?[0-9]+)$", r"\g<1>.0", a) if chance.random() < 0.5 else a + "e0" * ("e" not in a.lower())
            x, y = fractions.Fraction(a), fractions.Fraction(b)
            questions += [("order", a, b), ("integer", a)]
            expected += [(x > y) - (x < y), int(x.denominator == 1)]
            if y > 0:
                product = chance.random() < 0.5 and "e" not in (a + b).lower() and "." not in a + b
                if product:
                    x = x * y
                    a = str(x)
                questions.append(("multiple", a, b))
                expected.append(int((x / y).denominator == 1))
        for question, answer, wanted in zip(questions, ask(questions), expected):
            self.assertEqual(int(answer), wanted, (SEED, question))


# Of each kind that a pattern can distinguish; none newer than Unicode 14.
LETTERS = list("abcdefzABZ0129_-/.,:;()[]{}|^$*+?\\ \t\n\r\v\f\b\0\x7f!#&'\"<>=@`~%") + [
    "\x1f", "\x85", "\xa0", "\xaa", "\xb5", "\xe4", "\xc4", "\u0130", "\u01c5", "\u0338", "\u03b1", "\u0391", "\u0660",
    "\u09ea", "\u05d0", "\u0639", "\u1680", "\u180e", "\u200b", "\u200e", "\u2003", "\u2028", "\u2029", "\u202f",
    "\u2160", "\u20ac", "\u212a", "\u3000", "\u3042", "\u4e2d", "\ufeff", "\ufffe", "\uff21", "\ud800", "\udc00", "\udfff",
    "\U0001f600", "\U00010400", "\U0001d7d8", "\U000e0001", "\U0010ffff", "\U0001f1e6"]
PROPERTIES = """L Letter Lu Uppercase_Letter Ll Lowercase_Letter Lt LC Cased_Letter Lm Lo M Mark Mn N Number Nd digit
Decimal_Number Nl No P punct Pc Pd Ps Pe Pi Pf Po S Symbol Sm Sc Sk So Z Zs Zl Zp C Cc cntrl Cf Cs Co Cn Any ASCII Assigned
Alphabetic Alpha AHex ASCII_Hex_Digit Bidi_C Bidi_M CI Cased CWCF CWCM CWL CWT CWU Dash DI Dep Dia Emoji
Emoji_Component EMod EBase EPres ExtPict Ext Gr_Base Gr_Ext Hex IDSB IDST IDC ID_Start Ideo Join_C LOE Lower Lowercase Math
NChar Pat_Syn Pat_WS QMark Radical RI STerm SD Term UIdeo Upper VS space White_Space XIDC XID_Start
gc=Lu General_Category=Letter gc=digit Script=Greek sc=Grek Script=Latin Script_Extensions=Greek scx=Arab sc=Hani
Script=Cyrillic sc=Hira Script=Common sc=Zinh Script=Inherited scx=Deva
letter lu Greek IsGreek Script=greek sc=Lu gc=Greek InBasicLatin L& Xan Script foo Alphabetic=Y""".split()


class Maker:
    """Patterns, most of them valid."""

    def __init__(self, chance):
        self.chance = chance
        self.groups = 0

    def pick(self, *choices):
        return self.chance.choice(choices)

    def literal(self):
        c = self.chance.choice(LETTERS)
        if c in "^$\\.*+?()[]{}|/" and self.chance.random() < 0.95:
            return "\\" + c
        return c

    def character_escape(self):
        c = self.chance.choice(LETTERS)
        point = ord(c)
        forms = ["\\u{%x}" % point, "\\" + self.pick(*"tnvfr"), "\\c" + self.pick(*"AJMmz"), "\\0"]
        forms.append("\\u%04x" % point if point < 0x10000 else "".join("\\u%04x" % int.from_bytes(c.encode("utf-16-be")[i : i + 2], "big") for i in (0, 2)))
        if point < 256:
            forms.append("\\x%02X" % point)
        return self.pick(*forms)

    def set(self):
        if self.chance.random() < 0.5:
            return "\\" + self.pick(*"dDsSwW")
        return "\\" + self.pick(*"pP") + "{" + self.chance.choice(PROPERTIES) + "}"

    def member(self):
        roll = self.chance.random()
        if roll < 0.4:
            return self.pick("a", "z", "0", "9", "-", "[", "^", ".", "$", "(", "\\-", "\\]", "\\b", "\\\\") if roll < 0.2 else self.literal()
        return self.character_escape() if roll < 0.6 else self.set() if roll < 0.8 else self.pick("a-z", "0-9", "A-Z", "\\0-\\x1f", "\\u{1f600}-\\u{10ffff}", "\\ud800-\\udfff", "--a", "z-a", "\\d-z")

    def atom(self, depth):
        roll = self.chance.random()
        if roll < 0.35:
            return self.literal()
        if roll < 0.45:
            return self.character_escape()
        if roll < 0.55:
            return self.set()
        if roll < 0.6:
            return "."
        if roll < 0.75:
            return "[" + self.pick("", "^") + "".join(self.member() for _ in range(self.chance.randrange(4))) + "]"
        if depth == 0:
            return "a"
        if roll < 0.8:
            return "(?:" + self.disjunction(depth - 1) + ")"
        self.groups += 1
        return self.pick("(", "(", "(?<n%d>" % self.groups) + self.disjunction(depth - 1) + ")"

    def term(self, depth):
        roll = self.chance.random()
        if roll < 0.06:
            return self.pick("^", "$", "\\b", "\\B")
        if roll < 0.1 and depth > 0:
            return self.pick("(?=", "(?!") + self.disjunction(depth - 1) + ")"
        if roll < 0.12:
            return self.pick("(?<=", "(?<!") + self.literal() + ")"
        if roll < 0.13:
            return self.pick("\\1", "\\k<n1>", "\\k<n2>", "\\2", "{", "}", "]", ")", "(?i)", "(?>a)", "a++", "\\A", "\\Z", "\\a", "\\_", "\\Qa\\E", "[[:alpha:]]", "(*FAIL)", "(?#x)", "\\K", "\\R", "\\h", "\\x{41}", "\\x4", "\\u12", "\\08", "\\8", "(?P<n>a)", "\\N", "\\-", "\\k", "(?'n'a)", "\\X", "\\G", "\\e", "(?|a)", "(?R)", "\\g{1}")
        quantifier = self.pick("", "", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,1}", "{2,}", "{0}", "{,3}", "{3,1}") + self.pick("", "", "?")
        return self.atom(depth) + (quantifier if quantifier != "?" or self.chance.random() < 0.5 else "")

    def simple(self):
        """Patterns that schema/regex/quick.c may handle: no groups, no alternatives."""
        sets = ["a", "b", "1", "-", "\\.", "é", "\\/", "[ab]", "[^a]", "[^ab1]", "\\d", "\\w", "\\D", "\\W", "\\s", ".", "[a-f0-9]", "[^\\W]", "[\\w-]", "[^-]", "[.]"]
        quantifiers = ["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}?", "{2,}", "+?", "{0}"]
        terms = "".join(self.pick(*sets) + self.pick(*quantifiers) for _ in range(self.chance.randrange(1, 6)))
        return self.pick("^", "^", "^", "") + terms + self.pick("$", "$", "", "a$")

    def disjunction(self, depth):
        return "|".join("".join(self.term(depth) for _ in range(self.chance.randrange(4))) for _ in range(self.pick(1, 1, 1, 2, 3)))


# What ECMA-262 allows and PCRE2 10.42 does not, and limits that pattern.h states.
BEYOND_PCRE2 = re.compile(r"lookbehind assertion is not fixed length|unknown property|PCRE2 does not support|too large|count is too large")


@unittest.skipIf(shutil.which("node") is None, "node is not installed")
class Patterns(Case):
    def javascript(self, questions):
        text = "".join(json.dumps(question) + "\n" for question in questions)
        script = os.path.join(ROOT, "tests", "clients", "regexp.js")
        done = subprocess.run(["node", script], input=text.encode(), stdout=subprocess.PIPE, timeout=600, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def compare(self, cases):
        questions = []
        for pattern, texts in cases:
            questions += [("ecma", hexed(pattern)), ("pattern", hexed(pattern))] + [("match", hexed(text)) for text in texts]
        answers = iter(ask(questions))
        beyond = matched = refused = 0
        for (pattern, texts), wanted in zip(cases, self.javascript(cases)):
            ecma, compiled, matches = next(answers), next(answers), [next(answers) for _ in texts]
            what = (SEED, pattern, compiled)
            self.assertEqual(ecma == "1", wanted is not None, what)
            if wanted is None:
                refused += 1
                self.assertNotEqual(compiled, "ok", what)
            elif compiled != "ok":
                self.assertRegex(compiled, BEYOND_PCRE2, what)
                beyond += 1
            else:
                for text, ours, theirs in zip(texts, matches, wanted):
                    if ours == "-1" or theirs is None:
                        continue  # given up
                    self.assertEqual(ours == "1", theirs, what + (text,))
                    matched += theirs
        return beyond, matched, refused

    def test_each_property_holds_for_the_same_characters(self):
        cases = [("^\\%s{%s}$" % (p, name), LETTERS) for name in PROPERTIES for p in "pP"]
        cases += [("^[^\\%s{%s}]$" % (p, name), LETTERS) for name in PROPERTIES for p in "pP"]
        cases += [("^%s$" % each, LETTERS) for each in ["\\d", "\\D", "\\s", "\\S", "\\w", "\\W", ".", "[^]", "[\\s]", "[^\\s]", "[\\S]", "[^\\S]", "[\\w-]", "[^\\W]", "[\\D]"]]
        beyond, matched, refused = self.compare(cases)
        self.assertEqual((beyond, refused > 30, matched > 5000), (0, True, True))

    def test_random_patterns_match_the_same_texts(self):
        chance = random.Random(SEED)
        cases = []
        for _ in range(scaled(6000)):
            pattern = Maker(chance).disjunction(3) if chance.random() < 0.7 else Maker(chance).simple()
            if re.search(r"\\[1-9k].*[*+{]|[*+{].*\\[1-9k]", pattern, re.S):
                continue  # pattern.h: a group in a loop keeps what it captured
            texts = [""]
            for _ in range(12):
                alphabet = chance.choice([LETTERS, list("ab1-.é/"), list("abz019-"), [c for c in pattern] + ["a"]])
                texts.append("".join(chance.choices(alphabet, k=chance.randrange(1, 7))).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))
            texts.append("".join(chance.choices(texts[1:], k=4)) * 64)  # what pattern.c counts
            if re.search(r"\\[bB]|\(\?<[=!]", pattern):  # V8 looks between the halves of a character too
                texts = [text for text in texts if all(c < "\U00010000" for c in text)]
            cases.append((pattern.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"), texts))
        beyond, matched, refused = self.compare(cases)
        self.assertGreater(matched, len(cases))
        self.assertLess(refused + beyond, len(cases) * 2 // 3)


def is_date(text):
    try:
        return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None and bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def is_time(text):
    fields = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))", text)
    if fields is None or fields[3] != "60":
        return fields is not None
    zone = datetime.timedelta(hours=int(fields[5] or 0), minutes=int(fields[6] or 0)) * (-1 if fields[4] == "-" else 1)
    utc = datetime.datetime(2000, 1, 2, int(fields[1]), int(fields[2])) - zone
    return (utc.hour, utc.minute) == (23, 59)


def is_address(text, version):
    try:
        return "%" not in text and ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def is_uuid(text):
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


OTHERS = {
    "date": (is_date, ["2026-11-24", "2000-02-29", "1900-02-28", "0001-12-31"]),
    "time": (is_time, ["07:30:00Z", "23:59:60z", "01:29:60+01:30", "15:59:60.5-08:00", "00:00:00.123+23:59"]),
    "date-time": (lambda text: text[10:11] in ("T", "t") and is_date(text[:10]) and is_time(text[11:]),
                  ["1985-04-12T23:20:50.52Z", "1998-12-31t15:59:60.123-08:00", "2024-02-29T00:00:00-00:00"]),
    "ipv4": (lambda text: is_address(text, 4), ["127.0.0.1", "255.255.255.255", "0.10.200.99"]),
    "ipv6": (lambda text: is_address(text, 6), ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "2001:db8::ff00:42", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4"]),
    "uuid": (is_uuid, ["2eb8aa08-aa98-11ea-b4aa-73b441d16380"]),
}


class Formats(Case):
    def mutated(self, chance, text):
        for _ in range(chance.choice([0, 1, 1, 2, 3])):
            at = chance.randrange(len(text) + 1)
            c = chance.choice("0123456789abcfFgTtZz:.-+% ,/\u09ea")
            text = chance.choice([text[:at] + c + text[at:], text[:at] + text[at + 1 :], text[:at] + c + text[at + 1 :]])
        return text

    def test_what_is_of_a_format_is_what_Python_says(self):
        chance = random.Random(SEED)
        for name, (judge, texts) in OTHERS.items():
            texts = [self.mutated(chance, chance.choice(texts)) for _ in range(scaled(4000))]
            texts = [text for text in texts if not text.startswith("0000")]  # Python has no year 0
            for text, answer in zip(texts, ask([("format", name, hexed(text)) for text in texts])):
                self.assertEqual(answer == "1", judge(text), (SEED, name, text))

    def test_a_label_is_good_when_its_Punycode_is(self):
        chance = random.Random(SEED)
        alphabets = ["abcxyz0189-", "äöüßéł", "αβγς", "אבג\u05f3", "あいカ・丈", "ب\u0660\u06f0ي\u200c", "क\u094dष\u200d", "ÄA😀_", "l·"]
        labels = []
        for _ in range(scaled(4000)):
            letters = "".join(chance.sample(alphabets, 2))
            labels.append("".join(chance.choices(letters, k=chance.choice([1, 2, 3, 5, 8, 20, 50]))))
        labels = [label for label in labels if not label.isascii()]
        coded = ["xn--" + label.encode("punycode").decode() for label in labels]
        answers = ask([("format", "idn-hostname", hexed(label)) for label in labels] + [("format", "hostname", hexed(label)) for label in coded])
        good = 0
        for label, code, one, other in zip(labels, coded, answers, answers[len(labels) :]):
            if not re.search("[A-Z]", label):  # Punycode of capitals is taken for that of small letters
                self.assertEqual(one, other, (SEED, label, code))
            good += one == "1"
        self.assertGreater(good, len(labels) // 20)
        self.assertLess(good, len(labels) * 19 // 20)


if __name__ == "__main__":
    main()
