"""framing_model.py - random sessions of every framing, and what must become of them.

A session is a list of events: records that are to be stored, and others that are to be rejected, each once.
A framing writes them; the model remembers where each begins and ends, so it knows what must become of the
session if it is cut off at any byte."""

import json
import string

HEADERS = (
    b"<12>client: ", b"<12>client ", b"<12>", b"<13>Nov 30 14:00:00 ", b"<13>Nov  3 14:00:00 host ",
    b"<13>Nov 30 14:00:00 host app ", b"<13>Nov 30 14:00:00 app[7]: ", b"<13>Nov 30 14:00:00 host app[7]:",
    b"<14>2026-11-30T14:00:00.123456+01:00 host app[7]: ", b"<14>Nov 30 14:00:00 host app: @cee: ",
    b"<134>1 - - - - - - ", b"<0>1 2026-11-30T14:00:00Z h a 7 id [a@1 x=\"{\\\"]}\\\\\"][b y=\"<13>\"] ",
    b"<191>1 2026-11-30T14:00:00.123Z host app 7 id [App@32473 data=\"{\\\"user\\\":1}\"] \xef\xbb\xbf",
)
PIECES = (
    "{", "}", "[", "]", "}{", "},{", "[{", "}]", '"', '\\"', "\\", ":", ",", "<13>", "<134>1 - - - - - - {", "7 {", "12 ",
    "\0", "\x1e", "\n", "\r\n", "\t", "\ufeff", "\u00e9", "東京", "\U0001f600", "\u2028", "\ud83d", "__LOG4JS__", "GET / HTTP/1.1",
    "@cee: ", "]:{", "null", "x", " ", "/", "\x7f",
)


def text_of(rng):
    if rng.random() < 0.2:
        return "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randrange(40)))
    return "".join(rng.choices(PIECES, k=rng.randrange(9)))


def value_of(rng, depth=3):
    kind = rng.randrange(9 if depth > 0 else 6)
    if kind < 3:
        return text_of(rng)
    if kind == 3:
        return rng.choice((0, -1, 12, 1.5, 1e300, -2.5e-7, 10**20))
    if kind < 6:
        return rng.choice((True, False, None, {}, [], ""))
    if kind == 6:
        return [value_of(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {text_of(rng): value_of(rng, depth - 1) for _ in range(rng.randrange(4))}


def encoded(value, rng, **options):
    """json.dumps with UTF-8 or escapes; lone surrogates always as escapes."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5, **options)
    return b"".join(("\\u%04x" % ord(c)).encode() if "\ud800" <= c <= "\udfff" else c.encode() for c in text)


def object_of(rng, many_lines):
    """(as sent, as stored)"""
    value = {text_of(rng): value_of(rng) for _ in range(rng.randrange(5))}
    if many_lines and rng.random() < 0.5:
        sent = encoded(value, rng, indent=rng.choice((0, 1, 3, "\t")))
        if rng.random() < 0.3:
            sent = sent.replace(b"\n", b"\r\n")
        return sent, sent.replace(b"\n", b" ")
    sent = encoded(value, rng, separators=rng.choice(((",", ":"), (", ", ": "), (" ,\t", " :  "))))
    return sent, sent


BAD_VALUES = (b"01", b"nul", b"1.", b"+1", b"'x'", b'"\\x"', b'"\xff"', b'"\xc0\xaf"', b'"\x01"', b"[1,]", b'{"a" 1}', b"tru}", b"[1 2]", b".5")


def bad_object(rng, balanced_only):
    """No valid object.  balanced_only: its end is where a count of its brackets says."""
    value = rng.choice(BAD_VALUES)
    if balanced_only and b"}" in value and b"{" not in value:
        value = b"tru"
    sent = b'{"s":%s,"bad":%s}' % (encoded(text_of(rng), rng), value)
    if not balanced_only and rng.random() < 0.3:
        return sent[: rng.randrange(1, len(sent) - 1)]
    return sent


TEXTS = (b"text", b"12", b"null", b"Error: <13> x", b"\xff\xfe", b"a: b, c]", b"-", b"tru")
ELEMENTS = (b"12", b"null", b'"x,]{\\""', b"[{}]", b"true", b"-1.5")
BREAK = "\ue000"  # where a string contains a newline that is not escaped


class Event:
    def __init__(self, sent, stored, end=b"", header=b"", text=None):
        self.sent, self.stored, self.needs = header + sent, stored, end  # stored None: rejected
        self.header, self.text = header, text  # text: what the message is if it is no object
        self.begin = self.end = 0  # offsets in the session of what makes it a record


class Framing:
    """many_lines: objects may contain newlines.  balanced: a record ends where its brackets do."""

    def __init__(self, name, protocol, write, before=b"", after=b"", many_lines=False, balanced=False, headers=True, counted=False):
        self.name, self.protocol, self.write = name, protocol, write
        self.before, self.after = before, after
        self.many_lines, self.balanced, self.headers, self.counted = many_lines, balanced, headers, counted

    def rejected(self, rng, events):
        kind = rng.randrange(4)
        if kind == 0:
            if not self.headers:
                return Event(rng.choice(ELEMENTS), None)
            if self.balanced and len(events) < 2:  # text after the first object: lines (docs/protocols.md)
                return Event(b'{"bad":}', None)
            header = rng.choice(HEADERS) if rng.random() < 0.5 and self.protocol != "concatenated" else b""
            text = rng.choice(TEXTS)
            return Event(text, None, b"\n" if self.balanced else b"", header, text)
        if kind == 1 and self.balanced and self.headers:  # cut off where the next `{` shows it
            return Event(rng.choice((b'{"a":1', b'{"a":[1,2]', b'{"a":"}{" ', b'{"a":{"b":null},"c":true')), None, b"{}")
        if kind == 2 and self.protocol in ("octet-counting", "json-seq"):
            sent = encoded({"a" + BREAK: value_of(rng)}, rng, separators=(",", ":"))
            return Event(sent.replace(BREAK.encode(), b"\n").replace(b"\\ue000", b"\n"), None)
        sent = bad_object(rng, self.balanced)
        if self.headers and rng.random() < 0.3:
            sent = rng.choice(HEADERS[:6]) + sent
        return Event(sent, None)

    def accepted(self, rng, first):
        sent, stored = object_of(rng, self.many_lines and not (self.protocol == "nul" and first))
        if self.protocol == "nul" and not first and rng.random() < 0.3:
            sent = encoded({"s": text_of(rng) + BREAK + BREAK, BREAK: value_of(rng)}, rng).replace(b"\\ue000", BREAK.encode())
            sent, stored = sent.replace(BREAK.encode(), b"\n"), sent.replace(BREAK.encode(), b"\\n")
        return Event(sent, stored, header=rng.choice(HEADERS) if self.headers and rng.random() < 0.3 else b"")

    def events(self, rng, count, clean=False):
        """clean: all are stored."""
        events = []
        while len(events) < count:
            bad = events and not clean and rng.random() < 0.3
            events.append(self.rejected(rng, events) if bad else self.accepted(rng, not events))
            if events[-1].needs == b"{}":
                events[-1].needs = b""
                events.append(Event(b'{"next":1}', b'{"next":1}'))
        return events

    def session(self, events, rng):
        data = self.before
        for n, event in enumerate(events):
            prefix, suffix = self.write(event.sent, n, rng)
            data += prefix
            event.begin = len(data) - (len(prefix) if self.counted else 0)
            data += event.sent
            event.end = len(data)
            data += event.needs + suffix
        return data + self.after


def lines(record, n, rng):
    return b"", b"\n"


def keep_alives(record, n, rng):
    return rng.choice((b"", b"\n", b" \t", b"\r\n\n")), rng.choice((b"\n", b"\r\n", b" \r\n\n"))


def nuls(record, n, rng):
    return b"", b"\0"


def lf_nuls(record, n, rng):
    return b"", rng.choice((b"\n\0", b"\0\0", b"\r\n\0"))


def separators(record, n, rng):
    return b"\x1e", rng.choice((b"\n", b"\n", b"\r\n", b""))


def counts(record, n, rng):
    return b"%d " % len(record), b""


def counts_with_newline(record, n, rng):
    return b"%d " % (len(record) + 1), b"\n"


def counts_before_newline(record, n, rng):
    return b"%d " % len(record), rng.choice((b"\n", b"", b"\r\n", b"\0", b"\n\0"))


def nothing(record, n, rng):
    return b"", b""


def white_space(record, n, rng):
    return b"", rng.choice((b"", b" ", b"\n", b"\r\n", b"\t", b" \n\n ")) if n > 0 else b""


def many_lines(record, n, rng):
    return b"", b"\n"


def array(record, n, rng):
    return (rng.choice((b",", b", ", b",\n  ")) if n else b""), b""


def arrays(record, n, rng):
    return b"[", rng.choice((b"]", b"]\n", b" ]\r\n"))


FRAMINGS = (
    Framing("lines", "newline", lines),
    Framing("keep-alives", "newline", keep_alives, before=b"\xef\xbb\xbf"),
    Framing("NUL", "nul", nuls, many_lines=True),
    Framing("LF NUL", "nul", lf_nuls, many_lines=True),
    Framing("RFC 7464", "json-seq", separators, many_lines=True),
    Framing("counts", "octet-counting", counts, many_lines=True, counted=True),
    Framing("counts that include a newline", "octet-counting", counts_with_newline, many_lines=True, counted=True),
    Framing("counts before a newline", "octet-counting", counts_before_newline, many_lines=True, counted=True),
    Framing("no delimiter", "concatenated", nothing, many_lines=True, balanced=True),
    Framing("white space", "concatenated", white_space, many_lines=True, balanced=True),
    Framing("an array", "concatenated", array, before=b"[", after=b"]", many_lines=True, balanced=True, headers=False),
    Framing("arrays", "concatenated", arrays, many_lines=True, balanced=True, headers=False),
)


def expected(events):
    """(stored lines, number of rejected records) of a whole session."""
    return [e.stored for e in events if e.stored is not None], sum(e.stored is None for e in events)


def expected_cut(framing, protocol, data, events, at):
    """The same for its first `at` bytes, if all of its records are to be stored."""
    whole = [event for event in events if at >= event.end]
    cut = any(event.begin < at < event.end and data[event.begin : at].strip() for event in events)
    if data[:at] == b"[" or (not whole and protocol == "auto" and data[:at].strip() == b"["):
        cut = True  # it may have been an array of anything
    if framing.before == b"\xef\xbb\xbf" and at in (1, 2):
        cut = True
    return [event.stored for event in whole], int(cut)
