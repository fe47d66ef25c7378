"""test_volumes.py - streams whose folders are on volumes of their own: symbolic links to other file
systems."""

import os

from harness import log_line, logport, main, manifest, native_only, segments, small_disk, status, wait_until
from test_reload import Reloading

MIB = 1 << 20


class OwnVolumes(Reloading):
    def linked(self, base, stream, target):
        """The stream's folder is a symbolic link to a new folder there."""
        os.makedirs(base, exist_ok=True)
        folder = os.path.join(target, "of-" + stream)
        os.mkdir(folder)
        os.symlink(folder, os.path.join(base, stream))
        return folder

    def store(self, daemon, listener, stream, count):
        """Stores `count` segments of 20 lines."""
        for n in range(count):
            before = status(daemon)["streams"][stream]["stored"]
            daemon.send(b"".join(log_line(self.rng, n=n) + b"\n" for _ in range(20)), listener)
            wait_until(lambda: status(daemon)["streams"][stream]["stored"] == before + 20, "it is stored")
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)

    def two_streams(self, base, **config):
        self.path = os.path.join(self.directory(), "logportd.json")
        self.write(tcp=["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "audit"}], flush_ms=20, **config)
        return self.daemon("--config", self.path, tcp=[], udp=[], dir=base)

    @native_only("Wine has no volumes to mount")
    def test_retention_frees_the_volume_that_is_short_and_no_other(self):
        first, second = small_disk(self, 8 * MIB), small_disk(self, 8 * MIB)
        base = os.path.join(first, "logs")
        there = self.linked(base, "audit", second)
        daemon = self.two_streams(base, retention_free_bytes_min="4MiB", archive_level=0)
        self.store(daemon, 1, "audit", 3)
        self.store(daemon, 0, "main", 3)
        with open(os.path.join(first, "ballast"), "wb") as ballast:
            ballast.write(bytes(5 * MIB))
        wait_until(lambda: len(segments(base)) == 0, "the first volume's are deleted")
        self.assertEqual(len(os.listdir(there)), 3)
        os.remove(os.path.join(first, "ballast"))
        self.store(daemon, 0, "main", 2)
        with open(os.path.join(second, "ballast"), "wb") as ballast:
            ballast.write(bytes(5 * MIB))
        wait_until(lambda: len(os.listdir(there)) == 0, "the second volume's are deleted")
        self.assertEqual(len(segments(base)), 2)
        daemon.stop()
        gone = [(line["stream"], line["reason"]) for line in manifest(base) if line["event"] == "deleted"]
        self.assertEqual(gone, [("main", "less than 4 MiB free")] * 3 + [("audit", "less than 4 MiB free")] * 3)
        self.assertEqual(logport("verify", "--manifest", base).code, 0)

    @native_only("Wine has no volumes to mount")
    def test_quarantine_on_a_full_volume_costs_no_other_stream_its_files(self):
        first, second = small_disk(self, 8 * MIB), small_disk(self, 4 * MIB)
        base = os.path.join(first, "logs")
        self.linked(base, "rejects", second)
        daemon = self.two_streams(base, retention_free_bytes_min="5MiB", archive_level=0)
        self.store(daemon, 0, "main", 2)
        daemon.send(b"not json\n")
        wait_until(lambda: status(daemon)["rejected"] == 1, "it is rejected")
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        wait_until(lambda: len(segments(base, "rejects")) == 0, "its volume is always short of space")
        daemon.stop()
        self.assertEqual(len(segments(base)), 2)


if __name__ == "__main__":
    main()
