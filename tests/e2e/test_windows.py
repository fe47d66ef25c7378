"""test_windows.py - what is different on Windows: paths, wildcards, programs and files of others."""

import os
import unittest

from harness import WINDOWS, Case, logport, logportd, main, windows_path


@unittest.skipUnless(WINDOWS, "about Windows")
class WindowsPaths(Case):
    def test_missing_parents_are_made_by_either_separator(self):
        for path in ("aa\\bb", "cc/dd\\ee", "ff\\gg/"):
            with self.subTest(path):
                directory = self.directory()
                base = windows_path(directory) + "\\" + path
                daemon = self.daemon("--dir", base)
                daemon.base = os.path.join(directory, path.replace("\\", "/"))
                daemon.send(b'{"n":1}\n')
                daemon.wait_stored(1)
                daemon.stop()
                self.assertEqual(logport("cat", base).lines, [b'{"n":1}'])

    def test_an_archive_in_the_log_directory_is_refused_in_either_case(self):
        base = windows_path(self.directory()) + "\\Logs"
        for archive, how in ((base.upper() + "\\cold", "is inside"), (base.lower(), "is"),
                             (base.lower().replace("\\", "/") + "/Cold", "is inside")):
            with self.subTest(archive):
                result = logportd("--check", "--dir", base, "--archive-dir", archive)
                self.assertEqual(result.code, 2)
                self.assertIn(" %s the log directory, " % how, result.said)
        self.assertEqual(logportd("--check", "--dir", base, "--archive-dir", base + "2").code, 0)


if __name__ == "__main__":
    main()
