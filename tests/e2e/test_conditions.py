"""test_conditions.py - thousands of random conditions on records that are written in unusual ways
(escapes, names that occur twice, numbers in many notations, nested arrays) select what a plain
evaluation in Python selects, with and without indexes; and conditions read only what may match."""

import concurrent.futures
import datetime
import json
import os
import random
import re
import shutil

from facts import Number
from harness import SEED, WINDOWS, Case, Daemon, logport, main, rejects, scaled, segments, temporary_directory
from reference import LEVEL_FORMS, LEVEL_NAMES, RELATIONS, WORDS, Condition, Entry, Words, a_record, a_time, quoted

THREADS = 2 if not WINDOWS else 1
CONDITIONS = scaled(1500, 60)
SIZES = (100, 1800, 150, 300)  # of the segments; one has several groups
# How times and levels are written is tested elsewhere.
PLAIN = {key for fields, _ in [a_time(random.Random(n), 0) for n in range(200)] + LEVEL_FORMS for key in fields}


# ---- records as other programs write them ----


def a_character(rng, c, often):
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "/": "\\/"}
    if c in short and (c in '"\\\n\t' or rng.random() < 0.3) and rng.random() < 0.9:
        return short[c]
    if c in '"\\' or c < " " or rng.random() < often:
        units = c.encode("utf-16-be")
        escapes = ("\\u%02x%02x" % (units[i], units[i + 1]) for i in range(0, len(units), 2))
        return "".join(e[:2] + e[2:].upper() if rng.random() < 0.3 else e for e in escapes)
    return c


def a_string(rng, text, often):
    return '"%s"' % "".join(a_character(rng, c, often) for c in text)


def a_number(rng, number):
    text = json.dumps(number)
    if rng.random() < 0.6 or isinstance(number, float) or number == 0:
        return text
    return rng.choice([text + ".0", text + "e0", text + "E+00", "%s0e-1" % text, "%s.000" % text,
                       "%se3" % format(Number(str(number)).scaleb(-3), "f")])


def written(rng, value, often):
    blank = rng.choice(["", "", "", " "])
    if isinstance(value, dict):
        members = list(value.items())
        if members and rng.random() < 0.3:  # this value does not count
            members.insert(rng.randrange(len(members)), (rng.choice(members)[0], rng.choice(["old", "new", 1, {"k": "v"}, [1]])))
            last = {name: n for n, (name, _) in enumerate(members)}
            members = [(name, value[name] if last[name] == n else other) for n, (name, other) in enumerate(members)]
        inner = (a_string(rng, name, often) + ":" + blank + written(rng, one, often) for name, one in members)
        return "{" + ("," + blank).join(inner) + "}"
    if isinstance(value, list):
        return "[" + ("," + blank).join(written(rng, one, often) for one in value) + "]"
    if isinstance(value, str):
        return a_string(rng, value, often)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return a_number(rng, value)
    return json.dumps(value)


def a_line(rng, n):
    """An entry; its fields are what Python reads from its line."""
    entry = a_record(rng, n, rng.choice((0, 0, 100, 1500)))
    often = rng.choice((0, 0, 0, 0.02, 0.5))
    members = []
    if rng.random() < 0.3:
        entry.fields["items"] = [{"id": rng.randrange(4), "name": rng.choice(WORDS)} for _ in range(rng.randrange(3))]
        entry.fields["grid"] = [[rng.randrange(3)], [], [rng.choice(WORDS)]]
    for name, value in entry.fields.items():
        plain = name in PLAIN or name == "n"
        members.append("%s:%s" % ((json.dumps(name), json.dumps(value)) if plain else (a_string(rng, name, often), written(rng, value, often))))
        if not plain and rng.random() < 0.05:
            members.insert(0, "%s:%s" % (a_string(rng, name, often), rng.choice(['"old"', "1", '{"b":9,"path":"/old","status":1}', "[]"])))
    line = "{" + rng.choice([",", ", "]).join(members) + "}"
    fields = json.loads(line, parse_int=Number, parse_float=Number)
    return Entry(line.encode(), fields, entry.time_ns, entry.level)


def strings_in(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for one in value for text in strings_in(one)] if isinstance(value, list) else []


class Corpus:
    def __init__(self, case):
        rng = random.Random("%d records" % SEED)
        daemon = Daemon(case, "--flush-ms", "5")
        self.base, self.entries = daemon.base, []
        for number, size in enumerate(SIZES):
            entries = [a_line(rng, number * 10000 + n) for n in range(size)]
            daemon.send(b"".join(entry.line + b"\n" for entry in entries))
            self.entries += entries
            daemon.wait_stored(len(self.entries))
            case.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        daemon.kill()
        case.assertEqual(rejects(daemon.base), [])
        case.assertEqual(logport("archive", daemon.base).code, 0)
        case.assertEqual(len([path for path in segments(daemon.base) if ".part." not in path]), len(SIZES))
        values = [entry.fields for entry in rng.sample(self.entries, 100)]
        self.values = [text for text in strings_in(values) if len(text) < 100 and "\0" not in text]
        self.values += [Number(text) for text in ("1.0", "500e0", "2E+2", "0.5", "12345678901234567890.0", "-0")]


class Conditions(Case):
    def test_random_conditions_select_what_a_plain_evaluation_selects(self):
        corpus = Corpus(self)

        def ask(number):
            rng = random.Random("%d condition %d" % (SEED, number))
            condition = Condition(rng, Words(corpus.values))
            expected = [entry.line for entry in corpus.entries if condition.holds(entry)]
            words = rng.choice(([""], [""], [""], ["-v", "no line has this"], ["-e", "e", "-e", "\\{"]))
            for more in ([], ["--no-index"]):
                result = logport("search", *more, "--where", condition.text, *words, corpus.base)
                told = "seed %d, condition %d: %s %s" % (SEED, number, condition.text, more)
                self.assertEqual(result.code, 0 if expected else 1, told + " " + result.said)
                self.assertEqual(result.lines, expected, told)

        with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(ask, range(CONDITIONS)):
                pass


# ---- conditions on what an index knows ----


class Row:
    """A record of a stream: its line, minute (None: it says no time), level, number."""

    def __init__(self, rng, stream, hour, n):
        self.stream, self.n = stream, n
        self.level = rng.choice([0] + [LEVEL_NAMES[name] for name in LEVEL_NAMES]) if rng.random() < 0.2 else 9
        self.minute = hour * 60 + n % 60 if rng.random() < (0.999 if hour % 2 else 1) else None
        fields = {"n": n, "msg": "x" * rng.randrange(2000, 4000)}
        if self.level:
            fields["level"] = next(name for name, level in LEVEL_NAMES.items() if level == self.level)
        if self.minute is not None:
            fields["time"] = moment_of(self.minute)
        if rng.random() < 0.001:  # what Docker makes of a record; the inner level and time count
            self.level, self.minute = 17, 5
            fields = {"log": json.dumps({"level": "error", "time": moment_of(5), "message": "inner"}) + "\n", "n": n}
        self.line = json.dumps(fields, separators=(",", ":")).encode()


def moment_of(minute):
    return (datetime.datetime(2026, 11, 24) + datetime.timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Known:
    """A random condition on @time, @level and @stream; `n` is in it now and then."""

    def __init__(self, rng, depth=0):
        kind = rng.randrange(8 if depth < 3 else 5)
        if kind < 5:
            self.text, self.holds = (self.a_time, self.a_level, self.a_stream, self.an_existence, self.a_number)[kind](rng)
        elif kind == 5:
            inner = Known(rng, depth + 1)
            self.text, self.holds = "not (%s)" % inner.text, lambda row: not inner.holds(row)
        else:
            one, other = Known(rng, depth + 1), Known(rng, depth + 1)
            self.text = "(%s) %s (%s)" % (one.text, "and" if kind == 6 else "or", other.text)
            self.holds = lambda row: (one.holds(row) and other.holds(row)) if kind == 6 else (one.holds(row) or other.holds(row))

    def a_time(self, rng):
        minute, sign = rng.randrange(-30, 12 * 60), rng.choice(list(RELATIONS))
        holds = RELATIONS[sign]
        if sign == "=" and rng.random() < 0.5:
            other = minute + rng.randrange(100)
            return "@time in (%s, %s)" % (moment_of(minute), moment_of(other)), lambda row: row.minute in (minute, other)
        return "@time %s %s" % (sign, moment_of(minute)), lambda row: row.minute is not None and holds(row.minute - minute)

    def a_level(self, rng):
        name, sign = rng.choice(list(LEVEL_NAMES)), rng.choice(list(RELATIONS))
        least, holds = LEVEL_NAMES[name], RELATIONS[sign]

        def test(row):
            plain = sign in ("=", "==", "!=") and least % 4 == 1
            return row.level > 0 and holds((((row.level - 1) // 4 * 4 + 1) if plain else row.level) - least)

        return "@level %s %s" % (sign, name), test

    def a_stream(self, rng):
        name = rng.choice(("audit", "main", "z-last", "none"))
        negated = rng.random() < 0.3
        form, holds = rng.choice(
            [
                ("=", lambda stream: stream == name),
                ("contains", lambda stream: name in stream),
                ("starts with", lambda stream: stream.startswith(name)),
                ("~", lambda stream: re.search(name, stream) is not None),
            ]
        )
        if form == "=" and not negated and rng.random() < 0.5:
            return "@stream in (%s, main)" % name, lambda row: row.stream in (name, "main")
        sign = {"=": "!=", "~": "!~"}.get(form, "not " + form) if negated else form
        return "@stream %s %s" % (sign, quoted(rng, name)), lambda row: holds(row.stream) != negated

    def an_existence(self, rng):
        return rng.choice(
            [
                ("@time exists", lambda row: row.minute is not None),
                ("exists @level", lambda row: row.level > 0),
                ("@stream", lambda row: True),
                ("@stream > info", lambda row: row.stream > "info"),  # a text, also next to a level's name
                ("@level contains rr", lambda row: 17 <= row.level < 21),
            ]
        )

    def a_number(self, rng):
        n = rng.randrange(2000)
        return "n < %d" % n, lambda row: row.n < n


class KnownToTheIndex(Case):
    """@time, @level and @stream skip files and groups, and their matches are counted in the index."""

    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        rng = random.Random("%d rows" % SEED)
        cls.base, cls.rows = temporary_directory(case), []
        for stream in ("audit", "main", "z-last"):
            daemon = Daemon(case, "--flush-ms", "5")
            sent = 0
            for hour in range(0, 10, 2):
                rows = [Row(rng, stream, hour + (n > 700), n) for n in range(1500 if hour in (0, 4) else 60)]
                daemon.send(b"".join(row.line + b"\n" for row in rows))
                sent += len(rows)
                daemon.wait_stored(sent)
                cls.rows += rows
                if hour < 8:
                    case.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
            daemon.kill()
            case.assertEqual(logport("archive", daemon.base).code, 0)
            os.makedirs(os.path.join(cls.base, stream))
            for path in segments(daemon.base):
                name = os.path.basename(path)
                shutil.copyfile(path, os.path.join(cls.base, stream, stream + name[len("main") :]))

    def test_random_conditions_select_and_count_the_same_with_the_index(self):
        def ask(number):
            rng = random.Random("%d known %d" % (SEED, number))
            condition = Known(rng)
            rows = [row for row in self.rows if condition.holds(row)]
            words, told = ["--where", condition.text], "seed %d, %d: %s" % (SEED, number, condition.text)
            if rng.random() < 0.2:
                words += ["--level", "warn"]
                rows = [row for row in rows if row.level >= 13]
            if rng.random() < 0.2:
                words += ["--stream", "audit,z-last"]
                rows = [row for row in rows if row.stream != "main"]
            for more in ([], ["--no-index"]):
                result = logport("search", "-c", *more, *words, "", self.base)
                self.assertEqual(result.said, "", told)
                self.assertEqual(result.out, b"%d\n" % len(rows), told)
            if number % 3 == 0:
                self.assertEqual(logport("search", *words, "", self.base).lines, [row.line for row in rows], told)

        with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(ask, range(scaled(300, 40))):
                pass

    def numbers(self, condition, *more):
        """What --explain says: files, files skipped entirely, groups skipped by the condition,
        groups counted, bytes read, bytes."""
        result = logport("search", "--explain", *more, "--where", condition, "", self.base)
        patterns = (r"(\d+) files", r"(\d+) skipped entirely", r"(\d+) by condition", r"(\d+) groups counted", r"(\d+) of \d+ bytes", r"of (\d+) bytes")
        return [int(re.search(pattern, result.said).group(1)) for pattern in patterns]

    def test_files_and_groups_that_cannot_match_are_not_read(self):
        for condition in ("@stream = none", "@stream ~ '^q'", "@stream = main and not @stream = main"):
            self.assertEqual(self.numbers(condition)[0], 0, condition)
        self.assertEqual(self.numbers("@stream = audit")[0], 5)
        for condition in ("@time < 2026-11-23T00:00:00Z", "@level = fatal and @time in (2026-11-23, 2026-11-22)"):
            files, skipped, by_condition, _, read, size = self.numbers(condition)
            self.assertEqual(files, 15)
            self.assertGreater(skipped, 3)
            self.assertGreater(by_condition, 8)
            self.assertLess(read, size * 0.8)

    def test_what_the_index_knows_is_counted_without_reading(self):
        for condition in ("@stream = audit", "not @stream = audit", "@stream in (audit, main)"):
            _, skipped, _, counted, read, size = self.numbers(condition, "-c")
            self.assertGreaterEqual(skipped, 4, condition)
            self.assertGreater(counted, 5, condition)
            self.assertLess(read, size / 2, condition)


class EqualNumbers(Case):
    """A number is found through the filters, however the record and the condition write it."""

    def test_equal_numbers_are_found_in_the_groups_that_have_them(self):
        rng = random.Random("%d numbers" % SEED)
        daemon = Daemon(self, "--flush-ms", "5")
        numbers = [rng.choice((1, -1)) * rng.randrange(10 ** rng.randrange(3, 25)) for _ in range(12)]
        numbers += [500, 123456789, 7, -50, 2**64, 10**39]
        rows = []
        for n in range(3000):
            number, tenths = rng.choice(numbers), rng.choice((0, 0, 0, 5))
            exact = Number(number) + (Number(tenths) / 10 if abs(number) < 10**12 else 0)
            text = rng.choice([format(exact, "f"), self.with_exponent(rng, exact)]) if n % 500 == 0 else str(n % 10)
            rows.append((b'{"n":%s,"pad":"%s"}' % (text.encode(), b"x" * 1500), Number(text)))
        daemon.send(b"".join(line + b"\n" for line, _ in rows))
        daemon.wait_stored(len(rows))
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        daemon.kill()
        self.assertEqual(rejects(daemon.base), [])
        self.assertEqual(logport("archive", daemon.base).code, 0)
        for number in {number for _, number in rows} | {Number(number) for number in numbers}:
            condition = "n = " + rng.choice([format(number, "f"), self.with_exponent(rng, number)])
            expected = [line for line, other in rows if other == number]
            for more in ([], ["--no-index"]):
                result = logport("search", *more, "--where", condition, "", daemon.base)
                self.assertEqual(result.lines, expected, condition)
            explained = logport("search", "-c", "--explain", "--where", condition, "", daemon.base)
            if len(format(number, "f").split(".")[0]) >= 5:
                self.assertRegex(explained.said, r"[1-9]\d* by filter", condition)

    @staticmethod
    def with_exponent(rng, number):
        shift = rng.randrange(-30, 30)
        return "%s%s%d" % (format(number.scaleb(-shift), "f"), rng.choice("eE"), shift)


class NothingFound(Case):
    """A condition that selects nothing says why."""

    def test_fields_and_types_that_select_nothing_are_reported(self):
        daemon = self.daemon()
        daemon.send(b'{"http":{"status":500,"path":"/x"},"user_id":"7","tags":["a"],"level":"error","mixed":1}\n' * 3)
        daemon.send(b'{"mixed":"x","more":true}\n')
        daemon.wait_stored(4)
        examples = [
            ("http.staus = 500", "none of the 4 records examined has the field http.staus; did you mean http.status?"),
            ("status = 500", "none of the 4 records examined has the field status; did you mean http.status?"),
            ("zzz exists", "none of the 4 records examined has the field zzz"),
            ("http.status = '500'", "the field http.status is a number, and is compared with text, so the comparison never holds; "
                                    "write 500 without quotes for a number"),
            ("user_id > 5", "the field user_id is text, and is compared with a number, so the comparison never holds; write '5' for text"),
            ("http.status contains 5", "the field http.status is a number, and is compared with text, so the comparison never holds"),
            ("tags = a", "the field tags is a list, and is compared with text, so the comparison never holds; tags[] compares its elements"),
            ("http = 5", "the field http is an object, and is compared with a number, so the comparison never holds; http.* compares its members"),
            ("mixed = true", "the field mixed is never true or false, so its comparison never holds"),
            ("http.status = 404", None),
            ("tags[] = b", None),
            ("level >= fatal", None),
            ("not (exists http or exists more)", None),
            ("mixed = 2 and mixed = 'y'", None),
        ]
        for condition, message in examples:
            expected = ["logport: %s: " + message] if message else []
            for command, words in (("search", [""]), ("cat", []), ("stat", [])):
                result = logport(command, "--where", condition, *words, daemon.base)
                self.assertEqual(result.said.splitlines(), [line % command for line in expected], condition)
        self.assertEqual(logport("search", "--where", "not exists zzz", "", daemon.base).said, "")


if __name__ == "__main__":
    main()
