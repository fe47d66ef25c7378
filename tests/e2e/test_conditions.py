"""test_conditions.py - thousands of random conditions on records that are written in unusual ways
(escapes, names that occur twice, numbers in many notations, nested arrays) select what a plain
evaluation in Python selects, with and without indexes; and conditions read only what may match."""

import concurrent.futures
import json
import random

from harness import SEED, WINDOWS, Case, Daemon, logport, main, rejects, scaled, segments
from reference import LEVEL_FORMS, WORDS, Condition, Entry, Number, a_record, a_time

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
            condition = Condition(rng, 0, corpus.values)
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
