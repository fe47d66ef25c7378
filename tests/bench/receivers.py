"""receivers.py - the programs that the benchmarks start, feed and measure.

A receiver listens on loopback, stores lines in a directory of its own, and is ended by its pid.
All have the same interface: when it is ready, what it has stored, what it has used.  CPU time and
memory are read from /proc, from the moment when it is ready to its end.  This file only measures;
its callers compare.
"""

import contextlib
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
START_S = 20  # limit for a start and for a stop
POLL_S = 0.005
# The daemon's flush_ms.  Its default, 200 ms, would be a tenth of a round, spent waiting for the
# last batch; modes with a given rate use the default.
FLUSH_MS = 20
# Datagrams that have not been stored after this time are lost.
LOST_S = 0.7
STUCK_S = 10  # lines of a connection that are not stored after this time are lost
OPEN_FILES = 65536
CLOCK_TICK = os.sysconf("SC_CLK_TCK")
EXEC_PREFIX = os.environ.get("LOGPORT_EXEC_PREFIX", "").split()
SUFFIX = ".exe" if EXEC_PREFIX else ""


class Wrong(Exception):
    """The stored lines differ from those sent, or a program failed."""


def program(build, *path):
    return os.path.join(build, *path) + SUFFIX


def free_port():
    """A port that is free for TCP and UDP now; the receiver opens it at once."""
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]
    raise Wrong("no port is free")


def open_files():
    """In a child: raises its limit of open files to the maximum."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, max(most, hard)))


# ---- what a process uses ----


def cpu_of(path):
    """User and system seconds, in steps of a clock tick."""
    with open(path, encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) / CLOCK_TICK, int(fields[12]) / CLOCK_TICK


def cpu_seconds(pid):
    """Of a process so far, in steps of a clock tick."""
    return sum(cpu_of("/proc/%d/stat" % pid))


def cpu_by_thread(pid):
    """CPU seconds by thread name, without numbers at the end."""
    spent = {}
    for task in glob.glob("/proc/%d/task/*" % pid):
        with contextlib.suppress(OSError):
            with open(task + "/comm", encoding="utf-8") as file:
                name = re.sub(r"[-_ ]?\d+$", "", file.read().strip())
            spent[name] = spent.get(name, 0) + sum(cpu_of(task + "/stat"))
    return spent


def switches_of(pid):
    """Voluntary context switches of its threads: how often they have been woken."""
    count = 0
    for path in glob.glob("/proc/%d/task/*/status" % pid):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            count += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.M).group(1))
    return count


def waits_in_socket(port):
    """Bytes in the receive buffers of UDP sockets bound to this port."""
    with open("/proc/net/udp", encoding="utf-8") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(":%04X" % port))


def listens(port):
    """TCP and UDP, from /proc: a trial connection would be counted as a client."""
    found = set()
    for name, state in (("tcp", "0A"), ("udp", "07")):
        with open("/proc/net/" + name, encoding="utf-8") as file:
            for line in file.readlines()[1:]:
                row = line.split()
                if row[1] == "0100007F:%04X" % port and row[3] == state:
                    found.add(name)
    return len(found) == 2


# ---- running programs ----


class Receiver:
    """A running program that reports its addresses and its use of resources."""

    def __init__(self, command, environment=None):
        self.command = command
        self.lines = []
        self.address = self.udp_address = None
        self.ready = threading.Event()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            preexec_fn=open_files,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.is_ready():
            self.kill()
            raise Wrong("%s did not become ready: %s" % (command[0], self.last_line()))
        self.cpu_before = cpu_of("/proc/%d/stat" % self.process.pid)

    def is_ready(self):
        return self.ready.wait(START_S) and self.address is not None

    def _read(self):
        for line in self.process.stderr:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.lines.append(text)
            if ": ready tcp=" in text and self.address is None:
                self.address = text.split("tcp=")[1].split()[0]
                if " udp=" in text:
                    self.udp_address = text.split(" udp=")[1].split()[0]
                self.ready.set()
        self.ready.set()

    def last_line(self):
        return self.lines[-1] if self.lines else ""

    def memory_peak(self):
        """So far.  wait4 would report this process's own peak if that is higher: the kernel keeps
        it across fork and exec."""
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return 0

    def cpu_seconds(self):
        """So far, in steps of a clock tick."""
        return cpu_seconds(self.process.pid)

    def end(self, seconds):
        """Waits for the end; returns stdout and the resources used."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.start()
        out = self.process.stdout.read()
        self.reader.join()
        _, status, usage = os.wait4(self.process.pid, 0)
        timer.cancel()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            raise Wrong(
                "%s ended with %d: %s" % (self.command[0], self.process.returncode, self.last_line())
            )
        return out, usage

    def kill(self):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def receiver_of(command):
    receiver = Receiver(command)
    try:
        yield receiver
    finally:
        receiver.kill()


def status_of(directory):
    """The answer to `logport status`, without starting a program."""
    with open(os.path.join(directory, "logportd.run"), encoding="utf-8") as file:
        run = json.load(file)
    host, port = run["control"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), START_S) as control:
        control.sendall((run["token"] + " status\n").encode())
        with control.makefile("rb") as answer:
            return json.loads(answer.read())


class Stored:
    """Waits until the wanted lines are stored or no more arrive; when: the time of the last one."""

    def __init__(self, wanted, patience, count, is_drained):
        self.when = time.monotonic()
        self.count = count()
        began = self.when
        while self.count < wanted:
            time.sleep(POLL_S)
            now = time.monotonic()
            seen = count()
            if seen > self.count:
                self.count, self.when = seen, now
            elif is_drained() and now - self.when > LOST_S:
                break
            elif now - self.when > STUCK_S or now - began > patience:
                break
        else:
            self.when = time.monotonic()


# ---- the daemon ----


class Daemon(Receiver):
    name = "daemon"
    framing = "newline"  # how the sender separates lines

    def __init__(self, build, directory, load, more=()):
        self.directory = directory
        flush = [] if load.rate else ["--flush-ms=%d" % FLUSH_MS]
        super().__init__(
            EXEC_PREFIX
            + [program(build, "logportd"), "--dir", directory, *flush]
            + ["--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0", *more]
        )

    @staticmethod
    def missing(build):
        return None if os.access(program(build, "logportd"), os.X_OK) else program(build, "logportd")

    def wait_stored(self, load, patience):
        port = int(self.udp_address.rsplit(":", 1)[1])
        drained = (lambda: waits_in_socket(port) == 0) if load.udp else (lambda: False)
        return Stored(load.lines, patience, lambda: status_of(self.directory)["stored"], drained)

    def stop(self, load, patience):
        self.process.send_signal(signal.SIGINT if EXEC_PREFIX else signal.SIGTERM)
        _, usage = self.end(patience)
        counters = json.loads(self.last_line())
        lost = load.lines - counters["stored"]
        # Of a message of two datagrams the kernel may have dropped one.
        incomplete = counters["reasons"].pop("gelf_incomplete", 0)
        if counters["rejected"] != incomplete or counters["in_flight"] or any(counters["dropped"].values()):
            raise Wrong("the daemon says %s" % self.last_line())
        if lost and not load.udp:
            raise Wrong("the daemon says stored=%d of %d" % (counters["stored"], load.lines))
        return usage, {"kernel_drops": counters["udp_kernel_drops"]}

    def files(self):
        if self.framing != "gelf-chunks" and glob.glob(os.path.join(self.directory, "rejects", "*")):
            raise Wrong("the daemon rejected good lines")
        return sorted(glob.glob(os.path.join(self.directory, "main", "*.lz4")))


class DaemonSchema(Daemon):
    """The same, and validates every line by a schema (all are valid)."""

    name = "daemon, schema"

    def __init__(self, build, directory, load):
        super().__init__(build, directory, load, ["--schema", os.path.join(HERE, "load.schema.json")])


def with_framing(what, framing):
    """The daemon, whose sender separates lines in another way."""
    return type("DaemonFramed", (Daemon,), {"name": "daemon, " + what, "framing": framing})


FRAMED = [
    with_framing("NUL", "nul"),
    with_framing("RFC 7464", "json-seq"),
    with_framing("octet counts", "octet-counting"),
    with_framing("no delimiter", "concatenated"),
]
CHUNKED, ZLIB = with_framing("GELF chunks", "gelf-chunks"), with_framing("GELF zlib", "zlib")


# ---- floor and null ----


class Floor(Receiver):
    name = "floor"

    def __init__(self, build, directory, load):
        self.directory = directory
        super().__init__(
            [program(build, "tests", "bench_floor"), "--dir=" + directory]
            + ["--connections=%d" % load.connections, "--threads=%d" % load.floor_threads]
        )

    @staticmethod
    def missing(build):
        path = program(build, "tests", "bench_floor")
        return None if os.access(path, os.X_OK) else path

    def wait_stored(self, load, patience):
        """It ends by itself when everything is stored."""
        self.ended = self.end(patience)
        return Stored(0, 0, lambda: 0, lambda: True)

    def stop(self, load, patience):
        out, usage = self.ended
        said = json.loads(out)
        if said["lines"] != load.lines or said["bad"] != 0:
            raise Wrong("the floor says lines=%d bad=%d" % (said["lines"], said["bad"]))
        return usage, {"ns_a_line": said["ns_a_line"], "memory_peak": said["memory_peak"]}

    def files(self):
        return sorted(glob.glob(os.path.join(self.directory, "*.lz4")))


class Null(Receiver):
    name = "null"

    def __init__(self, build, directory, load):
        super().__init__([program(build, "tests", "bench_null")])

    @staticmethod
    def missing(build):
        path = program(build, "tests", "bench_null")
        return None if os.access(path, os.X_OK) else path

    def wait_stored(self, load, patience):
        """It closes each connection after the last byte; for datagrams this waits a little."""
        port = int(self.udp_address.rsplit(":", 1)[1])
        end = time.monotonic() + START_S
        while load.udp and waits_in_socket(port) > 0 and time.monotonic() < end:
            time.sleep(POLL_S)
        return Stored(0, 0, lambda: 0, lambda: True)

    def stop(self, load, patience):
        self.process.send_signal(signal.SIGTERM)
        out, usage = self.end(patience)
        said = json.loads(out)
        lines = said["datagrams"] if load.udp else said["bytes"] // load.bytes
        return usage, {"lines": lines}

    def files(self):
        return []


# ---- peers ----


class Peer(Receiver):
    """Another log daemon, configured by a file of peers/; it writes all lines to one file."""

    def __init__(self, directory, load, command, environment=None):
        self.directory = directory
        self.port = free_port()
        connections = load.connections + load.idle + 16
        with open(os.path.join(HERE, "peers", self.configuration), encoding="utf-8") as file:
            text = file.read()
        for key, value in {
            "DIR": directory,
            "PORT": self.port,
            "CONNECTIONS": connections,
            # syslog-ng divides its window by the maximum number of connections.
            "WINDOW": max(100000, 100 * connections),
        }.items():
            text = text.replace("@%s@" % key, str(value))
        with open(os.path.join(directory, "conf"), "w", encoding="utf-8") as file:
            file.write(text)
        super().__init__(command, environment)

    def is_ready(self):
        end = time.monotonic() + START_S
        while not listens(self.port):
            if time.monotonic() > end or self.process.poll() is not None:
                return False
            time.sleep(POLL_S)
        self.address = self.udp_address = "127.0.0.1:%d" % self.port
        return True

    def path(self):
        return os.path.join(self.directory, "lines")

    def size(self):
        with contextlib.suppress(FileNotFoundError):
            return os.path.getsize(self.path())
        return 0

    def wait_stored(self, load, patience):
        """As many bytes as were sent, if it stores lines unchanged."""
        drained = (lambda: waits_in_socket(self.port) == 0) if load.udp else (lambda: False)
        return Stored(load.lines, patience, lambda: self.size() // load.bytes, drained)

    def stop(self, load, patience):
        self.process.send_signal(signal.SIGTERM)
        _, usage = self.end(patience)
        return usage, {}

    def files(self):
        return [self.path()] if os.path.exists(self.path()) else []


def find_peer(build, name, binary):
    """The folder into which the build has unpacked it (None: it is installed), and the program."""
    root = os.path.join(build, "peers", name)
    unpacked = os.path.join(root, "usr", "sbin", binary)
    if os.access(unpacked, os.X_OK):
        return root, unpacked
    return None, shutil.which(binary, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def library_path(root):
    folders = glob.glob(root + "/usr/lib/*-linux-gnu*") + [root + "/usr/lib/syslog-ng"]
    return dict(os.environ, LD_LIBRARY_PATH=":".join(folders))


class Rsyslog(Peer):
    name = "rsyslog"
    configuration = "rsyslog-raw.conf"

    def __init__(self, build, directory, load):
        root, binary = find_peer(build, "rsyslog", "rsyslogd")
        command = [binary, "-n", "-f", os.path.join(directory, "conf"), "-i", os.path.join(directory, "pid")]
        if root:
            command.append("-M" + ":".join(glob.glob(root + "/usr/lib/*/rsyslog")))
        super().__init__(directory, load, command, library_path(root) if root else None)

    @staticmethod
    def missing(build):
        return None if find_peer(build, "rsyslog", "rsyslogd")[1] else "rsyslogd"


class RsyslogJson(Rsyslog):
    name = "rsyslog, JSON"
    configuration = "rsyslog-json.conf"


class SyslogNg(Peer):
    name = "syslog-ng"
    configuration = "syslog-ng-raw.conf"

    def __init__(self, build, directory, load):
        root, binary = find_peer(build, "syslog-ng", "syslog-ng")
        command = [binary, "-F", "--no-caps", "-f", os.path.join(directory, "conf")]
        for option, name in (("-R", "persist"), ("-c", "control"), ("-p", "pid")):
            command += [option, os.path.join(directory, name)]
        if root:
            command.append("--module-path=" + ":".join(glob.glob(root + "/usr/lib/syslog-ng/*/")))
        super().__init__(directory, load, command, library_path(root) if root else None)

    @staticmethod
    def missing(build):
        return None if find_peer(build, "syslog-ng", "syslog-ng")[1] else "syslog-ng"


class SyslogNgJson(SyslogNg):
    name = "syslog-ng, JSON"
    configuration = "syslog-ng-json.conf"


RECEIVERS = {
    kind.name: kind
    for kind in (Daemon, DaemonSchema, *FRAMED, CHUNKED, ZLIB, Floor, Null, Rsyslog, RsyslogJson, SyslogNg, SyslogNgJson)
}


# ---- the sender ----


class Load:
    """Options of logport-load: what it sends."""

    def __init__(self, lines, bytes=200, connections=4, send_bytes=None, udp=False, gso=False, rate=None, idle=0, framing="newline"):
        self.lines, self.bytes, self.connections = lines, bytes, connections
        self.send_bytes, self.udp, self.gso, self.rate, self.idle = send_bytes, udp, gso, rate, idle
        self.framing = framing
        self.floor_threads = 2

    def lines_options(self):
        """The options that determine the lines."""
        options = ["--lines=%d" % self.lines, "--bytes=%d" % self.bytes, "--connections=%d" % self.connections]
        return options + (["--send-bytes=%d" % self.send_bytes] if self.send_bytes else [])

    def options(self):
        options = self.lines_options()
        options += ["--udp"] if self.udp else []
        options += ["--gso"] if self.gso else []
        options += ["--rate=%d" % self.rate] if self.rate else []
        options += ["--framing=" + self.framing] if self.framing != "newline" else []
        return options + (["--idle=%d" % self.idle] if self.idle else [])

    def run(self, build, receiver, patience):
        if self.framing == "zlib":
            return self.run_compressed(build, receiver.udp_address, patience)
        address = receiver.udp_address if self.udp else receiver.address
        done = subprocess.run(
            EXEC_PREFIX + [program(build, "logport-load"), address, *self.options()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=open_files,
            timeout=patience,
            check=False,
        )
        if done.returncode != 0:
            raise Wrong("logport-load ended with %d: %s" % (done.returncode, done.stderr.decode("utf-8", "replace")))
        said = json.loads(done.stdout)
        if said["lines"] != self.lines:
            raise Wrong("logport-load sent %d lines of %d" % (said["lines"], self.lines))
        return said

    def run_compressed(self, build, address, patience):
        """Sends what logport-load would send over one connection, each line compressed."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            command = [program(build, "logport-load"), "127.0.0.1:%d" % server.getsockname()[1], *self.lines_options()]
            with subprocess.Popen(EXEC_PREFIX + command, stdout=subprocess.DEVNULL) as load:
                lines = []
                connection, _ = server.accept()
                with connection, connection.makefile("rb") as file:
                    lines += [zlib.compress(line, 1) for line in file]
                if load.wait(patience) != 0:
                    raise Wrong("logport-load ended with %d" % load.returncode)
        host, port = address.rsplit(":", 1)
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.connect((host, int(port)))
            began, cpu = time.monotonic(), time.process_time()
            for n, line in enumerate(lines):
                while self.rate and n % 50 == 0 and time.monotonic() < began + n / self.rate:
                    time.sleep(0.0005)
                sender.send(line)
        seconds = time.monotonic() - began
        return {"lines": len(lines), "seconds": seconds, "closed_seconds": seconds, "cpu_seconds": time.process_time() - cpu}

    def check(self, build, paths, patience):
        """Compares the stored lines with those that were sent, byte by byte."""
        command = EXEC_PREFIX + [program(build, "logport-load"), "--check", *self.lines_options()]
        with tempfile.TemporaryFile() as said:
            check = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said)
            try:
                for path in paths:
                    unpack(path, check.stdin)
                check.stdin.close()
                if check.wait(patience) not in (0, 1):
                    raise Wrong("logport-load --check ended with %d" % check.returncode)
            finally:
                check.kill()
                check.wait()
            said.seek(0)
            return json.loads(said.read())


def unpack(path, to):
    command = ["lz4", "-dc", path] if path.endswith(".lz4") else ["cat", path]
    if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=to, check=False).returncode != 0:
        raise Wrong("%s failed" % " ".join(command))
