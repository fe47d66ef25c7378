"""manifests.py - manifests for winget and a package for Chocolatey, from templates with @WORDS@."""

import hashlib
import re
import time


def write(here, output, version, epoch, url, installer):
    """Returns the files."""
    values = {
        "VERSION": version,
        "URL": url,
        "INSTALLER_URL": "%s/%s" % (url, installer.name),
        "SHA256": hashlib.sha256(installer.read_bytes()).hexdigest(),
        "DATE": time.strftime("%Y-%m-%d", time.gmtime(epoch)),
    }
    written = []
    for kind in ("winget", "chocolatey"):
        for source in sorted(path for path in (here / kind).rglob("*") if path.is_file()):
            target = output / kind / source.relative_to(here / kind)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(fill(source.read_text(), values).encode())
            written.append(target)
    return written


def fill(text, values):
    return re.sub(r"@([A-Z0-9_]+)@", lambda match: values[match.group(1)], text)
