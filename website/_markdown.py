"""Markdown as text: what is prose in it, where its links lead, and which names become links."""

import html
import re
from collections.abc import Callable

_FENCE = re.compile(r"^ *(`{3,}|~{3,})")
_HEADING = re.compile(r"^#{1,6} ")
# A link or a picture, whose text may hold code and brackets; or code, in which no link counts.
_INLINE = re.compile(
    r"(?P<text>!?\[(?:[^\[\]]|\[[^\[\]]*\](?:\([^()\s]*\))?)*\])\((?P<target>[^()\s]+)\)"
    r"|(?P<ticks>`+)(?P<code>[^`]+)(?P=ticks)(?!`)"
)
_NAME = re.compile(r"([A-Za-z_][\w.]*)(\(.*\))?", re.DOTALL)


def with_links(
    text: str,
    target: Callable[[str], str],
    address: Callable[[str], str | None],
    title: Callable[[str], str] = lambda _: "",
) -> str:
    """A page with other links.

    `target` says where a link leads, given where it led. `address` gives the address of what
    a piece of code names, or None; the first time that a section names it, it becomes a link.
    Where a link shows the name of a file, it gets that page's `title` instead, if there is one.
    """
    linked: set[str] = set()
    lines, prose, is_heading = [], [], False

    def replaced(match: "re.Match[str]") -> str:
        if match["target"]:
            inner = _INLINE.sub(replaced, match["text"][2:-1]) if "](" in match["text"] else None
            shown = match["text"] if inner is None else f"{match['text'][:2]}{inner}]"
            if shown.endswith(".md]"):
                shown = f"[{title(match['target'])}]" if title(match["target"]) else shown
            return f"{shown}({target(match['target'])})"
        name = _NAME.fullmatch(match["code"])
        where = address(name[1]) if name and not is_heading else None
        if where is None or where in linked:
            return match[0]
        linked.add(where)
        return f"[{match[0]}]({where})"

    def end_of_prose() -> None:
        if prose:
            lines.extend(_INLINE.sub(replaced, "\n".join(prose)).split("\n"))
            prose.clear()

    fence, is_indented = "", False
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence or mark:
            end_of_prose()
            lines.append(line)
            if not fence and mark:
                fence = mark[1]
            elif line.strip() == fence:
                fence = ""
            continue
        is_indented = line.startswith("    ") and (is_indented or not (prose and prose[-1].strip()))
        if is_indented:
            end_of_prose()
            lines.append(line)
        elif _HEADING.match(line):
            end_of_prose()
            linked.clear()
            is_heading = True
            lines.append(_INLINE.sub(replaced, line))
            is_heading = False
        else:
            prose.append(line)
    end_of_prose()
    return "\n".join(lines)


def title_of(text: str) -> str:
    """The first heading of a page, as plain text."""
    found = re.search(r"^# +(.*?) *$", text, re.MULTILINE)
    return found[1].replace("`", "") if found else ""


def heading(level: int, name: str, anchor: str) -> str:
    """A heading that shows a name, at the address `#anchor`.

    Two underscores would begin strong text, in an address too, so `__call__` needs backslashes.
    """
    plain = anchor.replace("__", r"\_\_")
    return f"{'#' * level} `{name}` {{ #{plain} }}"


def first_sentence(docstring: str) -> str:
    """The first sentence, on one line."""
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    return re.split(r"(?<=[.:!?]) (?=[A-Z`])", paragraph)[0]


def code(text: str, address: Callable[[str], str | None] = lambda _: None) -> str:
    """Code in a line of prose, with the names in it that have an address as links."""
    pieces = []
    for piece in re.split(r"""("[^"]*"|'[^']*'|[A-Za-z_][\w.]*)""", text):
        where = address(piece) if re.match(r"[A-Za-z_]", piece) else None
        plain = "".join(
            f"&#{ord(c)};" if c in r"\`*_{}[]()#+-!|~^=:" else c for c in escaped(piece)
        )
        pieces.append(f"[{plain}]({where})" if where else plain)
    return f"<code>{''.join(pieces)}</code>"


def escaped(text: str) -> str:
    """Text without what would be HTML; quotes stay."""
    return html.escape(text, quote=False)
