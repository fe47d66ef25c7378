#!/usr/bin/env python3
"""seeds.py FUZZER FOLDER - writes short sessions into FOLDER, with which a fuzzer begins: protocols_fuzz, gelf_fuzz,
tls_fuzz, lumberjack_fuzz, forward_fuzz, unfold_fuzz or http_fuzz.

A fuzzer reaches little of a protocol with random bytes alone: octet counts and compressed data would have to
be guessed."""

import gzip
import hashlib
import os
import ssl
import struct
import sys
import zlib

OBJECTS = [b'{"a":1}', b'{"b":{"c":[{"d":"}]{[\\"\\\\"}]}}', b"{}", '{"ü":"東\\ud83d\\ude00"}'.encode(), b'{"n":-1.5e3,"t":[true,null]}']
HEADERS = [
    b'<134>1 2026-11-30T14:00:00Z h a 1 id [x@1 y="{\\"\\]"] ', b"<13>1 - - - - - - ", b"<13>Nov 30 14:00:00 h a[1]: ",
    b"<14>2026-11-30T14:00:00+01:00 h a: @cee: ", b"<12>a: ", b"<12>", b"@cee: ",
]
FRAMINGS = [
    lambda records: b"\xef\xbb\xbf" + b"".join(r + b"\n" for r in records),
    lambda records: b"\n" + b"".join(r + b"\r\n\n" for r in records)[:-1],
    lambda records: b"".join(r + b"\0" for r in records),
    lambda records: b"".join(r.replace(b",", b",\n") + b"\n\0" for r in records),
    lambda records: b"".join(b"\x1e" + r + b"\n" for r in records),
    lambda records: b"".join(b"%d %s" % (len(r), r) for r in records),
    lambda records: b"".join(b"%d %s\n" % (len(r) + 1, r) for r in records),
    b"".join,
    lambda records: b"[" + b",\n ".join(records) + b"]\n",
    lambda records: b"".join(r.replace(b"{", b"{\n ").replace(b",", b",\n ") + b"\n" for r in records),
]
REFUSED = [
    b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n{}\n", b"PRI * HTTP/2.0\r\n\r\n", b"\x16\x03\x01\x02\0\1\0",
    b"\0\0\1\x0a\x80\4\x95", b"\xac\xed\0\5sr", b'<?xml version="1.0"?>', b"\x92\xd7\0_", b'{"a":1}__LOG4JS__', b"\xff\xfe{\0", b"\0{\0\"",
    b"1 open 85 relp_version=0\n", b"2W\0\0\0\1", b"\x28\xb5\x2f\xfd", b"1000000000000000000 {", b"999999999 {}",
]


def protocols():
    for framing in FRAMINGS:
        yield framing(OBJECTS)
        yield framing([b'{"a":', b'{"b":1}}', b"text", b"[1,{}]", b'{"c":"\n"}', b"{}"])
        for header in HEADERS:
            yield framing([header + OBJECTS[0], header + b"text {x} <13>", header + OBJECTS[1]])
    yield from REFUSED


def with_choices():
    """protocols_fuzz: the first three bytes choose the protocol and what is added, the cuts and line_bytes_max."""
    for n, session in enumerate(protocols()):
        yield bytes((0, n % 256, 255)) + session
        yield bytes((0xC0 + n % 6, n * 7 % 256, 64 + n % 100)) + session


def operation(what, data):
    return bytes((what, min(len(data), 255))) + data[:255]


def gelf():
    message = b'{"short_message":"%s"}' % (b"x" * 60)
    for form in (bytes, zlib.compress, gzip.compress, lambda text: zlib.compress(text * 50, 9), lambda text: gzip.compress(text)[:-4]):
        packed = form(message)
        yield operation(2, packed)
        for size in (7, 30, 200):
            parts = [packed[i : i + size] for i in range(0, len(packed), size)]
            chunks = [b"abcdefgh" + bytes((n, len(parts))) + part for n, part in enumerate(parts)]
            yield b"".join(operation(0, chunk) for chunk in chunks)
            yield b"".join(operation(0x40 * (n % 2), chunk) for n, chunk in enumerate(reversed(chunks + chunks[:1])))
            yield b"".join(operation(1 | 2 * 10, chunk) for chunk in chunks[:-1])


def tls():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    for size in (0, 1, 7, 100):
        yield bytes((0, size)) + hello
        yield bytes((0, size)) + hello[:200]
    yield b"\0\0" + hello + b"\x14\x03\x03\0\1\1" + b"\x17\x03\x03\0\x20" + bytes(32)
    shake = bytes((2, 0, 2, 0))
    write = bytes((3, 40, 4, 255, 11, 9))
    yield b"\1" + shake + write + bytes((2, 0))
    yield b"\1" + bytes((0, 1)) * 40 + shake + write * 3 + bytes((0, 90)) * 30 + bytes((7, 0, 2, 0))
    yield b"\1" + shake + write + bytes((5, 1, 2, 0)) + write
    yield b"\1" + bytes((5, 3)) + shake
    yield b"\1" + shake + write + bytes((1, 200, 6, 0, 2, 0))


def unfold():
    line = b'["1700000000123456789","{\\"level\\":\\"info\\",\\"line\\":[1],\\"@timestamp\\":\\"\\u00e9\\"} ",{"trace":"ab","level":"x"}]'
    loki = b'{"streams":[{"stream":{"job":"a","level":"warn"},"values":[["17","text"],' + line + b"]},{}]}"
    attributes = (
        b'[{"key":"a","value":{"intValue":"7"}},{"key":"Level","value":{"arrayValue":{"values":[{"doubleValue":1.50},'
        b'{"kvlistValue":{"values":[{"key":"b","value":{"boolValue":true}}]}},{}]}}}]'
    )
    record = (
        b'{"timeUnixNano":"1700000000123456789","severityNumber":10,"severityText":"INFO","body":{"stringValue":"hi"},'
        b'"attributes":' + attributes + b',"traceId":"ab","flags":1,"other":[{}]}'
    )
    otlp = (
        b'{"resourceLogs":[{"resource":{"attributes":' + attributes + b'},"scopeLogs":[{"scope":{"name":"n","version":"1"},'
        b'"logRecords":[' + record + b',{},' + record + b'],"schemaUrl":"u"}]}]}'
    )
    for room in (10, 40, 100, 255):
        yield bytes((1, room)) + loki
        yield bytes((0, room)) + otlp


def lumberjack():
    def records(first, *data):
        return b"".join(b"2J" + struct.pack(">II", first + n, len(text)) + text for n, text in enumerate(data))

    def window(count):
        return b"2W" + struct.pack(">I", count)

    def packed(data, level=6, cut=0):
        data = zlib.compress(data, level)
        data = data[: len(data) - cut]
        return b"2C" + struct.pack(">I", len(data)) + data

    five = records(1, *OBJECTS)
    for choice in (b"\0", b"\1"):
        for n, session in enumerate((
                window(5) + five, (window(5) + packed(five)) * 2, window(5) + packed(five, 0), window(5) + packed(five, cut=4),
                window(6) + records(7, b"", b"text") + packed(records(9, b"{}", b"[]")) + records(20, b"{}", b"\n"),
                window(2) + packed(packed(five)), window(9) + five + window(1) + records(1, b"{}"), packed(window(5) + five),
                window(1) + records(1, b'{"a":"%s"}' % (b"x" * 300)), window(1) + b"2D\0\0\0\1", b"1W\0\0\0\1",
                window(1) + packed(records(1, b" " * 3000)), window(20) + b"".join(records(90 - 2 * n, b"{}") for n in range(20)))):
            yield choice + bytes((n * 17,)) + session


def forward():
    def text(value):
        return bytes([0xA0 + len(value)]) + value

    def data(value):
        return b"\xc5" + struct.pack(">H", len(value)) + value

    time = b"\xce" + struct.pack(">I", 1700000000)
    event = b"\xd7\0" + struct.pack(">II", 1700000000, 5)
    records = (b"\x80", b"\x81" + text(b"a") + b"\1", b"\x82" + text(b"t\xff\n") + b"\xc0" + text(b"time") + b"\xcb" + struct.pack(">d", 0.1),
               b"\x82\1\x91\xc3" + text(b"b") + b"\xc4\2\xff\0", b"\x81" + text(b"x") + b"\xd4\5z", b"\x81\x80\1")
    entries = b"".join(b"\x92" + (time, event)[n % 2] + record for n, record in enumerate(records))
    option = b"\x82" + text(b"chunk") + text(b"c%d" % 7) + text(b"size") + bytes([len(records)])
    tag = text(b"a.b")
    for choice in (b"\0", b"\1"):
        for n, session in enumerate((
                b"".join(b"\x93" + tag + time + record for record in records), b"\x94" + tag + event + records[1] + option,
                b"\x93" + tag + bytes([0x90 + len(records)]) + entries + option, b"\x93" + tag + data(entries) + option,
                b"\x93" + tag + data(gzip.compress(entries)) + option, b"\x92" + tag + data(gzip.compress(entries[:40]) + gzip.compress(entries[40:])),
                b"\x92" + tag + data(gzip.compress(entries)[:-5]), b"\x92" + tag + data(entries[:-1]) + b"\x93" + tag + time + records[0],
                b"\x92" + tag + data(b"\5\xc1" + entries), b"\x93" + tag + time + b"\xdf\xff\xff\xff\xff", b"\xc0\x93" + tag + b"\xc0" + records[1])):
            yield choice + bytes((n * 23,)) + session
    proof = hashlib.sha512(b"salt" + b"host" + b"\7" * 16 + b"key").hexdigest().encode()
    password = hashlib.sha512(b"\7" * 16 + b"u" + b"pw").hexdigest().encode()
    ping = b"\x96" + text(b"PING") + text(b"host") + text(b"salt") + b"\xd9\x80" + proof + text(b"u") + b"\xd9\x80" + password
    yield b"\2\x11" + ping + b"\x93" + tag + data(entries) + option
    yield b"\2\x11" + ping.replace(b"host", b"hosT") + b"\x93" + tag + data(entries) + option
    for time in (time, event, b"\xc0", b"\xcb" + struct.pack(">d", 1.5), b"\xca" + struct.pack(">f", 1e9), b"\xd3" + struct.pack(">q", -5)):
        for record in records:
            yield b"\0\0\x93" + tag + time + record


def http():
    """The first byte says where the rest is cut."""
    host, kind = b"Host: localhost\r\n", b"Content-Type: application/json\r\n"

    def counted(head, body):
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def chunked(head, body):
        chunks = (body[at : at + 5] for at in range(0, len(body), 5))
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(
            b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"

    for n, (target, body) in enumerate((
            (b"/", b'{"a":1}\n{"b":\n2}\n'), (b"/", b'[{"a":1},{}]'), (b"/services/collector", b'{"event":1}{"event":2}'),
            (b"/_bulk", b'{"index":{}}\n{"a":1}\n{"delete":{}}\n{"create":{}}\n{}\n'),
            (b"/services/collector/ack?channel=1", b'{"acks":[1,2]}'), (b"/api/events/raw", b'{"Events":[{"a":1},{}]}'),
            (b"/v1/logs", b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}'),
            (b"/loki/api/v1/push", b'{"streams":[{"stream":{"a":"b"},"values":[["1","x"]]}]}'))):
        for framing in (counted, chunked):
            for coding, pack in ((b"", bytes), (b"Content-Encoding: gzip\r\n", gzip.compress),
                                 (b"Content-Encoding: deflate\r\n", zlib.compress)):
                yield bytes((n * 17,)) + framing(b"POST " + target + b" HTTP/1.1\r\n" + host + kind + coding, pack(body)) + (
                    b"GET / HTTP/1.1\r\n" + host + b"\r\n")


def main():
    name, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    for n, seed in enumerate({"protocols_fuzz": with_choices, "gelf_fuzz": gelf, "tls_fuzz": tls, "lumberjack_fuzz": lumberjack, "forward_fuzz": forward,
                             "unfold_fuzz": unfold, "http_fuzz": http}[name]()):
        with open(os.path.join(folder, "seed-%03d" % n), "wb") as file:
            file.write(seed)


if __name__ == "__main__":
    main()
