"""test_relp.py - RELP: what is acknowledged is stored, whatever happens then."""

import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

from harness import (
    Case,
    environment,
    log_line,
    main,
    native_only,
    read_lines,
    rejects,
    small_disk,
    start,
    status,
    wait_until,
)
from kills import kill_under_load, numbered
from relp import OFFERS, Gone, Sender, Session, frame
from test_tls import TlsCase

OPENED = b"200 OK\nrelp_version=0\nrelp_software=logportd\ncommands=syslog"


class RelpCase(Case):
    def session(self, daemon, opened=True):
        session = Session(daemon.tcp[0])
        self.addCleanup(session.close)
        if opened:
            session.open()
        return session


class Relp(RelpCase):
    """Sessions over plain TCP."""

    def test_a_session(self):
        daemon = self.daemon()
        session = self.session(daemon, opened=False)
        self.assertEqual(session.wait_for(session.send((b"open", OFFERS))), [OPENED])
        sent = [log_line(self.rng, n=n) for n in range(1000)]
        numbers = session.send(*((b"syslog", b"<13>Nov 30 14:00:00 host app[7]: " + line) for line in sent))
        self.assertEqual(session.wait_for(numbers), [b"200 OK"] * 1000)
        self.assert_lines(read_lines(daemon.base), sent)
        self.assertEqual(session.wait_for(session.send((b"close", b""))), [b""])
        self.assertEqual(session.rest_of_session(), [])
        self.assertTrue(session.closed)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["acknowledged"]), (1000, 1000))

    def test_answers_do_not_wait_for_flush_ms(self):
        daemon = self.daemon("--flush-ms", "60000")
        session = self.session(daemon)
        for n in range(20):
            begin = time.monotonic()
            self.assertEqual(session.wait_for(session.send((b"syslog", b'{"n":%d}' % n))), [b"200 OK"])
            self.assertLess(time.monotonic() - begin, 20)
        daemon.stop()

    def test_synced(self):
        daemon = self.daemon("--ack", "synced", "--sync-ms", "1h")
        session = self.session(daemon)
        numbers = session.send(*((b"syslog", b'{"n":%d}' % n) for n in range(10)), (b"syslog", b"text"))
        self.assertEqual(session.wait_for(numbers), [b"200 OK"] * 11)
        self.assertEqual([r["raw"] for r in rejects(daemon.base)], ["text"])
        daemon.stop()

    def test_syslog_as_with_any_framing(self):
        daemon = self.daemon("--syslog-fields", "--text", "wrap", "--protocol", "relp", udp=())
        session = self.session(daemon)
        session.wait_for(session.send((b"syslog", b'<12>1 2026-11-30T14:00:00Z h a 7 - - {"a":1}'),
                                      (b"syslog", "<13>Nov 30 14:00:00 h ä: Grüße".encode()),
                                      (b"syslog", b'{"b":  2}\n')))
        found = [json.loads(line) for line in read_lines(daemon.base)]
        self.assertEqual((found[0]["a"], found[0]["_syslog"]["app"]), (1, "a"))
        self.assertEqual(found[1]["message"], "Grüße")
        self.assertEqual(read_lines(daemon.base)[2], b'{"b":  2}')
        daemon.stop()

    def test_invalid_messages_are_acknowledged_when_quarantine_has_them(self):
        daemon = self.daemon("--line-bytes-max", "1000")
        session = self.session(daemon)
        messages = [b"text", b'{"a":', b'{"long":"%s"}' % (b"x" * 2000), b"{}"]
        self.assertEqual(session.wait_for(session.send(*((b"syslog", m) for m in messages))), [b"200 OK"] * 4)
        self.assertEqual(sorted(r["reason"] for r in rejects(daemon.base)), ["not_object", "oversized", "truncated"])
        self.assert_lines(read_lines(daemon.base), [b"{}"])
        daemon.stop()

    def test_what_is_no_frame_is_refused_after_the_answers_to_the_frames_before(self):
        for bad in (b'{"a":1}\n', b"4 syslog 9 {}\n5 syslog 2 {}\n", b"4 syslog 9999999999 x\n"):
            daemon = self.daemon()
            session = self.session(daemon)
            numbers = session.send((b"syslog", b'{"n":1}'), (b"syslog", b'{"n":2}'))
            session.socket.sendall(bad)
            self.assertEqual([n for n, _ in session.rest_of_session()], numbers)
            self.assertTrue(session.closed)
            daemon.wait_said("not a frame of RELP")
            counters = daemon.stop()
            self.assertEqual((counters["stored"], counters["connections_refused"]), (2, 1))
            self.assertEqual([r["reason"] for r in rejects(daemon.base)], ["relp_frame"])

    def test_offers_that_do_not_fit(self):
        daemon = self.daemon()
        session = self.session(daemon, opened=False)
        [answer] = session.wait_for(session.send((b"open", b"relp_version=0\ncommands=eventlog")))
        self.assertRegex(answer, b"^500 .*syslog")
        self.assertEqual(session.rest_of_session(), [])
        daemon.stop()

    def test_a_client_that_shuts_down_gets_all_answers(self):
        daemon = self.daemon()
        session = self.session(daemon)
        numbers = session.send(*((b"syslog", b'{"n":%d}' % n) for n in range(3000)))
        session.socket.shutdown(socket.SHUT_WR)
        self.assertEqual([n for n, _ in session.rest_of_session()], numbers)
        daemon.stop()

    def test_cut_anywhere_in_a_frame(self):
        daemon = self.daemon()
        whole = frame(1, b"open", OFFERS) + frame(2, b"syslog", b'{"a":1}') + frame(3, b"syslog", b"{}")
        for size in range(0, len(whole), 5):
            with daemon.connect() as connection:
                connection.sendall(whole[:size])
                connection.shutdown(socket.SHUT_WR)
                answers = b"".join(iter(lambda: connection.recv(65536), b""))
                self.assertEqual(b"2 rsp 6 200 OK" in answers, size >= len(whole) - len(frame(3, b"syslog", b"{}")))
        daemon.stop()

    def test_a_message_of_many_receives(self):
        daemon = self.daemon()
        session = self.session(daemon)
        line = json.dumps({"x": "y" * 900000}).encode()
        for size in (30000, 300000, 1 << 20):
            session.number += 1
            data = frame(session.number, b"syslog", line)
            for at in range(0, len(data), size):
                session.socket.sendall(data[at : at + size])
            self.assertEqual(session.wait_for([session.number]), [b"200 OK"])
        self.assert_lines(read_lines(daemon.base), [line] * 3)
        daemon.stop()

    def test_at_a_stop_all_that_is_stored_is_acknowledged(self):
        daemon = self.daemon()
        sender = Sender(lambda n: b'{"n":%d}' % n, lambda: daemon.tcp[0])
        thread = self.in_thread(sender.run)
        wait_until(lambda: sum(sender.acknowledged) > 1000, "messages are acknowledged")
        sender.stop.set()  # ends once it has reached the daemon again
        counters = daemon.stop()
        base, numbers = daemon.base, []
        daemon = self.daemon(dir=base)
        thread.finish()
        daemon.stop()
        for line in read_lines(base):
            numbers.append(json.loads(line)["n"])
        self.assertEqual(sorted(set(numbers)), list(range(len(sender.sent))))
        self.assertEqual(len(numbers), len(set(numbers)), "nothing was sent again: all answers have arrived")
        self.assertGreaterEqual(counters["stored"], 1000)

    def test_a_session_that_ends_before_its_answers(self):
        daemon = self.daemon()
        for n in range(50):
            session = self.session(daemon)
            session.send(*((b"syslog", b'{"n":%d}' % n) for n in range(100)))
            session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            session.close()
        last = self.session(daemon)
        last.wait_for(last.send((b"syslog", b"{}")))
        daemon.stop()

    @native_only("a signal asks for it")
    def test_ack_of_one_listener_and_a_reload(self):
        path = os.path.join(self.directory(), "logport.json")
        port = None

        def write(ack):
            with open(path, "w") as file:
                json.dump({"ack": "synced", "tcp": [{"address": "127.0.0.1:%d" % (port or 0), "ack": ack}]}, file)

        write("written")
        daemon = self.daemon("--config", path, tcp=(), udp=())
        port = daemon.tcp[0][1]
        session = self.session(daemon)
        write("synced")
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_said("reload")
        self.assertEqual(session.wait_for(session.send((b"syslog", b"{}"))), [b"200 OK"])
        other = self.session(daemon)
        self.assertEqual(other.wait_for(other.send((b"syslog", b"{}"))), [b"200 OK"])
        daemon.stop()

    def test_not_over_udp(self):
        daemon = self.daemon()
        daemon.datagrams(frame(1, b"open", OFFERS))
        daemon.wait_said("RELP; give the listener the protocol auto or relp, over TCP")
        daemon.stop()


class RelpUnread(RelpCase):
    """Takes the 30 s after which such a connection is closed."""

    def test_a_client_that_reads_no_answers_is_not_read_from_and_closed_in_the_end(self):
        daemon = self.daemon("--flush-ms", "1")
        session = self.session(daemon)
        other = self.session(daemon)
        session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        session.socket.settimeout(2)
        sent = 0
        with contextlib.suppress(socket.timeout, OSError):
            while sent < 3000000:
                session.send(*[(b"frob", b"")] * 1000)  # 30 bytes are answered for each 12
                sent += 1000
        self.assertLess(sent, 3000000)
        self.assertEqual(other.wait_for(other.send((b"syslog", b"{}"))), [b"200 OK"])
        closed = wait_until(lambda: status(daemon)["answers_unread"], "it is closed", timeout=60)
        self.assertEqual(closed, 1)
        daemon.wait_said("its client does not read the answers; the connection is closed")
        self.assertEqual(other.wait_for(other.send((b"syslog", b"{}"))), [b"200 OK"])
        self.assertLess(daemon.memory_kib("VmHWM"), 200 << 10)
        self.assertEqual(daemon.stop()["stored"], 2)


class RelpDisk(Case):
    """Disks that fail."""

    def test_on_a_full_disk_nothing_is_acknowledged_until_there_is_room(self):
        disk = small_disk(self, 4 << 20)
        base = os.path.join(disk, "logs")
        daemon = self.daemon(dir=base)
        ballast = os.path.join(disk, "ballast")
        sender = Sender(lambda n: json.dumps({"n": n, "x": os.urandom(300).hex()}).encode(), lambda: daemon.tcp[0])
        thread = self.in_thread(sender.run)
        wait_until(lambda: sum(sender.acknowledged) > 100, "it begins")
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        daemon.wait_said("no space left|No space left")
        before = sum(sender.acknowledged)
        time.sleep(0.5)
        self.assertLessEqual(sum(sender.acknowledged) - before, 2 * sender.window)
        acknowledged = [n for n, is_acknowledged in enumerate(sender.acknowledged) if is_acknowledged]
        stored = {json.loads(line)["n"] for line in read_lines(base)}
        self.assertEqual([n for n in acknowledged if n not in stored], [], "acknowledged, but not stored")
        os.remove(ballast)
        wait_until(lambda: sum(sender.acknowledged) > before + 100, "it continues")
        sender.stop.set()
        thread.finish()
        daemon.stop()
        numbers = [json.loads(line)["n"] for line in read_lines(base)]
        self.assertEqual(sorted(numbers), list(range(len(sender.sent))))

    def test_a_client_that_waits_for_a_full_disk_is_not_idle(self):
        disk = small_disk(self, 4 << 20)
        base = os.path.join(disk, "logs")
        daemon = self.daemon("--idle-s", "1", dir=base)
        session, silent = Session(daemon.tcp[0]), Session(daemon.tcp[0])
        self.addCleanup(session.close)
        self.addCleanup(silent.close)
        session.open()
        ballast = os.path.join(disk, "ballast")
        for size in (65536, 512):
            with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))
        numbers = session.send(*((b"syslog", b'{"x":"%s"}' % os.urandom(300).hex().encode()) for _ in range(1000)))
        daemon.wait_said("no space left|No space left")
        self.assertEqual(silent.socket.recv(1), b"", "it is closed by idle_s")
        time.sleep(1.5)
        self.assertEqual(status(daemon)["connections_idle"], 1)
        os.remove(ballast)
        self.assertEqual(session.wait_for(numbers), [b"200 OK"] * 1000)
        self.assertEqual(daemon.stop()["stored"], 1000)


class RelpTlsCase(TlsCase):
    def wrap(self, version=ssl.TLSVersion.TLSv1_3, **more):
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        context.minimum_version = context.maximum_version = version
        return lambda raw: context.wrap_socket(raw, server_hostname="localhost", **more)

    def tls_daemon(self, *words, **more):
        path = os.path.join(self.directory(), "logport.json")
        with open(path, "w") as file:
            json.dump({"tcp": [{"address": "127.0.0.1:0", "tls": self.tls_keys(**more)}]}, file)
        return self.daemon("--config", path, *words, tcp=(), udp=())


class RelpTls(RelpTlsCase):
    """The same inside TLS."""

    def test_sessions(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            daemon = self.tls_daemon()
            session = Session(daemon.tcp[0], self.wrap(version))
            session.open()
            sent = [log_line(self.rng, n=n) for n in range(5000)]
            for at in range(0, len(sent), 100):
                numbers = session.send(*((b"syslog", line) for line in sent[at : at + 100]))
                self.assertEqual(session.wait_for(numbers), [b"200 OK"] * 100)
            self.assert_lines(read_lines(daemon.base), sent)
            self.assertEqual(session.wait_for(session.send((b"close", b""))), [b""])
            self.assertEqual(session.rest_of_session(), [])
            session.close()
            counters = daemon.stop()
            self.assertEqual((counters["stored"], counters["acknowledged"]), (5000, 5000))

    def test_senders_that_send_and_read_at_once(self):
        daemon = self.tls_daemon()
        senders = [Sender(lambda n: b'{"n":%d}' % n, lambda: daemon.tcp[0], self.wrap(), window=500)
                   for _ in range(3)]
        threads = [self.in_thread(sender.run) for sender in senders]
        wait_until(lambda: all(sum(sender.acknowledged) > 5000 for sender in senders), "they are acknowledged")
        for sender in senders:
            sender.stop.set()
        for thread in threads:
            thread.finish()
        self.assertEqual([sender.sessions for sender in senders], [1, 1, 1])
        self.assertEqual(daemon.stop()["stored"], sum(len(sender.sent) for sender in senders))

    def test_a_client_that_shuts_down_gets_all_answers(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            daemon = self.tls_daemon()
            context_session = Session(daemon.tcp[0], self.wrap(version))
            context_session.open()
            numbers = context_session.send(*((b"syslog", b'{"n":%d}' % n) for n in range(500)))
            socket.socket.shutdown(context_session.socket, socket.SHUT_WR)
            self.assertEqual([n for n, _ in context_session.rest_of_session()], numbers)
            context_session.close()
            daemon.stop()

    def test_a_close_notify_follows_the_last_answer(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for ends in ("close", "shutdown", "stop"):
                with self.subTest(version=version, ends=ends):
                    daemon = self.tls_daemon()
                    session = Session(daemon.tcp[0], self.wrap(version, suppress_ragged_eofs=False))
                    self.addCleanup(session.close)
                    session.open()
                    numbers = session.send((b"syslog", b"{}"))
                    if ends == "shutdown":
                        socket.socket.shutdown(session.socket, socket.SHUT_WR)
                    else:
                        self.assertEqual(session.wait_for(numbers), [b"200 OK"])
                    if ends == "close":
                        session.send((b"close", b""))
                    stop = self.in_thread(daemon.stop) if ends == "stop" else None
                    with self.assertRaises(Gone):  # and not ssl.SSLEOFError
                        while True:
                            session.receive()
                    self.assertTrue(session.closed)
                    session.close()
                    if stop:
                        stop.finish()
                    else:
                        daemon.stop()

    def test_a_client_that_sends_a_close_notify_gets_its_answers_and_one_in_return(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            daemon = self.tls_daemon()
            context = ssl.create_default_context(cafile=self.path("ca.pem"))
            context.minimum_version = context.maximum_version = version
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            raw = socket.create_connection(daemon.tcp[0], timeout=30)
            self.addCleanup(raw.close)

            def call(function, *words):
                while True:
                    try:
                        return function(*words)
                    except ssl.SSLWantReadError:
                        raw.sendall(outgoing.read())
                        piece = raw.recv(65536)
                        incoming.write(piece) if piece else incoming.write_eof()

            call(tls.do_handshake)
            tls.write(frame(1, b"open", OFFERS))
            answers = call(tls.read, 65536)
            tls.write(b"".join(frame(n, b"syslog", b"{}") for n in range(2, 102)))
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()  # writes a close_notify
            with contextlib.suppress(ssl.SSLZeroReturnError):  # and not ssl.SSLEOFError
                while piece := call(tls.read, 65536):
                    answers += piece
            self.assertEqual(answers.count(b" rsp "), 101)
            self.assertTrue(answers.endswith(b"0 serverclose 0\n"), answers[-100:])
            self.assertEqual(daemon.stop()["acknowledged"], 100)

    def test_key_updates_of_the_client_do_not_garble_the_answers(self):
        daemon = self.tls_daemon()
        process = subprocess.Popen(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % daemon.tcp[0][1], "-tls1_3",
             "-CAfile", self.path("ca.pem")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.addCleanup(process.kill)
        process.stdin.write(frame(1, b"open", OFFERS))
        answers = b""

        def read_until(text):
            nonlocal answers
            while text not in answers:
                piece = os.read(process.stdout.fileno(), 65536)
                self.assertTrue(piece, answers)
                answers += piece

        read_until(b"1 rsp")
        for n in range(2, 6):
            process.stdin.write(b"K\n")  # s_client sends an update and asks for one
            read_until(b"KEYUPDATE\n")
            answers = b""
            process.stdin.write(frame(n, b"syslog", b"{}"))
            read_until(b"%d rsp 6 200 OK\n" % n)
        process.stdin.close()
        process.wait()
        daemon.stop()


class RelpTlsUnread(RelpTlsCase):
    """Fills the buffers of two sockets, which takes 20 s."""

    def test_a_client_that_sends_and_reads_no_answers_does_not_delay_a_stop(self):
        daemon = self.tls_daemon("--drain-ms", "200")
        raw = socket.socket()
        self.addCleanup(raw.close)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.connect(daemon.tcp[0])
        client = self.wrap()(raw)
        self.addCleanup(client.close)
        client.settimeout(0.5)
        client.sendall(frame(1, b"open", OFFERS))
        with self.assertRaises(OSError):  # the daemon does not read any more
            for n in range(1000000):
                client.sendall(frame(n + 2, b"frob", b"x" * 2000))
        began = time.monotonic()
        daemon.stop()
        self.assertLess(time.monotonic() - began, 4)


def omrelp():
    """Folders with rsyslog's module for RELP and librelp, or None."""
    roots = ("/", os.path.join(os.environ.get("LOGPORT_BUILD", "build"), "peers", "rsyslog-relp"),
             os.environ.get("LOGPORT_RSYSLOG_RELP", "/nowhere"))
    for root in roots:
        found = glob.glob(os.path.join(root, "usr/lib/*/rsyslog/omrelp.so"))
        if found:
            return os.path.dirname(found[0]), os.path.dirname(os.path.dirname(found[0]))
    return None


RSYSLOGD = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

RSYSLOG = """
global(workDirectory="%(work)s" maxMessageSize="128k")
module(load="imptcp")
module(load="omrelp")
input(type="imptcp" port="0" listenPortFileName="%(work)s/port" address="127.0.0.1" supportOctetCountedFraming="off")
template(name="json" type="string" string="%%rawmsg%%")
action(type="omrelp" target="localhost" port="%(port)d" template="%(template)s" %(tls)s
       action.resumeInterval="1" action.resumeRetryCount="-1" queue.type="LinkedList" queue.size="100000")
"""


@native_only("rsyslog runs on Linux")
@unittest.skipUnless(RSYSLOGD and omrelp(), "rsyslog with its module for RELP is not installed (package rsyslog-relp)")
class Omrelp(TlsCase):
    """rsyslog itself."""

    def rsyslog(self, port, template, tls=""):
        work = self.directory()
        config = os.path.join(work, "rsyslog.conf")
        with open(config, "w") as file:
            file.write(RSYSLOG % {"work": work, "port": port, "template": template, "tls": tls})
        modules, libraries = omrelp()
        installed = ":".join(glob.glob("/usr/lib/*/rsyslog"))
        process = start([RSYSLOGD, "-n", "-f", config, "-i", os.path.join(work, "pid"),
                         "-M" + modules + ":" + installed],
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                        env=environment(LD_LIBRARY_PATH=libraries))

        def end():
            process.kill()
            process.wait()

        self.addCleanup(end)
        path = os.path.join(work, "port")
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path), "rsyslogd listens")
        with open(path) as file:
            return int(file.read()), process

    HEADER = b"<134>1 2026-11-30T14:00:00.123Z host app 7 id - "

    def send(self, port, lines):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"".join(self.HEADER + line + b"\n" for line in lines))

    def test_templates(self):
        for template in ("RSYSLOG_ForwardFormat", "RSYSLOG_SyslogProtocol23Format", "json"):
            daemon = self.daemon(udp=())
            port, process = self.rsyslog(daemon.tcp[0][1], template)
            sent = [log_line(self.rng, n=n) for n in range(3000)]
            self.send(port, sent)
            self.assert_lines(daemon.wait_stored(len(sent)), sent, template)
            process.terminate()
            process.wait()
            counters = daemon.stop()
            self.assertEqual((counters["rejected"], counters["connections_failed"]), (0, 0))
            self.assertEqual(counters["acknowledged"], len(sent))

    def test_over_tls(self):
        path = os.path.join(self.directory(), "logport.json")
        self.make("client", "DNS:client.example")
        with open(path, "w") as file:
            json.dump({"tcp": [{"address": "127.0.0.1:0",
                                "tls": self.tls_keys(clients=self.path("ca.pem"))}]}, file)
        daemon = self.daemon("--config", path, tcp=(), udp=())
        tls = 'tls="on" tls.caCert="%s" tls.myCert="%s" tls.myPrivKey="%s" tls.authMode="name" ' \
              'tls.permittedPeer=["localhost"]' % tuple(
                  self.path(name) for name in ("ca.pem", "client.pem", "client-key.pem"))
        port, process = self.rsyslog(daemon.tcp[0][1], "RSYSLOG_SyslogProtocol23Format", tls)
        sent = [log_line(self.rng, n=n) for n in range(2000)]
        self.send(port, sent)
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
        process.terminate()
        process.wait()
        counters = daemon.stop()
        self.assertEqual((counters["rejected"], counters["tls_connections"]), (0, 1))

    def test_a_restart_of_the_daemon_loses_nothing(self):
        daemon = self.daemon(udp=())
        base, target = daemon.base, daemon.tcp[0]
        port, process = self.rsyslog(target[1], "RSYSLOG_SyslogProtocol23Format")
        sent = [b'{"n":%d}' % n for n in range(6000)]
        for part in range(6):
            self.send(port, sent[part * 1000 : part * 1000 + 1000])
            wait_until(lambda: status(daemon)["stored"] > 0, "it sends")
            if part % 2:
                daemon.kill()
            else:
                daemon.stop()
            daemon = self.daemon(dir=base, tcp=("127.0.0.1:%d" % target[1],), udp=())
        wait_until(lambda: set(read_lines(base)) == set(sent), "all is stored", timeout=60)
        process.terminate()
        process.wait()
        daemon.stop()


class RelpKills(Case):
    """kill -9 under load: LOGPORT_TEST_SCALE=4000 is 200 of them."""

    def test_no_acknowledged_message_is_missing_and_only_unacknowledged_ones_are_stored_twice(self):
        kill_under_load(self, "message", lambda sender: sum(sender.acknowledged),
                        lambda address: [Sender(numbered(number), address) for number in range(3)])


if __name__ == "__main__":
    main()
