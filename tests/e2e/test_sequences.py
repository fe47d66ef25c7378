"""test_sequences.py - a stream's sequences are never used twice, whatever happens to the file that
holds the last one."""

import os
import shutil

from harness import Case, log_line, logport, main, manifest, segments, status, wait_until


def sequences(base, stream="main"):
    return [int(os.path.basename(path).split("-")[-2]) for path in segments(base, stream)]


class Sequences(Case):
    def store(self, daemon, count):
        """Stores `count` segments of one line each."""
        before = status(daemon)["stored"]
        for n in range(count):
            daemon.send(log_line(self.rng, n=n) + b"\n")
            wait_until(lambda: status(daemon)["stored"] == before + n + 1, "it is stored")
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)

    def deleted(self, base):
        return [line["sequence"] for line in manifest(base) if line["event"] == "deleted"]

    def test_a_lost_or_damaged_file_does_not_bring_sequences_back(self):
        daemon = self.daemon("--retention-count-max", "1")
        self.store(daemon, 4)
        wait_until(lambda: self.deleted(daemon.base) == [1, 2, 3], "three are deleted")
        daemon.stop()
        base, file = daemon.base, os.path.join(daemon.base, "state", "main.sequence")
        os.remove(segments(base)[0])  # now only the manifest knows
        last = 4
        for text in (None, b"", b"not a number\n", b"1\n", b"7" * 100, b"9" * 100_000, bytes(4096)):
            if text is None:
                os.remove(file)
            else:
                with open(file, "wb") as out:
                    out.write(text)
            daemon = self.daemon(dir=base)
            with open(file, "rb") as stored:
                self.assertEqual(stored.read(), b"%d\n" % last, text)
            said = daemon.said_lines("main.sequence")
            self.assertEqual(len(said), 1, (text, said))
            self.assertIn("continues after sequence %d," % last, said[0])
            self.store(daemon, 1)
            daemon.stop()
            last += 1
            self.assertEqual(sequences(base), [last])
            os.rename(segments(base)[0], os.path.join(self.directory(), "kept"))
        self.assertEqual(last, 11)

    def test_without_the_state_folder_the_names_in_the_archive_count(self):
        cold = os.path.join(self.directory(), "cold")
        daemon = self.daemon("--archive-after-s", "0s", "--archive-dir", cold)
        self.store(daemon, 3)
        wait_until(lambda: sequences(cold) == [1, 2, 3], "they have moved")
        daemon.stop()
        shutil.rmtree(os.path.join(daemon.base, "state"))
        daemon = self.daemon("--archive-dir", cold, dir=daemon.base)
        self.store(daemon, 1)
        daemon.stop()
        self.assertEqual(sequences(daemon.base), [4])

    def test_quarantine_continues_after_its_files(self):
        daemon = self.daemon()
        daemon.send(b"not json\n")
        wait_until(lambda: status(daemon)["rejected"] == 1, "it is rejected")
        daemon.stop()
        os.remove(os.path.join(daemon.base, "state", "rejects.sequence"))
        daemon = self.daemon(dir=daemon.base)
        daemon.send(b"not json\n")
        wait_until(lambda: status(daemon)["rejected"] == 1, "it is rejected")
        daemon.stop()
        self.assertEqual(sequences(daemon.base, "rejects"), [1, 2])

    def test_a_stray_file_with_the_highest_sequence_does_not_stop_the_stream(self):
        daemon = self.daemon()
        self.store(daemon, 2)
        daemon.stop()
        first = segments(daemon.base)[0]
        shutil.copy(first, first.replace("-0000000001-", "-9999999999-"))
        daemon = self.daemon(dir=daemon.base)
        self.store(daemon, 2)
        daemon.stop()
        self.assertEqual(sequences(daemon.base), [1, 2, 3, 4, 9999999999])
        self.assertEqual(len(daemon.said_lines("such a high sequence")), 1)


if __name__ == "__main__":
    main()
