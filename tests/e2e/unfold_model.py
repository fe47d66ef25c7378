"""unfold_model.py - what becomes of a push of Loki and of an export of OTLP logs, both as JSON, in plain Python:
written to be read next to docs/http.md, and random bodies for it.

A body is a tree: Obj, list, str, Num, True, False, None.  A result is a list: the tree of a record, or
Rejected(reason, node) for an event, whose position is known when the body is written."""

import datetime
import json
import re
import string

import facts
from framing_model import text_of


class Obj(list):
    """The members of an object, as pairs."""

    def last(self, name):
        return next((value for key, value in reversed(self) if key == name), None)

    def has(self, name):
        return any(key == name for key, _ in self)


class Num(str):
    """A number, as it is written."""

    def __eq__(self, other):
        return isinstance(other, Num) and str(self) == str(other)

    __hash__ = str.__hash__


class Rejected:
    def __init__(self, reason, node=None):
        self.reason, self.node = reason, node


class Bad(Exception):
    pass


def parse(text):
    """A tree; ValueError: it is not JSON."""

    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, object_pairs_hook=Obj, parse_int=Num, parse_float=Num, parse_constant=refuse)


def is_text(value):
    return isinstance(value, str) and not isinstance(value, Num)


def rfc3339(ns):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=ns // 10**9)
    fraction = "%09d" % (ns % 10**9)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + fraction[:3] + fraction[3:].rstrip("0") + "Z"


INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


def integer(value):
    """The digits of a number or a text; None: they are not an integer."""
    return Num(value) if isinstance(value, str) and INTEGER.fullmatch(value) else None


def time_of(value, least):
    digits = integer(value)
    if digits is None or not least <= int(digits) < 2**63:
        raise Bad
    return int(digits)


# ---- Loki ----

LEVEL_LABELS = ("level", "severity", "severity_text", "detected_level")


def level_label(labels):
    for name in LEVEL_LABELS:
        found = [value for key, value in labels if key == name and is_text(value)]
        if found:
            return found[-1]
    return None


def members_of(line):
    """The members of a line that is one object; None: it is another text."""
    text = line.strip(" \t\r\n")
    if not text.startswith("{") or "\n" in text or re.search("[\ud800-\udfff]", text):
        return None
    try:
        tree = parse(text)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, Obj) else None


def loki_record(entry, labels):
    if not isinstance(entry, list) or isinstance(entry, Obj) or not 2 <= len(entry) <= 3:
        raise Bad
    time_ns = time_of(entry[0], -(2**63))
    line, metadata = entry[1], entry[2] if len(entry) == 3 else None
    if not is_text(line) or not (metadata is None or isinstance(metadata, Obj)):
        raise Bad
    level = level_label(labels)
    if level is None and metadata:
        level = level_label(metadata)
    members = members_of(line)
    rest = []
    if members is None:
        members = Obj([("message", line)])
    else:
        if facts.own_facts(facts.names_of(facts.parse(line)), None, None)[1] != 0:
            level = None
        own = ["@timestamp", "line"] + ["level"] * (level is not None) + ["labels"] * bool(labels) + ["metadata"] * bool(metadata)
        rest = Obj(pair for pair in members if pair[0].lower() in own)
        members = Obj(pair for pair in members if pair[0].lower() not in own)
    record = Obj([("@timestamp", rfc3339(time_ns)), *members])
    record += [("level", level)] * (level is not None)
    record += [("metadata", metadata)] * bool(metadata)
    record += [("line", rest)] * bool(rest)
    record += [("labels", labels)] * bool(labels)
    return record


def loki(body):
    if not isinstance(body, Obj):
        return "not_object"
    streams = body.last("streams")
    if not (streams is None or (isinstance(streams, list) and not isinstance(streams, Obj))):
        return "loki_entry"
    if body and not body.has("streams"):
        return "loki_entry"
    found = []
    for stream in streams or ():
        labels = stream.last("stream") if isinstance(stream, Obj) else None
        values = stream.last("values") if isinstance(stream, Obj) else None
        known = isinstance(stream, Obj) and (labels is None or isinstance(labels, Obj))
        known = known and not (values is None and any(key not in ("stream", "values") for key, _ in stream))
        if not known or not (values is None or (isinstance(values, list) and not isinstance(values, Obj))):
            found.append(Rejected("loki_entry", stream))
            continue
        for entry in values or ():
            try:
                found.append(loki_record(entry, labels or Obj()))
            except Bad:
                found.append(Rejected("loki_entry", entry))
    return found


# ---- OTLP ----


def message(value, *names):
    """The values of these names, and whether there are members with others."""
    if not isinstance(value, Obj):
        raise Bad
    return [value.last(name) for name in names], any(key not in names for key, _ in value)


def listed(value):
    if value is None:
        return []
    if not isinstance(value, list) or isinstance(value, Obj):
        raise Bad
    return value


def pair_of(attribute):
    (key, value), _ = message(attribute, "key", "value")
    if not (key is None or is_text(key)):
        raise Bad
    return key or "", any_value(value)


def only(value):
    """The one member of an AnyValue; (None, None): it has none."""
    if value is None:
        return None, None
    if not isinstance(value, Obj):
        raise Bad
    members = [member for member in value if member[1] is not None]
    if len(members) > 1:
        raise Bad
    return members[0] if members else (None, None)


def any_value(value):
    kind, value = only(value)
    if kind is None:
        return None
    if kind in ("stringValue", "bytesValue") and is_text(value):
        return value
    if kind == "boolValue" and isinstance(value, bool):
        return value
    if kind == "intValue" and integer(value) is not None:
        return integer(value)
    if kind == "doubleValue" and isinstance(value, str):
        if value in ("NaN", "Infinity", "-Infinity") or isinstance(value, Num):
            return value
        if NUMBER.fullmatch(value) and len(value) <= 256:
            return Num(value)
    if kind in ("arrayValue", "kvlistValue"):
        (values,), _ = message(value, "values")
        if kind == "arrayValue":
            return [any_value(element) for element in listed(values)]
        return Obj(pair_of(element) for element in listed(values))
    raise Bad


def text_member(name, value):
    if value is None or (is_text(value) and value == ""):
        return []
    if not is_text(value):
        raise Bad
    return [(name, value)]


def count_member(name, value):
    if value is None or (isinstance(value, str) and str(value) in ("0", "-0")):
        return []
    if integer(value) is None:
        raise Bad
    return [(name, integer(value))]


def resource_of(logs):
    (resource, schema), _ = message(logs, "resource", "schemaUrl")
    (attributes, dropped), _ = message(Obj() if resource is None else resource, "attributes", "droppedAttributesCount")
    pairs = Obj(pair_of(attribute) for attribute in listed(attributes))
    return (
        [("resource", pairs)] * bool(pairs)
        + count_member("resource_dropped_attributes_count", dropped)
        + text_member("resource_schema_url", schema)
    )


def scope_of(logs):
    (scope, schema), _ = message(logs, "scope", "schemaUrl")
    names = ("name", "version", "attributes", "droppedAttributesCount")
    (name, version, attributes, dropped), _ = message(Obj() if scope is None else scope, *names)
    members = text_member("name", name) + text_member("version", version)
    pairs = Obj(pair_of(attribute) for attribute in listed(attributes))
    members += [("attributes", pairs)] * bool(pairs)
    members += count_member("dropped_attributes_count", dropped) + text_member("schema_url", schema)
    return [("scope", Obj(members))] * bool(members)


LEVELS = [name + number for name in ("trace", "debug", "info", "warn", "error", "fatal") for number in ("", "2", "3", "4")]
RECORD = (
    "timeUnixNano observedTimeUnixNano severityNumber severityText body attributes droppedAttributesCount flags traceId spanId eventName"
).split()
ALWAYS = ("attributes", "resource", "resource_dropped_attributes_count", "resource_schema_url", "scope")


def unix_time(value):
    return 0 if value is None or (is_text(value) and value == "") else time_of(value, 0)


def severity_of(value):
    """(the level, or ""; the number if it is none of 1 to 24)"""
    if value is None or (is_text(value) and value == ""):
        return "", []
    if integer(value) is not None:
        number = int(integer(value))
        if 1 <= number <= 24:
            return LEVELS[number - 1], []
        return "", [("severity_number", integer(value))] * (number != 0)
    if isinstance(value, str) and value == "SEVERITY_NUMBER_UNSPECIFIED":
        return "", []
    if isinstance(value, str) and value.startswith("SEVERITY_NUMBER_") and value[16:].lower() in LEVELS:
        return value[16:].lower(), []
    raise Bad


def otlp_record(record, shared):
    values, _ = message(record, *RECORD)
    time, observed, severity, text, body, attributes, dropped, flags, trace, span, event = values
    time, observed = unix_time(time), unix_time(observed)
    level, number = severity_of(severity)
    members = [("@timestamp", rfc3339(time or observed))] if time or observed else []
    members += [("level", level)] * bool(level)
    members += text_member("severity_text" if level else "level", text) + number
    kind, _ = only(body)
    if kind is not None:
        members.append(("message" if kind == "stringValue" else "body", any_value(body)))
    members += text_member("eventName", event)
    after = text_member("trace_id", trace) + text_member("span_id", span) + count_member("trace_flags", flags)
    after += [("observed_timestamp", rfc3339(observed))] * (observed != 0) + count_member("dropped_attributes_count", dropped)
    own = {name.lower() for name, _ in members + after} | set(ALWAYS)
    pairs = [pair_of(attribute) for attribute in listed(attributes)]
    pairs += [member for member in record if member[0] not in RECORD]
    members += [pair for pair in pairs if pair[0].lower() not in own] + after
    rest = Obj(pair for pair in pairs if pair[0].lower() in own)
    members += [("attributes", rest)] * bool(rest)
    return Obj(members + shared())


def otlp(body):
    if not isinstance(body, Obj):
        return "not_object"
    (resources,), unknown = message(body, "resourceLogs")
    if resources is None and unknown:
        return "otlp_record"
    if not (resources is None or (isinstance(resources, list) and not isinstance(resources, Obj))):
        return "otlp_record"
    found = []

    def each(elements, name, others, inside):
        """Goes through a list whose elements have another one."""
        for element in elements:
            try:
                (values, *_), unknown = message(element, name, *others)
                if values is None and unknown:
                    raise Bad
                values = listed(values)
            except Bad:
                found.append(Rejected("otlp_record", element))
                continue
            inside(element, values)

    def take_resource(logs, scopes):
        def take_scope(scope_logs, records):
            for record in records:
                try:
                    found.append(otlp_record(record, lambda: scope_of(scope_logs) + resource_of(logs)))
                except Bad:
                    found.append(Rejected("otlp_record", record))

        each(scopes, "logRecords", ("scope", "schemaUrl"), take_scope)

    each(resources or (), "scopeLogs", ("resource", "schemaUrl"), take_resource)
    return found


# ---- writing bodies ----


class Writer:
    """Writes a tree with random white space and escapes; remembers where each node begins."""

    def __init__(self, rng):
        self.rng, self.parts, self.size, self.at = rng, [], 0, {}
        self.spaces = rng.choice((("",), ("", "", " "), ("", "\n", "\t", " \r\n ")))
        self.ascii = rng.random() < 0.5

    def put(self, text):
        data = text.encode()
        self.parts.append(data)
        self.size += len(data)

    def space(self):
        self.put(self.rng.choice(self.spaces))

    def text(self, text):
        written = json.dumps(text, ensure_ascii=self.ascii)
        self.put(re.sub("[\ud800-\udfff]", lambda found: "\\u%04x" % ord(found[0]), written))

    def write(self, node):
        self.at[id(node)] = None if id(node) in self.at else self.size  # None: one of several
        if isinstance(node, Num):
            self.put(str(node))
        elif isinstance(node, str):
            self.text(node)
        elif isinstance(node, Obj):
            self.several("{}", node, self.member)
        elif isinstance(node, list):
            self.several("[]", node, self.write)
        else:
            self.put({True: "true", False: "false", None: "null"}[node])

    def member(self, pair):
        self.text(pair[0])
        self.space()
        self.put(":")
        self.space()
        self.write(pair[1])

    def several(self, brackets, nodes, write):
        self.put(brackets[0])
        for i, node in enumerate(nodes):
            self.put("," if i else "")
            self.space()
            write(node)
            self.space()
        self.put(brackets[1])

    def body(self):
        return b"".join(self.parts)


# ---- random bodies ----


def tree_of(rng, depth=3):
    kind = rng.randrange(10 if depth else 7)
    if kind < 3:
        return text_of(rng)
    if kind < 5:
        return Num(rng.choice(("0", "-0", "12", "1.50", "1e300", "-2.5E-7", "18446744073709551616")))
    if kind < 7:
        return rng.choice((True, False, None))
    if kind < 8:
        return [tree_of(rng, depth - 1) for _ in range(rng.randrange(4))]
    return Obj((text_of(rng), tree_of(rng, depth - 1)) for _ in range(rng.randrange(4)))


def spoil(rng, node):
    """Replaces random parts of a tree."""
    if not isinstance(node, list) or not node:
        return tree_of(rng)
    if rng.random() < 0.1:
        return tree_of(rng)
    i = rng.randrange(len(node))
    if rng.random() < 0.15:
        del node[i]
    elif rng.random() < 0.15:
        node.insert(i, (text_of(rng), tree_of(rng)) if isinstance(node, Obj) else tree_of(rng))
    elif isinstance(node, Obj):
        node[i] = (text_of(rng) if rng.random() < 0.1 else node[i][0], spoil(rng, node[i][1]))
    else:
        node[i] = spoil(rng, node[i])
    return node


def name_of(rng):
    return rng.choice((
        "job", "app", "Level", "level", "severity", "line", "labels", "metadata", "@timestamp", "@Timestamp", "time", "message",
        "user", "http.status", "trace_id", "body", "resource", "scope", "attributes", "Attributes", "eventName", "detected_level",
        "log", "\u00e9", "", text_of(rng), "".join(rng.choices(string.ascii_lowercase, k=5)), "observed_timestamp", "span_id",
        "severity_text", "trace_flags", "dropped_attributes_count", "severity_number", "resource_schema_url", "@t", "lvl",
    ))  # fmt: skip


def nanoseconds(rng):
    value = str(rng.choice((rng.randrange(2**62), rng.randrange(10), 1700000000 * 10**9, 1700000000123456789)))
    return value if rng.random() < 0.7 else Num(value)


def level_of(rng):
    return rng.choice(("info", "WARN", "error", "unknown", "", 30, "[DEBUG]", {"name": "warn"}, None, "9"))


def line_of(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return text_of(rng)
    if kind == 1:
        return rng.choice(("", " ", "{", "{}", " {} \n", "{}{}", "[1]", "{\"a\":1,}", "\n{\"a\":\"\\ud800\"}\t", "{\n}", "x{}", "\x00{}", "{\"b\":\"\ud800\"}"))
    value = {name_of(rng): rng.choice((text_of(rng), level_of(rng), 1.5, {"level": "warn"})) for _ in range(rng.randrange(5))}
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    return rng.choice(("", " ", "\n", "\r\n")) + text + rng.choice(("", "", " ", "\n", "x"))


def labels_of(rng):
    return Obj((name_of(rng), text_of(rng) if rng.random() < 0.9 else tree_of(rng)) for _ in range(rng.randrange(4)))


def loki_body(rng):
    def entry():
        parts = [nanoseconds(rng), line_of(rng)]
        return parts + ([labels_of(rng)] if rng.random() < 0.4 else [])

    def stream():
        members = [("stream", labels_of(rng)), ("values", [entry() for _ in range(rng.randrange(5))])]
        rng.shuffle(members)
        return Obj(members)

    return Obj([("streams", [stream() for _ in range(rng.randrange(4))])])


def value_of(rng, depth=3):
    kind = rng.randrange(10 if depth else 7)
    if kind < 3:
        return Obj([("stringValue", text_of(rng))])
    if kind == 3:
        digits = str(rng.choice((0, -1, 7, 2**63 - 1, -(2**63), 10**30)))
        return Obj([("intValue", digits if rng.random() < 0.7 else Num(digits))])
    if kind == 4:
        return Obj([("doubleValue", rng.choice((Num("1.50"), Num("-0.0"), "NaN", "-Infinity", "2.5e3", Num("1E400"))))])
    if kind == 5:
        return Obj([("boolValue", rng.random() < 0.5)])
    if kind == 6:
        return rng.choice((None, Obj(), Obj([("bytesValue", "aGk=")])))
    if kind == 7:
        return Obj([("arrayValue", Obj([("values", [value_of(rng, depth - 1) for _ in range(rng.randrange(3))])]))])
    return Obj([("kvlistValue", Obj([("values", attributes_of(rng, depth - 1))] * (rng.random() < 0.9)))])


def attributes_of(rng, depth=2):
    return [Obj([("key", name_of(rng)), ("value", value_of(rng, depth))]) for _ in range(rng.randrange(4))]


def some(rng, members, share=0.7):
    chosen = [member for member in members if rng.random() < share]
    rng.shuffle(chosen)
    return Obj(chosen)


def otlp_body(rng):
    def count():
        return rng.choice((Num("0"), Num("3"), "4", "0", None))

    def record():
        number = rng.choice((Num(str(rng.randrange(-1, 30))), "9", "SEVERITY_NUMBER_WARN2", "SEVERITY_NUMBER_UNSPECIFIED", None))
        members = [
            ("timeUnixNano", rng.choice((nanoseconds(rng), "0", None, ""))), ("observedTimeUnixNano", nanoseconds(rng)),
            ("severityNumber", number), ("severityText", rng.choice(("INFO", "", "Warning", None))),
            ("body", value_of(rng)), ("attributes", attributes_of(rng)), ("droppedAttributesCount", count()),
            ("flags", count()), ("traceId", rng.choice(("5b8efff798038103d269b633813fc60c", ""))), ("spanId", "eee19b7ec3c1b174"),
            ("eventName", rng.choice(("", "login"))),
        ]  # fmt: skip
        if rng.random() < 0.1:
            members.append((name_of(rng), tree_of(rng)))
        return some(rng, members, 0.5)

    def scope_logs():
        members = [("name", "lib"), ("version", text_of(rng)), ("attributes", attributes_of(rng)), ("droppedAttributesCount", count())]
        members = [
            ("scope", some(rng, members)), ("logRecords", [record() for _ in range(rng.randrange(4))]),
            ("schemaUrl", rng.choice(("", "https://x"))),
        ]  # fmt: skip
        return some(rng, members, 0.9)

    def resource_logs():
        members = [("attributes", attributes_of(rng)), ("droppedAttributesCount", count())]
        members = [
            ("resource", some(rng, members)), ("scopeLogs", [scope_logs() for _ in range(rng.randrange(4))]),
            ("schemaUrl", rng.choice(("", "https://y"))),
        ]  # fmt: skip
        return some(rng, members, 0.9)

    return Obj([("resourceLogs", [resource_logs() for _ in range(rng.randrange(4))])])


FORMATS = {"loki": (loki_body, loki), "otlp": (otlp_body, otlp)}
