"""test_proxy.py - the PROXY protocol: who is believed, what is recorded, and what is refused, with raw bytes
and with real proxies."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import time
import unittest

from clients import which
from harness import (Case, free_port, log_line, logport, logportd, main, native_only, rejects, scaled, start, status,
                     temporary_directory, wait_until)
from test_tls import HAS_TLS, OPENSSL, Client, TlsCase

HAPROXY = which("haproxy")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 5170\r\n"


def v2(command=1, family=0x11, source="192.0.2.7", port=4711, more=b"", addresses=None):
    if addresses is None:
        kind = socket.AF_INET6 if ":" in source else socket.AF_INET
        addresses = socket.inet_pton(kind, source) * 2 + struct.pack(">HH", port, 5170)
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, family, len(addresses + more)) + addresses + more


def element(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def v2_with_sum(wrong=0):
    zero = v2(more=element(3, bytes(4)) + element(4, b"pad"))
    return zero.replace(element(3, bytes(4)), element(3, struct.pack(">I", crc32c(zero) ^ wrong)))


class ProxyCase(TlsCase if OPENSSL and HAS_TLS else Case):
    """The daemon trusts 127.0.0.1 as a proxy; clients connect from 127.0.0.2."""

    def setUp(self):
        super().setUp()
        self.folder = temporary_directory(self)

    def proxy_daemon(self, *words, more=(), **keys):
        self.config = os.path.join(self.folder, "logportd.json")
        keys.setdefault("proxy", "127.0.0.1")
        self.set_keys(keys, more)
        return self.daemon("--config", self.config, *words, tcp=(), udp=())

    def set_keys(self, keys, more=()):
        with open(self.config, "w") as file:
            json.dump({"tcp": [dict(keys, address="127.0.0.1:0"), *more]}, file)

    def connect(self, daemon, source="127.0.0.1"):
        connection = socket.create_connection(daemon.tcp[0][:2], 20, (source, 0))
        self.addCleanup(connection.close)
        return connection

    def send(self, daemon, data, source="127.0.0.1"):
        with contextlib.suppress(ConnectionError), contextlib.closing(self.connect(daemon, source)) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1000):
                pass

    def peers(self, daemon, count):
        """The peers of rejected records by what was rejected."""
        wait_until(lambda: len(rejects(daemon.base)) >= count, "%d are in quarantine" % count)
        return {record.get("raw"): record["peer"] for record in rejects(daemon.base)}


class ProxyHeaders(ProxyCase):
    def test_the_peer_is_the_one_that_the_header_names(self):
        daemon = self.proxy_daemon()
        unix = b"/run/app.sock".ljust(108, b"\0") * 2
        headers = {
            V1: "192.0.2.7:4711",
            b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 5170\r\n": "[2001:db8::7]:4711",
            v2(): "192.0.2.7:4711",
            v2(family=0x12): "192.0.2.7:4711",
            v2(family=0x21, source="2001:db8::7"): "[2001:db8::7]:4711",
            v2(more=element(1, b"h2") + element(0xEA, bytes(60000)) + element(4, b"")): "192.0.2.7:4711",
            v2_with_sum(): "192.0.2.7:4711",
            v2(family=0x31, addresses=unix): r"unix:/run/app.sock (127.0.0.1:",
            b"PROXY UNKNOWN\r\n": "127.0.0.1:",
            b"PROXY UNKNOWN some words\r\n": "127.0.0.1:",
            v2(command=0, family=0, addresses=b""): "127.0.0.1:",
            v2(command=0): "127.0.0.1:",
            v2(family=0, addresses=b"whatever"): "127.0.0.1:",
        }
        for n, header in enumerate(headers):
            self.send(daemon, header + b'{"n":%d}\nbad %d\n' % (n, n))
        self.assert_lines(daemon.wait_stored(len(headers)), [b'{"n":%d}' % n for n in range(len(headers))])
        peers = self.peers(daemon, len(headers))
        for n, (header, peer) in enumerate(headers.items()):
            with self.subTest(header[:60]):
                self.assertTrue(peers["bad %d" % n].startswith(peer), peers["bad %d" % n])
        counters = daemon.stop()
        self.assertEqual((counters["proxy_headers"], counters["proxy_failures"]), (len(headers), 0))

    def test_a_header_may_be_cut_anywhere(self):
        daemon, sent = self.proxy_daemon(), []
        for header in (V1, v2(more=element(4, b"xy")), v2_with_sum()):
            for cut in range(1, len(header) + 3):
                data = header + b'{"n":%d}\n' % len(sent)
                sent.append(b'{"n":%d}' % len(sent))
                connection = self.connect(daemon)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(data[:cut])
                if cut % 8 == 0:
                    time.sleep(0.005)
                connection.sendall(data[cut:])
                connection.close()
        self.assertEqual(sorted(daemon.wait_stored(len(sent))), sorted(sent))
        counters = daemon.stop()
        self.assertEqual((counters["proxy_headers"], counters["rejected"]), (len(sent), 0))

    def test_a_broken_header_is_one_record_and_closes_the_connection(self):
        daemon = self.proxy_daemon()
        line = b'{"forged":1}\n'
        broken = [
            line,
            b"\r\n" + line,
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n" + line,
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 70000\r\n" + line,
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 5170\n" + line,
            b"PROXY " + b"x" * 200 + b"\r\n" + line,
            b"GET / HTTP/1.1\r\n\r\n" + line,
            b"PROXY TCP4 192.0.2.7",  # and the end
            v2(command=5) + line,
            v2(family=0x51) + line,
            v2()[:-1],  # and the end
            v2(more=b"\4\0\5abc") + line,
            v2_with_sum(wrong=1) + line,
        ]
        for data in broken:
            self.send(daemon, data)
        wait_until(lambda: len(rejects(daemon.base)) == len(broken), "each is one record")
        self.assertEqual({record["reason"] for record in rejects(daemon.base)}, {"proxy_header"})
        daemon.wait_said(r"127\.0\.0\.1:\d+ sent no valid header of the PROXY protocol")
        counters = daemon.stop()
        self.assertEqual(counters["reasons"], {"proxy_header": len(broken)})
        self.assertEqual((counters["stored"], counters["proxy_failures"], counters["connections_refused"]),
                         (0, len(broken), len(broken)))

    def test_changed_headers_never_store_what_is_not_after_one(self):
        daemon, sent = self.proxy_daemon(), 0
        for _ in range(scaled(400, 40)):
            header = bytearray(self.rng.choice([V1, v2(), v2_with_sum(), v2(family=0x21, source="::1")]))
            for _ in range(self.rng.randrange(1, 3)):
                header[self.rng.randrange(len(header))] = self.rng.randrange(256)
            cut = header[: self.rng.randrange(1, len(header))] if self.rng.random() < 0.2 else header
            self.send(daemon, bytes(cut) + b'{"n":1}\n')
            sent += 1
        wait_until(lambda: status(daemon)["connections"] == 0, "all have ended")
        counters = daemon.stop()
        self.assertEqual(counters["proxy_headers"] + counters["proxy_failures"], sent)
        self.assertEqual(counters["reasons"].get("proxy_header", 0), counters["proxy_failures"])
        self.assertLessEqual(counters["stored"], counters["proxy_headers"])

    def test_a_slow_header_ends_after_five_seconds_and_a_health_check_is_nothing(self):
        daemon = self.proxy_daemon()
        self.connect(daemon).close()  # it connects and closes
        slow, silent, good = self.connect(daemon), self.connect(daemon), self.connect(daemon)
        good.sendall(V1 + b'{"a"')
        slow.sendall(V1[:20])
        began = time.monotonic()
        self.assertEqual((slow.recv(1), silent.recv(1)), (b"", b""))
        took = time.monotonic() - began
        self.assertTrue(4 < took < 15, took)
        daemon.wait_said("it was not complete within 5 s")
        good.sendall(b":1}\n")
        self.assert_lines(daemon.wait_stored(1), [b'{"a":1}'])
        counters = daemon.stop()
        self.assertEqual((counters["proxy_failures"], counters["reasons"], counters["connections_failed"]),
                         (2, {"proxy_header": 1}, 0))

    def test_other_addresses_are_not_believed(self):
        daemon = self.proxy_daemon()
        for header in (V1, b"PROXY UNKNOWN\r\n", v2(), v2(command=0)):
            self.send(daemon, header + b'{"forged":1}\n', source="127.0.0.2")
        self.send(daemon, b'{"plain":1}\n', source="127.0.0.2")
        self.assert_lines(daemon.wait_stored(1), [b'{"plain":1}'])
        daemon.wait_said(r"127\.0\.0\.2:\d+ sent a header of the PROXY protocol, which this listener does not expect")
        counters = daemon.stop()
        self.assertEqual((counters["reasons"], counters["stored"], counters["proxy_headers"]), ({"proxy": 4}, 1, 0))
        for record in rejects(daemon.base):
            self.assertRegex(record["peer"], r"^127\.0\.0\.2:\d+$")

    def test_lists_and_limits_apply_to_the_peer_that_the_header_names(self):
        daemon = self.proxy_daemon("--peer-connections-max", "2", allow=["192.0.2.0/24", "2001:db8::/32"], deny=["192.0.2.9"])
        self.send(daemon, V1 + b'{"n":1}\n')
        for header in (v2(source="192.0.2.9"), v2(source="203.0.113.1"), v2(command=0), b"PROXY UNKNOWN\r\n",
                       v2(family=0x21, source="2001:db9::1")):
            self.send(daemon, header + b'{"forged":1}\n')
        held = [self.connect(daemon) for _ in range(3)]
        for n, connection in enumerate(held):
            connection.sendall(V1 + b'{"held":%d}\n' % n)
            if n < 2:
                daemon.wait_stored(2 + n)
        with contextlib.suppress(ConnectionError):
            self.assertEqual(held[2].recv(1), b"")
        other = self.connect(daemon)
        other.sendall(v2(source="192.0.2.8") + b'{"other":1}\n')
        self.assert_lines(daemon.wait_stored(4), [b'{"n":1}', b'{"held":0}', b'{"held":1}', b'{"other":1}'])
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["connections_denied"], counters["connections_over_limit"]), (4, 5, 1))

    def test_what_comes_with_a_header_counts_for_its_client(self):
        daemon = self.proxy_daemon("--peer-bytes-per-s", "100")
        connection = self.connect(daemon)
        connection.sendall(V1 + b'{"x":"%s"}\n' % (b"x" * 3000))
        wait_until(lambda: status(daemon)["rate_waits"] > 0, "it waits")
        daemon.stop()

    def test_a_reload_applies_to_new_connections(self):
        daemon = self.proxy_daemon(proxy="none")
        before, waits = self.connect(daemon), None
        before.sendall(b'{"n":1}\n')
        daemon.wait_stored(1)
        self.set_keys({"proxy": ["10.0.0.0/8", "127.0.0.1/32"]})
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        before.sendall(b'{"n":2}\n')
        daemon.wait_stored(2)
        waits = self.connect(daemon)
        waits.sendall(V1[:10])
        wait_until(lambda: status(daemon)["connections"] == 2, "both are open")
        self.set_keys({"proxy": ["10.0.0.0/8"], "allow": "127.0.0.1"})
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        waits.sendall(V1[10:] + b'{"forged":1}\n')  # its header is expected, but its peer is no longer allowed
        with contextlib.suppress(ConnectionError):
            self.assertEqual(waits.recv(1), b"")
        self.send(daemon, b'{"n":3}\n')
        self.assert_lines(daemon.wait_stored(3), [b'{"n":%d}' % n for n in (1, 2, 3)])
        self.assertEqual(daemon.stop()["connections_denied"], 1)

    def test_a_stop_does_not_wait_for_headers(self):
        daemon = self.proxy_daemon()
        self.connect(daemon)
        self.connect(daemon).sendall(V1[:9])
        self.connect(daemon).sendall(V1 + b'{"n":1}')
        wait_until(lambda: status(daemon)["bytes_received"] == 9 + len(V1) + 7, "all have arrived")
        began = time.monotonic()
        counters = daemon.stop()
        self.assertLess(time.monotonic() - began, 4)
        self.assertEqual((counters["stored"], counters["reasons"]), (1, {"proxy_header": 1}))

    def test_the_key_is_checked(self):
        for keys, message in {
            '{"tcp": {"address": "127.0.0.1:0", "proxy": "10.0.0.0/33"}}': "is not a range of addresses",
            '{"tcp": "127.0.0.1:0", "proxy": ["proxy.example.org"]}': "is not a range of addresses",
            '{"udp": {"address": "127.0.0.1:0", "proxy": "10.0.0.1"}}': "a UDP listener has no PROXY protocol",
        }.items():
            path = os.path.join(self.folder, "bad.json")
            with open(path, "w") as file:
                file.write(keys)
            result = logportd("--check", "--config", path)
            self.assertEqual(result.code, 2)
            self.assertIn(message, result.said)
            self.assertRegex(result.said, r"bad\.json:1:\d+: ")
        daemon = self.daemon("--proxy", "127.0.0.0/8", "--proxy", "::1")
        daemon.send(V1 + b'{"n":1}\n')
        daemon.datagrams(b'{"n":2}\n')
        daemon.datagrams(v2() + b'{"n":3}\n')
        daemon.wait_stored(2)
        wait_until(lambda: len(rejects(daemon.base)) == 1, "it is refused")
        self.assertEqual(daemon.stop()["reasons"], {"proxy": 1})


@unittest.skipUnless(OPENSSL and HAS_TLS, "this build has no TLS, or there is no openssl")
class ProxyTls(ProxyCase):
    def test_the_header_is_before_the_handshake(self):
        self.make("a", "DNS:shop-1.example.org")
        daemon = self.proxy_daemon(tls=self.tls_keys(clients=self.path("ca.pem"), client_certificate="optional"))
        for n, (header, client) in enumerate([(V1, None), (v2(), "a"), (v2_with_sum(), None)]):
            connection = self.connect(daemon)
            connection.sendall(header)
            tls = self.context(client=client).wrap_socket(connection, server_hostname="localhost")
            tls.sendall(b'{"n":%d}\nbad %d\n' % (n, n))
            tls.close()
        # In one piece with the hello, and cut in it.
        for cut in (0, 1, 300):
            client = Client(self, daemon, self.context())
            with contextlib.suppress(ssl.SSLWantReadError):
                client.tls.do_handshake()
            data = v2() + client.outgoing.read()
            client.socket.sendall(data[: len(data) - cut])
            time.sleep(0.01)
            client.socket.sendall(data[len(data) - cut :])
            client.incoming.write(client.socket.recv(65536))
            client.handshake()
            client.socket.sendall(client.sealed(b'{"n":3}\n'))
            client.socket.close()
        found = daemon.wait_stored(6)
        self.assertEqual(sorted(found), [b'{"n":%d}' % n for n in (0, 1, 2, 3, 3, 3)])
        peers = self.peers(daemon, 3)
        self.assertEqual([peers["bad %d" % n] for n in range(3)],
                         ["192.0.2.7:4711", "shop-1.example.org (192.0.2.7:4711)", "192.0.2.7:4711"])
        for source, data, reason in (("127.0.0.1", V1 + b'{"n":1}\n', "plain_text"),
                                     ("127.0.0.2", V1 + b'{"n":1}\n', "proxy"),
                                     ("127.0.0.2", v2() + b'{"n":1}\n', "proxy"),
                                     ("127.0.0.2", b'{"n":1}\n', "plain_text")):
            self.send(daemon, data, source)
        counters = daemon.stop()
        self.assertEqual({name: counters["reasons"][name] for name in ("proxy", "plain_text")}, {"proxy": 2, "plain_text": 2})


@native_only("the proxies are native programs")
class Proxies(ProxyCase):
    def haproxy(self, text):
        """Runs haproxy with these sections; returns when its port accepts."""
        path = os.path.join(self.folder, "haproxy.cfg")
        with open(path, "w") as file:
            file.write("global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 20s\n"
                       "  timeout server 20s\n" + text)
        process = start([HAPROXY, "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def through(self, port, data, source="127.0.0.3"):
        def connected():
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), 20, (source, 0))

        with contextlib.closing(wait_until(connected, "the proxy accepts")) as connection:
            name = connection.getsockname()
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        return "%s:%d" % name

    @unittest.skipUnless(HAPROXY, "haproxy is not installed")
    def test_haproxy(self):
        daemon, expected, lines = self.proxy_daemon(), {}, []
        options = {"one": "send-proxy", "two": "send-proxy-v2",
                   "sum": "send-proxy-v2 proxy-v2-options crc32c,unique-id check check-send-proxy inter 50ms"}
        ports = {name: free_port() for name in options}
        self.haproxy("".join("listen %s\n  bind 127.0.0.1:%d\n  unique-id-format %%{+X}o%%ci\n  server s 127.0.0.1:%d %s\n"
                             % (name, ports[name], daemon.tcp[0][1], words) for name, words in options.items()))
        for name, port in ports.items():
            mine = [log_line(self.rng, to=name, n=n) for n in range(100)]
            lines += mine
            expected["bad %s" % name] = self.through(port, b"".join(line + b"\n" for line in mine) + b"bad %s\n" % name.encode())
        self.assertEqual(sorted(daemon.wait_stored(len(lines))), sorted(lines))
        self.assertEqual(self.peers(daemon, 3), expected)
        wait_until(lambda: status(daemon)["proxy_headers"] > 8, "it has checked some times")
        counters = daemon.stop()
        self.assertEqual((counters["proxy_failures"], counters["stored"]), (0, len(lines)))

    @unittest.skipUnless(HAPROXY and OPENSSL and HAS_TLS, "haproxy or TLS is missing")
    def test_haproxy_in_front_of_tls(self):
        daemon = self.proxy_daemon(tls=self.tls_keys())
        port = free_port()
        self.haproxy("listen tls\n  bind 127.0.0.1:%d\n  server s 127.0.0.1:%d send-proxy-v2\n" % (port, daemon.tcp[0][1]))

        def accepts():
            with contextlib.closing(socket.socket()) as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(accepts, "haproxy accepts")
        lines = [log_line(self.rng, n=n) for n in range(1000)]
        result = logport("send", "--tls", "--ca", self.path("ca.pem"), "127.0.0.1:%d" % port,
                         stdin=b"".join(line + b"\n" for line in lines))
        self.assertEqual(result.code, 0, result.said)
        self.assert_lines(daemon.wait_stored(1000), lines)
        daemon.stop()

    @unittest.skipUnless(HAPROXY, "haproxy is not installed")
    def test_haproxy_without_the_header_is_named(self):
        daemon, port = self.proxy_daemon(), free_port()
        self.haproxy("listen l\n  bind 127.0.0.1:%d\n  server s 127.0.0.1:%d\n" % (port, daemon.tcp[0][1]))
        with contextlib.suppress(ConnectionError):
            self.through(port, b'{"n":1}\n')
        daemon.wait_said(r"enable it in the proxy \(send-proxy\)")
        self.assertEqual(daemon.stop()["stored"], 0)

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl_sends_a_header(self):
        daemon = self.proxy_daemon()
        result = subprocess.run(["curl", "-sS", "-m", "20", "--haproxy-protocol", "-w", "%{http_code}",
                                 "http://127.0.0.1:%d/" % daemon.tcp[0][1]], capture_output=True)
        self.assertEqual(result.stdout[-3:], b"400", result.stderr)
        counters = daemon.stop()
        self.assertEqual((counters["proxy_headers"], counters["reasons"]), (1, {"http": 1}))


if __name__ == "__main__":
    main()
