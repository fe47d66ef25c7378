"""test_service.py - logportd as a service: installed, started, reloaded, stopped and removed.

On Windows there is one service of that name, so no two of these tests may run at a time."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest

from harness import (BUILD, PATIENCE_S, ROOT, WINDOWS, Case, environment, free_port, identity, log_line, logport, logportd, main,
                     program, read_lines, run, start, wait_until, windows_path)

PREFIX = os.environ.get("LOGPORT_WINE_PREFIX", os.path.join(ROOT, "build-windows-wine"))
HOME = os.path.join(PREFIX, "drive_c", "ProgramData", "logport")
WINDOWS_HOME = "C:\\ProgramData\\logport"

PARAMCHANGE = 6
ACCEPT_STOP, ACCEPT_SHUTDOWN, ACCEPT_PARAMCHANGE, ACCEPT_PRESHUTDOWN = 1, 4, 8, 256
START_PENDING, STOP_PENDING, RUNNING, STOPPED = "2", "3", "4", "1"


def service(*words, **options):
    return logportd("service", *words, **options)


def scm(*words):
    return run(program(os.path.join("tests", "scm")) + list(words)).out.decode().strip()


def messages():
    """The service's messages: (severity, text)."""
    with open(os.path.join(HOME, "logportd.log"), encoding="utf-8") as file:
        return [tuple(line.rstrip("\n").split(None, 2)[1:]) for line in file]


def said(pattern):
    return [text for _, text in messages() if re.search(pattern, text)]


def remove():
    """What a test, or one that was killed, has left behind."""
    service("uninstall", "--purge")
    shutil.rmtree(HOME, ignore_errors=True)


def kill_service():
    """Kills the process of the service; returns how many there were."""
    killed = 0
    program_of_service = re.compile(re.escape(os.path.join(BUILD, "logportd.exe").encode()) + rb"\W+service\W+run\b")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                command = file.read().replace(b"\\", b"/")
            if program_of_service.search(command):
                os.kill(int(pid), signal.SIGKILL)
                killed += 1
    return killed


class ServiceCase(Case):
    @classmethod
    def setUpClass(cls):
        remove()

    def setUp(self):
        super().setUp()
        self.addCleanup(remove)

    def does(self, *words):
        result = service(*words)
        self.assertEqual(result.code, 0, result.said)
        return result

    def refuses(self, code, pattern, *words):
        result = service(*words)
        self.assertEqual(result.code, code, result.said)
        self.assertRegex(result.said, pattern)
        return result

    def installs(self, *options):
        port = free_port()
        self.address = ("127.0.0.1", port)
        return self.does("install", "--tcp", "127.0.0.1:%d" % port, "--udp", "127.0.0.1:%d" % port, *options)

    def status(self):
        result = service("status")
        return dict(line.split(None, 1) if not line.startswith("exit code") else ("exit code", line[len("exit code"):].strip())
                    for line in result.out.decode().splitlines())

    def sends(self, lines):
        with contextlib.closing(socket.create_connection(self.address)) as connection:
            connection.sendall(b"".join(line + b"\n" for line in lines))

    def counters(self):
        return json.loads(said(r'^\{"received"')[-1])


@unittest.skipUnless(WINDOWS, "about Windows")
class WindowsService(ServiceCase):
    def test_a_service_receives_reloads_and_stops_without_losing_a_record(self):
        self.installs()
        self.assertEqual(self.status()["state"], "stopped")
        self.does("start")
        status = self.status()
        self.assertEqual((status["state"], status["account"]), ("running", "NT SERVICE\\logportd"))
        self.assertEqual(status["directory"], WINDOWS_HOME + "\\logs")
        self.assertGreater(int(status["process"]), 0)
        self.does("start")  # it runs already

        lines = [log_line(self.rng, n=n) for n in range(500)]
        self.sends(lines[:250])
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            sender.sendto(b'{"udp":1}', self.address)
        logs = os.path.join(HOME, "logs")
        wait_until(lambda: len(read_lines(logs)) == 251, "the lines are stored")
        counted = logport("status", "--dir", WINDOWS_HOME + "\\logs")
        self.assertEqual(json.loads(counted.out)["stored"], 251, counted.said)

        self.assertEqual(scm("control", str(PARAMCHANGE)), "sent")
        wait_until(lambda: said("the new configuration is active"), "it has reloaded")

        self.sends(lines[250:])  # the stop comes while they are read
        self.does("stop")
        self.assertCountEqual(read_lines(logs), lines + [b'{"udp":1}'])
        counters = self.counters()
        identity(counters)
        self.assertEqual((counters["stored"], counters["in_flight"]), (501, 0))
        status = self.status()
        self.assertEqual((status["state"], status["exit code"]), ("stopped", "0 (no error)"))
        self.does("stop")  # it is stopped already
        self.assertEqual({severity for severity, _ in messages()} - {"info", "warning"}, set())

    def test_a_reader_that_finds_no_logs_names_those_of_the_service(self):
        elsewhere = self.directory()
        for command in ("tail", "status"):
            self.assertNotIn("the service", logport(command, cwd=elsewhere).said)
        self.installs()
        self.does("start")
        for command in ("tail", "status"):
            self.assertIn("; the service logportd writes to " + WINDOWS_HOME + "\\logs", logport(command, cwd=elsewhere).said)
        self.assertEqual(logport("status", cwd=elsewhere, env=environment(LOGPORT_DIR=WINDOWS_HOME + "\\logs")).code, 0)

    def test_relative_paths_are_those_of_the_installation(self):
        here = self.directory()
        with open(os.path.join(here, "mine.json"), "w") as file:
            json.dump({"flush_ms": "1ms"}, file)
        result = logportd("service", "install", "--config", "mine.json", "--dir=deep/logs", "--tcp", "127.0.0.1:0",
                          cwd=here)
        self.assertEqual(result.code, 0, result.said)
        self.assertEqual(self.status()["directory"], windows_path(here) + "\\deep\\logs")
        self.assertFalse(os.path.exists(os.path.join(HOME, "logportd.json")))
        self.does("start")
        self.assertTrue(os.path.exists(os.path.join(here, "deep", "logs", "logportd.run")))
        result = self.does("uninstall", "--purge")
        self.assertTrue(os.path.isdir(os.path.join(here, "deep", "logs")))  # not the service's home
        self.assertIn("not deleted: its logs in %s\\deep\\logs" % windows_path(here), result.said)

    def test_a_removed_service_leaves_its_data_unless_it_is_purged(self):
        self.installs()
        self.does("start")
        self.sends([b'{"n":1}'])
        wait_until(lambda: read_lines(os.path.join(HOME, "logs")) == [b'{"n":1}'], "the line is stored")
        with open(os.path.join(HOME, "logportd.json"), "a") as file:
            file.write("// mine\n")
        result = self.does("uninstall")  # it runs
        self.assertIn("not deleted: " + WINDOWS_HOME, result.said)
        self.assertEqual(self.status()["state"], "not installed")
        self.assertEqual(read_lines(os.path.join(HOME, "logs")), [b'{"n":1}'])
        self.assertEqual(scm("source"), "none")

        self.installs()
        with open(os.path.join(HOME, "logportd.json")) as file:
            self.assertIn("// mine", file.read())
        self.does("start")
        self.does("uninstall", "--purge")
        self.assertFalse(os.path.exists(HOME))

    def test_what_is_wrong_is_refused_before_anything_is_installed(self):
        self.refuses(2, "--tpc: no such option; did you mean --tcp", "install", "--tpc", "127.0.0.1:1")
        self.refuses(2, "--version: not an option of service install", "install", "--version")
        self.refuses(2, "no-such.json", "install", "--config", "no-such.json")
        self.refuses(2, "expected install, uninstall, start, stop or status", "instal")
        self.refuses(2, "expected install", )
        self.refuses(2, "takes only --purge", "uninstall", "--all")
        self.refuses(2, "takes no options", "start", "--dir", "x")
        self.assertFalse(os.path.exists(HOME))
        for verb in ("start", "stop", "uninstall"):
            self.refuses(1, "is not installed; to install it: logportd service install", verb)
        self.assertEqual(service("status").code, 1)
        self.assertEqual(service("status").lines, [b"state      not installed"])
        self.does("install", "--check")
        self.assertFalse(os.path.exists(HOME))
        self.installs()
        self.refuses(1, "is installed already", "install")
        self.assertIn(b"uninstall [--purge]", self.does("install", "--help").out)

    def slow_to_start(self):
        """A service that starts only when `finish` is called: it reads its schema from a pipe."""
        pipe = "\\\\.\\pipe\\logport-test-%d" % os.getpid()
        server = start(program(os.path.join("tests", "scm")) + ["pipe", pipe], stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, env=environment(), bufsize=0)

        def close():
            server.stdin.close()
            server.kill()
            server.wait()
            server.stdout.close()

        self.addCleanup(close)
        self.assertEqual(self.in_thread(server.stdout.readline).finish().strip(), b"waits")
        self.installs()
        with open(os.path.join(HOME, "logportd.json"), "w") as file:
            json.dump({"schema": pipe}, file)
        starting = start(program("logportd") + ["service", "start"], stderr=subprocess.PIPE, env=environment())
        self.addCleanup(starting.stderr.close)
        self.addCleanup(starting.wait)
        self.assertEqual(self.in_thread(server.stdout.readline).finish().strip(), b"opened")
        return starting, lambda: server.stdin.write(b'{"type": "object"}\n')

    def watch(self):
        """The states, and the highest checkpoint of each, until it neither starts nor stops."""
        checkpoints = {}
        for line in scm("watch").splitlines():
            state, checkpoint, *_ = line.split()
            checkpoints[state] = int(checkpoint)
        return checkpoints

    def test_a_start_that_takes_long_reports_its_progress(self):
        starting, finish = self.slow_to_start()
        self.assertEqual(self.status()["state"], "starting")
        watching = self.in_thread(self.watch)
        wait_until(lambda: int(scm("query").split()[1]) >= 2, "the checkpoint has been raised")
        finish()
        self.assertEqual(starting.wait(PATIENCE_S), 0)
        checkpoints = watching.finish()
        self.assertGreaterEqual(checkpoints[START_PENDING], 2)
        self.assertEqual(checkpoints[RUNNING], 0)
        self.does("stop")

    def test_a_service_that_starts_can_be_stopped(self):
        starting, _ = self.slow_to_start()
        self.does("stop")
        self.assertEqual(starting.wait(PATIENCE_S), 1)
        self.assertTrue(said("asked to stop while starting"))
        self.assertEqual(self.status()["exit code"], "0 (no error)")

    def test_a_stop_that_takes_long_reports_its_progress_and_takes_no_second_request(self):
        self.installs("--drain-ms", "2500ms")
        self.does("start")
        with contextlib.closing(socket.create_connection(self.address)) as connection:
            sent = threading.Event()
            done = threading.Event()

            def send():  # a stop reads until nothing comes, or drain_ms is over
                lines = (b'{"text":"%s"}\n' % (b"x" * 8000)) * 100
                with contextlib.suppress(OSError):
                    while not done.is_set():
                        connection.sendall(lines)
                        sent.set()

            sending = self.in_thread(send)
            self.assertTrue(sent.wait(PATIENCE_S))
            self.assertEqual(scm("control", "1"), "sent")
            for control in ("1", str(PARAMCHANGE)):
                self.assertEqual(scm("control", control), "1061")  # it cannot take one now
            self.assertEqual(self.status()["state"], "stopping")
            checkpoints = self.watch()
            done.set()
        sending.finish()
        self.assertGreaterEqual(checkpoints[STOP_PENDING], 2)
        self.assertEqual(self.status()["exit code"], "0 (no error)")
        counters = self.counters()
        identity(counters)
        self.assertEqual(counters["dropped"], {})
        self.assertEqual(counters["stored"], len(read_lines(os.path.join(HOME, "logs"))))

    def test_a_crash_is_reported_and_what_was_written_is_recovered(self):
        self.installs("--flush-ms", "1ms")
        self.does("start")
        lines = [log_line(self.rng, n=n) for n in range(50)]
        self.sends(lines)
        logs = os.path.join(HOME, "logs")
        wait_until(lambda: len(read_lines(logs)) == 50, "the lines are stored")
        self.assertEqual(kill_service(), 1)
        wait_until(lambda: self.status()["state"] == "stopped", "the end is noticed")
        self.assertRegex(self.status()["exit code"], r"^1067 \(Windows error 1067: .*\)$")
        self.does("uninstall")  # Wine does not start it again: it believes that it runs
        self.installs()
        self.does("start")
        self.assertTrue(said("recovered: kept 50 lines"))
        self.assertEqual(logport("stop", "--dir", WINDOWS_HOME + "\\logs").code, 0)  # as a stop of the service
        wait_until(lambda: self.status()["state"] == "stopped", "it has stopped")
        self.assertEqual(self.status()["exit code"], "0 (no error)")
        self.assertEqual(read_lines(logs), lines)

    def test_the_shutdown_of_the_system_asks_it_to_stop_and_waits_for_it(self):
        self.installs("--stop-ms", "10m")
        self.assertEqual(scm("failures").split()[1], str(600000 + 15000))
        self.does("start")
        accepted = int(scm("query").split()[2])  # only the system can send the control itself
        self.assertEqual(accepted, ACCEPT_STOP | ACCEPT_SHUTDOWN | ACCEPT_PARAMCHANGE | ACCEPT_PRESHUTDOWN)

    def test_a_failed_start_says_why(self):
        self.installs()
        with open(os.path.join(HOME, "logportd.json"), "w") as file:
            file.write('{"dri": "x"}')
        result = self.refuses(1, "did not start: it ended with exit code 2", "start")
        self.assertRegex(result.said, "logportd.json.*dri")
        self.assertIn("2 (invalid option or configuration)", self.status()["exit code"])
        self.assertEqual([severity for severity, text in messages() if "dri" in text], ["error"])

    def test_the_event_log_has_a_message_for_each_severity(self):
        self.installs()
        self.assertTrue(scm("source").lower().endswith("\\logportd.exe"))
        for number in ("0x40000001", "0x80000002", "0xC0000003"):
            self.assertEqual(scm("message", number, "What happened."), "What happened.")
        self.assertEqual(scm("message", "0x40000002", "x"), "317")  # there is no such message

    def test_messages_reach_the_event_log_by_severity(self):
        path = os.path.join(self.directory(), "x.log")
        result = run(program(os.path.join("tests", "scm")) + ["says", windows_path(path)],
                     env=environment(LOGPORT_WINEDEBUG="-all,err+eventlog,warn+eventlog,trace+eventlog"))
        events = re.findall(r":(err|warn|trace):eventlog:ReportEventW .*?L\"(.*?)\"$", result.said, re.M)
        self.assertEqual(events, [("err", "an error of [2001:db8::\\ff051]"), ("warn", "a warning"),
                                  ("trace", "all is well"), ("trace", '{\\"received\\":0}')], result.said)
        with open(path) as file:
            lines = [line.split(None, 2)[1:] for line in file]
        self.assertEqual(lines, [["error", "an error of [2001:db8::%1]\n"], ["warning", "a warning\n"],
                                 ["info", "all is well\n"], ["info", '{"received":0}\n']])

    def test_the_account_has_the_identity_that_the_system_gives_it(self):
        self.assertEqual(scm("sid", "TrustedInstaller"),
                         "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464")


@unittest.skipIf(WINDOWS, "about systems whose services are installed in another way")
class NoService(Case):
    def test_other_systems_are_told_what_to_do(self):
        for verb in ("install", "uninstall", "start", "stop", "status", "run", "nonsense"):
            result = service(verb)
            self.assertEqual(result.code, 2)
            self.assertRegex(result.said, "a service of Windows.*systemd.*ExecStart=.*docs/operations.md")
        self.assertIn(b"logportd service install [OPTION", service("--help").out)


if __name__ == "__main__":
    main()
