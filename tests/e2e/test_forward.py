"""test_forward.py - the forward protocol of Fluentd and Fluent Bit: what is acknowledged is stored, and is what
was sent."""

import datetime
import gzip
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import unittest

import msgpack
from clients import NODE_MODULES, needs
from harness import (Case, environment, free_port, logport, logportd, main, native_only, read_lines, rejects, start, status,
                     wait_until)
from kills import kill_under_load
from test_tls import TlsCase

from forward import (MODES, Refused, Sender, Session, chunk, compressed, digest, entries, event_time, handshake, one, pack,
                     packed)

TIME = 1700000000
TIME_TEXT = "2023-11-14T22:13:20.000Z"


def stored(record, tag, time=TIME_TEXT):
    """What becomes of a record without members of these names."""
    return dict(record, _tag=tag, time=time)


class ForwardCase(Case):
    def session(self, daemon, **how):
        session = Session(daemon.tcp[0], **how)
        self.addCleanup(session.close)
        return session

    def records(self, daemon):
        return [json.loads(line) for line in read_lines(daemon.base)]


class Forward(ForwardCase):
    """Messages over plain TCP."""

    def test_every_mode(self):
        for more in ((), ("--protocol", "forward")):
            daemon = self.daemon(*more, udp=())
            session = self.session(daemon)
            expected = []
            for n in range(4):
                for mode, make in MODES.items():
                    records = [{"mode": mode, "n": n, "i": i} for i in range(1 if mode == "message" else 40 * n)]
                    session.deliver(make, "app." + mode, records)
                    expected += [stored(record, "app." + mode) for record in records]
                    self.assertEqual(self.records(daemon), expected)
            session.close()
            counters = daemon.stop()
            self.assertEqual((counters["stored"], counters["acknowledged"]), (len(expected), len(expected)))
            self.assertEqual((counters["connections_failed"], counters["reasons"]), (0, {}))

    def test_messages_with_and_without_chunks(self):
        daemon = self.daemon("--flush-ms", "60000")
        session = self.session(daemon)
        session.send(one("t", {"n": 0}) + packed("t", [{"n": 1}]))
        names = [chunk() for _ in range(300)]
        for name in names:
            session.send(one("t", {"n": name}, option={"chunk": name}) + b"\xc0")
        session.wait_for(*names)
        self.assertEqual(self.records(daemon), [stored({"n": n}, "t") for n in [0, 1] + names])
        session.send(one("t", {"n": "last"}))
        session.close()
        self.assertEqual(daemon.stop()["stored"], 303)

    def test_values_are_those_that_were_sent(self):
        rng = random.Random(self.rng.random())

        def value(depth):
            kinds = [lambda: rng.choice([None, True, False, "", [], {}, 0.5, -1e300, 2**64 - 1, -(2**63), 2**53 + 1]),
                     lambda: rng.randrange(-(2**63), 2**64), lambda: rng.randrange(-200, 200), rng.random,
                     lambda: struct.unpack(">d", struct.pack(">Q", rng.randrange(2**62)))[0],
                     lambda: "".join(chr(rng.choice((9, 34, 92, 0, 65, 228, 0x4E2D, 0x1F600))) for _ in range(rng.randrange(40)))]
            if depth > 0:
                kinds += [lambda: [value(depth - 1) for _ in range(rng.randrange(20))],
                          lambda: {"k%d" % n: value(depth - 1) for n in range(rng.randrange(20))}]
            return rng.choice(kinds)()

        daemon = self.daemon()
        session = self.session(daemon)
        sent = [{"n": n, "v": value(3)} for n in range(1000)]
        for at in range(0, len(sent), 50):
            session.deliver(rng.choice(list(MODES.values())[1:]), "t", sent[at : at + 50])
        found = self.records(daemon)
        self.assertEqual(found, [stored(record, "t") for record in sent])
        self.assertEqual([json.dumps(record) for record in found], [json.dumps(stored(record, "t")) for record in sent])
        daemon.stop()

    def test_times(self):
        daemon = self.daemon()
        session = self.session(daemon)
        now = int(datetime.datetime.now(datetime.timezone.utc).timestamp())
        for time in (event_time(now, 123456789), now, now + 0.5, None, 0, 1700000000000):
            session.send(one("t", {"time": "own"}, time=time))
        session.deliver(packed, "t", [])
        wait_until(lambda: len(self.records(daemon)) == 6, "all are stored")
        texts = [record["time"] for record in self.records(daemon)]
        second = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        self.assertEqual(texts[:3], [second + ".123456789Z", second + ".000Z", second + ".500Z"])
        for text in texts[3:5]:  # when it was received
            self.assertGreaterEqual(text, second)
        self.assertEqual(texts[5], 1700000000000)
        self.assertEqual({record["_time"] for record in self.records(daemon)}, {"own"})
        found = logport("search", "-c", "", "--since", second + "Z", daemon.base)
        self.assertEqual(found.out.strip(), b"5")
        daemon.stop()

    def test_the_name_of_the_time_is_configurable(self):
        path = os.path.join(self.directory(), "logport.json")
        with open(path, "w") as file:
            json.dump({"forward_time_key": "@timestamp",
                       "tcp": ["127.0.0.1:0", {"address": "127.0.0.1:0", "forward_time_key": "at"}]}, file)
        daemon = self.daemon("--config", path, tcp=(), udp=())
        for n in range(2):
            session = Session(daemon.tcp[n])
            session.deliver(packed, "t", [{"@timestamp": 1, "time": 2, "at": 3}])
            session.close()
        self.assertEqual(self.records(daemon), [
            {"_@timestamp": 1, "time": 2, "at": 3, "_tag": "t", "@timestamp": TIME_TEXT},
            {"@timestamp": 1, "time": 2, "_at": 3, "_tag": "t", "at": TIME_TEXT}])
        daemon.stop()
        for bad in ("", "_tag", "tag", "___tag", "a\"b", "x" * 32, "t\u00e4g"):
            self.assertIn(b"forward_time_key", logportd("--check", "--forward-time-key", bad).err)

    def test_entries_that_are_none_are_rejected_and_the_message_continues(self):
        daemon = self.daemon("--line-bytes-max", "1000")
        session = self.session(daemon)
        good = {"good": 1}
        data = (entries([good]) + pack(5) + pack(["now", good]) + pack([TIME, [1]]) + entries([{"x": "y" * 5000}])
                + pack([TIME, {"c": "\1" * 300}]) + b"\x92\1\x81\x90\1" + entries([good])[:-1])
        for body in (data, gzip.compress(data)):
            name = chunk()
            session.send(pack(["t", body, {"chunk": name}]) + one("t", good))
            session.wait_for(name)
        session.close()
        counters = daemon.stop()
        self.assertEqual(counters["reasons"], {"forward_entry": 8, "forward_name": 2, "oversized": 4})
        self.assertEqual([json.loads(line) for line in read_lines(daemon.base)], [stored(good, "t")] * 4)
        found = rejects(daemon.base)
        self.assertEqual(len(found), 14)
        replayed = logport("replay", "--print", os.path.join(daemon.base, "rejects"))
        self.assertEqual((replayed.code, replayed.out), (1, b""))
        self.assertIn(b"an entry of the forward protocol", replayed.err)
        self.assertEqual(counters["received"], counters["stored"] + counters["rejected"])

    def test_what_is_no_message_is_refused_after_the_answers_to_messages_before(self):
        bomb = gzip.compress(entries([{"x": "y" * (100 << 20)}]), 9)
        for bad, reason, words in (
                (b'{"a":1}\n', "forward_frame", "not a message of the forward protocol"),
                (pack(["t", {}]), "forward_frame", "not a message"),
                (b"\x93\xa1t\1\x81\xa1a\xc1", "forward_frame", "not a message"),
                (pack(["t" * 1025, TIME, {}]), "forward_frame", "not a message"),
                (pack(["t", gzip.compress(entries([{}]))[:-3] + b"abc", {}]), "inflate", "damaged"),
                (pack(["t", b"\x1f\x8babc", {}]), "inflate", "damaged"),
                (pack(["t", gzip.compress(entries([])) + b"abc", {}]), "inflate", "damaged"),
                (pack(["t", bomb, {}]), "expansion", "expands")):
            daemon = self.daemon()
            session = self.session(daemon)
            session.deliver(packed, "t", [{"n": 1}])
            session.send(bad + one("t", {"n": 2}, option={"chunk": "never"}))
            self.assertEqual(session.rest(), [], (reason, bad[:40]))
            daemon.wait_said(words)
            found = wait_until(lambda: rejects(daemon.base), "it is in quarantine")
            self.assertEqual([r["reason"] for r in found][-1], reason, bad[:40])
            self.assertLess(daemon.memory_kib("VmHWM"), 200 << 10)
            self.assertEqual(daemon.stop()["connections_refused"], 1)

    def test_lengths_that_never_come_take_no_memory(self):
        daemon = self.daemon()
        huge = struct.pack(">I", 2**32 - 1)
        for head in (b"\x93\xa1t\1\xdf" + huge + b"\xa1a\xdd" + huge, b"\x93\xa1t\1\x81\xa1a\xdb" + huge,
                     b"\x92\xa1t\xdd" + huge, b"\x92\xa1t\xc6" + huge, b"\x93\xa1t\1\x81\xa1a\xc9" + huge,
                     b"\x93\xa1t\x90\xdf" + huge):
            session = self.session(daemon)
            session.send(head)
            for _ in range(40):
                session.send(b"\x90" * 65536)
            session.close()
        wait_until(lambda: status(daemon)["connections"] == 0, "all have ended")
        self.assertLess(daemon.memory_kib("VmHWM"), 100 << 10)
        counters = daemon.stop()
        self.assertEqual(counters["received"], counters["rejected"] + counters["dropped"]["quarantine_full"])

    def test_cut_at_every_byte(self):
        daemon = self.daemon()
        whole = b"".join(make("t", [{"a": 1}, {"b": "x"}]) for make in MODES.values())
        whole += pack(["t", [], {"chunk": "end"}])
        for cut in range(1, len(whole), 3):
            session = self.session(daemon)
            session.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session.send(whole[:cut])
            session.send(whole[cut:])
            session.wait_for("end")
            session.close()
        self.assertEqual(daemon.stop()["stored"], 12 * len(range(1, len(whole), 3)))

    def test_large_messages_straddle_batches(self):
        daemon = self.daemon("--ack", "synced")
        session = self.session(daemon)
        sent = [{"n": n, "fill": "x" * 900} for n in range(20000)]
        for mode in ("forward", "packed", "compressed", "members"):
            session.deliver(MODES[mode], "t", sent)
        self.assertEqual(self.records(daemon), [stored(record, "t") for record in sent] * 4)
        self.assertLess(daemon.memory_kib("VmHWM"), 200 << 10)
        daemon.stop()

    def test_stamps_schema_and_ijson(self):
        schema = os.path.join(self.directory(), "schema.json")
        with open(schema, "w") as file:
            json.dump({"properties": {"n": {"maximum": 2}}, "required": ["_tag", "time"]}, file)
        daemon = self.daemon("--schema", schema, "--ijson", "--stamp", "seq")
        session = self.session(daemon)
        session.deliver(packed, "t", [{"n": n, "_seq": 0, "text": "\1\"" * n} for n in range(4)])
        session.send(b"\x93\xa1t\1\x82\xa1a\1\xa1a\2")
        session.deliver(packed, "t", [])
        self.assertEqual(self.records(daemon), [
            dict(stored({"n": n, "__seq": 0, "text": "\1\"" * n}, "t"), _seq=n + 1) for n in range(3)])
        session.close()
        daemon.stop()
        found = rejects(daemon.base)
        self.assertEqual([r["reason"] for r in found], ["schema", "duplicate_name"])
        self.assertEqual(json.loads(found[0]["raw"]), stored({"n": 3, "_seq": 0, "text": "\1\"" * 3}, "t"))

    def test_a_client_that_shuts_down_gets_all_answers(self):
        daemon = self.daemon()
        session = self.session(daemon)
        session.send(b"".join(compressed("t", [{"n": n}] * 500, option={"chunk": str(n)}) for n in range(50)))
        session.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(session.rest(), [{"ack": str(n)} for n in range(50)])
        self.assertEqual(daemon.stop()["stored"], 25000)

    def test_at_a_stop_all_that_is_stored_is_acknowledged(self):
        daemon = self.daemon()
        sender = Sender(lambda n: {"n": n}, lambda: daemon.tcp[0])
        thread = self.in_thread(sender.run)
        wait_until(lambda: sender.acknowledged > 1000, "messages are acknowledged")
        sender.stop.set()  # ends once it has reached the daemon again
        daemon.stop()
        base = daemon.base
        daemon = self.daemon(dir=base)
        thread.finish()
        daemon.stop()
        numbers = [json.loads(line)["n"] for line in read_lines(base)]
        self.assertEqual(sorted(set(numbers)), list(range(len(sender.sent))))

    def test_not_over_udp(self):
        daemon = self.daemon()
        daemon.datagrams(one("t", {"a": 1}))
        daemon.wait_said("choose forward over TCP")
        self.assertEqual([r["reason"] for r in wait_until(lambda: rejects(daemon.base), "one")], ["msgpack"])
        daemon.stop()

    @native_only("the client runs outside of Wine")
    def test_over_a_unix_socket(self):
        path = os.path.join(self.directory(), "forward.sock")
        daemon = self.daemon("--unix-stream", path, udp=())
        session = Session(path)
        session.deliver(packed, "t", [{"n": 1}])
        session.close()
        self.assertEqual(self.records(daemon), [stored({"n": 1}, "t")])
        daemon.stop()

    def test_messages_as_dockers_driver_sends_them(self):
        """daemon/logger/fluentd/fluentd.go: Message mode with EventTime if fluentd-sub-second-precision is set, else
        seconds; partial messages have partial_*; fluentd-request-ack adds a chunk."""
        daemon = self.daemon()
        session = self.session(daemon)
        base = {"container_id": "8d5f" * 16, "container_name": "/web", "source": "stdout"}
        session.send(one("docker.8d5f", dict(base, log='{"level":"error","msg":"x"}')))
        session.send(one("docker.8d5f", dict(base, log="part", partial_message="true", partial_id="1", partial_ordinal="1",
                                             partial_last="false"), time=event_time(TIME, 5)))
        name = chunk()
        session.send(one("docker.8d5f", dict(base, log="end"), option={"chunk": name}))
        session.wait_for(name)
        found = self.records(daemon)
        self.assertEqual([record["log"] for record in found], ['{"level":"error","msg":"x"}', "part", "end"])
        self.assertEqual(found[1]["time"], "2023-11-14T22:13:20.000000005Z")
        result = logport("search", "-c", "", "--level", "error", daemon.base)
        self.assertEqual(result.out.strip(), b"1")
        daemon.stop()


class ForwardKeys(TlsCase):
    """Clients that must know a shared key, over TCP and TLS; these need OpenSSL, too."""

    def listen(self, more=(), **keys):
        with open(self.path("logportd.json"), "w") as file:
            json.dump({"tcp": [dict({"address": "127.0.0.1:0", "protocol": "forward"}, **keys)]}, file)
        return self.daemon("--config", self.path("logportd.json"), *more, tcp=(), udp=())

    def session(self, daemon, wrap=None):
        session = Session(daemon.tcp[0], wrap)
        self.addCleanup(session.close)
        return session

    def test_the_key_and_users(self):
        with open(self.path("key"), "w") as file:
            file.write("a key of sp\u00e4ces\r\n")
        with open(self.path("users"), "w") as file:
            file.write("bob:pass:word\n\ncarla:\u00fc\n")
        daemon = self.listen(forward_shared_key="file:" + self.path("key"), forward_hostname="logs.example",
                             forward_users=["alice:secret", "file:" + self.path("users")])
        key, nonces = "a key of sp\u00e4ces", set()
        for n, (user, password) in enumerate((("alice", "secret"), ("bob", "pass:word"), ("carla", "\u00fc"))):
            session = self.session(daemon)
            options = handshake(session, key, user, password)
            nonces |= {options["nonce"], options["auth"]}
            self.assertEqual(options["server"], "logs.example")
            session.deliver(MODES["packed"], "t", [{"n": n}])
        self.assertEqual(len(nonces), 6)
        for wrong in ((key, "alice", "pass:word"), (key, "dave", "secret"), (key, "", ""), ("another", "alice", "secret"), ("", "", "")):
            session = self.session(daemon)
            with self.assertRaises(Refused) as raised:
                handshake(session, *wrong)
            self.assertIn("username/password" if wrong[0] == key else "shared_key", str(raised.exception))
        self.assertEqual(session.rest(), [])
        daemon.wait_said("does not know the listener's forward_shared_key")
        self.assertEqual([json.loads(line)["n"] for line in read_lines(daemon.base)], [0, 1, 2])
        counters = daemon.stop()
        self.assertEqual(counters["reasons"], {"forward_auth": 5})
        self.assertNotIn("secret", daemon.said)

    def test_what_is_no_ping_is_refused(self):
        daemon, sessions = self.listen(forward_shared_key="key"), []
        for data in (one("t", {"n": 1}), b'{"n":1}\n', pack(["PING", "a", "b"]), pack(["PING", 1, 2, 3, 4, 5]), pack(["PING"] * 6),
                     b"\xdd\xff\xff\xff\xff" + b"\xc0" * 2000, b"\x96\xa4PING\xdb\xff\xff\xff\xff" + bytes(2000), b"\xc1"):
            sessions.append(self.session(daemon))
            sessions[-1].send(data + one("t", {"n": 2}))
        for session in sessions:  # each is closed after a second
            self.assertEqual([answer[:2] for answer in session.rest()][1:], [["PONG", False]])
        self.assertEqual(daemon.stop()["reasons"], {"forward_auth": 8})
        self.assertEqual(read_lines(daemon.base), [])

    def test_a_client_that_sends_no_ping_is_closed(self):
        daemon = self.listen(("--partial-s", "1"), forward_shared_key="key")
        session = self.session(daemon)
        self.assertEqual([answer[0] for answer in session.rest()], ["HELO"])
        counters = daemon.stop()
        self.assertEqual((counters["connections_unfinished"], counters["received"]), (1, 0))

    def test_a_ping_in_pieces_and_messages_before_pong(self):
        daemon = self.listen(forward_shared_key="key")
        session = self.session(daemon)
        nonce = session.receive()[1]["nonce"]
        whole = pack(["PING", "host", b"salt", digest(b"salt", b"host", nonce, b"key"), "", ""])
        for byte in whole:
            session.send(bytes([byte]))
        session.send(one("t", {"n": 1}, option={"chunk": "c"}))
        self.assertEqual(session.receive()[:2], ["PONG", True])
        session.wait_for("c")
        daemon.stop()

    def test_over_tls_and_after_a_proxy_header(self):
        daemon = self.listen(forward_shared_key="key", tls=self.tls_keys())
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        for n in range(3):
            session = self.session(daemon, lambda raw: context.wrap_socket(raw, server_hostname="localhost"))
            handshake(session, "key")
            session.deliver(MODES["compressed"], "t", [{"n": n}])
        with self.assertRaises(OSError):
            handshake(self.session(daemon, lambda raw: context.wrap_socket(raw, server_hostname="localhost")), "no")
        self.assertEqual(daemon.stop()["stored"], 3)
        daemon = self.listen(forward_shared_key="key", proxy=["127.0.0.1"])
        session = self.session(daemon)
        session.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
        handshake(session, "key")
        session.deliver(MODES["packed"], "t", [{"n": 1}])
        daemon.stop()

    @native_only("these clients are programs of Linux")
    @needs("node")
    @unittest.skipUnless(os.path.isdir(os.path.join(NODE_MODULES, "@fluent-org")), "tests/clients is not installed")
    def test_real_clients(self):
        fluent_logger = """
            const logger = require('fluent-logger').createFluentSender('t', { host: '127.0.0.1', port: %d, timeout: 3.0,
              requireAckResponse: true, security: { clientHostname: 'client', sharedKey: 'key', username: 'u', password: '%s' } });
            logger.on('error', (error) => console.log(String(error)));
            logger.emit('a', { by: 'fluent-logger' }, () => logger.end());"""
        fluent_org = """
            const { FluentClient } = require('@fluent-org/logger');
            const logger = new FluentClient('t', { socket: { host: '127.0.0.1', port: %d }, ack: {},
              security: { clientHostname: 'client', sharedKey: 'key', username: 'u', password: '%s' } });
            logger.emit('a', { by: 'fluent-org' }).then(() => process.exit(0), (error) => { console.log(String(error)); process.exit(1); });
            setInterval(() => {}, 1e6);"""
        daemon = self.listen(forward_shared_key="key", forward_users=["u:secret"])
        for text, password in ((fluent_logger, "secret"), (fluent_org, "secret"), (fluent_logger, "wrong")):
            refused = len(rejects(daemon.base))
            process = self.start(["node", "-e", text % (daemon.tcp[0][1], password)], NODE_PATH=NODE_MODULES)
            if password == "secret":
                self.assertEqual(process.wait(30), 0, process.stdout.read())
            else:
                wait_until(lambda: len(rejects(daemon.base)) > refused, "it is refused")
                process.kill()
                process.wait()
        self.assertEqual([json.loads(line)["by"] for line in read_lines(daemon.base)], ["fluent-logger", "fluent-org"])
        daemon.stop()

    def start(self, command, **variables):
        process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(**variables))
        self.addCleanup(process.stdout.close)
        return process

    def test_a_reload_changes_the_key_of_new_connections(self):
        address = "127.0.0.1:%d" % free_port()
        daemon = self.listen(address=address, forward_shared_key="old")
        before = self.session(daemon)
        handshake(before, "old")
        with open(self.path("logportd.json"), "w") as file:
            json.dump({"tcp": [{"address": address, "protocol": "forward", "forward_shared_key": "new"}]}, file)
        result = logport("reload", "--dir", daemon.base)
        self.assertEqual(result.code, 0, result.err)
        handshake(self.session(daemon), "new")
        with self.assertRaises(Refused):
            handshake(self.session(daemon), "old")
        before.deliver(MODES["packed"], "t", [{"n": 1}])
        daemon.stop()

    def test_settings_that_cannot_work(self):
        for keys, words in (
                ({"protocol": "auto", "forward_shared_key": "k"}, b"needs \"protocol\": \"forward\""),
                ({"forward_shared_key": ""}, b"forward_shared_key"), ({"forward_users": ["a:b"]}, b"need a forward_shared_key"),
                ({"forward_shared_key": "k", "forward_users": ["secret"]}, b"NAME:PASSWORD"),
                ({"forward_shared_key": "file:/none"}, b"/none"), ({"forward_hostname": "x"}, b"needs a forward_shared_key"),
                ({"forward_shared_key": "k", "tls": self.tls_keys(required=False)}, b"must be true")):
            with open(self.path("logportd.json"), "w") as file:
                json.dump({"tcp": [dict({"address": "127.0.0.1:0", "protocol": "forward"}, **keys)]}, file)
            result = logportd("--check", "--config", self.path("logportd.json"))
            self.assertEqual(result.code, 2, keys)
            self.assertIn(words, result.err)
            self.assertNotIn(b"secret", result.err)


class ForwardTls(TlsCase):
    """The same inside TLS."""

    def test_messages(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            path = self.write_config({"address": "127.0.0.1:0", "tls": self.tls_keys()})
            daemon = self.daemon("--config", path, tcp=(), udp=())
            context = ssl.create_default_context(cafile=self.path("ca.pem"))
            context.minimum_version = context.maximum_version = version
            session = Session(daemon.tcp[0], lambda raw: context.wrap_socket(raw, server_hostname="localhost"))
            sent = [{"n": n, "text": "x" * (n % 300)} for n in range(3000)]
            for n, make in enumerate([MODES["forward"], MODES["packed"], MODES["compressed"]]):
                session.deliver(make, "t", sent[n * 1000 : n * 1000 + 1000])
            self.assertEqual([json.loads(line) for line in read_lines(daemon.base)], [stored(r, "t") for r in sent])
            session.close()
            counters = daemon.stop()
            self.assertEqual((counters["stored"], counters["acknowledged"]), (3000, 3000))


class ForwardKills(Case):
    """kill -9 under load: LOGPORT_TEST_SCALE=4000 is 200 of them."""

    def test_no_acknowledged_record_is_missing_and_only_unacknowledged_ones_are_stored_twice(self):
        def record(number):
            return lambda n: {"from": number, "n": n, "fill": "x" * (n % 200)}

        kill_under_load(self, "record", lambda sender: sender.acknowledged,
                        lambda address: [Sender(record(number), address) for number in range(3)])


if __name__ == "__main__":
    main()
