"""test_retention.py - the daemon records its closed segments in the manifest, and deletes those that the
retention rules select, and no others."""

import json
import os

from harness import Case, log_line, logport, main, manifest, segments, temporary_directory, wait_until


def sequences(base):
    return [int(os.path.basename(path).split("-")[1]) for path in segments(base)]


class Retention(Case):
    def test_closed_files_stand_in_the_manifest_and_are_verified_by_it(self):
        daemon = self.daemon("--archive-after-s", "0s")
        for n in range(3):
            daemon.send(b"".join(log_line(self.rng, n=n) + b"\n" for _ in range(200)))
            daemon.wait_stored(200 * (n + 1))
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        wait_until(lambda: b'"segments_archived":3' in logport("status", "--dir", daemon.base).out, "all are packed")
        wait_until(lambda: sum(line["event"] == "archived" for line in manifest(daemon.base)) == 3, "and written down")
        daemon.stop()
        lines = manifest(daemon.base)
        self.assertEqual([line["sequence"] for line in lines if line["event"] == "closed"], [1, 2, 3])
        digests = {}
        for line in lines:  # re-packing changes no line
            self.assertEqual(line["lines"], 200)
            self.assertEqual(digests.setdefault(line["sequence"], line["xxh3"]), line["xxh3"])
        result = logport("verify", "--manifest", daemon.base)
        self.assertEqual(result.code, 0, result.out + result.said.encode())
        path = segments(daemon.base)[1]
        os.rename(path, path + ".away")
        result = logport("verify", "--manifest", daemon.base)
        self.assertEqual(result.code, 1)
        self.assertIn(os.path.basename(path).encode(), result.out)

    def test_beyond_the_count_the_oldest_go_and_the_manifest_says_why(self):
        daemon = self.daemon("--retention-count-max", "2")
        for n in range(5):
            daemon.send(log_line(self.rng, n=n) + b"\n")
            wait_until(lambda: b'"stored":%d,' % (n + 1) in logport("status", "--dir", daemon.base).out, "it is stored")
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        wait_until(lambda: sequences(daemon.base) == [4, 5], "the last two are left")
        wait_until(lambda: sum(line["event"] == "deleted" for line in manifest(daemon.base)) == 3, "three are written off")
        daemon.stop()
        gone = [line for line in manifest(daemon.base) if line["event"] == "deleted"]
        self.assertEqual([line["sequence"] for line in gone], [1, 2, 3])
        self.assertIn("2", gone[0]["reason"])
        self.assertEqual(logport("verify", "--manifest", daemon.base).code, 0)

    def test_nothing_is_deleted_unless_it_was_asked_for_and_a_reload_asks(self):
        config = os.path.join(temporary_directory(self), "config.json")
        with open(config, "w", encoding="utf-8") as file:
            file.write("{}")
        daemon = self.daemon("--config", config)
        for n in range(3):
            daemon.send(log_line(self.rng, n=n) + b"\n")
            wait_until(lambda: b'"stored":%d,' % (n + 1) in logport("status", "--dir", daemon.base).out, "it is stored")
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        self.assertEqual(sequences(daemon.base), [1, 2, 3])
        with open(config, "w", encoding="utf-8") as file:
            file.write('{"retention_count_max": 1}')
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        wait_until(lambda: sequences(daemon.base) == [3], "the newest is left")
        daemon.stop()


if __name__ == "__main__":
    main()
