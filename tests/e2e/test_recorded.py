"""test_recorded.py - how the daemon's settings for times and levels reach the reader: by
state/settings.json, per stream, through reloads, and less than what options of the reader say."""

import json
import os
import time

from harness import Case, logport, main, native_only, status, wait_until

LINES = [
    {"when": "2026-11-30 08:24:01", "Level": "eror", "msg": "one"},
    {"when": "2026-11-30 08:25:01", "Level": "[INFO]", "msg": "two"},
    {"when": "2026-11-30 08:26:01", "Level": "wat", "msg": "three"},
    {"time": "2026-11-30T09:27:01Z", "level_name": "Warning", "msg": "four"},
]
KEYS = {"time_keys": "+when", "level_names": "eror=error", "zone": "Europe/Berlin"}


def messages(*words):
    result = logport("search", "-o", "json", "--fields", "msg", *words)
    return [json.loads(line)["msg"] for line in result.lines], result.said


@native_only("Windows has no time zone files")
class Recorded(Case):
    def filled(self, configuration, streams=1):
        """A daemon with this configuration, whose listeners all have received LINES."""
        path = os.path.join(self.directory(), "logportd.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(configuration, file)
        daemon = self.daemon("--config", path, tcp=(), udp=())
        for host, port in daemon.tcp:
            self.send(host, port)
        wait_until(lambda: status(daemon)["stored"] == streams * len(LINES), "all are stored")
        return daemon, path

    def send(self, host, port):
        text = "".join(json.dumps(line) + "\n" for line in LINES).encode()
        self.assertEqual(logport("send", "%s:%d" % (host, port), stdin=text).code, 0)

    def check(self, where):
        found, said = messages("--level", "warn", "", where)
        self.assertEqual(found, ["one", "four"])
        self.assertIn("1 record has an unrecognised level ('wat' 1); see --level-names", said)
        found, said = messages("--since", "2026-11-30T07:24:00Z", "--until", "2026-11-30T07:26:00Z", "", where)
        self.assertEqual((found, said), (["one", "two"], ""))
        shown = logport("cat", "-o", "pretty", where).lines[0]
        self.assertEqual(shown, b"2026-11-30T07:24:01.000Z ERROR one")

    def test_the_reader_reads_times_and_levels_as_the_daemon_does(self):
        daemon, _ = self.filled(dict(KEYS, tcp=["127.0.0.1:0"]))
        self.check(daemon.base)
        daemon.stop()  # writes the index
        self.check(daemon.base)
        folder = os.path.join(daemon.base, "main")
        self.check(folder)
        (name,) = os.listdir(folder)
        self.check(os.path.join(folder, name))

    def test_an_option_of_the_reader_wins(self):
        daemon, _ = self.filled(dict(KEYS, tcp=["127.0.0.1:0"]))
        found, said = messages("--level", "error", "--level-names", "wat=fatal", "", daemon.base)
        self.assertEqual(found, ["three"])
        self.assertIn("('eror' 1)", said)
        found, _ = messages("--zone", "UTC", "--since", "2026-11-30T08:24:00Z", "--until", "2026-11-30T08:25:00Z", "", daemon.base)
        self.assertEqual(found, ["one"])

    def test_each_stream_has_its_own_settings(self):
        listeners = ["127.0.0.1:0", dict(KEYS, address="127.0.0.1:0", stream="berlin")]
        daemon, _ = self.filled({"tcp": listeners}, 2)
        self.check(os.path.join(daemon.base, "berlin"))
        found, _ = messages("--level", "warn", "", os.path.join(daemon.base, "main"))
        self.assertEqual(found, ["four"])
        found, _ = messages("--level", "warn", "", daemon.base)
        self.assertEqual(found, ["one", "four", "four"])
        counted = json.loads(logport("stat", "--json", "--stream", "berlin", daemon.base).out)
        self.assertEqual([len(counted["files"]), counted["all"]["lines"]], [1, 4])
        self.assertEqual(counted["all"]["file_bytes"], counted["files"][0]["file_bytes"])

    def test_a_reload_changes_what_is_recorded_and_usual_settings_need_no_file(self):
        daemon, path = self.filled({"tcp": ["127.0.0.1:0"]})
        settings = os.path.join(daemon.base, "state", "settings.json")
        self.assertFalse(os.path.exists(settings))
        for changed in (True, False):
            with open(path, "w", encoding="utf-8") as file:
                json.dump(dict(KEYS if changed else {}, tcp=["127.0.0.1:0"]), file)
            self.assertEqual(logport("reload", "--dir", daemon.base).code, 0)
            until = time.monotonic() + 20
            while os.path.exists(settings) != changed and time.monotonic() < until:
                time.sleep(0.05)
            self.assertEqual(os.path.exists(settings), changed)
            found, _ = messages("--level", "warn", "", daemon.base)
            self.assertEqual(found, ["one", "four"] if changed else ["four"])

    def test_a_damaged_file_is_reported_and_ignored(self):
        daemon, _ = self.filled({"tcp": ["127.0.0.1:0"]})
        daemon.stop()
        with open(os.path.join(daemon.base, "state", "settings.json"), "wb") as file:
            file.write(b'{"streams":{"main":{')
        found, said = messages("--level", "warn", "", daemon.base)
        self.assertEqual(found, ["four"])
        self.assertEqual(said.count("settings.json: damaged; times and levels are read by the usual rules"), 1)

    def test_listeners_that_read_one_stream_differently_are_reported(self):
        listeners = ["127.0.0.1:0", {"address": "127.0.0.1:0", "level_scale": "pino"}]
        daemon, _ = self.filled({"tcp": listeners}, 2)
        self.assertIn("feed stream main but read times and levels in different ways", daemon.said)


if __name__ == "__main__":
    main()
