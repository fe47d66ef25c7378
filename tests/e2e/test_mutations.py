"""test_mutations.py - every command that reads segments, and the daemon's start, on damaged and lying
segments (mutations.py): no crash, no hang, no assertion, bounded memory; records of sound frames are
printed and never lost; what an index hides is damage for `verify`.

The cases come from the seed.  To run more: LOGPORT_MUTATIONS=5000 test_mutations.py"""

import collections
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from harness import (ROOT, SANITIZED, SEED, WINDOWS, Case, environment, logport, main, program,
                     refuse_sanitizer_reports, segments, temporary_directory)  # fmt: skip
from mutations import index_of, mutate

CASES = int(os.environ.get("LOGPORT_MUTATIONS", 0)) or (4 if WINDOWS else 60)
PATIENCE_S = 120 if SANITIZED or WINDOWS else 30
MEMORY_BYTES_MAX = 256 << 20
NAME = "main-%010d-20260101T000000Z%s.ndjson.lz4"
NESTING = ("nest_frames", "hide_frames", "splice", "append_garbage", "take_out", "large_skippable")
LEVELS = ["debug", "info", "warn", "error"]


def line(rng, n):
    return b'{"time":"2026-11-30T%02d:%02d:%02dZ","level":"%s","n":%d,"id":"%016x","text":"%s"}' % (
        n // 3600 % 24, n // 60 % 60, n % 60, rng.choice(LEVELS).encode(), n, rng.getrandbits(64),
        b"the same words again " * rng.randrange(12))  # fmt: skip


Result = collections.namedtuple("Result", "code out err")
# RLIMIT_DATA counts memory that is private and writable (getrlimit(2)).  Sanitizers need far more.
# Readers need more memory with more threads (docs/guide.md): the limit is for two.
LIMITED = [] if SANITIZED or WINDOWS or not shutil.which("prlimit") else ["prlimit", "--data=%d" % MEMORY_BYTES_MAX]


def run_limited(command, folder):
    """Runs it with a limit of time and memory."""
    with tempfile.TemporaryFile(dir=folder) as out, tempfile.TemporaryFile(dir=folder) as err:
        process = subprocess.Popen(LIMITED + command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env={**environment(), "LOGPORT_THREADS": "2"}, cwd=folder)  # fmt: skip
        return wait_limited(process, command, out, err)


def wait_limited(process, command, out, err):
    hung = []

    def give_up():
        hung.append(True)
        process.kill()

    timer = threading.Timer(PATIENCE_S, give_up)
    timer.start()
    code = process.wait()
    timer.cancel()
    out.seek(0)
    err.seek(0)
    said = err.read()
    if hung:
        raise AssertionError("%s did not end in %d s: %s" % (command, PATIENCE_S, said[-2000:]))
    return Result(code, out.read(), said)


class Mutations(Case):
    """Originals are made once."""

    originals = None

    def setUp(self):
        super().setUp()
        if Mutations.originals is None:
            Mutations.originals = self.make_originals()

    def make_originals(self):
        rng = random.Random(SEED)
        daemon = self.daemon()
        made, sent = {}, 0
        for name, batches in (("closed", 6), ("groups", 30)):
            for _ in range(batches):
                lines = [line(rng, sent + i) for i in range(rng.choice([1, 300, 900] if name == "closed" else [900]))]
                sent += len(lines)
                daemon.send(b"\n".join(lines) + b"\n")
                daemon.wait_stored(sent)
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        daemon.send(b"\n".join(line(rng, sent + i) for i in range(200)) + b"\n")
        daemon.wait_stored(sent + 200)
        daemon.send(line(rng, 0) + b"\n")
        daemon.wait_stored(sent + 201)
        self.assertEqual(logport("archive", "--index-only", daemon.base).code, 0)
        paths = segments(daemon.base)
        for name, path in zip(("closed", "groups", "live"), paths):
            with open(path, "rb") as file:
                made[name] = file.read()
        daemon.stop()
        self.assertEqual(logport("archive", daemon.base).code, 0)
        for name, path in zip(("closed packed", "groups packed"), paths):
            with open(path, "rb") as file:
                made[name] = file.read()
        for name in ("closed", "groups"):
            at = index_of(made[name])[0]
            data_size = int.from_bytes(made[name][at + 24 : at + 32], "little")
            made[name + " without index"] = made[name][:data_size]
        for name in ("indexed-1", "indexed", "frame"):
            with open(os.path.join(ROOT, "tests", "golden", name + ".lz4"), "rb") as file:
                made["golden " + name] = file.read()
        return made

    # -- one case --

    def call(self, *words, codes=(0, 2), command="logport"):
        result = run_limited(program(command) + [str(word) for word in words], self.folder)
        self.judge(result, words, codes)
        return result

    def judge(self, result, words, codes):
        refuse_sanitizer_reports(result.err, " ".join(map(str, words)))
        said = result.err.decode(errors="replace")
        self.assertIn(result.code, codes, "%s: %s" % (words, said[-3000:]))
        self.assertNotRegex(said, "ssertion|out of memory", words)

    def count(self, *words):
        result = self.call("search", "-c", *words, self.base, codes=(0, 1, 2))
        return int(result.out), result.code

    def queries(self):
        """Words of searches that an index answers in part."""
        n = self.rng.randrange(27000)
        every = [
            ['"n":%d' % n],
            ["the same words"],
            ["-e", '"n":%d[0-9]*,' % (n // 100)],
            ["--level", self.rng.choice(LEVELS), ""],
            ["--since", "2026-11-30T%02d:00:00Z" % self.rng.randrange(8), ""],
            ["--until", "2026-11-30T00:%02d:00Z" % self.rng.randrange(60), "words"],
            ["--where", "n<%d" % n, ""],
        ]
        return self.rng.sample(every, 3)

    def read_everything(self, sound, done):
        """What the commands print agrees; returns (the lines, are they all sound)."""
        cat = self.call("cat", self.base)
        lines = cat.out.split(b"\n")
        self.assertEqual(lines[: len(sound)], sound, "the records of the undamaged segment")
        count = len(lines) - 1
        verify = self.call("verify", self.base, codes=(0, 1))
        for words in ([""], ["--no-index", ""]):
            found, code = self.count(*words)
            self.assertIn(code, (0, 1) if verify.code == 0 else (0, 1, 2))
            if words == [""] and verify.code == 1:
                continue  # an index also counts lines that were damaged after it was built
            # Frames inside a skippable frame before damage: cat may find them from another side.
            if any(name in done for name in NESTING):
                self.assertLessEqual(found, count, words)
            else:
                self.assertEqual(found, count, words)
        if verify.code == 0:
            self.assertEqual(cat.code, 0, cat.err)
        for words in self.queries():
            by_index, code = self.count(*words)
            if (by_index, code) != self.count("--no-index", *words):
                self.assertEqual(verify.code, 1, "an index hides lines from %s: %s" % (words, verify.out))
        return lines, verify.code == 0

    def read_more(self):
        """Only must not fail."""
        search = ["search", self.base, "-e", "words"]
        every = [
            ["tail", self.base],
            ["tail", "-n", "5000", "--level", "warn", self.base],
            [*search, "--sort", "-m", "5"],
            [*search, "--newest-first", "-m", "5"],
            [*search, "-C", "2", "-m", "3"],
            [*search, "-l"],
            [*search, "-o", "pretty", "-m", "9"],
            ["stat", "--json", "--no-index", self.base],
            ["stat", self.base],
            ["stat", "--histogram", "--by", "level", self.base],
            ["repair", "-o", os.path.join(self.folder, "repaired"), self.base],
            ["replay", "--print", self.path],
            ["retention", "-n", "--age", "1d", "--bytes-max", "1", "--dir", self.base],
        ]
        for words in self.rng.sample(every, 5):
            self.call(*words, codes=(0, 1, 2))

    def run_daemon(self):
        words = ["--dir", self.base, "--tcp", "127.0.0.1:0", "--archive-after-s", "0", "--retention-age-s", "36500d"]
        with tempfile.TemporaryFile(dir=self.folder) as out:
            err_path = os.path.join(self.folder, "daemon.err")
            with open(err_path, "wb+") as err:
                process = subprocess.Popen(LIMITED + program("logportd") + words, stdout=out, stderr=err, env=environment())
                end = time.monotonic() + PATIENCE_S
                while True:
                    with open(err_path, "rb") as file:
                        said = file.read()
                    if b"logportd: ready" in said or process.poll() is not None or time.monotonic() > end:
                        break
                    time.sleep(0.01)
                time.sleep(self.rng.choice([0, 0.05, 0.5]))  # the keeper works meanwhile, or is stopped
                if process.returncode is None:
                    process.send_signal(signal.SIGINT if WINDOWS else signal.SIGTERM)
                result = wait_limited(process, words, out, err)
        self.assertIn(b"logportd: ready", said)
        self.judge(result, ["logportd"], (0,))
        says = collections.Counter(text for text in result.err.splitlines() if b"damaged" in text)
        self.assertLess(max(says.values(), default=0), 2, "said more than once: %s" % says)

    def run_case(self, number):
        rng = self.rng = random.Random("%d/%d" % (SEED, number))
        self.folder = temporary_directory(self)
        try:
            self.run_in_folder(rng, number)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def run_in_folder(self, rng, number):
        self.base = os.path.join(self.folder, "logs")
        os.makedirs(os.path.join(self.base, "main"))
        kind = rng.choice(list(self.originals))
        done, data = mutate(rng, self.originals[kind], rng.choice(list(self.originals.values())))
        self.path = os.path.join(self.base, "main", NAME % (2, ".part" if kind == "live" else ""))
        with open(self.path, "wb") as file:
            file.write(data)
        with open(os.path.join(self.base, "main", NAME % (1, "")), "wb") as file:
            file.write(self.originals["closed"])
        with self.subTest(case=number, seed=SEED, original=kind, mutation=done):
            keep = os.environ.get("LOGPORT_MUTATION_KEEP")
            if keep:
                shutil.copytree(self.base, os.path.join(keep, "case-%d" % number))
            sound = self.call("cat", os.path.join(self.base, "main", NAME % (1, ""))).out.split(b"\n")[:-1]
            lines, is_sound = self.read_everything(sound, done)
            self.read_more()
            before = collections.Counter(lines)
            if rng.random() < 0.5:
                self.call("archive", *rng.choice([["--index-only"], []]), rng.choice([self.base, self.path]))
                lines = self.call("cat", self.base).out.split(b"\n")
                self.assertEqual(collections.Counter(lines), before, "archive lost or added lines")
                if is_sound:
                    self.assertEqual(self.call("verify", self.base, codes=(0, 1)).code, 0)
            if rng.random() < 0.5:
                self.run_daemon()
                after = collections.Counter(self.call("cat", self.base).out.split(b"\n"))
                self.assertEqual(before - after, collections.Counter(), "the daemon lost lines")

    def test_mutated_segments(self):
        first = int(os.environ.get("LOGPORT_MUTATION_FIRST", 0))
        for number in range(first, first + CASES):
            self.run_case(number)


if __name__ == "__main__":
    main()
