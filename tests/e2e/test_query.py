"""test_query.py - on random records, random searches find what slow and simple references find: grep
for patterns, jq for conditions, Python for times and levels; with and without indexes, in closed
and live segments."""

import datetime
import json
import os
import shutil
import struct
import unittest

from decoded import matching
from harness import WINDOWS, Case, Daemon, environment, logport, main, program, run, scaled, segments
from test_index import DATA, frames

WORDS = ["connection", "timeout", "payment", "user-42", "größe", "東京", "cache.redis", "/api/users/7", "a", "x_y", "OK"]
LEVELS = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
BEGIN = datetime.datetime(2026, 11, 20, tzinfo=datetime.timezone.utc)


def record(rng, n):
    """One object; some fields may be absent or of another type."""
    fields = {"n": n}
    if rng.random() < 0.9:
        fields["ts"] = moment_text(BEGIN + datetime.timedelta(seconds=n * 7))
    if rng.random() < 0.9:
        fields["level"] = rng.choice(list(LEVELS))
    fields["msg"] = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 8)))
    if rng.random() < 0.7:
        fields["http"] = {
            "status": rng.choice([200, 201, 404, 500, 503, "500", None, 200.5, 12345678901234567890]),
            "path": "/api/%s/%d" % (rng.choice(["users", "orders"]), rng.randrange(50)),
        }
    if rng.random() < 0.5:
        fields["tags"] = [rng.choice(["new", "old", 1, True]) for _ in range(rng.randrange(4))]
    if rng.random() < 0.3:
        fields["retry"] = rng.choice([True, False, None, 0, 1])
    fields["id"] = "%016x" % rng.getrandbits(64)
    return fields


def moment_text(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Query(Case):
    """The same 6,000 lines, in two closed segments and a live one."""

    COUNT = 6000

    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.records = [record(case.rng, n) for n in range(cls.COUNT)]
        cls.lines = [
            json.dumps(fields, ensure_ascii=case.rng.random() < 0.2, separators=case.rng.choice([(",", ":"), (", ", ": ")])).encode()
            for fields in cls.records
        ]
        # A group of an index is about 1 MiB; longer lines make several groups.
        cls.lines = [line[:-1] + b',"pad":"' + b"p" * 400 + b'"}' for line in cls.lines]
        cls.daemon = Daemon(case, "--flush-ms", "20")
        for begin, end in ((0, 3500), (3500, 5000), (5000, cls.COUNT)):
            cls.daemon.send(b"\n".join(cls.lines[begin:end]) + b"\n")
            cls.daemon.wait_stored(end)
            if end < cls.COUNT:
                case.assertEqual(logport("rotate", "--dir", cls.daemon.base).code, 0)
        cls.base = cls.daemon.base

    def check(self, expected, *words):
        """Runs the search with and without indexes."""
        for more in ((), ("--no-index",)):
            result = logport("search", *more, *words, self.base)
            self.assertEqual(result.code, 0 if expected else 1, "%s: %s" % (words, result.said))
            self.assert_lines(result.lines, expected, "lines of %s %s" % (words, more))
            self.assertEqual(result.err, b"")

    def grep(self, *words):
        """For literals without characters that any line escapes."""
        result = run(["grep", "-a", *words], stdin=b"".join(line + b"\n" for line in self.lines), env=environment())
        self.assertLess(result.code, 2, result.said)
        return result.lines

    def matching(self, *question, **more):
        return [self.lines[i] for i in matching(self.lines, *question, **more)]

    def a_literal(self):
        """A part of some line, or a word that often occurs in none."""
        kind = self.rng.randrange(4)
        if kind == 0:
            return self.rng.choice(WORDS)
        if kind == 1:
            return self.rng.choice(self.records)["id"]
        line = self.rng.choice(self.lines).split(b',"pad"')[0].decode()
        begin = self.rng.randrange(len(line))
        piece = line[begin : begin + self.rng.randrange(1, 30)]
        return piece if kind == 2 else piece + self.rng.choice("xq7")

    def test_literals_are_found_as_the_reference_finds_them(self):
        for _ in range(scaled(100, 10)):
            literal = self.a_literal()
            invert, ignore_case = self.rng.random() < 0.1, self.rng.random() < 0.3
            flags = ["-v"] * invert + ["-i"] * ignore_case
            self.check(self.matching([literal], True, ignore_case, invert), *flags, "--", literal)

    def a_regex(self):
        """An expression that means the same to PCRE2 and re."""
        escaped = "".join("\\" + c if c in "\\^$.[]|()*+?{}#" else c for c in self.a_literal())
        return self.rng.choice(
            [
                escaped,
                escaped + "[0-9]+",
                "[a-z]+" + escaped,
                "(%s|zzz)" % escaped,
                escaped + "|user-4[0-9]",
                "(?i)" + escaped,
                "x*" + escaped + "?",
                '"status": ?(4|5)[0-9]{2},',
                "n\":? ?%d[0-9]" % self.rng.randrange(100),
                "^.{%d}[a-f]" % self.rng.randrange(30, 60),
                "id\":.\"%x" % self.rng.randrange(256),
                "(?<=api/)users/%d[^0-9]" % self.rng.randrange(50),
                "[^p]p{400}\"}$",
                "timeout\\s+payment",
                "\\bOK\\b.*\\bOK\\b",
            ]
        )

    def test_regular_expressions_find_what_the_reference_finds(self):
        for _ in range(scaled(100, 10)):
            regex = self.a_regex()
            ignore_case = self.rng.random() < 0.2
            self.check(self.matching([regex], False, ignore_case), *["-i"] * ignore_case, "-e", regex)

    def test_several_patterns_are_one_question(self):
        for _ in range(scaled(30, 4)):
            literals = [self.a_literal() for _ in range(3)]
            words = [word for literal in literals for word in ("-e", literal)]
            self.check(self.matching(literals, True), "-F", *words)

    # ---- conditions ----

    def a_test(self):
        """A condition for --where and the same for jq."""
        number = self.rng.choice(["200", "404", "500", "200.5", "-1", "12345678"])
        sign = self.rng.choice(["<", "<=", ">", ">="])
        return self.rng.choice(
            [
                ("http.status%s%s" % (sign, number), '(.http.status?|type=="number" and . %s %s)' % (sign, number)),
                ("http.status = %s" % number, "(.http.status? == %s)" % number),
                ('http.status = "500"', '(.http.status? == "500")'),
                ("http.status != 200", "(((.http?|type)==\"object\") and .http.status != 200)"),
                ("exists http.status", '((.http?|type)=="object")'),
                ("exists(retry)", 'has("retry")'),
                ("retry", "(.retry == true or (.retry|type) == \"number\")"),
                ("retry = null", '(has("retry") and .retry == null)'),
                ("retry=true", "(.retry == true)"),
                ("tags.0 = new", '(.tags?[0]? == "new")'),
                ("tags.1=1", "(.tags?[1]? == 1)"),
                ("http.path ~ '^/api/users/4'", '((.http.path? // "") | test("^/api/users/4"))'),
                ("msg ~ 'größe.*東京'", '(.msg | test("größe.*東京"))'),
                ("level = error", '(.level == "error")'),
                ("level >= info", '(.level | IN(%s))' % ",".join('"%s"' % level for level in LEVELS if LEVELS[level] >= LEVELS["info"])),
                ("id >= 'a'", '(.id >= "a")'),
                ("n < %d" % self.rng.randrange(6000), None),
            ]
        )

    def a_condition(self, depth=0):
        kind = self.rng.randrange(6 if depth < 3 else 3)
        if kind < 3:
            ours, theirs = self.a_test()
            return ours, theirs if theirs is not None else "(.%s)" % ours.replace(" ", "")
        ours, theirs = self.a_condition(depth + 1)
        if kind == 3:
            return self.rng.choice(["not (%s)", "!(%s)"]) % ours, "(%s|not)" % theirs
        word = "and" if kind == 4 else "or"
        ours2, theirs2 = self.a_condition(depth + 1)
        sign = self.rng.choice([word, {"and": "&&", "or": "||"}[word]])
        return "(%s) %s (%s)" % (ours, sign, ours2), "((%s) %s (%s))" % (theirs, word, theirs2)

    @unittest.skipUnless(shutil.which("jq"), "jq is not installed")
    def test_conditions_choose_what_jq_chooses(self):
        for _ in range(scaled(60, 8)):
            ours, theirs = self.a_condition()
            chosen = run(["jq", "-c", "select(%s)|.n" % theirs], stdin=b"\n".join(self.lines) + b"\n")
            self.assertEqual(chosen.code, 0, "%s: %s" % (theirs, chosen.said))
            self.check([self.lines[int(n)] for n in chosen.lines], "--where", ours, "")

    def test_a_condition_that_is_not_understood_is_told_with_its_place(self):
        for text, place in (("a=", "3"), ("a = 1 b", "7"), ("(a", "3"), ("a ~ '('", ""), ("", "1"), ("a='x", "3"), ("and", "")):
            result = logport("search", "--where", text, "", self.base)
            if text == "and":
                continue  # a field of that name
            self.assertEqual((result.code, result.out), (2, b""), text)
            self.assertIn("character " + place, result.said)

    # ---- times and levels ----

    def test_levels_choose_records_of_that_level_and_above(self):
        for level, number in LEVELS.items():
            expected = [line for line, fields in zip(self.lines, self.records) if LEVELS.get(fields.get("level"), 0) >= number]
            self.check(expected, "--level", level, "")

    def test_times_choose_records_since_then_and_until_then(self):
        # Records without a time were received now, after the times of all others.
        for _ in range(scaled(25, 4)):
            first, last = sorted(self.rng.randrange(self.COUNT) for _ in range(2))
            since, until = (moment_text(BEGIN + datetime.timedelta(seconds=n * 7)) for n in (first, last))
            inside = [i for i in range(first, last) if "ts" in self.records[i]]
            self.check([self.lines[i] for i in inside], "--since", since, "--until", until, "")
            beyond = [i for i in range(self.COUNT) if "ts" not in self.records[i] or i >= first]
            self.check([self.lines[i] for i in beyond], "--since", since, "")

    def test_received_means_when_records_came_in(self):
        self.check(self.lines, "--received", "--since", "1h", "")
        self.check([], "--received", "--until", "1h", "")
        self.check([], "--received", "--since", "2026-11-20", "--until", "2026-11-21", "")

    # ---- the other commands ----

    def test_cat_and_tail_take_the_same_filters(self):
        chosen = [line for line, fields in zip(self.lines, self.records) if LEVELS.get(fields.get("level"), 0) >= 17]
        self.assert_lines(logport("cat", "--level", "error", self.base).lines, chosen)
        for count in (0, 1, 10, 700):
            expected = chosen[len(chosen) - count :]
            self.assert_lines(logport("tail", "-n", count, "--level", "error", self.base).lines, expected)
        self.assert_lines(logport("cat", "--stream", "main", "--where", "n<3", self.base).lines, self.lines[:3])

    def test_a_stream_that_is_not_there_is_an_error_that_names_those_that_are(self):
        for command in (["cat"], ["tail"], ["stat"], ["search", ""]):
            result = logport(*command, "--stream", "other", self.base)
            self.assertEqual(result.code, 2, command)
            self.assertEqual(result.said, "logport: no stream other; streams: main\n")

    def test_a_file_that_several_paths_mean_is_read_once(self):
        folder = os.path.join(self.base, "main")
        first = segments(self.base)[0]
        self.check(self.lines, "", folder, first)
        self.assertEqual(logport("search", "-c", "", first, folder, self.base).lines, [b"%d" % self.COUNT])
        self.assert_lines(logport("cat", folder, self.base, first).lines, self.lines)

    def test_another_programs_lz4_is_read(self):
        path = os.path.join(self.directory(), "other.lz4")
        with open(path, "wb") as file:
            file.write(bytes.fromhex("04224d186440a7080000807b2261223a317d0a00000000e139a569"))
        for command in (["cat"], ["search", ""]):
            result = logport(*command, path)
            self.assertEqual((result.code, result.out, result.said), (0, b'{"a":1}\n', ""), command)

    def test_what_is_no_time_is_told_with_examples_in_local_time(self):
        result = logport("search", "--since", "noon", "", self.base)
        self.assertEqual(result.code, 2)
        self.assertIn("yesterday 15:00, monday, Nov 29, 2026-11-24 15:00 (local)", result.said)

    def test_a_period_that_ends_before_it_begins_is_reported(self):
        for command in ("search", "cat", "stat"):
            pattern = [""] if command == "search" else []
            result = logport(command, "--since", "2026-11-21", "--until", "2026-11-20", *pattern, self.base)
            self.assertIn("%s: --since 2026-11-21 is not before --until 2026-11-20: no record is selected" % command, result.said)

    def test_tail_knows_as_search_does_when_lines_came_in(self):
        for words, some in (
            (["--until", "2026-11-21"], True),  # records without a time were received later
            (["--since", "2026-11-20T03:00:00Z"], True),
            (["--received", "--since", "1h"], True),
            (["--received", "--until", "1h"], False),
            (["--received", "--until", "2026-11-21"], False),
        ):
            found = logport("search", *words, "", self.base).lines
            self.assertEqual(len(found) > 0, some, words)
            for count in (7, 900, 10000):
                self.assert_lines(logport("tail", "-n", count, *words, self.base).lines, found[len(found) - min(count, len(found)) :])

    # ---- orders ----

    def test_newest_first_is_the_other_way_round(self):
        for literal in ("", "payment", "user-42"):
            expected = self.grep("-F", "-e", literal)[::-1]
            self.check(expected, "--newest-first", literal)
            self.check(expected[:7], "--newest-first", "-m", "7", literal)

    def test_sort_is_by_time_over_files_named_in_any_order(self):
        timed = [i for i in range(self.COUNT) if "ts" in self.records[i]]
        files = segments(self.base)[::-1]
        result = logport("search", "--sort", "--until", "2026-11-24T00:00:00Z", "", *files)
        self.assert_lines(result.lines, [self.lines[i] for i in timed if i * 7 < 4 * 86400])

    # ---- context and the index ----

    def test_context_is_the_same_with_the_index_and_without(self):
        for _ in range(scaled(40, 5)):
            literal = self.rng.choice(self.records)["id"]
            flags = ["-A", str(self.rng.choice((0, 1, 5, 900))), "-B", str(self.rng.choice((0, 1, 5, 900)))]
            self.check(self.grep("-F", *flags, "-e", literal), *flags, literal)

    def test_explain_tells_what_was_passed_over(self):
        result = logport("search", "--explain", self.records[17]["id"], self.base)
        self.assert_lines(result.lines, [self.lines[17]])
        self.assertRegex(result.said, r"3 files, 2 with an index")
        self.assertRegex(result.said, r"[1-9]\d* by filter")


class Threads(Case):
    """Enough lines for several threads, whose results must be printed in order."""

    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.lines = [
            b'{"n":%d,"level":"%s","id":"%s","msg":"%s"}'
            % (n, case.rng.choice((b"info", b"warn", b"error")), case.rng.randbytes(150).hex().encode(), case.rng.choice(WORDS).encode())
            for n in range(scaled(30000, 10000))
        ]
        daemon = Daemon(case, "--flush-ms", "20")
        half = len(cls.lines) // 2
        for begin in (0, half):
            daemon.send(b"\n".join(cls.lines[begin : begin + half]) + b"\n")
            daemon.wait_stored(begin + half)
            case.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        daemon.stop()
        case.assertEqual(logport("archive", daemon.base).code, 0)
        cls.base = daemon.base

    def check(self, expected, *words):
        for more in ((), ("--no-index",)):
            result = logport("search", *more, *words, self.base)
            self.assertEqual((result.code, result.err), (0 if expected else 1, b""), words)
            self.assert_lines(result.lines, expected, "lines of %s %s" % (words, more))

    def test_several_threads_find_what_one_finds_and_in_order(self):
        errors = [line for line in self.lines if b'"level":"error"' in line]
        users = [line for line in self.lines if b"user-42" in line]
        some = [line for line in self.lines if b"abc" in line]
        self.check(self.lines, "")
        self.check(some, "abc")
        self.check(some[::-1], "--newest-first", "abc")
        self.check(some, "-e", "[a]bc")
        self.check([b"%d" % len(some)], "-c", "-e", "a(?=bc)")
        self.check(errors, "--level", "error", "")
        self.check([line for line in users if line in set(errors)], "--where", "msg ~ 'user-4[0-9]' and level = error", "")
        self.check(users, "--sort", "user-42")
        self.check(self.lines[:0], "abcabcabcabc")

    def test_threads_end_early_when_enough_was_found_or_nobody_reads(self):
        some = [line for line in self.lines if b"abc" in line]
        for most in (1, 100, len(some) - 1):
            self.check(some[:most], "-m", most, "abc")
            self.check(some[::-1][:most], "-m", most, "--newest-first", "abc")
        command = " ".join(program("logport")) + " search '' '%s' | head -1" % self.base
        if not WINDOWS:
            self.assert_lines(run(["bash", "-c", command]).lines, self.lines[:1])

    def test_threads_meet_damage_and_the_rest_is_found(self):
        base = os.path.join(self.directory(), "damaged")
        shutil.copytree(self.base, base)
        sound_bytes = 0
        for path in segments(base):
            places = [os.path.getsize(path) * part // 10 for part in (3, 5, 7)]
            with open(path, "rb") as file:
                data = file.read()
            for magic, begin, size in frames(path):
                if magic == DATA and not any(begin - 6 < place < begin + size for place in places):
                    sound_bytes += struct.unpack_from("<Q", data, begin + 6)[0]
            with open(path, "r+b") as file:
                for place in places:
                    file.seek(place)
                    file.write(b"damage")
        for more in ((), ("--no-index",)):
            result = logport("search", *more, "", base)
            self.assertEqual(result.code, 2)
            self.assertIn("main-", result.said)
            place = {line: i for i, line in enumerate(self.lines)}
            found = [place[line] for line in result.lines]
            self.assertEqual(found, sorted(found))
            self.assertEqual(len(result.out), sound_bytes)


if __name__ == "__main__":
    main()
