"""test_http_clients.py - the examples of docs/http.md, run with the real clients: every event is stored once, equal to
what was logged, and the client is satisfied; and what was acknowledged when the daemon is killed."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

from clients import NODE_MODULES, SYSLOG_NG, SYSLOG_NG_LIBRARIES, content_of, lacks_libraries, needs, syslog_ng_options, which
from harness import PATIENCE_S, ROOT, environment, main, read_lines, run, wait_until
from http_client import http_address
from kills import kill_under_load
from resend import HttpResender
from test_http import HttpCase

DOCUMENT = os.path.join(ROOT, "docs", "http.md")
EVENTS = [
    {"message": "hello", "data": 1},
    {"message": "grüße aus 東京 \U0001f600", "data": "\x01 ü \\ \" \u2028"},
    {"message": "line one\nline two\r\n\tindented", "data": {"nested": [1.5, True, {"a": "b"}]}},
    {"message": '{"looks":"like JSON"', "data": 12345678901234},
    {"message": "long", "data": "x" * 20000},
] + [{"message": "event %d" % n, "data": n} for n in range(200)]

READ = "JSON.parse(fs.readFileSync(process.env.EVENTS)).map((e, n) => ({ n, ...e }))"
EACH = READ + ".forEach((e) => %s);\nsetInterval(() => {}, 1e6);\n"
FIRST_MESSAGE = EACH % "log.info(e.message, { n: e.n, data: e.data })"
FIRST_FIELDS = EACH % "log.info({ n: e.n, data: e.data }, e.message)"

RSYSLOG = """
global(workDirectory="%(folder)s" maxMessageSize="1m")
module(load="impstats" interval="1" format="json" log.file="%(folder)s/statistics" log.syslog="off")
module(load="imfile")
input(type="imfile" File="%(folder)s/events.ndjson" Tag="shop")
"""


def fields(record):
    return record


def snippet(language, name):
    with open(DOCUMENT) as file:
        return re.search(r"^```%s %s\n(.*?)^```$" % (language, name), file.read(), re.M | re.S)[1]


class HttpClients(HttpCase):
    """More than the example's own event, which is not sent."""

    def stored(self, folder, command, message="message", inside=fields, ends=True, satisfied=None, **variables):
        """ends: the client does, after it has said what it was answered.  satisfied(): it says so itself."""
        with open(os.path.join(folder, "events.json"), "w") as file:
            json.dump(EVENTS, file)
        with open(os.path.join(folder, "events.ndjson"), "w") as file:
            for n, event in enumerate(EVENTS):
                file.write(json.dumps({"n": n, **event}, ensure_ascii=False) + "\n")
        client = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env=environment(EVENTS=os.path.join(folder, "events.json"), **variables))
        try:
            wait_until(lambda: len(read_lines(self.running.base)) >= len(EVENTS), "all events are stored")
            if satisfied:
                wait_until(satisfied, "the client has its answers")
                client.terminate()
            if ends:
                client.wait(PATIENCE_S)
        finally:
            client.kill()
            said = client.communicate()[0]
        counters = self.running.stop()
        self.assertEqual((counters["stored"], counters["rejected"], counters["http_refused"], counters["http_failed"]),
                         (len(EVENTS), 0, 0, 0), said)
        records = sorted((inside(json.loads(line)) for line in read_lines(self.running.base)), key=lambda record: record["n"])
        self.assertEqual([{"message": record[message], "data": record["data"]} for record in records], EVENTS)
        return said

    def example(self, language, name, **listener):
        self.running = self.configured(**listener)
        return snippet(language, name).replace("5180", str(http_address(self.running)[1]))

    def node(self, name, body, message="message", inside=fields, ends=False, **listener):
        for package in re.findall(r"(?:require\(|from )'([^']+)'", snippet("js", name)):
            if not os.path.isdir(os.path.join(NODE_MODULES, package)):
                self.skipTest("npm install --no-package-lock was not run in tests/clients for " + package)
        example, folder = self.example("js", name, **listener), self.directory()
        os.symlink(NODE_MODULES, os.path.join(folder, "node_modules"))
        example = re.sub(r"^(log\.|send\().*\n", "", example, flags=re.M)
        modules = example.startswith("import ")
        first = "import fs from 'fs';\n" if modules else "const fs = require('fs');\n"
        with open(os.path.join(folder, "log.mjs" if modules else "log.js"), "w") as file:
            file.write(first + example + body)
        return self.stored(folder, ["node", "log.mjs" if modules else "log.js"], message, inside, ends)

    @unittest.skipUnless(shutil.which("curl") and shutil.which("bash"), "needs curl")
    def test_curl(self):
        said = self.stored(self.directory(), ["bash", "-c", self.example("sh", "curl")])
        self.assertIn(b'{"stored":%d,"rejected":0}' % len(EVENTS), said)

    def test_python(self):
        folder = self.directory()
        with open(os.path.join(folder, "log.py"), "w") as file:
            file.write(re.sub(r"^send\(.*\n", "", self.example("python", "python"), flags=re.M)
                       + "import os\nprint(send([{'n': n, **e} for n, e in enumerate(json.load(open(os.environ['EVENTS'])))]))\n")
        self.assertIn(b"'rejected': 0", self.stored(folder, [sys.executable, "log.py"]))

    @unittest.skipUnless(os.path.isdir("/usr/lib/python3/dist-packages/elasticsearch"), "python3-elasticsearch is not installed")
    def test_elasticsearch_for_python(self):
        folder = self.directory()
        with open(os.path.join(folder, "log.py"), "w") as file:
            file.write("import json, os\n" + re.sub(r"^send\(.*\n", "", self.example("python", "elasticsearch-python"), flags=re.M)
                       + "print(send([{'n': n, **e} for n, e in enumerate(json.load(open(os.environ['EVENTS'])))]))\n")
        self.assertIn(b"(%d, [])" % len(EVENTS), self.stored(folder, ["/usr/bin/python3", "log.py"]))

    def daemon_config(self, folder, name, text):
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    @needs("rsyslogd")
    @unittest.skipUnless(glob.glob("/usr/lib/*/rsyslog/omelasticsearch.so"), "rsyslog-elasticsearch is not installed")
    def test_rsyslog_omelasticsearch(self):
        folder = self.directory()
        example = self.example("rsyslog", "rsyslog-elasticsearch")
        config = self.daemon_config(folder, "rsyslog.conf", RSYSLOG % {"folder": folder} + example)

        def satisfied():
            said = [json.loads(line.partition(b": ")[2]) for line in content_of(folder + "/statistics").encode().splitlines()]
            counts = [found for found in said if found.get("origin") == "omelasticsearch"][-1:]
            return counts and counts[0]["submitted"] == len(EVENTS) and not any(
                value for name, value in counts[0].items() if name.startswith("fail"))

        self.stored(folder, [which("rsyslogd"), "-n", "-f", config, "-i", folder + "/pid"], satisfied=satisfied)

    @needs("syslog-ng")
    @unittest.skipUnless(any(glob.glob(folder + "/*/libhttp.so") for folder in ("/usr/lib/syslog-ng", SYSLOG_NG_LIBRARIES)),
                         "syslog-ng-mod-http is not installed")
    def test_syslog_ng_http(self):
        folder, variables = self.directory(), {"LD_LIBRARY_PATH": SYSLOG_NG_LIBRARIES}
        if lacks_libraries(which("syslog-ng"), **variables):
            self.skipTest("a library of syslog-ng is not installed")
        example = self.example("syslog-ng", "syslog-ng-http")
        config = self.daemon_config(folder, "syslog-ng.conf", SYSLOG_NG % {"folder": folder} + example)

        def satisfied():
            said = run([which("syslog-ng-ctl"), "stats", "-c", folder + "/ctl"], env=environment(**variables)).out
            counts = dict(re.findall(rb"^dst\.http;.*;a;(\w+);(\d+)$", said, re.M))
            return int(counts.get(b"written", 0)) == len(EVENTS) and int(counts[b"dropped"]) == 0

        self.stored(folder, [which("syslog-ng"), *syslog_ng_options(folder, config)], satisfied=satisfied, **variables)

    @needs("node")
    def test_winston_http(self):
        self.node("winston-http", FIRST_MESSAGE)

    @needs("node")
    def test_elasticsearch(self):
        said = self.node("elasticsearch", "send(" + READ + ").then((result) => console.log(result));\n", ends=True)
        self.assertIn(b"successful: %d" % len(EVENTS), said)
        self.assertIn(b"failed: 0", said)

    @needs("node")
    def test_winston_elasticsearch(self):
        self.node("winston-elasticsearch", FIRST_MESSAGE, inside=lambda record: {**record, **record["fields"]})

    @needs("node")
    def test_pino_elasticsearch(self):
        self.node("pino-elasticsearch", FIRST_FIELDS, "msg")

    @needs("node")
    def test_splunk_logging(self):
        self.node("splunk-logging", EACH % "log.send({ message: e })", inside=lambda record: record["event"]["message"],
                  tokens=["secret"])

    @needs("node")
    def test_pino_seq(self):
        self.node("pino-seq", FIRST_FIELDS, inside=lambda record: {**record["Properties"], "message": record["MessageTemplate"]})

    @needs("node")
    def test_winston_seq(self):
        self.node("winston-seq", FIRST_MESSAGE, inside=lambda record: {**record["Properties"], "message": record["MessageTemplate"]})

    @needs("node")
    def test_datadog_winston(self):
        self.node("datadog-winston", FIRST_MESSAGE, tokens=["secret"])


class Sender(HttpResender):
    """Sends lines, or bulks if its number is even."""

    def request(self, numbers):
        records = [json.dumps({"from": self.number, "n": n, "x": "x" * 100}) for n in numbers]
        bulk = self.number % 2 == 0
        body = "".join(('{"create":{}}\n' if bulk else "") + record + "\n" for record in records)
        return "/_bulk" if bulk else "/", body, "application/x-ndjson"

    def is_stored(self, status, body):
        found = json.loads(body)
        return status == 200 and not found.get("errors") and found.get("rejected", 0) == 0


class HttpKills(HttpCase):
    def test_no_acknowledged_record_is_lost(self):
        kill_under_load(self, "record", lambda sender: sender.acknowledged,
                        lambda address_now: [Sender(n, address_now) for n in range(4)], http=True)


if __name__ == "__main__":
    main()
