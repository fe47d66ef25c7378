"""test_readers.py - segments are closed, re-packed and deleted while programs read them: logport, lz4
and rg, and on Windows programs that open files exclusively.  No line is lost or seen twice, and
no step of the daemon waits for ever."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import unittest

from harness import (PATIENCE_S, SANITIZED, WINDOWS, Case, Holder, assert_passes_lz4_test, decode, environment,
                     log_line, logport, main, program, ripgrep_counts, scaled, segments, start, status, wait_until)
from test_reader import Follower

SLOW = WINDOWS or SANITIZED
NUMBER = re.compile(rb'"n":(\d+),')


def numbers(lines):
    return [int(NUMBER.search(line).group(1)) for line in lines]


def closed(base):
    return [path for path in segments(base) if ".part." not in path]


def sequence(path):
    return int(os.path.basename(path).split("-")[1])


def look_again(daemon):
    """After a reload the daemon works on closed segments at once, without the usual delay."""
    result = logport("reload", "--dir", daemon.base)
    if result.code != 0:
        raise AssertionError("%d: %s%s" % (result.code, result.said, daemon.said))


class Load(threading.Thread):
    """Sends numbered lines over one connection, in bursts, until finish()."""

    BURST = 300

    def __init__(self, case, daemon, pace=lambda load: None):
        super().__init__(daemon=True)
        self.case, self.daemon, self.pace = case, daemon, pace
        self.sent = []  # these lines may have been received, no others
        self.over = threading.Event()
        self.error = None
        case.addCleanup(self.over.set)
        self.connection = daemon.connect()
        self.start()

    def run(self):
        try:
            # Bursts, so that full segments are closed and the keeper has time for them.
            while not self.over.wait(0.1 if WINDOWS else 0.02):
                first = len(self.sent)
                burst = [log_line(self.case.rng, n=n) for n in range(first, first + self.BURST)]
                self.sent += burst
                self.connection.sendall(b"".join(line + b"\n" for line in burst))
                self.pace(self)
        except BaseException as error:
            self.error = error

    def finish(self):
        """Stops sending and waits until everything is stored; returns all sent lines."""
        self.over.set()
        self.join(PATIENCE_S)
        self.connection.close()
        if self.error:
            raise self.error
        wait_until(lambda: status(self.daemon)["stored"] == len(self.sent), "all is stored")
        return self.sent


class ReadersAtWork(Case):
    SEGMENT = "64KiB"

    def at_work(self, *words):
        return self.daemon("--segment-bytes-max", self.SEGMENT, "--flush-ms", "20", "--archive-after-s", "0s", *words)

    def enough(self, daemon, files, count="segments_archived"):
        return status(daemon)["main"][count] >= scaled(files, at_least=4)

    def test_cat_and_search_see_every_line_once_while_files_are_closed_and_packed(self):
        self.cat_and_search(self.at_work(), "segments_archived")

    def test_cat_search_and_tail_f_see_every_line_once_while_files_move_to_an_archive(self):
        archive = self.directory()
        daemon = self.at_work("--archive-dir", archive)
        follower = Follower(self, "-n", "1000000", daemon.base)
        sent = self.cat_and_search(daemon, "segments_moved")
        self.assertTrue(os.listdir(os.path.join(archive, "main")))
        wait_until(lambda: len(follower.seen) >= len(sent), "tail -f has shown all")
        self.assert_lines(follower.lines, sent)

    def test_an_old_file_that_stayed_behind_hides_none_that_have_moved(self):
        archive = self.directory()
        daemon = self.at_work("--archive-dir", archive)
        sent = [log_line(self.rng, n=n) for n in range(900)]
        for begin in (0, 300, 600):
            daemon.send(b"".join(line + b"\n" for line in sent[begin : begin + 300]))
            wait_until(lambda: status(daemon)["stored"] == begin + 300, "they are stored")
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        look_again(daemon)
        wait_until(lambda: status(daemon)["main"]["segments_moved"] == 3, "all have moved")
        daemon.stop()
        shutil.move(segments(archive)[0], os.path.join(daemon.base, "main"))
        self.assert_lines(logport("cat", daemon.base).lines, sent)
        self.assert_lines(logport("tail", "-n", "900", daemon.base).lines, sent)

    def cat_and_search(self, daemon, count):
        """Runs both repeatedly until `count` segments have been processed."""
        rounds = [1]

        def pace(load):
            """Adds a few segments in each round: on a slow machine the rounds would become too long."""
            while len(load.sent) > rounds[0] * 8 * load.BURST and not load.over.wait(0.05):
                pass

        load = Load(self, daemon, pace)
        for _ in range(10000):  # ends: segments are processed all the time
            before = status(daemon)["stored"]
            shown = logport("cat", daemon.base)
            self.assertEqual((shown.code, shown.err), (0, b""))
            self.assertGreaterEqual(len(shown.lines), before)
            self.assert_lines(shown.lines, load.sent[: len(shown.lines)])
            before = status(daemon)["stored"]
            found = logport("search", "-c", '"n":', daemon.base)
            self.assertEqual(found.err, b"")
            self.assertTrue(before <= int(found.out) <= len(load.sent), (before, found.out, len(load.sent)))
            self.assertEqual(found.code, 0 if int(found.out) else 1)
            seen_to = status(daemon)["main"][count]
            look_again(daemon)
            rounds[0] += 1
            if self.enough(daemon, 60, count):
                break
            # Readers without a pause would leave no time for work of the lowest priority.
            wait_until(lambda: status(daemon)["main"][count] > seen_to, "another file is seen to")
        sent = load.finish()
        self.assert_lines(logport("cat", daemon.base).lines, sent)
        daemon.stop()
        self.assertEqual(logport("verify", "--manifest", daemon.base).code, 0)
        return sent

    def test_cat_and_search_meet_deletion_and_leave_no_line_out_between_two_that_they_show(self):
        daemon = self.at_work("--retention-count-max", "4")
        load = Load(self, daemon)
        deleted = set()
        for _ in range(10000):  # ends: files are deleted all the time
            for words in (("cat",), ("search", '"n":')):
                before = status(daemon)["stored"]
                shown = logport(*words, daemon.base)
                if b"deleted" in shown.err:  # some that it had not read yet: it reports them
                    self.assertEqual(shown.code, 2)
                    continue
                self.assertEqual((shown.code, shown.err), (0 if shown.lines or words == ("cat",) else 1, b""))
                if not shown.lines:
                    continue
                first = numbers(shown.lines[:1])[0]
                self.assertGreaterEqual(first + len(shown.lines), before)
                self.assert_lines(shown.lines, load.sent[first : first + len(shown.lines)])
            look_again(daemon)
            deleted.update(re.findall(r"(\S+): deleted: ", daemon.said))
            if len(deleted) >= scaled(60, at_least=4):
                break
        sent = load.finish()
        look_again(daemon)
        wait_until(lambda: len(closed(daemon.base)) <= 4, "no more are left than may be")
        daemon.stop()
        left = logport("cat", daemon.base).lines
        self.assert_lines(left, sent[len(sent) - len(left) :])
        self.assertEqual(logport("verify", "--manifest", daemon.base).code, 0)

    def test_what_is_deleted_before_it_is_read_is_told_where_lines_around_it_are_shown(self):
        lines = [log_line(self.rng, n=n, pad="%0150x" % self.rng.getrandbits(600)) for n in range(8000)]
        daemon = self.daemon()
        for begin in range(0, len(lines), 2000):
            daemon.send(b"".join(line + b"\n" for line in lines[begin : begin + 2000]))
            daemon.wait_stored(begin + 2000)
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        daemon.stop()
        files = segments(daemon.base)
        reader = SlowReader(self, program("logport") + ["cat", daemon.base])  # is in the first
        for path in files[1:3]:
            os.remove(path)
        out, said = reader.finish(code=2)
        self.assert_lines(out, lines[:2000] + lines[6000:])
        for path in files[1:3]:
            self.assertIn(os.path.basename(path) + ": deleted before it could be read; ", said)
        self.assert_lines(logport("cat", daemon.base).lines, lines[:2000] + lines[6000:])

    def test_tail_f_tells_which_segments_went_before_it_came_to_them(self):
        daemon = self.daemon()
        follower = None
        for n in range(6):
            line = log_line(self.rng, n=n)
            daemon.send(line + b"\n")
            wait_until(lambda: status(daemon)["stored"] == n + 1, "it is stored")
            if n == 0:
                follower = Follower(self, daemon.base)
                wait_until(lambda: follower.seen, "it is shown")
                follower.process.send_signal(signal.SIGSTOP)
            rotated = logport("rotate", "--dir", daemon.base)
            self.assertEqual(rotated.code, 0, rotated.said + daemon.said)
        for path in segments(daemon.base)[1:4]:
            os.remove(path)
        follower.process.send_signal(signal.SIGCONT)
        wait_until(lambda: len(follower.seen) == 3, "what is left is shown")
        self.assertEqual(numbers(follower.lines), [0, 4, 5])
        self.assertIn(b"segments 2 to 4 are missing", follower.said())
        daemon.stop()

    def test_tail_f_that_keeps_up_shows_every_line_once_while_files_are_packed_and_deleted_behind_it(self):
        daemon = self.at_work("--retention-count-max", "4")
        follower = Follower(self, "-n", "1000000", daemon.base)
        load = Load(self, daemon, lambda load: wait_until(
            lambda: load.over.is_set() or len(load.sent) < len(follower.seen) + 2 * load.BURST, "tail -f keeps up"))
        for _ in range(10000):  # ends: files are deleted all the time
            look_again(daemon)
            if len(daemon.said_lines("deleted: ")) >= scaled(100, at_least=6):
                break
        sent = load.finish()
        wait_until(lambda: len(follower.seen) >= len(sent), "all lines are shown")
        self.assert_lines(follower.lines, sent)
        self.assertRegex(follower.said() or b"", rb"\A([^\n]*no records yet; waiting for them\n)?\Z")
        daemon.stop()

    def test_a_slow_reader_of_a_file_that_is_packed_and_then_deleted_gets_every_line_of_it(self):
        lines = [log_line(self.rng, n=n, pad="%0150x" % self.rng.getrandbits(600)) for n in range(12000)]
        path = os.path.join(self.directory(), "logportd.json")
        self.write(path, archive_level=0)
        daemon = self.daemon("--config", path, "--archive-after-s", "0s")
        daemon.send(b"".join(line + b"\n" for line in lines))
        daemon.wait_stored(len(lines))
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        (file,) = segments(daemon.base)
        readers = [SlowReader(self, command) for command in (["lz4", "-dc", file], *self.ours(file, daemon.base))]
        before = os.path.getsize(file)
        self.write(path, archive_level=4)
        look_again(daemon)
        wait_until(lambda: os.path.getsize(file) < before, "it is packed")
        readers += [SlowReader(self, ["lz4", "-dc", file])]
        daemon.send(log_line(self.rng, n=0) + b"\n")
        wait_until(lambda: len(segments(daemon.base)) == 2, "the next begins")
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        self.write(path, archive_level=4, retention_count_max=1)
        look_again(daemon)
        wait_until(lambda: not os.path.exists(file), "it is deleted")
        for reader in readers:
            out, said = reader.finish()
            self.assertEqual(said, "")
            self.assert_lines(out, lines, reader.command[0])
        daemon.stop()

    def ours(self, file, base):
        """Wine, unlike Windows, does not replace an open file: see HeldFiles."""
        words = [] if WINDOWS else [("cat", file), ("cat", base), ("search", '"n":', base)]
        return [program("logport") + list(each) for each in words]

    def write(self, path, **config):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)

    def test_plain_lz4_and_rg_find_the_same_lines_in_a_closed_file_whenever_they_look(self):
        daemon = self.at_work("--retention-count-max", "12")
        load = Load(self, daemon)
        known = {}  # path: its lines, which never change
        for _ in range(10000):  # ends: files are packed all the time
            files = closed(daemon.base)
            counts = ripgrep_counts(*files) if files else []
            for path, count in zip(files, counts or []):
                if count == 0 and not os.path.exists(path):
                    continue
                if path not in known:
                    text = decode(path)
                    if text is None:
                        continue
                    known[path] = text.splitlines()
                    first = numbers(known[path][:1])[0]
                    self.assert_lines(known[path], load.sent[first : first + len(known[path])])
                self.assertEqual(count, len(known[path]), path)
            for path in files[-3:]:
                text = decode(path)
                if text is not None and path in known:
                    self.assert_lines(text.splitlines(), known[path])
                assert_passes_lz4_test(path)
            look_again(daemon)
            if self.enough(daemon, 40) and len(known) > 3:
                break
        load.finish()
        daemon.stop()


@unittest.skipUnless(WINDOWS, "elsewhere a file that is open can be renamed and deleted")
class HeldFiles(Case):
    """A file that another program has opened exclusively is processed soon after it is released."""

    def begin(self, *words, **config):
        self.path = os.path.join(self.directory(), "logportd.json")
        self.write(**config)
        self.daemon_ = self.daemon("--config", self.path, "--archive-after-s", "0s", "--flush-ms", "20", *words)
        self.base, self.sent = self.daemon_.base, []
        return self.daemon_

    def write(self, **config):
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(config, file)

    def send(self, count=200):
        """Sends `count` lines and waits until they are stored."""
        self.daemon_.send(b"".join(line + b"\n" for line in self.more(count)))
        self.wait_stored()

    def more(self, count):
        lines = [log_line(self.rng, n=n) for n in range(len(self.sent), len(self.sent) + count)]
        self.sent += lines
        return lines

    def wait_stored(self):
        wait_until(lambda: status(self.daemon_)["stored"] == len(self.sent), "all is stored")

    def close_files(self, count):
        for _ in range(count):
            self.send()
            self.assertEqual(logport("rotate", "--dir", self.base).code, 0)
        return segments(self.base)[-count:]

    def archived(self, count):
        wait_until(lambda: status(self.daemon_)["main"]["segments_archived"] == count, "%d are packed" % count)

    def end(self, code=0):
        self.daemon_.stop()
        verified = logport("verify", "--manifest", self.base)
        self.assertEqual(verified.code, 0, verified.out.decode() + verified.said)
        self.assertEqual(logport("verify", self.base).code, 0)

    def assert_all_there(self, first=0):
        self.assert_lines(logport("cat", self.base).lines, self.sent[first:])

    def test_a_closed_file_is_packed_soon_after_it_is_let_go_and_the_others_do_not_wait_for_it(self):
        holder = Holder(self)
        for how in ("alone", "read"):
            with self.subTest(how):
                self.begin(archive_level=0)
                files = self.close_files(3)
                holder.ask(how + " " + files[1], "held")
                before = os.path.getsize(files[1])
                self.write(archive_level=3)
                look_again(self.daemon_)
                self.archived(2)
                self.assertEqual(os.path.getsize(files[1]), before)
                self.send()
                read = logport("cat", self.base)
                if how == "alone":  # readable segments are read, the others are reported
                    self.assertEqual(read.code, 2)
                    self.assertIn("in use by another program", read.said)
                    self.assert_lines(read.lines, self.sent[:200] + self.sent[400:])
                else:
                    self.assert_lines(read.lines, self.sent)
                holder.ask("let go", "free")
                self.archived(3)
                self.assert_all_there()
                self.end()

    def test_a_closed_file_is_deleted_soon_after_it_is_let_go_and_the_others_do_not_wait_for_it(self):
        holder = Holder(self)
        for how in ("alone", "read"):
            with self.subTest(how):
                self.begin(archive_level=0)
                files = self.close_files(4)
                holder.ask(how + " " + files[0], "held")
                self.write(archive_level=0, retention_count_max=1)
                look_again(self.daemon_)
                wait_until(lambda: segments(self.base) == [files[0], files[3]], "the others are deleted")
                self.daemon_.wait_said("cannot be deleted: in use by another program; trying again later")
                self.send()
                holder.ask("let go", "free")
                wait_until(lambda: not os.path.exists(files[0]), "it is deleted, too")
                self.assert_all_there(600)
                wait_until(lambda: logport("verify", "--manifest", self.base).code == 0, "the books are right")
                self.end()

    def test_a_file_that_cannot_get_its_last_name_keeps_no_line_from_being_stored(self):
        holder = Holder(self)
        self.begin("--segment-bytes-max", "64KiB")
        self.send()
        (part,) = segments(self.base)
        holder.ask("read " + part, "held")
        for _ in range(4):  # files are closed
            self.send()
        self.daemon_.wait_said("closing: in use by another program; trying again")
        self.assertTrue(os.path.exists(part))
        self.assertGreater(len(segments(self.base)), 1)
        self.assert_all_there()
        holder.ask("let go", "free")
        wait_until(lambda: not os.path.exists(part), "it has its name")
        self.assert_all_there()
        # A segment that is closed after a later one may get its index and its line in the
        # manifest only at the next start.
        self.daemon_.stop()
        self.daemon_ = self.daemon(dir=self.base)
        wait_until(lambda: logport("verify", "--manifest", self.base).code == 0, "it is recorded")
        self.end()

    def test_a_file_that_is_caught_the_moment_it_is_closed_gets_its_name_and_its_index(self):
        holder, caught = Holder(self), 0
        self.begin(archive_level=0)
        for _ in range(8):
            self.send()
            part = segments(self.base)[-1]
            self.assertIn(".part.", part)
            holder.tell("catch " + part)
            rotating = self.in_thread(logport, "rotate", "--dir", self.base)
            caught += holder.answer() == "held"
            self.send()  # continues in the next
            holder.ask("let go", "free")
            self.assertEqual(rotating.finish().code, 0)
            self.assertFalse(os.path.exists(part))
        self.assertGreater(caught, 0, "it was never quick enough")
        self.assert_all_there()
        self.end()

    def test_books_that_are_held_are_kept_later(self):
        holder = Holder(self)
        self.begin(archive_level=3)
        self.close_files(1)
        look_again(self.daemon_)
        self.archived(1)
        holder.ask("alone " + os.path.join(self.base, "state", "manifest.ndjson"), "held")
        self.close_files(2)
        look_again(self.daemon_)
        self.daemon_.wait_said("in use by another program; retrying soon")
        self.send()
        holder.ask("let go", "free")

        def archived():
            with open(os.path.join(self.base, "state", "manifest.ndjson"), encoding="utf-8") as file:
                return {line["sequence"] for line in map(json.loads, file) if line["event"] == "archived"}

        wait_until(lambda: archived() == {1, 2, 3}, "all are packed, and written down")
        self.assert_all_there()
        self.end()

    def test_a_sequence_that_is_held_delays_the_next_file_and_loses_nothing(self):
        holder = Holder(self)
        self.begin(archive_level=0)
        self.close_files(1)
        holder.ask("alone " + os.path.join(self.base, "state", "main.sequence"), "held")
        self.daemon_.send(b"".join(line + b"\n" for line in self.more(50)))
        self.daemon_.wait_said("in use by another program; holding 1 batch")
        holder.ask("let go", "free")
        self.daemon_.wait_said("writing again; nothing was lost")
        self.wait_stored()
        self.assert_all_there()
        self.end()

    def test_a_stop_does_not_wait_for_ever_and_the_next_start_finishes(self):
        holder = Holder(self)
        self.begin("--stop-ms", "2000ms")
        self.send()
        (part,) = segments(self.base)
        holder.ask("read " + part, "held")
        self.daemon_.ask_to_stop()
        _, counters = self.daemon_.wait_end()
        self.assertEqual(counters["stored"], len(self.sent))
        self.assertTrue(os.path.exists(part))
        holder.ask("let go", "free")
        self.daemon_ = self.daemon(dir=self.base)
        self.assertFalse(os.path.exists(part))
        self.assert_all_there()
        self.end()

    def test_our_own_reader_delays_packing_and_deletion_until_it_is_through_at_most(self):
        self.begin(archive_level=0)
        self.send(4000)
        self.assertEqual(logport("rotate", "--dir", self.base).code, 0)
        (file,) = segments(self.base)
        before = os.path.getsize(file)
        reader = SlowReader(self, program("logport") + ["cat", self.base])
        self.write(archive_level=3)
        look_again(self.daemon_)
        self.send(10)
        self.assert_all_there()
        out, said = reader.finish()
        self.assertEqual(said, "")
        self.assert_lines(out, self.sent[:4000])
        wait_until(lambda: os.path.getsize(file) < before, "it is packed")
        reader = SlowReader(self, program("logport") + ["cat", file])
        self.assertEqual(logport("rotate", "--dir", self.base).code, 0)
        self.write(archive_level=3, retention_count_max=1)
        look_again(self.daemon_)
        self.daemon_.wait_said("deleted: more than 1")
        out, said = reader.finish()
        self.assertEqual(said, "")
        self.assert_lines(out, self.sent[:4000])
        self.assertFalse(os.path.exists(file))
        self.assert_all_there(4000)
        self.end()

    def test_a_program_that_looks_into_every_file_for_itself_harms_nothing(self):
        holder = Holder(self)
        self.begin("--segment-bytes-max", "64KiB", archive_level=3, retention_count_max=6)
        taken = 0
        for _ in range(20):
            self.send(300)
            files = segments(self.base)
            for path in self.rng.sample(files, min(len(files), 3)):
                holder.tell(self.rng.choice(("alone ", "read ")) + path)
                taken += holder.answer() == "held"
            look_again(self.daemon_)
            holder.ask("let go", "free")
        self.assertGreater(taken, 10)
        look_again(self.daemon_)
        wait_until(lambda: len(closed(self.base)) <= 6, "no more are left than may be")
        left = logport("cat", self.base).lines
        self.assert_lines(left, self.sent[len(self.sent) - len(left) :])
        self.end()


class SlowReader:
    """A program of whose output only the first line is read until finish()."""

    def __init__(self, case, command):
        self.command = command
        self.process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), bufsize=0)
        case.addCleanup(self.close)
        self.first = self.process.stdout.read(1)  # it has started; the rest fills the pipe

    def finish(self, code=0):
        """Reads the rest; returns all of stdout and stderr."""
        out = self.first + b"".join(iter(lambda: self.process.stdout.read(1 << 16), b""))
        said = self.process.stderr.read().decode()
        ended = self.process.wait(PATIENCE_S)
        if ended != code:
            raise AssertionError("%s: %d, %s" % (self.command, ended, said))
        return out.splitlines(), said

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


if __name__ == "__main__":
    main()
