"""facts.py - what a record says, in plain Python: time, level, logger and message, found as
schema/record/facts.h, schema/record/inner.h and tools/query/canonical.h describe it.

Written to be read next to those headers: json.loads, one table of keys for each fact, no cleverness."""

import datetime
import decimal
import json
import re


class Number(decimal.Decimal):
    """A number's exact value, and how it is written."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = text
        return number


def parse(text):
    """The value of JSON text, numbers as Number; of duplicate names the last one counts.  None: it is none."""

    def refuse(constant):
        raise ValueError(constant)

    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def compare_numbers(one, other):
    return (one > other) - (one < other)


def names_of(record):
    """The top-level members by their names in lower case; of several spellings the last one counts."""
    found = {}
    for name, value in record.items():
        lower = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)
        found[lower] = value
        if name == "PRIORITY":
            found["PRIORITY"] = value
        if name in ("SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT"):
            found[name] = value
    return found


# ---- time ----

TIME_KEYS = (
    "@timestamp timestamp time ts @t date datetime asctime instant timeunixnano __realtime_timestamp time_iso8601 "
    "stagetimestamp eventtime"
).split()
DATE = re.compile(
    r"(\d{4})([-/])(\d\d)\2(\d\d)[T t_](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r" ?(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
NS = 10**9
MAX_NS = 2**63 - 1


def time_of_date(text, zone):
    """`zone` gives the moment of a local time, both in seconds; None: UTC."""
    match = DATE.fullmatch(text)
    if match is None or (text[-1:] == " "):
        return None
    year, _, month, day, hour, minute, second, fraction, offset = match.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        return None
    try:
        days = (datetime.date(int(year), int(month), int(day)) - datetime.date(1970, 1, 1)).days
    except ValueError:
        return None
    seconds = days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second or 0)
    if offset is None:
        seconds = zone(seconds) if zone else seconds
    elif offset[0] in "+-":
        hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
        if hours > 23 or minutes > 59:
            return None
        seconds -= (hours * 3600 + minutes * 60) * (-1 if offset[0] == "-" else 1)
    if not -(MAX_NS // NS) < seconds < MAX_NS // NS:
        return None
    return seconds * NS + int(((fraction or "") + "0" * 9)[:9])


def time_of_number(text):
    """Seconds, ms, us or ns since 1970, by magnitude."""
    if NUMBER.fullmatch(text) is None:
        return None
    with decimal.localcontext() as context:
        context.prec = 100
        number = decimal.Decimal(text)
        size = abs(number)
        unit = 9 if size < 10**11 else 6 if size < 10**14 else 3 if size < 10**17 else 0
        ns = int(size.scaleb(unit))
    if ns > MAX_NS:
        return None
    return -ns if text[0] == "-" else ns


def time_of_value(value, zone=None):
    if isinstance(value, Number):
        return time_of_number(value.text)
    if isinstance(value, str):
        found = time_of_date(value, zone)
        return found if found is not None else time_of_number(value)
    if isinstance(value, dict):  # log4j2
        members = names_of(value)
        second, nano = members.get("epochsecond"), members.get("nanoofsecond", 0)
        if isinstance(second, Number) and isinstance(nano, (Number, int)) and second >= 0 and 0 <= nano < NS:
            return int(second) * NS + int(nano)
    return None


def iso(ns, separator="T", zone="Z", minutes=0):
    """RFC 3339 with three digits of the second, or as many as it takes."""
    seconds, rest = divmod(ns, NS)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds, minutes=minutes)
    digits = ("%09d" % rest).rstrip("0")
    return moment.strftime("%Y-%m-%d" + separator + "%H:%M:%S.") + digits.ljust(3, "0") + zone


# ---- level ----

LEVEL_KEYS = (
    "level lvl severity levelname log.level @l log severitynumber severitytext log_level loglevel PRIORITY @level level_name "
    "level.name severity_text severity_number error_severity levelno"
).split()
LEVEL_NAMES = {
    1: "trace verbose trc vrb finest silly t",
    2: "finer",
    5: "debug dbg fine d",
    8: "config",
    9: "info information inf informational success i",
    10: "notice",
    13: "warn warning wrn w",
    17: "error err severe e",
    18: "crit",
    19: "alert",
    21: "fatal critical ftl emerg emergency panic dpanic f",
}
NAMED = {name: level for level, names in LEVEL_NAMES.items() for name in names.split()}
PLAIN = {1: "trace", 5: "debug", 9: "info", 13: "warn", 17: "error", 21: "fatal"}
SYSLOG = (21, 19, 18, 17, 13, 10, 9, 5)
UNRECOGNISED = -1


def plain(level):
    return (level - 1) // 4 * 4 + 1 if level > 0 else 0


def level_name(level):
    return PLAIN[plain(level)]


# The level of numbers from the first one on.
PINO = ((60, 21), (50, 17), (40, 13), (30, 9), (20, 5), (1, 1))
PYTHON = ((50, 21), (40, 17), (30, 13), (20, 9), (10, 5), (1, 1))
LOGBACK = ((60000, 21), (50000, 21), (40000, 17), (30000, 13), (20000, 9), (10000, 5), (1, 1))
MONOLOG = ((600, 21), (550, 19), (500, 18), (400, 17), (300, 13), (250, 10), (200, 9), (100, 5))


def level_of_number(number, key=""):
    """By magnitude, unless the key has a scale of its own."""
    if key in ("severitynumber", "severity_number"):
        return number if 1 <= number <= 24 else UNRECOGNISED
    if key != "levelno" and number < 8:
        return SYSLOG[number]
    if key != "levelno" and number < 25 and number not in (10, 20):
        return number
    scale = PYTHON if key == "levelno" else LOGBACK if number >= 1000 else MONOLOG if number >= 100 else PINO
    return next((level for least, level in scale if number >= least), UNRECOGNISED)


def level_of_name(name):
    """Of a name in lower case."""
    if name in NAMED:
        return NAMED[name]
    numbered = re.fullmatch(r"(trace|debug|info|warn|error|fatal)([1-4])", name, re.ASCII)
    if numbered:
        return NAMED[numbered[1]] + int(numbered[2]) - 1
    slog = re.fullmatch(r"(trace|debug|info|warn|error|fatal)([+-]\d{1,3})", name, re.ASCII)
    if slog:
        return max(1, min(24, NAMED[slog[1]] + int(slog[2])))
    return UNRECOGNISED


def level_of_value(value, key="", names=None):
    """1 to 24; 0: the value is no level; UNRECOGNISED."""
    if isinstance(value, Number):
        text = value.text
    elif isinstance(value, str):
        text = re.sub("\x1b\\[[0-9;]*m", "", value).strip(" \t\r\n[](){}<>")
        if text == "":
            return 0
    else:
        return 0
    text = text.lower() if text.isascii() else text
    if names and text in names:
        return names[text]
    if text[0].isdigit() and text[0].isascii():
        if NUMBER.fullmatch(text) is None:
            return UNRECOGNISED
        number = decimal.Decimal(text)
        return level_of_number(int(number), key) if number < 10**16 else UNRECOGNISED
    return level_of_name(text) if isinstance(value, str) else UNRECOGNISED


# ---- both ----


def inner_record(members):
    """The record that Docker has stored as text in `log`; None: there is none."""
    text = members.get("log")
    if not isinstance(text, str) or not text.strip(" \t\r\n").startswith("{"):
        return None
    inner = parse(re.sub("[\ud800-\udfff]", "\ufffd", text))
    return inner if isinstance(inner, dict) else None


def own_facts(members, zone, names):
    """(ns or None, level); the first key with a valid value counts."""
    time_ns, time_key = None, None
    for key in TIME_KEYS:
        if time_ns is None and key in members:
            time_ns, time_key = time_of_value(members[key], zone), key
    level = 0
    for key in LEVEL_KEYS:
        if key not in members:
            continue
        value = members[key]
        if key == "log":
            value = names_of(value).get("level") if isinstance(value, dict) else None
        elif isinstance(value, dict):
            value = names_of(value).get("name")
        found = level_of_value(value, key, names)
        if found > 0:
            return time_ns, found, time_key
        level = level or found
    return time_ns, level, time_key


def syslog_facts(members, zone, names):
    """What the header of syslog in `_syslog` says: (ns or None, level or 0)."""
    header = members.get("_syslog")
    if not isinstance(header, dict):
        return None, 0
    header = names_of(header)
    code, name, level = header.get("severity_code"), header.get("severity"), 0
    if isinstance(code, Number) and 0 <= code < 8:
        level = (21, 19, 18, 17, 13, 10, 9, 5)[int(code)]
    elif isinstance(name, str):
        level = max(0, level_of_value(name, names=names))
    return time_of_value(header.get("time"), zone), level


def facts_of(record, zone=None, names=None):
    """(ns or None, level): 1 to 24, 0 for none, UNRECOGNISED."""
    members = names_of(record)
    time_ns, level, time_key = own_facts(members, zone, names)
    inner = inner_record(members)
    if inner is not None and (time_ns is None or level == 0):
        inner_ns, inner_level, inner_key = own_facts(names_of(inner), zone, names)
        if inner_level == 0 and inner_ns is not None and inner_key == "@t":
            inner_level = 9
        if time_ns is None:
            time_ns = inner_ns
            time_key = None
        if level == 0:
            level = inner_level
    if level == 0 and time_ns is not None and time_key == "@t":
        level = 9  # in CLEF no level means information
    header_ns, severity = syslog_facts(members, zone, names)
    return header_ns if time_ns is None else time_ns, level or severity


# ---- message and logger ----

MESSAGE_KEYS = (
    "message msg @m @message @mt renderedmessage messagetemplate short_message _msg textpayload log body body/stringvalue "
    "fields/message jsonpayload/message event event/message full_message error/message err/message eventname"
).split()
JOINED = (
    (2, "verb requesturi"),
    (2, "request status"),
    (2, "request_method request_uri status"),
    (2, "request_method uri status"),
    (2, "method uri status"),
    (2, "method url status"),
    (2, "method path status"),
)
LOGGER_KEYS = (
    ("logger", ""), ("logger_name", ""), ("loggername", ""), ("log.logger", ""), ("log/logger", ""), ("@logger", ""), ("@module", ""),
    ("sourcecontext", ""), ("properties/sourcecontext", ""), ("_logger", ""), ("_logger_name", ""), ("scope/name", ""),
    ("instrumentationscope/name", ""), ("name", "pid levelname"), ("channel", "level_name"), ("category", "eventid loglevel"),
    ("target", "fields"), ("facility", "short_message"), ("SYSLOG_IDENTIFIER", ""), ("_SYSTEMD_UNIT", ""), ("eventsource", ""),
    ("component", ""), ("_syslog/app", ""),
)  # fmt: skip


def at(members, path):
    key, _, inner = path.partition("/")
    value = members.get(key)
    if not inner:
        return value
    return names_of(value).get(inner) if isinstance(value, dict) else None


def written(value):
    """A value inside a text."""
    if isinstance(value, str):
        return value
    return value.text if isinstance(value, Number) else json.dumps(value)


def filled(template, record, members):
    """messagetemplates.org; @r has the texts of holes with a format."""
    properties = members.get("properties")
    renderings = iter(members["@r"] if isinstance(members.get("@r"), list) else [])

    def fill(hole):
        name = re.match(r"[@$]?([^:,]*)", hole)[1]
        if ":" in hole[hole.index(name) + len(name) :]:
            for rendering in renderings:
                return written(rendering)
        for values in (record, properties):
            if isinstance(values, dict) and name in values:
                return written(values[name])
        return None

    text, i = "", 0
    while i < len(template):
        if template[i : i + 2] in ("{{", "}}"):
            text, i = text + template[i], i + 2
            continue
        close = template.find("}", i) if template[i] == "{" else -1
        value = fill(template[i + 1 : close]) if close > 0 else None
        text, i = (text + template[i], i + 1) if value is None else (text + value, close + 1)
    return text


def message_of(record, inside=False):
    members = names_of(record)
    for key in MESSAGE_KEYS:
        value = at(members, key)
        if key == "message" and isinstance(value, list) and value and all(isinstance(byte, Number) and 0 <= byte <= 255 for byte in value):
            return bytes(int(byte) for byte in value).decode(errors="replace")
        if not isinstance(value, str):
            continue
        if key == "log":
            inner = None if inside else inner_record(members)
            return message_of(inner, True) if inner is not None else re.sub(r"\r?\n?\Z", "", value, count=1)
        return filled(value, record, members) if key in ("@mt", "messagetemplate") else value
    for needed, keys in JOINED:
        values = []
        for key in keys.split():
            if not isinstance(members.get(key), (str, Number)):
                break
            values.append(written(members[key]))
        if len(values) >= needed:
            return " ".join(values)
    return None


def logger_of(record, inside=False):
    members = names_of(record)
    for path, next_to in LOGGER_KEYS:
        if next_to and not any(key in members for key in next_to.split()):
            continue
        value = at(members, path)
        if isinstance(value, str):
            return value
    if inside or inner_record(members) is None:
        return None
    before = MESSAGE_KEYS[: MESSAGE_KEYS.index("log")]
    if any(isinstance(at(members, key), str) for key in before):
        return None  # the message, and so the inner record, is elsewhere
    return logger_of(inner_record(members), True)
