"""tls.py - the CPU time that TLS adds to receiving lines in bulk, compared with `openssl speed` for the
same cipher, and with rsyslog.

Sends the same lines over one connection to each receiver in turn: the daemon, plain and with each
version of TLS, and rsyslog's imtcp, plain and with its drivers for GnuTLS and OpenSSL.  Only CPU time
is compared, that of the receiver, so a sender in Python suffices and other programs on the machine
disturb little.  Each round measures `openssl speed` too, because a shared CPU is not always as fast.

What TLS adds is the receiver's CPU time per GB with TLS, less that without, in the same round.  More
than 1.5 times what the cipher alone needs is reported.  No test depends on the speed.  Exit status: 0; 1
lines were lost; 2 a program is missing.
"""

import argparse
import contextlib
import glob
import json
import os
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile

from receivers import FLUSH_MS, Daemon, Load, Peer, Receiver, Rsyslog, Wrong, find_peer, program

TARGET = 1.5
LINE_BYTES = 200
BLOCK_LINES = 20000
SEND_BYTES = 256 << 10
PATIENCE_S = 300
TLS_BYTES = 16384  # of plain text in one record
VERSIONS = {"TLS 1.3": ssl.TLSVersion.TLSv1_3, "TLS 1.2": ssl.TLSVersion.TLSv1_2}


class DaemonTls(Daemon):
    """The daemon with a listener that takes both."""

    pki = None

    def __init__(self, build, directory, load):
        self.directory = directory
        path = directory + ".json"
        keys = {"certificate": self.pki + "/server.pem", "key": self.pki + "/server-key.pem", "required": False}
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"tcp": {"address": "127.0.0.1:0", "tls": keys}, "udp": "127.0.0.1:0"}, file)
        Receiver.__init__(self, [program(build, "logportd"), "--config", path, "--dir", directory,
                                 "--flush-ms=%d" % FLUSH_MS])


class RsyslogTcp(Rsyslog):
    configuration = "rsyslog-tcp.conf"
    driver, pki = "ptcp", None

    def __init__(self, build, directory, load):
        self.folder = tempfile.mkdtemp(dir=directory)
        with open(os.path.join(os.path.dirname(__file__), "peers", self.configuration), encoding="utf-8") as file:
            text = file.read()
        mode = "0" if self.driver == "ptcp" else "1"
        for key, value in {"DRIVER": self.driver, "MODE": mode, "PKI": self.pki}.items():
            text = text.replace("@%s@" % key, value)
        self.configuration = os.path.join(self.folder, "conf")  # Peer joins it to its folder: an absolute path wins
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write(text)
        super().__init__(build, directory, load)


def has_driver(build, driver):
    root, binary = find_peer(build, "rsyslog", "rsyslogd")
    folders = [(root or "") + "/usr/lib/*/rsyslog", (root or "") + "/usr/lib64/rsyslog"]
    return binary and any(glob.glob("%s/lmnsd_%s.so" % (folder, driver)) for folder in folders)


# ---- the load ----


def block():
    """Lines of LINE_BYTES bytes that LZ4 compresses about as it does real ones."""
    lines = []
    for n in range(BLOCK_LINES):
        line = '{"ts":"2026-11-30T12:00:%02d.%03dZ","level":"info","n":%d,"request":"%08x","msg":"request finished, ' % (
            n // 1000 % 60, n % 1000, n, n * 2654435761 % (1 << 32))
        lines.append(line + "x" * (LINE_BYTES - len(line) - 3) + '"}\n')
    return "".join(lines).encode()


def send(address, data, times, context):
    host, port = address.rsplit(":", 1)
    with contextlib.closing(socket.create_connection((host, int(port)), 20)) as connection:
        if context:
            connection = context.wrap_socket(connection, server_hostname="localhost")
            cipher = connection.cipher()[0]
        for _ in range(times):
            for at in range(0, len(data), SEND_BYTES):
                connection.sendall(data[at : at + SEND_BYTES])
        if context:
            with contextlib.suppress(OSError):
                connection.unwrap()
        connection.close()
    return cipher if context else ""


def context_of(pki, version):
    context = ssl.create_default_context(cafile=pki + "/ca.pem")
    context.minimum_version = context.maximum_version = version
    return context


# ---- measuring ----


def make_pki(build, folder):
    done = subprocess.run([program(build, "logport"), "cert", "--dir", folder], capture_output=True, check=False)
    if done.returncode != 0:
        raise Wrong("logport cert: " + done.stderr.decode())


def speed(seconds):
    """CPU seconds per GB that AES-256-GCM alone needs, with records of TLS."""
    done = subprocess.run(["openssl", "speed", "-mr", "-seconds", str(seconds), "-bytes", str(TLS_BYTES), "-evp", "aes-256-gcm",
                           "-decrypt"], capture_output=True, check=False, text=True)
    found = re.search(r"^\+F:.*:([0-9.]+)$", done.stdout, re.M)
    if not found:
        raise Wrong("openssl speed: " + done.stderr[-300:])
    return 1e9 / float(found.group(1))


def measure(options, kind, directory, data, context):
    times = max(1, options.mb * 1000000 // len(data))
    load = Load(times * BLOCK_LINES, bytes=LINE_BYTES, connections=1)
    os.makedirs(directory, exist_ok=True)
    receiver = kind(options.build, directory, load)
    try:
        before = receiver.cpu_seconds()
        try:
            cipher = send(receiver.address, data, times, context)
        except OSError as error:
            raise Wrong("%s: %s; it said %s" % (kind.__name__, error, receiver.last_line())) from error
        stored = receiver.wait_stored(load, PATIENCE_S)
        used = receiver.cpu_seconds() - before
        if stored.count != load.lines:
            raise Wrong("%s has stored %d of %d lines" % (kind.__name__, stored.count, load.lines))
    finally:
        receiver.kill()
        shutil.rmtree(directory)
    return used / (times * len(data)) * 1e9, cipher


def variants(options):
    """Name, receiver, version of TLS (None: plain), what it is compared with."""
    found = [("daemon", DaemonTls, None, None)]
    found += [("daemon, " + name, DaemonTls, version, "daemon") for name, version in VERSIONS.items()]
    if not has_driver(options.build, "ptcp"):
        return found
    found.append(("rsyslog", RsyslogTcp, None, None))
    for driver in ("gtls", "ossl"):
        if has_driver(options.build, driver):
            kind = type("Rsyslog_" + driver, (RsyslogTcp,), {"driver": driver})
            # rsyslog 8.2302 (Debian 12) refuses clients that speak only TLS 1.3 with gtls.
            names = ["TLS 1.2"] if driver == "gtls" else VERSIONS
            found += [("rsyslog %s, %s" % (driver, name), kind, VERSIONS[name], "rsyslog") for name in names]
    return found


def main():
    options = read_options()
    data, rounds, ciphers = block(), [], {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.build) as scratch:
        pki = os.path.join(scratch, "pki")
        make_pki(options.build, pki)
        DaemonTls.pki = RsyslogTcp.pki = pki
        kinds = variants(options)
        for number in range(options.rounds):
            measured = {"openssl speed": speed(options.seconds)}
            for name, kind, version, _ in kinds if number % 2 == 0 else reversed(kinds):
                context = context_of(pki, version) if version else None
                measured[name], cipher = measure(options, kind, os.path.join(scratch, "round"), data, context)
                ciphers[name] = cipher
            rounds.append(measured)
            print("round %d: %s" % (number + 1, ", ".join("%s %.2f" % item for item in measured.items())), flush=True)
    report(options, kinds, rounds, ciphers)
    return 0


def report(options, kinds, rounds, ciphers):
    def median(of):
        return statistics.median(of(measured) for measured in rounds)

    print("\n%d rounds of %d MB over one connection, CPU seconds per GB, medians" % (options.rounds, options.mb))
    print("%-22s %8s %8s %8s  %s" % ("", "CPU", "added", "ratio", "cipher"))
    print("%-22s %8.2f" % ("openssl speed", median(lambda m: m["openssl speed"])))
    for name, _, version, plain in kinds:
        line = "%-22s %8.2f" % (name, median(lambda m: m[name]))
        if version:
            ratio = median(lambda m: (m[name] - m[plain]) / m["openssl speed"])
            above = " (more than %.1f)" % TARGET if name.startswith("daemon") and ratio > TARGET else ""
            line += " %8.2f %8.2f  %s%s" % (median(lambda m: m[name] - m[plain]), ratio, ciphers[name], above)
        print(line)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"settings": vars(options), "rounds": rounds, "ciphers": ciphers}, file, indent=1)
            file.write("\n")


def read_options():
    parser = argparse.ArgumentParser(description="CPU time that TLS adds.")
    parser.add_argument("--build", default="build", help="build folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mb", type=int, default=400, help="megabytes that each receiver gets in a round")
    parser.add_argument("--seconds", type=int, default=2, help="of openssl speed in a round")
    parser.add_argument("--json", help="write all measurements to this file")
    parser.add_argument("--smoke", action="store_true", help="one short round")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.mb, options.seconds = 1, 8, 1
    options.build = os.path.abspath(options.build)
    if not shutil.which("openssl"):
        parser.error("openssl is not installed")
    if b"OpenSSL" not in subprocess.run([program(options.build, "logportd"), "--version"], capture_output=True, check=False).stdout:
        parser.error("this build has no TLS")
    return options


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as problem:
        print("bench: %s" % problem, file=sys.stderr)
        sys.exit(1)
