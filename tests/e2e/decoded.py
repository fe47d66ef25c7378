"""decoded.py - which lines a pattern matches, in plain Python: json and re.  A line matches by its
text, or by one of its strings after decoding."""

import functools
import json
import re


def strings_of(value):
    """Every string in a value, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Members):
        for name, member in value.members:
            yield name
            yield from strings_of(member)
    elif isinstance(value, list):
        for element in value:
            yield from strings_of(element)


class Members:
    """An object with all its members, duplicate names included."""

    def __init__(self, members):
        self.members = members


@functools.lru_cache(maxsize=100000)
def texts_of(line):
    """The text of a line, and its strings, each once.  Invalid UTF-8 is not JSON."""
    try:
        strings = strings_of(json.loads(line.decode(), object_pairs_hook=Members))
        # re has no lone surrogates, and no string of a test needs more than one text.
        texts = [re.sub("[\ud800-\udfff]", "\ufffd", text) for text in strings]
    except (ValueError, RecursionError):
        texts = []
    return [line.decode(errors="surrogateescape"), *sorted(set(texts))]


@functools.lru_cache(maxsize=10000)
def _compiled(pattern, fixed, ignore_case):
    return re.compile(re.escape(pattern) if fixed else pattern, re.MULTILINE | (re.IGNORECASE if ignore_case else 0))


def matches(line, pattern, fixed, ignore_case=False):
    texts = texts_of(line)
    if fixed and not ignore_case:
        return any(pattern in text for text in texts)
    search = _compiled(pattern, fixed, ignore_case).search
    return any(search(text) for text in texts)


def matching(lines, patterns, fixed, ignore_case=False, invert=False):
    """The numbers of the lines that match any pattern, or none if inverted."""
    return [i for i, line in enumerate(lines) if any(matches(line, p, fixed, ignore_case) for p in patterns) != invert]


# ---- random patterns ----


def a_literal(rng, lines, words):
    """Something that may occur in the lines, in any case."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(words).replace("\x00", "")
    text = rng.choice(texts_of(rng.choice(lines))[(0 if kind == 1 else 1) :] or ["a"])
    begin = rng.randrange(len(text) or 1)
    literal = text[begin : begin + rng.randrange(1, 24)]
    if kind == 2:
        literal = "".join(rng.choice((c.lower(), c.upper(), c)) for c in literal)
    literal = re.sub("[\x00\udc80-\udcff]", "", literal)
    return literal + (rng.choice("xq7") if rng.random() < 0.1 else "")


REGEX_FORMS = [
    "%s", "^%s", "%s$", "^%s$", r"\b%s", r"%s\b", r"\B%s", "(%s|zzz)", "%s|foo", r"%s\w+", r"\w+%s", r"\W%s\W", "[a-z]+%s",
    "%s[^a]", "(?i)%s", "(?:%s)+", "x*%s", "%s.", ".%s", "(?<=.)%s", "(?<![a-z])%s", "%s(?!\")", "%s(?=$)", r"\w%s\w", r"\d+", r"\bfoo\b",
    r"^\w+$", r"\d\d", r"^$", r"[^\W\d_]{9}", r"(\w)(?:\1)%s", r"\n%s", r"%s\t", r"foo\b.", r"^.{3}%s", r"\bM\w+r\b",
]  # fmt: skip


def a_regex(rng, literal):
    escaped = re.sub(r"([\\^$.\[\]|()*+?{}#])", r"\\\1", literal)
    form = rng.choice(REGEX_FORMS)
    # In an empty text re finds no \B, which PCRE2 finds.
    return form.replace("%s", escaped or "a" if r"\B" in form else escaped)
