"""notices.py - the licences of everything that the Windows programs contain.

The linker's maps say which libraries those are; a library without a known licence is an error."""

import pathlib
import re

# Archives that a map names, and where their licence is: a file that tools/windows-libraries has kept
# (NAME), or the copyright file of a Debian package ("/PACKAGE").
LICENCES = [
    (r"lib(crypto|ssl)\.a", "openssl"),
    (r"libcjson\.a", "cjson"),
    (r"liblz4\.a", "lz4"),
    (r"libzstd\.a", "libzstd"),
    (r"libz\.a", "zlib"),
    (r"libpcre2-8\.a", "pcre2"),
    (r"libgcc(_eh)?\.a|libssp\.a|libssp_nonshared\.a|crt(begin|end)\.o", "/gcc-mingw-w64-base"),
    # The run-time of mingw-w64, and its import libraries of Windows' own DLLs.
    (r"(.*[/\\])?x86_64-w64-mingw32/lib/[^/]*", "/mingw-w64-common"),
]
# Only headers, which no map names.
HEADERS = {"xxhash.h": "xxhash", "msgpack/unpack_template.h": "msgpack-c"}
OURS = r"(lib(port|schema|writer|ingest|reader|source_commit)|objects)\.a"


def contained(map_file):
    """The archives and start files of a linker's map, whole paths."""
    text = map_file.read_text(errors="replace")
    return sorted(set(re.findall(r"^LOAD (\S+\.(?:a|o))$", text, re.M)) & used(text)
                  | set(re.findall(r"^LOAD (\S+/crt[a-z0-9]+\.o)$", text, re.M)))


def used(text):
    """The archives of which at least one member is linked."""
    members = text.split("\nDiscarded input sections")[0]
    return set(re.findall(r"^(\S+\.a)\([^)]*\)", members, re.M))


def licence_of(archive):
    """The name of an archive's licence in LICENCES; None: our own."""
    path = str(pathlib.PurePosixPath(archive))
    for pattern, name in LICENCES:
        if re.fullmatch(pattern, path if "/" in pattern else pathlib.PurePosixPath(path).name):
            return name
    if re.fullmatch(OURS, pathlib.PurePosixPath(path).name):
        return None
    raise ValueError("%s: no licence is known; see packaging/windows/notices.py" % archive)


def components(maps):
    """{licence: what of it the programs contain}"""
    found = {name: {header} for header, name in HEADERS.items()}
    for archive in {archive for map_file in maps for archive in contained(map_file)}:
        name = licence_of(archive)
        if name:
            found.setdefault(name, set()).add(pathlib.PurePosixPath(archive).name)
    return found


def text_of(name, libraries):
    """(heading, licence)"""
    if name.startswith("/"):
        path = pathlib.Path("/usr/share/doc", name[1:], "copyright")
        return name[1:], path.read_text()
    path = libraries / "licences" / name
    if not path.exists():
        raise ValueError("%s: missing; run tools/windows-libraries --force" % path)
    heading, _, text = path.read_text().partition("\n")
    return heading, text


def notices(maps, libraries, more=()):
    """The document.  maps: of the linker; libraries: build-windows-libraries; more: Debian packages
    of which the installer contains something: (package, what)."""
    found = [(name, ", ".join(sorted(files))) for name, files in sorted(components(maps).items())]
    found += [("/" + package, what) for package, what in more]
    parts = []
    for name, files in found:
        heading, text = text_of(name, libraries)
        parts.append("%s\n%s\n(%s)\n\n%s\n" % ("=" * 78, heading, files, text.strip("\n")))
    return ("Third-party notices\n\nThe programs of logport contain code of other projects.  These are their licences.\n\n"
            + "\n".join(parts))
