"""documents.py - the documents as HTML, for a system without a reader for Markdown."""

import html
import pathlib
import re

import markdown

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%s</title>
<meta name="viewport" content="width=device-width">
<style>
body { max-width: 60em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 "Segoe UI", sans-serif; color: #222; }
code, pre { font: 14px/1.4 Consolas, monospace; background: #f3f3f3; }
pre { padding: .7em 1em; overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top; }
img { max-width: 100%%; }
</style></head><body>
%s
</body></html>
"""


def anchor_of(heading, _separator="-"):
    """As GitHub names headings, which the links of the documents expect."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def sources(root):
    """{path in the tree: path of the page}"""
    pages = {"README.md": "README.html", "CHANGELOG.md": "docs/CHANGELOG.html", "writer/FORMAT.md": "docs/FORMAT.html"}
    pages.update({"docs/" + path.name: "docs/%s.html" % path.stem for path in sorted((root / "docs").glob("*.md"))})
    return pages


def images(text):
    return re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)


def resolve(source, target):
    """The path in the tree that a link of the document `source` means."""
    parts = []
    for part in (pathlib.PurePosixPath(source).parent / target).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def relative(page, target):
    return "../" * page.count("/") + target


def convert(root, source, pages):
    """(the page of one document, {image in the tree: its path})"""
    # The name of an example's test, after the language, means nothing to the reader.
    text = re.sub(r"^```(\S+) .*", r"```\1", (root / source).read_text(), flags=re.M)
    page = pages[source]
    pictures = {resolve(source, image): "docs/images/" + pathlib.PurePosixPath(image).name for image in images(text)}
    body = markdown.markdown(text, extensions=["tables", "fenced_code", "toc", "sane_lists"],
                             extension_configs={"toc": {"slugify": anchor_of}})

    def link(match):
        attribute, target = match.groups()
        name, hash_mark, anchor = html.unescape(target).partition("#")
        if re.match(r"[a-z]+:", target) or not name:
            return match.group()
        path = resolve(source, name)
        new = pages.get(path) or pictures.get(path)
        # Other files of the tree are not part of the package.
        return '%s="%s"' % (attribute, relative(page, new) + hash_mark + anchor) if new else 'title="in the source"'

    body = re.sub(r'(href|src)="([^"]*)"', link, body)
    title = re.search(r"^# (.*)", text, re.M)
    return PAGE % (html.escape(title.group(1) if title else source), body), pictures


def write(root, folder):
    """Writes all pages and their images into the folder."""
    pages = sources(root)
    for source, page in pages.items():
        text, pictures = convert(root, source, pages)
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(text, newline="\n")
        for image, copy in pictures.items():
            (folder / copy).parent.mkdir(parents=True, exist_ok=True)
            (folder / copy).write_bytes((root / image).read_bytes())
