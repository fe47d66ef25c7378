"""shapes.py - what happens in a program, and how 15 kinds of programs write it: pino, bunyan, zap,
zerolog, CLEF, logstash, GELF, ECS, Docker, Kubernetes audit, CloudTrail, nginx, journald,
OpenTelemetry and syslog.

A shape is a function from an event to its members, in their usual form; `variant` writes a record
as programs do on a bad day: members missing, duplicated, nested or added, times and levels in other
forms, strings with any escapes, numbers in any notation.  What the reader must find in it follows
from the text alone (facts.py)."""

import datetime
import json
import time

# All events are earlier than the days on which they are received.
BEGIN_NS = ((int(time.time()) // 86400 - 60) * 86400 + 27000) * 10**9
LEVELS = ("debug", "info", "warn", "error")


class Event:
    """What happened; time in ns."""

    def __init__(self, rng, n):
        self.ns = BEGIN_NS + n * 1_000_000_000 + rng.randrange(1000) * 1_000_000
        self.level = rng.choice(LEVELS)
        self.logger = rng.choice(("db", "http.server", "com.example.Shop"))
        self.message = rng.choice(("started", 'said "hi"', "größe 東京", "a\\b", "path=/x y")) + " %d" % n
        self.n = n

    @property
    def iso(self):
        time = datetime.datetime.fromtimestamp(self.ns // 10**9, datetime.timezone.utc)
        return time.strftime("%Y-%m-%dT%H:%M:%S") + ".%03dZ" % (self.ns // 10**6 % 1000)

    @property
    def s(self):
        return self.ns / 10**9


# ---- the shapes; each changes the event where it cannot say all of it ----


def pino(e):
    number = {"debug": 20, "info": 30, "warn": 40, "error": 50}[e.level]
    return {"level": number, "time": e.ns // 10**6, "pid": 7, "hostname": "h", "name": e.logger, "msg": e.message}


def bunyan(e):
    return {**pino(e), "time": e.iso, "v": 0}


def zap(e):
    return {"level": e.level, "ts": e.s, "logger": e.logger, "caller": "a.go:7", "msg": e.message}


def zerolog(e):
    return {"level": e.level, "time": e.iso, "component": e.logger, "n": e.n, "message": e.message}


def clef(e):
    record = {"@t": e.iso, "@mt": "{What} {{x}} {N:000}", "What": e.message, "N": e.n, "@r": ["%03d" % e.n], "SourceContext": e.logger}
    if e.level != "info":
        record["@l"] = {"debug": "Debug", "warn": "Warning", "error": "Error"}[e.level]
    e.message += " {x} %03d" % e.n
    return record


def logstash(e):
    return {"@timestamp": e.iso, "@version": "1", "message": e.message, "logger_name": e.logger, "level": e.level.upper(), "level_value": 1}


def gelf(e):
    number = {"debug": 7, "info": 6, "warn": 4, "error": 3}[e.level]
    return {"version": "1.1", "host": "h", "short_message": e.message, "timestamp": e.s, "level": number, "_logger": e.logger}


def ecs(e):
    return {"@timestamp": e.iso, "log.level": e.level.upper(), "message": e.message, "log.logger": e.logger}


def ecs_nested(e):
    return {"@timestamp": e.iso, "log": {"level": e.level, "logger": e.logger, "origin": {"line": 7}}, "message": e.message}


def docker(e):
    return {"log": json.dumps({"level": e.level, "logger": e.logger, "msg": e.message}) + "\n", "stream": "stdout", "time": e.iso}


def audit(e):
    e.level, e.logger, e.message = "", "", "get /api/v1/pods/%d" % e.n
    return {"kind": "Event", "verb": "get", "requestURI": "/api/v1/pods/%d" % e.n, "stageTimestamp": e.iso}


def cloudtrail(e):
    e.level, e.logger, e.message = "", "s3.amazonaws.com", "GetObject%d" % e.n
    return {"eventVersion": "1.08", "eventTime": e.iso, "eventSource": e.logger, "eventName": e.message}


def nginx(e):
    e.level, e.logger, e.message = "", "", "GET /%d HTTP/1.1 502" % e.n
    return {"time_iso8601": e.iso.replace("Z", "+00:00"), "request": "GET /%d HTTP/1.1" % e.n, "status": "502"}


def journald(e):
    number = {"debug": "7", "info": "6", "warn": "4", "error": "3"}[e.level]
    return {"__REALTIME_TIMESTAMP": str(e.ns // 1000), "PRIORITY": number, "MESSAGE": e.message, "SYSLOG_IDENTIFIER": e.logger}


def opentelemetry(e):
    number = {"debug": 5, "info": 9, "warn": 13, "error": 17}[e.level]
    attributes = [{"key": "k", "value": {"stringValue": "v"}}]
    return {
        "timeUnixNano": str(e.ns), "severityNumber": number, "severityText": e.level.upper(),
        "body": {"stringValue": e.message}, "scope": {"name": e.logger}, "attributes": attributes,
    }  # fmt: skip


def syslog(e):
    """As logportd stores text after a header of syslog."""
    code, name = {"debug": (7, "debug"), "info": (6, "info"), "warn": (4, "warning"), "error": (3, "err")}[e.level]
    header = {"facility": "user", "facility_code": 1, "severity": name, "severity_code": code}
    return {"message": e.message, "_syslog": {**header, "time": e.iso, "host": "web1", "app": e.logger}}


SHAPES = (pino, bunyan, zap, zerolog, clef, logstash, gelf, ecs, ecs_nested, docker, audit, cloudtrail, nginx, journald, opentelemetry,
          syslog)  # fmt: skip


# ---- variants ----

TIME_KEYS = {"@timestamp", "timestamp", "time", "ts", "@t", "stageTimestamp", "eventTime", "time_iso8601", "__REALTIME_TIMESTAMP", "timeUnixNano"}
LEVEL_KEYS = {"level", "log.level", "@l", "PRIORITY", "severityNumber", "severityText"}
MESSAGE_KEYS = {"msg", "message", "short_message", "MESSAGE", "What"}
WORDS = (
    "connection timeout payment user-42 größe 東京 cache.redis /api/users/7 a x_y OK failed retry Error naïve Zürich 10.0.0.7 0x1f "
    "550e8400-e29b-41d4-a716-446655440000 \\\\share \"quoted\" tab\there é👍 [x] (y) * ? $5 100% Müller MÜLLER C:\\temp task kelvin "
    "https://example.com/a?b=c&d=e {\"a\":1} null\x00byte \x7f \u2028 \u0085 Straße ÉCOLE Жук 12 -3.5e2 true <b>bold</b> 'it''s' ; --"
).split(" ")
TRACES = (
    "java.lang.IllegalStateException: no row\n\tat com.example.Db.find(Db.java:7)\n\tat com.example.Main.main(Main.java:3)",
    "Traceback (most recent call last):\r\n  File \"a.py\", line 7, in f\r\nValueError: größe",
    "Error: x\n    at Object.<anonymous> (/srv/app/index.js:10:15)\n",
)


class Raw(str):
    """A number as it is written."""


def text(rng):
    return rng.choice((" ", " ", "", "-")).join(rng.choice(WORDS) for _ in range(rng.randrange(1, 7)))


def date(rng, ns):
    """A time as a date, with and without a zone, with any number of digits."""
    seconds, rest = divmod(ns, 10**9)
    minutes, zone = rng.choice(((0, "Z"), (0, "Z"), (0, ""), (0, "+00:00"), (60, "+01:00"), (-330, "-0530"), (120, " +02"), (0, " UTC"), (0, "z")))
    digits = rng.choice((0, 1, 3, 3, 3, 6, 6, 9, 9, 12))
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds, minutes=minutes)
    day = moment.strftime(rng.choice(("%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d", "%Y/%m/%d")))
    fraction = rng.choice(("." , ".", ",")) + ("%09d000" % rest)[:digits] if digits else ""
    return day + rng.choice(("T", "T", "T", " ", "t", "_")) + moment.strftime("%H:%M:%S") + fraction + zone


NO_TIMES = (None, "", "yesterday", "2026-13-24T07:30:00Z", "2026-11-24T24:30:00Z", "2026-11-24", True, Raw("1e40"), [], {"a": 1},
            "2026-11-24T07:30:00+01:0", " 2026-11-24T07:30:00Z")  # fmt: skip
ODD_TIMES = (Raw("-5"), "2026-11-24T07:30", "2026-11-24T07:30:60Z", "0", "1677-09-21T00:12:44Z")


def time_form(rng, ns):
    """The value of a time key; sometimes none."""
    kind = rng.randrange(12)
    if kind < 5:
        return date(rng, ns)
    seconds = ("%d" % (ns // 10**9), "%.3f" % (ns / 10**9), "%d.%09d" % divmod(ns, 10**9))
    number = rng.choice((*seconds, "%d" % (ns // 10**6), "%d.%03d" % divmod(ns // 1000, 1000), "%d" % (ns // 1000), "%d" % ns))
    if kind < 9:
        return Raw(number if kind < 8 or "." in number else number + rng.choice((".0", "e0", "E+00")))
    if kind == 9:
        return number
    return rng.choice(NO_TIMES + ODD_TIMES)


def level_form(rng, level):
    """The value of a level key; sometimes none, or one that is not recognised."""
    names = {"debug": ("debug", "DBG", "fine"), "info": ("info", "Information", "notice", "I"), "warn": ("warn", "WARNING", "wrn"),
             "error": ("error", "ERR", "Severe", "crit", "critical", "fatal", "alert")}[level or "info"]  # fmt: skip
    kind = rng.randrange(14)
    name = rng.choice(names)
    if kind < 6:
        return rng.choice((name, name, name.upper(), name.capitalize()))
    if kind == 6:
        return rng.choice(("[%s]", " %s ", "<%s>", "\x1b[31m%s\x1b[0m", "\x1b[1;32m[%s]\x1b[m", "{%s}", "(%s)\r\n")) % name
    if kind == 7:
        return rng.choice(("ERROR+4", "info-1", "DEBUG-9", "INFO2", "warn4", "error+99", "trace+1"))
    if kind == 8:
        return Raw(rng.choice(("10", "20", "30", "40", "50", "60", "35", "3", "0", "7", "100", "250", "400", "550", "40000", "5000", "17", "24")))
    if kind == 9:
        return Raw(rng.choice(("30.0", "3e1", "4.0E+1", "50.7", "4e4", "0.3e2", "500e-1")))
    if kind == 10:
        return rng.choice(("30", "3", "17", "400"))
    if kind == 11:
        return rng.choice(("eror", "http", "wat", "info!", "loud", "INFO5", "info+", "日本", "level", "-1", Raw("-1"), "3x"))
    if kind == 12:
        return rng.choice((None, "", True, [], "[]", " ", {}, {"name": name}, {"Name": "eror"}, {"id": 3}))
    return name


def message_form(rng, message):
    kind = rng.randrange(12)
    if kind < 5:
        return text(rng)
    if kind < 8:
        return message + " " + text(rng)
    if kind == 8:
        return rng.choice(TRACES)
    if kind == 9:
        return rng.choice(("", " ", "\n", "a\nb\n", None, Raw("5"), ["a"], {"text": "x"}))
    if kind == 10:
        return json.dumps({"level": "error", "msg": text(rng)})
    return message


NUMBERS = ("0", "1", "-1", "200", "404", "500", "500.0", "5e2", "200.5", "1E400", "12345678901234567890", "-0", "0.1", "1e-7", "3.0e0")


def extra(rng, depth=0):
    """The value of any other member."""
    kind = rng.randrange(10 if depth < 3 else 7)
    if kind < 3:
        return text(rng)
    if kind == 3:
        return Raw(rng.choice(NUMBERS))
    if kind == 4:
        return rng.choice((None, True, False))
    if kind == 5:
        return rng.choice(("", "500", "404", "true", "x" * 300))
    if kind == 6:
        return "%016x" % rng.getrandbits(64)
    if kind == 7:
        return [extra(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(("id", "path", "status", "a.b", "größe", "a", "b")): extra(rng, depth + 1) for _ in range(rng.randrange(4))}


EXTRAS = ("http", "user", "tags", "err", "status", "path", "request_id", "größe", "a.b", "a", "with space", "stack_trace", "headers", "x")


def deep(rng):
    value = text(rng)
    for n in range(rng.randrange(20, 200)):
        value = [value] if n % 3 else {"d": value}
    return value


def members_of(rng, shape, event):
    """The members of a record: pairs, of which duplicate names may be part."""
    record = shape(event)
    if shape is docker:
        record["log"] = inner(rng, event)
    members = []
    for name, value in record.items():
        if rng.random() < 0.05:
            continue
        if name in TIME_KEYS and rng.random() < 0.5:
            value = time_form(rng, event.ns)
        elif name in LEVEL_KEYS and rng.random() < 0.5:
            value = level_form(rng, event.level)
        elif name in MESSAGE_KEYS and rng.random() < 0.6:
            value = message_form(rng, event.message)
            if name == "What" and isinstance(value, (list, dict)):
                value = event.message  # how a list is written in a filled template is not tested here
        members.append((name, value))
    for name in rng.sample(EXTRAS, rng.choice((0, 0, 1, 2, 3, 5))):
        members.append((name, extra(rng)))
    if rng.random() < 0.04:
        name = rng.choice(("level", "severity", "lvl", "Level", "LogLevel", "@level", "levelno", "severity_text"))
        members.append((name, level_form(rng, event.level)))
    if rng.random() < 0.04:
        members.append((rng.choice(("time", "ts", "Timestamp", "asctime", "instant")), time_form(rng, event.ns)))
    if rng.random() < 0.02:
        members.append(("instant", {"epochSecond": event.ns // 10**9, "nanoOfSecond": event.ns % 10**9}))
    if rng.random() < 0.02:
        members.append(("deep", deep(rng)))
    if rng.random() < 0.004:
        members.append(("long", rng.choice(("yes ", "ü\t", "\\ ", "\", ")) * 26000))
    if members and rng.random() < 0.1:
        name, value = rng.choice(members)
        members.append((name, rng.choice((value, value, "again", None, text(rng)))))
    if rng.random() < 0.2:
        rng.shuffle(members)
    return members


def inner(rng, event):
    """What a container has written."""
    kind = rng.randrange(8)
    if kind == 0:
        return text(rng) + rng.choice(("", "\n", "\r\n"))
    if kind == 1:
        return rng.choice(("", "\n", "{", "{}\n", "[1]\n", "{\"level\":\"error\"", "{\"level\":\"error\"} x\n", "{\"a\":1}\n{\"a\":2}\n"))
    shape = rng.choice([one for one in SHAPES if one is not docker])
    line = written(rng, members_of(rng, shape, event)) if rng.random() < 0.6 else json.dumps(shape(event))
    return rng.choice(("", "", " ", "\n")) + line + rng.choice(("\n", "\n", "", "\r\n", "\n\n"))


# ---- text ----

SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def string(rng, value, style):
    """A JSON string: plain, as json.dumps or PHP write it, or with any character in any way."""
    if style == "plain" or len(value) > 5000:
        return json.dumps(value, ensure_ascii=False)
    if style == "python":
        return json.dumps(value)
    if style == "php":
        return json.dumps(value).replace("/", "\\/")
    out = []
    for c in value:
        units = c.encode("utf-16-be")
        escaped = "".join("\\u%02x%02x" % (units[i], units[i + 1]) for i in range(0, len(units), 2))
        if rng.random() < 0.3:
            out.append("".join(x.upper() if x in "abcdef" and rng.random() < 0.5 else x for x in escaped))
        elif c in SHORT and (c != "/" or rng.random() < 0.5):
            out.append(SHORT[c])
        else:
            out.append(escaped if c < " " else c)
    return '"%s"' % "".join(out)


def value_text(rng, value, style, space):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, str):
        return string(rng, value, style)
    if isinstance(value, dict):
        pairs = ((string(rng, name, "plain" if name.isascii() else style), one) for name, one in value.items())
        return "{%s}" % ("," + space).join("%s:%s%s" % (name, space, value_text(rng, one, style, space)) for name, one in pairs)
    if isinstance(value, list):
        return "[%s]" % ("," + space).join(value_text(rng, v, style, space) for v in value)
    return json.dumps(value)


def written(rng, members):
    """The record's line.  Names at the top level have no escapes of ASCII characters: facts.h says why."""
    style = rng.choice(("plain", "plain", "python", "php", "any"))
    space = rng.choice(("", "", " "))
    plain = "python" if style in ("python", "php") else "plain"
    return "{%s}" % ("," + space).join("%s:%s%s" % (string(rng, k, plain), space, value_text(rng, v, style, space)) for k, v in members)


def variant(rng, n):
    """A line, without its newline."""
    event = Event(rng, n)
    return written(rng, members_of(rng, rng.choice(SHAPES), event)).encode()
