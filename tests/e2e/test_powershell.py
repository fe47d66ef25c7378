"""test_powershell.py - scripts and examples for PowerShell.  There is no PowerShell here: a parser reads
them, and what they call of logport must exist."""

import pathlib
import re
import shutil
import tempfile
import unittest

from harness import ROOT, Case, logport, logportd, main, run

CLIENTS = pathlib.Path(ROOT, "tests", "clients")
ACCEPTANCE = pathlib.Path(ROOT, "packaging", "windows", "acceptance.ps1")


@unittest.skipUnless(shutil.which("node") and (CLIENTS / "node_modules" / "tree-sitter-powershell").exists(),
                     "tree-sitter-powershell is not installed")
class PowerShell(Case):
    @classmethod
    def setUpClass(cls):
        """Parses everything at once: loading the grammar takes seconds."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="logport-powershell-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.examples = {"completions": logport("completions", "powershell").out.decode()}
        for n, text in enumerate(("if ($x) { 'open'\n", "$x = @{ a = 1\n", "foreach ($x in 1..3 { $x }\n", "'not closed\n")):
            cls.examples["wrong-%d" % n] = text
        for path in sorted(pathlib.Path(ROOT, "docs").glob("*.md")):
            for n, text in enumerate(re.findall(r"^```powershell[^\n]*\n(.*?)^```", path.read_text(), re.M | re.S)):
                cls.examples["example-%s-%d" % (path.stem, n)] = text
        for name, text in cls.examples.items():
            (folder / name).write_text(text)
        cls.scripts = sorted(pathlib.Path(ROOT, "packaging").rglob("*.ps1"))
        result = run(["node", str(CLIENTS / "powershell.mjs"), *map(str, [*sorted(folder.iterdir()), *cls.scripts])])
        if result.code != 0:
            raise AssertionError(result.said)
        cls.problems = result.out.decode().replace(str(folder) + "/", "").splitlines()

    def test_only_what_is_wrong_has_errors(self):
        """The scripts, the completions and the examples of the documents have none."""
        self.assertGreaterEqual(len(self.scripts), 3)
        self.assertGreaterEqual(sum(name.startswith("example") for name in self.examples), 3)
        self.assertEqual([problem for problem in self.problems if not problem.startswith("wrong")], [])
        for name in self.examples:
            if name.startswith("wrong"):
                self.assertTrue(any(problem.startswith(name + ":") for problem in self.problems), name)

    def test_nothing_newer_than_windows_powershell_is_used(self):
        """5.1 neither has these, nor reads UTF-8 without a byte order mark."""
        for path in self.scripts:
            text = path.read_text()
            self.assertTrue(text.isascii(), path)
            code = re.sub(r"@'.*?^'@", "", text, flags=re.S | re.M)  # without C#
            for newer in (r" \?\? ", r"\?\.", r" \? .* : ", r"&&", r"\|\|", r"-AsUTC", r"-Parallel", r"ArgumentList\.Add"):
                self.assertNotRegex(code, newer, path)

    def test_the_acceptance_checks_call_what_exists(self):
        text = ACCEPTANCE.read_text()
        daemon = logportd("--help").out.decode() + logportd("service", "install", "--help").out.decode()
        for line in text.splitlines():
            for option in re.findall(r"'(--[a-z-]+)'", line):
                command = re.search(r"Invoke-Reader '(\w+)'|'logport' @\('(\w+)'", line)
                known = logport(next(filter(None, command.groups())), "--help").out.decode() if command else daemon + "--dir --purge --version"
                self.assertIn(option, known, line)
        for key in re.findall(r"(?:counters|ConvertFrom-Json\)|Status \$Daemon\))\.(\w+)", text):
            self.assertIn(key, ("stored", "received", "in_flight"))


if __name__ == "__main__":
    main()
