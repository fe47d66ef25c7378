"""test_odd_files.py - things that are not files under the names of segments and of state files:
pipes, sockets, devices, directories, links that lead nowhere.  Nothing hangs, the daemon starts,
readers print everything else, and what is skipped is named once."""

import json
import os
import re
import shutil
import socket
import stat
import threading
import unittest

from harness import WINDOWS, Case, logport, logportd, main, manifest, scaled, segments, status, wait_until

RECORDS = [b'{"level":"info","n":%d}' % n for n in range(scaled(400, 40))]
NAME = "%s-%010d-20260101T000000Z%s.ndjson.lz4"
PIPE = "a pipe or a device, not a file"
DIRECTORY = "is a directory"
LOOP = "a symbolic link that leads back to itself"
DANGLING = "a symbolic link to a file that does not exist"
READING = [
    ["cat"],
    ["tail"],
    ["search", ""],
    ["search", "-c", ""],
    ["search", "--sort", ""],
    ["search", "--newest-first", '"n":7'],
    ["stat"],
    ["verify"],
    ["repair", "-o", "repaired"],
    ["archive"],
    ["archive", "--index-only"],
]


def make_odd(folder, first, part=""):
    """Something of every kind under a segment's name; returns {path: reason}."""
    made, stream = {}, os.path.basename(folder)

    def name(reason):
        path = os.path.join(folder, NAME % (stream, first + len(made), part))
        made[path] = reason
        return path

    os.mkdir(name(DIRECTORY))
    if WINDOWS:
        return made
    os.mkfifo(name(PIPE))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(name(PIPE))
    listener.close()
    try:
        os.mknod(name(PIPE), stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero: endless
    except PermissionError:
        made.popitem()
    os.symlink("/dev/zero", name(PIPE))
    loop = name(LOOP)
    os.symlink(os.path.basename(loop), loop)
    os.symlink("nothing", name(DANGLING))
    os.symlink(folder, name(DIRECTORY))
    return made


def wait_counted(daemon, records):
    """Daemon.wait_stored reads every file of the folder."""
    wait_until(lambda: status(daemon)["stored"] == records, "%d records are stored" % records)


class OddFiles(Case):
    def stored(self):
        daemon = self.daemon()
        daemon.send(b"\n".join(RECORDS) + b"\n")
        daemon.wait_stored(len(RECORDS))
        daemon.stop()
        return daemon.base

    def assert_named_once(self, said, odd, more):
        lines = said.splitlines()
        for path, reason in odd.items():
            named = [line for line in lines if os.path.basename(path) in line]
            self.assertEqual(len(named), 1, "%s: %s" % (path, said))
            self.assertIn(reason + more, named[0])

    def test_readers_skip_them_by_name_and_print_the_rest(self):
        base = self.stored()
        odd = make_odd(os.path.join(base, "main"), 7000000001)
        odd.update(make_odd(os.path.join(base, "main"), 8000000001, ".part"))
        for command in READING:
            result = logport(*command, base, cwd=self.directory())
            self.assertEqual(result.code, 2, "%s: %s" % (command, result.said))
            self.assert_named_once(result.said, odd, "; skipped")
            if command[0] in ("cat", "search") and "-c" not in command and len(command) != 3:
                self.assertEqual(result.lines, RECORDS, command)
        self.assertEqual(logport("search", "-c", "", base).out.strip(), b"%d" % len(RECORDS))
        self.assertEqual(logport("retention", "-n", "--count-max", "1", "--dir", base).code, 0)
        for path in odd:
            self.assertTrue(os.path.lexists(path), "%s was deleted" % path)

    def test_one_that_is_named_is_an_error_at_once(self):
        base = self.stored()
        for path, reason in make_odd(os.path.join(base, "main"), 7000000001).items():
            if reason == DIRECTORY:
                continue
            for command in ("cat", "tail", "stat", "verify"):
                result = logport(command, path)
                self.assertEqual(result.code, 2, "%s %s" % (command, path))
                self.assertIn(reason, result.said)

    def test_the_daemon_starts_works_and_leaves_them_alone(self):
        base = self.stored()
        odd = {}
        for folder in ("main", "rejects"):
            path = os.path.join(base, folder)
            os.makedirs(path, exist_ok=True)
            for first, part in ((7000000001, ""), (8000000001, ".part")):
                odd.update(make_odd(path, first, part))
        daemon = self.daemon("--archive-after-s", "1s", "--retention-count-max", "100", dir=base)
        daemon.send(b"\n".join(RECORDS) + b"\nnot JSON\n")
        wait_counted(daemon, len(RECORDS))
        self.assertEqual(logport("rotate", "--dir", base).code, 0)
        daemon.stop()
        self.assert_named_once(daemon.said, odd, "; left as it is")
        for path in odd:
            self.assertTrue(os.path.lexists(path), "%s was deleted" % path)
            self.assertNotEqual(stat.S_IFMT(os.lstat(path).st_mode), stat.S_IFREG, path)
        found = logport("search", "-c", "", base)
        self.assertEqual(found.out.strip(), b"%d" % (2 * len(RECORDS)), found.said)

    @unittest.skipIf(WINDOWS, "links need a privilege")
    def test_a_link_to_a_segment_is_read_as_the_segment(self):
        base = self.stored()
        folder = os.path.join(base, "main")
        (segment,) = os.listdir(folder)
        elsewhere = os.path.join(self.directory(), "elsewhere")
        os.rename(os.path.join(folder, segment), elsewhere)
        os.symlink(elsewhere, os.path.join(folder, segment))
        for command in (["cat"], ["search", ""]):
            result = logport(*command, base)
            self.assertEqual((result.code, result.lines), (0, RECORDS), result.said)
        self.assertEqual(logport("verify", base).code, 0)

    @unittest.skipIf(WINDOWS, "modes do not matter there")
    def test_unreadable_files_are_named_and_the_rest_is_printed(self):
        if os.getuid() == 0:
            self.skipTest("root reads everything")
        base = self.stored()
        path = os.path.join(base, "main", NAME % ("main", 7000000001, ""))
        open(path, "w").close()
        os.chmod(path, 0)
        result = logport("cat", base)
        self.assertEqual((result.code, result.lines), (2, RECORDS))
        self.assertIn("permission denied", result.said)

    def test_other_names_are_ignored_and_left_alone(self):
        base = self.stored()
        folder = os.path.join(base, "main")
        names = ["notes.txt", "main.ndjson.lz4", "x.lz4", "main-1-2.ndjson.lz4", ".hidden"]
        for name in names:
            with open(os.path.join(folder, name), "w") as file:
                file.write("mine")
        if not WINDOWS:
            os.mkfifo(os.path.join(folder, "pipe"))
            os.mkfifo(os.path.join(base, "pipe"))
        result = logport("cat", base)
        self.assertEqual((result.code, result.lines), (0, RECORDS))
        others = "main/main-1-2.ndjson.lz4, main/main.ndjson.lz4, main/x.lz4"
        self.assertEqual(result.said, "logport: %s: 3 files are not segments and are not read; "
                                      "name them to read them: %s\n" % (base, others))
        daemon = self.daemon("--retention-count-max", "1", dir=base)
        daemon.send(RECORDS[0] + b"\n")
        wait_counted(daemon, 1)
        daemon.stop()
        for name in names:
            with open(os.path.join(folder, name)) as file:
                self.assertEqual(file.read(), "mine")

    def test_a_stream_folder_that_is_no_folder(self):
        """The daemon cannot store there: it says so and ends.  Readers ignore it, as any file."""
        base = self.stored()
        kinds = [lambda path: open(path, "w").close()]
        if not WINDOWS:
            kinds.append(os.mkfifo)
            kinds.append(lambda path: os.symlink(path, path))
        for make in kinds:
            path = os.path.join(base, "audit")
            make(path)
            result = logport("cat", base)
            self.assertEqual((result.code, result.lines), (0, RECORDS), result.said)
            config = os.path.join(self.directory(), "c.json")
            with open(config, "w") as file:
                json.dump({"dir": base, "tcp": {"address": "127.0.0.1:0", "stream": "audit"}}, file)
            result = logportd("--config", config)
            self.assertEqual(result.code, 1, result.said)
            self.assertIn("audit", result.said)
            daemon = self.daemon(dir=base)
            daemon.stop()
            os.remove(path)


@unittest.skipIf(WINDOWS, "pipes have other names there")
class OddStateFiles(Case):
    def start_with(self, name, make, keep=None):
        """Starts on a directory with something odd as state/NAME; the original goes to `keep`."""
        base = self.directory()
        daemon = self.daemon(dir=base)
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        daemon.stop()
        path = os.path.join(base, name)
        if keep:
            os.rename(path, keep)
        elif os.path.lexists(path):
            os.remove(path)
        make(path)
        result = logportd("--dir", base, "--tcp", "127.0.0.1:0", "--check")
        self.assertEqual(result.code, 0, result.said)
        return base, path

    KINDS = {
        "pipe": (os.mkfifo, PIPE),
        "directory": (os.mkdir, DIRECTORY),
        "loop": (lambda path: os.symlink(path, path), LOOP),
        "device": (lambda path: os.symlink("/dev/zero", path), PIPE),
    }

    def test_the_daemon_does_not_start_without_its_lock(self):
        for make, reason in self.KINDS.values():
            base, path = self.start_with("state/lock", make)
            result = logportd("--dir", base, "--tcp", "127.0.0.1:0")
            self.assertEqual(result.code, 1, result.said)
            self.assertIn("%s: %s" % (path, reason), result.said)

    def test_without_its_manifest_it_stores_but_deletes_nothing(self):
        for make, reason in self.KINDS.values():
            base, path = self.start_with("state/manifest.ndjson", make)
            daemon = self.daemon("--retention-count-max", "1", dir=base)
            daemon.send(b'{"a":2}\n')
            daemon.wait_stored(2)
            daemon.stop()
            self.assertIn("%s: %s" % (path, reason), daemon.said)
            self.assertEqual(len(logport("cat", base).lines), 2)

    def test_once_its_manifest_can_be_read_again_it_records_in_it(self):
        for make, _ in self.KINDS.values():
            kept = os.path.join(self.directory(), "manifest.ndjson")
            base, path = self.start_with("state/manifest.ndjson", make, keep=kept)
            daemon = self.daemon("--archive-after-s", "0", dir=base)
            daemon.send(b'{"a":2}\n')
            daemon.wait_stored(2)
            daemon.wait_said(re.escape(path) + ": .*; until it can be read, no closed segment is re-packed")
            self.assertEqual(logport("rotate", base).code, 0)
            os.rename(path, kept + ".odd")
            os.rename(kept, path)
            daemon.stop()
            self.assertIn("%s: can be read now" % path, daemon.said)
            verified = logport("verify", "--manifest", base)
            self.assertEqual(verified.code, 0, verified.said)
            self.assertEqual(len([line for line in manifest(base) if line["event"] == "closed"]), 2)

    def test_files_that_it_writes_anew_do_not_stop_it(self):
        for name in ("state/main.sequence", "logportd.run"):
            for kind in ("pipe", "loop", "device"):
                make, reason = self.KINDS[kind]
                base, path = self.start_with(name, make)
                daemon = self.daemon(dir=base)
                daemon.send(b'{"a":2}\n')
                daemon.wait_stored(2)
                if name == "logportd.run":
                    self.assertEqual(logport("status", "--dir", base).code, 0)
                else:
                    self.assertIn(reason, daemon.said)
                daemon.stop()
                self.assertEqual(len(logport("cat", base).lines), 2, "%s %s" % (name, kind))

    def test_directories_in_place_of_temporary_files_are_named_and_left_alone(self):
        for name in ("main.sequence.new", "archives.new", "settings.json.new"):
            archive = os.path.join(self.directory(), "cold")
            base, path = self.start_with("state/" + name, lambda path: os.makedirs(os.path.join(path, "within")))
            daemon = self.daemon("--archive-after-s", "0s", "--archive-dir", archive, "--level-keys", "severity", dir=base)
            self.assertIn("%s: is a directory, not a temporary file; left as it is" % path, daemon.said)
            daemon.send(b'{"a":2}\n')
            wait_counted(daemon, 1)
            wait_until(lambda: segments(archive), "segments move")
            self.assertTrue(os.path.exists(os.path.join(base, "state", "settings.json")))
            daemon.stop()
            self.assertEqual(os.listdir(path), ["within"])
            self.assertEqual([left for left in os.listdir(os.path.join(base, "state")) if ".new" in left], [name])

    def test_messages_name_the_file_that_is_in_the_way(self):
        make = lambda path: os.makedirs(os.path.join(path, "within"))  # noqa: E731
        base, path = self.start_with("state/main.pack", make)
        daemon = self.daemon("--archive-after-s", "0s", dir=base)
        daemon.send(b"".join(b'{"n":%d,"text":"some text"}\n' % n for n in range(50000)))
        wait_counted(daemon, 50000)
        self.assertEqual(logport("rotate", base).code, 0)
        daemon.wait_said(r"/main/main-0000000002-\w+\.ndjson\.lz4: re-packing: already exists; retrying in a minute")
        daemon.stop()
        base, path = self.start_with("state/main.sequence.new", make)
        make(path + "2")
        daemon = self.daemon("--stop-ms", "100", dir=base)
        daemon.send(b'{"a":2}\n')
        daemon.wait_said(r"/state/main\.sequence: is a directory; holding 1 batch, retrying every 2 s")
        shutil.rmtree(path + "2")
        daemon.wait_stored(2)
        daemon.stop()

    def test_directories_in_their_place_are_named_and_it_ends(self):
        for name in ("state/main.sequence", "logportd.run"):
            base, path = self.start_with(name, os.mkdir)
            result = logportd("--dir", base, "--tcp", "127.0.0.1:0")
            self.assertEqual(result.code, 1, result.said)
            self.assertIn(path, result.said)

    def test_readers_do_not_hang_at_them(self):
        for name in ("state/archives", "state/manifest.ndjson", "logportd.run", "state"):
            base, path = self.start_with(name if name != "state" else "other", os.mkfifo)
            for command in (["cat"], ["verify"], ["stat"]):
                result = logport(*command, base)
                self.assertIn(result.code, (0, 2), result.said)
                self.assertEqual(b'{"a":1}' in result.lines, command == ["cat"], result.said)
            for command in (["status"], ["retention", "-n", "--age", "1d"]):
                result = logport(*command, "--dir", base)
                self.assertIn(result.code, (0, 2), result.said)
            result = logport("verify", "--manifest", base)
            self.assertIn(result.code, (0, 2), result.said)

    def test_what_the_user_gives_as_input_may_be_a_pipe(self):
        """Configuration, schema, and the lines of check and send."""
        folder = self.directory()
        pipes = {}
        for name, text in (
            ("config", b'{"tcp":"127.0.0.1:0","dir":"%s/logs"}' % folder.encode()),
            ("schema", b'{"type":"object"}'),
            ("lines", b'{"a":1}\n'),
        ):
            pipes[name] = os.path.join(folder, name)
            os.mkfifo(pipes[name])

            def write(path=pipes[name], text=text):
                with open(path, "wb") as pipe:
                    pipe.write(text)

            threading.Thread(target=write, daemon=True).start()
        result = logportd("--config", pipes["config"], "--schema", pipes["schema"], "--check")
        self.assertEqual(result.code, 0, result.said)
        result = logport("check", pipes["lines"])
        self.assertEqual(result.code, 0, result.said)
        result = logport("check", "/dev/stdin", stdin=b'{"a":1}\n')
        self.assertEqual(result.code, 0, result.said)


if __name__ == "__main__":
    main()
