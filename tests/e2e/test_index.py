"""test_index.py - closed segments contain their index, other tools ignore it, and logport archive
adds missing ones."""

import json
import os
import struct
from concurrent.futures import ThreadPoolExecutor

from harness import (WINDOWS, Case, assert_passes_lz4_test, decode, log_line, logport, main, ripgrep_counts, scaled, segments,
                     wait_until)

DATA, FILTERS, INDEX, FOOTER = 0x184D2204, 0x184D2A51, 0x184D2A52, 0x184D2A53


def frames(path):
    """(magic, offset, size) of every frame, by their headers."""
    with open(path, "rb") as file:
        data = file.read()
    at, found = 0, []
    while at < len(data):
        magic, size = struct.unpack_from("<II", data, at)
        if magic == DATA:
            block = struct.unpack_from("<I", data, at + 15)[0] & 0x7FFFFFFF
            size = 27 + block + (4 if data[at + 4] & 4 else 0)
        else:
            size += 8
        found.append((magic, at, size))
        at += size
    assert at == len(data), f"{path}: the last frame ends at {at} of {len(data)} bytes"
    return found


def has_footer(path):
    """Is the index complete?  While it is being written, its last frame is not."""
    with open(path, "rb") as file:
        return file.read()[-28:-24] == struct.pack("<I", FOOTER)


def strip(path):
    """Removes the index and its filters, which a small segment may lack."""
    os.truncate(path, next(at for magic, at, _ in frames(path) if magic in (FILTERS, INDEX)))


def stop_with_index(daemon):
    """Stops the daemon.  On a busy machine a stop leaves the index, as it reports, to this command."""
    daemon.stop()
    if "have no index yet" in daemon.said:
        result = logport("archive", "--index-only", daemon.base)
        assert result.code == 0, result.said


class Index(Case):
    def closed(self, count):
        daemon = self.daemon()
        sent = [log_line(self.rng, n=n) for n in range(count)]
        daemon.send(b"".join(line + b"\n" for line in sent))
        daemon.wait_stored(count)
        stop_with_index(daemon)
        (path,) = segments(daemon.base)
        return daemon.base, path, sent

    def test_a_closed_segment_ends_with_filters_index_and_footer_and_reads_as_before(self):
        base, path, sent = self.closed(scaled(20000, at_least=500))
        self.assertEqual([magic for magic, _, _ in frames(path)][-1], FOOTER)
        self.assertIn(INDEX, [magic for magic, _, _ in frames(path)])
        assert_passes_lz4_test(path)
        self.assertEqual(decode(path), b"".join(line + b"\n" for line in sent))
        self.assertEqual(ripgrep_counts(path), [len(sent)])
        self.assertEqual(logport("verify", base).code, 0)
        self.assert_lines(logport("cat", base).lines, sent)

    def test_what_the_index_passes_over_parts_groups_as_lines_that_are_read_do(self):
        daemon = self.daemon()
        # several groups per segment; groups that compress too well get no filter
        lines = [b'{"n":%d,"pad":"%s"}' % (n, self.rng.randbytes(700).hex(".").encode()) for n in range(3600)]
        for n in (1199, 2400, 2900, 3599):  # the end of one segment, the beginning of the next but one
            lines[n] = lines[n].replace(b'pad":"', b'pad":"found ')
        for begin in (0, 1200, 2400):
            daemon.send(b"".join(line + b"\n" for line in lines[begin : begin + 1200]))
            daemon.wait_stored(begin + 1200)
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        daemon.stop()
        self.assertEqual(logport("archive", daemon.base).code, 0)
        for around in ("0", "1", "1300"):
            words = ("search", "-C", around, '"found ', daemon.base)
            with_index = logport(*words)
            self.assertEqual(with_index.code, 0, with_index.said)
            self.assert_lines(with_index.lines, logport(*words, "--no-index").lines)
        explained = logport("search", "-C0", "--explain", '"found ', daemon.base)
        self.assertRegex(explained.said, r"1 skipped entirely")
        self.assertEqual(explained.lines[1], b"--")

    def test_stat_believes_the_index_and_reads_no_lines(self):
        base, path, sent = self.closed(2000)
        self.assertEqual(logport("archive", base).code, 0)
        told = logport("stat", "--json", base)
        self.assertEqual(json.loads(told.out)["all"]["lines"], len(sent))
        self.assertEqual(told.out, logport("stat", "--json", "--no-index", base).out)
        with open(path, "r+b") as file:
            file.seek(100)
            file.write(b"nobody reads this")
        again = logport("stat", "--json", base)
        self.assertEqual((again.code, again.out), (0, told.out))
        read = logport("stat", "--json", "--no-index", base)
        self.assertEqual(read.code, 2)
        self.assertLess(json.loads(read.out)["all"]["lines"], len(sent))

    def test_archive_makes_a_missing_index_as_closing_would_have(self):
        base, path, sent = self.closed(scaled(5000, at_least=500))
        with open(path, "rb") as file:
            before = file.read()
        strip(path)
        self.assertEqual(logport("verify", base).code, 0)
        with open(path, "rb") as reader:  # a program that has the old file open continues to read it
            result = logport("archive", "--index-only", "-v", base)
            self.assertEqual((result.code, len(result.lines)), (0, 2), result.said)
        self.assertEqual([magic for magic, _, _ in frames(path)][-1], FOOTER)
        self.assertEqual(os.path.getsize(path), len(before))
        self.assert_lines(logport("cat", base).lines, sent)
        self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])
        with open(path, "rb") as file:
            indexed = file.read()
        self.assertEqual(logport("archive", "--index-only", base).code, 0)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), indexed)

    def test_archive_packs_smaller_and_keeps_lines_and_who_may_read_them(self):
        base, path, sent = self.closed(scaled(20000, at_least=2000))
        strip(path)
        if not WINDOWS:
            os.chmod(path, 0o444)
        before = os.stat(path)
        found = logport("search", "-c", "stored", base).out
        result = logport("archive", "-v", base)
        self.assertEqual((result.code, len(result.lines)), (0, 2), result.said)
        again = logport("archive", "-v", base)
        self.assertEqual((again.code, len(again.lines)), (0, 2), again.said)
        self.assertTrue(again.lines[0].endswith(b": already re-packed"), again.lines)
        after = os.stat(path)
        self.assertLess(after.st_size * 1.2, before.st_size)
        self.assertEqual((after.st_mode, after.st_uid), (before.st_mode, before.st_uid))
        assert_passes_lz4_test(path)
        self.assertEqual(decode(path), b"".join(line + b"\n" for line in sent))
        self.assertEqual(ripgrep_counts(path), [len(sent)])
        self.assertEqual(logport("verify", base).code, 0)
        self.assert_lines(logport("tail", "-n", "7", base).lines, sent[-7:])
        self.assertEqual(logport("search", "-c", "stored", base).out, found)
        self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])
        again = logport("archive", base)
        self.assertEqual(again.lines, [b"0 re-packed, 1 already re-packed"])

    def test_several_archives_at_once_do_no_harm(self):
        base, path, sent = self.closed(3000)
        for _ in range(scaled(10, at_least=2)):
            strip(path)
            with ThreadPoolExecutor(4) as pool:
                results = list(pool.map(lambda _: logport("archive", base), range(4)))
            self.assertIn(0, [result.code for result in results])
            for result in results:
                self.assertTrue(result.code == 0 or "; skipped" in result.said, result.said)
            self.assertEqual(logport("archive", base).code, 0)
            self.assertEqual(frames(path)[-1][0], FOOTER)
            self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])
        self.assert_lines(logport("cat", base).lines, sent)

    def test_the_daemon_packs_closed_segments_while_they_are_read(self):
        daemon = self.daemon("--archive-after-s", "0s")
        sent = [log_line(self.rng, n=n) for n in range(scaled(9000, at_least=900))]
        third = len(sent) // 3
        for begin in (0, third, 2 * third):
            daemon.send(b"".join(line + b"\n" for line in sent[begin : begin + third]))
            daemon.wait_stored(begin + third)
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
            self.assert_lines(logport("cat", daemon.base).lines, sent[: begin + third])
        wait_until(
            lambda: b'"segments_archived":3' in logport("status", "--dir", daemon.base).out,
            "all are packed")
        self.assert_lines(logport("cat", daemon.base).lines, sent)
        daemon.stop()
        self.assertEqual(logport("archive", daemon.base).lines, [b"0 re-packed, 3 already re-packed"])
        self.assertEqual(sorted(os.listdir(os.path.join(daemon.base, "state"))), ["lock", "main.sequence", "manifest.ndjson"])

    def test_archive_leaves_a_damaged_file_and_one_that_is_being_written(self):
        base, path, _ = self.closed(500)
        strip(path)
        with open(path, "ab") as file:
            file.write(b"this is no frame at all")
        with open(path, "rb") as file:
            before = file.read()
        part = path.replace(".ndjson", ".part.ndjson").replace("-0000000001-", "-0000000002-")
        with open(part, "wb") as file:
            file.write(b"")
        result = logport("archive", base)
        self.assertEqual(result.code, 2)
        self.assertIn("; skipped", result.said)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertEqual(os.path.getsize(part), 0)

    def test_a_large_segment_gets_its_index_while_the_daemon_goes_on(self):
        # Not re-packed; and a shorter archive_after_s makes the index sooner.
        daemon = self.daemon("--segment-bytes-max", "20MB", "--archive-level", "0", "--archive-after-s", "1s")
        sent = [log_line(self.rng, n=n, padding="%0200x" % n) for n in range(70000)]
        daemon.send(b"".join(line + b"\n" for line in sent))
        daemon.wait_stored(len(sent))

        def indexed():
            whole = [path for path in segments(daemon.base) if ".part." not in path]
            return whole and has_footer(whole[0])

        wait_until(indexed, "an index of the first segment")
        wait_until(
            lambda: b'"segments_indexed":1' in logport("status", "--dir", daemon.base).out,
            "the index is counted")
        stop_with_index(daemon)
        for path in segments(daemon.base):
            self.assertEqual(frames(path)[-1][0], FOOTER, path)
            assert_passes_lz4_test(path)
        self.assert_lines(logport("cat", daemon.base).lines, sent)

    def test_what_an_earlier_run_left_without_an_index_gets_it(self):
        base, path, sent = self.closed(2000)
        with open(path, "rb") as file:
            before = file.read()
        strip(path)
        again = self.daemon(dir=base)
        wait_until(lambda: has_footer(path), "the index")
        again.stop()
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_what_a_kill_left_gets_its_index_at_the_next_start(self):
        daemon = self.daemon()
        sent = [log_line(self.rng, n=n) for n in range(1000)]
        daemon.send(b"".join(line + b"\n" for line in sent))
        daemon.wait_stored(len(sent))
        daemon.kill()
        again = self.daemon(dir=daemon.base)
        again.stop()
        (path,) = segments(daemon.base)
        self.assertEqual([magic for magic, _, _ in frames(path)][-1], FOOTER)
        self.assert_lines(logport("cat", daemon.base).lines, sent)


if __name__ == "__main__":
    main()
