#!/usr/bin/env python3
"""Checks the documents: docs/build.sh calls it.

    python3 docs/check.py SITE TAGFILE

- Every link of the built pages, and of the Markdown files of the repository's root, leads to a file
  that is there, and to an anchor in it.
- Every name in the tables of docs/api.md is in Doxygen's tag file, in namespace see.
- No line of Markdown is longer than 120 characters, but those of tables."""

import html.parser
import pathlib
import re
import sys
import urllib.parse
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PUBLIC_KINDS = ("class", "struct", "concept")


class Page(html.parser.HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.update(attrs[key] for key in ("id", "name") if attrs.get(key))
        self.links += [attrs[key] for key in ("href", "src") if attrs.get(key)]


def broken_links(site):
    pages = {path: Page(path) for path in site.glob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            if path.name == "404.html":
                continue  # its links begin at the root of a server
            if not target.exists():
                yield f"{path.name}: a link to {link}, which is not there"
            elif parts.fragment and target in pages and parts.fragment not in pages[target].anchors:
                yield f"{path.name}: a link to {link}, where no such anchor is"


def broken_root_links():
    for path in sorted(ROOT.glob("*.md")):
        for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
            target = link.partition("#")[0]
            if "://" not in link and target and not (ROOT / target).exists():
                yield f"{path.name}: a link to {link}, which is not there"


def missing_names(tagfile):
    known = set()
    for compound in xml.etree.ElementTree.parse(tagfile).getroot().findall("compound"):
        name = compound.findtext("name")
        if compound.get("kind") in PUBLIC_KINDS and name.startswith("see::"):
            known.add(name.removeprefix("see::"))
        elif compound.get("kind") == "namespace" and name == "see":
            known.update(member.findtext("name") for member in compound.findall("member"))
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for number, line in enumerate(page.split("\n"), 1):
        if line.startswith("| `"):
            for name in re.findall(r"`(\w+)`", line.split("|")[1]):
                if name not in known:
                    yield f"docs/api.md:{number}: {name}, which namespace see has not"


def long_lines():
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if len(line) > 120 and not line.startswith("|"):
                yield f"{path.relative_to(ROOT)}:{number}: {len(line)} characters, needed at most 120"


def main():
    site, tagfile = sys.argv[1:]
    found = [*broken_links(pathlib.Path(site).resolve()), *broken_root_links(),
             *missing_names(tagfile), *long_lines()]
    for fault in found:
        print(fault, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
