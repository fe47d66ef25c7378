"""test_tls.py - TLS on the TCP listeners: what clients write is stored whole however they end, and what must
not be let in is not.  Certificates are made by openssl."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import unittest

from harness import Case, log_line, logportd, main, scaled, status, temporary_directory, wait_until

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


class Receiving(TlsCase):
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
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
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


if __name__ == "__main__":
    main()
