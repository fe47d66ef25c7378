"""test_streams.py - listeners feed named streams: each line in the stream of its listener, each
connection in order, each stream with its own segments, archive and retention."""

import contextlib
import json
import os
import socket
import time

from harness import (
    Case,
    assert_passes_lz4_test,
    every_segment,
    free_port,
    log_line,
    logport,
    logportd,
    main,
    manifest,
    native_only,
    rejects,
    scaled,
    segments,
    small_disk,
    status,
    wait_until,
)
from test_reload import Reloading


def recorded(base):
    """The names in a manifest that a daemon may be appending to, or has not made yet."""
    try:
        with open(os.path.join(base, "state", "manifest.ndjson"), "rb") as file:
            return {json.loads(line)["name"] for line in file if line.endswith(b"\n")}
    except FileNotFoundError:
        return set()


class Streams(Reloading):
    def three(self, streams=None, **more):
        """Two TCP listeners and one UDP listener, to three streams."""
        return self.configured(
            tcp=["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "audit"}],
            udp={"address": "127.0.0.1:0", "stream": "metrics"},
            streams=streams or {},
            flush_ms=20,
            **more,
        )

    def lines(self, count, **fields):
        return [log_line(self.rng, n=n, **fields) for n in range(count)]

    def test_each_line_goes_to_the_stream_of_its_listener_in_order(self):
        daemon = self.three()
        count = scaled(2000)
        web, audit = self.lines(count, to="main"), self.lines(count, to="audit")
        metrics = self.lines(scaled(300), to="metrics")
        sends = [self.in_thread(daemon.send, b"\n".join(lines) + b"\n", i) for i, lines in enumerate((web, audit))]
        for line in metrics:
            daemon.datagrams(line)
        for send in sends:
            send.finish()
        self.assert_lines(daemon.wait_stored(count, "main"), web)
        self.assert_lines(daemon.wait_stored(count, "audit"), audit)
        self.assert_lines(daemon.wait_stored(len(metrics), "metrics"), metrics)
        shown = status(daemon)["streams"]
        self.assertEqual(list(shown), ["main", "audit", "metrics"])
        self.assertEqual([stream["stored"] for stream in shown.values()], [count, count, len(metrics)])
        self.assertEqual(shown["audit"]["bytes_stored"], sum(len(line) + 1 for line in audit))
        counters = daemon.stop()
        self.assertEqual(counters["stored"], 2 * count + len(metrics))
        everything = logport("cat", daemon.base).lines
        self.assertEqual(len(everything), 2 * count + len(metrics))
        self.assert_lines(logport("cat", "--stream", "audit", daemon.base).lines, audit)
        self.assert_lines(logport("cat", os.path.join(daemon.base, "metrics")).lines, metrics)
        self.assertEqual(logport("search", "-c", '"to":"audit"', daemon.base).lines, [b"%d" % count])
        self.assert_lines(logport("tail", "--stream", "main", "-n", "5", daemon.base).lines, web[-5:])
        self.assertEqual(logport("verify", daemon.base).code, 0)
        self.assertEqual(logport("verify", "--manifest", daemon.base).code, 0)

    def test_invalid_lines_go_to_rejects_with_their_listener_whatever_their_stream(self):
        daemon = self.three()
        daemon.send(b'{"good":1}\n{"bad":1,}\n', 0)
        daemon.send(b'{"bad":2,}\n{"good":2}\n', 1)
        daemon.datagrams(b'{"bad":3,}')
        for stream, line in (("main", b'{"good":1}'), ("audit", b'{"good":2}')):
            self.assert_lines(daemon.wait_stored(1, stream), [line])
        daemon.wait_stored(3, "rejects")
        counters = daemon.stop()
        self.assertEqual((counters["stored"], counters["rejected"]), (2, 3))
        verify = ("verify", "--manifest", daemon.base)  # does not include rejects
        whole = b"2 recorded, 2 unchanged, 0 missing"
        if "have no index yet" in daemon.said:  # a stop on a busy machine leaves that to the next start
            again = self.daemon("--config", self.path, dir=daemon.base, tcp=[], udp=[])
            wait_until(lambda: whole in logport(*verify).out, "both are recorded")
            again.stop()
        self.assertIn(whole, logport(*verify).out, daemon.said)
        self.assertEqual(
            {json.loads(reject["raw"].replace(",}", "}"))["bad"]: reject["listener"] for reject in rejects(daemon.base)},
            {
                1: "tcp=127.0.0.1:%d" % daemon.tcp[0][1],
                2: "tcp=127.0.0.1:%d" % daemon.tcp[1][1],
                3: "udp=127.0.0.1:%d" % daemon.udp[0][1],
            },
        )
        self.assertEqual(segments(daemon.base, "metrics"), [])

    def test_each_stream_has_its_own_rotation_archive_and_retention(self):
        daemon = self.three(
            streams={
                "audit": {"segment_bytes_max": "4KiB", "archive_level": 0, "retention_count_max": 2},
                "metrics": {"segment_idle_s": 1, "archive_after_s": 0, "archive_level": 9},
            },
        )
        metrics = self.lines(200, to="metrics")
        for begin in range(0, len(metrics), 20):
            daemon.datagrams(b"\n".join(metrics[begin : begin + 20]))
        audit = self.lines(150, to="audit")
        with daemon.connect(1) as connection:  # each batch fills more than a segment
            for begin in range(0, len(audit), 30):
                connection.sendall(b"\n".join(audit[begin : begin + 30]) + b"\n")
                wait_until(lambda: status(daemon)["streams"]["audit"]["stored"] == begin + 30, "it is stored")
        daemon.send(b"\n".join(self.lines(100)) + b"\n", 0)
        daemon.wait_stored(100, "main")
        wait_until(lambda: status(daemon)["streams"]["metrics"]["segments_archived"] == 1, "metrics is idle and packed")
        wait_until(lambda: len(segments(daemon.base, "audit")) <= 3, "the oldest of audit go")
        shown = status(daemon)["streams"]
        self.assertEqual(shown["audit"]["segments_archived"], 0)
        self.assertGreater(shown["audit"]["segments_closed"], 2)
        self.assertEqual((shown["main"]["segments_closed"], shown["main"]["segments_opened"]), (0, 1))
        daemon.stop()
        gone = [line for line in manifest(daemon.base) if line["event"] == "deleted"]
        self.assertEqual({line["stream"] for line in gone}, {"audit"})
        self.assertIn("more than 2 in stream audit", gone[0]["reason"])
        left = logport("cat", "--stream", "audit", daemon.base).lines
        self.assert_lines(left, audit[-len(left) :])
        self.assert_lines(logport("cat", "--stream", "metrics", daemon.base).lines, metrics)
        self.assertEqual(logport("verify", "--manifest", daemon.base).code, 0)
        dry = logport("retention", "-n", "--config", self.path, "--dir", daemon.base, "--stream", "main", "--count-max", "9")
        self.assertEqual(dry.code, 0, dry.said)
        self.assertIn(b"more than 2 in stream audit", dry.out)  # the stop has closed one more
        self.assertEqual(logport("archive", daemon.base).code, 0)

    def test_rotate_closes_all_and_the_readers_go_through_them(self):
        daemon = self.three()
        for turn in range(2):
            daemon.send(b'{"turn":%d}\n' % turn, 0)
            daemon.send(b'{"turn":%d}\n' % turn, 1)
            daemon.datagrams(b'{"turn":%d}' % turn)
            for stream in ("main", "audit", "metrics"):
                daemon.wait_stored(turn + 1, stream)
            self.assertEqual(logport("rotate", "--dir", daemon.base).code, 0)
            self.assertFalse([path for path in every_segment(daemon.base) if ".part." in path])
        self.assertEqual(len(every_segment(daemon.base)), 6)
        daemon.stop()
        self.assertEqual(logport("stat", daemon.base).code, 0)
        self.assertEqual(logport("search", "-c", '"turn":1', daemon.base).lines, [b"3"])
        self.assertEqual(logport("verify", "--manifest", daemon.base).code, 0)

    def test_a_reload_moves_a_listener_to_a_new_stream_and_no_line_is_lost(self):
        first, second = free_port(), free_port()
        tcp = ["127.0.0.1:%d" % first, {"address": "127.0.0.1:%d" % second, "stream": "audit"}]
        daemon = self.configured(tcp=tcp, flush_ms=20)
        connection, other = daemon.connect(1), daemon.connect(0)
        connection.sendall(b'{"n":0}\n{"n":')
        other.sendall(b'{"main":0}\n')
        daemon.wait_stored(1, "audit")
        tcp[1]["stream"] = "trail"
        self.write(tcp=tcp, flush_ms=20, streams={"trail": {"segment_bytes_max": "1KiB"}})
        self.reload(daemon)
        connection.sendall(b'1}\n{"n":2}\n')  # a record goes to the stream that its listener has when the record is complete
        other.sendall(b'{"main":1}\n')
        self.assert_lines(daemon.wait_stored(2, "trail"), [b'{"n":1}', b'{"n":2}'])
        self.assert_lines(daemon.wait_stored(2, "main"), [b'{"main":0}', b'{"main":1}'])
        self.assert_lines(daemon.lines_stored("audit"), [b'{"n":0}'])
        self.write(tcp=[tcp[0]], flush_ms=20, streams={"trail": {}})
        answer = self.reload(daemon)
        self.assertIn("reload: stream trail is configured, but no listener names it", answer)
        daemon.wait_said("stream trail is configured, but no listener names it")
        self.assertEqual(list(status(daemon)["streams"]), ["main", "audit", "trail"])
        counters = daemon.stop()
        self.assertEqual(counters["stored"], 5)

    def test_batches_for_streams_of_a_refused_reload_stay_in_the_books_of_memory(self):
        daemon = self.configured(tcp="127.0.0.1:0", flush_ms=20)
        self.assertIn(" 8 batches ", daemon.wait_said("memory: "))
        more = [{"address": "127.0.0.1:0", "stream": "s%d" % n} for n in range(9)]
        with contextlib.closing(socket.socket()) as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.write(tcp=["127.0.0.1:0", *more, "127.0.0.1:%d" % other.getsockname()[1]], flush_ms=20)
            self.reload(daemon, code=2)
        self.write(tcp="127.0.0.1:0", flush_ms=20)
        self.reload(daemon)
        daemon.wait_said("memory: .* 13 batches ")
        daemon.stop()

    def test_under_load_a_listener_changes_its_stream_many_times(self):
        port = free_port()
        names = ("main", "a", "b")

        def configuration(turn):
            return {"tcp": {"address": "127.0.0.1:%d" % port, "stream": names[turn % 3]}, "flush_ms": 5}

        daemon = self.configured(**configuration(0))
        count = scaled(30000, 600)
        sent = [[b'{"c":%d,"n":%d}' % (c, n) for n in range(count)] for c in range(3)]
        sends = [self.in_thread(daemon.send, b"\n".join(lines) + b"\n") for lines in sent]
        turn = 0
        while any(send.is_alive() for send in sends) or turn < 4:
            turn += 1
            self.write(**configuration(turn))
            self.reload(daemon)
        for send in sends:
            send.finish()
        wait_until(lambda: status(daemon)["stored"] == 3 * count, "all are stored")
        daemon.stop()
        found = [line for name in names for line in daemon.lines_stored(name)]
        self.assertEqual(sorted(found), sorted(line for lines in sent for line in lines))
        for name in names:  # in each stream the numbers of each connection rise
            last = [-1, -1, -1]
            for line in map(json.loads, daemon.lines_stored(name)):
                self.assertGreater(line["n"], last[line["c"]])
                last[line["c"]] = line["n"]

    def test_after_a_crash_each_stream_is_put_in_order_and_goes_on(self):
        daemon = self.three(streams={"audit": {"segment_bytes_max": "64KiB"}}, retention_count_max=1000)
        before = {}
        for index, stream in enumerate(("main", "audit")):
            before[stream] = self.lines(1000, to=stream)
            daemon.send(b"\n".join(before[stream]) + b"\n", index)
        before["metrics"] = self.lines(10, to="metrics")
        for line in before["metrics"]:
            daemon.datagrams(line)
        for stream, lines in before.items():
            daemon.wait_stored(len(lines), stream)
        daemon.kill()
        self.assertTrue(all(any(".part." in path for path in segments(daemon.base, stream)) for stream in before))
        self.write(tcp="127.0.0.1:0", flush_ms=20)  # audit and metrics have no listener any more
        again = self.daemon("--config", self.path, dir=daemon.base, tcp=[], udp=[])
        for stream, lines in before.items():
            self.assert_lines(again.lines_stored(stream), lines)
        self.assertFalse([path for path in every_segment(again.base) if ".part." in path])
        self.assertEqual(sorted(status(again)["streams"]), ["audit", "main", "metrics"])
        again.send(b'{"again":1}\n')
        again.wait_stored(len(before["main"]) + 1, "main")
        # A stop leaves what an earlier run has closed to the next start.
        recovered = {os.path.basename(path) for path in every_segment(again.base) if ".part." not in path}
        wait_until(lambda: recorded(again.base) >= recovered, "all are recorded")
        again.stop()
        self.assertTrue(assert_passes_lz4_test(*every_segment(again.base)))
        self.assertEqual(logport("verify", "--manifest", again.base).code, 0)
        self.assertEqual({line["stream"] for line in manifest(again.base)}, set(before))

    def test_a_foreign_folder_in_the_directory_is_left_alone(self):
        daemon = self.configured(tcp="127.0.0.1:0", flush_ms=20)
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1)
        daemon.stop()
        kept = os.path.join(daemon.base, "kept")
        os.mkdir(kept)
        os.rename(segments(daemon.base)[0], os.path.join(kept, os.path.basename(segments(daemon.base)[0])))
        again = self.daemon("--config", self.path, dir=daemon.base, tcp=[], udp=[])
        self.assertEqual(list(status(again)["streams"]), ["main"])
        again.stop()
        self.assertEqual(len(os.listdir(kept)), 1)

    @native_only("Wine has no volumes that can be full")
    def test_a_stream_whose_volume_is_full_does_not_stop_the_others(self):
        self.path = os.path.join(self.directory(), "logportd.json")
        base = os.path.join(self.directory(), "logs")
        os.mkdir(base)
        os.symlink(small_disk(self, 1 << 20), os.path.join(base, "audit"))
        self.write(tcp=["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "audit"}], flush_ms=20)
        daemon = self.daemon("--config", self.path, dir=base, tcp=[], udp=[])
        audit = [b'{"n":%d,"x":"%s"}' % (n, self.rng.randbytes(500).hex().encode()) for n in range(20000)]
        # More connections than the daemon has buffers to receive into: each holds one while it waits.
        data = b"\n".join(audit) + b"\n"
        sends = [self.in_thread(daemon.send, data, 1) for _ in range(24)]
        daemon.wait_said("audit.*no space left on device; holding")
        before = -1
        while before != status(daemon)["bytes_received"]:  # until nothing more is taken
            before = status(daemon)["bytes_received"]
            time.sleep(0.2)
        web = self.lines(scaled(50000), to="main")
        daemon.send(b"\n".join(web) + b"\n", 0)
        self.assert_lines(daemon.wait_stored(len(web), "main"), web)
        self.assertTrue(all(sending.is_alive() for sending in sends), "who sends more than fits waits")
        self.assertGreater(status(daemon)["streams"]["audit"]["blocks_held"], 0)
        daemon.kill()
        for sending in sends:
            with self.assertRaises((AssertionError, OSError)):
                sending.finish()
        # What is stored is whole, and is found through the directory.
        self.assertLess(set(logport("cat", "--stream", "audit", base).lines), set(audit))

    @native_only("Wine has no volumes that can be full")
    def test_a_stop_stores_what_the_others_have_and_counts_what_a_full_volume_did_not_take(self):
        self.path = os.path.join(self.directory(), "logportd.json")
        base = os.path.join(self.directory(), "logs")
        os.mkdir(base)
        os.symlink(small_disk(self, 256 << 10), os.path.join(base, "audit"))
        self.write(
            tcp=["127.0.0.1:0", {"address": "127.0.0.1:0", "stream": "audit"}], flush_ms=20, drain_ms=500, stop_ms=2000
        )
        daemon = self.daemon("--config", self.path, dir=base, tcp=[], udp=[])
        audit = b"".join(b'{"n":%d,"x":"%s"}\n' % (n, self.rng.randbytes(500).hex().encode()) for n in range(20000))
        sends = [self.in_thread(daemon.send, audit, 1) for _ in range(12)]
        daemon.wait_said("audit.*no space left on device; holding")
        web = self.lines(scaled(20000), to="main")
        daemon.send(b"\n".join(web) + b"\n", 0)
        counters = daemon.stop(code=1)
        for sending in sends:
            with self.assertRaises((AssertionError, OSError)):
                sending.finish()
        self.assert_lines(daemon.lines_stored("main"), web)
        self.assertEqual(counters["streams"]["main"]["stored"], len(web))
        self.assertGreater(counters["dropped"]["stopped"], 0)
        self.assertEqual(counters["stored"], sum(stream["stored"] for stream in counters["streams"].values()))

    def test_names_that_cannot_be_are_refused_with_their_place(self):
        self.path = os.path.join(self.directory(), "logportd.json")
        for name, why in (
            ("..", "is not a valid stream name"),
            ("a/b", "is not a valid stream name"),
            ("..\\\\main", "is not a valid stream name"),
            ("C:", "is not a valid stream name"),
            ("NUL", "is not a valid stream name"),
            ("state", "is not a valid stream name"),
            ("rejects", "is reserved for rejected lines"),
            ("x" * 65, "is not a valid stream name"),
        ):
            for text, place in (
                ('{"tcp": {"address": "127.0.0.1:0",\n"stream": "%s"}}', ":2:11: stream: "),
                ('{\n"streams": {"%s": {}}}', ":2:13: streams: "),
            ):
                self.write(text % name)
                result = logportd("--config", self.path, "--check")
                self.assertEqual(result.code, 2, name)
                self.assertIn(self.path + place, result.said)
                self.assertIn(why, result.said)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["logportd.json"])

    def test_a_folder_that_differs_only_in_case_is_not_written_into(self):
        daemon = self.configured(tcp={"address": "127.0.0.1:0", "stream": "Audit"}, flush_ms=20)
        daemon.send(b'{"a":1}\n')
        daemon.wait_stored(1, "Audit")
        daemon.stop()
        self.write(tcp={"address": "127.0.0.1:0", "stream": "audit"})
        result = logportd("--config", self.path, "--dir", daemon.base)
        self.assertEqual(result.code, 1)
        self.assertIn("stream Audit: its name differs from stream audit only in upper and lower case", result.said)

    def test_streams_beyond_sixteen_are_left_as_they_are_and_said(self):
        names = ["s%02d" % n for n in range(20)]
        self.path = os.path.join(self.directory(), "logportd.json")
        base = os.path.join(self.directory(), "logs")
        for begin in (0, 10):
            self.write(tcp=[{"address": "127.0.0.1:0", "stream": name} for name in names[begin : begin + 10]], flush_ms=5)
            daemon = self.daemon("--config", self.path, dir=base, tcp=[], udp=[])
            for i, name in enumerate(names[begin : begin + 10]):
                daemon.send(b'{"to":"%s"}\n' % name.encode(), i)
                self.assert_lines(daemon.wait_stored(1, name), [b'{"to":"%s"}' % name.encode()])
            if begin == 0:
                daemon.stop()
        daemon.wait_said("not opened: 16 streams are open already")
        shown = status(daemon)["streams"]
        self.assertEqual(len(shown), 16)
        self.assertLessEqual(set(names[10:]), set(shown))
        self.write(tcp={"address": "127.0.0.1:0", "stream": "more"})
        self.assertIn("16 streams are open", self.reload(daemon, code=2))
        daemon.stop()
        self.assertEqual(len(logport("cat", base).lines), 20)


if __name__ == "__main__":
    main()
