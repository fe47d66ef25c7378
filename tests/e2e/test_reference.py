"""test_reference.py - thousands of random searches in random corpora give the same results as a slow,
independent reference: lz4 -dc for the lines, grep for patterns in the lines and in their decoded
strings (decoded.py), and reference.py for conditions, times, levels, streams, orders and context."""

import concurrent.futures
import json
import os
import random
import shutil
import struct

from decoded import texts_of
from harness import SEED, WINDOWS, Case, Daemon, environment, logport, main, run, scaled, segments, temporary_directory, wait_until
from reference import Condition, a_record, chosen, iso, moment_text, with_context
from test_control import counters_of
from test_index import DATA, FOOTER, frames, strip

THREADS = 2 if not WINDOWS else 1


class File:
    """A segment in a corpus, with its readable lines."""

    def __init__(self, path, stream, entries):
        self.path, self.stream, self.entries = path, stream, entries


class Corpus:
    """Segments, their lines in storage order, and the paths that name all of them."""

    def __init__(self, name, paths, files, damaged=False):
        self.paths, self.files, self.damaged = paths, files, damaged
        self.text_path = name + ".txt"
        self.entries = [entry for file in files for entry in file.entries]
        self.streams = [file.stream for file in files for _ in file.entries]
        # Each line, and each of its strings after decoding; none has a newline.
        self.owners = [i for i, entry in enumerate(self.entries) for _ in texts_of(entry.line)]
        with open(self.text_path, "wb") as text:
            text.writelines(part.encode() + b"\n" for entry in self.entries for part in texts_of(entry.line))

    def parts(self):
        """Smaller corpora: one stream, one file, and several paths."""
        stream = self.files[-1].stream
        files = [file for file in self.files if file.stream == stream]
        name = self.text_path[:-4]
        return [
            Corpus(name + "-stream", [os.path.dirname(files[0].path)], files, self.damaged),
            Corpus(name + "-file", [self.files[0].path], self.files[:1], self.damaged),
            Corpus(name + "-files", [file.path for file in self.files[::2]], self.files[::2], self.damaged),
        ]

    def grep(self, *words):
        """The numbers of the lines that match by themselves or by a string, from 0."""
        command = ["grep", "-n", "-a", *words, self.text_path]
        result = run(command, env=environment(LC_ALL="C.UTF-8"))
        if result.code > 1:
            raise AssertionError("%s: %s" % (command, result.said))
        return {self.owners[int(line.split(b":", 1)[0]) - 1] for line in result.lines}


def frame_spans(path):
    """(magic, offset, size, content size) of every frame."""
    with open(path, "rb") as file:
        data = file.read()
    return [(magic, at, size, struct.unpack_from("<Q", data, at + 6)[0] if magic == DATA else 0) for magic, at, size in frames(path)]


class Corpora:
    """Segments made once by a daemon and logport archive, and corpora composed of them."""

    SEGMENTS = scaled(36, 8)

    def __init__(self, case):
        self.case, self.rng, self.count = case, random.Random("%d corpora" % SEED), 0
        self.directory = temporary_directory(case)
        daemon = Daemon(case, "--flush-ms", "5")
        sent, segments_sent = 0, []
        for number in range(self.SEGMENTS):
            entries = self.some_entries(number)
            segments_sent.append(entries)
            # In several pieces, so that there are frames and lids.
            cuts = sorted(self.rng.randrange(len(entries) + 1) for _ in range(self.rng.randrange(4)))
            for begin, end in zip([0, *cuts], [*cuts, len(entries)]):
                if begin == end:
                    continue
                daemon.send(b"".join(entry.line + b"\n" for entry in entries[begin:end]))
                sent += end - begin
                wait_until(lambda: counters_of(logport("status", "--dir", daemon.base))["stored"] >= sent, "lines are stored")
            if number + 1 < self.SEGMENTS:
                case.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        wait_until(lambda: [".part." in path for path in segments(daemon.base)].count(True) == 1, "all but one are closed")
        self.made = list(zip(segments(daemon.base), segments_sent, strict=True))
        daemon.kill()
        case.assertEqual(logport("archive", daemon.base).code, 0)
        for path, _ in self.made[:-1]:
            case.assertEqual(frames(path)[-1][0], FOOTER)

    def some_entries(self, number):
        """Mostly few lines, sometimes enough for several index groups, occasionally long ones."""
        kind = self.rng.randrange(9)
        count = self.rng.randrange(1, 4) if kind == 0 else self.rng.randrange(20, 400)
        if kind == 8:
            count = 1500
        pads = (0, 2000, 4000) if kind == 8 else (0, 0, 0, 50, 300)
        entries = []
        for n in range(count):
            pad = 65000 + self.rng.randrange(70000) if self.rng.random() < 0.002 else self.rng.choice(pads)
            entries.append(a_record(self.rng, number * 10000 + n, pad))
        return entries

    def a_file(self, folder, stream, made, kinds):
        """Copies a segment to a stream's folder: with or without its index, live or closed."""
        path, entries = made
        name = os.path.basename(path)
        to = os.path.join(folder, stream, stream + name[len("main") :])
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(path, to)
        kind = self.rng.choice(kinds)
        if kind != "indexed" and ".part." not in to:
            strip(to)
        if kind == "live" and ".part." not in to:
            os.rename(to, to.replace(".ndjson", ".part.ndjson"))
            to = to.replace(".ndjson", ".part.ndjson")
        if kind == "archived":
            self.case.assertEqual(logport("archive", to).code, 0)
        return File(to, stream, list(entries))

    def a_corpus(self, damaged=False):
        self.count += 1
        base = os.path.join(self.directory, "corpus%d" % self.count)
        os.makedirs(base)
        files = []
        for stream in sorted(self.rng.sample(["audit", "main", "z-last"], self.rng.choice((1, 1, 2, 3)))):
            for made in sorted(self.rng.sample(self.made, self.rng.randrange(1, 5))):
                kinds = ("indexed", "indexed", "stripped", "archived") + (("live",) if made is self.made[-1] else ())
                files.append(self.a_file(base, stream, made, kinds))
            if self.rng.random() < 0.3:  # the newest of a stream may still be written, or be empty
                files.append(self.empty_file(base, stream))
        if damaged:
            for file in self.rng.sample(files, self.rng.randrange(1, len(files) + 1)):
                self.damage(file)
        corpus = Corpus(base, [base], files, damaged)
        return [corpus, *corpus.parts()]

    def empty_file(self, base, stream):
        path = os.path.join(base, stream, stream + "-9999999999-20261124T073000Z.part.ndjson.lz4")
        with open(path, "wb"):
            return File(path, stream, [])

    def damage(self, file):
        """Changes a byte of a frame, truncates the file, or inserts garbage between two frames."""
        spans = [span for span in frame_spans(file.path)]
        datas = [span for span in spans if span[0] == DATA]
        if not datas:
            return
        lost = self.rng.choice(datas)
        _, at, size, _ = lost
        kind = self.rng.choice(("byte", "byte", "header", "cut", "nonsense", "skippable"))
        with open(file.path, "rb") as source:
            data = bytearray(source.read())
        if kind == "byte":
            data[at + self.rng.randrange(19, size)] ^= 1 << self.rng.randrange(8)
        elif kind == "header":
            data[at + self.rng.randrange(19)] ^= 1 << self.rng.randrange(8)
        elif kind == "cut":
            del data[at + self.rng.randrange(1, size) :]
        elif kind == "nonsense":
            data[at:at] = b"this is no frame, but it is here"
        else:  # a lid, filters, the index or the footer, behind their first 8 bytes
            others = [span for span in spans if span[0] != DATA and span[2] > 8]
            if others:
                _, at, size, _ = self.rng.choice(others)
                data[at + self.rng.randrange(8, size)] ^= 1 << self.rng.randrange(8)
        with open(file.path, "wb") as target:
            target.write(data)
        if kind in ("byte", "header", "cut"):
            self.lose(file, datas, lost, and_what_follows=kind == "cut")

    @staticmethod
    def lose(file, datas, lost, and_what_follows):
        """Removes the lines of a frame."""
        begin = 0
        sizes = [len(entry.line) + 1 for entry in file.entries]
        before = sum(span[3] for span in datas[: datas.index(lost)])
        first = next(i for i in range(len(sizes) + 1) if sum(sizes[:i]) == before) if before else 0
        if and_what_follows:
            del file.entries[first:]
            return
        last = first
        while begin < lost[3]:
            begin += sizes[last]
            last += 1
        del file.entries[first:last]


# ---- questions ----


class Question:
    """A search as command-line words, and the numbers of the lines that it must print."""

    def __init__(self, rng, corpus, patterns=True):
        self.rng, self.corpus, self.words, self.last = rng, corpus, [], []
        self.pattern = self.a_pattern() if patterns else set(range(len(corpus.entries)))
        self.filter = self.a_filter() if rng.random() < 0.6 else None

    def a_piece(self):
        """A condition that an existing line meets; sometimes changed so that few lines do."""
        rng = self.rng
        if not self.corpus.entries:
            return "anything"
        entry = rng.choice(self.corpus.entries)
        kind = rng.randrange(5)
        if kind == 0:
            return entry.fields["id"]
        if kind == 1:
            return rng.choice(entry.fields["msg"].split(" "))
        line = entry.line.decode()
        begin = rng.randrange(min(len(line), 600))
        piece = line[begin : begin + rng.randrange(1, 40 if kind < 4 else 12)]
        if rng.random() < 0.15:
            piece += rng.choice("xq7ß")
        return piece

    def a_regex(self):
        piece = self.a_piece()
        escaped = "".join("\\" + c if c in "\\^$.[]|()*+?{}#" else c for c in piece)
        forms = [
            "%s", "%s[0-9]+", "[a-z]+%s", "(%s|zzz)", "%s|user-4[0-9]", "(?i)%s", "x*%s?", "^.{10,80}%s", "%s.*[a-f]{2}\"",
            "\\b%s", "(?:%s)+", "%s(?=.)", "[^p]%s", "%s\\s", '"status": ?(4|5)[0-9]{2},', '"n": ?[0-9]*7[,}]', "[0-9a-f]{16}",
            "(?<=api/)users/%d[^0-9]" % self.rng.randrange(50), "timeout\\s+payment", "\\bOK\\b.*\\bOK\\b", "größe|東京", ".{3000}", "^$",
            "[^\\W\\d_]{9}", "[é-ü]",
        ]
        form = self.rng.choice(forms)
        return form % escaped if "%s" in form else form

    def a_pattern(self):
        """The lines that match the patterns."""
        rng, words = self.rng, self.words
        everything = set(range(len(self.corpus.entries)))
        kind = rng.choice(("all", "literal", "literal", "regex", "regex", "literals", "regexes"))
        if kind == "all":
            self.last = [""]
            found = everything
        else:
            count = 1 if kind in ("literal", "regex") else rng.randrange(2, 4)
            make = self.a_regex if kind.startswith("regex") else self.a_piece
            patterns = [make() for _ in range(count)]
            flags = ["-i"] if rng.random() < 0.2 else []
            fixed = kind.startswith("literal")
            # grep -P takes only one pattern.
            asked = [[w for p in patterns for w in ("-e", p)]] if fixed else [["-e", "(*UCP)" + p] for p in patterns]
            found = set()
            for one in asked:
                found |= self.corpus.grep("-F" if fixed else "-P", *flags, *one)
            self.last = ["--", patterns[0]] if kind == "literal" else []
            words += flags + ([] if kind == "literal" else (["-F"] if fixed else []) + [w for p in patterns for w in ("-e", p)])
        if rng.random() < 0.12:
            words.append("-v")
            found = everything - found
        return found

    def a_filter(self):
        """The lines that pass all filters."""
        rng, entries = self.rng, self.corpus.entries
        inside = set(range(len(entries)))
        for kind in rng.sample(("where", "level", "since", "until", "stream", "received"), rng.choice((1, 1, 2, 3))):
            if kind == "where":
                condition = Condition(rng)
                self.words += ["--where", condition.text]
                inside = {i for i in inside if condition.holds(entries[i])}
            elif kind == "level":
                name, least = rng.choice([("trace", 1), ("debug", 5), ("INFO", 9), ("warning", 13), ("error", 17), ("fatal", 21), ("10", 10)])
                self.words += ["--level", name]
                inside = {i for i in inside if entries[i].level >= least}
            elif kind == "stream":
                names = rng.sample(["audit", "main", "z-last", "nowhere"], rng.choice((1, 2)))
                self.words += [word for name in names for word in ("--stream", name)]
                inside = {i for i in inside if self.corpus.streams[i] in names}
            elif kind in ("since", "until") and "--received" not in self.words:
                moment = rng.choice(entries).time_ns if entries else None
                moment = moment if moment is not None else 1795505400 * 10**9
                moment += rng.choice((0, 0, 1, -1)) * 10**6
                self.words += ["--" + kind, moment_text(rng, moment)]
                # A line without a time was received today, after the times of all others.
                later = kind == "since"
                inside = {i for i in inside if (later if entries[i].time_ns is None else (entries[i].time_ns >= moment) == later)}
            elif kind == "received" and "--since" not in self.words and "--until" not in self.words:
                word, takes = rng.choice((("--since", True), ("--until", False)))
                self.words += ["--received", word, "6h"]
                inside = inside if takes else set()
        return inside

    def answer(self):
        found = self.pattern if self.filter is None else self.pattern & self.filter
        return sorted(found)

    def ask(self):
        """Chooses an output and runs the search, with and without indexes."""
        rng, corpus, found = self.rng, self.corpus, self.answer()
        kind = rng.choice(("plain", "plain", "count", "max", "context", "newest", "sort"))
        if corpus.damaged and kind in ("context", "count"):
            # Context around a damaged frame is unspecified, and an index counts lines that were
            # damaged after it was built.
            kind = "plain"
        words, most = list(self.words), None
        if kind == "count":
            words.append("-c")
        if kind in ("max", "newest", "sort", "context", "count") and rng.random() < (1 if kind == "max" else 0.3):
            most = rng.choice((0, 1, 2, 5, 100, 5000))
            words += ["-m", str(most)]
        context = None
        if kind == "context":
            context = (rng.choice((0, 1, 3, 40)), rng.choice((0, 1, 3, 40, 2000)))
            words += ["-B", str(context[0]), "-A", str(context[1])]
        newest = kind == "newest" or (kind == "sort" and rng.random() < 0.3)
        words += ["--newest-first"] if newest else []
        words += ["--sort"] if kind == "sort" else []
        for more in rng.sample(([], ["--no-index"]), 2):
            self.check(found, kind, most, context, newest, [*more, *words, *self.last, *corpus.paths])

    def check(self, found, kind, most, context, newest, words):
        lines = [entry.line for entry in self.corpus.entries]
        result = logport("search", *words)
        where = "search %s (seed %d)" % (" ".join(repr(str(word)) for word in words), SEED)
        if kind == "sort":
            expected, same = chosen(self.corpus.entries, found, most, newest), len
        elif context:
            expected = with_context(lines, self.corpus.streams, found, most, *context)
        else:
            expected = [lines[i] for i in (found[::-1] if newest else found)][:most]
        code = 0 if found and most != 0 else 1
        if kind == "count":
            expected = [b"%d" % min(len(found), most if most is not None else len(found))]
        if kind == "sort" and not self.corpus.damaged:
            # The receive time of lines without a time is known only approximately.
            timed = {entry.line for entry in self.corpus.entries if entry.time_ns is not None}
            if most is None:
                if [line for line in result.lines if line in timed] != [line for line in expected if line in timed]:
                    raise AssertionError("%s: the order differs" % where)
                untimed = [line for line in result.lines if line not in timed]
                if untimed and not newest and any(line in timed for line in result.lines[-len(untimed) :]):
                    raise AssertionError("%s: what says no time is not behind the rest" % where)
            expected, result_lines = sorted(expected), sorted(result.lines)
            if most is not None and any(line not in timed for line in expected):
                expected, result_lines = [len(expected)], [len(result_lines)]
        elif kind == "sort":
            expected, result_lines = [], []
        else:
            result_lines = result.lines
        if result_lines != expected:
            raise AssertionError("%s\nfound %d lines, not %d: %s" % (where, len(result_lines), len(expected), first_difference(result_lines, expected)))
        if b": no stream " in result.err:
            code = 2
        if result.code != code and not (self.corpus.damaged and result.code == 2):
            raise AssertionError("%s: exit code %d, not %d: %s" % (where, result.code, code, result.said))
        # These are reported and do not change the output.
        hints = (b": no stream ", b" unrecognised level ", b" records examined ", b"comparison never holds")
        if not found:
            hints += (b"no record is selected",)  # --since is not before --until
        told = [line for line in result.err.splitlines() if not any(hint in line for hint in hints)]
        if told and not self.corpus.damaged:
            raise AssertionError("%s: it said %s" % (where, result.said))


    def ask_stat(self):
        """Checks the counts of stat, per file and in total, from indexes and from lines."""
        words = list(self.words)
        if self.rng.random() < 0.3:
            words += self.rng.choice((["--by", "level"], ["--histogram"], ["--by", "http.status", "-n", "3"]))
        results = [logport("stat", "--json", *more, *words, *self.corpus.paths) for more in ([], ["--no-index"])]
        where = "stat %s %s (seed %d)" % (words, self.corpus.paths, SEED)
        if any(result.code != 0 and b": no stream " not in result.err for result in results):
            raise AssertionError("%s: %s" % (where, [(result.code, result.said) for result in results]))
        one, other = (json.loads(result.out) for result in results)
        if one != other:
            raise AssertionError("%s: with the index %s, without %s" % (where, one, other))
        expected = counts_of([self.corpus.entries[i] for i in self.answer()])
        found = {key: one["all"][key] for key in expected}
        if found != expected:
            raise AssertionError("%s: %s, not %s" % (where, found, expected))
        if sum(file["lines"] for file in one["files"]) != expected["lines"]:
            raise AssertionError("%s: the files' lines are not all" % where)


def counts_of(entries):
    """The counts, as stat prints them."""
    times = [entry.time_ns for entry in entries if entry.time_ns is not None]
    names = ["none", "trace", "debug", "info", "warn", "error", "fatal"]
    levels = [(entry.level + 3) // 4 for entry in entries]
    return {
        "lines": len(entries),
        "raw_bytes": sum(len(entry.line) + 1 for entry in entries),
        "timed": len(times),
        "time_min": iso(min(times)) if times else None,
        "time_max": iso(max(times)) if times else None,
        "levels": {name: levels.count(i) for i, name in enumerate(names)},
    }


def first_difference(one, other):
    for i, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return "at %d %r, not %r" % (i, a[:300], b[:300])
    longer = one if len(one) > len(other) else other
    return "%r is too %s" % (longer[min(len(one), len(other))][:300], "many" if longer is one else "few")


class Reference(Case):
    QUESTIONS = 36  # a corpus

    @classmethod
    def setUpClass(cls):
        case = Case()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.corpora = Corpora(case)

    def ask_all(self, corpora, questions=QUESTIONS, stat=False):
        def ask(number, corpus):
            rng = random.Random("%d %s %d" % (SEED, self.id(), number))
            question = Question(rng, rng.choice([corpus[0], *corpus]), patterns=not stat)
            if stat:
                question.ask_stat()
            else:
                question.ask()

        count = scaled(questions * len(corpora), 12)
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            asked = [pool.submit(ask, n, corpora[n % len(corpora)]) for n in range(count)]
            for future in asked:
                future.result()

    def test_questions_of_sound_corpora_are_answered_as_the_reference_does(self):
        corpora = [self.corpora.a_corpus() for _ in range(scaled(20, 3))]
        self.ask_all(corpora)

    def test_questions_of_damaged_corpora_find_what_can_be_read(self):
        corpora = [self.corpora.a_corpus(damaged=True) for _ in range(scaled(10, 3))]
        self.ask_all(corpora)

    def test_stat_counts_what_the_reference_counts_with_the_index_and_without(self):
        corpora = [self.corpora.a_corpus() for _ in range(scaled(12, 3))]
        self.ask_all(corpora, questions=10, stat=True)

    def test_there_is_nothing_in_corpora_of_nothing(self):
        base = os.path.join(temporary_directory(self), "logs")
        os.makedirs(os.path.join(base, "main"))
        corpora = [[Corpus(base, [base], [])]]
        other = os.path.join(temporary_directory(self), "logs")
        os.makedirs(os.path.join(other, "main"))
        corpora.append([Corpus(other, [other], [self.corpora.empty_file(other, "main")])])
        self.ask_all(corpora)


if __name__ == "__main__":
    main()
