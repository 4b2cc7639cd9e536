"""The pages of the site as Markdown: those of the repository, with links to each other, and those
that are written from the code."""

import dataclasses
import functools
import pathlib
import posixpath
import re
import shutil

from . import _command_line, _examples, _names, _reference
from ._markdown import title_of, with_links

_PICTURES = {".png", ".gif", ".svg", ".jpg"}
# What is a page under another name than in `docs`.
_ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "CITATION.cff": "citation.md",
    "LICENSE": "license.md",
    "benchmarks/results/README.md": "numbers/index.md",
    "benchmarks/accelerator/README.md": "numbers/accelerator.md",
}
_STYLES = "extra.css"
_NOT_TESTED = re.compile(r"^## [^\n]*[Nn]ot tested yet\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass
class Pages:
    """What was written: the titles by page, and what is wrong with the links and the docstrings."""

    titles: dict[str, str] = dataclasses.field(default_factory=dict)
    wrong: list[str] = dataclasses.field(default_factory=list)


def write(root: pathlib.Path, out: pathlib.Path) -> Pages:
    """Writes all pages into a folder."""
    package = _names.load(root)
    rooms = _names.rooms_of(package, root)
    writer = _Writer(root, out, _names.Index(rooms))
    for source, page in writer.sources.items():
        if pathlib.Path(page).suffix in _PICTURES:
            (out / page).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / source, out / page)
        else:
            writer.put(page, _examples.as_page(root / source), source)
    writer.put("examples/index.md", _examples.listed(root, writer.sources))
    writer.put("not_tested.md", writer.not_tested())
    kinds = _names.kinds_of(package)
    for room in rooms:
        writer.put(room.page, _reference.page(room, kinds, writer.addresses(room.page)))
    writer.made.wrong += _names.without_docstring(rooms)
    here = "reference/index.md"
    writer.put(here, _reference.index(rooms, writer.addresses(here)))
    here = "reference/command-line.md"
    writer.put(here, _command_line.page(package, writer.addresses(here)))
    shutil.copyfile(pathlib.Path(__file__).parent / _STYLES, out / _STYLES)
    writer.made.titles = dict(sorted(writer.made.titles.items()))
    return writer.made


class _Writer:
    """Writes pages, and knows where each page and each public name is."""

    def __init__(self, root: pathlib.Path, out: pathlib.Path, index: _names.Index):
        self.root, self.out, self.index = root, out, index
        self.sources = _sources(root)
        self.made = Pages()

    def put(self, page: str, text: str, source: str | None = None) -> None:
        """Writes a page. Its links are those of the file that it was made from, if it was."""
        file = self.out / page
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.linked(page, text, source), encoding="utf-8")
        self.made.titles[page] = title_of(text)

    def linked(self, page: str, text: str, source: str | None) -> str:
        """A text with links as that page needs them."""

        def target(link: str) -> str:
            return link if source is None else self._target(link, source, page)

        def title(link: str) -> str:
            where = posixpath.normpath(posixpath.join(posixpath.dirname(source or page), link))
            return self._title(where.partition("#")[0])

        return with_links(text, target, self.addresses(page), title)

    def not_tested(self) -> str:
        """What the pages say was not tested yet, page by page."""
        lines = [
            "# Not tested yet",
            "",
            "Here is what the other pages say of what nobody has tried, so that you know it before "
            "you rely on it.",
        ]
        for source, page in self.sources.items():
            text = (self.root / source).read_text(encoding="utf-8") if page.endswith(".md") else ""
            for section in _NOT_TESTED.findall(text):
                inner = self.linked("not_tested.md", section.strip(), source)
                lines += ["", f"## [{title_of(text)}]({page})", "", inner]
        return "\n".join(lines) + "\n"

    def addresses(self, page: str) -> _reference.Address:
        """A function that gives the address of a public name, as a link on a page has it."""

        def address(name: str) -> str | None:
            where = self.index.address(name)
            return where and _relative(where, page)

        return address

    @functools.cache  # noqa: B019 - there is one writer
    def _title(self, source: str) -> str:
        """What a page is called in a sentence; empty if the file is no page."""
        if source not in self.sources:
            return ""
        return title_of(_examples.as_page(self.root / source)).partition(": ")[0]

    def _target(self, link: str, source: str, page: str) -> str:
        """Where a link of a file of the repository leads on the site."""
        path, mark, anchor = link.partition("#")
        if re.match(r"\w+:", link) or not path:
            return link
        where = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        folder = f"{where}/README.md"
        if where in self.sources or folder in self.sources:
            found = self.sources.get(where) or self.sources[folder]
            return _relative(found + mark + anchor, page)
        if where == "examples":
            return _relative("examples/index.md", page)
        module = where.removesuffix(".py").replace("/", ".")
        if where.startswith(f"{_names.PACKAGE}/") and "._" not in module:
            room = module.removeprefix(f"{_names.PACKAGE}.")
            return _relative(f"reference/{room}.md", page)
        self.made.wrong.append(f"{source}: no page is made of {where}, to which a link leads.")
        return link


def _relative(where: str, page: str) -> str:
    """The address of a place of the site, as a link on that page has it."""
    path, mark, anchor = where.partition("#")
    if path == page and mark:
        return f"#{anchor}"
    return posixpath.relpath(path, posixpath.dirname(page) or ".") + mark + anchor


def _sources(root: pathlib.Path) -> dict[str, str]:
    """The pages and pictures of the site, by the files of the repository that they are made of."""
    found = dict(_ELSEWHERE)
    files = [
        *sorted((root / "docs").rglob("*")),
        *sorted((root / "benchmarks/results").glob("*.md")),
        *sorted((root / "benchmarks/results").glob("*.svg")),
        *sorted((root / "examples").rglob("*")),
    ]
    for file in files:
        source = file.relative_to(root).as_posix()
        page = re.sub(r"^docs/", "", source).replace("benchmarks/results/", "numbers/")
        page = re.sub(r"README\.md$", "index.md", page)
        if file.suffix in _examples.KINDS:
            page = f"{page.removesuffix(file.suffix)}.md"
        if file.suffix in {".md"} | _examples.KINDS | _PICTURES:
            found.setdefault(source, page)
    return found
