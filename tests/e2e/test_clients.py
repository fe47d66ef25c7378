"""test_clients.py - the configurations in docs/clients.md, run with the real clients: every event is stored
once, equal to what was logged, and byte for byte what the client sent."""

import glob
import json
import os
import re
import socket
import unittest
import urllib.parse

from clients import (DOCUMENT, NODE_MODULES, SYSLOG_NG, SYSLOG_NG_LIBRARIES, ClientCase, Entry, content_of, lacks_libraries, needs,
                     snippets, syslog_ng_options, tests_of, which)
from harness import BUILD, ROOT, WINDOWS, free_port, main, native_only, run, wait_until


def fields(message="message", n="n", data="data"):
    """Picks the event's parts from the members with these names; None: the client does not send it."""
    names = {"message": message, "n": n, "data": data}
    return lambda record: {key: record[name] for key, name in names.items() if name and name in record}


def gelf(record):
    """GELF has no objects as values: the data is sent as JSON text."""
    picked = {"n": int(record["_n"]), "message": record["short_message"]}
    if len(record["_data"]) != GELF_PRO_MAX:
        picked["data"] = json.loads(record["_data"])
    return picked


GELF_PRO_MAX = 32765  # gelf-pro cuts longer values


def plain_gelf(record):
    """Strings and numbers are sent as they are; a message of several lines has its first line as short_message."""
    data = record["_data"]
    if isinstance(data, str) and data[:1] in ("{", "[") and not data.startswith('}{"'):
        data = json.loads(data)
    return {"n": record["_n"], "message": record.get("full_message", record["short_message"]), "data": data}


def bunyan_gelf(record):
    return fields("msg")(json.loads(record["full_message"]))


# ---- Node.js ----

EACH = "\nfor (const e of JSON.parse(require('fs').readFileSync(process.env.EVENTS))) %s;\nsetInterval(() => {}, 1e6);\n"
# One after the other: the socket buffer is small, and the connections of a client are in no order.
SLOWLY = """
(async () => {
  for (const e of JSON.parse(require('fs').readFileSync(process.env.EVENTS))) {
    %s;
    await new Promise((done) => setTimeout(done, 5));
  }
})();
setInterval(() => {}, 1e6);
"""
FIRST_MESSAGE = EACH % "log.info(e.message, { n: e.n, data: e.data })"
FIRST_FIELDS = EACH % "log.info({ n: e.n, data: e.data }, e.message)"
AS_TEXT = EACH % "client.log(JSON.stringify(e))"
GELF_FIELDS = "{ n: e.n, data: JSON.stringify(e.data) }"

NODE = [
    Entry("pino-tcp", "newline", fields("msg"), FIRST_FIELDS),
    Entry("pino-udp", "newline", fields("msg"), FIRST_FIELDS, long=False),
    Entry("pino-pipe", "newline", fields(), example=0),
    Entry("pino-syslog", "newline", fields("msg"), FIRST_FIELDS),
    Entry("winston-logstash", "newline", fields(), FIRST_MESSAGE),
    Entry("winston3-logstash-transport", "concatenated", fields(), FIRST_MESSAGE, empty=False),
    Entry("winston3-logstash-transport-udp", "concatenated", fields(), FIRST_MESSAGE, long=False, empty=False),
    Entry("winston-syslog", "concatenated", fields(), FIRST_MESSAGE),
    Entry("winston-syslog-udp", "concatenated", fields(), FIRST_MESSAGE, long=False),
    Entry("winston-log2gelf", "nul", plain_gelf, FIRST_MESSAGE),
    Entry("winston-log2gelf-tls", None, plain_gelf, FIRST_MESSAGE, tls="client"),
    Entry("winston-stream", "newline", fields(), FIRST_MESSAGE),
    Entry("bunyan-stream", "newline", fields("msg"), FIRST_FIELDS),
    Entry("bunyan-logstash-tcp", "newline", fields(), FIRST_FIELDS),
    Entry("bunyan-syslog", "newline", fields("msg"), FIRST_FIELDS),
    Entry("gelf-stream", None, bunyan_gelf, FIRST_FIELDS),
    Entry("log4js-tcp", "newline", fields(), FIRST_MESSAGE),
    Entry("log4js-logstash-tcp", "newline", fields(), FIRST_MESSAGE),
    Entry("log4js-logstash-udp", "newline", lambda r: {**r["fields"], "message": r["message"]}, FIRST_MESSAGE, long=False),
    Entry("log4js-gelf", None, gelf, EACH % "log.info({ GELF: true, _n: e.n, _data: JSON.stringify(e.data) }, e.message)",
          long=False),  # it drops messages of more than 8 KiB
    Entry("gelf-pro-udp", None, gelf, SLOWLY % f"log.info(e.message, {GELF_FIELDS})"),
    Entry("gelf-pro-tcp", "nul", gelf, EACH % f"log.info(e.message, {GELF_FIELDS})"),
    Entry("gelf-pro-tls", None, gelf, EACH % f"log.info(e.message, {GELF_FIELDS})", tls="server"),
    # Its chunks are no chunks of GELF: the ID has one byte.
    Entry("gelf", None, gelf, EACH % "gelf.emit('gelf.log', { short_message: e.message, _n: e.n, _data: JSON.stringify(e.data) })",
          empty=False, long=False),
    Entry("gelfling", None, gelf, EACH % "client.send({ short_message: e.message, n: e.n, data: JSON.stringify(e.data) })"),
    Entry("graylog2", None, gelf, EACH % f"log.info(e.message, {GELF_FIELDS})"),
    Entry("syslog-client", "newline", fields(), AS_TEXT),
    Entry("syslog-client-udp", "newline", fields(), AS_TEXT, long=False),
    Entry("syslog-pro", "newline", fields(), EACH % "log.info(JSON.stringify(e))"),
    Entry("lumberjack-client", "lumberjack", fields(), EACH % "client.log(e)"),
    Entry("fluent-logger", "forward", fields(), EACH % "logger.emit('event', e)"),
    Entry("fluent-org-logger", "forward", fields(), EACH % "logger.emit('event', e)"),
    Entry("glossy", "newline", fields(), EACH % "log(e)", long=False),
]
for entry in NODE:
    entry.numbers = False  # a double cannot hold them


@needs("node")
@unittest.skipUnless(os.path.isdir(os.path.join(NODE_MODULES, "log4js")), "npm install --no-package-lock was not run in tests/clients")
@tests_of(NODE)
class NodeClients(ClientCase):
    def client(self, entry, folder, text, port):
        os.symlink(NODE_MODULES, os.path.join(folder, "node_modules"))
        if "my-app" in text:
            return self.shell(folder, text)
        return self.start(folder, ["node", self.write(folder, "log.js", text + entry.body)])


# ---- Python ----

PYTHON_EACH = """
import json, os
for e in json.load(open(os.environ["EVENTS"])):
    %s
"""
EXTRA = PYTHON_EACH % 'log.info(e["message"], extra={"n": e["n"], "data": e["data"]})'
EXTRA_TEXT = PYTHON_EACH % 'log.info(e["message"], extra={"n": e["n"], "data": json.dumps(e["data"])})'
AS_FIELDS = PYTHON_EACH % 'log.info(e["message"], n=e["n"], data=e["data"])'

PYTHON = [
    Entry("python-socket-handler", "newline", fields(), EXTRA),
    Entry("python-tls", None, fields(), EXTRA, tls="client"),
    Entry("python-datagram-handler", "newline", fields(), EXTRA, long=False),
    Entry("python-syslog-tcp", "nul", fields(), EXTRA),
    Entry("python-syslog-udp", "nul", fields(), PYTHON_EACH % 'log.info(e["message"], extra={"fields": {"n": e["n"], "data": e["data"]}})', long=False),
    Entry("python-syslog-unix", None, fields(), EXTRA, long=False, unix=True),
    Entry("python-json-logger", "nul", fields(), EXTRA),
    Entry("structlog", "newline", fields("event"), AS_FIELDS),
    Entry("loguru", "newline", lambda r: fields()({**r["record"]["extra"], "message": r["record"]["message"]}),
          PYTHON_EACH % 'logger.bind(n=e["n"], data=e["data"]).info(e["message"])'),
    Entry("fluent-python", "forward", fields(), PYTHON_EACH % 'log.info(e)'),
    Entry("graypy-udp", None, gelf, EXTRA_TEXT + "    __import__('time').sleep(0.005)\n"),
    Entry("graypy-tcp", "nul", gelf, EXTRA_TEXT),
    Entry("graypy-tls", None, gelf, EXTRA_TEXT, tls="server"),
]


@tests_of(PYTHON)
class PythonClients(ClientCase):
    def client(self, entry, folder, text, port):
        return self.start(folder, ["/usr/bin/python3", self.write(folder, "log.py", text + entry.body)])


# ---- Java ----

JARS = "/usr/share/java/%s.jar"
LOGBACK_JARS = ("logback-classic", "logback-core", "slf4j-api", "logstash-logback-encoder", "disruptor",
                "jackson-core", "jackson-databind", "jackson-annotations")
LOG4J_JARS = ("log4j-api", "log4j-core", "disruptor", "jackson-core", "jackson-databind", "jackson-annotations",
              "jackson-dataformat-xml", "jackson-dataformat-yaml")
JAVA_EACH = """
import com.fasterxml.jackson.databind.*;
import java.io.File;
%s
public class Log {
    public static void main(String[] words) throws Exception {
        for (JsonNode e : new ObjectMapper().readTree(new File(System.getenv("EVENTS")))) {
            String message = e.get("message").asText();
            %s
        }
        %s
    }
}
"""
SLF4J = JAVA_EACH % (
    "import static net.logstash.logback.marker.Markers.append; import org.slf4j.LoggerFactory;",
    """LoggerFactory.getLogger("shop").info(append("n", e.get("n")).and(append("data", e.get("data"))), message);""",
    "((ch.qos.logback.classic.LoggerContext) LoggerFactory.getILoggerFactory()).stop();")
LOG4J = JAVA_EACH % (
    "import org.apache.logging.log4j.*;",
    """ThreadContext.put("n", e.get("n").toString()); ThreadContext.put("data", e.get("data").toString());
       LogManager.getLogger("shop").info(message);""",
    "LogManager.shutdown();")
LOG4J_TEXT = JAVA_EACH % ("import org.apache.logging.log4j.*;", """LogManager.getLogger("shop").info(e.toString());""",
                          "LogManager.shutdown();")


def context_map(record):
    context = record["contextMap"]
    return {"n": int(context["n"]), "message": record["message"], "data": json.loads(context["data"])}


def log4j_gelf(record):
    message = record.get("full_message") or record["short_message"]
    return {"n": int(record["_n"]), "message": message, "data": json.loads(record["_data"])}


JAVA = [
    Entry("logback-tcp", "newline", fields(), SLF4J, 0, file="logback.xml"),
    Entry("logback-tls", None, fields(), SLF4J, 0, file="logback.xml", tls="server"),
    Entry("logback-udp", "newline", fields(), SLF4J, 0, file="logback.xml", long=False),
    Entry("log4j2-json", "newline", context_map, LOG4J, 0, file="log4j2.xml"),
    Entry("log4j2-json-pretty", "concatenated", context_map, LOG4J, 0, file="log4j2.xml"),
    Entry("log4j2-gelf-tcp", "nul", log4j_gelf, LOG4J, 0, file="log4j2.xml"),
    Entry("log4j2-gelf-udp", None, log4j_gelf, LOG4J, 0, file="log4j2.xml", long=False),
    Entry("log4j2-syslog", "newline", fields(), LOG4J_TEXT, 0, file="log4j2.xml"),
]


@native_only("these clients are programs of Linux")
@needs("javac")
@unittest.skipUnless(os.path.exists(JARS % "logstash-logback-encoder"), "Java's packages are not installed")
@tests_of(JAVA)
class JavaClients(ClientCase):
    def client(self, entry, folder, text, port):
        self.write(folder, entry.more["file"], text)
        jars = LOGBACK_JARS if entry.more["file"] == "logback.xml" else LOG4J_JARS
        classes = ":".join([folder, *(JARS % jar for jar in jars)])
        if entry.tls:
            made = run(["keytool", "-importcert", "-noprompt", "-alias", "logport", "-file", os.path.join(folder, "pki/ca.pem"),
                        "-keystore", os.path.join(folder, "trust.p12"), "-storepass", "changeit"])
            self.assertEqual(made.code, 0, made.said)
        source = self.write(folder, "Log.java", entry.body)
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-cp", classes]
        return self.start(folder, ["java", *options, source])


# ---- Go ----

GO_EACH = """
	file, _ := os.ReadFile(os.Getenv("EVENTS"))
	var texts []json.RawMessage
	json.Unmarshal(file, &texts)
	for _, text := range texts {
		var e struct { N int; Message string; Data json.RawMessage }
		json.Unmarshal(text, &e)
		%s
	}
}
"""
LOGRUS = GO_EACH % 'log.WithFields(log.Fields{"n": e.N, "data": e.Data}).Info(e.Message)'
FLUENT = GO_EACH % """var data any
		json.Unmarshal(e.Data, &data)
		log.Post("shop.event", map[string]any{"n": e.N, "message": e.Message, "data": data})"""

GO = [
    Entry("go-syslog", "newline", fields(), GO_EACH % "log.Info(string(text))"),
    Entry("go-zap", "newline", fields("msg"), GO_EACH % 'log.Info(e.Message, zap.Int("n", e.N), zap.Any("data", e.Data))'),
    Entry("go-zerolog", "newline", fields(), GO_EACH % 'log.Info().Int("n", e.N).RawJSON("data", e.Data).Msg(e.Message)'),
    Entry("go-logrus", "newline", fields("msg"), LOGRUS),
    Entry("go-fluent", "forward", fields(), FLUENT, numbers=False),
    Entry("go-tls", None, fields("msg"), LOGRUS, tls="client"),
]


@native_only("these clients are programs of Linux")
@needs("go")
@unittest.skipUnless(os.path.isdir("/usr/share/gocode/src/go.uber.org/zap"), "Go's packages are not installed")
@tests_of(GO)
class GoClients(ClientCase):
    def client(self, entry, folder, text, port):
        text = text.rstrip().removesuffix("}") + entry.body
        missing = [name for name in ("encoding/json", "os") if '"%s"' % name not in text]
        text = text.replace("import ", "".join('import "%s"; ' % name for name in missing) + "import ", 1)
        self.write(folder, "log.go", text)
        variables = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": os.path.join(BUILD, "go-cache"), "CGO_ENABLED": "0"}
        return self.start(folder, ["bash", "-euc", "go build -o log log.go && exec ./log"], **variables)


# ---- other languages ----

PERL_EACH = """
my $events = do { local (@ARGV, $/) = $ENV{EVENTS}; <> };
for my $e (@{JSON::PP->new->utf8->decode($events)}) { %s; }
"""
RUBY_EACH = """
JSON.parse(File.read(ENV['EVENTS'])).each { |e| %s }
"""
PHP_EACH = """
foreach (json_decode(file_get_contents(getenv('EVENTS'))) as $e) { %s; }
"""
LUA_EACH = """
for _, e in ipairs(cjson.decode(io.open(os.getenv("EVENTS")):read("*a"))) do %s end
"""
CPP_EACH = """
    std::ifstream file(std::getenv("EVENTS_LINES"));
    for (std::string line; std::getline(file, line);) log.info(spdlog::string_view_t(line));
}
"""


def monolog(record):
    return {"message": record["message"], **record["context"]}


OTHERS = [
    Entry("perl-socket", "newline", fields(), PERL_EACH % "logport($e)", file="log.pl", numbers=False),
    Entry("perl-syslog-tcp", "newline", fields(), PERL_EACH % "syslog(LOG_INFO, '%s', $json->encode($e))", file="log.pl", numbers=False),
    Entry("perl-syslog-udp", "newline", fields(), PERL_EACH % "syslog(LOG_INFO, '%s', $json->encode($e))", file="log.pl", numbers=False, long=False),
    Entry("log4perl", "newline", fields(), PERL_EACH % "$log->info($json->encode($e))", file="log.pl", numbers=False),
    Entry("ruby-logger", "newline", fields(), RUBY_EACH % "log.info(e)", file="log.rb"),
    Entry("ruby-gelf", None, gelf, RUBY_EACH % "log.notify!(short_message: e['message'], _n: e['n'], _data: JSON.generate(e['data']))",
          file="log.rb", empty=False),
    Entry("monolog-socket", "newline", monolog, PHP_EACH % "$log->info($e->message, ['n' => $e->n, 'data' => $e->data])", file="log.php"),
    Entry("monolog-syslog-udp", "newline", monolog, PHP_EACH % "$log->info($e->message, ['n' => $e->n, 'data' => $e->data])", file="log.php",
          long=False),
    Entry("php-socket", "newline", fields(), PHP_EACH % "logport((array) $e)", file="log.php"),
    Entry("lua-socket", "newline", fields(), LUA_EACH % "log(e)", file="log.lua", numbers=False, without=("numbers", "nested")),
    Entry("lua-logging", "newline", fields(), LUA_EACH % "log:info(cjson.encode(e))", file="log.lua", numbers=False, without=("numbers", "nested")),
    Entry("spdlog-tcp", "newline", fields(), CPP_EACH, file="log.cpp"),
    Entry("spdlog-udp", "newline", fields(), CPP_EACH, file="log.cpp", long=False),
]
INTERPRETERS = {".pl": ["perl", "-w"], ".rb": ["ruby"], ".php": ["php", "-d", "error_reporting=E_ALL & ~E_DEPRECATED"],
                ".lua": ["lua5.1"], ".cpp": ["bash", "-euc", 'g++ -O0 -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL -include fstream -o log "$0" -lspdlog -lfmt -lpthread && exec ./log']}


@native_only("these clients are programs of Linux")
@tests_of(OTHERS)
class OtherClients(ClientCase):
    def client(self, entry, folder, text, port):
        file = entry.more["file"]
        command = INTERPRETERS[os.path.splitext(file)[1]]
        if not which("g++" if command[0] == "bash" else command[0]):
            self.skipTest("%s is not installed" % command[0])
        if file.endswith(".cpp"):
            text = text.rstrip().removesuffix("}")
        lines = os.path.join(folder, "events.ndjson")
        return self.start(folder, [*command, self.write(folder, file, text + entry.body)], EVENTS_LINES=lines)


# ---- programs ----

SHELL = [
    Entry("netcat-tcp", "newline", fields(), example=0, needs="nc"),
    Entry("socat-tcp", "newline", fields(), example=0, needs="socat"),
    Entry("bash-tcp", "newline", fields(), example=0),
    Entry("curl-telnet", "newline", fields(), example=0, needs="curl"),
    Entry("bash-udp", "newline", fields(), example=0, long=False),
    Entry("openssl-tls", None, fields(), example=0, tls="client", needs="openssl"),
    Entry("socat-tls", None, fields(), example=0, tls="client", needs="socat"),
    Entry("logport-send", "newline", fields(), example=0, native=True),
    Entry("jq-lines", "newline", fields(), example=0, needs="jq", numbers=False),
    Entry("jq-pretty", "concatenated", fields(), example=0, needs="jq", numbers=False),
    Entry("jq-seq", "json-seq", fields(), example=0, needs="jq", numbers=False),
    Entry("jq-array", "concatenated", fields(), example=0, needs="jq", numbers=False),
    Entry("socat-unix", None, fields(), example=0, unix=True, needs="socat"),
    Entry("logger-unix", None, fields(), example=0, unix=True, needs="logger", long=False),
    Entry("logger-tcp", "newline", fields(), example=0, needs="logger"),
    Entry("logger-octets", "octet-counting", fields(), example=0, needs="logger"),
    Entry("logger-udp", "newline", fields(), example=0, needs="logger", long=False),
]


@tests_of(SHELL)
class ShellClients(ClientCase):
    def client(self, entry, folder, text, port):
        if entry.more.get("native") and WINDOWS:
            self.skipTest("bash does not start Windows programs")
        return self.shell(folder, text)


# ---- log daemons and servers ----

RSYSLOG = """
global(workDirectory="%(folder)s" maxMessageSize="1m" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp" StreamDriver.Name="ptcp" StreamDriver.Mode="0")
input(type="imtcp" port="0" listenPortFileName="%(folder)s/port" address="127.0.0.1")
"""
NGINX = """
daemon off;
pid %(folder)s/pid;
error_log stderr;
events {}
http {
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi; scgi_temp_path %(folder)s/scgi;
  %(text)s
  server { listen 127.0.0.1:%(port)d; location / { return 204; } }
}
"""
HAPROXY = "    http-request return status 200\n"


def of_text(name):
    """The record has a member with the JSON text of the event."""
    return lambda record: json.loads(record[name])


def of_agent(record):
    return json.loads(urllib.parse.unquote(record["agent"])) if record["agent"] != "example" else {}


def of_journal(record):
    text = lambda value: bytes(value).decode() if isinstance(value, list) else value
    return {"n": int(record["N"]), "message": text(record.get("MESSAGE", "")), "data": json.loads(text(record["DATA"]))}


DAEMONS = [
    Entry("rsyslog-octets", "octet-counting", fields(), example=0, needs="rsyslogd"),
    Entry("rsyslog-lines", "newline", fields(), example=0, needs="rsyslogd"),
    Entry("rsyslog-nul", "nul", fields(), example=0, needs="rsyslogd"),
    Entry("rsyslog-udp", "newline", fields(), example=0, needs="rsyslogd", long=False),
    Entry("rsyslog-message", "newline", fields(), example=0, needs="rsyslogd"),
    Entry("rsyslog-json", "newline", of_text("message"), example=0, needs="rsyslogd"),
    Entry("rsyslog-relp", "relp", fields(), example=0, needs="rsyslogd"),
    Entry("rsyslog-tls", None, fields(), example=0, needs="rsyslogd", tls="client"),
    Entry("syslog-ng-network", "newline", fields(), example=0, needs="syslog-ng"),
    Entry("syslog-ng-syslog", "octet-counting", fields(), example=0, needs="syslog-ng"),
    Entry("syslog-ng-udp", "newline", fields(), example=0, needs="syslog-ng", long=False),
    Entry("syslog-ng-json", "newline", of_text("message"), example=0, needs="syslog-ng"),
    Entry("nginx", "newline", of_agent, example=0, needs="nginx", long=False),
    Entry("haproxy-udp", "newline", of_agent, example=0, needs="haproxy", long=False, without=("grüße", "a stack")),
    Entry("haproxy-ring", "octet-counting", of_agent, example=0, needs="haproxy", long=False, without=("grüße", "a stack")),
    Entry("journal-lines", "newline", of_journal, example=0, needs="journalctl"),
    Entry("journal-seq", "json-seq", of_journal, example=0, needs="journalctl"),
    Entry("journal-pretty", "concatenated", of_journal, example=0, needs="journalctl"),
]


@native_only("these clients are programs of Linux")
@tests_of(DAEMONS)
class DaemonClients(ClientCase):
    def client(self, entry, folder, text, port):
        return getattr(self, entry.name.rpartition("-")[0].replace("-", "_") or entry.name)(entry, folder, text)

    def events(self, folder):
        with open(os.path.join(folder, "events.ndjson"), "rb") as file:
            return file.read().split(b"\n")[:-1]

    def rsyslog(self, entry, folder, text):
        for module, package in (("lmnsd_ossl", "rsyslog-openssl"), ("omrelp", "rsyslog-relp")):
            if module[-4:] in text and not glob.glob("/usr/lib/*/rsyslog/%s.so" % module):
                self.skipTest("%s is not installed" % package)
        config = self.write(folder, "rsyslog.conf", RSYSLOG % {"folder": folder} + text.replace("/etc/rsyslog.d/", folder + "/"))
        process = self.start(folder, [which("rsyslogd"), "-n", "-f", config, "-i", os.path.join(folder, "pid")])
        port = int(wait_until(lambda: content_of(os.path.join(folder, "port")), "rsyslogd listens"))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for event in self.events(folder):
                connection.sendall(b"<134>1 2026-11-30T14:00:00.123Z shop-1 shop 7 id - " + event + b"\n")
        return process

    def syslog_ng(self, entry, folder, text):
        config = self.write(folder, "syslog-ng.conf", SYSLOG_NG % {"folder": folder} + text)
        return self.start_daemon(folder, "syslog-ng", syslog_ng_options(folder, config), LD_LIBRARY_PATH=SYSLOG_NG_LIBRARIES)

    def start_daemon(self, folder, name, words, **variables):
        program = which(name)
        if lacks_libraries(program, **variables):
            self.skipTest("a library of %s is not installed" % name)
        return self.start(folder, [program, *words], **variables)

    def requests(self, folder, port):
        """Each event is the name of a browser that asks for a page."""
        wait_until(lambda: self.answers(port), "the server answers")
        for event in self.events(folder):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: " + event + b"\r\n\r\n")
                self.assertIn(b" 20", connection.recv(1000))

    def answers(self, port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except ConnectionError:
            return False

    def nginx(self, entry, folder, text):
        port = free_port()
        config = self.write(folder, "nginx.conf", NGINX % {"folder": folder, "text": text, "port": port})
        process = self.start_daemon(folder, "nginx", ["-p", folder, "-c", config])
        self.requests(folder, port)
        return process

    def haproxy(self, entry, folder, text):
        port = free_port()
        config = self.write(folder, "haproxy.cfg", text.replace(":8080", "127.0.0.1:%d" % port) + HAPROXY)
        process = self.start_daemon(folder, "haproxy", ["-f", config, "-db"])
        self.requests(folder, port)
        return process

    def journal(self, entry, folder, text):
        """journalctl reads a journal that systemd-journal-remote has made."""
        make = "/lib/systemd/systemd-journal-remote"
        if not os.path.exists(make):
            self.skipTest("systemd-journal-remote is not installed")
        with open(os.path.join(folder, "events.json")) as file:
            events = json.load(file)
        entries = b""
        for event in events:
            values = {"N": event["n"], "DATA": json.dumps(event["data"], ensure_ascii=False), "MESSAGE": event["message"]}
            entries += b"__REALTIME_TIMESTAMP=%d\n_BOOT_ID=%032x\n" % (1796047200000000 + event["n"], 7)
            for name, value in values.items():
                value = str(value).encode()
                entries += name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
            entries += b"\n"
        journal = os.path.join(folder, "events.journal")
        made = run([make, "--output=" + journal, "-"], stdin=entries)
        self.assertEqual(made.code, 0, made.said)
        program = self.write(folder, "bin/journalctl", "#!/bin/sh\nexec %s --file %s \"$@\"\n" % (which("journalctl"), journal))
        os.chmod(program, 0o755)
        return self.shell(folder, text)


# ---- the document ----


class ClientsDocument(unittest.TestCase):
    """docs/clients.md: every example is under test, and the table says what is."""

    def setUp(self):
        with open(DOCUMENT) as file:
            self.text = file.read()
        self.entries = [*NODE, *PYTHON, *JAVA, *GO, *OTHERS, *SHELL, *DAEMONS]

    def test_each_example_with_a_name_is_run_and_others_are_from_documentation(self):
        self.assertEqual(sorted(snippets()), sorted(entry.name for entry in self.entries))
        tested, _, _ = self.text.partition("\n## From documentation\n")
        self.assertEqual(re.findall(r"^```\w[\w+-]*$", tested, re.M), [])

    def test_versions_are_those_of_package_json(self):
        with open(os.path.join(ROOT, "tests", "clients", "package.json")) as file:
            versions = json.load(file)["dependencies"]
        clients = set(versions) - NO_CLIENTS
        for name in clients:
            self.assertIn("%s %s" % (name, versions[name]), self.text)

    def test_the_table_has_the_protocol_of_each_example(self):
        tested, _, _ = self.text.partition("\n## From documentation\n")
        rows, anchors = {}, []
        for line in re.findall(r"^\|(.*)\|$", tested, re.M):
            cells = [cell.strip() for cell in line.split(" | ")]
            anchors = re.findall(r"\(#([\w-]+)\)", cells[0]) or anchors
            for anchor in anchors:
                rows[anchor] = rows.get(anchor, "") + line
        section = None
        for heading, name in re.findall(r"^##+ (.*)$|^```[\w+-]+ ([\w.-]+)$", tested, re.M):
            if heading:
                section = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") if heading else section
                continue
            entry = next(entry for entry in self.entries if entry.name == name)
            self.assertIn(section, rows, name)
            if entry.framing:
                self.assertIn("`%s`" % entry.framing, rows[section], name)
            if entry.tls:
                self.assertIn("TLS", rows[section], name)


# Of tests/clients/package.json.
NO_CLIENTS = {"@hyperjump/browser", "@hyperjump/json-schema", "ajv", "lz4-napi",
              "tree-sitter-powershell", "web-tree-sitter"}

if __name__ == "__main__":
    main()
