#!/usr/bin/env python3
"""Checks that the documents are true and in shape: links and anchors resolve; docs/configuration.md
is what logport prints; options, keys, commands, counters and rooms that are mentioned exist, and
the other way round; lines are at most 100 columns wide; words that the glossary replaces are not
used.

usage: documents.py BUILD    the folder with logport and logportd
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
COLUMNS_MAX = 100
README_LINES_MAX = 150
SKIPPED_FOLDERS = ("build", "node_modules", ".git", "repaired")
# Written in tables and code of every kind; no option of ours.
OTHERS_OPTIONS = {"--preset", "--build", "--prefix", "--install", "--test-dir", "--output-on-failure"}
# The glossary's "Words that are not used", as far as a search can tell.
BANNED = re.compile(
    r"\b(judge[sd]?|judging|whoever|whosoever|grave|in force|once more|is told|is to be had|so many"
    r"|so long|given back|gives back|stands in|goes on|settle[sd]?|no good|beside)\b", re.I)

problems = []


def report(path, line, text):
    problems.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def run(*arguments):
    program = BUILD / arguments[0]
    return subprocess.run([program, *arguments[1:]], capture_output=True, text=True, check=True).stdout


# ---- what the programs say ----

def commands_of_logport():
    return re.findall(r"^  ([a-z]+) +[A-Z]", run("logport", "--help"), re.M)


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))


COMMANDS = commands_of_logport()
OPTIONS = {command: options_in(run("logport", command, "--help")) for command in COMMANDS}
OPTIONS["logportd"] = options_in(run("logportd", "--help"))
OPTIONS["logportd service"] = OPTIONS["logportd"] | options_in(run("logportd", "service", "--help"))
SCRIPTS = "".join(path.read_text() for path in sorted((ROOT / "tools").iterdir())
                  if path.is_file() and path.read_bytes()[:2] == b"#!")
# Scripts that tools/bench runs take options too.
SCRIPTS += "".join(path.read_text() for path in sorted((ROOT / "tests/bench").glob("*.py")))
SCRIPTS += (ROOT / "tests/faults/driver.py").read_text()
SCRIPTS += (ROOT / "packaging/windows/build").read_text()
ALL_OPTIONS = set().union(*OPTIONS.values()) | options_in(SCRIPTS) | OTHERS_OPTIONS
CONFIGURATION = run("logport", "man", "configuration")
KEYS = {option[2:].replace("-", "_") for option in OPTIONS["logportd"]}
COUNTERS = set(re.findall(r'(?:number|open_object)\([^"]*"([a-z_]+)"',
                          (ROOT / "ingest/pipeline/counters.c").read_text()))
COUNTERS |= set(re.findall(r'\\"([a-z_]+)\\":', (ROOT / "ingest/daemon/volumes.c").read_text()))


# ---- documents, line by line ----

def documents():
    for path in sorted(ROOT.rglob("*.md")):
        folders = path.relative_to(ROOT).parts[:-1]
        if not any(folder.startswith(SKIPPED_FOLDERS) for folder in folders):
            yield path


def lines_of(path):
    """(number, kind, text): kind is 'prose', 'table', 'heading' or 'code'."""
    fenced = False
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if text.lstrip().startswith("```"):
            fenced = not fenced
            yield number, "code", ""
        elif fenced or text.startswith("    "):
            yield number, "code", text
        elif text.startswith("|"):
            yield number, "table", text
        elif text.startswith("#"):
            yield number, "heading", text
        else:
            yield number, "prose", text


def anchor_of(heading):
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.lstrip("#").strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors_of(path):
    seen, anchors = {}, set()
    for _, kind, text in lines_of(path):
        if kind != "heading":
            continue
        anchor = anchor_of(text)
        count = seen.get(anchor, 0)
        seen[anchor] = count + 1
        anchors.add(f"{anchor}-{count}" if count else anchor)
    return anchors


def check_links(path, number, text):
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text))
    for target in targets + re.findall(r'(?:src|href)="([^"]+)"', text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            report(path, number, f"{target}: no such file")
        elif anchor and file.suffix == ".md" and anchor not in anchors_of(file):
            report(path, number, f"{target}: no such heading")


def codes_of(kind, text):
    """What stands in code: a line of a block, or each `span`."""
    return [text] if kind == "code" else re.findall(r"`([^`]+)`", text)


def check_code(path, number, code):
    code = code.replace("\\|", "|")
    for part in re.split(r"\||\$\(|&&|;", code):
        part = re.sub(r"^[\s$]*", "", part.split("  #")[0])
        words = part.split()
        program = pathlib.PurePath(words[0]).name if words else ""
        known = ALL_OPTIONS
        if program == "logportd":
            known = OPTIONS["logportd service" if words[1:2] == ["service"] else "logportd"]
        elif program == "logport" and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
            if words[1] not in OPTIONS:
                report(path, number, f"logport {words[1]}: no such command")
                continue
            known = OPTIONS[words[1]]
        elif path.name == "clients.md" or program == "curl" or any(word == "curl" for word in words):
            continue  # other programs, which tests/e2e/test_clients.py and test_http_clients.py run
        unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", part)
        for option in sorted(options_in(unquoted) - known - {"--help", "--version"}):
            report(path, number, f"{option}: {program or 'nothing'} has no such option")
    if re.fullmatch(r"[a-z]+(_[a-z]+)*_(ms|s|max|min|keys|dir|level|mode|scale|zone|command)", code):
        if code not in KEYS | COUNTERS:
            report(path, number, f"{code}: no such configuration key")


def check_document(path):
    for number, kind, text in lines_of(path):
        if kind == "prose" and len(text) > COLUMNS_MAX and " " in text.strip():
            report(path, number, f"{len(text)} columns wide")
        if kind in ("prose", "table"):
            check_links(path, number, text)
        for code in codes_of(kind, text):
            check_code(path, number, code)
        if kind != "code" and path.name not in ("glossary.md", "CHANGELOG.md"):
            for match in BANNED.finditer(re.sub(r"`[^`]*`", "", text)):
                report(path, number, f'"{match.group()}": see docs/glossary.md')


# ---- what has to be mentioned ----

def check_mentioned(names, document, what):
    text = (ROOT / document).read_text()
    for name in sorted(names):
        if not re.search(rf"`[^`]*\b{re.escape(name)}\b[^`]*`", text):
            problems.append(f"{document}: {what} {name} is missing")


def check_commands():
    """Every command has its place in the first column of the guide's table of commands."""
    table = (ROOT / "docs/guide.md").read_text().split("\n## Commands\n")[1].split("\n## ")[0]
    listed = set(re.findall(r"`(?:logport )?([a-z]+)`", " ".join(re.findall(r"^\|([^|]*)\|", table, re.M))))
    for name in sorted(set(COMMANDS) ^ listed):
        problems.append(f"docs/guide.md: the table of commands and logport --help differ: {name}")


def check_linked():
    """Every document of docs/ has a row in the README's table."""
    readme = (ROOT / "README.md").read_text()
    for path in sorted((ROOT / "docs").glob("*.md")):
        if not re.search(rf"^\| \[docs/{path.name}\]", readme, re.M):
            problems.append(f"README.md: the table of documents does not name docs/{path.name}")


def rooms():
    for folder in ("ingest", "writer", "schema", "tools"):
        for path in (ROOT / folder).iterdir():
            if path.is_dir() and any(path.glob("*.c")):
                yield f"{folder}/{path.name}/"


def check_rooms():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for room in sorted(rooms()):
        if f"`{room}`" not in text:
            problems.append(f"CONTRIBUTING.md: room {room} is missing")


def quoted(file, pattern):
    return set(re.findall(pattern, (ROOT / file).read_text()))


def check_help_texts():
    texts = {f"logport {command}": run("logport", command, "--help") for command in COMMANDS}
    texts["logport"] = run("logport", "--help")
    texts["logportd"] = run("logportd", "--help")
    for name, text in texts.items():
        if "\nExamples:\n" not in text and name != "logportd":
            problems.append(f"{name} --help: there are no examples")
        for match in BANNED.finditer(re.sub(r"\s+", " ", text)):
            problems.append(f'{name} --help: "{match.group()}": see docs/glossary.md')


# ---- port/windows/README.md ----

# What the mission names: each has to be explained.
OF_COMPLETION_PORTS = ("completion port", "completion key", "OVERLAPPED", "thread pool", "GetQueuedCompletionStatus",
                       "PostQueuedCompletionStatus", "WSARecv", "WSARecvFrom", "AcceptEx", "WriteFile")


def check_windows():
    """Its files and functions exist, and so do the calls and constants of Windows that it says are used."""
    folder = ROOT / "port/windows"
    readme = folder / "README.md"
    sources = "".join(path.read_text() for path in sorted(folder.glob("*.[ch]")))
    code = re.sub(r"/\*.*?\*/", "", sources, flags=re.S)
    for number, kind, text in lines_of(readme):
        for span in codes_of(kind, text) if kind != "code" else []:
            if re.fullmatch(r"[a-z_]+\.[ch]", span):
                if not (folder / span).is_file():
                    report(readme, number, f"{span}: no such file")
            elif match := re.fullmatch(r"([a-z_]+)\(\)", span):
                if not re.search(rf"^[a-z].*\b{match[1]}\([^;]*$", code, re.M):
                    report(readme, number, f"{span}: no such function")
            elif match := re.fullmatch(r"(?:struct |enum )?([A-Za-z_]{4,})", span):
                # AcceptEx is called through a pointer of the type LPFN_ACCEPTEX.
                used = rf"\b({match[1]}|LPFN_{match[1].upper()})\b"
                if not re.search(used, code + (ROOT / "port/port.h").read_text()):
                    report(readme, number, f"{span}: does not occur in the code")
    table = [text for _, kind, text in lines_of(readme) if kind == "table"]
    for name in OF_COMPLETION_PORTS:
        rows = [row for row in table if re.match(rf"\| [^|]*\b{name}\b[^|]* \|.*`[a-z_]+\.[ch]`", row)]
        if not rows:
            problems.append(f"port/windows/README.md: the table does not say where {name} is")


found = list(documents())
for document in found:
    check_document(document)
if (ROOT / "docs/configuration.md").read_text() != CONFIGURATION:
    problems.append("docs/configuration.md: is not what `logport man configuration` prints; write it anew")
if len((ROOT / "README.md").read_text().splitlines()) > README_LINES_MAX:
    problems.append(f"README.md: more than {README_LINES_MAX} lines")
check_commands()
check_linked()
check_mentioned(COUNTERS, "docs/operations.md", "counter")
check_mentioned(quoted("schema/json/json.h", r'X\(JSON_[A-Z_0-9]+, "([a-z_0-9]+)"'),
                "docs/operations.md", "reason")
check_mentioned(quoted("writer/live/quarantine.c", r'case REJECT_[A-Z_]+: return "([a-z_]+)"'),
                "docs/operations.md", "reason")
check_rooms()
check_windows()
check_help_texts()
for problem in problems:
    print(problem)
print(f"{len(found)} documents read, {len(problems)} problems")
sys.exit(1 if problems or len(found) < 10 or len(COMMANDS) < 10 else 0)
