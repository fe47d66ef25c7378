"""test_replay.py - quarantined records are sent again, byte for byte, after their fault was fixed."""

import json
import os
import time

from harness import Case, logport, main, rejects, wait_until

AWKWARD = [
    b'{"a":NaN}',
    b'{"a":"tab\there"}',
    b"\xff\xfe not utf-8 \x80",
    b'{"quote":"\\"",}',
    'größer "東京" \\ 🚀'.encode(),
    b"\x00\x01\x1f\x7f",
    b"x",
    b"{" * 300,
    b'{"long":"' + b"y" * 60000,
]


class Replay(Case):
    def schema(self, content):
        path = os.path.join(self.directory(), "s.json")
        with open(path, "w") as file:
            json.dump(content, file)
        return path

    def where(self, daemon, kind="tcp"):
        return "127.0.0.1:%d" % getattr(daemon, kind)[0][1]

    def test_what_a_mended_schema_allows_is_stored_after_a_replay(self):
        schema = self.schema({"required": ["b"]})
        daemon = self.daemon("--schema", schema)
        daemon.send(b'{"a":1}\nnot json\n{"a":2}\n{"b":3}\n')
        daemon.wait_stored(3, "rejects")
        with open(schema, "w") as file:
            file.write("{}")
        self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
        result = logport("replay", "--tcp", self.where(daemon), "--reason", "schema", daemon.base)
        self.assertEqual((result.code, result.out), (0, b""), result.said)
        self.assertIn("2 records sent to %s, 0 cannot be sent" % self.where(daemon), result.said)
        self.assert_lines(daemon.wait_stored(3), [b'{"b":3}', b'{"a":1}', b'{"a":2}'])
        self.assertEqual(daemon.stop()["rejected"], 3)
        self.assertEqual(len(rejects(daemon.base)), 3, "quarantine stays as it is")

    def test_without_an_address_they_go_to_the_daemon_that_runs_on_that_directory(self):
        daemon = self.daemon()
        for number, line in enumerate((b"bad\n", b"worse\n")):
            daemon.send(line)
            daemon.wait_stored(number + 1, "rejects")
        folder = os.path.join(daemon.base, "rejects")
        segment = os.path.join(folder, sorted(os.listdir(folder))[0])
        for number, path in enumerate((daemon.base, daemon.base + "/", folder, segment)):
            result = logport("replay", "--until", rejects(daemon.base)[1]["received"], path)
            self.assertEqual((result.code, result.out), (0, b""), result.said)
            self.assertIn("1 records sent to %s, 0 cannot be sent" % self.where(daemon), result.said)
            daemon.wait_stored(3 + number, "rejects")
        daemon.stop()
        result = logport("replay", daemon.base)
        self.assertEqual(result.code, 2)
        self.assertIn("no daemon is running on " + daemon.base, result.said)
        self.assertIn("give an address with --tcp or --udp HOST:PORT", result.said)

    def test_each_goes_to_the_listener_to_which_it_came(self):
        daemon = self.daemon("--tcp", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0")
        daemon.send(b"first\n")
        daemon.wait_stored(1, "rejects")
        self.assertEqual(logport("send", "127.0.0.1:%d" % daemon.tcp[1][1], stdin=b"second\n").code, 0)
        daemon.wait_stored(2, "rejects")
        self.assertEqual(logport("send", "--udp", self.where(daemon, "udp"), stdin=b"third\n").code, 0)
        daemon.wait_stored(3, "rejects")
        before = [r["listener"] for r in rejects(daemon.base)]
        self.assertEqual(len(set(before)), 3)
        result = logport("replay", daemon.base)
        self.assertEqual(result.code, 0, result.said)
        self.assertIn("3 records sent, 0 cannot be sent", result.said)
        self.assertIn("1 records to %s over UDP" % self.where(daemon, "udp"), result.said)
        daemon.wait_stored(6, "rejects")
        after = rejects(daemon.base)
        self.assertEqual({(r["raw"], r["listener"]) for r in after[3:]}, {(r["raw"], r["listener"]) for r in after[:3]})
        daemon.stop()

    def test_every_kind_of_bytes_comes_back_as_it_was_sent(self):
        daemon = self.daemon()
        daemon.send(b"\n".join(AWKWARD) + b"\n")
        daemon.wait_stored(len(AWKWARD), "rejects")
        printed = logport("replay", "--print", daemon.base)
        self.assertEqual(printed.code, 0, printed.said)
        self.assert_lines(printed.lines, AWKWARD)
        for kind in ("tcp", "udp"):
            other = self.daemon()
            result = logport("replay", "--" + kind, self.where(other, kind), os.path.join(daemon.base, "rejects"))
            self.assertEqual(result.code, 0, result.said)
            other.wait_stored(len(AWKWARD), "rejects")
            again = logport("replay", "--print", other.base)
            self.assertEqual(sorted(again.lines), sorted(AWKWARD))
            other.stop()
        daemon.stop()

    def test_what_quarantine_kept_in_part_is_reported_and_not_sent(self):
        daemon = self.daemon("--line-bytes-max", "100000")
        daemon.send(b'{"a":"%s"}\n{"b":\n%s\n' % (b"x" * 200000, b"z" * 70000))
        daemon.wait_stored(3, "rejects")
        other = self.daemon()
        result = logport("replay", "--tcp", self.where(other), daemon.base)
        self.assertEqual(result.code, 1, result.said)
        self.assertIn("quarantine kept only 4096 of its 200008 bytes (oversized)", result.said)
        self.assertIn("quarantine kept only 65536 of its 70000 bytes (not_object)", result.said)
        self.assertIn("1 records sent to %s, 2 cannot be sent" % self.where(other), result.said)
        other.wait_stored(1, "rejects")
        self.assertEqual(other.stop()["received"], 1)
        daemon.stop()

    def test_what_is_rejected_again_is_not_read_again(self):
        daemon = self.daemon("--flush-ms", "1")
        daemon.send(b"".join(b"bad %d\n" % n for n in range(2000)))
        daemon.wait_stored(2000, "rejects")
        result = logport("replay", "--tcp", self.where(daemon), daemon.base)
        self.assertEqual(result.code, 0, result.said)
        daemon.wait_stored(4000, "rejects")
        self.assertEqual(daemon.stop()["rejected"], 4000)

    def test_times_reasons_and_conditions_choose(self):
        daemon = self.daemon("--flush-ms", "1")
        daemon.send(b"first\n")
        daemon.wait_stored(1, "rejects")
        between = rejects(daemon.base)[0]["received"]
        time.sleep(0.01)
        daemon.send(b'second\n{"a":\n')
        daemon.wait_stored(3, "rejects")
        late = [r["received"] for r in rejects(daemon.base)][1]

        def printed(*words):
            result = logport("replay", "--print", *words, daemon.base)
            self.assertEqual(result.code, 0, result.said)
            return result.lines

        self.assertEqual(printed("--since", late), [b"second", b'{"a":'])
        self.assertEqual(printed("--until", late), [b"first"])
        self.assertEqual(printed("--since", between), [b"first", b"second", b'{"a":'])
        self.assertEqual(printed("--reason", "truncated"), [b'{"a":'])
        self.assertEqual(printed("--reason", "truncated", "--reason", "not_object"), [b"first", b"second", b'{"a":'])
        self.assertEqual(printed("--where", "bytes=5 and reason!=truncated"), [b"first"])
        daemon.stop()

    def test_errors_say_what_is_wrong_and_exit_2(self):
        daemon = self.daemon()
        daemon.send(b"bad\n")
        daemon.wait_stored(1, "rejects")
        daemon.stop()
        for words, said in (
            (["--tcp", "127.0.0.1:1"], "127.0.0.1:1: "),
            (["--tcp", "nowhere"], "nowhere: "),
            (["--tcp", "127.0.0.1:1", "--udp", "127.0.0.1:1"], "--tcp and --udp cannot be combined"),
            (["--reason", "ugly"], "ugly"),
            (["--print", "--since", "whenever"], "whenever"),
        ):
            result = logport("replay", *words, daemon.base)
            self.assertEqual(result.code, 2, result.said)
            self.assertIn(said, result.said)
        result = logport("replay", "--print", os.path.join(daemon.base, "none-such"))
        self.assertEqual(result.code, 2)
        # A stream that is no quarantine has nothing to replay.
        self.assertEqual(logport("replay", "--print", os.path.join(daemon.base, "main")).out, b"")


if __name__ == "__main__":
    main()
