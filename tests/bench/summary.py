"""summary.py - prints the medians of throughput.py's measurements as tables.

Pure: takes the numbers of all rounds, prints and returns; measures nothing.
"""

import os
import platform
import statistics
import subprocess

from receivers import FLUSH_MS

COLUMNS = (
    # key, head, factor, digits
    ("lines_a_second", "M lines/s", 1e-6, 2),
    ("cpu", "CPU-s/M lines", 1, 3),
    ("cpu_user", "user", 1, 3),
    ("cpu_system", "system", 1, 3),
    ("memory_peak", "peak MiB", 1 / (1 << 20), 1),
)
IDLE_COLUMNS = (
    ("cpu_a_second", "CPU-ms/s", 1e3, 2),
    ("wakes_a_second", "wakes/s", 1, 1),
    ("memory_peak", "peak MiB", 1 / (1 << 20), 1),
)
COUNTS = ("lost", "altered", "doubled", "disordered")
NATIVE = ("daemon", "daemon, schema")

# Targets: mode, other receiver, figure, at most or at least, ratio daemon/other.
RATIOS = [
    ("tcp-4-240", "floor", "cpu", "at most", 1.1),
    ("tcp-4-240", "floor", "lines_a_second", "at least", 0.85),
    ("tcp-1", "rsyslog", "lines_a_second", "at least", 2.5),
]
for _mode in ("tcp-4", "tcp-64"):
    for _peer in ("rsyslog", "syslog-ng"):
        RATIOS.append((_mode, _peer, "lines_a_second", "at least", 3))
        RATIOS.append((_mode, _peer, "cpu", "at most", 0.4))
        RATIOS.append((_mode, _peer + ", JSON", "lines_a_second", "at least", 10))
for _mode in ("framing", "framing-2k"):
    for _framing in ("NUL", "octet counts", "no delimiter"):
        RATIOS.append((_mode, "daemon, " + _framing, "cpu", "at least", 0.7))
LOSSLESS = ("gelf", "udp", "udp-100k", "udp-200k", "udp-2k", "gso-500k", "gso-1000k")
MEMORY_MAX, MEMORY_MAX_MANY = 96 << 20, 160 << 20  # the second: from 10,000 connections on


class Results:
    def __init__(self, options):
        self.options = options
        self.rounds = {}

    def add(self, mode, measured):
        self.rounds.setdefault(mode.name, (mode, []))[1].append(measured)

    def report(self):
        report = {
            "machine": {
                "cores": os.cpu_count(),
                "processor": processor(),
                "system": platform.platform(),
                "load": os.getloadavg()[0],
            },
            "scale": self.options.scale,
            "modes": {},
        }
        for name, (mode, rounds) in self.rounds.items():
            report["modes"][name] = {
                "what": mode.what,
                "load": mode.load,
                "rounds": rounds,
                "receivers": {
                    receiver: summarize([measured[receiver] for measured in rounds])
                    for receiver in mode.receivers
                    if receiver in rounds[0]
                },
            }
        return report


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def summarize(measured):
    """Median, minimum and maximum of each figure; the maximum of counts."""
    result = {}
    for key, value in measured[0].items():
        values = [one[key] for one in measured if key in one]
        if key in COUNTS:
            result[key] = max(values)
        elif isinstance(value, dict):
            if key == "afterwards":
                result[key] = value
            else:
                result[key] = {part: statistics.median([one.get(part, 0) for one in values]) for part in value}
        else:
            result[key] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return result


def ratio(receivers, other, key):
    ours, theirs = receivers["daemon"][key]["median"], receivers[other][key]["median"]
    return ours / theirs if theirs else float("inf")


# ---- while it runs ----


def print_head(options, missing):
    print(
        "%d modes, %d rounds at most; %d cores (%s), load average %.1f"
        % (len(options.modes), options.rounds, os.cpu_count(), processor(), os.getloadavg()[0])
    )
    print("the daemon runs with its defaults, but for flush_ms, %d where no rate is given" % FLUSH_MS)
    for name, what in sorted(missing.items()):
        print("%s is left out: %s is missing" % (name, what))
    print(flush=True)


def print_round(number, mode, measured, checked):
    parts = []
    for name, one in measured.items():
        if "wakes_a_second" in one:
            parts.append("%s %.1f wakes/s" % (name, one["wakes_a_second"]))
        else:
            lost = " (%s lost)" % share_text(one["lost"], one["lines"]) if one["lost"] else ""
            parts.append("%s %.2f M/s %.2f CPU-s/M%s" % (name, one["lines_a_second"] / 1e6, one["cpu"], lost))
    note = "; every byte checked" if checked and "lines" in next(iter(measured.values()), {}) else ""
    print("round %d, %s: %s%s" % (number + 1, mode.name, "; ".join(parts), note), flush=True)


def share_text(part, whole):
    percent = 100 * part / whole
    return "%.0f %%" % percent if percent >= 10 else "%.2g %%" % percent


# ---- the report ----


def print_report(options, report):
    for name, mode in report["modes"].items():
        if not mode["receivers"]:
            continue
        rounds = len(mode["rounds"])
        print("\n%s: %s%s; %d round%s" % (name, mode["what"], load_text(mode["load"]), rounds, "s" if rounds > 1 else ""))
        if "wakes_a_second" in next(iter(mode["receivers"].values())):
            print_table(mode["receivers"], IDLE_COLUMNS, lambda one: "")
        else:
            print_table(mode["receivers"], COLUMNS, disk_and_counts, mode["receivers"].get("daemon"))
            print_details(mode["receivers"])
    if not options.smoke:
        print_verdicts(report)


def load_text(load):
    if not load:
        return ""
    text = "; lines of %d bytes" % load.get("bytes", 200)
    return text + ("" if load.get("udp") else ", %s a send" % ("%d bytes" % load["send_bytes"] if load.get("send_bytes") else "256 KiB"))


def print_table(receivers, columns, more, daemon=None):
    heads = ["%-24s" % head for _, head, _, _ in columns]
    print("%-22s%s%s" % ("", "".join(heads), "bytes/line  beside ours" if daemon else ""))
    for name, one in receivers.items():
        cells = []
        for key, _, factor, digits in columns:
            numbers = [one[key][part] * factor for part in ("median", "min", "max")]
            cells.append("%-24s" % ("%.*f (%.*f-%.*f)" % tuple(x for n in numbers for x in (digits, n))))
        beside = ""
        if daemon and name not in NATIVE:
            beside = "x%.2f lines/s, x%.2f CPU" % (
                daemon["lines_a_second"]["median"] / max(one["lines_a_second"]["median"], 1),
                daemon["cpu"]["median"] / max(one["cpu"]["median"], 1e-9),
            )
        print(("%-22s%s%s%s" % (name, "".join(cells), more(one), beside)).rstrip())


def bytes_a_line(one):
    return one["disk_bytes"]["median"] / max(one["stored"]["median"], 1)


def disk_and_counts(one):
    return "%-12s" % ("%.1f" % bytes_a_line(one) if one["disk_bytes"]["median"] else "-")


def print_details(receivers):
    lines = {name: one["lines"]["median"] for name, one in receivers.items()}
    least, most = min(lines.values()), max(lines.values())
    fewer = ["%s %d" % (name, count) for name, count in lines.items() if count < most]
    print("  lines a round: %d%s" % (most, "; " + ", ".join(fewer) if least < most else ""))
    for name, one in receivers.items():
        found = [
            "%s %d of %d (%s)" % (key, one[key], one["lines"]["median"], share_text(one[key], one["lines"]["median"]))
            for key in COUNTS
            if one.get(key)
        ]
        if found:
            print("  %s: %s" % (name, ", ".join(found)))
        for job, spent in one.get("afterwards", {}).items():
            print(
                "  %s, %s afterwards: %.3f CPU-s/M lines, then %.1f bytes a line on disk"
                % (name, job, spent["cpu"], spent["disk_bytes"] / one["lines"]["median"])
            )
    if "threads" in receivers.get("daemon", {}):
        threads = sorted(receivers["daemon"]["threads"].items(), key=lambda item: -item[1])
        text = ", ".join("%s %.0f" % (name, spent * 1000) for name, spent in threads if spent >= 0.0005)
        print("  daemon, CPU ns a line by thread until stored: %s" % text)
    if "ns_a_line" in receivers.get("floor", {}):
        print("  floor, CPU ns a line: %s" % ", ".join("%s %.0f" % pair for pair in receivers["floor"]["ns_a_line"].items()))
        if "daemon" in receivers:
            print(
                "  LZ4 takes its time in the floor (acceleration 1), and hurries in the daemon while lines wait:"
                " %+.1f %% bytes a line" % (100 * (bytes_a_line(receivers["daemon"]) / bytes_a_line(receivers["floor"]) - 1))
            )
    load = statistics.median([one["load_cpu"]["median"] for one in receivers.values()])
    print("  the sender: %.0f ns a line" % (load * 1000))


def print_verdicts(report):
    """Prints the targets, and whether this run meets them."""
    lines = []
    for mode, other, key, sense, wanted in RATIOS:
        receivers = report["modes"].get(mode, {"receivers": {}})["receivers"]
        if "daemon" in receivers and other in receivers:
            value = ratio(receivers, other, key)
            good = value <= wanted if sense == "at most" else value >= wanted
            lines.append(
                "%s: daemon/%s, %s: %.2f; wanted %s %g: %s"
                % (mode, other, heads()[key], value, sense, wanted, "yes" if good else "NO")
            )
    for mode, measured in report["modes"].items():
        lines += verdicts_of(mode, measured["receivers"], measured["load"])
    if lines:
        print("\nwhat is aimed at:")
        for line in lines:
            print("  " + line)


def heads():
    return {"cpu": "CPU a line", "lines_a_second": "lines a second"}


def verdicts_of(mode, receivers, load):
    """Targets: faster than every peer; no loss where none is allowed; memory."""
    lines = []
    ours = receivers.get("daemon")
    if ours is None:
        return lines
    for name, one in receivers.items():
        if not name.startswith(("rsyslog", "syslog-ng")):
            continue
        keys = ("wakes_a_second",) if "wakes_a_second" in one else ("lines_a_second", "cpu")
        for key in keys:
            more_is_better = key == "lines_a_second"
            mine, other = ours[key]["median"], one[key]["median"]
            # At a given rate all are equally fast: the target is that nothing is lost.
            if more_is_better and load.get("rate"):
                mine, other = -ours["lost"], -one["lost"]
                if mine >= other:
                    continue
            if (mine < other) if more_is_better else (mine > other):
                lines.append("%s: NOT ahead of %s: %s" % (mode, name, heads().get(key, key)))
    if mode in LOSSLESS:
        lines.append("%s: lost %d; wanted none: %s" % (mode, ours["lost"], "yes" if ours["lost"] == 0 else "NO"))
    many = load.get("connections", 0) + load.get("idle", 0) >= 10000 or ours.get("connections", {}).get("median", 0) >= 10000
    most = MEMORY_MAX_MANY if many else MEMORY_MAX
    if ours["memory_peak"]["max"] > most:
        lines.append("%s: memory %.0f MiB; wanted at most %d: NO" % (mode, ours["memory_peak"]["max"] / (1 << 20), most >> 20))
    return lines
