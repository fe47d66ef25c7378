"""test_packages.py - what packaging/windows/build makes: programs with resources, zip, installer and
manifests.  The installer installs, upgrades and removes under Wine."""

import contextlib
import hashlib
import html.parser
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
import zipfile

from harness import (BUILD, EXEC_PREFIX, PATIENCE_S, ROOT, WINDOWS, Case, environment, free_port, logport, logportd, main,
                     program, read_lines, run, wait_until, windows_path)

MAKER = os.path.join(ROOT, "packaging", "windows", "build")
URL = "https://example.org/logport/releases/0"
PROGRAMS = ("logportd", "logport")
PREFIX = os.environ.get("LOGPORT_WINE_PREFIX", os.path.join(ROOT, "build-windows-wine"))


def version():
    with open(os.path.join(ROOT, "CMakeLists.txt")) as file:
        return re.search(r"^project\(logport VERSION (\S+)", file.read(), re.M)[1]


def make(output, *words, **variables):
    result = run([MAKER, "--build", BUILD, "--output", output, *words], timeout=600, env=environment(**variables))
    if result.code != 0:
        raise AssertionError("packaging/windows/build: " + result.said)
    return pathlib.Path(output)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@unittest.skipUnless(WINDOWS, "about Windows")
class Resources(Case):
    """What Windows reads from the programs themselves."""

    def test_both_programs_name_their_version(self):
        numbers = tuple(int(part) for part in (version() + ".0").split("."))
        for name in PROGRAMS:
            with self.subTest(name):
                data = pathlib.Path(BUILD, name + ".exe").read_bytes()
                fixed = data.index(struct.pack("<II", 0xFEEF04BD, 0x10000))  # VS_FIXEDFILEINFO
                high, low = struct.unpack_from("<II", data, fixed + 8)
                self.assertEqual((high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF), numbers)
                for key, value in (("ProductName", "logport"), ("ProductVersion", version()), ("FileVersion", version()),
                                   ("OriginalFilename", name + ".exe"), ("CompanyName", "the logport authors")):
                    at = data.index((key + "\0").encode("utf-16-le"))
                    self.assertIn((value + "\0").encode("utf-16-le"), data[at:at + 200], key)

    def test_both_programs_have_a_manifest(self):
        for name in PROGRAMS:
            with self.subTest(name):
                data = pathlib.Path(BUILD, name + ".exe").read_bytes()
                begin = data.index(b"<?xml", data.index(struct.pack("<I", 0xFEEF04BD)) - 65536)
                tree = xml.etree.ElementTree.fromstring(data[begin:data.index(b"</assembly>", begin) + 11])
                said = {element.tag.rpartition("}")[2]: element for element in tree.iter()}
                self.assertEqual(said["activeCodePage"].text, "UTF-8")
                self.assertEqual(said["longPathAware"].text, "true")
                self.assertEqual(said["requestedExecutionLevel"].get("level"), "asInvoker")
                self.assertEqual(said["supportedOS"].get("Id"), "{8e0f7a12-bfb3-4fe8-b9a5-48fd50a15a9a}")
                self.assertEqual(said["assemblyIdentity"].get("version"), version() + ".0")

    def test_long_paths_and_arguments_of_any_script(self):
        words = "größer Ελλάδα 日本語 🪵"
        base = os.path.join(self.directory(), *[words + "x" * 60] * 4, "logs")
        self.assertGreater(len(windows_path(base)), 300)
        daemon = self.daemon("--dir", windows_path(base))
        daemon.base = base
        daemon.send(json.dumps({"msg": words}, ensure_ascii=False).encode() + b'\n{"msg":"other"}\n')
        daemon.wait_stored(2)
        self.assertEqual(logport("search", words, windows_path(base)).lines, daemon.lines_stored()[:1])
        self.assertEqual(logport("status", "--dir", windows_path(base)).code, 0)
        daemon.stop()
        with open(os.path.join(base, words + ".json"), "w") as file:
            file.write('{"dir": %s, "retention_age_s": 7}' % json.dumps(windows_path(base) + words))
        result = logportd("--check", "--config", windows_path(file.name))
        self.assertEqual(result.code, 0, result.said)


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src"):
                self.links.append(value)
            elif name == "id":
                self.anchors.add(value)


@unittest.skipUnless(WINDOWS, "about Windows")
class Packages(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="logport-packages-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.made = make(os.path.join(cls.folder, "made"), "--url", URL + "/")
        cls.installer = cls.made / ("logport-%s-windows-x64-setup.exe" % version())
        with zipfile.ZipFile(cls.made / ("logport-%s-windows-x64.zip" % version())) as archive:
            archive.extractall(cls.folder)
        cls.unpacked = pathlib.Path(cls.folder, "logport-" + version())

    def test_the_same_commit_gives_the_same_bytes(self):
        again = make(self.directory(), "--url", URL)
        self.assertEqual(contents(again), contents(self.made))

    def test_the_zip_has_what_a_user_needs(self):
        found = contents(self.unpacked)
        for name in ("logport.exe", "logportd.exe", "LICENSE.txt", "NOTICES.txt", "README.html", "logportd.json",
                     "completions/logport.ps1", "docs/windows.html", "docs/configuration.html"):
            self.assertIn(name, found)
        self.assertEqual(found["completions/logport.ps1"], b"\xef\xbb\xbf" + logport("completions", "powershell").out)
        for name in PROGRAMS:
            result = run(EXEC_PREFIX + [str(self.unpacked / (name + ".exe")), "--version"])
            self.assertEqual((result.code, result.lines[0]), (0, ("%s %s" % (name, version())).encode()))

    def test_the_configuration_is_valid_and_listens_on_this_machine_only(self):
        path = self.unpacked / "logportd.json"
        result = logportd("--check", "--config", windows_path(path))
        self.assertEqual(result.code, 0, result.said)
        for address in re.findall(r'"([^"]+:5170)"', re.sub("//.*", "", path.read_text())):
            self.assertEqual(address, "127.0.0.1:5170")

    def test_links_of_the_documents_lead_somewhere(self):
        pages = {path: Links(path.read_text()) for path in self.unpacked.rglob("*.html")}
        self.assertGreater(len(pages), 10)
        for path, page in pages.items():
            for link in page.links:
                if re.match(r"[a-z]+:", link):
                    continue
                name, _, anchor = link.partition("#")
                target = (path.parent / name).resolve() if name else path
                self.assertTrue(target.exists(), "%s: %s" % (path.name, link))
                if anchor:
                    self.assertIn(anchor, pages[target].anchors, "%s: %s" % (path.name, link))

    def test_every_linked_library_has_its_licence_in_the_notices(self):
        text = (self.unpacked / "NOTICES.txt").read_text()
        for name, words in (("openssl", "Apache License"), ("zlib", "Jean-loup Gailly"), ("libzstd", "Facebook"),
                            ("lz4", "Yann Collet"), ("cjson", "Dave Gamble"), ("pcre2", "University of Cambridge"),
                            ("xxhash", "Yann Collet"), ("mingw-w64", "ZPL"), ("gcc", "Runtime Library Exception"), ("nsis", "Nullsoft")):
            (part,) = re.findall(r"^=+\n%s\b.*?(?=^=====|\Z)" % re.escape(name), text, re.M | re.S)
            self.assertIn(words, part)
        sys.path.insert(0, os.path.dirname(MAKER))
        self.addCleanup(sys.path.remove, os.path.dirname(MAKER))
        import notices
        for name in PROGRAMS:
            archives = notices.contained(pathlib.Path(BUILD, name + ".map"))
            self.assertGreater(len(archives), 10)
            for archive in archives:
                if notices.licence_of(archive):
                    self.assertIn(os.path.basename(archive), text)
        with self.assertRaisesRegex(ValueError, "libnew.a: no licence is known"):
            notices.licence_of("/somewhere/libnew.a")

    # ---- winget and Chocolatey ----

    def test_winget_manifests_name_the_installer(self):
        import yaml
        files = {path.name: yaml.safe_load(path.read_text()) for path in (self.made / "winget").glob("*.yaml")}
        kinds = {"logport.logport.yaml": "version", "logport.logport.installer.yaml": "installer",
                 "logport.logport.locale.en-US.yaml": "defaultLocale"}
        self.assertEqual({name: file["ManifestType"] for name, file in files.items()}, kinds)
        for file in files.values():
            self.assertEqual((file["PackageIdentifier"], file["PackageVersion"], file["ManifestVersion"]),
                             ("logport.logport", version(), "1.6.0"))
        self.assertEqual(files["logport.logport.yaml"]["DefaultLocale"],
                         files["logport.logport.locale.en-US.yaml"]["PackageLocale"])
        locale = files["logport.logport.locale.en-US.yaml"]
        for key, most in (("Publisher", 256), ("PackageName", 256), ("License", 512), ("ShortDescription", 256),
                          ("Description", 10000), ("Moniker", 40)):
            self.assertTrue(0 < len(locale[key]) <= most, key)
        installer = files["logport.logport.installer.yaml"]
        (one,) = installer["Installers"]
        self.assertEqual(one["InstallerUrl"], "%s/%s" % (URL, self.installer.name))
        self.assertEqual(one["InstallerSha256"].lower(), hashlib.sha256(self.installer.read_bytes()).hexdigest())
        self.assertEqual((installer["InstallerType"], one["Architecture"], installer["Scope"]), ("nullsoft", "x64", "machine"))

    def test_the_chocolatey_package_names_the_installer(self):
        folder = self.made / "chocolatey"
        space = "{http://schemas.microsoft.com/packaging/2015/06/nuspec.xsd}"
        package = xml.etree.ElementTree.parse(folder / "logport.nuspec").getroot()
        self.assertEqual(package.tag, space + "package")
        data = {element.tag.replace(space, ""): element.text for element in package.find(space + "metadata")}
        self.assertEqual((data["id"], data["version"]), ("logport", version()))
        for key in ("authors", "description", "summary", "tags", "projectUrl"):
            self.assertTrue(data[key])
        script = (folder / "tools" / "chocolateyinstall.ps1").read_text()
        self.assertIn("'%s/%s'" % (URL, self.installer.name), script)
        self.assertIn("'%s'" % hashlib.sha256(self.installer.read_bytes()).hexdigest(), script)
        self.assertTrue((folder / "tools" / "chocolateyuninstall.ps1").exists())
        for path in (self.made / "chocolatey").rglob("*.*"):
            self.assertNotRegex(path.read_text(), r"@[A-Z]+@")


UNINSTALL = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\logport"
ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"


def wine(*words, timeout=None):
    """Runs a program of Windows."""
    return run(EXEC_PREFIX + [str(word) for word in words], timeout=timeout or PATIENCE_S)


def wine_alone(*words):
    """Runs a program that starts Wine's desktop, which would keep our pipes open: returns its exit code."""
    return subprocess.run(EXEC_PREFIX + [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env=environment(), timeout=2 * PATIENCE_S).returncode


def registry(key, name):
    """(type, value) of a value; None: there is none."""
    result = wine("reg", "query", key, "/v", name)
    found = re.search(r"^ +%s +(REG_\w+) +(.*?)\r?$" % re.escape(name), result.out.decode("utf-8"), re.M)
    return found and found.groups()


def of_windows(path):
    """Where a path of Windows on drive C is."""
    return pathlib.Path(PREFIX, "drive_c", *path.split("\\")[1:])


class Installed(Case):
    """Installs with the installer that `make` has made; cleaned up after each test."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="logport-installer-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.installer = make(folder) / ("logport-%s-windows-x64-setup.exe" % version())

    def setUp(self):
        super().setUp()
        self.log = os.path.join(self.directory(), "setup.log")
        self.folder = r"C:\Program Files\logport test %d" % os.getpid()
        self.addCleanup(self.clean_up)

    def clean_up(self):
        if registry(UNINSTALL, "InstallLocation"):
            self.uninstall(registry(UNINSTALL, "InstallLocation")[1])
        shutil.rmtree(of_windows(self.folder), ignore_errors=True)

    def install(self, *words, folder=None, installer=None, code=0):
        """Installs.  NSIS takes what follows /D= as it is, without quotes, so no word may need them."""
        ended = wine_alone(installer or self.installer, "/S", *words, "/LOG=" + windows_path(self.log),
                      *("/D=" + (folder or self.folder)).split(" "))
        self.assertEqual(ended, code, self.logged())

    def uninstall(self, folder=None, *words, code=0):
        """_?=: the uninstaller runs where it is, and not a copy of it for which nobody waits."""
        folder = folder or self.folder
        uninstaller = of_windows(folder) / "uninstall.exe"
        ended = wine_alone(uninstaller, "/S", *words, "/LOG=" + windows_path(self.log), *("_?=" + folder).split(" "))
        self.assertEqual(ended, code, self.logged())
        if code == 0:
            with contextlib.suppress(OSError):  # it cannot delete itself
                uninstaller.unlink()
                uninstaller.parent.rmdir()

    def logged(self):
        try:
            return pathlib.Path(self.log).read_text("utf-16")
        except FileNotFoundError:
            return ""


@unittest.skipUnless(WINDOWS, "about Windows")
class Installer(Installed):
    """Without the service."""

    def test_it_installs_and_removes_everything(self):
        self.install("/SERVICE=no")
        folder = of_windows(self.folder)
        for name in ("logport.exe", "logportd.exe", "uninstall.exe", "README.html", "docs/windows.html", "NOTICES.txt",
                     "completions/logport.ps1"):
            self.assertTrue((folder / name).is_file(), name)
        for name, value in (("DisplayName", "logport"), ("DisplayVersion", version()), ("Publisher", "the logport authors"),
                            ("InstallLocation", self.folder), ("UninstallString", '"%s\\uninstall.exe"' % self.folder),
                            ("QuietUninstallString", '"%s\\uninstall.exe" /S' % self.folder)):
            self.assertEqual(registry(UNINSTALL, name), ("REG_SZ", value))
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 1024
        self.assertAlmostEqual(int(registry(UNINSTALL, "EstimatedSize")[1], 16), size, delta=size // 10)
        self.assertIn(self.folder, registry(ENVIRONMENT, "PATH")[1].split(";"))
        result = wine("cmd", "/c", "logport --version")  # found in PATH
        self.assertEqual((result.code, result.lines[0].split()), (0, [b"logport", version().encode()]))
        other = folder / "docs" / "of the user.txt"
        other.write_text("mine")
        self.uninstall()
        self.assertEqual([path for path in folder.rglob("*") if path.is_file()], [other])
        self.assertIsNone(registry(UNINSTALL, "DisplayName"))
        self.assertNotIn(self.folder, registry(ENVIRONMENT, "PATH")[1])

    def change_path(self, kind, value, *words):
        """What path_entry makes of a PATH.  Not the machine's: Wine starts no program while that is long."""
        key = r"SOFTWARE\logport test %d" % os.getpid()
        self.addCleanup(wine, "reg", "delete", "HKLM\\" + key, "/f")
        self.assertEqual(wine("reg", "add", "HKLM\\" + key, "/v", "Path", "/t", kind, "/d", value, "/f").code, 0)
        result = run(program("path_entry") + [*words, key])
        self.assertEqual((result.code, result.said), (0, ""))
        return registry("HKLM\\" + key, "Path")

    def test_a_long_path_is_kept(self):
        for kind in ("REG_EXPAND_SZ", "REG_SZ"):
            long = ";".join([r"C:\Tools\%d\%s" % (n, "x" * 80) for n in range(60)]) + r";;%SystemRoot%\more"
            added = self.change_path(kind, long, "add", self.folder)
            self.assertEqual(added, (kind, long + ";" + self.folder))
            self.assertEqual(self.change_path(*added, "add", self.folder), added)
            self.assertEqual(self.change_path(*added, "remove", self.folder), (kind, long))

    def test_an_entry_is_found_however_it_is_written(self):
        other = r"C:\windows\system32;C:\windows;"
        for path, after in (("c:\\LOGPORT\\;" + other, other), (other + r"C:\logport", other.rstrip(";")),
                            (other + r"C:\logport\x", other + r"C:\logport\x"), (r'"C:\logport";' + other, other)):
            with self.subTest(path):
                self.assertEqual(self.change_path("REG_SZ", path, "remove", r"C:\logport"), ("REG_SZ", after))
        self.assertEqual(run(program("path_entry") + ["add", r"C:\a;C:\b"]).code, 2)
        self.assertEqual(run(program("path_entry") + ["add", "C:\\" + "x" * 32700]).code, 1)

    def test_options_choose_what_is_installed(self):
        before = registry(ENVIRONMENT, "PATH")
        self.install("/SERVICE=no", "/PATH=no", "/FIREWALL=yes")
        self.assertEqual(registry(ENVIRONMENT, "PATH"), before)
        self.assertRegex(self.logged(), r'netsh.exe" advfirewall firewall add rule name="logport" dir=in action=allow '
                                        r'program="%s\\logportd.exe"' % re.escape(self.folder))
        self.assertNotIn("service install", self.logged())
        self.install("/PATH=maybe", code=2)
        self.assertIn("/PATH=maybe: yes or no is expected", self.logged())

    def test_an_upgrade_replaces_the_programs(self):
        self.install("/SERVICE=no")
        old = of_windows(self.folder) / "logport.exe"
        old.write_bytes(b"an older version")
        self.install("/SERVICE=no")
        self.assertGreater(old.stat().st_size, 1 << 20)
        elsewhere = self.folder + " too"
        self.addCleanup(shutil.rmtree, of_windows(elsewhere), ignore_errors=True)
        self.install("/SERVICE=no", folder=elsewhere)
        self.assertFalse(of_windows(self.folder).exists())
        self.assertEqual(registry(UNINSTALL, "InstallLocation")[1], elsewhere)
        path = registry(ENVIRONMENT, "PATH")[1].split(";")
        self.assertEqual([entry for entry in path if "logport" in entry], [elsewhere])
        self.uninstall(elsewhere)

    def test_a_program_that_runs_is_not_replaced(self):
        self.install("/SERVICE=no")
        folder = of_windows(self.folder)
        daemon = self.daemon(exe=EXEC_PREFIX + [str(folder / "logportd.exe")])
        self.install("/SERVICE=no", code=2)
        self.assertRegex(self.logged(), "logportd.exe is in use: end the program first. Nothing was changed.")
        self.uninstall(code=2)
        self.assertTrue((folder / "logport.exe").exists())
        daemon.stop()

    def test_data_are_kept_unless_they_are_to_be_purged(self):
        data = of_windows(r"C:\ProgramData\logport")
        if data.exists():
            self.skipTest("%s is in use" % data)
        self.addCleanup(shutil.rmtree, data, ignore_errors=True)
        self.install("/SERVICE=no")
        record = data / "logs" / "main" / "main-0000000001-20260101T000000Z.ndjson.lz4"
        record.parent.mkdir(parents=True)
        record.write_bytes(b"records")
        self.uninstall()
        self.assertEqual(record.read_bytes(), b"records")
        self.install("/SERVICE=no")
        self.uninstall(None, "/PURGE")
        self.assertFalse(data.exists())

@unittest.skipUnless(WINDOWS, "about Windows")
class ServiceInstaller(Installed):
    """With the service, as most will install it."""

    HOME = of_windows(r"C:\ProgramData\logport")

    def setUp(self):
        super().setUp()
        logportd("service", "uninstall", "--purge")
        shutil.rmtree(self.HOME, ignore_errors=True)
        self.addCleanup(shutil.rmtree, self.HOME, ignore_errors=True)
        self.addCleanup(logportd, "service", "uninstall", "--purge")

    def install_service(self, *words):
        self.address = ("127.0.0.1", free_port())
        where = "%s:%d" % self.address
        self.install(*("/OPTIONS='--tcp %s --udp %s'" % (where, where)).split(" "), *words)

    def service(self, *words):
        return run(EXEC_PREFIX + [str(of_windows(self.folder) / "logportd.exe"), "service", *words])

    def state(self):
        return re.search(rb"^state +(.*?)\r?$", self.service("status").out, re.M)[1].decode()

    def stored(self):
        return read_lines(str(self.HOME / "logs"))

    def sends(self, *lines):
        """Over TCP, except the last line, which is a datagram; waits until they are stored."""
        before = len(self.stored())
        with contextlib.closing(socket.create_connection(self.address, PATIENCE_S)) as connection:
            connection.sendall(b"".join(line + b"\n" for line in lines[:-1]))
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            sender.sendto(lines[-1], self.address)
        wait_until(lambda: len(self.stored()) == before + len(lines), "the lines are stored")

    def test_the_service_runs_from_the_installer_to_the_uninstaller(self):
        self.install_service()
        self.assertEqual(self.state(), "running")
        lines = [b'{"n":%d}' % n for n in range(6)]
        self.sends(*lines[:3])
        logs = windows_path(self.HOME / "logs")
        self.assertEqual(logport("reload", "--dir", logs).code, 0)

        # An upgrade stops it without loss, replaces it and starts it again, with its options.
        (of_windows(self.folder) / "logport.exe").write_bytes(b"an older version")
        self.install()
        self.assertGreater((of_windows(self.folder) / "logport.exe").stat().st_size, 1 << 20)
        self.assertNotIn("service install", self.logged().split("Installing logport")[2])
        self.assertEqual(self.state(), "running")
        self.sends(*lines[3:])
        self.assertEqual(logport("status", "--dir", logs).code, 0)

        # Stopped by the user: an upgrade leaves it stopped.
        self.assertEqual(self.service("stop").code, 0)
        self.install()
        self.assertEqual(self.state(), "stopped")
        self.assertEqual(self.service("start").code, 0)

        self.uninstall()
        self.assertCountEqual(self.stored(), lines)
        self.assertEqual(logport("verify", logs).code, 0)
        self.assertIsNone(registry(r"HKLM\SYSTEM\CurrentControlSet\Services\logportd", "ImagePath"))

        # What is there is used again, and purged if asked.
        self.install_service()
        self.assertEqual(self.state(), "running")
        self.assertCountEqual(self.stored(), lines)
        self.uninstall(None, "/PURGE")
        self.assertFalse(self.HOME.exists())

    def test_a_service_that_cannot_be_installed_is_reported(self):
        self.install("/OPTIONS='--tpc", "x'", code=3)
        self.assertIn("--tpc: no such option; did you mean --tcp", self.logged())
        self.assertIn("logport is installed, but its service could not be installed or started", self.logged())
        self.assertTrue((of_windows(self.folder) / "logport.exe").exists())


if __name__ == "__main__":
    main()
