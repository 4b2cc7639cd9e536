"""The pages of the documentation, and the blocks of code in them."""

import ast
import dataclasses
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).parent.parent
PAGES = {
    str(page.relative_to(ROOT)): page
    for page in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
}
_OPERATORS = re.compile(r"&&|\|\||[|;&]")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the number of its first line on the page."""

    language: str
    text: str
    line: int


def blocks_of(page: pathlib.Path) -> list[Block]:
    """All fenced blocks of a page, those within lists without their indentation."""
    found, lines = [], page.read_text(encoding="utf-8").splitlines()
    opened, indentation, language, start = "", 0, "", 0
    for number, line in enumerate(lines, 1):
        if not opened and (fence := re.match(r"( *)(`{3,}|~{3,})(\S*)", line)):
            indentation, opened, language, start = len(fence[1]), fence[2], fence[3], number
        elif opened and line.strip() == opened:
            inner = (text[indentation:] for text in lines[start : number - 1])
            found.append(Block(language, "\n".join(inner) + "\n", start + 1))
            opened = ""
    return found


def prose_of(page: pathlib.Path) -> str:
    """The text of a page without its fenced blocks."""
    fence = re.compile(r"^( *)(```|~~~).*?^\1\2", re.DOTALL | re.MULTILINE)
    return fence.sub("", page.read_text(encoding="utf-8"))


def calls_of(page: pathlib.Path) -> list[ast.Call]:
    """The calls in the Python that stands in the text of a page, such as `Rank(temperature=1)`."""
    found = []
    for text in re.findall(r"`([^`]+)`", prose_of(page)):
        try:
            parsed = ast.parse(" ".join(text.split()))
        except SyntaxError:
            continue
        found += [node for node in ast.walk(parsed) if isinstance(node, ast.Call)]
    return found


def commands_of(page: pathlib.Path) -> list[tuple[list[str], str | None]]:
    """What a page calls `minimax-eqx` with, and the file that its output goes to, if one.

    These are the lines of its blocks for a shell, and lines of code in the text without words that
    stand for something else, such as RECIPE.
    """
    lines = [
        line
        for block in blocks_of(page)
        if block.language in ("bash", "")
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    prose = prose_of(page)
    lines += re.findall(r"`(minimax-eqx [^`]+)`", prose)
    lines += re.findall(r"^ {4,}(minimax-eqx (?:\\\n|.)*)", prose, re.MULTILINE)
    found = []
    for line in lines:
        for part in _OPERATORS.split(re.sub(r"\s#.*", "", line.replace("\\\n", " "))):
            command = re.search(r"minimax-eqx(?= |$)(.*)", part)
            if command is None or "…" in part or "..." in part:
                continue
            words, _, file = command[1].partition(">")
            split = shlex.split(re.sub(r"\$\w+", "1", words))
            if not any(re.search(r"\b[A-Z]{2,}\b", word) for word in split):
                found.append((split, file.strip() or None))
    return found
