"""test_refused_clients.py - programs that send what is no log protocol: the daemon names it once, counts one
rejected record for each connection, keeps that record, closes the connection, and stores nothing."""

import os

from clients import NODE_MODULES, ClientCase, Entry, Recorder, tests_of
from harness import main, native_only, rejects, status, wait_until
from test_clients import JARS, LOG4J_JARS, LOGBACK_JARS

PICKLE = """
import logging, logging.handlers
log = logging.getLogger("shop")
log.addHandler(logging.handlers.%s("127.0.0.1", 5170))
log.error("a\\n{\\"forged\\":1}\\n")
"""
JUL = """
import java.util.logging.*;
public class Log {
    public static void main(String[] words) throws Exception {
        Logger log = Logger.getLogger("shop");
        log.addHandler(new SocketHandler("127.0.0.1", 5170));
        log.info("a\\n{\\"forged\\":1}\\n");
    }
}
"""
LOG4J = """
public class Log {
    public static void main(String[] words) throws Exception {
        org.apache.logging.log4j.LogManager.getLogger("shop").info("a\\n{\\"forged\\":1}\\n");
    }
}
"""
SLF4J = """
public class Log {
    public static void main(String[] words) throws Exception {
        org.slf4j.LoggerFactory.getLogger("shop").info("a\\n{\\"forged\\":1}\\n");
        Thread.sleep(60000);
    }
}
"""
LOG4J_XML = """
<Configuration>
  <Appenders><Socket name="logport" host="127.0.0.1" port="5170" protocol="TCP">%s</Socket></Appenders>
  <Loggers><Root level="info"><AppenderRef ref="logport"/></Root></Loggers>
</Configuration>
"""
LOGBACK_XML = """
<configuration>
  <appender name="logport" class="ch.qos.logback.classic.net.SocketAppender">
    <remoteHost>127.0.0.1</remoteHost><port>5170</port>
  </appender>
  <root level="INFO"><appender-ref ref="logport"/></root>
</configuration>
"""
LOG4JS = """
const log4js = require('log4js');
log4js.configure({
  appenders: { logport: { type: 'tcp', host: '127.0.0.1', port: 5170 } },
  categories: { default: { appenders: ['logport'], level: 'info' } },
});
log4js.getLogger('shop').info('a\\n{"forged":1}\\n');
"""
WINSTON_HTTP = """
const winston = require('winston');
winston.createLogger({ transports: [new winston.transports.Http({ host: '127.0.0.1', port: 5170, path: '/' })] })
  .info('a', { forged: 1 });
setInterval(() => {}, 1e6);
"""
FORGED = r"printf '{\"forged\":1}\n'"


def refused(name, reason, words, command, text, **more):
    return Entry(name, None, None, text, reason=reason, words=words, command=command, **more)


SHELL, PYTHON, NODE, JAVA = ["bash", "-uc"], "log.py", "log.js", "Log.java"
ENTRIES = [
    refused("python SocketHandler", "pickle", "pickle", PYTHON, PICKLE % "SocketHandler"),
    refused("python DatagramHandler", "pickle", "pickle", PYTHON, PICKLE % "DatagramHandler"),
    refused("java.util.logging SocketHandler", "xml", "XML", JAVA, JUL),
    refused("log4j2 SerializedLayout", "java_serialization", "Java", JAVA, LOG4J, file="log4j2.xml", config=LOG4J_XML % "<SerializedLayout/>"),
    refused("logback SocketAppender", "java_serialization", "Java", JAVA, SLF4J, file="logback.xml", config=LOGBACK_XML),
    refused("log4js tcp", "log4js", "log4js", NODE, LOG4JS),
    refused("messagepack", "msgpack", "MessagePack", SHELL, r"printf '\x81\xa6forged\x01' | nc -N 127.0.0.1 5170"),
    refused("winston http", "http", "HTTP", NODE, WINSTON_HTTP),
    refused("curl", "http", "HTTP", SHELL, FORGED + " | curl -s -H 'Content-Type: application/x-ndjson' --data-binary @- http://127.0.0.1:5170/"),
    refused("curl form", "form", "form", SHELL, "curl -s --data-urlencode 'a={\"forged\":1}' http://127.0.0.1:5170/"),
    refused("curl multipart", "form", "form", SHELL, FORGED + " | curl -s -F 'log=@-' http://127.0.0.1:5170/"),
    refused("curl https", "tls", "TLS", SHELL, "curl -s https://127.0.0.1:5170/"),
    refused("openssl s_client", "tls", "TLS", SHELL, FORGED + " | openssl s_client -quiet -connect 127.0.0.1:5170"),
    refused("utf-16 of PowerShell", "utf16", "UTF-16", SHELL, r"printf '\ufeff{\"forged\":1}\r\n' | iconv -t UTF-16LE | nc -N 127.0.0.1 5170"),
    refused("utf-16 without a mark", "utf16", "UTF-16", SHELL, FORGED + " | iconv -t UTF-16BE | nc -N 127.0.0.1 5170"),
    refused("gzip", "compressed", "compressed", SHELL, FORGED + " | gzip | nc -N 127.0.0.1 5170"),
    refused("zstd", "compressed", "compressed", SHELL, FORGED + " | zstd | nc -N 127.0.0.1 5170"),
    refused("lz4", "compressed", "compressed", SHELL, FORGED + " | lz4 | nc -N 127.0.0.1 5170"),
]


@native_only("these clients are programs of Linux")
class RefusedClients(ClientCase):
    def run_client(self, entry):
        folder, daemon = self.directory(), self.daemon("--flush-ms", "10")
        recorder = Recorder(self, daemon)
        process = self.client(entry, folder, recorder.port)
        try:
            wait_until(lambda: status(daemon)["rejected"] >= 1, "a rejected record")
            if not recorder.datagrams:
                wait_until(lambda: status(daemon)["connections_refused"], "the connection is closed")
        finally:
            self.end(process)
        daemon.send(b'{"good":1}\n')
        self.assert_lines(daemon.wait_stored(1), [b'{"good":1}'])
        counters = daemon.stop()
        # A client may connect again.
        count = len([kept for kept in recorder.connections if kept]) + len(recorder.datagrams)
        self.assertEqual(counters["reasons"], {entry.more["reason"]: count}, self.output(folder))
        self.assertEqual((counters["stored"], counters["rejected"]), (1, count))
        self.assertEqual(counters["connections_refused"], count - len(recorder.datagrams))
        self.assertEqual(len(daemon.said_lines(" sent .*" + entry.more["words"])), 1, daemon.said)
        self.assertEqual([reject["reason"] for reject in rejects(daemon.base)], [entry.more["reason"]] * count)

    def client(self, entry, folder, port):
        command, text = entry.more["command"], entry.body.replace("5170", str(port))
        if command == PYTHON:
            return self.start(folder, ["/usr/bin/python3", self.write(folder, PYTHON, text)])
        if command == NODE:
            if not os.path.isdir(NODE_MODULES):
                self.skipTest("npm install --no-package-lock was not run in tests/clients")
            os.symlink(NODE_MODULES, os.path.join(folder, "node_modules"))
            return self.start(folder, ["node", self.write(folder, NODE, text)])
        if command == JAVA:
            if not os.path.exists(JARS % "logstash-logback-encoder"):
                self.skipTest("Java's packages are not installed")
            jars = []
            if "file" in entry.more:
                self.write(folder, entry.more["file"], entry.more["config"].replace("5170", str(port)))
                jars = LOGBACK_JARS if entry.more["file"] == "logback.xml" else LOG4J_JARS
            classes = ":".join([folder, *(JARS % jar for jar in jars)])
            return self.start(folder, ["java", "-cp", classes, self.write(folder, JAVA, text)])
        return self.start(folder, [*command, text])


tests_of(ENTRIES)(RefusedClients)

if __name__ == "__main__":
    main()
