#!/usr/bin/env python3
"""schema.py - the cost of a schema in logport and in Node.js: runs bench_schema and
tests/bench/schema.mjs (JSON.parse and ajv) in turn on the same lines and schema, one core each, and
prints the ratios.  Targets: a schema at most doubles the cost of validating a line as JSON, and the
rate is at least five times that of Node.js.

  tests/bench/schema.py [--build DIR] [--rounds N] [--schema FILE]
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--schema", default=os.path.join(ROOT, "tests", "bench", "schema.json"))
    arguments = parser.parse_args()
    bench = os.path.join(arguments.build, "tests", "bench_schema")
    node = os.path.join(ROOT, "tests", "bench", "schema.mjs")
    ours, ratios, theirs = [], [], []
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as lines:
        lines.write(subprocess.run([bench, "--lines"], stdout=subprocess.PIPE, check=True).stdout)
        lines.flush()
        for _ in range(arguments.rounds):
            said = subprocess.run([bench, arguments.schema, lines.name], stdout=subprocess.PIPE, check=True).stdout.decode()
            judged, checked, ratio = map(float, re.search(r"judged ([\d.]+) .* checked ([\d.]+): .* ([\d.]+) of", said).groups())
            good = int(re.search(r"(\d+) of the lines hold", said).group(1))
            answer = json.loads(subprocess.run(["node", node, arguments.schema, lines.name], stdout=subprocess.PIPE, check=True).stdout)
            assert answer["good"] == good, (answer, said)
            ours.append(checked)
            ratios.append(ratio)
            theirs.append(answer["parse_and_check_ns"])
            print(
                "judged %.1f ns a line, with the schema %.1f (%.2f as much again); JSON.parse %.1f, with ajv %.1f: %.1f times ours"
                % (judged, checked, ratio, answer["parse_ns"], theirs[-1], theirs[-1] / checked)
            )
    print(
        "median: a schema costs %.2f of judging; JSON.parse and ajv take %.1f times as long as judging and checking"
        % (statistics.median(ratios), statistics.median(t / o for t, o in zip(theirs, ours)))
    )


if __name__ == "__main__":
    main()
