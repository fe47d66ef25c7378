"""reference.py - a simple second implementation of search: random records whose time and level are
known, conditions evaluated on Python's own values, and the order and context groups of output."""

import datetime
import decimal
import functools
import json
import re
import time

import facts
from facts import Number

WORDS = (
    "connection timeout payment user-42 größe 東京 cache.redis /api/users/7 a x_y OK failed retry Error naïve Zürich "
    "10.0.0.7 0x1f 550e8400-e29b-41d4-a716-446655440000 \\\\share \"quoted\" tab\there é👍 [x] (y) * ? $5 100%"
).split(" ")
# All times in records are earlier than the days on which they are received.
BEGIN_NS = (int(time.time()) // 86400 - 60) * 86400 * 10**9


class Entry:
    """A line, what Python reads from it, and its facts; fields are None if it is no object."""

    def __init__(self, line, fields, time_ns, level, stream=None):
        self.line, self.fields, self.time_ns, self.level, self.stream = line, fields, time_ns, level, stream

    @classmethod
    def of_line(cls, line, stream=None):
        fields = facts.parse(line.decode())
        if not isinstance(fields, dict):
            return cls(line, None, None, 0, stream)
        return cls(line, fields, *facts.facts_of(fields), stream)

    @functools.cached_property
    def canonical(self):
        """The canonical fields that it has, as texts."""
        found = {"@message": self.line.decode(errors="replace")} if self.fields is None else {
            "@time": None if self.time_ns is None else facts.iso(self.time_ns),
            "@level": facts.level_name(self.level) if self.level > 0 else None,
            "@message": facts.message_of(self.fields),
            "@logger": facts.logger_of(self.fields),
        }
        found["@stream"] = self.stream
        return {name: text for name, text in found.items() if text is not None}

    def values_at(self, path):
        if path in ("@time", "@level", "@message", "@logger", "@stream"):
            return [self.canonical[path]] if path in self.canonical else []
        return [] if self.fields is None else values_at(self.fields, path)


# ---- records ----


def iso(time_ns, minutes=0, zone="Z", separator="T", point="."):
    """A time to the millisecond, in a zone that is `minutes` ahead of UTC."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=time_ns // 10**6, minutes=minutes)
    return moment.strftime("%Y-%m-%d" + separator + "%H:%M:%S") + point + "%03d" % (moment.microsecond // 1000) + zone


def a_time(rng, n):
    """(fields, their meaning)"""
    # Slightly out of order, as in real logs.
    time_ns = BEGIN_NS + (n * 7000 + rng.randrange(60000)) * 10**6
    ms = time_ns // 10**6
    forms = [
        {"ts": iso(time_ns)},
        {"ts": iso(time_ns, 60, "+01:00")},
        {"@timestamp": iso(time_ns, -330, "-0530", " ")},
        {"time": iso(time_ns, 0, "", " ", ",")},
        {"time": ms},
        {"timestamp": ms / 1000},
        {"t": 1, "@t": iso(time_ns)},
        {"date": ms * 1000},
        {"instant": {"epochSecond": ms // 1000, "nanoOfSecond": ms % 1000 * 10**6}},
        {"ts": "yesterday", "time": ms},  # invalid times are ignored
        {"time": ms, "@timestamp": iso(time_ns + 86400 * 10**9)},  # @timestamp takes precedence
    ]
    form = rng.randrange(len(forms))
    return forms[form], time_ns + 86400 * 10**9 if form == len(forms) - 1 else time_ns


LEVEL_FORMS = [
    ({"level": "trace"}, 1),
    ({"level": "DEBUG"}, 5),
    ({"level": "info"}, 9),
    ({"level": "info"}, 9),
    ({"level": "Warning"}, 13),
    ({"level": "error"}, 17),
    ({"level": "FATAL"}, 21),
    ({"level": "CRITICAL"}, 21),
    ({"severity": "crit"}, 18),
    ({"level": 10}, 1),
    ({"level": 30}, 9),
    ({"level": 50}, 17),
    ({"level": 3}, 17),
    ({"level": 5}, 10),
    ({"severity": "notice"}, 10),
    ({"severityNumber": 19}, 19),
    ({"lvl": "warn", "severity": "error"}, 13),
    ({"log": {"level": "error"}}, 17),
    ({"log.level": "debug"}, 5),
    ({"level": "loud"}, 0),
    ({"level": None}, 0),
    ({"level": "loud", "severity": "error"}, 17),
]


def a_record(rng, n, pad):
    fields, time_ns, level = {"n": n}, None, 0
    if rng.random() < 0.9:
        more, time_ns = a_time(rng, n)
        fields.update(more)
    if rng.random() < 0.85:
        more, level = rng.choice(LEVEL_FORMS)
        fields.update(more)
    if "@t" in fields and level == 0:
        fields.pop("level", None)
        level = 9  # in CLEF a missing level means information
    fields["msg"] = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 9)))
    if rng.random() < 0.7:
        fields["http"] = {
            "status": rng.choice([200, 201, 404, 500, 503, "500", None, 200.5, 12345678901234567890, -1, [500], {"code": 500}]),
            "path": "/api/%s/%d" % (rng.choice(["users", "orders"]), rng.randrange(50)),
        }
    if rng.random() < 0.5:
        fields["tags"] = [rng.choice(["new", "old", 1, True, None, {"k": "v"}]) for _ in range(rng.randrange(4))]
    if rng.random() < 0.3:
        fields["retry"] = rng.choice([True, False, None, 0, 1, ""])
    if rng.random() < 0.2:
        fields["a.b"] = rng.choice([1, {"c": 2}])
        fields["a"] = {"b": 3, "b.c": "dotted"}
    if rng.random() < 0.2:
        fields["größe"] = rng.choice(WORDS)
    fields["id"] = "%016x" % rng.getrandbits(64)
    if pad:
        fields["pad"] = "p" * pad
    if rng.random() < 0.3:
        shuffled = list(fields.items())
        rng.shuffle(shuffled)
        fields = dict(shuffled)
    line = json.dumps(fields, ensure_ascii=rng.random() < 0.3, separators=rng.choice([(",", ":"), (", ", ": ")]))
    return Entry(line.encode(), fields, time_ns, level)


# ---- conditions ----

NOTHING = object()


def find(value, path):
    """The value at a dotted path.  Names may contain dots; a name that equals the whole path takes precedence."""
    found = NOTHING
    if isinstance(value, dict):
        if path in value:
            return value[path]
        for name, inner in value.items():
            if path.startswith(name + "."):
                deeper = find(inner, path[len(name) + 1 :])
                found = deeper if deeper is not NOTHING else found
        return found
    if isinstance(value, list):
        head, _, rest = path.partition(".")
        if head.isdigit() and int(head) < len(value):
            return find(value[int(head)], rest) if rest else value[int(head)]
    return NOTHING


def values_at(value, path):
    """The values to which a path with [] (every element) and * (every member) leads."""
    match = re.search(r"\[\](?=[.\[]|$)|(?:^|(?<=\.))\*(?=[.\[]|$)", path)
    if match is None:
        found = find(value, path)
        return [] if found is NOTHING else [found]
    head, rest = path[: match.start()], path[match.end() :].removeprefix(".")
    if match.group() == "*":
        head = head.removesuffix(".")
    inner = find(value, head) if head else value
    if isinstance(inner, list):
        inners = inner
    elif isinstance(inner, dict) and match.group() == "*":
        inners = list(inner.values())
    else:
        inners = []
    return [found for one in inners for found in (values_at(one, rest) if rest else [one])]


def kind_of(value):
    if value is None or isinstance(value, bool):
        return repr(value)
    return "number" if isinstance(value, (int, float, decimal.Decimal)) else type(value).__name__


def compare(one, other):
    if isinstance(one, str):
        one, other = one.encode(), other.encode()
    elif one is None or isinstance(one, bool):
        return 0
    else:
        # Exactly: what json.loads has made of 0.1 is written as 0.1 again.
        one, other = (decimal.Decimal(repr(n)) if isinstance(n, float) else decimal.Decimal(n) for n in (one, other))
    return (one > other) - (one < other)


RELATIONS = {
    "=": lambda order: order == 0,
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
PARTS = {
    "contains": lambda text, part: part in text,
    "starts with": lambda text, part: text.startswith(part),
    "ends with": lambda text, part: text.endswith(part),
}
PATHS = ["http.status", "http.path", "tags.0", "tags.1", "tags.0.k", "retry", "n", "msg", "level", "a.b", "a.b.c", "größe",
         "http.status.code", "http.status.0", "nowhere", "http", "id", "tags[]", "tags[].k", "http.*", "a.*", "*", "*.path",
         "http.status[]", "*.*"]
SCALARS = ["http.path", "retry", "n", "msg", "größe", "id", "tags.0.k", "nowhere"]
VALUES = [200, 404, 500, 500.0, 200.5, -1, 0, 1, 12345678901234567890, 12345678901234567891, 1e19, "500", "new", "old", "dotted", "v",
          "/api/users/9", "東京", "größe", "OK", "info", "", "a b", 'say "x"', "it's", True, False, None]
PATTERNS = ["^/api/users/4", "größe", "[0-9]+$", "^[a-m]", "OK|new", "\\d{3}", "é", "^$", "500", "(?i)ERROR", "x_y .*a",
            "/users/1|/orders/2", "(timeout|payment)", "東京|Zürich"]
LEVEL_NAMES = {"trace": 1, "DEBUG": 5, "info": 9, "notice": 10, "warn": 13, "error": 17, "crit": 18, "fatal": 21}


def severity_at(fields, path):
    """Of the value of a level key; 0 or less: it says no level."""
    value = find(fields, path)
    if isinstance(value, dict):
        value = facts.names_of(value).get("name")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = Number(json.dumps(value))
    return facts.level_of_value(value, path.lower())


class Words:
    """What random conditions are made of."""

    def __init__(self, values=(), paths=PATHS, scalars=SCALARS, patterns=PATTERNS, levels=("level",), moments=None):
        self.values, self.paths, self.scalars, self.patterns, self.levels, self.moments = values, paths, scalars, patterns, levels, moments

    def a_moment(self, rng):
        return rng.choice(self.moments) if self.moments else BEGIN_NS + rng.randrange(3 * 86400) * 10**9


USUAL = Words()


class Unspecified(Exception):
    """The answer depends on more than the values: on white space inside an object."""


def word_in_any_case(rng, word):
    return rng.choice([word, word, word.upper(), word.capitalize()])


class Condition:
    """A random condition: its text for --where, and a function that evaluates it on an entry."""

    def __init__(self, rng, words=USUAL, depth=0):
        kind = rng.randrange(7 if depth < 3 else 4)
        self.words = words
        if kind < 4:
            self.text, self.holds = self.a_test(rng)
        elif kind == 4:
            inner = Condition(rng, words, depth + 1)
            self.text = rng.choice([word_in_any_case(rng, "not") + " (%s)", "!(%s)", "! ( %s )"]) % inner.text
            self.holds = lambda entry: not inner.holds(entry)
        else:
            one, other = Condition(rng, words, depth + 1), Condition(rng, words, depth + 1)
            word = word_in_any_case(rng, rng.choice(["and", "&&"] if kind == 5 else ["or", "||"]))
            self.text = "(%s) %s (%s)" % (one.text, word, other.text)
            both = kind == 5
            self.holds = lambda entry: (one.holds(entry) and other.holds(entry)) if both else (one.holds(entry) or other.holds(entry))

    def a_value(self, rng):
        return rng.choice(self.words.values) if self.words.values and rng.random() < 0.6 else rng.choice(VALUES)

    def a_test(self, rng):
        kind = rng.randrange(14)
        if kind == 0:
            return self.a_level(rng)
        if kind == 1:
            return self.a_time(rng, rng.choice(list(RELATIONS)))
        if kind == 2:
            return self.a_match(rng)
        path = rng.choice(self.words.paths)
        name = rng.choice([path, "'%s'" % path, '"%s"' % path])
        if "*" in path or "[]" in path or path[0] == "@":
            name = path
        elif " " in path:
            name = "'%s'" % path

        def any_of(test):
            return lambda entry: any(test(value) for value in entry.values_at(path))

        if kind == 3:
            form = rng.choice(["exists %s", "EXISTS(%s)", "%s exists"])
            return form % name, any_of(lambda value: True)
        if kind == 4:
            return name, any_of(lambda value: value is not None and value is not False)
        if kind < 8:
            return self.a_part(rng, name, any_of)
        if kind == 8:
            return self.a_canonical_list(rng, path) if path in ("@time", "@level") else self.a_list(rng, name, any_of)
        value, sign = self.a_value(rng), rng.choice(list(RELATIONS))
        if path in ("@time", "@level"):
            return self.a_part(rng, name, any_of)
        if path in self.words.levels and sign[0] in "<>" and isinstance(value, str) and says_level(value):
            return self.a_severity(rng, path, sign, value if value in LEVEL_NAMES else "info")
        holds = RELATIONS[sign]
        test = any_of(lambda found: holds(compare(found, value)) if kind_of(found) == kind_of(value) else sign == "!=")
        return name + rng.choice([sign, " %s " % sign]) + value_text(rng, value), test

    def a_part(self, rng, name, any_of):
        relation, negated = rng.choice(list(PARTS)), rng.random() < 0.2
        part = self.a_value(rng)
        part = part if isinstance(part, str) else "0"
        begin = rng.randrange(len(part) + 1)
        part = part[begin : begin + rng.randrange(1, 12)] if rng.random() < 0.7 else part
        holds = PARTS[relation]
        test = any_of(lambda found: (isinstance(found, str) and holds(found, part)) != negated)
        word = word_in_any_case(rng, "not") + " " if negated else ""
        return "%s %s%s %s" % (name, word, word_in_any_case(rng, relation), quoted(rng, part)), test

    def a_list(self, rng, name, any_of):
        values, negated = [self.a_value(rng) for _ in range(rng.randrange(1, 4))], rng.random() < 0.3
        test = any_of(lambda found: any(kind_of(found) == kind_of(v) and compare(found, v) == 0 for v in values) != negated)
        text = rng.choice([",", ", "]).join(value_text(rng, value) for value in values)
        return "%s %s (%s)" % (name, word_in_any_case(rng, "not in" if negated else "in"), text), test

    def a_canonical_list(self, rng, path):
        negated = rng.random() < 0.3
        one = self.a_time if path == "@time" else self.a_level_of_record
        parts = [one(rng, "=") for _ in range(rng.randrange(1, 4))]
        text = "%s %s (%s)" % (path, "not in" if negated else "in", ", ".join(text.split(" ", 2)[2] for text, _ in parts))
        return text, lambda entry: path in entry.canonical and any(test(entry) for _, test in parts) != negated

    def a_severity(self, rng, name, sign, level):
        holds, least = RELATIONS[sign], LEVEL_NAMES[level]

        def test(entry):
            if name == "@level":
                found = entry.level
                # Equal to a plain level is every level that is shown with its name.
                if sign in ("=", "==", "!=") and least % 4 == 1 and found:
                    found = (found - 1) // 4 * 4 + 1
            else:
                found = severity_at(entry.fields, name) if entry.fields is not None else 0
            return found > 0 and holds(facts.compare_numbers(found, least))

        return "%s %s %s" % (name, sign, level), test

    def a_level(self, rng):
        level = rng.choice(list(LEVEL_NAMES))
        if rng.random() < 0.5:
            return self.a_level_of_record(rng, rng.choice(list(RELATIONS)))
        return self.a_severity(rng, rng.choice(self.words.levels), rng.choice(["<", "<=", ">", ">="]), level)

    def a_level_of_record(self, rng, sign):
        return self.a_severity(rng, "@level", sign, rng.choice(list(LEVEL_NAMES)))

    def a_time(self, rng, sign):
        moment = self.words.a_moment(rng)
        holds = RELATIONS[sign]
        text = "@time %s '%s'" % (sign, moment_text(rng, moment))
        return text, lambda entry: entry.time_ns is not None and holds(facts.compare_numbers(entry.time_ns, moment))

    def a_match(self, rng):
        path, pattern, sign = rng.choice(self.words.scalars), rng.choice(self.words.patterns), rng.choice(["~", "!~"])
        if self.words.values and rng.random() < 0.5:
            text = self.a_value(rng)
            if isinstance(text, str) and text:
                pattern = re.sub(r"([\\^$.\[\]|()*+?{}#])", r"\\\1", text)
        regex = re.compile(pattern, re.MULTILINE)

        def test(entry):
            values = entry.values_at(path)
            if not values:
                return False
            (found,) = values
            if isinstance(found, (dict, list)):
                raise Unspecified
            text = found if isinstance(found, str) else found.text if isinstance(found, Number) else json.dumps(found)
            return (regex.search(text) is not None) == (sign == "~")

        return "%s %s %s" % (path, sign, quoted(rng, pattern)), test


def says_level(text):
    return facts.level_of_value(text if not text[:1].isdigit() else "", "") > 0 or text.isdigit()


def quoted(rng, text):
    if rng.random() < 0.5:
        return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def value_text(rng, value):
    if isinstance(value, str):
        plain = re.fullmatch(r"[a-zA-Z/東京größe][\w/東京]*", value) and value.lower() not in ("and", "or", "not", "exists", "true", "false", "null")
        forms = [value] if plain else []
        return rng.choice([*forms, quoted(rng, value), quoted(rng, value)])
    if isinstance(value, decimal.Decimal):
        return str(value)
    return json.dumps(value) if value != 1e19 else "1e19"


def moment_text(rng, time_ns):
    forms = [iso(time_ns), iso(time_ns, 0, ""), iso(time_ns, 120, "+02:00"), "%d" % (time_ns // 10**6)]
    return rng.choice(forms)


# ---- how answers come out ----


def chosen(entries, found, most, newest):
    """Sorted by time; records without a time were received after all others."""

    def order(one, other):
        a, b = (entries[i].time_ns if entries[i].time_ns is not None else 2**63 for i in (one, other))
        return (a > b) - (a < b) or (one > other) - (one < other)

    numbers = sorted(found, key=functools.cmp_to_key(order), reverse=newest)
    return [entries[i].line for i in numbers[:most]]


def with_context(lines, streams, found, most, before, after):
    """Groups of context lines as grep prints them, for each stream separately."""
    out, last = [], None
    for i in found[:most] if most is not None else found:
        first = i
        while first > 0 and i - first < before and streams[first - 1] == streams[i] and (last is None or first - 1 > last):
            first -= 1
        if last is not None and i <= last:
            first = last + 1  # already printed as context after another line
        elif last is not None and (first > last + 1 or streams[first] != streams[last]):
            out.append(b"--")
        end = i
        while end + 1 < len(lines) and end - i < after and streams[end + 1] == streams[i]:
            end += 1
        out += lines[first : end + 1]
        last = max(end, last if last is not None else -1)
    return out
