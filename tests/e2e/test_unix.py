"""test_unix.py - Unix sockets: what is sent is stored with the process that sent it, nothing is lost under load
or at a stop, and the files of sockets appear, change and disappear as the configuration says."""

import contextlib
import json
import logging
import logging.handlers
import os
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest
import zlib

from harness import (
    WINDOWS,
    Case,
    environment,
    log_line,
    logport,
    logportd,
    main,
    native_only,
    rejects,
    run,
    scaled,
    start,
    wait_until,
)
from test_clients import content_of, needs, which
from test_protocols import FRAMINGS
from test_reload import Reloading

ROOT_ONLY = unittest.skipUnless(os.geteuid() == 0, "only root may do this")
ME = "unix:pid=%d,uid=%d,gid=%d"


def me(pid=None):
    return ME % (pid or os.getpid(), os.getuid(), os.getgid())


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


class Unix:
    """Mixed into test cases: daemons that listen on Unix sockets alone."""

    def paths(self):
        folder = self.directory()
        return os.path.join(folder, "s"), os.path.join(folder, "d")

    def unix_daemon(self, *words, stream=None, datagram=None, **options):
        for name, path in (("--unix-stream", stream), ("--unix-datagram", datagram)):
            words += (name, path) if path else ()
        return self.daemon(*words, tcp=[], udp=[], **options)

    def connected(self, path, kind=socket.SOCK_STREAM):
        connection = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(connection.close)
        connection.connect(path)
        return connection

    def send(self, path, data):
        with contextlib.closing(self.connected(path)) as connection:
            connection.sendall(data)

    def datagrams(self, path, *payloads):
        with contextlib.closing(self.connected(path, socket.SOCK_DGRAM)) as sender:
            for payload in payloads:
                sender.send(payload)


@native_only("Windows has no Unix datagrams, and Wine no Unix sockets")
class UnixSockets(Unix, Case):
    def test_each_listener_has_its_item_in_the_ready_line_and_default_ones_are_not_opened(self):
        stream, datagram = self.paths()
        daemon = self.daemon("--unix-datagram", datagram, "--unix-stream", stream, "--unix-stream", stream + "2")
        self.assertRegex(daemon.ready_line, r"^logportd: ready tcp=127.0.0.1:\d+ udp=127.0.0.1:\d+ unix-stream=%s "
                         r"unix-stream=%s2 unix-datagram=%s dir=" % (stream, stream, datagram))
        daemon.stop()
        daemon = self.unix_daemon(stream=stream)
        self.assertIn("ready unix-stream=%s dir=" % stream, daemon.ready_line)
        daemon.stop()

    def test_every_framing_works_and_the_peer_is_a_process(self):
        stream, datagram = self.paths()
        daemon, total = self.unix_daemon(stream=stream, datagram=datagram), 0
        records = [log_line(self.rng, n=n) for n in range(50)]
        for name, framed in FRAMINGS.items():
            self.send(stream, framed(records))
            self.datagrams(datagram, framed(records))
            total += 2 * len(records)
            found = daemon.wait_stored(total)
            self.assert_lines(sorted(found[-100:]), sorted(2 * records), name)
        self.send(stream, b'{"stream":}\n')
        daemon.wait_stored(1, "rejects")
        self.datagrams(datagram, b'{"datagram":}')
        daemon.wait_stored(2, "rejects")
        self.assertEqual([(reject["peer"], reject["listener"]) for reject in rejects(daemon.base)],
                         [(me(), "unix-stream=" + stream), (me(), "unix-datagram=" + datagram)])
        child = subprocess.run(["logger", "-u", datagram, "text"], check=False) if which("logger") else None
        if child:
            daemon.wait_stored(3, "rejects")
            self.assertRegex(rejects(daemon.base)[-1]["peer"], r"^unix:pid=\d+,uid=%d,gid=" % os.getuid())
            self.assertNotEqual(rejects(daemon.base)[-1]["peer"], me())
        daemon.stop()

    def test_datagrams_are_as_large_as_the_kernel_allows(self):
        _, datagram = self.paths()
        daemon = self.unix_daemon(datagram=datagram)
        large = json.dumps({"large": self.rng.randbytes(100_000).hex() + "\\\"{" * 30_000}).encode()
        many = [log_line(self.rng, n=n) for n in range(1000)]
        with contextlib.closing(self.connected(datagram, socket.SOCK_DGRAM)) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            for payload in (large, b"\n".join(many), zlib.compress(large)):
                sender.send(payload)
        found = daemon.wait_stored(len(many) + 2)
        self.assert_lines(sorted(found), sorted([large, large] + many))
        daemon.stop()

    @ROOT_ONLY
    def test_a_datagram_that_no_record_fills_is_rejected_as_one(self):
        _, datagram = self.paths()
        daemon = self.unix_daemon("--line-bytes-max", "1000", datagram=datagram)
        sizes = (512 * 1024, 512 * 1024 + 1, 3_000_000)
        with contextlib.closing(self.connected(datagram, socket.SOCK_DGRAM)) as sender:
            sender.setsockopt(socket.SOL_SOCKET, 32, 8 << 20)  # SO_SNDBUFFORCE
            for size in sizes:
                sender.send(b'{"pad":"' + b"x" * (size - 10) + b'"}')
            sender.send(zlib.compress(os.urandom(200_000)))
            sender.send(b'{"a":1}')
        self.assertEqual(daemon.wait_stored(1), [b'{"a":1}'])
        daemon.wait_stored(4, "rejects")
        found = rejects(daemon.base)
        self.assertEqual([(reject["reason"], reject["bytes"]) for reject in found[:3]],
                         [("oversized", size) for size in sizes])
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["rejected"], counters["datagrams_truncated"]), (5, 4, 2))

    def test_while_the_daemon_is_stopped_senders_wait_and_nothing_is_lost(self):
        stream, datagram = self.paths()
        daemon = self.unix_daemon(stream=stream, datagram=datagram)
        count, senders = scaled(5000), 4

        def send(number):
            with contextlib.closing(self.connected(datagram, socket.SOCK_DGRAM)) as sender:
                for n in range(count):
                    sender.send(b'{"sender":%d,"n":%d}' % (number, n))

        def send_stream():
            self.send(stream, b"".join(b'{"sender":-1,"n":%d}\n' % n for n in range(count)))

        threads = [self.in_thread(send, number) for number in range(senders)] + [self.in_thread(send_stream)]
        daemon.wait_stored(1)
        daemon.process.send_signal(signal.SIGSTOP)
        self.assertEqual(os.waitpid(0, os.WNOHANG), (0, 0))
        time.sleep(0.2)  # the queue fills; a sender that does not wait loses
        daemon.process.send_signal(signal.SIGCONT)
        for thread in threads:
            thread.finish()
        found = {}
        for line in daemon.wait_stored((senders + 1) * count):
            record = json.loads(line)
            found.setdefault(record["sender"], []).append(record["n"])
        self.assertEqual(found, {number: list(range(count)) for number in range(-1, senders)})
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["datagrams"]), ((senders + 1) * count, senders * count))

    def test_at_a_stop_each_datagram_that_was_sent_is_stored(self):
        _, datagram = self.paths()
        daemon = self.unix_daemon("--drain-ms", "100", datagram=datagram)
        begun = threading.Barrier(5, timeout=30)

        def send(number):
            sent = 0
            with contextlib.closing(self.connected(datagram, socket.SOCK_DGRAM)) as sender:
                begun.wait()
                with contextlib.suppress(BrokenPipeError, ConnectionError):
                    while True:  # ends: the daemon does
                        sender.send(b'{"sender":%d,"n":%d}' % (number, sent))
                        sent += 1
            return sent

        threads = [self.in_thread(send, number) for number in range(4)]
        begun.wait()
        daemon.wait_stored(10)
        counters = daemon.stop()
        sent = sum(thread.finish() for thread in threads)
        self.assertEqual((counters["stored"], counters["rejected"]), (sent, 0))
        self.assertFalse(os.path.exists(datagram))

    def test_modes_and_owners_hold_whatever_the_umask_is(self):
        folder, before = self.directory(), os.umask(0o777)
        self.addCleanup(os.umask, before)
        paths = [os.path.join(folder, name) for name in "abc"]
        config = os.path.join(folder, "config")
        owner = "1234:5678" if os.geteuid() == 0 else "%d:%d" % (os.getuid(), os.getgid())
        os.umask(before)
        with open(config, "w") as file:
            json.dump({"unix_stream": [{"address": paths[0], "mode": "0666"}, paths[1]],
                       "unix_datagram": {"address": paths[2], "mode": "0620", "owner": owner}}, file)
        os.umask(0o777)
        daemon = self.daemon("--config", config, "--dir", os.path.join(folder, "logs"), tcp=[], udp=[],
                             dir=os.path.join(folder, "logs"), umask=0o007)
        os.umask(before)
        self.assertEqual([mode_of(path) for path in paths], [0o666, 0o660, 0o620])
        found = os.lstat(paths[2])
        self.assertEqual("%d:%d" % (found.st_uid, found.st_gid), owner)
        daemon.stop()
        self.assertFalse(any(os.path.exists(path) for path in paths))

    @ROOT_ONLY
    def test_who_may_not_write_to_the_file_cannot_send(self):
        stream, datagram = self.paths()
        os.chmod(os.path.dirname(stream), 0o755)
        daemon = self.unix_daemon(stream=stream, datagram=datagram)
        attempt = ("import os,socket,sys; os.setgid(65534); os.setuid(65534)\n"
                   "s=socket.socket(socket.AF_UNIX, socket.SOCK_%s); s.connect(sys.argv[1])")
        for path, kind in ((stream, "STREAM"), (datagram, "DGRAM")):
            result = run(["python3", "-c", attempt % kind, path])
            self.assertIn("PermissionError", result.said)
        daemon.stop()

    def test_what_a_killed_daemon_has_left_is_replaced_and_a_living_one_keeps_its_sockets(self):
        stream, datagram = self.paths()
        first = self.unix_daemon(stream=stream, datagram=datagram)
        self.send(stream, b'{"n":1}\n')
        first.wait_stored(1)
        other = os.path.join(self.directory(), "other")
        for name, path in (("unix-stream", stream), ("unix-datagram", datagram), ("unix-stream", datagram)):
            refused = logportd("--dir", other, "--" + name, path)
            self.assertEqual(refused.code, 1)
            self.assertIn("%s=%s: address already in use; stop the program" % (name, path), refused.said)
        first.kill()
        self.assertTrue(os.path.exists(stream) and os.path.exists(datagram))
        second = self.unix_daemon(stream=stream, datagram=datagram, dir=first.base)
        self.send(stream, b'{"n":2}\n')
        self.datagrams(datagram, b'{"n":3}')
        self.assertEqual(len(second.wait_stored(3)), 3)
        second.stop()
        self.assertFalse(os.path.exists(stream) or os.path.exists(datagram))

    def test_a_path_that_cannot_be_used_is_named_with_the_reason(self):
        folder = self.directory()
        file = os.path.join(folder, "file")
        with open(file, "w") as plain:
            plain.write("precious")
        for path, said in ((file, "already exists, and is not a socket"),
                           (folder, "already exists, and is not a socket"),
                           (folder + "/none/s", "no such file or directory; create its directory"),
                           (file + "/s", "not a directory")):
            for name in ("unix-stream", "unix-datagram"):
                result = logportd("--dir", folder + "/logs", "--" + name, path)
                self.assertEqual(result.code, 1)
                self.assertIn("%s=%s: %s" % (name, path, said), result.said)
        self.assertEqual(content_of(file), "precious")
        good = os.path.join(folder, "good")
        result = logportd("--dir", folder + "/logs", "--unix-stream", good, "--unix-stream", file)
        self.assertEqual(result.code, 1)
        self.assertFalse(os.path.exists(good))  # the one that was opened is removed again

    def test_relative_paths_and_abstract_names_work(self):
        folder, name = self.directory(), "@logport-test-%d" % os.getpid()
        daemon = self.unix_daemon("--unix-stream", name, "--unix-datagram", name + "-d", stream="s", datagram="d",
                                  cwd=folder)
        self.send(os.path.join(folder, "s"), b'{"n":1}\n')
        self.datagrams(os.path.join(folder, "d"), b'{"n":2}')
        self.send("\0" + name[1:], b'{"n":3}\n')
        self.datagrams("\0" + name[1:] + "-d", b'{"n":4}')
        self.assertEqual(sorted(daemon.wait_stored(4)), [b'{"n":%d}' % n for n in range(1, 5)])
        refused = logportd("--dir", os.path.join(folder, "other"), "--unix-stream", name)
        self.assertIn("unix-stream=%s: address already in use" % name, refused.said)
        daemon.stop()
        self.assertEqual(set(os.listdir(folder)) & {"s", "d"}, set())

    def test_send_has_unix_sockets_too(self):
        stream, datagram = self.paths()
        daemon = self.unix_daemon("--unix-stream", "@send-%d" % os.getpid(), stream=stream, datagram=datagram)
        sent = [log_line(self.rng, n=n) for n in range(100)]
        data = b"".join(line + b"\n" for line in sent)
        for words in ((stream,), ("--datagram", datagram), ("@send-%d" % os.getpid(),)):
            result = logport("send", "--unix", *words, stdin=data)
            self.assertEqual((result.code, result.said), (0, ""))
        self.assert_lines(sorted(daemon.wait_stored(300)), sorted(3 * sent))
        for words, said in (((stream + "none",), "%snone: no such file" % stream),
                            (("--datagram", stream), "a stream socket; leave out --datagram"),
                            ((datagram,), "a datagram socket; give --datagram too"),
                            (("x" * 200,), "name too long"),
                            (("--udp", stream), "--unix cannot be combined"),
                            ((), "PATH is missing")):
            result = logport("send", "--unix", *words, stdin=data)
            self.assertEqual(result.code, 2)
            self.assertIn(said, result.said)
        self.assertIn("for a Unix socket, give --unix", logport("send", stream, stdin=data).said)
        self.assertIn("--datagram needs --unix", logport("send", "--datagram", stream, stdin=data).said)
        daemon.stop()


    def test_replay_sends_to_the_socket_that_received(self):
        stream, datagram = self.paths()
        schema = os.path.join(self.directory(), "schema")
        with open(schema, "w") as file:
            file.write('{"required": ["time"]}')
        daemon = self.unix_daemon("--schema", schema, stream=stream, datagram=datagram)
        self.send(stream, b'{"from":"stream"}\n')
        self.datagrams(datagram, b'{"from":"datagram"}')
        daemon.wait_stored(2, "rejects")
        daemon.stop()
        daemon = self.unix_daemon(stream=stream, datagram=datagram, dir=daemon.base)
        result = logport("replay", daemon.base)
        self.assertEqual(result.code, 0, result.said)
        self.assertIn("1 records to %s in datagrams" % datagram, result.said)
        self.assertEqual(sorted(daemon.wait_stored(2)), [b'{"from":"datagram"}', b'{"from":"stream"}'])
        self.assertEqual(daemon.stop()["datagrams"], 1)


@native_only("Windows has no Unix datagrams, and Wine no Unix sockets")
class UnixConfiguration(Unix, Reloading):
    def check(self, **config):
        self.path = os.path.join(self.directory(), "config")
        self.write(**config)
        return logportd("--config", self.path, "--check")

    def test_paths_modes_and_owners_are_checked(self):
        for config, said in (
            ({"unix_stream": {"address": "s", "mode": "660"}}, '"660" is not a mode'),
            ({"unix_stream": {"address": "s", "mode": 660}}, '"660" is not a mode'),
            ({"unix_stream": {"address": "s", "mode": "0888"}}, '"0888" is not a mode'),
            ({"unix_stream": {"address": "s", "mode": "4755"}}, '"4755" is not a mode'),
            ({"unix_stream": {"mode": "0600", "address": "s", "owner": "no-such-user"}}, "owner: \"no-such-user\": no such user"),
            ({"unix_datagram": {"address": "s", "owner": "root:no-such-group"}}, "no such user or group"),
            ({"unix_datagram": {"address": "s", "owner": "root:"}}, "is not an owner"),
            ({"unix_datagram": "x" * 108}, "is too long for a Unix socket"),
            ({"unix_datagram": ""}, "the path of a Unix socket"),
            ({"unix_datagram": "a b"}, "the path of a Unix socket"),
            ({"unix_stream": {"address": 'a"b'}}, "the path of a Unix socket"),
            ({"unix_stream": {"address": "@name", "mode": "0600"}}, "mode: only a Unix socket that has a path"),
            ({"tcp": {"address": "127.0.0.1:0", "owner": "root"}}, "owner: only a Unix socket that has a path"),
            ({"udp": {"address": "/run/x.sock"}}, "is not an address to listen on"),
            ({"unix_stream": {"address": "s", "allow": "10.0.0.0/8"}}, "allow: the peers of a Unix socket have no addresses"),
            ({"unix_datagram": {"address": "s", "deny": ["::1"]}}, "deny: the peers of a Unix socket"),
            ({"unix_stream": {"address": "s", "proxy": ["::1"]}}, "proxy: the peers of a Unix socket"),
            ({"unix_stream": "s", "unix_datagram": "s"}, 'unix-datagram: "s" is listed twice'),
            ({"unix_stream": {"address": "s", "tls": {"certificate": "c", "key": "k"}}}, "a Unix socket cannot use TLS"),
        ):
            with self.subTest(str(config)):
                result = self.check(**config)
                self.assertEqual(result.code, 2, result.said)
                self.assertIn(said, result.said)
        good = {"unix_stream": [{"schema": ["none"], "address": "x" * 107, "mode": "0600", "owner": "root:0"}, "@a"],
                "unix_datagram": {"address": "relative/d", "owner": ":0", "text": "wrap", "stream": "b"}}
        self.assertEqual(self.check(**good).code, 0)

    def test_keys_of_a_listener_apply(self):
        stream, datagram = self.paths()
        daemon = self.configured(unix_stream={"address": stream, "stream": "other", "protocol": "nul"},
                                 unix_datagram={"address": datagram, "text": "wrap", "syslog_fields": True})
        self.send(stream, b'{"a":\n1}\0{"a":2}')
        self.assertEqual(daemon.wait_stored(2, "other"), [b'{"a": 1}', b'{"a":2}'])
        self.datagrams(datagram, b"<13>app: hello", b'<13>app: {"b":1}')
        syslog = {"facility": "user", "facility_code": 1, "severity": "notice", "severity_code": 5, "app": "app"}
        self.assertEqual([json.loads(line) for line in daemon.wait_stored(2)],
                         [{"message": "hello", "_syslog": syslog}, {"b": 1, "_syslog": syslog}])
        daemon.stop()

    def test_lists_and_limits_of_peers_with_addresses_do_not_concern_them(self):
        stream, datagram = self.paths()
        daemon = self.unix_daemon("--allow", "10.0.0.0/8", "--peer-connections-max", "1", "--peer-records-per-s", "1",
                                  "--stamp", "peer,listener", stream=stream, datagram=datagram)
        with contextlib.closing(self.connected(stream)), contextlib.closing(self.connected(stream)) as second:
            second.sendall(b'{"n":1}\n' * 100)
            self.datagrams(datagram, *[b'{"n":2}'] * 100)
            found = daemon.wait_stored(200)
        for number, listener in ((1, "unix-stream=" + stream), (2, "unix-datagram=" + datagram)):
            expected = {"n": number, "_peer": me(), "_listener": listener}
            self.assertEqual([json.loads(line) for line in found if json.loads(line)["n"] == number], 100 * [expected])
        self.assertEqual(daemon.stop()["dropped"], {})

    def test_a_reload_opens_closes_and_changes_sockets(self):
        a, b = self.paths()
        daemon = self.configured(unix_stream=a, unix_datagram={"address": b, "mode": "0600"}, flush_ms=5)
        connection, sender = self.connected(a), self.connected(b, socket.SOCK_DGRAM)
        self.write(unix_stream={"address": a, "mode": "0666"}, unix_datagram=[b, b + "2"])
        self.reload(daemon)
        self.assertEqual([mode_of(path) for path in (a, b, b + "2")], [0o666, 0o660, 0o660])
        connection.sendall(b'{"n":1}\n')
        sender.send(b'{"n":2}')
        self.datagrams(b + "2", b'{"n":3}')
        self.assertEqual(sorted(daemon.wait_stored(3)), [b'{"n":%d}' % n for n in (1, 2, 3)])
        self.write(unix_stream=b)  # another kind of socket at the same path, which is still in use
        self.assertIn("if it is this daemon's own listener %s, remove that in a reload first" % b, self.reload(daemon, code=2))
        sender.send(b'{"n":4}')
        self.write(unix_stream=a)
        self.reload(daemon)
        wait_until(lambda: not os.path.exists(b) and not os.path.exists(b + "2"), "the sockets are removed")
        with self.assertRaises(ConnectionError):
            sender.send(b'{"n":5}')
        self.write(unix_stream=[a, b])
        self.reload(daemon)
        self.send(b, b'{"n":6}\n')
        self.assertEqual(sorted(daemon.wait_stored(5))[3:], [b'{"n":4}', b'{"n":6}'])
        daemon.stop()

    def test_reloads_under_load_lose_nothing_that_was_sent(self):
        a, b = self.paths()
        daemon = self.configured(unix_stream=a, unix_datagram=b, flush_ms=5, drain_ms=200)
        over, sent = threading.Event(), []

        def send():
            n = 0
            while not over.is_set():
                with contextlib.suppress(OSError), contextlib.closing(self.connected(b, socket.SOCK_DGRAM)) as sender:
                    for _ in range(200):
                        sender.send(b'{"n":%d}' % n)
                        sent.append(b'{"n":%d}' % n)
                        n += 1

        sending = self.in_thread(send)
        for datagrams in ([], [b], [], [b]):
            wait_until(lambda: len(sent) > 100, "some were sent")
            self.write(unix_stream=a, unix_datagram=datagrams, flush_ms=5, drain_ms=200)
            self.reload(daemon)
            if not datagrams:
                wait_until(lambda: not os.path.exists(b), "the socket is removed")
        over.set()
        sending.finish()
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
        self.assertEqual(daemon.stop()["received"], len(sent))


# Its own name and those of what it starts; no other process sees that /dev is another.
IN_NAMESPACE = """
mount --bind "$1" /dev && shift && exec "$@"
"""
RSYSLOG = """
global(workDirectory="%(work)s" maxMessageSize="64k")
module(load="imtcp")
module(load="omuxsock")
template(name="forward" type="string" string="<%%PRI%%>%%TIMESTAMP:::date-rfc3339%% %%HOSTNAME%% %%syslogtag%%%%msg%%")
input(type="imtcp" port="0" listenPortFileName="%(work)s/port" address="127.0.0.1")
$OMUxSockSocket %(path)s
*.* :omuxsock:;forward
"""


@native_only("clients of Unix")
class UnixClients(Unix, Case):
    @needs("logger")
    def test_logger(self):
        stream, datagram = self.paths()
        daemon, total = self.unix_daemon("--syslog-fields", stream=stream, datagram=datagram), 0
        sent = [log_line(self.rng, n=n) for n in range(20)]
        for path, kinds in ((stream, ((), ("--tcp",))), (datagram, ((), ("--udp",)))):
            for kind in kinds:
                for header in ((), ("--rfc3164",), ("--rfc5424",), ("--rfc5424=notime,nohost,notq",)):
                    words = ["logger", "-u", path, *kind, *header, "-t", "app", "--size", "64KiB"]
                    result = run(words, stdin=b"".join(line + b"\n" for line in sent))
                    self.assertEqual(result.code, 0, result.said)
                    total += len(sent)
                    found = [json.loads(line) for line in daemon.wait_stored(total)[-len(sent):]]
                    self.assertEqual({record.pop("_syslog")["app"] for record in found}, {"app"})
                    self.assertEqual(found, [json.loads(line) for line in sent], words)
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_the_handler_of_python(self):
        stream, datagram = self.paths()
        daemon, total = self.unix_daemon(stream=stream, datagram=datagram), 0
        for path, kind in ((datagram, None), (datagram, socket.SOCK_DGRAM), (stream, socket.SOCK_STREAM), (stream, None)):
            handler = logging.handlers.SysLogHandler(address=path, socktype=kind)
            logger = logging.Logger("test")
            logger.addHandler(handler)
            values = [{"n": n, "stack": "a\n b\n", "ü": "東京\0"} for n in range(50)]
            for value in values:
                logger.warning(json.dumps(value, ensure_ascii=False))
            handler.close()
            total += len(values)
            self.assertEqual([json.loads(line) for line in daemon.wait_stored(total)[-50:]], values)
        self.assertEqual(daemon.stop()["rejected"], 0)

    @ROOT_ONLY
    @needs("unshare")
    def test_syslog_of_the_c_library_through_dev_log(self):
        """syslog(3) connects to /dev/log: first as a datagram socket, and if that is refused as a stream."""
        for kind in ("stream", "datagram"):
            device = self.directory()
            daemon = self.unix_daemon("--text", "wrap", "--syslog-fields", **{kind: os.path.join(device, "log")})
            script = ("import syslog, json; syslog.openlog('app', syslog.LOG_PID, syslog.LOG_LOCAL3)\n"
                      "for n in range(50): syslog.syslog(syslog.LOG_ERR, json.dumps({'n': n}))\n"
                      "syslog.syslog('text')")
            result = run(["unshare", "-m", "sh", "-c", IN_NAMESPACE, "sh", device, "python3", "-c", script])
            self.assertEqual(result.code, 0, result.said)
            found = [json.loads(line) for line in daemon.wait_stored(51)]
            headers = [record.pop("_syslog") for record in found]
            self.assertEqual(found, [{"n": n} for n in range(50)] + [{"message": "text"}])
            self.assertEqual((headers[0]["facility"], headers[0]["severity"], headers[0]["app"]), ("local3", "err", "app"))
            self.assertEqual(daemon.stop()["rejected"], 0)

    @needs("rsyslogd")
    def test_omuxsock_of_rsyslog(self):
        _, datagram = self.paths()
        work = self.directory()
        daemon, config = self.unix_daemon(datagram=datagram), os.path.join(work, "rsyslog.conf")
        with open(config, "w") as file:
            file.write(RSYSLOG % {"work": work, "path": datagram})
        process = start([which("rsyslogd"), "-n", "-f", config, "-i", os.path.join(work, "pid")],
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            process.kill()
            process.wait()

        self.addCleanup(end)
        port = int(wait_until(lambda: content_of(os.path.join(work, "port")), "rsyslogd listens"))
        sent = [log_line(self.rng, n=n) for n in range(100)]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"".join(b"<134>1 2026-11-30T14:00:00.123Z host app 7 id - " + line + b"\n" for line in sent))
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
        self.assertEqual(daemon.stop()["rejected"], 0)

    def test_nc_and_socat(self):
        stream, datagram = self.paths()
        daemon, total = self.unix_daemon(stream=stream, datagram=datagram), 0
        sent = [log_line(self.rng, n=n) for n in range(20)]
        data = b"".join(line + b"\n" for line in sent)
        for words in (["nc", "-N", "-U", stream], ["socat", "-u", "-", "UNIX-CONNECT:" + stream],
                      ["socat", "-u", "-", "UNIX-SENDTO:" + datagram]):
            if not which(words[0]):
                continue
            self.assertEqual(run(words, stdin=data, env=environment()).code, 0)
            total += len(sent)
            self.assert_lines(daemon.wait_stored(total)[-len(sent):], sent, str(words))
        self.assertEqual(daemon.stop()["rejected"], 0)


@unittest.skipUnless(WINDOWS, "elsewhere there are Unix sockets")
class UnixOnWindows(Case):
    def test_a_stream_works_or_the_error_says_that_there_are_none(self):
        folder = self.directory()
        result = logportd("--dir", "logs", "--unix-stream", "missing/s", cwd=folder)
        self.assertEqual(result.code, 1)
        if "not supported" not in result.said:  # Windows 10 version 1803 or newer, not Wine 8
            daemon = self.daemon("--unix-stream", "s", tcp=[], udp=[], cwd=folder)
            sent = [b'{"n":%d}' % n for n in range(100)]
            data = b"".join(line + b"\n" for line in sent)
            self.assertEqual(logport("send", "--unix", "s", stdin=data, cwd=folder).code, 0)
            self.assert_lines(daemon.wait_stored(100), sent)
            daemon.stop()
            return
        self.assertIn("unix-stream=missing/s: not supported on this system; use tcp", result.said)
        result = logport("send", "--unix", "s", stdin=b"{}\n", cwd=folder)
        self.assertEqual(result.code, 2)
        self.assertIn("send: s: not supported on this system", result.said)

    def test_datagrams_modes_owners_and_abstract_names_are_refused(self):
        folder = self.directory()
        result = logportd("--dir", "logs", "--unix-datagram", "d", cwd=folder)
        self.assertEqual(result.code, 1)
        self.assertIn("unix-datagram=d: not supported on this system; use unix_stream or udp", result.said)
        result = logport("send", "--unix", "--datagram", "d", stdin=b"{}\n", cwd=folder)
        self.assertIn("send: d: not supported on this system", result.said)
        self.assertIn("has no abstract sockets", logportd("--check", "--unix-stream", "@name").said)
        for key, value in (("mode", "0600"), ("owner", "root")):
            with open(os.path.join(folder, "config"), "w") as file:
                json.dump({"unix_stream": {"address": "s", key: value}}, file)
            result = logportd("--config", "config", "--check", cwd=folder)
            self.assertEqual(result.code, 2)
            self.assertIn("sockets have no %s on this system" % key, result.said)


if __name__ == "__main__":
    main()
