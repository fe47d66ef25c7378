"""test_agreement.py - random queries on records of 14 shapes, written in every way (shapes.py), give
exactly what a plain reference gives (facts.py, decoded.py, reference.py), whatever they are stored in:
live and closed segments, with and without an index, re-packed, with indexes of older versions, text,
gzip, zstd, foreign lz4 and standard input.

A query combines a pattern, filters and a form of output.  `LOGPORT_TEST_SCALE=1000` asks ten times as
many; a failure names the seed and the number of the query."""

import collections
import concurrent.futures
import csv
import io
import json
import math
import os
import random
import shutil
import struct

import facts
import shapes
from decoded import a_literal, a_regex, matches
from harness import (ROOT, SEED, WINDOWS, Case, Daemon, decode, logport, main, scaled, segments, split_lines,
                     temporary_directory, wait_until)
from mutations import INDEX, LID, Frames, seal, xxh32
from reference import LEVEL_NAMES, Condition, Entry, Unspecified, Words, chosen
from test_any_file import compressed
from test_index import strip

QUERIES = scaled(2500, 60)
THREADS = 2 if not WINDOWS else 1
BATCH = 60  # lines of a segment
CANONICAL = ("@time", "@level", "@message", "@logger", "@stream")
PATHS = [
    *CANONICAL, "level", "msg", "message", "log", "log.level", "log.logger", "severityNumber", "time", "status", "http", "http.status", "http.path",
    "http.a.b", "http.*", "tags", "tags[]", "tags.0", "*", "*.*", "err", "user", "user.id", "path", "a.b", "a", "a.b.c", "größe", "with space",
    "request_id", "headers.*", "headers.status", "x", "x[].id", "body.stringValue", "attributes[].key", "attributes[].value.stringValue", "nowhere",
    "PRIORITY", "MESSAGE", "scope.name", "@t", "@mt", "@l", "n", "pid", "stack_trace", "requestURI",
]  # fmt: skip
SCALARS = ["@message", "@logger", "@level", "@time", "msg", "message", "log", "level", "status", "path", "request_id", "user", "größe", "requestURI"]
PATTERNS = ["^/api", "größe", "[0-9]+$", "^[a-m]", "OK|failed", r"\d{3}", "é", "^$", "500", "(?i)ERROR", "x_y.*a", "(timeout|payment)", "東京|Zürich",
            r"at \w+", "^started"]  # fmt: skip
LEVELS = ["level", "log.level", "severityNumber", "PRIORITY", "@l", "severityText"]


class Store:
    """Something that logport reads: words that name it, and its lines in order."""

    def __init__(self, name, paths, entries, stdin=None, foreign=False):
        self.name, self.paths, self.entries, self.stdin, self.foreign = name, paths, entries, stdin, foreign
        self.lines = [entry.line for entry in entries]
        self.streams = sorted({entry.stream for entry in entries if entry.stream})


def older(path):
    """Makes lids and index of a segment those of an older version, which readers do not trust in the same way."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    frames = Frames(data)
    for at, size, _ in frames.of(INDEX):
        struct.pack_into("<I", data, at + 8, 2)
        seal(data, at, at + size - 4)
    for at, _, _ in frames.of(LID):
        data[at + 12] = 1
        struct.pack_into("<I", data, at + 8, xxh32(bytes(data[at + 12 : at + 64])))
    with open(path, "wb") as file:
        file.write(data)


class Stores:
    """One daemon's directory with two streams, each with closed segments and a live one, and copies of it."""

    def __init__(self, case):
        self.case, self.rng = case, random.Random("%d stores" % SEED)
        self.n = 0
        config = os.path.join(temporary_directory(case), "logportd.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"tcp": ["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "audit"}]}, file)
        daemon = Daemon(case, "--flush-ms", "5", "--config", config, tcp=(), udp=())
        self.base, self.sent = daemon.base, {"main": [], "audit": []}
        for round_ in range(4):
            for number, stream in enumerate(self.sent):
                self.send(daemon, number, stream, BATCH if round_ != 2 else 4 * BATCH)
            if round_ < 3:
                case.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        wait_until(lambda: sum(".part." in path for path in self.files(self.base)) == 2, "all but two are closed")
        daemon.kill()
        case.assertEqual(logport("archive", "--index-only", self.base).code, 0)
        self.list = [*self.of_directory("closed and live", self.base), *self.copies(), *self.foreign(), *self.golden()]

    def send(self, daemon, number, stream, count):
        """In pieces, so that there are several appends."""
        while count > 0:
            piece = min(count, self.rng.randrange(20, 200))
            lines = [shapes.variant(self.rng, self.n + i) for i in range(piece)]
            self.n, count = self.n + piece, count - piece
            self.sent[stream] += [Entry.of_line(line, stream) for line in lines]
            daemon.send(b"".join(line + b"\n" for line in lines), listener=number)
            daemon.wait_stored(len(self.sent[stream]), stream)

    @staticmethod
    def files(base):
        return segments(base, "audit") + segments(base, "main")

    def of_directory(self, name, base):
        """The directory, one stream, and one segment."""
        yield Store(name, [base], self.sent["audit"] + self.sent["main"])
        yield Store(name + ", one stream", [os.path.join(base, "audit")], self.sent["audit"])
        path = segments(base, "main")[2]
        yield Store(name + ", one segment", [path], [Entry.of_line(line, "main") for line in split_lines(decode(path))])

    def copy(self):
        base = os.path.join(temporary_directory(self.case), "logs")
        shutil.copytree(self.base, base)
        return base

    def copies(self):
        packed = self.copy()
        self.case.assertEqual(logport("archive", packed).code, 0)
        yield from self.of_directory("re-packed", packed)
        bare = self.copy()
        for path in self.files(bare):
            if ".part." not in path:
                strip(path)
        yield from self.of_directory("without an index", bare)
        old = self.copy()
        for path in self.files(old):
            older(path)
        yield from self.of_directory("of older versions", old)

    def foreign(self):
        lines = [entry.line for entry in self.sent["main"]]
        for n in range(0, len(lines), 9):
            lines[n] = self.rng.choice((b"plain text M\xc3\xbcller", lines[n][:-1], b"[" + lines[n] + b"]", b"", b" " + lines[n] + b"\t", b"{}"))
        entries = [Entry.of_line(line) for line in lines]
        text = b"\n".join(lines) + b"\n"
        folder = temporary_directory(self.case)
        for name, words in (("text", None), ("gzip", ["gzip", "-1"]), ("zstd", ["zstd", "-q"]), ("lz4", ["lz4", "-q", "-B4", "-c"])):
            if words and (not shutil.which(words[0]) or (WINDOWS and name != "lz4")):
                continue
            data = compressed(words, text) if words else text
            path = os.path.join(folder, name + ".data")
            with open(path, "wb") as file:
                file.write(data)
            yield Store(name, [path], entries, foreign=True)
            yield Store(name + " from standard input", ["-"], entries, stdin=data, foreign=True)

    def golden(self):
        """Files that older versions of logport have written."""
        folder = os.path.join(temporary_directory(self.case), "main")
        os.makedirs(folder)
        entries = []
        for number, name in enumerate(("indexed-1", "indexed-2"), 1):
            path = os.path.join(folder, "main-%010d-20261124T120000Z.ndjson.lz4" % number)
            shutil.copyfile(os.path.join(ROOT, "tests", "golden", name + ".lz4"), path)
            entries += [Entry.of_line(line, "main") for line in split_lines(decode(path))]
        yield Store("golden", [os.path.dirname(folder)], entries)


# ---- questions ----


class Question:
    """Options that select records, and which entries they select."""

    def __init__(self, rng, store, words):
        self.rng, self.store, self.conditions = rng, store, words
        self.words, self.tests, self.restricts = [], [], False
        self.pattern_words, self.ignore_case = [], False
        for add in rng.sample((self.where, self.level, self.times, self.stream), rng.choice((0, 0, 1, 1, 1, 2, 3))):
            add()

    # -- filters; lines that are no records pass none of them --

    def where(self):
        condition = Condition(self.rng, self.conditions)
        self.words += ["--where", condition.text]
        self.tests.append(condition.holds)
        self.restricts = True

    def level(self):
        name, least = self.rng.choice([*LEVEL_NAMES.items(), ("WARNING", 13), ("10", 10)])
        self.words += ["--level", name]
        self.tests.append(lambda entry: entry.level >= least)
        self.restricts = True

    def a_moment(self):
        times = [entry.time_ns for entry in self.store.entries if entry.time_ns is not None and entry.time_ns > 10**18]
        near = self.rng.choice(times) if times else 1795505400 * 10**9
        return near + self.rng.choice((0, 0, 0, 1, -1, 10**6, -(10**9), 60 * 10**9))

    def times(self):
        for option in self.rng.choice((("--since",), ("--until",), ("--since", "--until"))):
            moment, text = spelled(self.rng, self.a_moment())
            self.words += [option, text]
            self.tests.append(self.in_time(option, moment))
        self.restricts = True

    def in_time(self, option, moment):
        later = option == "--since"

        def test(entry):
            if entry.time_ns is None:  # received after all times of records; unknown in other files
                return later and not self.store.foreign
            return (entry.time_ns >= moment) == later

        return test

    def stream(self):
        if self.store.foreign:
            return
        names = self.rng.sample(self.store.streams, self.rng.randrange(1, len(self.store.streams) + 1))
        self.words += self.rng.choice((["--stream", ",".join(names)], [word for name in names for word in ("--stream", name)]))
        self.tests.append(lambda entry: entry.stream in names)

    # -- the pattern of search --

    def pattern(self):
        rng = self.rng
        kind = rng.choice(("all", "literal", "literal", "fixed", "regex", "regex"))
        if kind == "all":
            self.pattern_words = [""]
            return
        count = 1 if kind == "literal" else rng.choice((1, 1, 2, 3))
        literals = [a_literal(rng, self.store.lines, shapes.WORDS) for _ in range(count)]
        patterns = [a_regex(rng, literal) if kind == "regex" else literal for literal in literals]
        ignore, invert = rng.random() < 0.3, rng.random() < 0.12
        ignore = ignore and not any(r"(?:\1)" in pattern for pattern in patterns)
        fixed = kind != "regex"
        self.words += ["-i"] * ignore + ["-v"] * invert
        if kind == "literal":
            self.pattern_words = ["--", patterns[0]]
        else:
            self.words += ["-F"] * fixed + [word for pattern in patterns for word in ("-e", pattern)]
        self.tests.append(lambda entry: any(matches(entry.line, pattern, fixed, ignore) for pattern in patterns) != invert)

    def answer(self):
        entries = self.store.entries
        return [i for i, entry in enumerate(entries)
                if (entry.fields is not None or not self.restricts) and all(test(entry) for test in self.tests)]  # fmt: skip

    # -- asking --

    def run(self, command, *words):
        more = ["--no-index"] if command in ("search", "stat") and self.rng.random() < 0.2 else []
        result = logport(command, *words, *more, *self.words, *self.pattern_words, *self.store.paths, stdin=self.store.stdin)
        self.asked = "%s: %s" % (self.store.name, " ".join(map(repr, [command, *words, *more, *self.words, *self.pattern_words])))
        return result


def spelled(rng, moment):
    """(the moment that is asked for, its text): in one of many forms, which may be less precise."""
    second = moment // 10**9 * 10**9
    minute = moment // (60 * 10**9) * 60 * 10**9
    zone = rng.choice(("", " +02:00", " UTC", " GMT", "Z", "-0330"))
    ahead = {" +02:00": 120, "-0330": -210}.get(zone, 0)
    plain = facts.iso(second, rng.choice((" ", "T")), "", ahead)[:-4]
    zone = zone or "Z"
    forms = [
        (moment, facts.iso(moment)),
        (moment, "%d" % moment),
        (second, plain + zone),
        (minute, plain[:16] + zone),
        (moment // 10**6 * 10**6, "%d" % (moment // 10**6)),
        (second, "%d" % (second // 10**9)),
        (moment // 10**6 * 10**6, "%d.%03d" % divmod(moment // 10**6, 1000)),
        (moment // (86400 * 10**9) * 86400 * 10**9, facts.iso(moment)[:10] + " 00:00 UTC"),
    ]
    return rng.choice(forms)


# ---- how answers are read ----


def cell(value):
    """A value as text."""
    if isinstance(value, (dict, list)):
        raise Unspecified
    return facts.written(value)


ABSENT = object()


def columns(entry, paths):
    return [next(iter(entry.values_at(path)), ABSENT) for path in paths]


def numbers_of(values):
    """As stat takes them: numbers, and texts that are numbers."""
    found = []
    for value in values:
        text = value.text if isinstance(value, facts.Number) else value if isinstance(value, str) else ""
        if text.isascii() and facts.NUMBER.fullmatch(text) and math.isfinite(float(text)):
            found.append(float(text))
    return found


class Agreement(Case):
    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        stores = Stores(case)
        cls.stores = stores.list
        everything = stores.sent["main"] + stores.sent["audit"]
        rng = random.Random("%d values" % SEED)
        values = [value for entry in rng.sample(everything, 300) for path in PATHS for value in entry.values_at(path)]
        texts = [value for value in values if isinstance(value, str) and 0 < len(value) < 80 and "\0" not in value]
        numbers = [value for value in values if isinstance(value, facts.Number)]
        moments = [entry.time_ns for entry in everything if entry.time_ns is not None and entry.time_ns > 0]
        cls.words = Words(texts + numbers, PATHS, SCALARS, PATTERNS, LEVELS, moments)

    # -- one query of each kind --

    def ask_search(self, rng, question):
        question.pattern()
        found = question.answer()
        lines = question.store.lines
        kind = rng.choice(("plain", "plain", "count", "newest", "sort", "fields", "list"))
        words, most = [], None
        if kind != "fields" and rng.random() < 0.25:
            most = rng.choice((0, 1, 2, 5, 100, 5000))
            words += ["-m", str(most)]
        if kind == "count":
            result = question.run("search", "-c", *words)
            self.same(question, result, [b"%d" % len(found[:most])], bool(found) and most != 0)
        elif kind == "newest":
            result = question.run("search", "--newest-first", *words)
            self.same(question, result, [lines[i] for i in found[::-1]][:most], bool(found) and most != 0)
        elif kind == "sort":
            self.ask_sorted(rng, question, found, most)
        elif kind == "fields":
            self.ask_fields(rng, question, "search", found)
        elif kind == "list":
            result = question.run("search", "-l")
            self.assertEqual(result.code, 0 if found else 1, question.asked + result.said)
            self.assertEqual(bool(result.lines), bool(found), question.asked)
        else:
            self.same(question, question.run("search", *words), [lines[i] for i in found[:most]], bool(found) and most != 0)

    def ask_sorted(self, rng, question, found, most):
        """Records without a time are sorted by their receive times, which differ less than this test knows."""
        newest = rng.random() < 0.4
        entries = question.store.entries
        if question.store.foreign or any(entries[i].time_ns is None for i in found):
            most = None
        words = ["--sort"] + ["--newest-first"] * newest + (["-m", str(most)] if most is not None else [])
        result = question.run("search", *words)
        expected = chosen(entries, found, most, newest)
        timed = {entries[i].line for i in found if entries[i].time_ns is not None}
        self.same(question, result, None, bool(found) and most != 0)
        self.assert_lines(sorted(result.lines), sorted(expected), question.asked)
        self.assert_lines([line for line in result.lines if line in timed], [line for line in expected if line in timed], question.asked)

    def ask_cat(self, rng, question):
        found = question.answer()
        if rng.random() < 0.4:
            self.ask_fields(rng, question, "cat", found)
        else:
            self.same(question, question.run("cat"), [question.store.lines[i] for i in found], True)

    def ask_tail(self, rng, question):
        most = rng.choice((1, 3, 10, 200))
        found, by_stream = question.answer(), collections.defaultdict(list)
        for i in found:
            by_stream[question.store.entries[i].stream].append(question.store.lines[i])
        expected = [line for lines in by_stream.values() for line in lines[-most:]]
        self.same(question, question.run("tail", "-n", str(most)), expected, True)

    def ask_fields(self, rng, question, command, found):
        """Values in JSON, CSV and logfmt."""
        paths = rng.sample([path for path in PATHS if "*" not in path and "[" not in path], rng.randrange(1, 6))
        kind = rng.choice(("json", "csv", "logfmt"))
        found = [i for i in found if question.store.lines[i].strip(b" \t\r")]  # formats leave out blank lines
        wanted = [columns(question.store.entries[i], paths) for i in found]
        result = question.run(command, "-o", kind, "--fields", ",".join(paths))
        self.assertIn(result.code, (0, 1 if command == "search" else 0), question.asked + result.said)
        if kind == "json":
            got = [facts.parse(line.decode()) for line in result.lines]
            self.assertEqual(len(got), len(wanted), question.asked)
            for record, values in zip(got, wanted):
                self.assertEqual([plain(record.get(path, ABSENT)) for path in paths], [plain(value) for value in values], question.asked)
        elif kind == "csv":
            rows = list(csv.reader(io.StringIO(result.out.decode(), newline="")))
            self.assertEqual(rows[:1], [paths] if wanted or rows else [], question.asked)
            self.assertEqual(len(rows[1:]), len(wanted), question.asked)
            for row, values in zip(rows[1:], wanted):
                self.assertEqual(row or [""], ["" if value is ABSENT or value is None else cell(value) for value in values], question.asked)
        else:
            self.assertEqual(len(result.lines), len(wanted), question.asked)
            for line, values in zip(result.lines, wanted):
                pairs = {path.replace(" ", "_"): value for path, value in zip(paths, values)}
                self.assertEqual(logfmt(line.decode()), {path: cell(value) for path, value in pairs.items() if value is not ABSENT}, question.asked)

    def ask_stat(self, rng, question):
        entries = [question.store.entries[i] for i in question.answer()]
        if rng.random() < 0.4:
            return self.ask_groups(rng, question, entries)
        path, limit = rng.choice(SCALARS), rng.choice((1, 3, 10, 1000))
        wanted = collections.Counter()
        for entry in entries:
            for value in entry.values_at(path) if entry.fields is not None else []:
                wanted[cut(cell(value))] += 1
        result = question.run("stat", "--json", "--by", path, "-n", str(limit))
        self.assertEqual(result.code, 0, question.asked + result.said)
        told = json.loads(result.out)
        self.assertEqual(told["all"]["lines"], len(entries), question.asked)
        levels = collections.Counter("none" if entry.level <= 0 else facts.level_name(entry.level) for entry in entries)
        self.assertEqual({name: count for name, count in told["all"]["levels"].items() if count}, dict(levels), question.asked)
        got = [(value["value"], value["lines"]) for value in told["by"]["values"]]
        self.assertEqual([count for _, count in got], [count for _, count in wanted.most_common(limit)], question.asked)
        self.assertEqual({value: wanted[value] for value, _ in got}, dict(got), question.asked)
        rest = sum(wanted.values())
        self.assertEqual(told["by"]["without"], len(entries) - rest, question.asked)

    def ask_groups(self, rng, question, entries):
        paths = rng.sample(SCALARS, rng.randrange(1, 4))
        field = rng.choice(("status", "http.status", "pid", "n", "x"))
        wanted = collections.defaultdict(list)
        for entry in entries:
            values = columns(entry, paths) if entry.fields is not None else [ABSENT] * len(paths)
            key = tuple(None if value is ABSENT else cut(cell(value)) for value in values)
            wanted[key].append(numbers_of(entry.values_at(field) if entry.fields is not None else []))
        measures = [word for name in ("sum", "min", "max", "avg") for word in ("--" + name, field)]
        result = question.run("stat", "--by", ",".join(paths), "--count", *measures, "-n", "100000", "-o", "json")
        self.assertEqual(result.code, 0, question.asked + result.said)
        rows = {tuple(row[path] for path in paths): row for row in map(json.loads, result.lines)}
        self.assertEqual({key: row["count"] for key, row in rows.items()}, {key: len(found) for key, found in wanted.items()}, question.asked)
        for key, found in wanted.items():
            numbers = [number for one in found for number in one]
            expected = [math.fsum(numbers), min(numbers), max(numbers), math.fsum(numbers) / len(numbers)] if numbers else [None] * 4
            for name, right in zip(("sum", "min", "max", "avg"), expected):
                got = rows[key]["%s(%s)" % (name, field)]
                close = got == right or (None not in (got, right) and math.isclose(got, right, rel_tol=1e-5, abs_tol=1e-9))
                self.assertTrue(close, "%s: %s(%s) of %s is %s, not %s" % (question.asked, name, field, key, got, right))

    def same(self, question, result, expected, found):
        self.assertEqual(result.code, 0 if found else 1, question.asked + " said " + result.said)
        if expected is not None:
            self.assert_lines(result.lines, expected, question.asked)

    # -- all of them --

    def ask(self, number):
        rng = random.Random("%d query %d" % (SEED, number))
        store = rng.choice(self.stores)
        question = Question(rng, store, self.words)
        ask = rng.choice((self.ask_search, self.ask_search, self.ask_search, self.ask_cat, self.ask_tail, self.ask_stat))
        question.asked = ""
        try:
            ask(rng, question)
        except Unspecified:
            return 0
        except Exception as error:
            raise AssertionError("query %d of seed %d: %s\n%s" % (number, SEED, question.asked, error)) from error
        return 1

    def test_every_query_is_answered_as_the_reference_does(self):
        first = int(os.environ.get("LOGPORT_TEST_QUERY", "0"))
        numbers = range(first, first + 1) if first else range(QUERIES)
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            asked = sum(pool.map(self.ask, numbers))
        self.assertGreater(asked, len(numbers) // 2 - 1)

    def test_every_shape_has_the_facts_of_its_event_in_every_store(self):
        """The reference itself: in the usual form of each shape it finds what the event was."""
        for n, shape in enumerate(shapes.SHAPES * 5):
            event = shapes.Event(self.rng, n)
            entry = Entry.of_line(json.dumps(shape(event)).encode(), "main")
            expected = {"@time": event.iso, "@level": event.level, "@message": event.message, "@logger": event.logger, "@stream": "main"}
            self.assertEqual(entry.canonical, {name: text for name, text in expected.items() if text}, entry.line)


def plain(value):
    """Comparable, with numbers as they are written."""
    if isinstance(value, facts.Number):
        return ("number", value.text)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def cut(text):
    """stat distinguishes values by their first 253 to 256 bytes."""
    size = 0
    for i, c in enumerate(text):
        if size + 4 > 256:
            return text[:i]
        size += len(c.encode())
    return text


def logfmt(line):
    """The pairs of a line."""
    found, i = {}, 0
    while i < len(line):
        name, _, rest = line[i:].partition("=")
        if rest.startswith('"'):
            value, size = json.JSONDecoder().raw_decode(rest)
        else:
            value = rest.split(" ", 1)[0]
            size = len(value)
        found[name] = value
        i += len(name) + 1 + size + 1
    return found


if __name__ == "__main__":
    main()
