"""test_archive.py - closed segments move to an archive: readers find them there, and an archive that
is full, missing or used by another daemon does not stop ingest."""

import contextlib
import json
import os
import signal
import subprocess
import time

from harness import (Case, environment, log_line, logport, logportd, main, manifest, native_only, program, run, scaled,
                     segments, small_disk, split_lines, start, status, wait_until)


def closed(folder):
    return [path for path in segments(folder) if ".part." not in path]


class ArchiveCase(Case):
    ARCHIVING = ("--archive-after-s", "0s")

    def sent(self, daemon, first, count):
        """Stores `count` lines in a segment of their own."""
        lines = [log_line(self.rng, n=n) for n in range(first, first + count)]
        daemon.send(b"".join(line + b"\n" for line in lines))
        wait_until(lambda: status(daemon)["stored"] >= count, "they are stored")
        wait_until(lambda: logport("search", "-c", '"n":%d,' % (first + count - 1), daemon.base).out == b"1\n", "stored")
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        return lines

    def wait_moved(self, daemon, count):
        wait_until(lambda: status(daemon)["main"]["segments_moved"] >= count, "%d have moved" % count)

    def assert_sound(self, base):
        told = logport("verify", "--manifest", base)
        self.assertEqual(told.code, 0, told.out + told.err)
        self.assertEqual(logport("verify", base).code, 0)


class Archive(ArchiveCase):
    def test_closed_files_move_and_are_read_by_the_daemons_directory(self):
        there = os.path.join(self.directory(), "cold")
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there)
        lines = [line for n in range(3) for line in self.sent(daemon, 1000 * n, 1000)]
        self.wait_moved(daemon, 3)
        self.assertEqual((closed(daemon.base), len(segments(there))), ([], 3))
        lines += self.sent(daemon, 3000, 10)
        for path in (daemon.base, os.path.join(daemon.base, "main"), daemon.base + "/"):
            self.assert_lines(logport("cat", path).lines, lines)
        self.assert_lines(logport("tail", "-n", "1500", daemon.base).lines, lines[-1500:])
        self.assertEqual(logport("search", "-c", '"n":', daemon.base).out, b"3010\n")
        self.assertEqual(json.loads(logport("stat", "--json", daemon.base).out)["all"]["lines"], 3010)
        self.wait_moved(daemon, 4)
        daemon.stop()
        moved = [line for line in manifest(daemon.base) if line["event"] == "moved"]
        self.assertEqual([line["sequence"] for line in moved], [1, 2, 3, 4])
        self.assertEqual(os.path.basename(os.path.dirname(moved[0]["folder"])), "cold")
        self.assert_sound(daemon.base)
        self.assertEqual(sorted(os.listdir(os.path.join(there, "state"))), ["archive-of"])
        # By its former path, and by its present one.
        name = os.path.basename(segments(there)[0])
        self.assert_lines(logport("cat", os.path.join(daemon.base, "main", name)).lines, lines[:1000])
        # A reader that has listed it while it was live asks for this name.
        live = name.replace(".ndjson.lz4", ".part.ndjson.lz4")
        self.assert_lines(logport("cat", os.path.join(daemon.base, "main", live)).lines, lines[:1000])
        self.assert_lines(logport("cat", there).lines, lines)

    def test_a_directory_that_is_given_as_it_lies_from_here_is_found_from_elsewhere(self):
        where = self.directory()
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", "cold", dir=os.path.join(where, "logs"), cwd=where)
        lines = self.sent(daemon, 0, 100)
        self.wait_moved(daemon, 1)
        daemon.stop()
        self.assertEqual(len(segments(os.path.join(where, "cold"))), 1)
        self.assert_lines(logport("cat", daemon.base, cwd="/").lines, lines)
        self.assert_sound(daemon.base)

    def test_archived_and_closed_files_together_are_what_retention_counts(self):
        there = os.path.join(self.directory(), "cold")
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there, "--retention-count-max", "2")
        for n in range(5):
            self.sent(daemon, n, 1)
        wait_until(lambda: sum(line["event"] == "deleted" for line in manifest(daemon.base)) == 3, "three are deleted")
        wait_until(lambda: len(segments(there)) == 2, "two are left")
        daemon.stop()
        self.assertEqual(logport("cat", daemon.base).out.count(b"\n"), 2)
        self.assert_sound(daemon.base)
        told = logport("retention", "-n", "--dir", daemon.base, "--count-max", "1")
        self.assertIn(b"1 of 2 segments would be deleted", told.out)
        self.assertIn(segments(there)[0] + ": ", told.out.decode())

    def test_an_archive_that_is_named_in_another_way_counts_once(self):
        there = os.path.join(self.directory(), "cold")
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there)
        self.sent(daemon, 0, 10)
        self.wait_moved(daemon, 1)
        daemon.stop()
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", os.path.join(there, "..", "cold"), dir=daemon.base)
        self.sent(daemon, 10, 10)
        self.wait_moved(daemon, 1)
        daemon.stop()
        size = sum(os.path.getsize(path) for path in segments(there))
        told = logport("retention", "-n", "--dir", daemon.base, "--bytes-max", str(size))
        self.assertIn(b"0 of 2 segments would be deleted", told.out)
        told = logport("retention", "-n", "--dir", daemon.base, "--bytes-max", str(size - 1))
        self.assertIn(b"1 of 2 segments would be deleted", told.out)
        # Nor by the daemon, which looks at each archive on its own.
        limit = ("--retention-bytes-max", str(size + size // 2))
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there, *limit, dir=daemon.base)
        for n in range(2):
            self.sent(daemon, 20 + n, 1)
            self.wait_moved(daemon, n + 1)
        daemon.stop()
        self.assertEqual(len(segments(there)), 4, daemon.said)

    def test_somebody_elses_archive_is_refused_and_the_files_stay(self):
        there = os.path.join(self.directory(), "cold")
        first = self.daemon(*self.ARCHIVING, "--archive-dir", there)
        self.sent(first, 0, 10)
        self.wait_moved(first, 1)
        second = self.daemon(*self.ARCHIVING, "--archive-dir", there)
        lines = self.sent(second, 100, 10)
        second.wait_said(r"archive .*cold: is the archive of another log directory; closed files stay in ")
        self.assertEqual(len(closed(second.base)), 1)
        self.assert_lines(logport("cat", second.base).lines, lines)
        self.assertGreater(status(second)["main"]["move_failures"], 0)
        second.stop()
        first.stop()
        self.assertEqual(len(segments(there)), 1)

    def test_the_log_directory_itself_is_no_archive(self):
        where = self.directory()
        base = os.path.join(where, "logs")
        for name in ("logs", "logs/cold"):
            told = logportd("--check", "--dir", base, "--archive-dir", os.path.join(where, ".", *name.split("/"), ""))
            self.assertEqual(told.code, 2)
            self.assertIn(" the log directory, ", told.said)

    @native_only("links are made otherwise there")
    def test_nor_is_it_by_another_name(self):
        where = self.directory()
        base = os.path.join(where, "logs")
        os.symlink(base, os.path.join(where, "alias"))
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", os.path.join(where, "alias"), dir=base)
        lines = self.sent(daemon, 0, 10)
        daemon.wait_said(r"is a log directory")
        daemon.stop()
        self.assert_lines(logport("cat", base).lines, lines)

    def test_an_archive_that_a_reload_names_takes_what_is_there(self):
        where = self.directory()
        config = os.path.join(where, "config.json")
        with open(config, "w", encoding="utf-8") as file:
            file.write('{"archive_after_s": "0s"}')
        daemon = self.daemon("--config", config)
        lines = self.sent(daemon, 0, 100)
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"archive_after_s": "0s", "archive_dir": os.path.join(where, "cold")}, file)
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        self.wait_moved(daemon, 1)
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"archive_after_s": "0s", "archive_dir": os.path.join(where, "colder")}, file)
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        lines += self.sent(daemon, 100, 100)
        self.wait_moved(daemon, 2)
        daemon.stop()
        self.assertEqual([len(segments(os.path.join(where, name))) for name in ("cold", "colder")], [1, 1])
        self.assert_lines(logport("cat", daemon.base).lines, lines)
        self.assert_sound(daemon.base)

    def test_without_a_daemon_the_reader_moves_them_and_with_one_it_refuses(self):
        there = os.path.join(self.directory(), "cold")
        daemon = self.daemon()
        lines = self.sent(daemon, 0, 1000) + self.sent(daemon, 1000, 10)
        refused = logport("archive", "--archive-dir", there, daemon.base)
        self.assertEqual(refused.code, 2)
        self.assertIn("a daemon is running on this directory", refused.said)
        daemon.stop()
        told = logport("archive", "--archive-dir", there, daemon.base)
        self.assertEqual((told.code, told.said), (0, ""))
        self.assertRegex(told.out, rb", 2 moved$|, 2 moved,")
        self.assertEqual((segments(daemon.base), len(segments(there))), ([], 2))
        self.assert_lines(logport("cat", daemon.base).lines, lines)
        self.assert_sound(daemon.base)
        nowhere = logport("archive", "--archive-dir", there, os.path.join(daemon.base, "main"))
        self.assertIn("not a daemon's directory", nowhere.said)
        # A daemon that continues in this directory takes over the archive.
        again = self.daemon(*self.ARCHIVING, "--archive-dir", there, dir=daemon.base)
        lines += self.sent(again, 2000, 10)
        self.wait_moved(again, 1)
        again.stop()
        self.assert_lines(logport("cat", daemon.base).lines, lines)
        self.assert_sound(daemon.base)

    def test_each_stream_may_have_its_own_archive_and_command(self):
        where = self.directory()
        config, cold = os.path.join(where, "config.json"), os.path.join(where, "cold")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({
                "tcp": ["127.0.0.1:0"] + [{"address": "127.0.0.1:0", "stream": name} for name in ("audit", "web")],
                "archive_after_s": "0s", "archive_dir": cold,
                "archive_command": [program("logport")[-1], "verify", "{path}"],
                "streams": {"audit": {"archive_dir": os.path.join(where, "safe"), "archive_command": "none"},
                            "web": {"archive_dir": "none", "archive_command": [program("logport")[-1], "cat", "{path}"]}},
            }, file)
        daemon = self.daemon("--config", config, tcp=(), udp=())
        for n in range(3):
            daemon.send(b'{"n":%d}\n' % n, n)
        wait_until(lambda: status(daemon)["stored"] == 3, "all are stored")
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        wait_until(lambda: status(daemon)["streams"]["main"]["segments_handed_over"] == 1, "main is handed over")
        wait_until(lambda: status(daemon)["streams"]["web"]["segments_handed_over"] == 1, "and web")
        wait_until(lambda: status(daemon)["streams"]["audit"]["segments_moved"] == 1, "audit has moved")
        daemon.wait_said('^{"n":2}')
        daemon.stop()
        found = [len(segments(*place)) for place in ((cold, "main"), (os.path.join(where, "safe"), "audit"), (daemon.base, "web"))]
        self.assertEqual(found, [1, 1, 1])
        self.assertEqual({line["event"] for line in manifest(daemon.base) if line["stream"] == "audit"} & {"handed_over"}, set())
        self.assertEqual(logport("search", "-c", "n", daemon.base).out, b"3\n")
        self.assert_sound(daemon.base)
        with open(config, "w", encoding="utf-8") as file:
            file.write('{"streams": {"web": {"archive_command": []}}}')
        told = logportd("--check", "--config", config)
        self.assertEqual(told.code, 2)
        self.assertIn("config.json:1:41: stream web: archive_command: at least one text was expected", told.said)

    def test_a_bad_name_is_refused(self):
        for name in ("", "two\nlines"):
            told = logportd("--check", "--archive-dir", name)
            self.assertEqual(told.code, 2)
            self.assertIn("archive_dir: a directory name", told.said)


class ReceiveTimes(Case):
    def test_receive_times_stay_as_precise_when_a_segment_is_repacked(self):
        """Records without a time, in batches that have a lid each: the receive times of each batch select
        the same records, in the same order, before and after."""
        daemon = self.daemon("--flush-ms", "5")
        moments, sent = [], 0
        for batch in range(12):
            moments.append(time.time_ns())
            lines = [b'{"batch":%d,"n":%d,"pad":"%s"}' % (batch, n, self.rng.randbytes(300).hex().encode()) for n in range(150)]
            daemon.send(b"".join(line + b"\n" for line in lines))
            sent += len(lines)
            daemon.wait_stored(sent)
        moments.append(time.time_ns())
        daemon.stop()
        (path,) = segments(daemon.base)

        def answers():
            found = []
            for moment in moments:
                for option in ("--since", "--until"):
                    for words in (["--received"], []):
                        for command in (["search", ""], ["search", "--no-index", ""], ["search", "--sort", ""], ["search", "-C1", ""], ["tail", "-n", "9999"]):
                            found.append(logport(*command, option, str(moment), *words, "-o", "csv", "--fields", "batch,n", path).out)
            return found

        before = answers()
        self.assertGreater(len(set(before)), len(moments))
        for _ in range(2):  # and a second time
            self.assertEqual(logport("archive", path).code, 0)
            self.assertEqual(answers(), before)
            self.assertEqual(logport("verify", path).code, 0)


class ArchiveReaders(ArchiveCase):
    def test_who_follows_and_who_reads_again_and_again_misses_nothing_while_files_move(self):
        there = os.path.join(self.directory(), "cold")
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there)
        total, step = scaled(3000, at_least=300), scaled(100, at_least=60)
        out = os.path.join(self.directory(), "followed")
        with open(out, "wb") as file:
            tail = start(program("logport") + ["tail", "-n", "1000000", "-f", daemon.base], stdout=file, env=environment())
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        lines = []
        while len(lines) < total:
            lines += self.sent(daemon, len(lines), step)
            self.assert_lines(logport("cat", daemon.base).lines, lines)
            self.assertEqual(logport("search", "-c", '"n":', daemon.base).out, b"%d\n" % len(lines))
        self.wait_moved(daemon, total // step)

        def followed():
            with open(out, "rb") as file:
                return split_lines(file.read())

        wait_until(lambda: len(followed()) >= len(lines), "all have been shown")
        self.assert_lines(followed(), lines)
        daemon.stop()
        self.assert_sound(daemon.base)

    @native_only("starting it again and again takes Wine too long")
    def test_a_kill_at_any_moment_loses_no_line_and_leaves_none_twice(self):
        there = os.path.join(self.directory(), "cold")
        base = os.path.join(self.directory(), "logs")
        lines = []
        for n in range(scaled(12, at_least=3)):
            daemon = self.daemon("--archive-after-s", "0s", "--archive-dir", there, dir=base)
            lines += self.sent(daemon, len(lines), 500)
            # Moves of this and of earlier runs are in progress.
            wait_until(lambda: len(segments(there)) > n - 1 or self.rng.random() < 0.3, "some time has passed")
            daemon.kill()
            self.assert_lines(logport("cat", base).lines, lines)
        daemon = self.daemon("--archive-after-s", "0s", "--archive-dir", there, dir=base)
        wait_until(lambda: closed(base) == [], "all have moved")
        daemon.stop()
        self.assert_lines(logport("cat", base).lines, lines)
        self.assert_sound(base)
        self.assertEqual(sorted(os.listdir(os.path.join(there, "state"))), ["archive-of"])
        self.assertEqual(
            sorted(os.listdir(os.path.join(base, "state"))), ["archives", "lock", "main.sequence", "manifest.ndjson"])


class Leftovers(ArchiveCase):
    """What a killed process leaves is removed by the next one."""

    def everything(self, *roots):
        """All files, but for the segments themselves."""
        return sorted(
            os.path.relpath(os.path.join(folder, name), roots[0])
            for root in roots for folder, _, names in os.walk(root) for name in names
            if not (name.endswith(".ndjson.lz4") and ".part." not in name))

    def put(self, *paths):
        for path in paths:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(b"x" * 1000)

    def test_a_killed_archive_command_leaves_nothing_after_the_next_one(self):
        directory = self.directory()
        base, there = (os.path.join(directory, name) for name in ("logs", "cold"))
        daemon = self.daemon("--archive-level", "0", dir=base)
        lines = [line for n in range(6) for line in self.sent(daemon, 20000 * n, scaled(20000, at_least=4000))]
        daemon.stop()
        clean = self.everything(base)
        left = 0
        command = program("logport") + ["archive", "--archive-dir", there, base]

        def unfinished():
            found = set()
            for name in self.everything(base, there):
                with contextlib.suppress(FileNotFoundError):  # it was finished meanwhile
                    if name.endswith((".new", ".copy")):
                        found.add((name, os.stat(os.path.join(base, name)).st_mtime_ns))
            return found

        for _ in range(scaled(40, at_least=5)):
            before = unfinished()
            process = start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
            # Starting takes long on a busy machine and under Wine.
            wait_until(lambda: unfinished() - before or process.poll() is not None, "it writes a file, or has ended")
            time.sleep(self.rng.choice((0, self.rng.random() * 0.2)))
            process.kill()
            process.wait()
            left += len(unfinished())
        result = run(command)
        self.assertEqual(result.code, 0, result.out + result.err)
        # What a run without a kill leaves: the archive, which remembers its owner.
        self.assertEqual(self.everything(base, there), sorted(clean + ["../cold/state/archive-of", "state/archives"]))
        self.assertEqual(closed(base), [])
        self.assert_lines(logport("cat", base).lines, lines)
        self.assert_sound(base)
        self.assertGreater(left, 0, "no kill left a file: the test shows nothing")

    def test_the_next_start_removes_what_was_left_anywhere_although_nothing_moves_any_more(self):
        directory = self.directory()
        base, there = (os.path.join(directory, name) for name in ("logs", "cold"))
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there, dir=base)
        self.sent(daemon, 0, 10)
        self.wait_moved(daemon, 1)
        self.sent(daemon, 10, 10)
        self.wait_moved(daemon, 2)
        daemon.stop()
        clean = self.everything(base, there)
        name = os.path.basename(segments(there)[0])
        left = [os.path.join(base, "main", name + ".new"), os.path.join(there, "main", name + ".new"),
                os.path.join(base, "gone", name + ".new")]
        left += [os.path.join(base, "state", file) for file in
                 ("main.pack", "gone.pack", "gone.sequence.new", "archives.new", "manifest.ndjson.new")]
        left += [os.path.join(there, "state", file) for file in ("main.copy", "gone.copy", "archive-of.new")]
        kept = [os.path.join(base, "main", "notes.new"), os.path.join(there, "state", "notes.txt")]  # not ours
        self.put(*left, *kept)
        daemon = self.daemon(dir=base)  # no archive is configured
        wait_until(lambda: not any(map(os.path.exists, left)), "all are removed", 20)
        daemon.stop()
        for path in kept:
            os.remove(path)
        self.assertEqual(self.everything(base, there), clean)

    @native_only("Python locks files differently on Windows")
    def test_a_file_that_a_running_command_writes_stays(self):
        import fcntl

        daemon = self.daemon()
        self.sent(daemon, 0, 10)
        wait_until(lambda: closed(daemon.base), "it is closed")
        daemon.stop()
        copy = closed(daemon.base)[0] + ".new"
        with open(copy, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            daemon = self.daemon(dir=daemon.base)
            daemon.stop()
            self.assertTrue(os.path.exists(copy))
            self.assertEqual(logport("archive", daemon.base).code, 2)  # the segment is in use
            self.assertTrue(os.path.exists(copy))
        daemon = self.daemon(dir=daemon.base)
        self.assertFalse(os.path.exists(copy))
        daemon.stop()


@native_only("Wine has no volumes of their own")
class ArchiveVolumes(ArchiveCase):
    def test_a_segment_that_cannot_be_deleted_there_is_reported_once(self):
        there = small_disk(self, 1 << 20)
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there)
        for n in range(3):
            self.sent(daemon, 10 * n, 10)
        self.wait_moved(daemon, 3)
        daemon.stop()
        self.assertEqual(run(["mount", "-o", "remount,ro", there]).code, 0)
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there, "--retention-count-max", "1", dir=daemon.base)
        daemon.wait_said(r"main-0000000001-\w+\.ndjson\.lz4: cannot be deleted: read-only file system")
        for uptime_s in (3, 6, 9):  # a reload looks again
            wait_until(lambda: status(daemon)["uptime_s"] >= uptime_s, "the pause is over")
            self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        self.assertEqual(len(daemon.said_lines("cannot be deleted")), 1, daemon.said)
        self.assertEqual(run(["mount", "-o", "remount,rw", there]).code, 0)
        wait_until(lambda: len(segments(there)) == 1, "they are deleted")
        daemon.stop()

    def test_a_full_volume_is_said_once_and_takes_them_when_there_is_room(self):
        there = small_disk(self, 256 << 10)
        filler = os.path.join(there, "filler")
        with open(filler, "wb") as file, contextlib.suppress(OSError):
            file.write(bytes(200 << 10))
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there)
        lines = []
        for n in range(3):  # ingest continues
            lines += self.sent(daemon, 5000 * n, 5000 if n == 0 else 10)
        daemon.wait_said(r"archive .*: no space left on device; closed files stay in .*, trying again in 10 s and later")
        wait_until(lambda: status(daemon)["main"]["segments_archived"] >= 1, "packing goes on")
        self.assert_lines(logport("cat", daemon.base).lines, lines)
        self.assertEqual(len(daemon.said_lines("no space left")), 1)
        self.assertEqual(segments(there), [])
        os.remove(filler)
        self.wait_moved(daemon, 3)
        daemon.wait_said(r"takes closed files again")
        daemon.stop()
        self.assert_lines(logport("cat", daemon.base).lines, lines)
        self.assert_sound(daemon.base)

    def test_a_volume_that_is_not_mounted_is_not_mistaken_for_its_empty_mount_point(self):
        volume = small_disk(self, 8 << 20)
        there = os.path.join(self.directory(), "cold")
        os.mkdir(there)
        self.assertEqual(run(["mount", "--bind", volume, there]).code, 0)
        self.addCleanup(run, ["umount", "-l", there])
        daemon = self.daemon(*self.ARCHIVING, "--archive-dir", there)
        lines = self.sent(daemon, 0, 100)
        self.wait_moved(daemon, 1)
        self.assertEqual(run(["umount", "-l", there]).code, 0)
        lines += self.sent(daemon, 100, 100)
        daemon.wait_said(r"archive .*cold: not there, .*is it mounted")
        self.assertEqual(os.listdir(there), [])
        seen = logport("cat", daemon.base)
        self.assertEqual(seen.code, 2)
        self.assertIn("is it mounted", seen.said)
        self.assert_lines(seen.lines, lines[100:])
        told = logport("verify", "--manifest", daemon.base)
        self.assertEqual(told.code, 2, told.out)
        self.assertIn(b"0 missing", told.out)
        self.assertEqual(run(["mount", "--bind", volume, there]).code, 0)
        self.wait_moved(daemon, 2)
        self.assert_lines(logport("cat", daemon.base).lines, lines)
        daemon.stop()
        self.assert_sound(daemon.base)


COPY = """#!/usr/bin/python3
# copy.py FOLDER PATH STREAM NAME SEQUENCE - fails while FOLDER is not there.
import os, shutil, sys, time
folder, path, stream, name, sequence = sys.argv[1:]
with open(os.path.join(os.path.dirname(sys.argv[0]), "runs"), "a") as file:
    file.write(sequence + "\\n")
if sys.stdin.read() or os.getpriority(os.PRIO_PROCESS, 0) != 19:
    sys.exit(9)
os.makedirs(os.path.join(folder, stream), exist_ok=True) if os.path.isdir(folder) else sys.exit(3)
print("copying", name)
shutil.copyfile(path, os.path.join(folder, stream, name))
"""


class ArchiveCommand(ArchiveCase):
    def command(self, *words):
        """As --archive-command=WORD flags: words may start with a dash."""
        return [flag for word in words for flag in ("--archive-command=" + word,)]

    def test_a_program_has_every_file_and_a_restart_does_not_run_it_again(self):
        # The reader is a program that exists on every system.
        verify = self.command(program("logport")[-1], "verify", "{path}")
        daemon = self.daemon(*self.ARCHIVING, *verify)
        lines = [line for n in range(2) for line in self.sent(daemon, 100 * n, 100)]
        wait_until(lambda: status(daemon)["main"]["segments_handed_over"] == 2, "both are handed over")
        daemon.stop()
        handed = [line for line in manifest(daemon.base) if line["event"] == "handed_over"]
        self.assertEqual([line["sequence"] for line in handed], [1, 2])
        self.assertIn("handed_time", handed[0])
        self.assert_lines(logport("cat", daemon.base).lines, lines)
        again = self.daemon(*self.ARCHIVING, *verify, dir=daemon.base)
        self.sent(again, 200, 1)
        wait_until(lambda: status(again)["main"]["segments_handed_over"] == 1, "the new one is")
        again.stop()
        self.assertEqual(sum(line["event"] == "handed_over" for line in manifest(daemon.base)), 3)
        self.assert_sound(daemon.base)

    @native_only("Wine runs no Python")
    def test_failures_are_said_and_counted_and_a_reload_tries_again_at_once(self):
        where = self.directory()
        script, far, config = (os.path.join(where, name) for name in ("copy.py", "far away", "config.json"))
        with open(script, "w", encoding="utf-8") as file:
            file.write(COPY)
        os.chmod(script, 0o755)
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"archive_after_s": "0s", "archive_dir": os.path.join(where, "cold"), "archive_command_then": "delete",
                       "archive_command": [script, far, "{path}", "{stream}", "{name}", "{sequence}"]}, file)
        daemon = self.daemon("--config", config)
        lines = self.sent(daemon, 0, 100)
        daemon.wait_said(r"cold/main/main-0000000001-.*: archive_command .*copy.py: ended with 3; trying again in 1 min")
        self.assertEqual(status(daemon)["main"]["archive_command_failures"], 1)
        lines += self.sent(daemon, 100, 100)
        self.assert_lines(logport("cat", daemon.base).lines, lines)
        os.mkdir(far)
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        wait_until(lambda: len(segments(far)) == 2, "both are far away")
        wait_until(lambda: segments(os.path.join(where, "cold")) == [], "and nowhere else")
        self.assertEqual(logport("cat", daemon.base).out, b"")
        self.assert_lines(logport("cat", far).lines, lines)
        daemon.wait_said(r"^copying main-0000000001")
        daemon.stop()
        with open(os.path.join(where, "runs"), encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["1", "1", "2"])
        events = [(line["sequence"], line["event"], line.get("reason")) for line in manifest(daemon.base)]
        self.assertIn((2, "deleted", "handed to archive_command"), events)
        self.assert_sound(daemon.base)

    @native_only("Wine runs no shell")
    def test_a_stop_ends_a_command_that_runs_and_the_next_start_runs_it_again(self):
        done = os.path.join(self.directory(), "done")
        slow = self.command("sh", "-c", 'test -e "$1" && exit 0; touch "$1"; sleep 600', "sh", done)
        daemon = self.daemon(*self.ARCHIVING, *slow)
        self.sent(daemon, 0, 10)
        wait_until(lambda: os.path.exists(done), "it runs")
        daemon.stop(timeout=10)
        self.assertNotIn("not every closed file", daemon.said)
        again = self.daemon(*self.ARCHIVING, *slow, dir=daemon.base)
        wait_until(lambda: status(again)["main"]["segments_handed_over"] == 1, "it has it")
        again.stop()

    @native_only("Windows has no such signal")
    def test_how_it_ended_is_known_also_where_the_parent_ignored_its_children(self):
        """A process inherits ignored signals: some supervisors ignore SIGCHLD."""
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            daemon = self.daemon(*self.ARCHIVING, *self.command("true"))
        finally:
            signal.signal(signal.SIGCHLD, before)
        self.sent(daemon, 0, 10)
        wait_until(lambda: status(daemon)["main"]["segments_handed_over"] == 1, "it has it")
        daemon.stop()

    @native_only("Wine runs no shell")
    def test_one_that_takes_too_long_is_ended(self):
        daemon = self.daemon(*self.ARCHIVING, *self.command("sleep", "600"), "--archive-command-limit-s", "1s")
        self.sent(daemon, 0, 10)
        daemon.wait_said(r"archive_command sleep: was ended after 1 s; trying again in 1 min")
        daemon.stop()

    def test_bad_words_are_refused(self):
        for words, says in (
            (["--archive-command", "cp", "--archive-command", "{file}"], r'archive_command: "{file}": unknown placeholder; {path}, {stream}'),
            (["--archive-command-then", "burn"], r'archive_command_then: "burn" is neither keep nor delete'),
        ):
            told = logportd("--check", *words)
            self.assertEqual(told.code, 2)
            self.assertIn(says, told.said)


if __name__ == "__main__":
    main()
