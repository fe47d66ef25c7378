"""test_lids.py - lids of live and closed segments hold the times and levels of their lines, found by
the configured keys; an independent decoder reads them."""

import json
import struct
import time

from harness import Case, assert_passes_lz4_test, decode, logport, logportd, main, segments

DATA, LID = 0x184D2204, 0x184D2A50
NOW = 1795505400 * 10**9  # 2026-11-24T07:30:00Z
WIDEST = (-(2**63), 2**63 - 1)


def frames(path):
    """The frames as (magic, bytes, content size of data frames), decoded as FORMAT.md says."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        (magic,) = struct.unpack_from("<I", data, at)
        if magic == DATA:
            block = struct.unpack_from("<I", data, at + 15)[0] & 0x7FFFFFFF
            size = 27 + block + (4 if data[at + 4] & 4 else 0)
        else:
            size = 8 + struct.unpack_from("<I", data, at + 4)[0]
        yield magic, data[at : at + size]
        at += size


def lids(path):
    """The lids, each with the content sizes of the frames that it covers."""
    found, raw = [], 0
    for magic, frame in frames(path):
        if magic == DATA:
            raw += struct.unpack_from("<Q", frame, 6)[0]
        elif magic == LID:
            names = "levels lines raw ms received time_min time_max first".split()
            lid = dict(zip(names, struct.unpack_from("<IIIIqqqQ", frame, 16)))
            lid["covers"], raw = raw, 0
            found.append(lid)
    return found


def levels(*numbers):
    return sum(1 << number for number in numbers)


def record(i, **fields):
    return json.dumps({**fields, "n": i, "pad": "x" * 80}).encode() + b"\n"


class Lids(Case):
    def live_lids(self, daemon, lines):
        """Sends the lines at once and reads the live segment."""
        daemon.send(b"".join(lines))
        daemon.wait_stored(len(lines))
        (path,) = segments(daemon.base)
        self.assertIn(".part.", path)
        assert_passes_lz4_test(path)
        found = lids(path)
        self.assertTrue(found)
        for lid in found:
            self.assertEqual(lid["raw"], lid["covers"])
        return found

    def test_lids_of_a_live_file_tell_its_lines_their_times_and_levels(self):
        before = time.time_ns()
        daemon = self.daemon()
        lines = [record(i, time=NOW // 10**6 + i, level=30 + 10 * (i % 3)) for i in range(2000)]
        found = self.live_lids(daemon, lines)
        self.assertEqual(found[0]["first"], 0)
        self.assertEqual(found[0]["time_min"], NOW)
        for a, b in zip(found, found[1:]):
            self.assertEqual(a["first"] + a["lines"], b["first"])
        for lid in found:
            first, last = lid["first"], lid["first"] + lid["lines"] - 1
            self.assertEqual(lid["time_min"], NOW + first * 10**6)
            self.assertEqual(lid["time_max"], NOW + last * 10**6)
            self.assertEqual(lid["levels"], levels(9, 13, 17))
            self.assertTrue(before <= lid["received"] <= time.time_ns())
        daemon.stop()
        (path,) = segments(daemon.base)
        self.assertEqual(decode(path), b"".join(lines))
        self.assertEqual(lids(path), found)

    def test_a_line_without_time_and_level_says_so(self):
        before = time.time_ns()
        lid = self.live_lids(self.daemon(), [record(i) for i in range(1000)])[0]
        self.assertEqual(lid["levels"], levels(0))
        self.assertEqual(lid["time_min"], lid["received"])
        self.assertTrue(before <= lid["time_max"] <= time.time_ns())

    def test_other_keys_and_scales_are_looked_for_when_told(self):
        daemon = self.daemon("--time-keys", "when,at", "--level-keys=grade", "--level-scale", "python")
        lid = self.live_lids(daemon, [record(i, at=NOW // 10**9, grade=30) for i in range(1000)])[0]
        self.assertEqual(lid["time_min"], NOW)
        # With the usual rules these lines have no level, but must not be skipped.
        self.assertEqual(lid["levels"], levels(0, 13))

    def test_lines_in_which_nothing_is_looked_for_may_be_of_any_time_and_level(self):
        daemon = self.daemon("--time-keys=none", "--level-keys=none")
        lid = self.live_lids(daemon, [record(i, time=NOW, level=30) for i in range(1000)])[0]
        self.assertEqual((lid["time_min"], lid["time_max"]), WIDEST)
        self.assertEqual(lid["levels"], levels(*range(25), 31))

    def test_a_bad_key_or_scale_is_refused_at_once(self):
        for words in (["--level-scale", "loud"], ["--time-keys", "a,,b"], ["--level-keys", "x" * 32]):
            result = logportd("--check", *words)
            self.assertEqual(result.code, 2, words)
            self.assertIn(words[0][2:].replace("-", "_"), result.said)

    def test_rejects_have_lids_of_their_receive_times(self):
        daemon = self.daemon()
        daemon.send(b"nonsense, not JSON\n" * 1000 + b"{}\n")
        daemon.wait_stored(1000, "rejects")
        daemon.stop()
        (path,) = segments(daemon.base, "rejects")
        lid = lids(path)[0]
        self.assertEqual(lid["lines"], 1000)
        self.assertEqual(lid["levels"], levels(0))
        self.assertEqual(logport("verify", path).code, 0)


if __name__ == "__main__":
    main()
