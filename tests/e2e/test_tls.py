"""test_tls.py - TLS on the TCP listeners: what clients write is stored whole however they end, and what must
not be let in is not.  Certificates are made by openssl."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest

from harness import (EXEC_PREFIX, WINDOWS, Case, Holder, log_line, logport, logportd, main, rejects, run, scaled, status,
                     temporary_directory, wait_until, windows_path)
from lumberjack import batch
from relp import OFFERS, frame

OPENSSL = shutil.which("openssl")
HAS_TLS = b"OpenSSL" in logportd("--version").out

OPEN = {"v1.2": ssl.TLSVersion.TLSv1_2, "v1.3": ssl.TLSVersion.TLSv1_3}


@unittest.skipUnless(OPENSSL and HAS_TLS, "this build has no TLS, or there is no openssl")
class TlsCase(Case):
    """Has a CA, and makes certificates with it."""

    def setUp(self):
        super().setUp()
        self.pki = os.path.join(temporary_directory(self), "pki")
        os.mkdir(self.pki)
        self.make_ca("ca")
        self.make("server", "DNS:localhost,IP:127.0.0.1")

    def path(self, name):
        return os.path.join(self.pki, name)

    def openssl(self, *words, stdin=None):
        result = subprocess.run([OPENSSL, *words], cwd=self.pki, input=stdin, capture_output=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def make_key(self, name):
        self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + "-key.pem")

    def make_ca(self, name):
        self.make_key(name)
        self.openssl("req", "-x509", "-new", "-key", name + "-key.pem", "-subj", "/CN=" + name, "-days", "9",
                     "-out", name + ".pem")

    def make(self, name, names="", ca="ca", days="9"):
        self.make_key(name)
        request = self.openssl("req", "-new", "-key", name + "-key.pem", "-subj", "/CN=" + name)
        with open(self.path(name + ".cnf"), "w") as file:
            file.write("subjectAltName=%s\n" % names if names else "basicConstraints=CA:FALSE\n")
        self.openssl("x509", "-req", "-CA", ca + ".pem", "-CAkey", ca + "-key.pem", "-CAcreateserial", "-days", days,
                     "-extfile", name + ".cnf", "-out", name + ".pem", stdin=request)

    def tls_keys(self, **more):
        return dict({"certificate": self.path("server.pem"), "key": self.path("server-key.pem")}, **more)

    def write_config(self, *listeners):
        with open(self.path("logportd.json"), "w") as file:
            json.dump({"tcp": list(listeners)}, file)
        return self.path("logportd.json")

    def tls_daemon(self, **keys):
        config = self.write_config({"address": "127.0.0.1:0", "tls": self.tls_keys(**keys)}, "127.0.0.1:0")
        return self.daemon("--config", config, tcp=(), udp=())

    def context(self, version=None, client=None, ca="ca"):
        context = ssl.create_default_context(cafile=self.path(ca + ".pem"))
        if version:
            context.minimum_version = context.maximum_version = version
        if client:
            context.load_cert_chain(self.path(client + ".pem"), self.path(client + "-key.pem"))
        return context

    def open(self, daemon, context=None, name="localhost"):
        context = context or self.context()
        connection = context.wrap_socket(daemon.connect(), server_hostname=name)
        self.addCleanup(connection.close)
        return connection


def hello(context):
    """The bytes of a client hello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


class Client:
    """TLS over a socket whose bytes the test cuts and changes."""

    def __init__(self, test, daemon, context):
        self.socket = daemon.connect()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handshake(self, send=None):
        send = send or self.socket.sendall
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                send(self.outgoing.read())
                got = self.socket.recv(65536)
                if not got:
                    raise ConnectionError("closed in the handshake")
                self.incoming.write(got)
        rest = self.outgoing.read()
        if rest:
            send(rest)

    def sealed(self, data):
        self.tls.write(data)
        return self.outgoing.read()

    def close_notify(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()

    def rest(self):
        """All plain text that still comes, and whether a close_notify follows it."""
        got = b""
        with contextlib.suppress(OSError):
            while piece := self.socket.recv(65536):
                self.incoming.write(piece)
        while True:
            try:
                got += self.tls.read()
            except ssl.SSLZeroReturnError:
                return got, True
            except ssl.SSLWantReadError:
                return got, False


class TlsReceiving(TlsCase):
    def test_clients_that_write_and_close_lose_nothing(self):
        daemon, sent = self.tls_daemon(), []
        for version in OPEN.values():
            for _ in range(scaled(40, 5)):
                lines = [log_line(self.rng, n=len(sent) + i) for i in range(10)]
                sent += lines
                connection = self.open(daemon, self.context(version))
                for line in lines:
                    connection.sendall(line + b"\n")
                connection.close()  # without close_notify
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
        counters = daemon.stop()
        self.assertEqual(counters["tls_connections"], 2 * scaled(40, 5))
        self.assertEqual(counters["connections_failed"], 0)

    def test_after_the_handshake_nothing_is_sent_until_a_close_notify(self):
        daemon = self.tls_daemon()
        for name, version in OPEN.items():
            with self.subTest(name):
                client = Client(self, daemon, self.context(version))
                client.handshake()
                client.socket.sendall(client.sealed(b'{"n":1}\n' * 1000))
                wait_until(lambda: status(daemon)["bytes_received"] > 0, "it is received")
                client.socket.settimeout(0.3)
                with self.assertRaises(TimeoutError):
                    client.socket.recv(1)
                client.socket.settimeout(10)
                with self.assertRaises(ssl.SSLWantReadError):
                    client.tls.unwrap()
                client.socket.sendall(client.outgoing.read())
                client.incoming.write(client.socket.recv(100))
                client.tls.unwrap()
                self.assertEqual(client.socket.recv(1), b"")
        self.assertEqual(daemon.stop()["stored"], 2000)

    def test_a_session_cut_at_every_byte_is_received(self):
        daemon, records = self.tls_daemon(), []
        for name, version in OPEN.items():
            with self.subTest(name):
                line = log_line(self.rng, n=len(records))
                records.append(line)
                client = Client(self, daemon, self.context(version))

                def in_bytes(data):
                    for i in range(len(data)):
                        client.socket.sendall(data[i : i + 1])
                        if i % 16 == 0:
                            time.sleep(0.001)

                client.handshake(in_bytes)
                in_bytes(client.sealed(line[:5]) + client.sealed(line[5:] + b"\n"))
                client.socket.close()
        self.assert_lines(daemon.wait_stored(len(records)), records)
        daemon.stop()

    def test_much_is_received_in_records_of_every_size(self):
        daemon, sent = self.tls_daemon(), []
        for version in OPEN.values():
            client = Client(self, daemon, self.context(version))
            client.handshake()
            lines = [log_line(self.rng, n=i, pad="x" * self.rng.randrange(3000)) for i in range(scaled(3000, 300))]
            sent += lines
            data = b"".join(line + b"\n" for line in lines)
            while data:
                size = self.rng.choice([1, 100, 5000, 16384, 40000])
                client.socket.sendall(client.sealed(data[:size]))
                data = data[size:]
            client.socket.close()
            stored = daemon.wait_stored(len(sent))  # connections are not ordered among each other
        self.assert_lines(stored, sent)
        daemon.stop()

    def test_whole_records_before_garbage_or_a_cut_are_stored(self):
        daemon, stored = self.tls_daemon(), 0
        for name, version in OPEN.items():
            for turn in range(scaled(30, 5)):
                client = Client(self, daemon, self.context(version))
                client.handshake()
                whole = client.sealed(b'{"whole":1}\n{"half"')
                bad = bytearray(client.sealed(b":2}\n" * 10))
                if turn % 3 == 0:
                    bad = bad[: self.rng.randrange(len(bad))]
                else:
                    at = self.rng.randrange(5 if turn % 3 == 1 else 0, len(bad))
                    bad[at] ^= 1 << self.rng.randrange(8)
                client.socket.sendall(whole + bytes(bad))
                client.socket.close()
                stored += 1
        wait_until(lambda: status(daemon)["connections"] == 0, "all have ended")
        self.assert_lines(daemon.wait_stored(stored), [b'{"whole":1}'] * stored)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["rejected"]), (stored, stored))

    def test_records_and_a_close_notify_in_one_piece_are_answered(self):
        relp = frame(1, b"open", OFFERS) + frame(2, b"syslog", b"{}") + frame(3, b"syslog", b'{"a":1}')
        for version in OPEN.values():
            for data, answer in ((relp, b"3 rsp 6 200 OK\n"), (batch([b"{}"] * 3), b"2A\0\0\0\3"),
                                 (b"{}\n", b""), (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request"),
                                 (b"<a>", b"logport: refused: XML; ")):
                with self.subTest(version=version, data=data[:10]):
                    daemon = self.tls_daemon()
                    client = Client(self, daemon, self.context(version))
                    client.handshake()
                    client.socket.sendall(client.sealed(data) + client.close_notify())
                    got, closed = client.rest()
                    self.assertIn(answer, got)
                    self.assertTrue(closed, "a close_notify ends it")
                    client.socket.close()
                    self.assertEqual(daemon.stop()["connections_failed"], 0)

    def test_plain_text_beside_tls_is_taken_only_if_it_is_allowed(self):
        for required in (True, False):
            with self.subTest(required=required):
                daemon = self.tls_daemon(required=required)
                daemon.send(b'{"plain":1}\n')
                self.open(daemon).sendall(b'{"tls":1}\n')
                expected = [b'{"tls":1}'] if required else [b'{"plain":1}', b'{"tls":1}']
                self.assert_lines(daemon.wait_stored(len(expected)), expected)
                if required:
                    daemon.wait_said("sent plain text; this listener requires TLS")
                counters = daemon.stop()
                self.assertEqual(counters["reasons"], {"plain_text": 1} if required else {})

    def test_a_handshake_that_is_random_or_changed_ends_only_itself(self):
        daemon = self.tls_daemon()
        good = hello(self.context())
        for _ in range(scaled(300, 30)):
            bad = bytearray(good)
            for _ in range(self.rng.randrange(1, 4)):
                bad[self.rng.randrange(1, len(bad))] = self.rng.randrange(256)
            if self.rng.random() < 0.3:
                bad = bad[:5] + self.rng.randbytes(300)
            with contextlib.suppress(OSError), contextlib.closing(daemon.connect()) as connection:
                connection.sendall(bytes(bad[: self.rng.randrange(1, len(bad) + 1)]))
        self.open(daemon).sendall(b'{"after":1}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"after":1}'])
        wait_until(lambda: status(daemon)["connections"] <= 1, "they have ended")
        self.assertEqual(daemon.stop()["stored"], 1)

    def test_old_versions_and_renegotiation_are_refused(self):
        daemon = self.tls_daemon()
        where = "%s:%d" % daemon.tcp[0][:2]
        for version in ("-tls1", "-tls1_1"):
            result = self.s_client("-connect", where, version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertIn(b"alert protocol version", result.stderr)
        result = self.s_client("-connect", where, "-tls1_2", stdin=b"R\n")
        self.assertIn(b"no renegotiation", result.stderr)
        result = self.s_client("-connect", where, "-tls1_2", "-cipher", "AES128-SHA")
        self.assertIn(b"handshake failure", result.stderr)
        for version in ("-tls1_2", "-tls1_3"):
            result = self.s_client("-connect", where, version, "-CAfile", self.path("ca.pem"))
            self.assertNotIn(b"New Session Ticket", result.stdout)
            self.assertIn(b"Verify return code: 0 (ok)", result.stdout)
        self.open(daemon).sendall(b'{"after":1}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"after":1}'])
        self.assertEqual(daemon.stop()["tls_failures"], 3)

    def s_client(self, *words, stdin=b"Q\n"):
        return subprocess.run([OPENSSL, "s_client", *words], input=stdin, capture_output=True, timeout=30)

    def test_a_key_update_is_not_answered(self):
        daemon = self.tls_daemon()
        where = "%s:%d" % daemon.tcp[0][:2]
        with open(self.path("out"), "wb") as out:
            process = subprocess.Popen([OPENSSL, "s_client", "-connect", where, "-tls1_3", "-msg"],
                                       stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)

        def said(text):
            with open(self.path("out"), "rb") as out:
                return text in out.read()

        wait_until(lambda: said(b"Verify return code"), "the handshake is done")
        process.stdin.write(b"K\n")
        process.stdin.flush()
        wait_until(lambda: said(b"], KeyUpdate"), "the keys are updated")
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        daemon.wait_stored(1)
        process.communicate(b"Q\n", 30)
        self.assertTrue(said(b">>> TLS 1.3, Handshake [length 0005], KeyUpdate"))
        self.assertFalse(said(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate"))
        daemon.stop()

    def test_a_handshake_that_is_not_finished_is_ended(self):
        daemon = self.tls_daemon()
        connection = daemon.connect()
        connection.sendall(hello(self.context())[:20])
        began = time.monotonic()
        self.assertEqual(connection.recv(1), b"")
        self.assertGreater(time.monotonic() - began, 8)
        daemon.wait_said("it was not finished within 10 s")
        self.assertEqual(daemon.stop()["tls_failures"], 1)

    def test_a_stop_stores_what_has_arrived(self):
        daemon = self.tls_daemon()
        connections = [self.open(daemon) for _ in range(20)]
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the kernel holds some back
        data = b"".join(log_line(self.rng, n=n) + b"\n" for n in range(500))
        for connection in connections:
            connection.sendall(data)
        half = daemon.connect()
        half.sendall(hello(self.context())[:50])
        self.assertEqual(daemon.stop()["stored"], 20 * 500)

    @unittest.skipUnless(shutil.which("node"), "node is not installed")
    def test_node_writes_and_ends(self):
        daemon = self.tls_daemon()
        script = """
            const tls = require('tls'), fs = require('fs');
            const [port, ca] = process.argv.slice(1);
            const s = tls.connect({port: +port, host: '127.0.0.1', servername: 'localhost', ca: fs.readFileSync(ca)}, () => {
              for (let n = 0; n < 5000; n++) s.write(JSON.stringify({n, text: 'ü'.repeat(n % 50)}) + '\\n');
              s.end();
            });
        """
        result = subprocess.run(["node", "-e", script, str(daemon.tcp[0][1]), self.path("ca.pem")],
                                capture_output=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [json.dumps({"n": n, "text": "ü" * (n % 50)}, ensure_ascii=False, separators=(",", ":")).encode()
                 for n in range(5000)]
        self.assert_lines(daemon.wait_stored(5000), lines)
        daemon.stop()


class TlsClients(TlsCase):
    def attempt(self, daemon, client, line=b'{"n":1}\n', version=None):
        """True: the daemon has accepted this certificate."""
        # ssl.SSLError is an OSError.
        with contextlib.suppress(OSError):
            connection = self.open(daemon, self.context(version, client))
            connection.sendall(line)
            socket.socket.shutdown(connection, socket.SHUT_WR)
            return connection.read(1) == b""  # an alert is an error
        return False

    def test_only_allowed_names_of_known_issuers_may_send(self):
        self.make_ca("other")
        self.make("good", "DNS:shop-1.example.org")
        self.make("by-address", "IP:10.0.0.7")
        self.make("by-uri", "URI:spiffe://example/shop")
        self.make("common-name")
        self.make("deep", "DNS:a.b.example.org")
        self.make("bad", "DNS:shop-1.example.com")
        self.make("foreign", "DNS:shop-1.example.org", ca="other")
        self.make("expired", "DNS:shop-1.example.org", days="-1")
        daemon = self.tls_daemon(clients=self.path("ca.pem"),
                                 client_names=["*.EXAMPLE.org", "10.0.0.7", "spiffe://example/*", "common-*"])
        for version in OPEN.values():
            for client, accepted in {"good": True, "by-address": True, "by-uri": True, "common-name": True,
                                     "deep": False, "bad": False, "foreign": False, "expired": False,
                                     None: False}.items():
                with self.subTest(client=client, version=version):
                    self.assertEqual(self.attempt(daemon, client, version=version), accepted)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["tls_connections"], counters["tls_failures"]), (8, 8, 10))

    def test_the_name_is_recorded_with_rejected_records(self):
        self.make("a", "DNS:shop-1.example.org,DNS:other")
        daemon = self.tls_daemon(clients=self.path("ca.pem"), client_certificate="optional")
        self.assertTrue(self.attempt(daemon, "a", b"no json\n"))
        self.assertTrue(self.attempt(daemon, None, b"none either\n"))
        wait_until(lambda: len(rejects(daemon.base)) == 2, "both are in quarantine")
        daemon.stop()
        peers = {record["raw"]: record["peer"] for record in rejects(daemon.base)}
        self.assertRegex(peers["no json"], r"^shop-1\.example\.org \(127\.0\.0\.1:\d+\)$")
        self.assertRegex(peers["none either"], r"^127\.0\.0\.1:\d+$")

    def test_revoked_certificates_are_refused_after_a_reload(self):
        self.make("good", "DNS:good")
        self.make("stolen", "DNS:stolen")
        for name in ("index.txt", "index.txt.attr"):
            open(self.path(name), "w").close()
        with open(self.path("ca.cnf"), "w") as file:
            file.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=9\n")
        ca = ("ca", "-config", "ca.cnf", "-keyfile", "ca-key.pem", "-cert", "ca.pem")
        self.openssl(*ca, "-gencrl", "-out", "crl.pem")
        daemon = self.tls_daemon(clients=self.path("ca.pem"), revoked=self.path("crl.pem"))
        self.assertTrue(self.attempt(daemon, "stolen"))
        self.openssl(*ca, "-revoke", "stolen.pem")
        self.openssl(*ca, "-gencrl", "-out", "crl.pem")
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        self.assertFalse(self.attempt(daemon, "stolen"))
        self.assertTrue(self.attempt(daemon, "good"))
        daemon.wait_said("certificate revoked")
        daemon.stop()


class TlsConfiguration(TlsCase):
    def check(self, **keys):
        return logportd("--check", "--config", self.write_config({"address": "127.0.0.1:0", "tls": keys}))

    def test_what_is_wrong_is_said_with_its_place(self):
        self.make("another")
        good = self.tls_keys()
        with open(self.path("empty.pem"), "w"):
            pass
        self.openssl("ec", "-in", "server-key.pem", "-aes128", "-passout", "pass:secret", "-out", "secret.pem")
        wrong = {
            "no such file or directory": dict(good, certificate="missing.pem"),
            "a certificate in PEM was expected": dict(good, certificate=self.path("empty.pem")),
            "the key does not belong to the certificate": dict(good, key=self.path("another-key.pem")),
            "the key is encrypted; a key without a password was expected": dict(good, key=self.path("secret.pem")),
            "\"key\" is missing": {"certificate": good["certificate"]},
            "certificates of issuers in PEM were expected": dict(good, clients=self.path("empty.pem")),
            "a revocation list (CRL) in PEM was expected":
                dict(good, clients=self.path("ca.pem"), revoked=self.path("empty.pem")),
            "client_certificate, client_names and revoked need": dict(good, client_names=["a"]),
            "is neither required nor optional": dict(good, clients=self.path("ca.pem"), client_certificate="yes"),
            "unknown key of tls; did you mean \"certificate\"?": dict(good, certificat="x"),
            "is not true or false": dict(good, required="perhaps"),
        }
        for message, keys in wrong.items():
            with self.subTest(message):
                result = self.check(**keys)
                self.assertEqual(result.code, 2)
                self.assertIn(message, result.said)
                self.assertRegex(result.said, r"logportd\.json:1:\d+: ")
        self.assertEqual(self.check(**good).code, 0)

    def test_an_expired_certificate_of_the_server_is_reported_but_no_error(self):
        self.make("expired", "DNS:localhost", days="-1")
        expired = {"certificate": self.path("expired.pem"), "key": self.path("expired-key.pem")}
        result = self.check(**expired)
        self.assertEqual(result.code, 0)
        self.assertIn("tls: %s has expired: clients refuse it" % expired["certificate"], result.said)
        daemon = self.tls_daemon()
        self.assertNotIn("expired", daemon.said)
        with open(self.path("server.pem"), "wb") as new, open(self.path("expired.pem"), "rb") as old:
            new.write(old.read())
        with open(self.path("server-key.pem"), "wb") as new, open(self.path("expired-key.pem"), "rb") as old:
            new.write(old.read())
        self.assertIn("has expired", logport("reload", "--dir", daemon.base).said)
        where = "localhost:%d" % daemon.tcp[0][1]
        result = logport("send", "--tls", "--ca", self.path("ca.pem"), where, stdin=b'{"n":1}\n')
        self.assertEqual(result.code, 2)
        self.assertIn("the server's certificate is not accepted: certificate has expired; --ca gives", result.said)
        daemon.stop()

    def test_udp_has_no_tls(self):
        config = self.path("udp.json")
        with open(config, "w") as file:
            json.dump({"udp": {"address": "127.0.0.1:0", "tls": self.tls_keys()}}, file)
        self.assertIn("a UDP listener cannot use TLS", logportd("--check", "--config", config).said)

    def test_a_reload_changes_the_certificate_and_keeps_the_old_one_if_the_new_is_wrong(self):
        daemon = self.tls_daemon()
        before = self.open(daemon)
        old = before.getpeercert()["serialNumber"]
        self.make("server", "DNS:localhost,IP:127.0.0.1")
        self.assertEqual(self.open(daemon).getpeercert()["serialNumber"], old)
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        new = self.open(daemon).getpeercert()["serialNumber"]
        self.assertNotEqual(new, old)
        with open(self.path("server.pem"), "w") as file:
            file.write("damaged")
        result = logport("reload", "--dir", daemon.base)
        self.assertNotEqual(result.code, 0)
        self.assertIn("a certificate in PEM was expected", result.said)
        self.assertEqual(self.open(daemon).getpeercert()["serialNumber"], new)
        before.sendall(b'{"before":1}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"before":1}'])
        daemon.stop()


class TlsCommands(TlsCase):
    def cert(self, *words):
        return logport("cert", "--dir", self.path("made"), *words)

    def made(self, name):
        return os.path.join(self.path("made"), name)

    def assert_secret(self, path):
        if WINDOWS:
            self.assertRegex(Holder(self).access(path), r"^D:\w*(\(A;;FA;;;(SY|S-1-5-21-[0-9-]+)\))+$")
        else:
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_send_says_what_the_receiver_refuses(self):
        daemon = self.tls_daemon(required=True)
        where = "127.0.0.1:%d" % daemon.tcp[0][1]
        large = b'{"n":1}\n' * 500000
        for data in (b'{"n":1}\n', b"{", large):
            result = logport("send", where, stdin=data)
            self.assertEqual((result.code, result.out), (2, b""))
            self.assertIn("send: %s: " % where, result.said)
            if data is not large:  # else the connection may be reset before the answer is read
                self.assertIn("it has refused this: plain text; this listener requires TLS: enable TLS", result.said)
        other, http = self.daemon("--protocol", "newline"), self.http_server()
        over_tls = ("--tls", "--ca", self.path("ca.pem"), "--name", "localhost", where)
        for words in (("127.0.0.1:%d" % other.tcp[0][1],), over_tls):
            result = logport("send", *words, stdin=b"<log4j:event/>")
            self.assertEqual(result.code, 2)
            self.assertIn("it has refused this: XML; ", result.said)
        result = logport("send", "127.0.0.1:%d" % http, stdin=b'{"n":1}\n')
        self.assertEqual((result.code, "it answers as an HTTP server" in result.said), (2, True))
        self.assertEqual((daemon.stop()["stored"], other.stop()["stored"]), (0, 0))

    def http_server(self):
        """A port at which a server answers one request as one of HTTP."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def answer():
            connection = listener.accept()[0]
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        self.in_thread(answer)
        return listener.getsockname()[1]

    def test_cert_makes_what_send_and_the_daemon_need(self):
        self.assertEqual(self.cert("--name", "logs.example.org", "--name", "10.1.2.3", "--client", "shop-1").code, 0)
        for key in ("ca-key.pem", "server-key.pem", "shop-1-key.pem"):
            self.assert_secret(self.made(key))
        text = self.openssl("x509", "-in", self.made("server.pem"), "-noout", "-text")
        self.assertIn(b"DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:logs.example.org, "
                      b"IP Address:10.1.2.3", text)
        self.assertIn(b"prime256v1", text)
        for purpose, name in (("sslserver", "server"), ("sslclient", "shop-1")):
            self.openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", self.made("ca.pem"), self.made(name + ".pem"))
        self.assertIn("already exists", self.cert().said)
        self.assertEqual(self.cert("--client", "shop-2").code, 0)
        self.openssl("verify", "-CAfile", self.made("ca.pem"), self.made("shop-2.pem"))
        self.assertEqual(self.cert("--client", "../x").code, 2)
        self.assertEqual(self.cert("--name", "a,DNS:b").code, 2)

        daemon = self.tls_daemon(certificate=self.made("server.pem"), key=self.made("server-key.pem"),
                                 clients=self.made("ca.pem"), client_names=["shop-1"])
        where = "%s:%d" % daemon.tcp[0][:2]

        def send(client, *words, stdin=b'{"n":1}\n'):
            mine = ["--cert", self.made(client + ".pem"), "--key", self.made(client + "-key.pem")] if client else []
            return logport("send", "--tls", *mine, *words, where, stdin=stdin)

        ca = ("--ca", self.made("ca.pem"))
        lines = [log_line(self.rng, n=n) for n in range(scaled(20000, 1000))]
        self.assertEqual(send("shop-1", *ca, stdin=b"".join(line + b"\n" for line in lines)).code, 0)
        self.assertEqual(send("shop-1", *ca, "--name", "logs.example.org", stdin=b"").code, 0)
        self.assert_lines(daemon.wait_stored(len(lines)), lines)
        for message, result in {
            "hostname mismatch": send("shop-1", *ca, "--name", "logs.example.com"),
            "self-signed certificate": send("shop-1"),
            "alert": send("shop-2", *ca),
            "alert certificate required": send(None, *ca),
            "--cert and --key need each other": logport("send", "--tls", "--cert", "x", where, stdin=b""),
            "need --tls": logport("send", "--ca", "x", where, stdin=b""),
            "missing.pem: no such file": send(None, "--ca", "missing.pem"),
        }.items():
            with self.subTest(message):
                self.assertEqual(result.code, 2)
                self.assertIn(message, result.said)
        self.assertEqual(daemon.stop()["stored"], len(lines))

    @unittest.skipUnless(WINDOWS, "paths of Windows")
    def test_files_may_be_named_by_paths_of_windows(self):
        made = windows_path(self.path("made")) + "\\"
        self.assertEqual(logport("cert", "--dir", made + "new").code, 0)
        made += "new\\"
        daemon = self.tls_daemon(certificate=made + "server.pem", key=made + "server-key.pem", clients=made + "ca.pem")
        result = logport("send", "--tls", "--ca", made + "ca.pem", "--cert", made + "client.pem", "--key",
                         made + "client-key.pem", "localhost:%d" % daemon.tcp[0][1], stdin=b'{"n":1}\n')
        self.assertEqual((result.code, result.said), (0, ""))
        self.assert_lines(daemon.wait_stored(1), [b'{"n":1}'])
        daemon.stop()

    @unittest.skipUnless(WINDOWS, "elsewhere OpenSSL knows the files")
    def test_send_trusts_what_windows_trusts(self):
        daemon = self.tls_daemon()

        def send():
            return logport("send", "--tls", "localhost:%d" % daemon.tcp[0][1], stdin=b'{"n":1}\n')

        self.assertIn("unable to get local issuer certificate", send().said)
        self.trust_in_windows("ca")
        result = send()
        self.assertEqual((result.code, result.said), (0, ""))
        daemon.wait_stored(1)
        daemon.stop()

    def trust_in_windows(self, name):
        """Adds an issuer to the user's root store, until the end of the test."""
        der = self.openssl("x509", "-in", name + ".pem", "-outform", "DER")
        # The store's form: properties, of which 32 is the certificate.
        blob = b"".join(number.to_bytes(4, "little") for number in (32, 1, len(der))) + der
        key = "HKCU\\Software\\Microsoft\\SystemCertificates\\Root\\Certificates\\" + hashlib.sha1(der).hexdigest().upper()
        self.addCleanup(run, EXEC_PREFIX + ["reg.exe", "delete", key, "/f"])
        result = run(EXEC_PREFIX + ["reg.exe", "add", key, "/v", "Blob", "/t", "REG_BINARY", "/d", blob.hex(), "/f"])
        self.assertEqual(result.code, 0, result.said)


if __name__ == "__main__":
    main()
