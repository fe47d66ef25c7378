"""docs/guide.md, "Thirty tasks": every command prints what the guide shows.

usage: test_guide.py            checks
       test_guide.py --write    writes the outputs into the guide anew
"""

import gzip
import json
import os
import re
import subprocess
import sys

from harness import BUILD, ROOT, Case, Daemon, environment, main, native_only, status, wait_until

from shop import shop

GUIDE = os.path.join(ROOT, "docs", "guide.md")
TASKS = 30
# A command that follows ends when it is interrupted.
FOLLOWS_S = 3


def split_guide():
    """The guide before the tasks, the tasks and what follows."""
    with open(GUIDE, encoding="utf-8") as file:
        before, tasks = file.read().split("\n## Thirty tasks\n")
    tasks, after = tasks.split("\n## ", 1)
    return before + "\n## Thirty tasks\n", tasks, "\n## " + after


def blocks(tasks):
    """(begin, end, command, output) of each block that begins with a command."""
    for match in re.finditer(r"^    \$ (.*)\n((?:    .*\n|\n(?=    (?!\$ )))*)", tasks, re.M):
        output = re.sub(r"^    ", "", match[2], flags=re.M)
        yield match.start(), match.end(), match[1], output


@native_only("the commands are written for a POSIX shell")
class Guide(Case):
    def prepare(self):
        folder = self.directory()
        config = os.path.join(folder, "logportd.json")
        lines = shop()
        with open(config, "w") as file:
            listeners = [{"address": "127.0.0.1:0", "stream": name, "level_names": "log=info"} for name in lines]
            json.dump({"tcp": listeners}, file)
        daemon = Daemon(self, "--config", config, dir=os.path.join(folder, "logs"), tcp=[], udp=[])
        for number, name in enumerate(lines):
            daemon.send(b"\n".join(lines[name]) + b"\n", number)
        count = sum(map(len, lines.values()))
        wait_until(lambda: status(daemon)["stored"] == count, "%d records are stored" % count)
        daemon.stop()
        with gzip.open(os.path.join(folder, "app.log.1.gz"), "wb") as file:
            file.write(b"Nov 29 23:59:58 shop1 checkout: starting\n" + b"\n".join(lines["app"][:20]) + b"\n")
        return folder

    def printed(self, folder, command):
        env = environment(TZ="UTC", PATH=BUILD + os.pathsep + os.environ["PATH"])
        if re.search(r"tail .*-f", command):
            command = "timeout -s INT %d %s" % (FOLLOWS_S, command)
        result = subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return re.sub(r"[ \t]+$", "", result.stdout.decode(), flags=re.M)

    def test_every_command_prints_what_the_guide_shows(self):
        folder = self.prepare()
        _, tasks, _ = split_guide()
        for _, _, command, output in blocks(tasks):
            with self.subTest(command=command):
                self.assertEqual(self.printed(folder, command), output)

    def test_there_are_thirty_tasks_with_a_command_each(self):
        _, tasks, _ = split_guide()
        contents, *parts = re.split(r"^### (?=\d)", tasks, flags=re.M)
        listed = re.findall(r"^(\d+)\. \[(.*)\]\(#.*\)$", contents, re.M)
        self.assertEqual([int(number) for number, _ in listed], list(range(1, TASKS + 1)))
        self.assertEqual([part.split("\n")[0] for part in parts], ["%s. %s" % pair for pair in listed])
        for part in parts:
            self.assertEqual(len(list(blocks(part))), 1, part.split("\n")[0])

    def write(self):
        folder = self.prepare()
        before, tasks, after = split_guide()
        for begin, end, command, _ in reversed(list(blocks(tasks))):
            output = re.sub(r"^(?=.)", "    ", self.printed(folder, command), flags=re.M)
            tasks = tasks[:begin] + "    $ %s\n%s" % (command, output) + tasks[end:]
        with open(GUIDE, "w", encoding="utf-8") as file:
            file.write(before + tasks + after)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        case = Guide("write")
        case.write()
        case.doCleanups()
    else:
        main()
