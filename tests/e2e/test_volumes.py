"""test_volumes.py - streams whose folders are on volumes of their own: symbolic links to other file
systems."""

import os
import shutil
import tempfile
import unittest

from harness import log_line, logport, main, manifest, native_only, run, segments, small_disk, status, wait_until
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
        """Stores `count` segments of 200 lines, which are worth re-packing."""
        for n in range(count):
            before = status(daemon)["streams"][stream]["stored"]
            daemon.send(b"".join(log_line(self.rng, n=n) + b"\n" for _ in range(200)), listener)
            wait_until(lambda: status(daemon)["streams"][stream]["stored"] == before + 200, "it is stored")
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)

    def two_streams(self, base, **config):
        self.path = os.path.join(self.directory(), "logportd.json")
        self.write(tcp=["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "audit"}], flush_ms=20, **config)
        return self.daemon("--config", self.path, tcp=[], udp=[], dir=base)

    def other_volume(self):
        """A folder on another volume than temporary directories; needs no root."""
        memory = "/dev/shm"
        if not os.path.isdir(memory) or os.stat(memory).st_dev == os.stat(tempfile.gettempdir()).st_dev:
            raise unittest.SkipTest("/dev/shm is no volume of its own")
        where = tempfile.mkdtemp(prefix="logport-e2e-", dir=memory)
        self.addCleanup(shutil.rmtree, where)
        return where

    def packs_and_moves(self, base, cold):
        """Three segments are re-packed, then moved, without a complaint."""
        daemon = self.two_streams(base, archive_after_s=0)
        self.store(daemon, 0, "main", 3)
        wait_until(lambda: status(daemon)["main"]["segments_archived"] == 3, "all are packed")
        wait_until(lambda: [line["event"] for line in manifest(base)].count("archived") == 3, "and recorded")
        self.assertEqual({name.rsplit(".", 1)[1] for name in os.listdir(os.path.join(base, "main"))}, {"lz4"})
        self.write(tcp=["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "audit"}], archive_after_s=0,
                   archive_dir=cold)
        self.reload(daemon)
        wait_until(lambda: status(daemon)["main"]["segments_moved"] == 3, "all have moved")
        daemon.stop()
        self.assertEqual(daemon.said_lines("volume|error|retrying|trying again"), [])
        self.assertEqual(len(segments(cold)), 3)
        self.assertEqual({name.rsplit(".", 1)[1] for name in os.listdir(os.path.join(cold, "main"))}, {"lz4"})
        self.assertEqual(os.listdir(os.path.join(cold, "state")), ["archive-of"])
        self.assertEqual(logport("verify", "--manifest", base).code, 0)
        self.assertEqual(logport("search", "-c", "request", base).out, b"600\n")

    @native_only("Wine has no links to other volumes")
    def test_a_stream_on_another_volume_is_packed_and_moved(self):
        base = os.path.join(self.directory(), "logs")
        self.linked(base, "main", self.other_volume())
        self.packs_and_moves(base, os.path.join(self.directory(), "cold"))

    @native_only("Wine has no links to other volumes")
    def test_a_stream_on_another_volume_in_the_archive_takes_segments(self):
        cold = os.path.join(self.directory(), "cold")
        self.linked(cold, "main", self.other_volume())
        self.packs_and_moves(os.path.join(self.directory(), "logs"), cold)

    @native_only("Wine has no links to other volumes")
    def test_a_state_folder_on_another_volume_is_no_obstacle(self):
        base = os.path.join(self.directory(), "logs")
        self.linked(base, "state", self.other_volume())
        self.packs_and_moves(base, os.path.join(self.directory(), "cold"))

    @native_only("Wine has no mounts")
    def test_a_mount_of_the_same_file_system_counts_as_another_volume(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest("mounting needs root")
        base = os.path.join(self.directory(), "logs")
        folder, there = os.path.join(base, "main"), self.directory()
        os.makedirs(folder)
        mounted = run(["mount", "--bind", there, folder])
        if mounted.code != 0:
            raise unittest.SkipTest("mounting is not permitted here: " + mounted.said)
        self.addCleanup(run, ["umount", "-l", folder])
        self.packs_and_moves(base, os.path.join(self.directory(), "cold"))

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
