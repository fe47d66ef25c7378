"""test_clients.py - lines from widely used senders are stored byte for byte."""

import json
import logging
import logging.handlers
import os
import subprocess
import unittest

from harness import (
    ROOT,
    Case,
    environment,
    log_line,
    main,
    rejects,
    run,
    start,
    wait_until,
)

NODE_MODULES = os.path.join(ROOT, "tests", "clients", "node_modules")


def which(name):
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    return None


def needs(name):
    return unittest.skipUnless(which(name), "%s is not installed" % name)


class Client(Case):
    def make_lines(self, count):
        return [log_line(self.rng, n=n, client=self.id().rpartition(".")[2]) for n in range(count)]

    def all_stored(self, daemon, sent):
        self.assert_lines(daemon.wait_stored(len(sent)), sent)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["rejected"]), (len(sent), 0))


@needs("nc")
class Netcat(Client):
    def test_nc_over_tcp(self):
        daemon, sent = self.daemon(), self.make_lines(500)
        result = run(["nc", "-N", *map(str, daemon.tcp[0])], stdin=b"\n".join(sent) + b"\n")
        self.assertEqual(result.code, 0, result.said)
        self.all_stored(daemon, sent)

    def test_nc_over_udp(self):
        daemon, sent = self.daemon(), self.make_lines(20)
        for line in sent:
            run(["nc", "-u", "-q", "0", *map(str, daemon.udp[0])], stdin=line + b"\n")
        self.all_stored(daemon, sent)


class JsonLines:
    """The usual override that makes logging's network handlers send text instead of a pickle."""

    def makePickle(self, record):
        return json.dumps({"level": record.levelname, "time": record.created, "msg": record.getMessage()}).encode() + b"\n"


class PythonLogging(Client):
    def logs(self, handler_class, daemon, address):
        sent = []

        class Handler(JsonLines, handler_class):
            def makePickle(self, record):
                sent.append(super().makePickle(record))
                return sent[-1]

        handler = Handler(*address)
        logger = logging.Logger("test")
        logger.addHandler(handler)
        for n in range(300):
            logger.log(self.rng.choice((10, 20, 30, 40)), 'line %d "quoted"\nsecond line of it, 東京', n)
        found = daemon.wait_stored(300)
        handler.close()
        self.assert_lines(found, [line.rstrip(b"\n") for line in sent])
        self.assertEqual(daemon.stop()["received"], 300)

    def test_socket_handler(self):
        daemon = self.daemon()
        self.logs(logging.handlers.SocketHandler, daemon, daemon.tcp[0])

    def test_datagram_handler(self):
        daemon = self.daemon()
        self.logs(logging.handlers.DatagramHandler, daemon, daemon.udp[0])

    def test_a_pickling_handler_is_quarantined_never_unpickled(self):
        daemon = self.daemon()
        handler = logging.handlers.DatagramHandler(*daemon.udp[0])
        logger = logging.Logger("test")
        logger.addHandler(handler)
        logger.error("this goes out as a pickle")
        daemon.wait_stored(1, "rejects")
        handler.close()
        counters = daemon.stop()
        self.assertEqual(counters["stored"], 0)
        self.assertTrue(any("raw_base64" in reject for reject in rejects(daemon.base)))


PINO_TRANSPORT = """
const pino = require('pino');
const [mode, port, count] = process.argv.slice(2);
const transport = pino.transport({target: 'pino-socket',
  options: {address: '127.0.0.1', port: Number(port), mode}});
const log = pino({level: 'debug'}, pino.multistream(
  [{stream: transport, level: 'debug'}, {stream: process.stdout, level: 'debug'}]));
for (let n = 0; n < Number(count); n++)
  log[n % 3 ? 'info' : 'warn']({n, request: {method: 'GET', url: '/x?y="z"'}}, 'grüße aus 東京 %d', n);
// It ends when the test has seen the lines: a transport tells nobody when its socket is empty.
process.stdin.resume().on('end', () => process.exit(0));
"""


@needs("node")
@unittest.skipUnless(os.path.isdir(NODE_MODULES), "npm install --no-package-lock was not run in tests/clients")
class Pino(Client):
    def start_node(self, words, **options):
        variables = environment(NODE_PATH=NODE_MODULES)
        process = start(["node", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables, **options)

        def end():
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

        self.addCleanup(end)
        return process

    def transport(self, mode, address):
        count = 100
        script = os.path.join(self.directory(), "log.js")
        with open(script, "w") as file:
            file.write(PINO_TRANSPORT)
        daemon = self.daemon()
        process = self.start_node([script, mode, str(getattr(daemon, address)[0][1]), str(count)])
        sent = [process.stdout.readline().rstrip(b"\n") for _ in range(count)]
        self.assertEqual(json.loads(sent[-1])["n"], count - 1)
        self.all_stored(daemon, sent)

    def test_the_pino_socket_transport_over_tcp(self):
        self.transport("tcp", "tcp")

    def test_the_pino_socket_transport_over_udp(self):
        self.transport("udp", "udp")

    def pipe(self, mode, address):
        """`app | pino-socket` sends each piece that it reads unchanged."""
        daemon, sent = self.daemon("--flush-ms", "10"), self.make_lines(40)
        words = ["-a", "127.0.0.1", "-p", str(getattr(daemon, address)[0][1]), "-m", mode, "--no-echo"]
        process = self.start_node([os.path.join(NODE_MODULES, "pino-socket", "psock.js"), *words])
        for n in range(0, 40, 2):
            process.stdin.write(sent[n] + b"\n" + sent[n + 1] + b"\n")
            process.stdin.flush()
            daemon.wait_stored(n + 2)
        self.all_stored(daemon, sent)

    def test_piped_into_pino_socket_over_tcp(self):
        self.pipe("tcp", "tcp")

    def test_piped_into_pino_socket_over_udp_two_lines_a_datagram(self):
        self.pipe("udp", "udp")


RSYSLOG = """
global(workDirectory="%(work)s" maxMessageSize="64k")
module(load="imtcp")
template(name="bare" type="string" string="%%rawmsg%%\\n")
input(type="imtcp" port="0" listenPortFileName="%(work)s/port" address="127.0.0.1")
action(type="omfwd" target="127.0.0.1" port="%(port)d" protocol="%(protocol)s" template="bare"
       tcp_framing="traditional" action.resumeRetryCount="-1" queue.type="linkedlist")
"""


@needs("rsyslogd")
class Rsyslog(Client):
    def forwards(self, protocol):
        daemon, sent, work = self.daemon(), self.make_lines(200), self.directory()
        config = os.path.join(work, "rsyslog.conf")
        with open(config, "w") as file:
            file.write(RSYSLOG % {"work": work, "protocol": protocol, "port": getattr(daemon, protocol)[0][1]})
        process = start(
            [which("rsyslogd"), "-n", "-f", config, "-i", os.path.join(work, "pid")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def end():
            process.kill()
            process.wait()

        self.addCleanup(end)
        port = int(wait_until(lambda: content_of(os.path.join(work, "port")), "rsyslogd listens"))
        feed = run(["nc", "-N", "127.0.0.1", str(port)], stdin=b"\n".join(sent) + b"\n")
        self.assertEqual(feed.code, 0, feed.said)
        self.all_stored(daemon, sent)

    def test_omfwd_over_tcp(self):
        self.forwards("tcp")

    def test_omfwd_over_udp(self):
        self.forwards("udp")


def content_of(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main()
