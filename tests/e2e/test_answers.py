#!/usr/bin/env python3
"""test_answers.py - logport fields, logport patterns and --compare, compared with a plain reference
in Python on random records and on the shapes of common programs."""

import base64
import collections
import csv
import datetime
import io
import json
import math
import os
import sys
import uuid

from harness import SANITIZED, WINDOWS, Case, environment, logport, main, native_only, program, run, scaled, status, wait_until
from test_order import MEASURE
from test_shapes import SHAPES, Event

BEGIN = 1796022000  # 2026-11-30T07:00:00Z
LEVELS = ("debug", "info", "warn", "error")

# Messages with holes, and their patterns.
MESSAGES = (
    ("user {number} left after {age}", "user <*> left after <*>"),
    ("GET /api/users/{number}/orders/{uuid} HTTP/1.1", "GET /api/users/<*>/orders/<*> HTTP/<*>"),
    ('cannot open "{words}": no such file', 'cannot open "<*>": no such file'),
    ("it's {number} of '{words}' at {time}", "it's <*> of '<*>' at <*>"),
    ("größe of {email} from {ip}", "größe of <*> from <*>"),
    ("token {base64} of node{number} ({hex})", "token <*> of node<*> (<*>)"),
    ("disk full", "disk full"),
    ("[{ip6}] {signed}% lost\n\tat x.Main({number})", "[<*>] <*> lost at x.Main(<*>)"),
    ("pod web-{number}-{short} is ready", "pod web-<*>-<*> is ready"),
)


def base64_text(rng):
    """As almost all such texts are: with digits, small and capital letters."""
    while True:
        text = base64.b64encode(rng.randbytes(30)).decode()
        classes = ["dul"["du".find("d" if c.isdigit() else "u" if c.isupper() else "l")] for c in text if c.isalnum()]
        changes = sum(a != b for a, b in zip(classes, classes[1:]))
        if changes * 2 > len(text) and text.isalnum() and any(c.isdigit() for c in text):
            return text


def fill(rng, message):
    number = rng.randrange(10 ** rng.randrange(1, 9))
    return message.format(
        number=number, age="%d%s" % (number, rng.choice(("ms", "s", "µs", "h"))), uuid=uuid.UUID(int=rng.getrandbits(128)),
        words=" ".join(rng.choice(("a", "b1", "größe")) for _ in range(rng.randrange(1, 4))),
        time=rng.choice(("2026-11-30T07:24:01.120Z", "07:24:01,5", "1796022000.5")),
        email="ann.%d@example.co.uk" % number, ip=".".join(str(rng.randrange(256)) for _ in range(4)),
        base64=base64_text(rng), hex="%016x" % rng.getrandbits(64), signed=rng.choice((-5, 3.5, "+7")),
        ip6="2001:db8::%x:8" % rng.randrange(1, 1 << 16), short="x%dk2p" % rng.randrange(10),
    )


class Message:
    def __init__(self, event, pattern):
        self.ns, self.level, self.text, self.pattern = event.ns, event.level, event.message, pattern


def messages(rng, count):
    """Lines in the shapes of programs, and what their patterns are."""
    made, lines = [], []
    for n in range(count):
        event = Event(rng, n)
        text, pattern = rng.choice(MESSAGES)
        event.message = text = fill(rng, text)
        shape = rng.choice(SHAPES)
        record = shape(event)
        if event.message != text:  # the shape has messages of its own
            pattern = {
                "clef": pattern + " {x} <*>", "audit": "get /api/v<*>/pods/<*>", "cloudtrail": "GetObject<*>",
                "nginx": "GET /<*> HTTP/<*> <*>",
            }[shape.__name__]
        made.append(Message(event, pattern))
        lines.append(json.dumps(record, ensure_ascii=rng.random() < 0.5).encode())
    return made, lines


def time_of(text):
    whole, fraction = text[:-1].split(".")
    seconds = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0"))


def file_of(case, lines, name="x.ndjson"):
    path = os.path.join(case.directory(), name)
    with open(path, "wb") as file:
        file.write(b"".join(line + b"\n" for line in lines))
    return path


def rows_of(case, *words, stdin=None, said=""):
    result = logport(*words, "-o", "json", stdin=stdin)
    case.assertEqual((result.code, result.said), (0, said), words)
    return [json.loads(line) for line in result.lines]


def significance(now, before, scale):
    expected = (now + before) * scale / (1 + scale)
    rest = now + before - expected
    return 2 * sum(found * math.log(found / likely) for found, likely in ((now, expected), (before, rest)) if found)


def change(now, before, scale):
    if math.isclose(now, before * scale):
        return "same"
    return "new" if not before else "gone" if not now else "more" if now > before * scale else "fewer"


class Answers(Case):
    def check_threads(self, *words):
        """The result does not depend on the number of threads."""
        outs = {logport(*words, "-o", "json", env=dict(environment(), LOGPORT_THREADS=str(n))).out for n in (1, 2, 8)}
        self.assertEqual(len(outs), 1)

    def check_changes(self, rows, scale=1.0):
        for row in rows:
            now, before = row["count"], row["before"]
            self.assertEqual(row["change"], change(now, before, scale), row)
            self.assertAlmostEqual(row.get("expected", before), before * scale, delta=1e-5 * before * scale)
            right = 0 if row["change"] == "same" else significance(now, before, scale)
            self.assertAlmostEqual(row["significance"], right, delta=1e-4 * right + 1e-4)
        order = [-row["significance"] for row in rows]
        self.assertEqual(order, sorted(order))


class Clusters(Answers):
    def check(self, rows, made):
        groups = collections.defaultdict(list)
        for one in made:
            groups[one.pattern].append(one)
        self.assertEqual([row["pattern"] for row in rows], sorted(groups, key=lambda p: (-len(groups[p]), p.encode())))
        for row in rows:
            group = groups[row["pattern"]]
            self.assertEqual(row["count"], len(group))
            self.assertAlmostEqual(row["percent"], 100 * len(group) / len(made), delta=0.051)
            self.assertEqual(row["levels"], collections.Counter(one.level or "none" for one in group))
            self.assertEqual(time_of(row["first"]), min(one.ns for one in group))
            self.assertEqual(time_of(row["last"]), max(one.ns for one in group))
            self.assertEqual(row["example"], group[0].text)

    def test_messages_of_every_shape_are_clustered(self):
        made, lines = messages(self.rng, scaled(4000, 1500))
        daemon = self.daemon("--flush-ms", "20", "--segment-bytes-max", "128KiB")
        daemon.send(b"".join(line + b"\n" for line in lines))
        wait_until(lambda: status(daemon)["stored"] == len(lines), "all are stored")
        all_rows = ("-n", "1000")
        self.check(rows_of(self, "patterns", *all_rows, daemon.base), made)
        self.check(rows_of(self, "patterns", *all_rows, "--no-index", "--stream", "main", daemon.base), made)
        some = [one for one in made if one.level in ("warn", "error")]
        self.check(rows_of(self, "patterns", *all_rows, "--level", "warn", daemon.base), some)
        middle = made[len(made) // 2].ns
        some = [one for one in made if one.ns < middle]
        self.check(rows_of(self, "patterns", *all_rows, "--until", middle / 10**9, daemon.base), some)
        some = [one for one in made if "disk full" in one.text]
        self.check(rows_of(self, "patterns", *all_rows, "disk full", daemon.base), some)
        self.check(rows_of(self, "patterns", *all_rows, "-e", "disk f[u]ll", daemon.base), some)
        self.check_threads("patterns", daemon.base)

    def test_lines_of_text_and_standard_input_take_part(self):
        lines = [b"Nov 30 07:24:%02d host sshd[%d]: failed login for user%d" % (n % 60, n, n % 7) for n in range(50)]
        lines += [b'{"level":"warn","msg":"failed login for user%d"}' % n for n in range(20)] + [b'{"n":1}', b""]
        path = file_of(self, lines, "app.log")
        for stdin, word in ((None, path), (b"\n".join(lines) + b"\n", "-")):
            rows = rows_of(self, "patterns", word, stdin=stdin, said="logport: patterns: 2 records have no message\n")
            self.assertEqual(
                [(row["count"], row["pattern"], row["levels"], row["first"]) for row in rows],
                [(50, "<*> <*> <*> host sshd[<*>]: failed login for user<*>", {"none": 50}, None), (20, "failed login for user<*>", {"warn": 20}, None)],
            )

    def test_a_table_csv_and_the_limit(self):
        lines = [b'{"ts":%d,"level":"info","msg":"m, \\"%d\\""}' % (BEGIN + n, n) for n in range(3)]
        lines += [b'{"ts":%d,"level":"error","msg":"once"}' % BEGIN]
        path = file_of(self, lines)
        self.assertEqual(
            logport("patterns", path).out.decode(),
            "count  percent  levels  pattern\n"
            '    3     75.0  info    m, "<*>"\n'
            '                        2026-11-30T07:00:00Z to 2026-11-30T07:00:02Z, e.g. m, "0"\n'
            "    1     25.0  error   once\n"
            "                        2026-11-30T07:00:00Z\n",
        )
        out = logport("patterns", "-n", "1", "-o", "csv", path).out.decode()
        rows = list(csv.DictReader(io.StringIO(out, newline="")))
        self.assertEqual([(row["pattern"], row["count"], row["example"]) for row in rows], [('m, "<*>"', "3", 'm, "0"')])
        self.assertIn("1 record of 1 other pattern\n", logport("patterns", "-n", "1", path).out.decode())
        if not WINDOWS:  # which may have no zones
            self.assertIn("+01:00", logport("patterns", "--tz", "Europe/Berlin", path).out.decode())

    def test_names_are_joined_if_there_are_many(self):
        words = ["".join(self.rng.choice("ghijklmnop") for _ in range(12)) for _ in range(40)]
        few = [json.dumps({"msg": "door %s is open" % word}).encode() for word in words[:32]]
        many = [json.dumps({"msg": "mail from %s to %s" % (a, b)}).encode() for a in words for b in words]
        rows = rows_of(self, "patterns", "-n", "100", file_of(self, few + many))
        self.assertEqual((len(rows), rows[0]["pattern"], rows[0]["count"]), (33, "mail from <*> to <*>", 1600))

    def test_the_first_word_is_a_path_if_it_names_a_file(self):
        path = file_of(self, [b'{"msg":"a"}', b'{"msg":"b"}'])
        self.assertEqual(len(rows_of(self, "patterns", path)), 2)
        self.assertEqual(len(rows_of(self, "patterns", "", path)), 2)
        self.assertEqual(len(rows_of(self, "patterns", '"a"', path)), 1)
        result = logport("patterns", "./no/such", path)
        self.assertEqual((result.code, b"\n" in result.out), (0, True))
        self.assertIn("no record matches './no/such', and no file has this name", result.said)

    def test_windows_of_time_are_compared(self):
        made, lines = messages(self.rng, scaled(3000, 1000))
        path = file_of(self, lines)
        first, last = made[0].ns // 10**9, made[-1].ns // 10**9 + 1
        middle = first + (last - first) * 3 // 4
        words = ("--since", middle, "--until", last, "--compare", "%d..%d" % (first, middle), "-n", "1000")
        scale = (last - middle) / (middle - first)
        counts = collections.Counter((one.pattern, one.ns >= middle * 10**9) for one in made)
        wanted = {pattern: (counts[pattern, True], counts[pattern, False]) for pattern, _ in counts}
        for stdin, word in ((None, path), (b"\n".join(lines), "-")):
            rows = rows_of(self, "patterns", *words, word, stdin=stdin)
            self.assertEqual({row["pattern"]: (row["count"], row["before"]) for row in rows}, wanted)
            self.check_changes(rows, scale)

    def test_new_and_gone_patterns_come_first(self):
        lines = [b'{"ts":%d,"msg":"%s"}' % (BEGIN + second, text)
                 for second, text in [(n, b"steady") for n in range(120)] + [(n, b"old") for n in range(50)] + [(n, b"bad") for n in range(70, 120)]]
        rows = rows_of(self, "patterns", "--since", BEGIN + 60, "--until", BEGIN + 120, "--compare", "1m", file_of(self, lines))
        self.assertEqual([(row["change"], row["pattern"]) for row in rows], [("new", "bad"), ("gone", "old"), ("same", "steady")])
        for words, hint in (
            (("--compare", "soon"), "not an age or a window"),
            (("--since", "3h", "--compare", "1h"), "would overlap"),
            (("--compare", "2h..1h"), "--since is missing"),
            (("--since", "1h", "--compare", "1h..2h"), "ends before it begins"),
            (("--since", "1h", "--compare", "x..y"), "not a window"),
            (("-o", "xml"), "table, csv or json"),
        ):
            result = logport("patterns", *words, self.directory())
            self.assertEqual((result.code, result.out), (2, b""), words)
            self.assertIn(hint, result.said)

    @native_only("the memory of Wine counts")
    def test_any_number_of_patterns_needs_bounded_memory(self):
        if SANITIZED:
            self.skipTest("sanitizers need more memory")
        count = scaled(300000, 100000)
        lines = []
        for n in range(count):
            word = "".join("ghijklmnop"[int(digit)] for digit in str(n))
            lines.append(b'{"msg":"%s and %s"}' % (word.encode(), word.encode()))
            if n % 50 == 49:
                lines.append(b'{"msg":"disk %d is full"}' % n)
        path = file_of(self, lines)
        measured = run([sys.executable, "-c", MEASURE, *program("logport"), "patterns", path])
        self.assertLess(int(measured.out), 200 << 10)
        self.check_threads("patterns", path)
        result = logport("patterns", "-n", "1", "-o", "json", path)
        self.assertEqual(json.loads(result.out)["count"], count // 50)
        self.assertIn("more than 32768 patterns", result.said)


# ---- fields ----


def text_of(value):
    """As logport shows a value."""
    return value if isinstance(value, str) else json.dumps(value)


def type_of(value):
    if isinstance(value, bool):
        return "boolean"
    return {str: "string", int: "number", float: "number", type(None): "null", dict: "object", list: "array"}[type(value)]


def walk(value, path, found):
    """Adds (path, value) for all values; `value` has no duplicate names any more."""
    found.append((path, value))
    if isinstance(value, dict):
        for name, inner in value.items():
            walk(inner, path + "." + name if path else name, found)
    elif isinstance(value, list):
        for inner in value:
            walk(inner, path + "[]", found)


class Field:
    def __init__(self):
        self.records, self.types, self.values, self.listed = 0, collections.Counter(), collections.Counter(), False


def fields_of(records):
    fields = {}
    for record in records:
        found, seen = [], set()
        walk(record, "", found)
        for path, value in found[1:]:
            field = fields.setdefault(path, Field())
            field.records += path not in seen
            seen.add(path)
            field.types[type_of(value)] += 1
            container = isinstance(value, (dict, list))
            field.listed |= not (container and value)
            if not container:
                field.values[text_of(value)] += 1
    return {path: field for path, field in fields.items() if field.listed}


def random_value(rng, depth=0):
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 2:
        return rng.choice(("a", "größe", "", 'q"\n', "x" * 30, "7"))
    if kind < 4:
        return rng.choice((rng.randrange(5), -rng.randrange(1000), round(rng.random(), 3)))
    if kind < 6:
        return rng.choice((True, False, None))
    if kind < 7:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return random_object(rng, depth + 1)


def random_object(rng, depth):
    names = ("a", "b", "größe", "c d", "e.f", "x\t")
    return {rng.choice(names): random_value(rng, depth) for _ in range(rng.randrange(4))}


class Fields(Answers):
    def check(self, rows, records):
        fields = fields_of(records)
        self.assertEqual(sorted(row["field"] for row in rows), sorted(fields))
        for row in rows:
            field = fields[row["field"]]
            self.assertEqual((row["records"], row["of"], row["types"]), (field.records, len(records), field.types), row)
            self.assertAlmostEqual(row["percent"], 100 * field.records / len(records), delta=0.051)
            self.assertEqual((row["distinct"], row["distinct_exact"]), (len(field.values), True))
            counts = {value["value"]: value["count"] for value in row["values"]}
            best = sorted(field.values.items(), key=lambda one: (-one[1], one[0].encode()))[:100]
            self.assertEqual(list(counts.items()), best, row)

    def test_random_records_with_duplicate_names_and_escapes(self):
        records, lines = [], []
        for n in range(scaled(3000, 1000)):
            record = {"ts": BEGIN + n, "n": n % 7, **random_object(self.rng, 0)}
            line = json.dumps(record, ensure_ascii=self.rng.random() < 0.5)
            if self.rng.random() < 0.1:  # the last one of duplicate names counts
                line = '{"n":"wrong","n\\u0061":1,' + line[1:-1] + ',"na":{"x":2}}'
                record["na"] = {"x": 2}
            records.append(record)
            lines.append(line.encode())
        daemon = self.daemon("--flush-ms", "20", "--segment-bytes-max", "64KiB")
        daemon.send(b"".join(line + b"\n" for line in lines))
        wait_until(lambda: status(daemon)["stored"] == len(lines), "all are stored")
        self.check(rows_of(self, "fields", "-n", "100", daemon.base), records)
        self.check(rows_of(self, "fields", "-n", "100", "-", stdin=b"\n".join(lines) + b"\ntext\n"), records)
        some = [one for one in records if one["n"] == 3]
        self.check(rows_of(self, "fields", "-n", "100", "--where", "n = 3", daemon.base), some)
        self.check_threads("fields", daemon.base)

    def test_every_shape(self):
        records = [SHAPES[n % len(SHAPES)](Event(self.rng, n)) for n in range(300)]
        path = file_of(self, [json.dumps(one).encode() for one in records])
        self.check(rows_of(self, "fields", "-n", "100", path), records)

    def test_the_least_and_the_greatest(self):
        lines = [b'{"n":9,"t":"2026-11-30T07:00:01Z","s":"2026-11-30","long":12345678901234567890}',
                 b'{"n":-1.5e3,"t":"2026-11-30T08:00:00+02:00","s":"x"}', b'{"n":"100"}']
        rows = {row["field"]: (row["min"], row["max"]) for row in rows_of(self, "fields", file_of(self, lines))}
        self.assertEqual(
            rows,
            {"n": (-1500, 9), "t": ("2026-11-30T08:00:00+02:00", "2026-11-30T07:00:01Z"), "s": (None, None), "long": (12345678901234567890,) * 2},
        )

    def test_a_table_and_lines_of_text(self):
        lines = [b'{"level":"info","http":{"ms":7},"tags":["a"]}', b'{"level":"error","http":"none","tags":[]}', b"text"]
        self.assertEqual(
            logport("fields", file_of(self, lines)).out.decode(),
            "field    records  percent  types                       distinct  min  max  values\n"
            "level          2    100.0  string                             2  -    -    error (1), info (1)\n"
            "http           2    100.0  string 50.0%, object 50.0%         1  -    -    none (1)\n"
            "http.ms        1     50.0  number                             1  7    7    7 (1)\n"
            "tags           2    100.0  array                              0  -    -    -\n"
            "tags[]         1     50.0  string                             1  -    -    a (1)\n"
            "2 records; 1 lines are no records\n",
        )

    def many_names(self, count):
        lines = []
        for n in range(count):
            record = {"ts": BEGIN + n, "users": {"id%d" % n: {"name": "n%d" % (n % 7)}, "id%d" % (n + 1): {"ok": True}, "common": 1}}
            if n % 3 == 0:
                record["key%d" % n] = n % 5
            lines.append(json.dumps(record).encode())
        return file_of(self, lines)

    def test_names_that_are_ids_are_one_line(self):
        count = scaled(100000, 20000)
        path = self.many_names(count)
        rows = {row["field"]: row for row in rows_of(self, "fields", path)}
        self.assertEqual(sorted(rows), ["*", "ts", "users.*", "users.*.name", "users.*.ok", "users.common"])
        records = {name: row["records"] for name, row in rows.items()}
        self.assertEqual(records, {**dict.fromkeys(rows, count), "*": (count + 2) // 3})
        self.assertEqual(rows["users.*"]["types"], {"object": 2 * count})
        self.assertEqual({value["value"] for value in rows["*"]["values"]} - set("01234"), set())
        self.assertAlmostEqual(rows["users.*"]["names"], count + 1, delta=0.05 * count)
        self.check_threads("fields", path)
        if WINDOWS or SANITIZED:
            return
        measured = run([sys.executable, "-c", MEASURE, *program("logport"), "fields", path])
        self.assertLess(int(measured.out), 250 << 10)

    def test_frequent_values_among_many_are_counted_exactly(self):
        count = scaled(200000, 60000)
        lines, late = [], 0
        for n in range(count):
            value = "v%d" % n
            if n > count // 2 and n % 10 == 0:
                value, late = "late", late + 1
            lines.append(b'{"id":"%s","few":%d}' % (value.encode(), n % 3))
        row = rows_of(self, "fields", "-n", "5", file_of(self, lines))[0]
        self.assertEqual(row["values"], [{"value": "late", "count": late}])
        self.assertLess(row["others_at_most"], count // 500)
        self.assertFalse(row["distinct_exact"])
        self.assertAlmostEqual(row["distinct"], count - late + 1, delta=0.05 * count)

    def test_fields_of_two_windows_are_compared(self):
        lines = []
        for n in range(300):
            record = {"ts": BEGIN + n, "a": 1}
            if n < 150:
                record["old"] = n
            if n >= 200:
                record["new"] = {"x": [1]}
            record["kind"] = n if n < 200 else str(n)
            lines.append(json.dumps(record).encode())
        words = ("--since", BEGIN + 200, "--until", BEGIN + 300, "--compare", "%d..%d" % (BEGIN, BEGIN + 200))
        rows = rows_of(self, "fields", *words, file_of(self, lines))
        self.assertEqual(
            {row["field"]: (row["change"], row["count"], row["before"]) for row in rows},
            {"new.x[]": ("new", 100, 0), "old": ("gone", 0, 150), "ts": ("same", 100, 200), "a": ("same", 100, 200), "kind": ("same", 100, 200)},
        )
        kind = next(row for row in rows if row["field"] == "kind")
        self.assertEqual((kind["types"], kind["types_before"]), ({"string": 100}, {"number": 200}))
        self.check_changes(rows, 0.5)


class Changes(Answers):
    def test_groups_of_two_windows_are_compared(self):
        records = []
        for n in range(scaled(6000, 3000)):
            late = n % 3 == 0
            records.append({"ts": BEGIN + 60 * late + self.rng.random() * 59, "level": self.rng.choice(LEVELS[late:]), "ms": self.rng.randrange(100),
                            "path": self.rng.choice(["/a", "/b", "/late" if late else "/early"])})
        path = file_of(self, [json.dumps(one).encode() for one in records])
        words = ("--since", BEGIN + 60, "--until", BEGIN + 120, "--compare", "1m", "-n", "100", "--by", "path,level", "--avg", "ms", "--max", "ms")
        rows = rows_of(self, "stat", *words, path)
        groups = collections.defaultdict(lambda: ([], []))
        for one in records:
            groups[one["path"], one["level"]][one["ts"] < BEGIN + 60].append(one["ms"])
        self.assertEqual({(row["path"], row["level"]): (row["count"], row["before"]) for row in rows}, {key: (len(now), len(before)) for key, (now, before) in groups.items()})
        for row in rows:
            for numbers, suffix in zip(groups[row["path"], row["level"]], ("", " before"), strict=True):
                self.assertEqual(row["max(ms)" + suffix], max(numbers, default=None))
                if numbers:
                    self.assertAlmostEqual(row["avg(ms)" + suffix], sum(numbers) / len(numbers), delta=1e-3)
        self.check_changes(rows)
        self.assertEqual(rows_of(self, "stat", *words, "-", stdin=open(path, "rb").read()), rows)
        result = logport("stat", "--compare", "1h", "--every", "1m", path)
        self.assertEqual((result.code, "only one of them" in result.said), (2, True))


if __name__ == "__main__":
    main()
