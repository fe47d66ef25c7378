"""test_reload.py - a new configuration becomes active while lines arrive: no line is lost, an invalid
configuration changes nothing, and listeners are added and removed."""

import contextlib
import json
import os
import signal
import socket
import threading
import time

from harness import Case, free_port, identity, logport, log_line, main, native_only, rejects, scaled, segments, wait_until


def refuses(port):
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Reloading(Case):
    def configured(self, **config):
        """A daemon with a configuration file, which write() replaces."""
        self.path = os.path.join(self.directory(), "logportd.json")
        self.write(**config)
        return self.daemon("--config", self.path, tcp=[], udp=[])

    def write(self, text=None, **config):
        with open(self.path + ".new", "w") as file:
            file.write(text if text is not None else json.dumps(config, indent=1))
        os.replace(self.path + ".new", self.path)

    def reload(self, daemon, code=0):
        result = logport("reload", "--dir", daemon.base)
        self.assertEqual(result.code, code, result.said + daemon.said)
        return result.said


class Reload(Reloading):
    def test_without_a_file_a_reload_changes_nothing_and_says_so(self):
        daemon = self.daemon()
        connection = daemon.connect()
        connection.sendall(b'{"a":1}\n')
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        daemon.wait_said(r"reload: the new configuration is active: tcp=127.0.0.1:%d udp=" % daemon.tcp[0][1])
        connection.sendall(b'{"b":1}\n')
        self.assert_lines(daemon.wait_stored(2), [b'{"a":1}', b'{"b":1}'])
        daemon.stop()

    def test_a_bad_configuration_leaves_the_old_in_force_and_says_where_it_is_bad(self):
        daemon = self.configured(tcp="127.0.0.1:0", flush_ms=20)
        connection = daemon.connect()
        for text, said in (
            ('{\n  "flush_ns": 1\n}', ":2:3: "),
            ('{"tcp": ["127.0.0.1:0",\n {"address": "127.0.0.1:0", "level_scale": "loud"}]}', ":2:44: level_scale: "),
            ('{"tcp": "127.0.0.1:0",}', ":1:23: "),
            ("", "an object"),
        ):
            self.write(text)
            answer = self.reload(daemon, code=2)
            self.assertIn(self.path, answer)
            self.assertIn(said, answer)
            self.assertIn('"', answer) if "loud" in text else None
            daemon.wait_said("reload: .*" + said + ".*the active configuration stays")
        os.remove(self.path)
        self.assertIn("no such file", self.reload(daemon, code=2))
        connection.sendall(b'{"a":1}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"a":1}'])
        daemon.stop()

    def test_other_rules_of_rotation_are_in_force_for_the_present_file(self):
        daemon = self.configured(tcp="127.0.0.1:0", flush_ms=20, rotate="every 24h", rotate_zone="UTC")
        connection = daemon.connect()
        connection.sendall(b'{"a":1}\n')
        daemon.wait_stored(1)
        self.write(tcp="127.0.0.1:0", rotate="sometimes")
        self.assertIn("rotate: ", self.reload(daemon, code=2))
        self.assertEqual(len(segments(daemon.base)), 1)
        self.write(tcp="127.0.0.1:0", flush_ms=20, rotate="hourly", rotate_zone="local", segment_idle_s=1)
        self.reload(daemon)
        wait_until(lambda: ".part." not in segments(daemon.base)[0], "the file is closed")
        connection.sendall(b'{"b":1}\n')
        self.assert_lines(daemon.wait_stored(2), [b'{"a":1}', b'{"b":1}'])
        daemon.stop()

    def test_an_address_that_is_taken_leaves_the_old_in_force(self):
        with contextlib.closing(socket.socket()) as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            daemon = self.configured(tcp="127.0.0.1:0")
            fresh = free_port()
            taken = "127.0.0.1:%d" % other.getsockname()[1]
            self.write(tcp=["127.0.0.1:%d" % fresh, taken])
            answer = self.reload(daemon, code=2)
            self.assertIn("tcp=" + taken, answer)
            self.assertTrue(refuses(fresh), "a listener of the refused configuration stays open")
            daemon.send(b'{"a":1}\n')
            daemon.wait_stored(1)
        self.write(tcp=["127.0.0.1:0", "127.0.0.1:%d" % fresh])
        self.reload(daemon)
        self.assertFalse(refuses(fresh))
        daemon.stop()

    def test_a_listener_is_added_and_one_that_stays_keeps_its_connections(self):
        daemon = self.configured(tcp="127.0.0.1:0", udp="127.0.0.1:0")
        old = daemon.connect()
        old.sendall(b'{"half":')
        tcp, udp = free_port(), free_port()
        self.write(tcp=["127.0.0.1:0", "127.0.0.1:%d" % tcp], udp=["127.0.0.1:0", "127.0.0.1:%d" % udp])
        self.reload(daemon)
        old.sendall(b"1}\n")
        with contextlib.closing(socket.create_connection(("127.0.0.1", tcp))) as new:
            new.sendall(b'{"new":1}\n')
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as new:
            new.sendto(b'{"new":2}', ("127.0.0.1", udp))
        daemon.datagrams(b'{"old":2}')
        stored = daemon.wait_stored(4)
        self.assertEqual(sorted(stored), sorted([b'{"half":1}', b'{"new":1}', b'{"new":2}', b'{"old":2}']))
        daemon.stop()

    def test_a_listener_that_is_gone_takes_what_has_come_and_closes(self):
        first, second = free_port(), free_port()
        udp = free_port()
        daemon = self.configured(tcp=["127.0.0.1:%d" % first, "127.0.0.1:%d" % second], udp="127.0.0.1:%d" % udp)
        stays, goes = daemon.connect(0), daemon.connect(1)
        stays.sendall(b'{"stays":1}\n')
        goes.sendall(b'{"goes":1}\n{"unfinished":1}')
        daemon.datagrams(b'{"goes":2}')
        self.write(tcp="127.0.0.1:%d" % first)
        self.reload(daemon)
        goes.settimeout(30)
        self.assertEqual(goes.recv(1), b"", "its connections end")
        wait_until(lambda: refuses(second), "the address is closed")
        stays.sendall(b'{"stays":2}\n')
        stored = daemon.wait_stored(5)
        self.assertEqual(
            sorted(stored),
            sorted([b'{"stays":1}', b'{"stays":2}', b'{"goes":1}', b'{"unfinished":1}', b'{"goes":2}']),
        )
        # The removed listeners return.
        self.write(tcp=["127.0.0.1:%d" % first, "127.0.0.1:%d" % second], udp="127.0.0.1:%d" % udp)
        self.reload(daemon)
        daemon.send(b'{"back":1}\n', listener=1)
        daemon.wait_stored(6)
        daemon.datagrams(b'{"back":2}')
        daemon.wait_stored(7)
        self.assertEqual(daemon.stop()["received"], 7)

    def test_settings_change_while_it_serves_and_those_that_cannot_are_named(self):
        daemon = self.configured(tcp="127.0.0.1:0", flush_ms=60000, segment_bytes_max="1GiB")
        connection = daemon.connect()
        connection.sendall(b'{"a":1}\n')
        wait_until(lambda: b'"bytes_received":8' in logport("status", "--dir", daemon.base).out, "the line is there")
        self.assertEqual(daemon.lines_stored(), [])
        self.write(tcp="127.0.0.1:0", flush_ms=10, segment_bytes_max=1024, stats_s=1)
        self.assertEqual(self.reload(daemon), "")
        self.assert_lines(daemon.wait_stored(1), [b'{"a":1}'])
        for n in range(40):
            connection.sendall(b'{"n":%d,"fill":"%s"}\n' % (n, b"x" * 100))
            daemon.wait_stored(2 + n)
        self.assertGreaterEqual(len(os.listdir(os.path.join(daemon.base, "main"))), 3)
        daemon.wait_said(r'^\{"received":')
        self.write(tcp="127.0.0.1:0", buffer_bytes_max="64MiB", dir="elsewhere", line_bytes_max=100)
        answer = self.reload(daemon)
        self.assertIn("line_bytes_max, buffer_bytes_max: unchanged until the next start", answer)
        connection.sendall(b'{"long":"%s"}\n' % (b"y" * 200))
        daemon.wait_stored(42)
        self.assertEqual(daemon.stop()["stored"], 42)

    def test_from_the_reload_on_lines_are_read_by_the_new_keys(self):
        daemon = self.configured(tcp="127.0.0.1:0", flush_ms=60000)
        connection = daemon.connect()
        connection.sendall(b'{"grade":"fatal","n":1}\n')
        wait_until(lambda: b'"bytes_received":24' in logport("status", "--dir", daemon.base).out, "the line is there")
        self.write(tcp={"address": "127.0.0.1:0", "level_keys": ["grade"]}, flush_ms=10)
        self.reload(daemon)
        connection.sendall(b'{"grade":"fatal","n":2}\n')
        self.assert_lines(daemon.wait_stored(2), [b'{"grade":"fatal","n":1}', b'{"grade":"fatal","n":2}'])
        self.assertEqual(daemon.stop()["stored"], 2)

    @native_only("Windows has no such signal")
    def test_a_signal_reloads_as_the_command_does(self):
        daemon = self.configured(tcp="127.0.0.1:0")
        port = free_port()
        self.write(tcp=["127.0.0.1:0", "127.0.0.1:%d" % port])
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_said(r"is active: tcp=\S+ tcp=127.0.0.1:%d$" % port)
        self.assertFalse(refuses(port))
        daemon.stop()


class ReloadUnderLoad(Reloading):
    def test_reloads_under_load_lose_nothing_over_tcp_and_udp(self):
        extra = [free_port() for _ in range(3)]
        udp_extra = free_port()
        base = dict(tcp=["127.0.0.1:0"], udp=["127.0.0.1:0"], flush_ms=5)
        daemon = self.configured(**base)
        count = scaled(30000, 2000)
        over = threading.Event()

        def tcp_sender(number):
            with contextlib.closing(daemon.connect()) as connection:
                for begin in range(0, count, 100):
                    connection.sendall(
                        b"".join(b'{"tcp":%d,"n":%d}\n' % (number, n) for n in range(begin, begin + 100))
                    )

        def udp_sender():
            with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                for n in range(count // 10):
                    sender.sendto(b'{"udp":1,"n":%d}' % n, daemon.udp[0][:2])
                    if n % 50 == 49:
                        time.sleep(0.005)  # the socket buffer must not overflow: the kernel would drop datagrams

        def comer(port):
            """Connects repeatedly to a listener that is added and removed; returns the lines that were read."""
            read, n = set(), 0
            while not over.is_set():
                try:
                    with contextlib.closing(socket.create_connection(("127.0.0.1", port), 5)) as connection:
                        n += 1
                        connection.sendall(b'{"comer":%d,"n":%d}\n' % (port, n))
                        connection.shutdown(socket.SHUT_WR)
                        if connection.recv(1) == b"":
                            read.add(n)
                except OSError:
                    time.sleep(0.002)
            return read

        read_by = {}
        threads = [self.in_thread(lambda number=number: tcp_sender(number)) for number in range(3)]
        threads.append(self.in_thread(udp_sender))
        comers = [self.in_thread(lambda port=port: read_by.update({port: comer(port)})) for port in extra]
        reloads = 0
        while any(thread.is_alive() for thread in threads) or reloads < 10:
            some = [port for port in extra if self.rng.random() < 0.5]
            config = dict(base, flush_ms=self.rng.choice((1, 5, 50)), sync_ms=self.rng.choice((10, 1000)))
            config["tcp"] = base["tcp"] + ["127.0.0.1:%d" % port for port in some]
            if self.rng.random() < 0.5:
                config["udp"] = base["udp"] + ["127.0.0.1:%d" % udp_extra]
            self.write(**config)
            self.reload(daemon)
            reloads += 1
        over.set()
        for thread in threads + comers:
            thread.finish()
        counters = daemon.stop()
        stored = [json.loads(line) for line in daemon.lines_stored()]
        self.assertEqual(counters["rejected"], 0)
        for number in range(3):
            self.assertEqual([r["n"] for r in stored if r.get("tcp") == number], list(range(count)))
        udp = [r["n"] for r in stored if "udp" in r]
        self.assertEqual(len(udp) + (counters["udp_kernel_drops"] or 0), count // 10)
        for port in extra:
            numbers = [r["n"] for r in stored if r.get("comer") == port]
            self.assertEqual(len(numbers), len(set(numbers)))
            self.assertEqual(read_by[port] - set(numbers), set())
        self.assertGreaterEqual(reloads, 10)

    def test_many_reloads_at_once_are_all_answered(self):
        daemon = self.configured(tcp="127.0.0.1:0")
        codes = []
        threads = [
            self.in_thread(lambda: codes.append(logport("reload", "--dir", daemon.base).code)) for _ in range(4)
        ]
        for thread in threads:
            thread.finish()
        self.assertEqual(codes, [0] * 4)
        daemon.stop()


if __name__ == "__main__":
    main()
