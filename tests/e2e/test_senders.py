"""test_senders.py - who may send, and how much: lists of addresses, limits of each peer, and connections that
take too long.  Peers are addresses of 127.0.0.0/8; Python's ipaddress says what a list means."""

import contextlib
import ipaddress
import json
import os
import socket
import ssl
import threading
import time
import unittest
import zlib

from harness import (Case, SANITIZED, WINDOWS, logport, logportd, main, native_only, rejects, scaled,
                     status, wait_until)

HAS_TLS = b"OpenSSL" in logportd("--version").out


class SenderCase(Case):
    def configured(self, **config):
        """A daemon with a configuration file, which write() replaces."""
        self.path = os.path.join(self.directory(), "logportd.json")
        self.write(**config)
        return self.daemon("--config", self.path, tcp=[], udp=[])

    def write(self, **config):
        with open(self.path + ".new", "w") as file:
            json.dump(config, file)
        os.replace(self.path + ".new", self.path)

    def reload(self, daemon, **config):
        self.write(**config)
        result = logport("reload", "--dir", daemon.base)
        self.assertEqual(result.code, 0, result.said)

    def connect(self, daemon, source="127.0.0.1", listener=0):
        host, port = daemon.tcp[listener]
        connection = socket.create_connection((host, port), 30, (source, 0))
        self.addCleanup(connection.close)
        return connection

    def datagram(self, daemon, source, payload, listener=0):
        host, port = daemon.udp[listener]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with contextlib.closing(socket.socket(family, socket.SOCK_DGRAM)) as sender:
            sender.bind((source, 0))
            sender.sendto(payload, (host, port))

    def assert_closed(self, connection):
        """The daemon has closed it."""
        connection.settimeout(30)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
            self.assertEqual(connection.recv(1), b"")

    def assert_open(self, daemon, connection, name):
        """What is sent on it is stored."""
        line = json.dumps({"open": name}).encode()
        connection.sendall(line + b"\n")
        wait_until(lambda: line in daemon.lines_stored(), "%s is stored" % name)


class Lists(SenderCase):
    def test_refused_connections_are_closed_before_a_byte_is_read(self):
        daemon = self.configured(tcp=["127.0.0.1:0", {"address": "127.0.0.1:0", "deny": "none"}],
                                 deny=["127.0.0.2", "127.0.1.0/24"])
        for source in ("127.0.0.2", "127.0.1.0", "127.0.1.255"):
            connection = self.connect(daemon, source)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(b'{"refused":1}\n')
            self.assert_closed(connection)
        self.assertEqual(status(daemon)["bytes_received"], 0)
        for source, listener in (("127.0.0.3", 0), ("127.0.2.0", 0), ("127.0.0.2", 1)):
            self.connect(daemon, source, listener).sendall(b'{"from":"%s"}\n' % source.encode())
        daemon.wait_stored(3)
        counters = daemon.stop()
        self.assertEqual(counters["connections_denied"], 3)
        self.assertEqual(counters["connections_accepted"], 3)
        self.assertEqual(counters["received"], 3)
        said = daemon.said_lines("is refused")
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0], r"^logportd: tcp=127\.0\.0\.1:\d+: a connection from 127\.0\.0\.2:\d+ is refused: "
                                  r"its address is in deny \(reported once\)$")

    def test_deny_wins_and_what_is_not_in_allow_is_refused(self):
        daemon = self.daemon("--allow", "127.0.0.0/30", "--deny", "127.0.0.2")
        self.assert_open(daemon, self.connect(daemon, "127.0.0.1"), "one")
        for source in ("127.0.0.2", "127.0.0.4"):
            self.assert_closed(self.connect(daemon, source))
            self.datagram(daemon, source, b'{"refused":1}')
        self.datagram(daemon, "127.0.0.3", b'{"datagram":3}')
        daemon.wait_stored(2)
        wait_until(lambda: status(daemon)["datagrams"] == 3, "all datagrams have arrived")
        counters = daemon.stop()
        self.assertEqual(counters["connections_denied"], 2)
        self.assertEqual(counters["dropped"], {"denied": 2})
        self.assertEqual(counters["datagrams_dropped"], 2)
        self.assertEqual(counters["received"], 4)
        self.assertEqual(len(daemon.said_lines("its address is ")), 4)

    def test_prefixes_of_every_length_mean_what_ipaddress_says(self):
        base = int(ipaddress.ip_address("127.0.0.0")) | self.rng.getrandbits(24)
        networks = [ipaddress.ip_network((base, bits), strict=False) for bits in range(8, 33)]
        listeners = [{"address": "127.0.0.1:0", "allow": str(network)} for network in networks]
        listeners += [{"address": "127.0.0.1:0", "deny": str(network)} for network in networks]
        daemon = self.configured(udp=listeners)
        expected, denied = [], 0
        for listener in range(len(listeners)):
            network = networks[listener % len(networks)]
            sources = [base ^ 1 << bit for bit in (0, 1, 32 - network.prefixlen, 31 - network.prefixlen) if 0 <= bit < 24]
            for source in map(ipaddress.ip_address, [base, *sources]):
                record = b'{"source":"%s","listener":%d}' % (str(source).encode(), listener)
                self.datagram(daemon, str(source), record, listener)
                if (source in network) == (listener < len(networks)):
                    expected.append(record)
                else:
                    denied += 1
        found = daemon.wait_stored(len(expected))
        self.assert_lines(sorted(found), sorted(expected))
        counters = daemon.stop()
        self.assertEqual(counters["dropped"], {"denied": denied})
        self.assertGreater(denied, 40)

    def test_ipv6_and_mapped_ranges(self):
        cases = [("::1", True), ("::/0", True), ("::/127", True), ("::2/127", False), ("0.0.0.0/0", False),
                 ("::ffff:0:0/96", False), ("8000::/1", False), ("all", True)]
        daemon = self.configured(udp=[{"address": "[::1]:0", "allow": text} for text, _ in cases],
                                 tcp=[{"address": "[::1]:0", "allow": text} for text, _ in cases])
        for i, (text, allowed) in enumerate(cases):
            with self.subTest(text):
                self.datagram(daemon, "::1", b'{"udp":%d}' % i, i)
                connection = self.connect(daemon, "::1", i)
                if allowed:
                    connection.sendall(b'{"tcp":%d}\n' % i)
                else:
                    self.assert_closed(connection)
        kept = [i for i, (_, allowed) in enumerate(cases) if allowed]
        expected = [b'{"%s":%d}' % (kind, i) for kind in (b"tcp", b"udp") for i in kept]
        self.assert_lines(sorted(daemon.wait_stored(2 * len(kept))), sorted(expected))
        counters = daemon.stop()
        self.assertEqual(counters["connections_denied"], len(cases) - len(kept))
        self.assertEqual(counters["dropped"], {"denied": len(cases) - len(kept)})

    def test_mapped_ranges_contain_addresses_of_ipv4(self):
        daemon = self.daemon("--allow", "::ffff:127.0.0.0/127", udp=())
        self.assert_open(daemon, self.connect(daemon, "127.0.0.1"), "one")
        self.assert_closed(self.connect(daemon, "127.0.0.2"))
        daemon.stop()

    def test_records_in_dropped_datagrams_are_counted_as_those_that_are_taken(self):
        payloads = [b'{"a":1}', b'{"a":1}\n{"b":2}\n', b"\n\n", b"", b" \r\n", b"text\nmore", b'{"a":1}{"b":2}',
                    b'[{"a":1},{"b":2},\n{"c":3}]', b'{\n "pretty": [\n1\n]\n}\n', b'{"a":1}\0{"b":2}\0',
                    b"\x1e{}\n\x1e{}\n", b'7 {"a":1}8 {"b":22}', b'<12>host: {"a":1}', b"GET / HTTP/1.1\r\n\r\n",
                    b'{"a":' + b"9" * 30000, b"\n".join([b"{}"] * 20000), b'{"cut":',
                    zlib.compress(b'{"a":1}')]
        daemon = self.configured(udp="127.0.0.1:0", deny="127.0.0.2", line_bytes_max=20000)
        for payload in payloads:
            self.datagram(daemon, "127.0.0.1", payload)
        wait_until(lambda: status(daemon)["datagrams"] == len(payloads), "all have arrived")
        for payload in payloads:
            self.datagram(daemon, "127.0.0.2", payload)
        wait_until(lambda: status(daemon)["datagrams_dropped"] == len(payloads), "all have been dropped")
        counters = daemon.stop()
        self.assertGreater(counters["stored"], 20010)
        self.assertEqual(counters["dropped"], {"denied": counters["stored"] + counters["rejected"]})

    def test_a_reload_changes_the_lists_also_for_open_connections(self):
        daemon = self.configured(tcp="127.0.0.1:0", udp="127.0.0.1:0")
        address = "127.0.0.1:%d" % daemon.tcp[0][1]
        one, two = self.connect(daemon, "127.0.0.1"), self.connect(daemon, "127.0.0.2")
        self.assert_open(daemon, two, "two")
        two.sendall(b'{"last":2}')
        wait_until(lambda: status(daemon)["bytes_received"] > len('{"open":"two"}\n') + 5, "it has arrived")
        self.reload(daemon, tcp="127.0.0.1:0", udp="127.0.0.1:0", deny="127.0.0.2")
        self.assert_closed(two)
        self.assert_open(daemon, one, "one")
        self.assert_closed(self.connect(daemon, "127.0.0.2"))
        self.datagram(daemon, "127.0.0.2", b'{"dropped":2}')
        wait_until(lambda: status(daemon)["datagrams_dropped"] == 1, "the datagram is dropped")
        self.reload(daemon, tcp=["127.0.0.1:0"], udp="127.0.0.1:0", allow="127.0.0.2")
        self.assert_closed(one)
        self.assert_open(daemon, self.connect(daemon, "127.0.0.2"), "two again")
        self.reload(daemon, tcp="127.0.0.1:0", udp="127.0.0.1:0")
        self.assert_open(daemon, self.connect(daemon, "127.0.0.1"), "one again")
        self.assertEqual(daemon.tcp[0][1], int(address.rpartition(":")[2]))
        self.assertIn(b'{"last":2}', daemon.lines_stored())
        counters = daemon.stop()
        self.assertEqual(counters["connections_denied"], 3)
        self.assertEqual(counters["rejected"], 0)

    def test_what_is_wrong_is_said_with_its_place(self):
        wrong = {
            '{"allow": "10.0.0.1/8"}': ':1:11: allow: "10.0.0.1/8" has bits after its prefix; 10.0.0.0/8 or 10.0.0.1',
            '{"deny": ["::1", "10.0.0.0/33"]}': ":1:18: deny: ",
            '{"allow": []}': ":1:11: allow: at least one text was expected",
            '{"tcp": {"address": "127.0.0.1:0", "deny": "example.org"}}': ":1:44: deny: ",
            '{"udp": {"address": "127.0.0.1:0", "allow": "none"}}': ":1:45: allow: ",
            '{"peer_connections_max": -1}': ":1:26: peer_connections_max: ",
        }
        path = os.path.join(self.directory(), "wrong.json")
        for text, message in wrong.items():
            with self.subTest(text):
                with open(path, "w") as file:
                    file.write(text)
                result = logportd("--check", "--config", path)
                self.assertEqual(result.code, 2)
                self.assertIn(message, result.said)
        self.assertEqual(logportd("--check", "--allow", "10.0.0.0/8", "--deny", "::1").code, 0)
        self.assertEqual(logportd("--allow", "10.0.0.0/8/9").code, 2)


class OpenToAll(SenderCase):
    WARNING = "every host can send records to this; set allow"

    def warnings(self, *words):
        result = logportd("--check", *words)
        self.assertEqual(result.code, 0, result.said)
        return [line for line in result.said.split("\n") if self.WARNING in line]

    def test_listening_for_every_host_is_warned_of_in_one_line(self):
        said = self.warnings("--tcp", "0.0.0.0:5170", "--udp", "0.0.0.0:5170", "--tcp", "[::]:5170")
        self.assertEqual(len(said), 1)
        self.assertIn("tcp=0.0.0.0:5170, tcp=[::]:5170, udp=0.0.0.0:5170: ", said[0])
        self.assertEqual(len(self.warnings("--udp", "192.0.2.7:5170", "--deny", "10.0.0.0/8")), 1)

    @native_only("a path of Linux")
    def test_limits_that_do_not_apply_to_unix_sockets_are_warned_of(self):
        path = os.path.join(self.directory(), "socket")
        for words, warned in ((("--peer-bytes-per-s", "100"), True), (("--peer-connections-max", "3"), True), ((), False)):
            result = logportd("--check", "--unix-stream", path, *words)
            self.assertEqual(result.code, 0, result.said)
            self.assertEqual("socket: the limits of peers do not apply to Unix sockets" in result.said, warned)

    def test_loopback_addresses_and_lists_are_not_warned_of(self):
        self.assertEqual(self.warnings(), [])
        self.assertEqual(self.warnings("--tcp", "127.8.9.1:5170", "--udp", "[::1]:5170"), [])
        self.assertEqual(self.warnings("--tcp", "0.0.0.0:5170", "--allow", "10.0.0.0/8"), [])
        self.assertEqual(self.warnings("--tcp", "0.0.0.0:5170", "--allow", "all"), [])

    @unittest.skipUnless(HAS_TLS, "this build has no TLS")
    def test_required_tls_is_enough_and_optional_tls_is_not(self):
        base = self.directory()
        self.assertEqual(logport("cert", "--dir", base).code, 0)
        for required, count in ((True, 0), (False, 1)):
            keys = {"certificate": os.path.join(base, "server.pem"), "key": os.path.join(base, "server-key.pem"),
                    "required": required}
            path = os.path.join(base, "logportd.json")
            with open(path, "w") as file:
                json.dump({"tcp": {"address": "0.0.0.0:6514", "tls": keys}}, file)
            self.assertEqual(len(self.warnings("--config", path)), count)

    def test_the_start_warns_too(self):
        daemon = self.daemon(tcp=("0.0.0.0:0",))
        self.assertEqual(len(daemon.said_lines(self.WARNING)), 1)
        daemon.stop()


class PeerLimits(SenderCase):
    def test_a_peer_has_so_many_connections_and_no_more(self):
        daemon = self.daemon("--peer-connections-max", 3, udp=())
        mine = [self.connect(daemon, "127.0.0.2") for _ in range(3)]
        for i, connection in enumerate(mine):
            self.assert_open(daemon, connection, i)
        for _ in range(3):
            self.assert_closed(self.connect(daemon, "127.0.0.2"))
        self.assert_open(daemon, self.connect(daemon, "127.0.0.3"), "another peer")
        for round_ in range(scaled(100, 5)):  # each end makes room for exactly one
            mine.pop(0).close()
            wait_until(lambda: status(daemon)["connections"] == 3, "it has ended")
            mine.append(self.connect(daemon, "127.0.0.2"))
            if round_ % 10 == 0:
                self.assert_open(daemon, mine[-1], "round %d" % round_)
                self.assert_closed(self.connect(daemon, "127.0.0.2"))
        counters = daemon.stop()
        self.assertGreaterEqual(counters["connections_over_limit"], 4)
        self.assertEqual(len(daemon.said_lines("already has peer_connections_max connections")), 1)
        self.assertEqual(counters["rejected"], 0)

    def test_tcp_is_slowed_down_and_loses_nothing(self):
        rate, size = 1000000, 3000000
        daemon = self.daemon("--peer-bytes-per-s", rate, udp=())
        lines = [b'{"i":%d,"x":"%s"}' % (i, b"x" * 180) for i in range(size // 200)]
        begin = time.monotonic()

        def send(part):
            with contextlib.closing(self.connect(daemon, "127.0.0.2")) as connection:
                connection.sendall(b"\n".join(part) + b"\n")

        senders = [self.in_thread(send, lines[i::2]) for i in range(2)]  # which share the peer's allowance
        wait_until(lambda: status(daemon)["rate_waits"] > 0, "it is slowed down")
        other = time.monotonic()
        self.assert_open(daemon, self.connect(daemon, "127.0.0.3"), "another peer")
        waited = time.monotonic() - other
        for sender in senders:
            sender.finish()
        found = daemon.wait_stored(len(lines) + 1)
        took = time.monotonic() - begin
        self.assertEqual(sorted(found), sorted(lines + [b'{"open": "another peer"}']))
        # A second's allowance at first, and a receive of each connection may overdraw it.
        self.assertGreater(took, (size - rate - 2 * 262144) / rate - 0.3)
        if not (WINDOWS or SANITIZED):
            self.assertLess(waited, 1.5)
            self.assertLess(took, size / rate + 5)
        daemon.stop()

    def test_datagrams_above_the_limit_are_dropped_and_counted(self):
        daemon = self.daemon("--peer-records-per-s", 50, tcp=())
        begin = time.monotonic()
        for i in range(300):
            self.datagram(daemon, "127.0.0.2", b'{"i":%d}' % i)
        self.datagram(daemon, "127.0.0.3", b'{"other":1}')
        wait_until(lambda: status(daemon)["datagrams"] == 301, "all have arrived")
        took = time.monotonic() - begin
        found = daemon.wait_stored(51)
        self.assertIn(b'{"other":1}', found)
        counters = daemon.stop()
        self.assertEqual(counters["received"], 301)
        self.assertEqual(counters["dropped"], {"peer_records": 301 - counters["stored"]})
        self.assertGreaterEqual(counters["stored"], 51)
        self.assertLessEqual(counters["stored"], 51 + 50 * took + 1)
        self.assertEqual(counters["datagrams_dropped"], 301 - counters["stored"])
        self.assertEqual(len(daemon.said_lines("it sends more than peer_records_per_s")), 1)

    def test_bytes_of_datagrams_are_limited_and_records_in_them_counted(self):
        daemon = self.daemon("--peer-bytes-per-s", 10000, tcp=())
        payload = b"\n".join(b'{"i":%d,"x":"%s"}' % (i, b"x" * 80) for i in range(10))
        for _ in range(100):
            self.datagram(daemon, "127.0.0.2", payload)
        wait_until(lambda: status(daemon)["datagrams"] == 100, "all have arrived")
        counters = daemon.stop()
        self.assertEqual(counters["received"], 1000)
        self.assertEqual(counters["dropped"], {"peer_bytes": 1000 - counters["stored"]})
        self.assertGreaterEqual(counters["stored"], 100)
        self.assertLess(counters["stored"], 900)

    def test_records_of_tcp_are_limited_in_every_framing(self):
        count = 3000
        framings = {"127.0.0.2": b'{"lf":%d}\n', "127.0.0.3": b'{"nul":%d}\0', "127.0.0.4": b'{"one":%d}',
                    "127.0.0.5": b'\x1e{"rs":%d}\n'}
        daemon = self.daemon("--peer-records-per-s", 1000, udp=())

        def send(source, form):
            """The first receive overdraws the allowance, so the last record waits for it."""
            begin = time.monotonic()
            with contextlib.closing(self.connect(daemon, source)) as connection:
                connection.sendall(b"".join(form % i for i in range(count)))
                wait_until(lambda: status(daemon)["rate_waits"] > 0, "it waits")
                connection.sendall(form % count)
                last = (form % count).strip(b"\x1e\n\0")
                wait_until(lambda: last in daemon.lines_stored(), "the last is stored")
            return time.monotonic() - begin

        senders = [self.in_thread(send, source, form) for source, form in framings.items()]
        for sender in senders:
            self.assertGreater(sender.finish(), count / 1000 - 1 - 0.3)
        counters = daemon.stop()
        self.assertEqual(counters["stored"], len(framings) * (count + 1))

    def test_a_stop_stores_what_waits_for_a_limit(self):
        lines = [b'{"i":%d,"x":"%s"}' % (i, b"x" * 1000) for i in range(1000)]
        daemon = self.daemon("--peer-bytes-per-s", "20KiB", udp=())
        connection = self.connect(daemon)
        connection.sendall(b"\n".join(lines) + b"\n")
        wait_until(lambda: status(daemon)["rate_waits"] > 0, "it waits")
        counters = daemon.stop()
        self.assertEqual(counters["stored"], len(lines))

    def test_a_reload_changes_the_limits(self):
        daemon = self.configured(tcp="127.0.0.1:0", peer_bytes_per_s=100)
        one, two = self.connect(daemon), self.connect(daemon)
        one.sendall(b'{"x":"%s"}\n' % (b"x" * 100000))  # a quarter of an hour
        wait_until(lambda: status(daemon)["rate_waits"] > 0, "it waits")
        one.sendall(b'{"waits":1}\n')
        self.reload(daemon, tcp="127.0.0.1:0", peer_connections_max=1)
        wait_until(lambda: b'{"waits":1}' in daemon.lines_stored(), "it waits no longer")
        self.assert_open(daemon, two, "those that are open stay")
        self.assert_closed(self.connect(daemon))
        two.close()
        one.close()
        wait_until(lambda: status(daemon)["connections"] == 0, "both have ended")
        self.assert_open(daemon, self.connect(daemon), "one again")
        daemon.stop()

    @unittest.skipUnless(HAS_TLS, "this build has no TLS")
    def test_limits_hold_inside_tls(self):
        base = self.directory()
        self.assertEqual(logport("cert", "--dir", base).code, 0)
        keys = {"certificate": os.path.join(base, "server.pem"), "key": os.path.join(base, "server-key.pem")}
        daemon = self.configured(tcp={"address": "127.0.0.1:0", "tls": keys}, peer_records_per_s=1000, partial_s="1s")
        context = ssl.create_default_context(cafile=os.path.join(base, "ca.pem"))

        def connect():
            connection = context.wrap_socket(self.connect(daemon), server_hostname="localhost")
            self.addCleanup(connection.close)
            return connection

        half = connect()
        half.sendall(b'{"whole":1}\n{"half":')
        self.assert_closed(half)
        begin = time.monotonic()
        with contextlib.closing(connect()) as connection:
            connection.sendall(b"".join(b'{"i":%d}\n' % i for i in range(3000)))
            wait_until(lambda: status(daemon)["rate_waits"] > 0, "it waits")
            connection.sendall(b'{"i":3000}\n')
            wait_until(lambda: b'{"i":3000}' in daemon.lines_stored(), "the last is stored")
        self.assertGreater(time.monotonic() - begin, 1.5)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["reasons"]), (3002, {"unfinished": 1}))

    @unittest.skipUnless(HAS_TLS, "this build has no TLS")
    def test_a_handshake_does_not_wait_for_a_limit(self):
        base = self.directory()
        self.assertEqual(logport("cert", "--dir", base).code, 0)
        keys = {"certificate": os.path.join(base, "server.pem"), "key": os.path.join(base, "server-key.pem")}
        daemon = self.configured(tcp=["127.0.0.1:0", {"address": "127.0.0.1:0", "tls": keys}], peer_bytes_per_s=1000)
        plain = self.connect(daemon)
        plain.sendall(b'{"x":"%s"}\n' % (b"x" * 90) * 500)  # 50 s, much more than a handshake may take
        wait_until(lambda: status(daemon)["stored"] > 0, "the first are stored")
        context = ssl.create_default_context(cafile=os.path.join(base, "ca.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # its client waits for the end of the handshake
        context.wrap_socket(self.connect(daemon, listener=1), server_hostname="localhost").close()
        self.assertEqual(daemon.stop()["tls_connections"], 1)

    @native_only("it takes many sockets, and memory is measured")
    def test_any_number_of_addresses_takes_bounded_memory_and_all_is_counted(self):
        daemon = self.daemon("--peer-records-per-s", 1, tcp=())
        count = scaled(40000)
        self.datagram(daemon, "127.0.0.1", b'{"first":1}')
        daemon.wait_stored(1)
        before = daemon.memory_kib()
        for i in range(count):
            self.datagram(daemon, "127.1.%d.%d" % (i >> 8 & 255, i & 255), b'{"i":%d}' % i)
        counters = daemon.stop()
        self.assertEqual(counters["received"] + counters["udp_kernel_drops"], count + 1)
        self.assertLess(daemon_memory(before, counters), 64 * 1024)


def daemon_memory(before_kib, counters):
    return counters["memory_bytes"] // 1024 - before_kib


class Overdue(SenderCase):
    def test_a_silent_connection_is_closed_by_idle_s_and_a_busy_one_is_not(self):
        daemon = self.daemon("--idle-s", "2s", udp=())
        silent, busy = self.connect(daemon), self.connect(daemon)
        end = threading.Event()

        def send():
            count = 0
            while not end.wait(0.2):
                busy.sendall(b"\n" if count % 2 else b'{"busy":%d}\n' % count)
                count += 1

        sender = self.in_thread(send)
        begin = time.monotonic()
        self.assert_closed(silent)
        self.assertGreater(time.monotonic() - begin, 1.5)
        end.set()
        sender.finish()
        self.assert_open(daemon, busy, "busy")
        counters = daemon.stop()
        self.assertEqual(counters["connections_idle"], 1)
        self.assertEqual(len(daemon.said_lines("nothing was received for idle_s")), 1)

    def test_without_idle_s_a_connection_may_be_silent(self):
        daemon = self.daemon("--partial-s", "1s", udp=())
        silent = self.connect(daemon)
        self.assert_open(daemon, silent, "before")
        with self.assertRaises(TimeoutError):
            silent.settimeout(3)
            silent.recv(1)
        self.assert_open(daemon, silent, "after")
        self.assertEqual(daemon.stop()["connections_unfinished"], 0)

    def test_an_unfinished_record_is_rejected_after_partial_s(self):
        daemon = self.daemon("--partial-s", "2s", udp=())
        halves = [b'{"whole":1}\n{"half":', b'{"object":1}{"half":', b'{"nul":1}\0{"half":', b'{"half":']
        connections = [self.connect(daemon) for _ in halves]
        for connection, half in zip(connections, halves):
            connection.sendall(half)
        trickle, whole = self.connect(daemon), self.connect(daemon)
        end = threading.Event()

        def send():
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                while not end.wait(0.1):  # never a newline
                    trickle.sendall(b"x")

        def send_whole():
            for i in range(12):
                whole.sendall(b'{"slow":')
                time.sleep(0.4)
                whole.sendall(b'%d}\n' % i)

        senders = [self.in_thread(send), self.in_thread(send_whole)]
        for connection in [*connections, trickle]:
            self.assert_closed(connection)
        end.set()
        for sender in senders:
            sender.finish()
        self.assert_open(daemon, whole, "each of its records was in time")
        counters = daemon.stop()
        self.assertEqual(counters["connections_unfinished"], 5)
        self.assertEqual(counters["reasons"], {"unfinished": 5})
        self.assertEqual(counters["stored"], 3 + 12 + 1)
        raws = sorted(reject["raw"] for reject in rejects(daemon.base))
        self.assertEqual(raws[1:], ['{"half":'] * 4)
        self.assertEqual(len(daemon.said_lines("not finished within partial_s")), 1)

    def test_an_object_that_only_lacks_its_separator_is_not_unfinished(self):
        daemon = self.daemon("--partial-s", "1s", udp=())
        sent = [b'{"first":"}{"}', b'<12>tag: {"syslog":[{}]}', b'{\n"pretty": {}\n}\n', b'{"cr":1}\r']
        connections = [self.connect(daemon) for _ in sent]
        for connection, first in zip(connections, sent):
            connection.sendall(first)
        cut = self.connect(daemon)
        cut.sendall(b'{"cut":{}')
        self.assert_closed(cut)
        for connection in connections:
            with self.assertRaises(TimeoutError):
                connection.settimeout(0.5)
                connection.recv(1)
        for connection in connections:
            connection.sendall(b"\n" if connection is connections[-1] else b'{"second":2}')
            connection.close()
        daemon.wait_stored(7)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["reasons"]), (7, {"unfinished": 1}))

    def test_a_record_waits_for_us_as_long_as_it_takes(self):
        daemon = self.daemon("--partial-s", "1s", "--peer-bytes-per-s", 100000, udp=())
        connection = self.connect(daemon)
        record = b'{"x":"%s"}' % (b"x" * 700000)
        connection.sendall(record + b"\n")
        self.assert_lines(daemon.wait_stored(1), [record])
        self.assertEqual(daemon.stop()["connections_unfinished"], 0)

    def test_a_reload_changes_the_times_of_open_connections(self):
        daemon = self.configured(tcp="127.0.0.1:0", partial_s=0)
        silent, half = self.connect(daemon), self.connect(daemon)
        half.sendall(b'{"half":')
        wait_until(lambda: status(daemon)["bytes_received"] == 8, "it has arrived")
        self.reload(daemon, tcp="127.0.0.1:0", partial_s="1s")
        self.assert_closed(half)
        self.assert_open(daemon, silent, "silent")
        self.reload(daemon, tcp="127.0.0.1:0", idle_s="1s")
        self.assert_closed(silent)
        counters = daemon.stop()
        self.assertEqual((counters["connections_unfinished"], counters["connections_idle"]), (1, 1))

    @native_only("/proc/net/tcp shows the sockets of Linux")
    def test_accepted_connections_have_keep_alive(self):
        daemon = self.daemon(udp=())
        connection = self.connect(daemon)
        self.assert_open(daemon, connection, "one")
        mine, theirs = "%04X" % daemon.tcp[0][1], "%04X" % connection.getsockname()[1]
        with open("/proc/net/tcp") as file:
            sockets = [line.split() for line in file][1:]
        accepted = [s for s in sockets if s[1].endswith(":" + mine) and s[2].endswith(":" + theirs)]
        self.assertEqual([s[5][:2] for s in accepted], ["02"])  # its timer is that of keep-alive
        daemon.stop()


class Fairness(SenderCase):
    def test_a_slow_sender_is_read_soon_next_to_senders_at_full_speed(self):
        """Each connection is read once a turn, at most 256 KiB of it.  Quarantine tells when a record was
        received."""
        daemon = self.daemon(udp=())
        end = threading.Event()
        block = b'{"level":"info","msg":"%s"}\n' % (b"x" * 200) * 4000

        def flood():
            with contextlib.closing(self.connect(daemon, "127.0.0.2")) as connection:
                while not end.is_set():
                    connection.sendall(block)

        floods = [self.in_thread(flood) for _ in range(3)]
        wait_until(lambda: status(daemon)["bytes_received"] > 20 << 20, "they send")
        slow = self.connect(daemon, "127.0.0.3")
        for i in range(100):
            slow.sendall(b"slow %d %d\n" % (i, time.time_ns()))
            time.sleep(0.01)
        end.set()
        for sender in floods:
            sender.finish()
        wait_until(lambda: status(daemon)["rejected"] == 100, "all are rejected")
        counters = daemon.stop()
        delays = []
        for reject in rejects(daemon.base):
            sent = int(reject["raw"].split()[2])
            received = reject["received"]
            delays.append(received_ns(received) - sent)
        delays.sort()
        self.assertEqual(len(delays), 100)
        print("delays: median %.1f ms, worst %.1f ms, %d MiB" % (delays[50] / 1e6, delays[-1] / 1e6,
                                                               counters["bytes_received"] >> 20))
        if not (WINDOWS or SANITIZED):
            self.assertLess(delays[50], 100e6)
            self.assertLess(delays[-1], 2000e6)


def received_ns(text):
    """RFC 3339 with nine digits."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) - time.timezone)
    return seconds * 10**9 + int((fraction + "0" * 9)[:9])


if __name__ == "__main__":
    main()
