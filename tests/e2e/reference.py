"""reference.py - a simple second implementation of search: random records whose time and level are
known, conditions evaluated on Python's own values, and the order and context groups of output."""

import datetime
import functools
import json
import re
import time

WORDS = (
    "connection timeout payment user-42 größe 東京 cache.redis /api/users/7 a x_y OK failed retry Error naïve Zürich "
    "10.0.0.7 0x1f 550e8400-e29b-41d4-a716-446655440000 \\\\share \"quoted\" tab\there é👍 [x] (y) * ? $5 100%"
).split(" ")
# All times in records are earlier than the days on which they are received.
BEGIN_NS = (int(time.time()) // 86400 - 60) * 86400 * 10**9


class Entry:
    def __init__(self, line, fields, time_ns, level):
        self.line, self.fields, self.time_ns, self.level = line, fields, time_ns, level


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


def kind_of(value):
    if value is None or isinstance(value, bool):
        return repr(value)
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def compare(one, other):
    if isinstance(one, str):
        one, other = one.encode(), other.encode()
    elif isinstance(one, float) or isinstance(other, float):
        one, other = float(one), float(other)
    elif one is None or isinstance(one, bool):
        return 0
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
PATHS = ["http.status", "http.path", "tags.0", "tags.1", "tags.0.k", "retry", "n", "msg", "level", "a.b", "a.b.c", "größe",
         "http.status.code", "http.status.0", "nowhere", "http", "id"]
SCALARS = ["http.path", "retry", "n", "msg", "größe", "id", "tags.0.k", "nowhere"]
VALUES = [200, 404, 500, 500.0, 200.5, -1, 0, 1, 12345678901234567890, 12345678901234567891, 1e19, "500", "new", "old", "dotted", "v",
          "/api/users/9", "東京", "größe", "OK", "info", "", "a b", 'say "x"', "it's", True, False, None]
PATTERNS = ["^/api/users/4", "größe", "[0-9]+$", "^[a-m]", "OK|new", "\\d{3}", "é", "^$", "500", "(?i)ERROR", "x_y .*a"]


class Condition:
    """A random condition: its text for --where, and a function that evaluates it on a record."""

    def __init__(self, rng, depth=0):
        kind = rng.randrange(7 if depth < 3 else 4)
        if kind < 4:
            self.text, self.holds = self.a_test(rng)
        elif kind == 4:
            inner = Condition(rng, depth + 1)
            self.text = rng.choice(["not (%s)", "!(%s)", "! ( %s )"]) % inner.text
            self.holds = lambda fields: not inner.holds(fields)
        else:
            one, other = Condition(rng, depth + 1), Condition(rng, depth + 1)
            word = rng.choice(["and", "&&"] if kind == 5 else ["or", "||"])
            self.text = "(%s) %s (%s)" % (one.text, word, other.text)
            both = kind == 5
            self.holds = lambda fields: (one.holds(fields) and other.holds(fields)) if both else (one.holds(fields) or other.holds(fields))

    def a_test(self, rng):
        path = rng.choice(PATHS)
        name = rng.choice([path, "'%s'" % path, '"%s"' % path])
        kind = rng.randrange(8)
        if kind == 0:
            text = rng.choice(["exists %s", "exists(%s)", "%s exists"]) % name
            return text, lambda fields: find(fields, path) is not NOTHING
        if kind == 1:
            return name, lambda fields: find(fields, path) not in (NOTHING, None) and find(fields, path) is not False
        if kind == 2:
            return self.a_match(rng)
        value, sign = rng.choice(VALUES), rng.choice(list(RELATIONS))
        holds = RELATIONS[sign]

        def test(fields):
            found = find(fields, path)
            if found is NOTHING:
                return False
            if kind_of(found) != kind_of(value):
                return sign == "!="
            return holds(compare(found, value))

        return name + rng.choice([sign, " %s " % sign]) + value_text(rng, value), test

    def a_match(self, rng):
        # The text of objects and arrays is matched with its white space: not tested here.
        path, pattern, sign = rng.choice(SCALARS), rng.choice(PATTERNS), rng.choice(["~", "!~"])
        regex = re.compile(pattern, re.MULTILINE)

        def test(fields):
            found = find(fields, path)
            if found is NOTHING:
                return False
            text = found if isinstance(found, str) else json.dumps(found)
            return (regex.search(text) is not None) == (sign == "~")

        return "%s %s '%s'" % (path, sign, pattern), test


def value_text(rng, value):
    if isinstance(value, str):
        plain = re.fullmatch(r"[a-zA-Z/東京größe][\w/東京]*", value) and value not in ("and", "or", "not", "exists")
        forms = [value] if plain else []
        forms.append("'%s'" % value.replace("\\", "\\\\").replace("'", "\\'"))
        forms.append('"%s"' % value.replace("\\", "\\\\").replace('"', '\\"'))
        return rng.choice(forms)
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
