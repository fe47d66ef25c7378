"""test_soak.py - mixed load on several streams that rotate several times a second, with archive, retention,
reloads and `logport rotate`; each run of the daemon ends with a clean stop or a kill.  Whatever happens, the
counters agree, the manifest is sound, and nothing is left behind.

LOGPORT_SOAK_S is the duration in seconds: 20 in the test suite; 600, by hand, for a long one."""

import collections
import contextlib
import os
import socket
import threading
import time

from harness import dropped, identity, log_line, logport, main, manifest, status
from records import BAD
from test_reload import Reloading

SECONDS = float(os.environ.get("LOGPORT_SOAK_S", "20"))
STREAMS = ("main", "audit", "metrics", "web")
BAD_LINES = [line for reason in BAD if reason != "too_deep" for line in BAD[reason] if b"\n" not in line]


class Load:
    """Threads that send until the daemon is gone or end() is called."""

    def __init__(self, test, daemon):
        self.test, self.daemon, self.over = test, daemon, threading.Event()
        self.threads = [threading.Thread(target=self.guarded, args=(send, listener, test.rng.getrandbits(32)))
                        for send in (self.tcp, self.udp) for listener in range(2) for _ in range(2)]
        self.threads.append(threading.Thread(target=self.guarded, args=(self.requests, 0, test.rng.getrandbits(32))))
        for thread in self.threads:
            thread.start()

    def guarded(self, work, listener, seed):
        with contextlib.suppress(OSError):  # the daemon was killed or stops
            work(listener, type(self.test.rng)(seed))

    def lines(self, rng):
        count = rng.choice((1, 3, 50, 400))
        return [rng.choice(BAD_LINES) if rng.random() < 0.02 else log_line(rng, n=n) for n in range(count)]

    def tcp(self, listener, rng):
        while not self.over.is_set():
            with contextlib.closing(socket.create_connection(self.daemon.tcp[listener], 10)) as connection:
                for _ in range(rng.randrange(1, 20)):
                    if self.over.is_set():
                        break
                    connection.sendall(b"\n".join(self.lines(rng)) + b"\n" * rng.randrange(2))
                    time.sleep(rng.random() * 0.05)

    def udp(self, listener, rng):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            while not self.over.is_set():
                for line in self.lines(rng)[:50]:
                    sender.sendto(line, self.daemon.udp[listener])
                time.sleep(rng.random() * 0.05)

    def requests(self, _, rng):
        """Rotation on request, and reloads: with and without archive and retention."""
        while not self.over.is_set():
            for _ in range(rng.randrange(2, 8)):
                logport("rotate", "--dir", self.daemon.base)
                time.sleep(rng.random() * 0.2)
            self.test.write(**self.test.configuration(rng))
            logport("reload", "--dir", self.daemon.base)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class Soak(Reloading):
    def configuration(self, rng):
        settings = {
            "dir": self.base,
            "tcp": ["127.0.0.1:%d" % self.ports[0], {"address": "127.0.0.1:%d" % self.ports[1], "stream": "audit"}],
            "udp": [{"address": "127.0.0.1:%d" % self.ports[2], "stream": "metrics"},
                    {"address": "127.0.0.1:%d" % self.ports[3], "stream": "web"}],
            "flush_ms": 20,
            "sync_ms": rng.choice((50, 1000)),
            "segment_bytes_max": rng.choice((16, 64, 256)) << 10,
            "archive_after_s": rng.choice((0, 1, 5)),
        }
        if rng.random() < 0.7:
            settings["archive_dir"] = rng.choice(self.archives)
        if rng.random() < 0.7:
            settings["retention_count_max"] = rng.choice((40, 100, 400))
        if rng.random() < 0.2:
            settings["retention_bytes_max"] = 1 << 20
        return settings

    def assert_manifest_sound(self, base, complete=False):
        if not complete and not os.path.exists(os.path.join(base, "state", "manifest.ndjson")):
            return  # the first segment was closed a moment ago
        result = logport("verify", "--manifest", base, timeout=300)
        self.assertEqual(result.code, 0, result.out + result.err)
        if complete:
            self.assertNotIn(b"not recorded yet", result.out)

    def assert_recorded_once(self, base):
        """After a clean stop: each closed segment is recorded, none twice, and there is nothing else."""
        events = manifest(base)
        times = collections.Counter(
            (line["stream"], line["sequence"]) for line in events if line["event"] == "closed")
        self.assertEqual([key for key, count in times.items() if count > 1], [])
        recorded = {line["name"] for line in events}
        for root in [base] + self.archives:
            for stream in STREAMS:
                folder = os.path.join(root, stream)
                for name in os.listdir(folder) if os.path.isdir(folder) else []:
                    self.assertIn(name, recorded)
        for root in self.archives:
            if os.path.isdir(root):
                self.assertEqual(os.listdir(os.path.join(root, "state")), ["archive-of"])
        expected = {"archives", "lock", "manifest.ndjson"} | {name + ".sequence" for name in STREAMS + ("rejects",)}
        self.assertLessEqual(set(os.listdir(os.path.join(base, "state"))), expected)

    def one_life(self, seconds, kills):
        self.write(**self.configuration(self.rng))
        daemon = self.daemon("--config", self.path, tcp=[], udp=[], dir=self.base)
        load = Load(self, daemon)
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(min(3, max(0, end - time.monotonic())))
                self.assert_manifest_sound(self.base)  # while it runs, too
                identity(status(daemon))
            if kills:
                daemon.kill()
        finally:
            load.end()
        if kills:
            self.assert_manifest_sound(self.base)
            return None
        counters = daemon.stop(timeout=120)
        self.assertEqual((counters["in_flight"], dropped(counters)), (0, counters["dropped"].get("quarantine_full", 0)))
        self.assertNotIn("not in the manifest yet", daemon.said)
        self.assert_manifest_sound(self.base, complete=True)
        self.assert_recorded_once(self.base)
        self.assertEqual(logport("verify", self.base, timeout=300).code, 0)
        return counters

    def test_the_books_are_right_after_every_stop_and_kill(self):
        directory = self.directory()
        self.base = os.path.join(directory, "logs")
        self.archives = [os.path.join(directory, name) for name in ("cold", "colder")]
        self.path = os.path.join(directory, "logportd.json")
        self.ports = [self.free(socket.SOCK_STREAM), self.free(socket.SOCK_STREAM),
                      self.free(socket.SOCK_DGRAM), self.free(socket.SOCK_DGRAM)]
        end, lives = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            seconds = self.rng.uniform(1, min(60, SECONDS / 3))
            self.one_life(seconds, kills=lives % 2 == 1)
            lives += 1
        # What kills have left is completed by a start and a stop without load.
        self.write(**self.configuration(self.rng))
        daemon = self.daemon("--config", self.path, tcp=[], udp=[], dir=self.base)
        daemon.stop(timeout=120)
        self.assert_manifest_sound(self.base, complete=True)
        self.assert_recorded_once(self.base)

    @staticmethod
    def free(kind):
        with contextlib.closing(socket.socket(socket.AF_INET, kind)) as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]


if __name__ == "__main__":
    main()
