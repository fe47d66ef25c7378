"""setup.py - tools/setup waits for another package manager instead of failing.

Runs the real apt-get on a state directory of its own, with one package, which is
installed, and without sources: it takes real locks, but changes nothing and needs
no network.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HELD_S = 1.2
INSTALLED = """Package: installed
Status: install ok installed
Maintainer: nobody
Architecture: all
Version: 1
Description: a package
"""


@unittest.skipUnless(shutil.which("apt-get"), "apt is not available")
@unittest.skipUnless(os.geteuid() == 0, "apt-get needs root")
class Locks(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.mkdtemp(prefix="logport-setup-")
        self.addCleanup(shutil.rmtree, self.state)
        os.chmod(self.state, 0o755)
        for folder in ("dpkg", "lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.state, folder))
        with open(os.path.join(self.state, "dpkg", "status"), "w") as file:
            file.write(INSTALLED)
        self.configuration = os.path.join(self.state, "apt.conf")
        with open(self.configuration, "w") as file:
            file.write('Dir::State::status "%s/dpkg/status";\n' % self.state)
            file.write('Dir::State::Lists "%s/lists";\nDir::Cache "%s/cache";\n' % (self.state, self.state))
            file.write('Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "/dev/null";\n')
            file.write('Dir::Bin::dpkg "/bin/false";\nDir::Log "%s";\nAPT::Sandbox::User "root";\n' % self.state)

    def install(self, wait_s):
        """Runs what tools/setup runs when a package is missing: (exit status, output, seconds)."""
        script = "source tools/setup; lock_wait_s=%d; packages=(installed); missing=(something); install_packages" % wait_s
        begin = time.monotonic()
        result = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env=dict(os.environ, APT_CONFIG=self.configuration),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        return result.returncode, result.stdout.decode(), time.monotonic() - begin

    @contextlib.contextmanager
    def held(self, name, seconds):
        """Another process's lock, as apt and dpkg take it; released after `seconds`."""
        with open(os.path.join(self.state, name), "w") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            release = threading.Timer(seconds, lambda: fcntl.lockf(file, fcntl.LOCK_UN))
            release.start()
            try:
                yield
            finally:
                release.cancel()
                release.join()

    def test_without_another_package_manager_it_does_not_wait(self):
        code, output, _ = self.install(60)
        self.assertEqual(code, 0, output)
        self.assertNotIn("waiting", output)

    def test_it_waits_for_each_lock_and_then_continues(self):
        for name in ("lists/lock", "dpkg/lock-frontend", "dpkg/lock", "cache/archives/lock"):
            with self.subTest(name), self.held(name, HELD_S):
                code, output, seconds = self.install(60)
                self.assertEqual(code, 0, output)
                self.assertEqual(output.count("waiting for another package manager"), 1, output)
                self.assertGreaterEqual(seconds, HELD_S)

    def test_after_the_limit_it_fails_and_names_the_lock(self):
        for name, step in (("lists/lock", "update"), ("dpkg/lock-frontend", "install")):
            with self.subTest(name), self.held(name, 60):
                code, output, _ = self.install(1)
                self.assertEqual(code, 1, output)
                self.assertIn("Could not get lock %s" % os.path.join(self.state, name), output)
                self.assertIn("tools/setup: apt-get %s failed" % step, output)


if __name__ == "__main__":
    unittest.main()
