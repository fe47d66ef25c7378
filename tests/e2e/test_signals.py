"""test_signals.py - signals at any moment of the daemon's life: while it starts, serves, reloads and
stops.  None ends it without its last line, and none is lost."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import time

from harness import (COUNTERS, READY, Case, environment, identity, log_line, logport, logportd, main, native_only,
                     program, refuse_sanitizer_reports, scaled, segments, start, status, wait_until)
from test_hung_archive import Hang

STOPS = (signal.SIGTERM, signal.SIGINT)
REQUESTS = STOPS + (signal.SIGHUP, signal.SIGUSR1)


def mask(*numbers):
    return sum(1 << (number - 1) for number in numbers)


def signal_set(task, name):
    """SigBlk, SigIgn or SigCgt of a process or thread."""
    with open("/proc/%s/status" % task) as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1], 16)
    raise AssertionError("no " + name)


class Starting:
    """A daemon of which nothing is known but its process, once it has reached its main()."""

    def __init__(self, test, *words, env=None):
        self.base = os.path.join(test.directory(), "logs")
        command = program("logportd") + ["--tcp", "127.0.0.1:0", *words]
        if "--dir" not in words:
            command += ["--dir", self.base]
        self.errors = open(os.path.join(test.directory(), "stderr"), "wb", buffering=0)
        self.process = start(command, stdout=subprocess.DEVNULL, stderr=self.errors, env=env or environment())
        test.addCleanup(self.end)
        wanted = mask(*REQUESTS)
        while signal_set(self.process.pid, "SigCgt") & wanted != wanted:
            if self.process.poll() is not None:
                raise AssertionError("it ended: " + self.said)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.errors.close()

    @property
    def said(self):
        with open(self.errors.name, "rb") as file:  # the daemon's own offset stays where it is
            return file.read().decode()

    def wait_end(self, timeout=None):
        """(exit code, lines of stderr, counters)"""
        code = self.process.wait(timeout or 30)
        refuse_sanitizer_reports(self.said.encode(), "stderr")
        lines = self.said.split("\n")[:-1]
        if not lines or not COUNTERS.match(lines[-1]):
            raise AssertionError("ended with %d without its counters: %s" % (code, self.said))
        return code, lines, json.loads(lines[-1])


def write_manifest(base, events):
    """As of a directory that once held many segments."""
    os.makedirs(os.path.join(base, "state"))
    closed = (
        '{"event":"closed","time":"2026-11-30T09:59:36.104980715Z","stream":"main","sequence":%d,"name":"%s",'
        '"lines":1,"raw_bytes":8,"bytes":227,"first_time":"2026-11-30T09:59:35.487041539Z",'
        '"last_time":"2026-11-30T09:59:35.487041539Z","closed_time":"2026-11-30T09:59:35.487041539Z",'
        '"xxh3":"7475001dd058088b"}\n'
    )
    with open(os.path.join(base, "state", "manifest.ndjson"), "w") as file:
        for n in range(1, events + 1):
            file.write(closed % (n, "main-%010d-20261130T095935Z.ndjson.lz4" % n))


@native_only("Windows has no signals")
class Signals(Case):
    def test_a_stop_at_any_moment_of_the_start_ends_it_cleanly(self):
        for _ in range(scaled(60)):
            daemon = Starting(self)
            time.sleep(self.rng.random() ** 3 * 0.03)
            daemon.process.send_signal(self.rng.choice(STOPS))
            code, _, counters = daemon.wait_end()
            self.assertEqual((code, counters["received"]), (0, 0), daemon.said)
            self.assertFalse(os.path.exists(os.path.join(daemon.base, "logportd.run")))

    def test_reload_and_rotate_at_any_moment_of_the_start_take_place_after_it(self):
        for _ in range(scaled(30)):
            daemon = Starting(self)
            for _ in range(self.rng.randrange(1, 4)):
                time.sleep(self.rng.random() ** 3 * 0.01)
                daemon.process.send_signal(self.rng.choice((signal.SIGHUP, signal.SIGUSR1)))
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "reload: the new configuration is active" in daemon.said, "it reloads")
            lines = daemon.said.split("\n")
            ready = [n for n, line in enumerate(lines) if READY.match(line)]
            reloaded = [n for n, line in enumerate(lines) if "reload:" in line]
            self.assertEqual(len(ready), 1, daemon.said)
            self.assertLess(ready[0], reloaded[0], daemon.said)
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.wait_end()[0], 0, daemon.said)

    def test_signals_during_a_long_start_are_kept_and_a_stop_takes_two_seconds_at_most(self):
        base = os.path.join(self.directory(), "logs")
        write_manifest(base, scaled(300_000))
        for after in (0, 0.05, 0.3):
            daemon = Starting(self, "--dir", base)
            time.sleep(after)
            for request in (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM):
                daemon.process.send_signal(request)
            begin = time.monotonic()
            code, _, counters = daemon.wait_end()
            self.assertEqual((code, counters["received"]), (0, 0), daemon.said)
            self.assertLess(time.monotonic() - begin, 10, daemon.said)

    def hung_start(self, *words):
        daemon = Starting(self, *words)
        for request in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
            time.sleep(0.05)
            daemon.process.send_signal(request)
        begin = time.monotonic()
        code, lines, counters = daemon.wait_end()
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual((code, counters["received"], counters["in_flight"]), (0, 0, 0), daemon.said)
        self.assertTrue([line for line in lines if "asked to stop while starting" in line], daemon.said)

    def test_a_start_that_hangs_can_be_stopped(self):
        where = self.directory()
        hang = Hang(self, os.path.join(where, "hung"))
        hung = os.path.join(hang.where, "file")
        for words in ("--dir", hung), ("--config", hung), ("--schema", hung):
            self.hung_start(*words)
        if os.environ.get("LOGPORT_SANITIZE") == "thread":
            return  # it defers signal handlers while open() waits
        fifo = os.path.join(where, "fifo")
        os.mkfifo(fifo)
        self.hung_start("--config", fifo)

    def test_a_check_that_hangs_is_ended_by_a_signal(self):
        fifo = os.path.join(self.directory(), "fifo")
        os.mkfifo(fifo)
        for number in REQUESTS:
            check = start(program("logportd") + ["--check", "--config", fifo], stderr=subprocess.PIPE)
            self.addCleanup(check.stderr.close)
            self.addCleanup(check.wait)
            self.addCleanup(check.kill)
            writer = os.open(fifo, os.O_WRONLY)  # waits until the program has opened it
            check.send_signal(number)
            self.assertEqual(check.wait(10), -number)
            os.close(writer)
        checked = logportd("--check")
        self.assertEqual(checked.code, 0, checked.said)

    def test_a_daemon_that_is_started_with_blocked_and_ignored_signals_handles_them(self):
        command = ["sh", "-c", 'trap "" HUP USR1 TERM INT; exec "$@"', "sh"]
        daemon = self.daemon()
        daemon.stop()
        errors = subprocess.PIPE
        signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
        self.addCleanup(signal.pthread_sigmask, signal.SIG_UNBLOCK, REQUESTS)
        process = start(command + daemon.command, stdout=subprocess.DEVNULL, stderr=errors, env=environment())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for line in process.stderr:
            if READY.match(line.decode()):
                break
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read().decode()
        self.assertEqual(process.wait(10), 0, said)
        self.assertRegex(said, r'(?m)^\{"received":0')

    def test_only_the_first_thread_handles_signals(self):
        daemon = self.daemon()
        tasks = "/proc/%d/task" % daemon.pid
        threads = [name for name in os.listdir(tasks) if int(name) != daemon.pid]
        self.assertGreater(len(threads), 3)
        for name in threads:
            blocked = signal_set("%d/task/%s" % (daemon.pid, name), "SigBlk")
            self.assertEqual(blocked & mask(*REQUESTS), mask(*REQUESTS))
        self.assertEqual(signal_set(daemon.pid, "SigBlk") & mask(*REQUESTS), 0)
        daemon.stop()

    def test_an_archive_command_starts_with_no_signal_blocked_or_ignored(self):
        found = os.path.join(self.directory(), "status")
        config = os.path.join(self.directory(), "config.json")
        command = ["sh", "-c", "exec cp /proc/self/status '%s'" % found, "{path}"]
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"archive_command": command, "archive_after_s": 0}, file)
        daemon = self.daemon("--config", config)
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        wait_until(lambda: status(daemon)["main"]["segments_handed_over"] == 1, "the command has run")
        with open(found) as file:
            sets = dict(line.split(":", 1) for line in file)
        for name in ("SigBlk", "SigIgn"):
            self.assertEqual(int(sets[name], 16) & mask(*range(1, 32)), 0, name)
        daemon.stop()

    def test_of_many_reloads_the_last_configuration_becomes_active(self):
        config = os.path.join(self.directory(), "config.json")

        def configure(seconds):
            with open(config + ".new", "w", encoding="utf-8") as file:
                json.dump({"tcp": ["127.0.0.1:0"], "flush_ms": 5, "stats_s": seconds}, file)
            os.rename(config + ".new", config)

        configure(1000)
        daemon = self.daemon("--config", config, tcp=(), udp=())
        for round_ in range(scaled(10)):
            for n in range(50):
                configure(2000 + n)
                daemon.process.send_signal(signal.SIGHUP)
                time.sleep(self.rng.random() ** 4 * 0.01)
            configure(1 if round_ == scaled(10) - 1 else 3000)
            daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: daemon.said_lines(r'^\{"received"'), "the counters are printed every second", 20)
        daemon.stop()

    def test_reloads_that_never_end_become_active_meanwhile(self):
        config = os.path.join(self.directory(), "config.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"tcp": ["127.0.0.1:0"], "stats_s": 1000}, file)
        daemon = self.daemon("--config", config, tcp=(), udp=())
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"tcp": ["127.0.0.1:0"], "stats_s": 1}, file)
        end = time.monotonic() + 10
        while not daemon.said_lines("the new configuration is active"):
            self.assertLess(time.monotonic(), end, daemon.said)
            for _ in range(100):
                daemon.process.send_signal(signal.SIGHUP)
        daemon.stop()

    def test_signals_of_all_kinds_at_full_load_lose_nothing(self):
        daemon = self.daemon("--segment-bytes-max", "256KiB")
        sent = []

        def send(connection_number):
            with contextlib.closing(daemon.connect()) as connection:
                for n in range(scaled(200)):
                    lines = [b'{"c":%d,"n":%d}' % (connection_number, n * 100 + i) for i in range(100)]
                    connection.sendall(b"".join(line + b"\n" for line in lines))
                    sent.extend(lines)

        senders = [self.in_thread(send, number) for number in range(3)]
        while any(sender.is_alive() for sender in senders):
            daemon.process.send_signal(self.rng.choice((signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE)))
            time.sleep(self.rng.random() * 0.005)
        for sender in senders:
            sender.finish()
        counters = daemon.stop()
        self.assertEqual(counters["stored"], len(sent))
        self.assert_lines(sorted(daemon.lines_stored()), sorted(sent))

    def test_signals_during_a_stop_do_not_disturb_it(self):
        for _ in range(scaled(15)):
            daemon = self.daemon()
            sent = [log_line(self.rng, n=n) for n in range(2000)]
            daemon.send(b"".join(line + b"\n" for line in sent))
            daemon.ask_to_stop()
            with contextlib.suppress(ProcessLookupError):
                for _ in range(200):  # a stop again within a second is the same request
                    daemon.process.send_signal(self.rng.choice(REQUESTS + (signal.SIGPIPE,)))
                    time.sleep(self.rng.random() ** 4 * 0.005)
            code, counters = daemon.wait_end()
            self.assertEqual((code, counters["stored"]), (0, len(sent)), daemon.said)
            identity(counters)
            self.assert_lines(daemon.lines_stored(), sent)

    def test_a_file_size_limit_is_an_error_and_not_the_end(self):
        daemon = self.daemon()
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        sent = [log_line(self.rng, n=n) for n in range(scaled(4000))]
        daemon.send(b"".join(line + b"\n" for line in sent))
        wait_until(lambda: status(daemon)["received"] == len(sent), "all is received")
        self.assertIsNone(daemon.process.poll())
        daemon.kill()
        self.assertGreater(len(segments(daemon.base)), 0)


if __name__ == "__main__":
    main()
