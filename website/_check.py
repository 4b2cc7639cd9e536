"""Whether every link in the built pages leads to a file and to an anchor that are there."""

import html.parser
import pathlib
import re
import urllib.parse


class _Page(html.parser.HTMLParser):
    """The addresses that a page names, and the anchors that it has."""

    def __init__(self, text: str):
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value is not None:
                self.links.add(value)


def broken_links(site: pathlib.Path) -> list[str]:
    """A line for each link within the site that leads nowhere."""
    pages = {
        file: _Page(file.read_text(encoding="utf-8"))
        for file in sorted(site.rglob("*.html"))
        if file.name != "404.html"
    }
    wrong = []
    for file, page in pages.items():
        for link in sorted(page.links):
            if re.match(r"[a-z]+:|//", link):
                continue
            path, _, anchor = link.partition("#")
            where = (file.parent / urllib.parse.unquote(path)).resolve() if path else file
            where = where / "index.html" if where.is_dir() else where
            anchors = pages[where].anchors if where in pages else None
            is_there = where.exists() and (
                not anchor or anchors is None or urllib.parse.unquote(anchor) in anchors
            )
            if not is_there:
                wrong.append(f"{file.relative_to(site)}: {link} leads nowhere.")
    return wrong
