"""harness.py - runs logportd and logport from outside, as their users do.

Every process that a test starts ends with the test: clean-up stops it by its pid, and the
kernel kills it when the test itself is killed.  Every wait has a limit and ends when the
program reacts; there are no sleeps.  A sanitizer's report in any output fails the test.
"""

import atexit
import contextlib
import ctypes
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("LOGPORT_BUILD", os.path.join(ROOT, "build")))
EXEC_PREFIX = os.environ.get("LOGPORT_EXEC_PREFIX", "").split()
PORT = os.environ.get("LOGPORT_PORT", "")  # empty: the daemon's default
SCALE = int(os.environ.get("LOGPORT_TEST_SCALE", "100"))
SANITIZED = os.environ.get("LOGPORT_SANITIZE", "") != ""
WINDOWS = PORT == "iocp"
SUFFIX = ".exe" if WINDOWS else ""

# Generous, because test machines are small and shared.  A wait ends as soon as it succeeds.
PATIENCE_S = 60 if WINDOWS or SANITIZED else 30

SANITIZER_REPORT = re.compile(
    rb"(ERROR|WARNING|SUMMARY): (Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|runtime error: "
)

# Tests are random but repeatable: they print their seed.
SEED = int(os.environ.get("LOGPORT_TEST_SEED", str(random.SystemRandom().randrange(1 << 32))))

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def scaled(count, at_least=1):
    """LOGPORT_TEST_SCALE percent of `count`."""
    return max(at_least, count * SCALE // 100)


def native_only(why):
    return unittest.skipIf(WINDOWS, why)


def environment(**more):
    variables = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1")
    variables.pop("LOGPORT_DIR", None)
    variables.update(more)
    return variables


def die_with_parent():
    """In the child: the kernel kills it when the test program ends, for whatever reason."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def program(name):
    return EXEC_PREFIX + [os.path.join(BUILD, name + SUFFIX)]


def start(command, open_files=None, **options):
    """Starts a program that runs during the test; open_files: its limit of open files."""

    def prepare():
        die_with_parent()
        if open_files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))

    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(command, preexec_fn=prepare, **options)


def refuse_sanitizer_reports(text, where):
    if SANITIZER_REPORT.search(text):
        raise AssertionError("a sanitizer reported in %s:\n%s" % (where, text.decode("utf-8", "replace")))


def wait_until(predicate, what, timeout=None):
    """Calls the predicate until it returns something true; returns that."""
    end = time.monotonic() + (timeout or PATIENCE_S)
    pause = 0.002
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError("waited in vain until " + what)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


_reserved_ports = []


def free_port():
    """A port of 127.0.0.1 that is free for TCP and UDP, for a listener that is opened later.

    No other test takes it meanwhile: it is outside the range from which the kernel chooses
    for bind(0) and connect(), and reserved until this process ends, by an abstract socket."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, last = map(int, file.read().split())
    ports = [port for port in range(10000, 65000) if not first <= port <= last]
    for port in random.sample(ports or range(10000, 65000), 200):
        reserved = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            reserved.bind("\0logport-test-port-%d" % port)
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with contextlib.closing(socket.socket(socket.AF_INET, kind)) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            reserved.close()
            continue
        _reserved_ports.append(reserved)
        return port
    raise AssertionError("no free port in 200 attempts")


def raise_open_files(need):
    """Raises the limit of open files of this process, which holds the other ends of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(need, hard), hard))
    return min(need, hard)


# ---- programs that run and end ----


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self):
        return split_lines(self.out)

    @property
    def said(self):
        return self.err.decode("utf-8", "replace")


def split_lines(text):
    lines = text.split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    return lines


def run(command, stdin=None, timeout=None, env=None, cwd=None):
    # Not start(): a program that ends by itself needs no preexec_fn, and starts faster.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env or environment(),
        cwd=cwd,
    )
    try:
        out, err = process.communicate(stdin, timeout or 2 * PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError("%s does not end; it said %r" % (" ".join(command), err[-2000:]))
    refuse_sanitizer_reports(err, " ".join(command))
    return Result(process.returncode, out, err)


def logport(*words, stdin=None, timeout=None, env=None, cwd=None):
    """Runs the reader until it ends."""
    return run(program("logport") + [str(word) for word in words], stdin, timeout, env, cwd)


def status(daemon):
    """What `logport status` reports: the daemon's counters."""
    result = logport("status", "--dir", daemon.base)
    if result.code != 0:
        raise AssertionError("logport status: exit code %d: %s" % (result.code, result.said))
    return json.loads(result.out)


def manifest(base):
    """The events in the manifest, in order."""
    with open(os.path.join(base, "state", "manifest.ndjson"), "rb") as file:
        return [json.loads(line) for line in file]


def logportd(*words, timeout=None, env=None, cwd=None):
    """Runs the daemon where it must end by itself: --help, --check, a failed start."""
    return run(program("logportd") + [str(word) for word in words], None, timeout, env, cwd)


class Holder:
    """On Windows: another program that keeps files open without sharing them (tests/windows/hold.c)."""

    def __init__(self, case):
        self.case = case
        self.process = start(program(os.path.join("tests", "hold")), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env=environment(), bufsize=0)
        case.addCleanup(self.close)

    def tell(self, words):
        self.process.stdin.write(words.encode() + b"\n")

    def answer(self):
        return self.process.stdout.readline().strip().decode()

    def ask(self, words, answer):
        self.tell(words)
        self.case.assertEqual(self.answer(), answer, words)

    def access(self, path):
        """The access list of a file, in SDDL."""
        self.tell("access " + path)
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


def windows_path(path):
    """A path of this system as programs under Wine know it."""
    return "Z:" + os.path.abspath(path).replace("/", "\\")


# ---- the daemon ----

COUNTERS = re.compile(r'^\{"received":')
READY = re.compile(r"^logportd: ready ")


class Daemon:
    """A running logportd.  By default it listens on free loopback ports and writes to a
    temporary directory."""

    def __init__(self, test, *words, dir=None, tcp=("127.0.0.1:0",), udp=("127.0.0.1:0",), exe=None, **options):
        self.test = test
        self.base = dir or os.path.join(temporary_directory(test), "logs")
        self.lines = []  # (when, line) of stderr
        self.changed = threading.Condition()
        self.ended = False
        command = list(exe or program("logportd"))  # exe: another logportd than that of the build
        for address in tcp:
            command += ["--tcp", address]
        for address in udp:
            command += ["--udp", address]
        if dir is not None or "--dir" not in words:
            command += ["--dir", self.base]
        self.command = command + [str(word) for word in words]
        options.setdefault("env", environment())
        self.process = start(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **options)
        self.pid = self.process.pid
        self.threads = [
            threading.Thread(target=self._collect, args=(self.process.stderr,), daemon=True),
            threading.Thread(target=self._drain_stdout, daemon=True),
        ]
        self.stdout = b""
        for thread in self.threads:
            thread.start()
        test.addCleanup(self.kill)
        self.tcp, self.udp, self.port = [], [], None
        self.wait_ready()

    def _collect(self, stream):
        rest = b""
        while True:
            piece = os.read(stream.fileno(), 65536)
            rest += piece
            *whole, rest = rest.split(b"\n")
            if not piece and rest:
                whole.append(rest)
            with self.changed:
                now = time.monotonic()
                self.lines += [(now, line.rstrip(b"\r").decode("utf-8", "replace")) for line in whole]
                self.ended = not piece
                self.changed.notify_all()
            if not piece:
                return

    def _drain_stdout(self):
        while True:
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                return
            self.stdout += piece

    # -- its messages --

    @property
    def said(self):
        with self.changed:
            return "\n".join(line for _, line in self.lines)

    def said_lines(self, pattern):
        """All lines of stderr so far that match."""
        with self.changed:
            return [line for _, line in self.lines if re.search(pattern, line)]

    def wait_said(self, pattern, timeout=None):
        """Waits for a line of stderr that matches; returns the first."""
        end = time.monotonic() + (timeout or PATIENCE_S)
        with self.changed:
            while True:
                for _, line in self.lines:
                    if re.search(pattern, line):
                        return line
                if self.ended or not self.changed.wait(end - time.monotonic()):
                    said = "\n".join(line for _, line in self.lines)
                    why = "it ended with %s" % self.exit_code() if self.ended else "time is up"
                    raise AssertionError("logportd never said %r (%s); it said:\n%s" % (pattern, why, said))

    def wait_ready(self):
        line = self.wait_said(READY)
        self.ready_line = line
        for key, value in re.findall(r"(\w+)=(\S+)", line):
            if key == "tcp":
                self.tcp.append(address_of(value))
            elif key == "udp":
                self.udp.append(address_of(value))
            elif key == "port":
                self.port = value
            elif key == "dir":
                self.dir_said = value

    def exit_code(self):
        try:
            return self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "its output closed, still running"

    # -- sending to it --

    def connect(self, listener=0, timeout=None):
        address = self.tcp[listener]
        connection = socket.create_connection(address[:2], timeout or PATIENCE_S)
        self.test.addCleanup(connection.close)
        return connection

    def send(self, data, listener=0):
        """Sends over a TCP connection of its own, then closes it."""
        with contextlib.closing(self.connect(listener)) as connection:
            connection.sendall(data)

    def datagrams(self, *payloads, listener=0):
        address = self.udp[listener]
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with contextlib.closing(socket.socket(family, socket.SOCK_DGRAM)) as sender:
            for payload in payloads:
                sender.sendto(payload, address[:2])

    # -- what it stores --

    def lines_stored(self, stream="main"):
        return read_lines(self.base, stream)

    def wait_stored(self, count, stream="main", timeout=None):
        """Waits until at least `count` lines are stored; returns all stored lines."""
        found = []

        def enough():
            found[:] = self.lines_stored(stream)
            return len(found) >= count

        try:
            wait_until(enough, "", timeout)
        except AssertionError:
            raise AssertionError(
                "waited in vain for %d lines in %s, there are %d; the daemon said:\n%s"
                % (count, stream, len(found), self.said)
            )
        return found

    def memory_kib(self, field="VmRSS"):
        with open("/proc/%d/status" % self.pid) as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise AssertionError("no %s of process %d" % (field, self.pid))

    # -- its end --

    def ask_to_stop(self):
        # Under Wine a program can handle only SIGINT.
        self.process.send_signal(signal.SIGINT if WINDOWS else signal.SIGTERM)

    def wait_end(self, timeout=None):
        """Waits until it ends: (exit code, counters or None)."""
        try:
            code = self.process.wait(timeout or 2 * PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError("logportd does not end; it said:\n" + self.said)
        for thread in self.threads:
            thread.join(PATIENCE_S)
        refuse_sanitizer_reports(self.said.encode(), "logportd's stderr")
        said = [line for line in self.said.split("\n") if line]
        counters = json.loads(said[-1]) if said and COUNTERS.match(said[-1]) else None
        return code, counters

    def stop(self, timeout=None, code=0):
        """Stops it with a signal; checks the exit code and identity(); returns the counters."""
        self.ask_to_stop()
        ended, counters = self.wait_end(timeout)
        if ended != code:
            raise AssertionError("logportd ended with %d, not %d; it said:\n%s" % (ended, code, self.said))
        if counters is None:
            raise AssertionError("the last line of stderr is not the counters:\n" + self.said)
        identity(counters)
        return counters

    def kill(self):
        """Kills it (SIGKILL) unless it has ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for thread in self.threads:
            thread.join(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


def address_of(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def dropped(counters):
    return sum(counters["dropped"].values())


def identity(counters):
    """received = stored + rejected + dropped(by reason) + in flight."""
    accounted = counters["stored"] + counters["rejected"] + dropped(counters) + counters["in_flight"]
    if counters["received"] != accounted:
        raise AssertionError("the identity does not hold: %s" % json.dumps(counters))


# ---- files ----


def temporary_directory(test):
    path = tempfile.mkdtemp(prefix="logport-e2e-")
    test.addCleanup(shutil.rmtree, path, ignore_errors=True)
    return path


SEGMENT_NAME = re.compile(r"^(?P<stream>.+)-(?P<sequence>\d{10})-(?P<opened>\d{8}T\d{6}Z)(?P<part>\.part)?\.ndjson\.lz4$")


def segments(base, stream="main"):
    """The paths of a stream's segments in name order."""
    folder = os.path.join(base, stream)
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def decode(path):
    """What `lz4 -dc FILE` prints; None when the file is gone (renamed meanwhile)."""
    result = run(["lz4", "-dc", path])
    if result.code != 0:
        if not os.path.exists(path):
            return None
        raise AssertionError("lz4 -dc %s: %s" % (path, result.said))
    return result.out


def read_stream(base, stream="main"):
    """A stream's bytes in storage order, also while a daemon writes it."""
    while True:
        pieces = [decode(path) for path in segments(base, stream)]
        if None not in pieces:
            return b"".join(pieces)


def read_lines(base, stream="main"):
    return split_lines(read_stream(base, stream))


def rejects(base):
    return [json.loads(line) for line in read_lines(base, "rejects")]


def every_segment(base):
    found = []
    for name in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        if os.path.isdir(os.path.join(base, name)) and name != "state":
            found += segments(base, name)
    return found


def assert_passes_lz4_test(*paths):
    """`lz4 -t` accepts every file; False when one is gone (renamed meanwhile)."""
    tested = run(["lz4", "-tm", *paths])
    if tested.code != 0:
        if not all(os.path.exists(path) for path in paths):
            return False
        raise AssertionError("lz4 -t: " + tested.said)
    return True


def assert_file_whole(path):
    """`lz4 -t` accepts it, and all lines are whole; returns the text, None when it is gone."""
    text = decode(path) if assert_passes_lz4_test(path) else None
    if text and not text.endswith(b"\n"):
        raise AssertionError("%s ends in the middle of a line: %r" % (path, text[-200:]))
    return text


def ripgrep_counts(*paths):
    """`rg -z -c ''`: the number of lines in each file; None when one is gone."""
    result = run(["rg", "-z", "-c", "--with-filename", "--include-zero", "", *paths])
    if result.code > 1:
        if not all(os.path.exists(path) for path in paths):
            return None
        raise AssertionError("rg -z -c '': " + result.said)
    counts = dict(line.rsplit(b":", 1) for line in result.lines)
    return [int(counts.get(path.encode(), 0)) for path in paths]


def small_disk(test, size):
    """A file system of `size` bytes, unmounted after the test; returns its path."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("mounting a tmpfs needs root")
    where = tempfile.mkdtemp(prefix="logport-e2e-disk-")
    mounted = run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", where])
    if mounted.code != 0:
        os.rmdir(where)
        raise unittest.SkipTest("mounting a tmpfs is not permitted here: " + mounted.said)

    def unmount():
        run(["umount", "-l", where])
        os.rmdir(where)

    test.addCleanup(unmount)
    return where


# ---- lines to send ----

LEVELS = ("trace", "debug", "info", "info", "info", "warn", "error")
WORDS = (
    "cache request worker session token billing invoice retry timeout upstream gateway shard replica login "
    "checkout payment queue flush commit rollback naïve Zürich 東京 \\u00e9t\\u00e9 \\\"quoted\\\" tab\\there"
).split()


def log_line(rng, **fields):
    """A realistic line with the given fields, without its newline."""
    text = ",".join('"%s":%s' % (key, json.dumps(value)) for key, value in fields.items())
    message = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(3, 12)))
    return (
        '{"ts":"2026-11-24T%02d:%02d:%02d.%03dZ","level":"%s",%s,"request":"%016x","msg":"%s"}'
        % (
            rng.randrange(24),
            rng.randrange(60),
            rng.randrange(60),
            rng.randrange(1000),
            rng.choice(LEVELS),
            text,
            rng.getrandbits(64),
            message,
        )
    ).encode()


class Case(unittest.TestCase):
    """The base of all test cases: a seeded random generator, and helpers."""

    longMessage = True

    def setUp(self):
        self.rng = random.Random("%d %s" % (SEED, self.id()))

    def daemon(self, *words, **options):
        return Daemon(self, *words, **options)

    def directory(self):
        return temporary_directory(self)

    def in_thread(self, work, *arguments):
        """Runs `work` in a thread; finish() returns its result or raises its exception."""
        return Background(self, work, arguments)

    def assert_lines(self, found, sent, what="lines"):
        """Both are equal byte for byte; a failure shows the first difference."""
        if found == sent:
            return
        for i, (one, other) in enumerate(zip(found, sent)):
            if one != other:
                self.fail("%s differ at %d: found %r, sent %r" % (what, i, one[:300], other[:300]))
        self.fail("%s: found %d, sent %d" % (what, len(found), len(sent)))


class Background(threading.Thread):
    def __init__(self, test, work, arguments):
        super().__init__(daemon=True)
        self.work, self.arguments, self.error, self.result = work, arguments, None, None
        self.start()
        test.addCleanup(self.join_quietly)

    def run(self):
        try:
            self.result = self.work(*self.arguments)
        except BaseException as error:
            self.error = error

    def join_quietly(self):
        super().join(PATIENCE_S)

    def finish(self, timeout=None):
        super().join(timeout or 2 * PATIENCE_S)
        if self.is_alive():
            raise AssertionError("%s does not end" % self.work)
        if self.error:
            raise self.error
        return self.result


def keep_windows_services():
    """Under Wine: starts an idle program that keeps Wine's services running until this process ends.

    Without it they start with each program, which takes seconds, and inherit its output, which
    then stays open after the program has ended."""
    if not EXEC_PREFIX:
        return
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    idle = start(program("logport") + ["check"], stdin=subprocess.PIPE, env=environment(), **quiet)
    atexit.register(idle.wait)
    atexit.register(idle.stdin.close)
    subprocess.run(program("logport") + ["--version"], env=environment(), timeout=PATIENCE_S, **quiet)


def main():
    print("seed %d (LOGPORT_TEST_SEED repeats it), scale %d %%, %s" % (SEED, SCALE, BUILD), file=sys.stderr)
    keep_windows_services()
    unittest.main(module="__main__", verbosity=2)
