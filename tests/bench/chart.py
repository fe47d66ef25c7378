"""chart.py - draws the medians of a report as an SVG picture: a group for each mode, a bar for each
receiver.

Pure.  The picture suits light and dark backgrounds: its colours are in between, and its text follows
the viewer's preference.
"""

from xml.sax.saxutils import escape

WIDTH, LEFT, BAR, GAP, GROUP_GAP = 860, 150, 15, 3, 20
PANEL_GAP = 40
COLOURS = {
    "daemon": "#2a8f6d",
    "daemon, schema": "#7fbf6a",
    "floor": "#8a8f98",
    "rsyslog": "#c9772c",
    "rsyslog, JSON": "#e0aa6c",
    "syslog-ng": "#5577c4",
    "syslog-ng, JSON": "#93a9df",
}
NAMES = {"daemon": "logportd"}
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .head { font-weight: 600; font-size: 13px; }
  .faint { fill: #57606a; }
  .axis { stroke: #8c959f; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .faint { fill: #9aa4ae; }
  }
"""
# key, heading, factor, format
PANELS = (
    ("lines_a_second", "million lines a second (more is better)", 1e-6, "%.2f"),
    ("cpu", "CPU seconds a million lines (less is better)", 1, "%.2f"),
)


def draw(report):
    """Without null: it stores nothing, and its long bar would make the others short."""
    groups = []
    for name, mode in report["modes"].items():
        receivers = {key: one for key, one in mode["receivers"].items() if key in COLOURS and "lines_a_second" in one}
        if receivers:
            groups.append((name, mode["what"], receivers))
    rows = sum(len(receivers) for _, _, receivers in groups)
    height = 50 + rows * (BAR + GAP) + len(groups) * (GROUP_GAP + 12)
    machine = report["machine"]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">' % (WIDTH, height, WIDTH, height),
        "<title>logportd beside rsyslog and syslog-ng</title>",
        "<style>%s</style>" % STYLE,
    ]
    panel_width = (WIDTH - LEFT - PANEL_GAP - 60) / 2
    for number, panel in enumerate(PANELS):
        left = LEFT + number * (panel_width + PANEL_GAP)
        parts += draw_panel(groups, panel, left, panel_width, number == 0)
    parts.append(
        '<text class="faint" x="4" y="%d">%s</text>'
        % (height - 8, escape("medians of one run; sender and receiver share %s cores of %s" % (machine["cores"], machine["processor"])))
    )
    return "\n".join(parts + ["</svg>", ""])


def draw_panel(groups, panel, left, width, first):
    key, heading, factor, number = panel
    parts = ['<text class="head" x="%d" y="16">%s</text>' % (left, escape(heading))]
    y = 30
    for _, what, receivers in groups:
        if first:
            parts.append('<text class="head" x="4" y="%d">%s</text>' % (y + 10, escape(what)))
        y += 16
        top = y
        # Each group has its own scale: a line of 64 KiB costs more than one of 200 bytes.
        most = max(one[key]["median"] for one in receivers.values())
        for name, one in receivers.items():
            value = one[key]["median"]
            length = max(1, width * value / most)
            if first:
                parts.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (left - 8, y + 12, escape(NAMES.get(name, name))))
            parts.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>' % (left, y, length, BAR, COLOURS[name]))
            parts.append('<text x="%.1f" y="%d">%s</text>' % (left + length + 5, y + 12, number % (value * factor)))
            y += BAR + GAP
        parts.append('<line class="axis" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>' % (left, top - 2, left, y))
        y += GROUP_GAP - 4
    return parts
