"""test_bad_input.py - invalid input is kept in quarantine with its reason and harms nothing else."""

import base64
import contextlib
import re
import socket
import ssl
import struct
import time

from harness import (
    SANITIZED,
    WINDOWS,
    Case,
    decode,
    dropped,
    main,
    native_only,
    raise_open_files,
    rejects,
    scaled,
    segments,
    wait_until,
)
from records import ALSO, BAD, GOOD

KEPT_MAX = 64 << 10
KEPT_OF_OVERSIZED = 4 << 10

def kept(reject):
    """The bytes of a rejected record that quarantine keeps."""
    if "raw" in reject:
        return reject["raw"].encode("utf-8", "surrogatepass")
    return base64.b64decode(reject["raw_base64"], validate=True)


class Bad(Case):
    def validate(self, data, *words):
        """Sends bytes over one connection and stops: (stored, rejects, counters)."""
        daemon = self.daemon(*words)
        daemon.send(data)
        # Without this the stop may come before the connection is accepted.
        if data.strip(b"\r\n \t"):
            wait_until(lambda: daemon.lines_stored() or daemon.lines_stored("rejects"), "something is there")
        counters = daemon.stop()
        stored, bad = daemon.lines_stored(), rejects(daemon.base)
        self.assertEqual((len(stored), len(bad)), (counters["stored"], counters["rejected"]))
        self.assertEqual(dropped(counters), 0)
        return stored, bad, counters


class BadRecords(Bad):
    """One invalid line each between valid ones: only that line is rejected, with its reason."""

    def rejected_for(self, reason):
        lines = BAD[reason]
        data = b"".join(b'{"before":%d}\n%s\n' % (n, line) for n, line in enumerate(lines)) + b'{"last":1}\n'
        stored, bad, _ = self.validate(data)
        self.assert_lines(stored, [b'{"before":%d}' % n for n in range(len(lines))] + [b'{"last":1}'])
        self.assertEqual([kept(reject) for reject in bad], [line[:KEPT_MAX] for line in lines])
        for line, reject in zip(lines, bad):
            self.assertIn(reject["reason"], {reason} | ALSO.get(line, set()), line[:100])
            self.assertEqual(reject["bytes"], len(line))
            self.assertTrue(0 <= reject["offset"] <= len(line), reject)

    def test_truncated_json_is_rejected(self):
        self.rejected_for("truncated")

    def test_trailing_garbage_is_rejected(self):
        self.rejected_for("trailing")

    def test_numbers_that_json_does_not_know_are_rejected(self):
        self.rejected_for("bad_number")

    def test_bad_escapes_are_rejected(self):
        self.rejected_for("bad_escape")

    def test_raw_control_characters_in_strings_are_rejected(self):
        self.rejected_for("control_character")

    def test_invalid_and_overlong_utf8_is_rejected_and_kept_in_base64(self):
        self.rejected_for("bad_utf8")

    def test_misspelt_literals_are_rejected(self):
        self.rejected_for("bad_literal")

    def test_nan_nul_bytes_and_wrong_punctuation_are_rejected(self):
        self.rejected_for("unexpected")

    def test_what_is_no_object_is_rejected(self):
        self.rejected_for("not_object")

    def test_five_thousand_nested_arrays_are_rejected(self):
        self.rejected_for("too_deep")

    def test_odd_but_legal_lines_are_stored_as_they_came(self):
        stored, bad, _ = self.validate(b"\n".join(GOOD) + b"\n")
        self.assertEqual(bad, [])
        self.assert_lines(stored, GOOD)


class Quarantine(Bad):
    def test_a_reject_says_when_from_whom_on_which_listener_why_where_and_what(self):
        daemon = self.daemon()
        connection = daemon.connect()
        me = connection.getsockname()
        connection.sendall(b'{"a":1} x\n')
        daemon.wait_stored(1, "rejects")
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            sender.connect(daemon.udp[0])
            sender.send(b"\xff\xfe\n")
            udp_me = sender.getsockname()
            daemon.wait_stored(2, "rejects")
        daemon.stop()
        tcp, udp = rejects(daemon.base)
        for reject in (tcp, udp):
            self.assertRegex(reject["received"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertEqual(tcp["peer"], "%s:%d" % me)
        self.assertEqual(udp["peer"], "%s:%d" % udp_me)
        self.assertIn("tcp", tcp["listener"])
        self.assertIn("udp", udp["listener"])
        self.assertIn(str(daemon.tcp[0][1]), tcp["listener"])
        self.assertIn(str(daemon.udp[0][1]), udp["listener"])
        self.assertEqual((tcp["reason"], tcp["offset"], tcp["bytes"], tcp["raw"]), ("trailing", 8, 9, '{"a":1} x'))
        self.assertEqual((udp["bytes"], base64.b64decode(udp["raw_base64"])), (2, b"\xff\xfe"))
        self.assertNotIn("raw", udp)
        self.assertNotIn("raw_base64", tcp)
        names = {"received", "peer", "listener", "reason", "offset", "bytes", "raw", "raw_base64"}
        self.assertLessEqual(set(tcp) | set(udp), names)

    def test_of_a_long_bad_line_64_kib_are_kept_and_its_true_size_is_said(self):
        line = b'{"a":"' + b"x" * 200_000 + b'"} garbage'
        stored, [bad], _ = self.validate(line + b'\n{"next":1}\n')
        self.assertEqual(bad["bytes"], len(line))
        self.assertEqual(bad["reason"], "trailing")
        self.assertEqual(kept(bad), line[:KEPT_MAX])
        self.assert_lines(stored, [b'{"next":1}'])

    def test_quotes_and_control_characters_come_back_out_of_quarantine(self):
        line = b'\\"quoted\\" \x00\x01\x1f\x7f \xe2\x80\xa8 </script> {"a":'
        _, [bad], _ = self.validate(line + b"\n")
        self.assertEqual(kept(bad), line)

    @native_only("Wine's receives are slower than the bound")
    def test_a_flood_of_bad_lines_is_kept_to_the_bound_and_the_rest_is_counted(self):
        # 96 MiB: at 8 MiB/s only a part of it fits, however slow the machine is.
        count, size = max(scaled(24_000), 12_000), 4096
        daemon = self.daemon()
        line = b"bad " + b"x" * (size - 5) + b"\n"
        begin = time.monotonic()
        with contextlib.closing(daemon.connect()) as connection:
            for _ in range(count // 100):
                connection.sendall(line * 100)
        connection = daemon.connect()
        connection.sendall(b'{"good":1}\n')
        daemon.wait_stored(1)
        counters = daemon.stop()
        took = time.monotonic() - begin
        if took > count * size / (8 << 20):
            self.skipTest("this machine is too slow for a flood: %.1f s" % took)
        self.assertEqual(counters["received"], count + 1)
        self.assertEqual(counters["stored"], 1)
        self.assertGreater(counters["dropped"].get("quarantine_full", 0), 0)
        self.assertEqual(counters["rejected"] + counters["dropped"]["quarantine_full"], count)
        self.assertGreater(counters["rejected"], 0)
        text = sum(len(decode(path)) for path in segments(daemon.base, "rejects"))
        self.assertLess(text, (took + 2) * (8 << 20))
        self.assertEqual(len(daemon.lines_stored("rejects")), counters["rejected"])


class Framing(Bad):
    def test_crlf_blank_lines_and_white_space_around_records_are_framing(self):
        data = b'\n\r\n \t\n{"a":1}\r\n\n\n  {"b":2}\t \n\t{"c":3}\r\n\r\n{"d":4}'
        stored, bad, counters = self.validate(data)
        self.assertEqual(bad, [])
        self.assert_lines(stored, [b'{"a":1}', b'{"b":2}', b'{"c":3}', b'{"d":4}'])
        self.assertEqual(counters["received"], 4, "a blank line is no record")

    def test_only_blank_lines_are_no_records(self):
        _, _, counters = self.validate(b"\n\r\n   \n\t\r\n\n")
        self.assertEqual(counters["received"], 0)

    def test_a_5_mib_line_is_rejected_whole_and_the_next_line_is_stored(self):
        line = b'{"msg":"' + b"abcdefgh" * (5 << 17) + b'"}'
        stored, [bad], counters = self.validate(b'{"n":1}\n' + line + b'\n{"n":2}\n')
        self.assert_lines(stored, [b'{"n":1}', b'{"n":2}'])
        self.assertEqual(counters["received"], 3)
        self.assertEqual(bad["bytes"], len(line))
        self.assertEqual(bad["reason"], "oversized")
        self.assertEqual(kept(bad), line[:KEPT_OF_OVERSIZED])

    def test_a_line_of_exactly_the_limit_is_stored_and_one_byte_more_is_rejected(self):
        limit = 1 << 20
        line = lambda size: b'{"msg":"' + b"y" * (size - 10) + b'"}'
        stored, [bad], _ = self.validate(line(limit) + b"\n" + line(limit + 1) + b'\n{"n":2}\n')
        self.assert_lines(stored, [line(limit), b'{"n":2}'])
        self.assertEqual((bad["reason"], bad["bytes"]), ("oversized", limit + 1))

    def test_line_bytes_max_is_the_operators_to_choose(self):
        lines = [b'{"msg":"' + b"z" * size + b'"}' for size in (100, 2000, 5000)]
        stored, bad, _ = self.validate(b"\n".join(lines) + b"\n", "--line-bytes-max", "4KiB")
        self.assert_lines(stored, lines[:2])
        self.assertEqual([(r["reason"], r["bytes"]) for r in bad], [("oversized", len(lines[2]))])

    def test_an_oversized_line_that_never_ends_is_one_reject_when_its_connection_does(self):
        size = 3 << 20
        stored, [bad], _ = self.validate(b'{"n":1}\n' + b"x" * size)
        self.assertEqual((bad["reason"], bad["bytes"]), ("oversized", size))
        self.assert_lines(stored, [b'{"n":1}'])

    def test_a_line_cut_into_single_bytes_is_one_line(self):
        daemon = self.daemon()
        connection = daemon.connect()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = b'{"msg":"one byte at a time"}'
        for byte in line + b"\r\n":
            connection.sendall(bytes([byte]))
        self.assert_lines(daemon.wait_stored(1), [line])
        self.assertEqual(daemon.stop()["received"], 1)

    def ends(self, how):
        """What happens to bytes after the last newline when a connection ends in this way."""
        daemon = self.daemon()
        for n, tail in enumerate((b'{"whole":1}', b'{"cut":')):
            connection = daemon.connect()
            connection.sendall(b'{"n":%d}\n' % n)
            daemon.wait_stored(n + 1 + n)
            connection.sendall(tail)
            if how == "reset":
                # Bytes that the kernel has not delivered when a reset arrives are
                # lost to any receiver, so let the daemon take it first.
                wait_until(lambda: unread(daemon, connection) == 0, "the daemon has read it")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            if n == 0:
                daemon.wait_stored(2)
            else:
                daemon.wait_stored(1, "rejects")
        counters = daemon.stop()
        self.assert_lines(daemon.lines_stored(), [b'{"n":0}', b'{"whole":1}', b'{"n":1}'])
        [bad] = rejects(daemon.base)
        self.assertEqual((kept(bad), bad["reason"], bad["bytes"]), (b'{"cut":', "truncated", 7))
        self.assertEqual(counters["received"], 4)

    def test_bytes_left_when_a_connection_is_closed_are_a_record(self):
        self.ends("close")

    @native_only("/proc/net/tcp does not tell what Wine's program has read")
    def test_bytes_left_when_a_connection_is_reset_are_a_record(self):
        self.ends("reset")

    def test_a_connection_shut_on_one_side_is_read_to_its_end(self):
        daemon = self.daemon()
        connection = daemon.connect()
        connection.sendall(b'{"n":1}')
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.recv(1), b"", "the daemon closes in its turn")
        self.assert_lines(daemon.wait_stored(1), [b'{"n":1}'])
        daemon.stop()


def unread(daemon, connection):
    """Bytes in the receive queue of the daemon's end of this connection."""
    mine, theirs = connection.getsockname()[1], connection.getpeername()[1]
    with open("/proc/net/tcp") as table:
        for row in table.read().split("\n")[1:]:
            fields = row.split()
            if fields and int(fields[1].split(":")[1], 16) == theirs and int(fields[2].split(":")[1], 16) == mine:
                return int(fields[4].split(":")[1], 16)
    return 0


class Datagrams(Bad):
    def test_the_largest_datagram_is_one_line(self):
        line = b'{"msg":"' + b"d" * (65507 - 10) + b'"}'
        self.assertEqual(len(line), 65507)
        daemon = self.daemon()
        daemon.datagrams(line)
        self.assert_lines(daemon.wait_stored(1), [line])
        self.assertEqual(daemon.stop()["received"], 1)

    def test_several_lines_in_a_datagram_are_as_many_records_and_an_unended_last_one_is_one(self):
        daemon = self.daemon()
        daemon.datagrams(b'{"n":1}\n{"n":2}\r\n\n{"n":3}')
        self.assert_lines(daemon.wait_stored(3), [b'{"n":1}', b'{"n":2}', b'{"n":3}'])
        self.assertEqual(daemon.stop()["received"], 3)

    def test_datagrams_are_never_joined_to_one_line(self):
        daemon = self.daemon()
        daemon.datagrams(b'{"half":', b'"a line"}', b'{"n":1}')
        daemon.wait_stored(1)
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["rejected"]), (1, 2))
        self.assertEqual([kept(bad) for bad in rejects(daemon.base)], [b'{"half":', b'"a line"}'])

    def test_an_empty_datagram_is_no_record(self):
        daemon = self.daemon()
        daemon.datagrams(b"", b"\n", b"\r\n", b'{"n":1}')
        self.assert_lines(daemon.wait_stored(1), [b'{"n":1}'])
        counters = daemon.stop()
        self.assertEqual((counters["received"], counters["rejected"]), (1, 0))

    def test_a_sender_whose_port_is_gone_does_not_end_the_listener(self):
        """On Windows an ICMP answer once ended receive loops with error 10054."""
        daemon = self.daemon()
        for n in range(20):
            daemon.datagrams(b'{"n":%d}' % n)
        self.assertEqual(len(daemon.wait_stored(20)), 20)
        daemon.stop()


class Strangers(Bad):
    def hello(self):
        context = ssl.create_default_context()
        outgoing = ssl.MemoryBIO()
        tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="logs.example")
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        return outgoing.read()

    def stranger(self, data, name):
        daemon = self.daemon()
        connection = daemon.connect()
        peer = "%s:%d" % connection.getsockname()
        connection.sendall(data)
        said = daemon.wait_said(name)
        self.assertRegex(said, r"^logportd: ")
        self.assertIn(peer, said)
        connection.close()
        daemon.send(b'{"good":1}\n')
        self.assertIn(b'{"good":1}', daemon.wait_stored(1))
        counters = daemon.stop()
        self.assertEqual(len(daemon.said_lines(name)), 1, daemon.said)
        self.assertEqual(counters["stored"], 1)
        return daemon

    def test_a_tls_hello_is_named_in_one_message(self):
        self.stranger(self.hello(), r"TLS")

    def test_an_http_request_is_named_in_one_message(self):
        self.stranger(b"POST /logs HTTP/1.1\r\nHost: logs.example\r\nContent-Length: 8\r\n\r\n", r"HTTP")


class HalfLines(Bad):
    def half_lines(self, half):
        """Thousands of connections, each with half a line of that size, then all completed.

        Returns how many were stored and the rejects."""
        count = min(scaled(10_000, 100), raise_open_files(10_300) - 200)
        daemon = self.daemon()
        connections, peers, tail = [], {}, b"y" * half + b'"}'
        for n in range(count):
            connection = daemon.connect()
            peers["%s:%d" % connection.getsockname()] = n
            connection.sendall(b'{"connection":%d,"msg":"%s' % (n, b"x" * half))
            connections.append(connection)
        # A whole line of a new connection is stored meanwhile.
        newcomer = b'{"newcomer":1}'
        daemon.send(newcomer + b"\n")
        wait_until(lambda: newcomer in daemon.lines_stored(), "the newcomer's line is stored")
        if not WINDOWS and not SANITIZED:
            self.assertLess(daemon.memory_kib(), 128 * 1024)
        for connection in connections:
            connection.sendall(tail + b"\n")
            connection.close()
        wait_until(
            lambda: len(daemon.lines_stored()) + len(daemon.lines_stored("rejects")) >= count + 1,
            "every half line is completed and accounted for",
        )
        counters = daemon.stop()
        self.assertEqual(dropped(counters), 0)
        self.assertEqual(counters["received"], count + 1)
        sent = {n: b'{"connection":%d,"msg":"%s' % (n, b"x" * half) + tail for n in range(count)}
        numbers = []
        for line in daemon.lines_stored():
            if line != newcomer:
                numbers.append(int(re.search(rb'"connection":(\d+)', line)[1]))
                self.assertEqual(line, sent[numbers[-1]])
        stored, bad = len(numbers), rejects(daemon.base)
        for reject in bad:
            numbers.append(peers[reject["peer"]])
            self.assertEqual(reject["reason"], "line_memory")
            self.assertEqual(reject["bytes"], len(sent[numbers[-1]]))
            # The first part may have been rejected as well, to free memory.
            self.assertTrue(sent[numbers[-1]].startswith(kept(reject)))
        self.assertEqual(sorted(numbers), list(range(count)), "each is stored or rejected, once")
        return stored, bad

    def test_ten_thousand_short_half_lines_all_wait_for_their_ends_and_are_stored(self):
        _, bad = self.half_lines(500)
        self.assertEqual(bad, [])

    def test_ten_thousand_longer_half_lines_neither_deadlock_nor_grow_and_each_is_accounted_for(self):
        stored, _ = self.half_lines(2500)
        self.assertGreater(stored, 0)

    def test_a_few_very_long_unfinished_lines_do_not_take_the_memory_of_all(self):
        """Forty lines of 900 KiB want 36 MiB; some are rejected, and every connection continues."""
        daemon = self.daemon()
        connections = [daemon.connect() for _ in range(40)]
        for n, connection in enumerate(connections):
            connection.sendall(b'{"n":%d,"msg":"' % n + b"x" * 900_000)
        daemon.send(b'{"newcomer":1}\n')
        wait_until(lambda: b'{"newcomer":1}' in daemon.lines_stored(), "the newcomer's line is stored")
        for connection in connections:
            connection.sendall(b'"}\n{"after":1}\n')
            connection.close()
        wait_until(lambda: daemon.lines_stored().count(b'{"after":1}') == 40, "the lines after them are stored")
        counters = daemon.stop()
        self.assertEqual(counters["received"], 81)
        self.assertEqual(counters["stored"] + counters["rejected"], 81)
        self.assertEqual({reject["reason"] for reject in rejects(daemon.base)}, {"line_memory"})


if __name__ == "__main__":
    main()
