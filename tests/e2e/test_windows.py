"""test_windows.py - what is different on Windows: paths, wildcards, programs and files of others."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading
import unittest

from harness import (BUILD, EXEC_PREFIX, PATIENCE_S, WINDOWS, Case, Holder, environment, logport, logportd, main, program,
                     read_lines, run, segments, start, status, wait_until, windows_path)


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

    def test_wildcards_are_replaced_by_the_reader(self):
        daemon = self.daemon()
        for n in range(3):
            daemon.send(b'{"n":%d}\n' % n)
            daemon.wait_stored(n + 1)
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        daemon.stop()
        main = windows_path(os.path.join(daemon.base, "main")) + "\\"
        self.assertEqual(logport("cat", main + "*.LZ4").lines, [b'{"n":0}', b'{"n":1}', b'{"n":2}'])
        self.assertEqual(logport("tail", main + "*").lines, [b'{"n":0}', b'{"n":1}', b'{"n":2}'])
        self.assertEqual(logport("search", "-c", "*", main + "*").code, 1)  # a pattern is no path
        self.assertEqual(logport("search", '"n":1', main.replace("\\", "/") + "*2-*.lz4").lines, [b'{"n":1}'])
        self.assertEqual(logport("cat", "*.lz4", cwd=os.path.join(daemon.base, "main")).lines[:1], [b'{"n":0}'])
        result = logport("cat", main + "*.gz")
        self.assertEqual(result.code, 2)
        self.assertIn("*.gz: no file has such a name", result.said)

    def test_wildcards_are_replaced_for_commands_that_work_in_directories(self):
        daemon = self.daemon()
        daemon.send(b'{"n":1}\nno JSON\n')
        daemon.wait_stored(1)
        wait_until(lambda: logport("cat", os.path.join(daemon.base, "rejects")).lines, "the line is rejected")
        self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
        daemon.stop()
        pattern = windows_path(daemon.base)[:-1] + "?"
        self.assertEqual(logport("verify", pattern).out, logport("verify", daemon.base).out)
        self.assertEqual(logport("verify", "--manifest", pattern).code, 0)
        self.assertEqual(logport("replay", "--print", pattern).lines, [b"no JSON"])
        (left,) = [name + ".new" for name in segments(daemon.base)]
        with open(left, "wb"):
            pass
        archive = os.path.join(self.directory(), "cold")
        os.mkdir(archive)
        result = logport("archive", "--archive-dir", windows_path(archive), pattern)
        self.assertEqual((result.code, result.err), (0, b""))
        self.assertIn(b" 1 moved", result.out)
        self.assertFalse(os.path.exists(left))

    def test_an_archive_in_the_log_directory_is_refused_in_either_case(self):
        base = windows_path(self.directory()) + "\\Logs"
        for archive, how in ((base.upper() + "\\cold", "is inside"), (base.lower(), "is"),
                             (base.lower().replace("\\", "/") + "/Cold", "is inside")):
            with self.subTest(archive):
                result = logportd("--check", "--dir", base, "--archive-dir", archive)
                self.assertEqual(result.code, 2)
                self.assertIn(" %s the log directory, " % how, result.said)
        self.assertEqual(logportd("--check", "--dir", base, "--archive-dir", base + "2").code, 0)


@unittest.skipUnless(WINDOWS, "elsewhere no program can lock others out of a file")
class WindowsStart(Case):
    """The daemon starts although another program holds its files open."""

    def killed(self, lines=()):
        """A directory that a killed daemon has left."""
        daemon = self.daemon()
        if lines:
            daemon.send(b"".join(line + b"\n" for line in lines))
            daemon.wait_stored(len(lines))
        daemon.kill()
        return daemon.base

    def test_a_lock_file_that_is_held_is_named_and_is_not_taken_for_another_logportd(self):
        base, holder = self.killed(), Holder(self)
        path = os.path.join(base, "state", "lock")
        holder.ask("alone " + path, "held")
        result = logportd("--dir", base, "--tcp", "127.0.0.1:0")
        self.assertEqual(result.code, 1)
        self.assertIn(os.path.join("state", "lock") + ": in use by another program", result.said)
        self.assertNotIn("logportd writes", result.said)
        holder.ask("let go", "free")
        self.daemon(dir=base).stop()

    def test_a_lock_file_that_is_held_for_a_moment_delays_the_start_only(self):
        base, holder = self.killed(), Holder(self)
        holder.ask("alone " + os.path.join(base, "state", "lock"), "held")
        timer = threading.Timer(0.4, lambda: holder.ask("let go", "free"))
        timer.start()
        self.daemon(dir=base).stop()
        timer.join()

    def test_a_segment_of_a_crash_that_is_held_is_recovered_while_the_daemon_runs(self):
        for how in ("alone", "read"):
            with self.subTest(how):
                old = [b'{"old":%d}' % n for n in range(20)]
                base, holder = self.killed(old), Holder(self)
                [path] = segments(base)
                self.assertIn(".part.", path)
                holder.ask("%s %s" % (how, path), "held")
                daemon = self.daemon(dir=base)
                daemon.wait_said("cannot be recovered: in use by another program; left as it is, tried again")
                daemon.send(b'{"new":1}\n')
                wait_until(lambda: status(daemon)["stored"] == 1, "it stores")
                self.assertEqual(status(daemon)["main"]["segments_unrecovered"], 1)
                holder.ask("let go", "free")
                wait_until(lambda: status(daemon)["main"]["segments_unrecovered"] == 0, "it is recovered")
                daemon.wait_said(": recovered: kept 20 lines")
                self.assert_lines(read_lines(base), [*old, b'{"new":1}'])
                self.assertEqual(daemon.said.count("cannot be recovered"), 1)
                daemon.stop()
                self.assertEqual([path for path in segments(base) if ".part." in path], [])
                self.assertEqual(logport("verify", base).code, 0)

    def test_a_run_file_that_is_held_is_named_and_replaced_later(self):
        base, holder = self.killed(), Holder(self)
        path = os.path.join(base, "logportd.run")
        for how in ("alone", "read"):
            with self.subTest(how):
                holder.ask("%s %s" % (how, path), "held")
                daemon = self.daemon(dir=base)
                daemon.wait_said(r"logportd\.run: in use by another program; logport status and stop cannot find this daemon")
                holder.ask("let go", "free")
                wait_until(lambda: logport("status", "--dir", base).code == 0, "the daemon is found")
                daemon.kill()


@unittest.skipUnless(WINDOWS, "about Windows")
class WindowsZones(Case):
    """Names of time zones, which Windows keeps elsewhere."""

    def test_the_reader_and_the_daemon_know_names_of_zones(self):
        path = os.path.join(self.directory(), "a.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"time":"2026-07-01T12:00:00Z","msg":"summer"}\n{"time":"2026-12-01T12:00:00Z","msg":"winter"}\n')
        shown = logport("cat", "--tz", "Europe/Berlin", "-o", "pretty", path).out.decode()
        self.assertIn("2026-07-01T14:00:00.000+02:00", shown)
        self.assertIn("2026-12-01T13:00:00.000+01:00", shown)
        self.assertEqual(logportd("--check", "--rotate", "daily", "--rotate-zone", "America/New_York").code, 0)

    def test_a_name_that_is_none_is_an_error_that_says_so(self):
        done = logportd("--check", "--rotate", "daily", "--rotate-zone", "Mars/Base")
        self.assertEqual(done.code, 2)
        self.assertIn('"Mars/Base": this system knows no such time zone', done.err.decode())
        done = logport("cat", "--tz", "Mars/Base", self.directory())
        self.assertEqual(done.code, 2)
        self.assertIn("this system knows no such time zone", done.err.decode())


class WindowsCommands(Case):
    """Programs that the daemon runs for closed segments."""

    def close_one(self, base, *command):
        words = [word for each in command for word in ("--archive-command", each)]
        daemon = self.daemon("--archive-after-s", "0s", *words, dir=base)
        daemon.send(b'{"n":1}\n')
        daemon.wait_stored(1)
        self.assertEqual(logport("rotate", "--dir", base).code, 0)
        return daemon

    def test_a_batch_file_gets_its_arguments_whole_and_a_path_that_copy_takes(self):
        directory = self.directory()
        folder = os.path.join(directory, "two words & more")
        os.mkdir(folder)
        with open(os.path.join(folder, "take it.cmd"), "w", newline="") as file:
            file.write("@echo off\r\n>\"%~dp0said\" echo [%~1] [%~2] [%~3]\r\ncopy \"%~1\" \"%~dp0%~2\" >nul\r\n")
        base = os.path.join(directory, "logs")
        daemon = self.close_one(base, os.path.join(folder, "take it"), "{path}", "copy of {name}", "a b")
        wait_until(lambda: status(daemon)["main"]["segments_handed_over"] == 1, "it is handed over")
        daemon.stop()
        (segment,) = segments(base)
        with open(os.path.join(folder, "said"), "rb") as file:
            said = file.read().decode().strip()
        self.assertEqual(said, "[%s] [copy of %s] [a b]" % (windows_path(segment), os.path.basename(segment)))
        with open(os.path.join(folder, "copy of " + os.path.basename(segment)), "rb") as file:
            copied = file.read()
        with open(segment, "rb") as file:
            self.assertEqual(copied, file.read())

    def test_check_refuses_what_a_batch_file_would_not_get_unchanged(self):
        directory = self.directory()
        script = os.path.join(directory, "a.bat")
        with open(script, "w") as file:
            file.write("@echo off\n")
        for word in ("100%", 'a"b'):
            result = logportd("--check", "--archive-command", script, "--archive-command", word)
            self.assertEqual(result.code, 2)
            self.assertIn("an argument of a batch file cannot contain", result.said)
        self.assertEqual(logportd("--check", "--archive-command", script, "--archive-command", "{path}").code, 0)

    def test_a_program_in_the_current_directory_is_not_run(self):
        directory = self.directory()
        for name in ("rclone.exe", "rclone.cmd"):
            with open(os.path.join(directory, name), "w") as file:
                file.write("x")
        result = logportd("--check", "--archive-command", "rclone", "--archive-command", "{path}", cwd=directory)
        self.assertIn('"rclone" was not found', result.said)


@unittest.skipUnless(WINDOWS, "test_operations has the test for Linux")
class WindowsMessages(Case):
    def test_a_pipe_that_is_not_read_stops_nothing(self):
        base = os.path.join(self.directory(), "logs")
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        command = program("logportd") + ["--tcp", "127.0.0.1:0", "--dir", base, "--stats-s", "1"]
        process = start(command, stdout=subprocess.DEVNULL, stderr=writer, env=environment())
        os.close(writer)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        said = b""
        while b"ready" not in said or not said.endswith(b"\n"):
            said += os.read(reader, 4096)
        port = int(said.split(b"tcp=127.0.0.1:")[1].split()[0])
        wait_until(lambda: json.loads(logport("status", "--dir", base).out)["uptime_s"] >= 6, "the pipe is full")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b'{"a":1}\n')
        wait_until(lambda: logport("search", "-c", "", base).out == b"1\n", "the line is stored")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE_S), 0)
        os.close(reader)

    def test_a_crash_ends_the_process_although_its_message_is_not_read(self):
        for way in ("null", "assert", "abort"):
            with self.subTest(way):
                reader, writer = os.pipe()
                size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
                os.write(writer, b"x" * size)  # full
                process = start(program(os.path.join("tests", "crash")) + [way], stderr=writer, env=environment())
                os.close(writer)
                self.addCleanup(process.wait)
                self.addCleanup(process.kill)
                self.assertEqual(process.wait(PATIENCE_S), 3)
                os.close(reader)

    def test_a_crash_says_what_it_is(self):
        for way, said in (("null", rb"crashed: exception 0xc0000005 at [0-9A-Fa-fx]+\n"),
                          ("assert", rb"Assertion failed: argc == 0, file .*crash\.c, line [0-9]+\n")):
            result = run(program(os.path.join("tests", "crash")) + [way])
            self.assertEqual(result.code, 3)
            self.assertRegex(result.err, said)


@unittest.skipUnless(WINDOWS, "about Windows")
class WindowsConsole(Case):
    """Text is shown whatever the console's code page is; it is UTF-8 for the pager, and afterwards as it was."""

    PAGE = windows_path(os.path.join(BUILD, "tests", "code_page.exe"))

    def on_console(self, command, **variables):
        """What is shown on a console of code page 437, which is printed before and after the command too."""
        script = os.path.join(self.directory(), "a.bat")
        with open(script, "w", newline="") as file:
            file.write("@echo off\r\nchcp 437 >nul\r\n%s\r\n%s\r\n%s\r\n" % (self.PAGE, command, self.PAGE))
        master, slave = pty.openpty()
        process = start(EXEC_PREFIX + ["C:\\windows\\system32\\cmd.exe", "/c", windows_path(script)],
                        stdin=slave, stdout=slave, stderr=slave, env=environment(TERM="xterm", **variables))
        os.close(slave)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        text = b""
        # Linux: EIO once no program has the other side open
        with contextlib.suppress(OSError):
            while piece := os.read(master, 65536):
                text += piece
        os.close(master)
        return re.sub(rb"\x1b\[\?25[lh]", b"", text)

    def code_pages(self, command, **variables):
        return re.findall(rb"\[([0-9]+)\]", self.on_console(command, **variables))

    def test_text_is_shown_whatever_the_code_page_is(self):
        path = os.path.join(self.directory(), "a.log")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"text":"Käse für 3 €"}\n')
        command = "%s cat %s" % (windows_path(os.path.join(BUILD, "logport.exe")), windows_path(path))
        self.assertIn("Käse für 3 €".encode(), self.on_console(command, PAGER="cat"))

    def test_a_pager_that_is_left_early_leaves_the_code_page_as_it_was(self):
        path = os.path.join(self.directory(), "a.log")
        with open(path, "wb") as file:
            file.write(b'{"text":"%s"}\n' % (b"x" * 200) * 20000)
        command = "%s cat %s" % (windows_path(os.path.join(BUILD, "logport.exe")), windows_path(path))
        self.assertEqual(self.code_pages(command, PAGER=self.PAGE), [b"437", b"65001", b"437"])

    def test_a_crash_leaves_the_code_page_as_it_was(self):
        for way in ("null", "assert", "abort", "exit"):
            with self.subTest(way):
                command = "%s %s" % (windows_path(os.path.join(BUILD, "tests", "crash.exe")), way)
                self.assertEqual(self.code_pages(command), [b"437", b"437"])


if __name__ == "__main__":
    main()
