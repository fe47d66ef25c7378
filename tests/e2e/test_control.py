"""test_control.py - logport status, rotate, reload and stop, and only for permitted users."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import threading
import time

from harness import EXEC_PREFIX, Case, identity, log_line, logport, logportd, main, native_only, scaled
from harness import small_disk, wait_until


def run_file(daemon):
    return os.path.join(daemon.base, "logportd.run")


def control_address(daemon):
    with open(run_file(daemon)) as file:
        return int(json.load(file)["control"].rpartition(":")[2])


def counters_of(result):
    """The counters in the one line of JSON that `logport status` prints."""
    answer = json.loads(result.out)
    for candidate in (answer, *answer.values()):
        if isinstance(candidate, dict) and "received" in candidate:
            return candidate
    raise AssertionError("no counters in %r" % result.out)


class Control(Case):
    def test_a_copy_of_the_directory_does_not_control_the_daemon(self):
        daemon = self.daemon("--flush-ms", "5")
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        copy = os.path.join(self.directory(), "copy")
        shutil.copytree(daemon.base, copy, ignore=shutil.ignore_patterns("lock"))
        for command in ("status", "rotate", "reload", "stop"):
            result = logport(command, copy)
            self.assertEqual(result.code, 2, result.said)
            self.assertIn("no daemon is running on %s; its logportd.run was copied" % copy, result.said)
        self.assertEqual(logport("status", daemon.base).code, 0)
        other = self.daemon(dir=copy)  # which replaces the copied run file
        self.assertEqual(logport("stop", copy).code, 0)
        self.assertEqual(other.wait_end()[0], 0)
        self.assertEqual(daemon.stop()["stored"], 1)

    @native_only("Windows deletes no directory in which files are open")
    def test_a_directory_that_is_deleted_is_made_again_with_lock_and_run_file(self):
        daemon = self.daemon("--flush-ms", "5")
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        shutil.rmtree(daemon.base)
        daemon.wait_said("%s: the directory or its lock was deleted or moved; made again" % re.escape(daemon.base))
        self.assertEqual(wait_until(lambda: logport("status", daemon.base).out, "status finds it")[:12], b'{"received":')
        self.assertEqual(os.stat(run_file(daemon)).st_mode & 0o777, 0o600)
        self.assertIn("another logportd writes to this directory", logportd("--dir", daemon.base, "--tcp", "127.0.0.1:0").said)
        self.assertEqual(logport("reload", daemon.base).code, 0)
        daemon.send(b'{"b":2}\n')
        daemon.wait_stored(1)
        self.assertEqual(logport("stop", daemon.base).code, 0)
        self.assertEqual(daemon.wait_end()[0], 0)
        self.assertFalse(os.path.exists(run_file(daemon)))

    @native_only("Windows moves no directory in which files are open")
    def test_a_directory_that_is_moved_away_loses_control_of_the_daemon(self):
        daemon = self.daemon()
        moved = os.path.join(self.directory(), "moved")
        os.rename(daemon.base, moved)
        wait_until(lambda: logport("status", daemon.base).code == 0, "the run file is there again")
        result = logport("stop", moved)
        self.assertEqual(result.code, 2, result.said)
        daemon.stop()

    def test_a_run_file_that_is_deleted_is_written_again(self):
        daemon = self.daemon()
        with open(run_file(daemon)) as file:
            before = json.load(file)
        os.remove(run_file(daemon))
        wait_until(lambda: os.path.exists(run_file(daemon)), "the run file is there again")
        with open(run_file(daemon)) as file:
            after = json.load(file)
        self.assertEqual(before["directory"], after["directory"])
        self.assertNotEqual(before["token"], after["token"])
        wait_until(lambda: logport("status", daemon.base).code == 0, "the new token is accepted")
        daemon.stop()

    def test_status_prints_counters_that_hold_the_identity(self):
        daemon = self.daemon()
        daemon.send(b'{"a":1}\nbad\n{"b":2}\n')
        daemon.wait_stored(2)
        result = wait_until(
            lambda: (lambda r: r if b'"received":3' in r.out else None)(logport("status", "--dir", daemon.base)),
            "status knows of three records",
        )
        self.assertEqual(result.code, 0, result.said)
        counters = counters_of(result)
        identity(counters)
        self.assertEqual((counters["stored"], counters["rejected"]), (2, 1))
        self.assertEqual(daemon.stop()["received"], 3)

    def test_status_names_the_volumes_and_their_free_space(self):
        archive = os.path.join(self.directory(), "cold")
        os.mkdir(archive)
        daemon = self.daemon("--archive-dir", archive)

        def measured():
            volumes = json.loads(logport("status", daemon.base).out)["volumes"]
            return volumes if all("free_bytes" in volume for volume in volumes.values()) else None

        volumes = wait_until(measured, "all are measured")
        main, rejects = (os.path.join(daemon.base, name) for name in ("main", "rejects"))
        named = {re.sub("^[A-Z]:", "", os.path.normpath(path)) for path in volumes}  # Wine's drive
        self.assertEqual(named, {os.path.normpath(path) for path in (main, rejects, archive)})
        for path, volume in volumes.items():
            name = os.path.basename(path)
            self.assertEqual(volume.get("stream"), None if name == "cold" else name)
            self.assertEqual(volume.get("archive", False), name == "cold")
            free = shutil.disk_usage(daemon.base).free
            self.assertLess(abs(volume["free_bytes"] - free), max(free // 2, 1 << 30), (volume, free))
            self.assertLess(volume["age_s"], 30)
        daemon.stop()

    @native_only("links to another volume")
    def test_status_measures_a_folder_that_is_a_link_on_the_volume_that_it_leads_to(self):
        base, disk = self.directory(), small_disk(self, 8 << 20)
        os.makedirs(os.path.join(base, "logs"))
        os.symlink(disk, os.path.join(base, "logs", "main"))
        daemon = self.daemon(dir=os.path.join(base, "logs"))
        volumes = wait_until(
            lambda: (lambda found: found if all("free_bytes" in volume for volume in found.values()) else None)(
                json.loads(logport("status", daemon.base).out)["volumes"]), "all are measured")
        by_stream = {volume["stream"]: volume for volume in volumes.values()}
        self.assertLessEqual(by_stream["main"]["free_bytes"], 8 << 20)
        self.assertNotEqual(by_stream["main"]["volume"], by_stream["rejects"]["volume"])
        daemon.stop()

    def test_status_under_load_always_holds_the_identity(self):
        daemon = self.daemon("--flush-ms", "5")
        lines = b"".join(log_line(self.rng, n=n) + b"\nbad\n" for n in range(2000))

        def sender():
            connection = daemon.connect()
            for _ in range(scaled(40, 4)):
                connection.sendall(lines)
            connection.close()

        thread = self.in_thread(sender)
        seen = []
        while thread.is_alive() or len(seen) < 5:
            result = logport("status", "--dir", daemon.base)
            self.assertEqual(result.code, 0, result.said)
            counters = counters_of(result)
            identity(counters)
            seen.append(counters["received"])
        self.assertEqual(seen, sorted(seen))
        thread.finish()
        daemon.stop()

    def test_logport_stop_stops_it_as_a_signal_does_and_returns_when_all_is_stored(self):
        daemon = self.daemon("--flush-ms", "2000")
        connection = daemon.connect()
        connection.sendall(b'{"a":1}\n')
        wait_until(lambda: b'"bytes_received":8' in logport("status", "--dir", daemon.base).out, "the line is there")
        answer = logport("stop", "--dir", daemon.base)
        self.assertEqual(answer.code, 0, answer.said)
        self.assert_lines(daemon.lines_stored(), [b'{"a":1}'])
        self.assertFalse([name for name in os.listdir(os.path.join(daemon.base, "main")) if ".part." in name])
        next_one = self.daemon(dir=daemon.base)  # the directory is free
        code, counters = daemon.wait_end()
        self.assertEqual((code, counters["stored"]), (0, 1))
        identity(counters)
        next_one.stop()

    def test_reload_is_answered_and_it_goes_on(self):
        daemon = self.daemon()
        answer = logport("reload", "--dir", daemon.base)
        self.assertEqual((answer.code, answer.said), (0, ""))
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        daemon.stop()

    def test_without_a_daemon_every_command_exits_2_and_says_so(self):
        daemon = self.daemon()
        daemon.stop()
        self.assertFalse(os.path.exists(run_file(daemon)), "the run file goes with the daemon")
        killed = self.daemon()
        killed.kill()  # leaves a run file without a daemon
        for base in (daemon.base, killed.base, os.path.join(self.directory(), "nowhere")):
            for command in ("status", "rotate", "reload", "stop"):
                result = logport(command, "--dir", base)
                self.assertEqual((result.code, result.out), (2, b""), (command, base))
                self.assertNotEqual(result.err, b"")

    def test_a_wrong_token_is_refused_and_changes_nothing(self):
        daemon = self.daemon()
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        forged = self.directory()
        with open(run_file(daemon)) as file:
            text = file.read()
        token = max(re.findall(r"[0-9A-Za-z_-]{16,}", text), key=len)
        wrong = text.replace(token, token[:-1] + ("0" if token[-1] != "0" else "1"))
        self.assertNotEqual(wrong, text)
        with open(os.path.join(forged, "logportd.run"), "w") as file:
            file.write(wrong)
        for command in ("stop", "rotate", "status"):
            result = logport(command, "--dir", forged)
            self.assertEqual((result.code, result.out), (2, b""), result.said)
        self.assertEqual(logport("status", "--dir", daemon.base).code, 0)
        self.assertEqual(len(os.listdir(os.path.join(daemon.base, "main"))), 1)
        daemon.send(b'{"b":1}\n')
        daemon.wait_stored(2)
        daemon.stop()

    def test_the_token_is_another_each_time(self):
        texts = set()
        for _ in range(3):
            daemon = self.daemon()
            with open(run_file(daemon)) as file:
                texts.add(max(re.findall(r"[0-9A-Za-z_-]{16,}", file.read()), key=len))
            daemon.stop()
        self.assertEqual(len(texts), 3)

    def test_a_flood_of_control_connections_does_no_harm(self):
        daemon = self.daemon()
        port = control_address(daemon)
        held = []
        for n in range(scaled(500, 50)):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", port), 5)
                self.addCleanup(connection.close)
                held.append(connection)
                if n % 3 == 1:
                    connection.sendall(b"x" * 5000)
                if n % 3 == 2:
                    connection.close()
        daemon.send(b'{"a":1}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"a":1}'])
        for connection in held:
            connection.close()
        wait_until(lambda: logport("status", "--dir", daemon.base).code == 0, "control answers again")
        daemon.stop()

    @native_only("Windows has no such signal")
    def test_a_signal_storm_does_no_harm(self):
        daemon = self.daemon()
        for _ in range(200):
            os.kill(daemon.pid, signal.SIGHUP)
            os.kill(daemon.pid, signal.SIGUSR1)
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        self.assertEqual(daemon.stop()["stored"], 1)


class FakeDaemon:
    """Accepts control connections, or not, and answers a command with answers[command]: wait, text."""

    def __init__(self, test, accepts=True, answers=None, backlog=64):
        self.base = test.directory()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        test.addCleanup(self.listener.close)
        self.asked, self.answers = [], answers or {}
        self.address = self.listener.getsockname()
        with open(run_file(self), "w") as file:
            json.dump({"pid": 1, "control": "127.0.0.1:%d" % self.address[1], "token": "0" * 32}, file)
        if accepts:
            threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):  # the test ends
            while True:
                threading.Thread(target=self.answer, args=self.listener.accept()[:1], daemon=True).start()

    def answer(self, connection):
        command = connection.makefile().readline().split()[-1]
        self.asked.append(command)
        wait_s, text = self.answers.get(command, (3600, b""))
        time.sleep(wait_s)
        connection.sendall(text)
        connection.close()


class Unanswered(Case):
    """A request ends although the daemon hangs, and is not cut off while the daemon is at work on it.
    All commands are asked at the same time, because this is mostly waiting."""

    commands = ("status", "rotate", "reload", "stop")

    def ask(self, *daemons):
        def ask(command, daemon):
            return command, self.in_thread(lambda: logport(command, daemon.base, timeout=120))

        return [ask(command, daemon) for daemon in daemons for command in self.commands]

    def full(self):
        """One to which no connection can be made: it does not accept, and its queue is full."""
        daemon = FakeDaemon(self, accepts=False, backlog=0)
        for _ in range(4):
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(daemon.address)
        return daemon

    def test_a_daemon_that_hangs_is_given_up(self):
        hanging = [FakeDaemon(self), FakeDaemon(self, accepts=False)]
        if not EXEC_PREFIX and os.name == "posix":  # Windows queues more connections than it is asked to
            hanging.append(self.full())
        for command, asking in self.ask(*hanging):
            result = asking.finish(150)
            self.assertEqual(result.code, 2, result.said)
            message = r"logport: %s: the daemon on .* \(127.0.0.1:\d+\) does not answer; it may hang" % command
            self.assertRegex(result.said, message)
        self.assertEqual(sorted(set(hanging[0].asked)), sorted(self.commands))
        self.assertEqual(hanging[0].asked.count("status"), 1 + 3)  # the others look once

    def test_a_request_that_takes_long_is_waited_for_while_the_daemon_answers_others(self):
        done = (25, b'{"ok":true}\n')
        answers = {"status": (0, b'{"ok":true,"received":1}\n'), "stop": done, "rotate": done, "reload": done}
        daemon = FakeDaemon(self, answers=answers)
        for _, asking in self.ask(daemon):
            result = asking.finish(150)
            self.assertEqual(result.code, 0, result.said)
        self.assertEqual(daemon.asked.count("status"), 1 + 3 * 2)

    @native_only("Windows has no such signal")
    def test_a_paused_daemon_is_given_up_and_stops_once_it_runs_again(self):
        daemon = self.daemon()
        os.kill(daemon.pid, signal.SIGSTOP)
        result = logport("stop", daemon.base, timeout=120)
        os.kill(daemon.pid, signal.SIGCONT)
        self.assertEqual(result.code, 2, result.said)
        self.assertIn("does not answer", result.said)
        self.assertEqual(daemon.wait_end()[0], 0)


if __name__ == "__main__":
    main()
