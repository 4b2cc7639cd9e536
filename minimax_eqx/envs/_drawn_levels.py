"""Files of drawings: which lines are which level, and what it is called."""

import collections
import contextlib
import itertools
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

_REMARK = ";"


class DrawnLevel(NamedTuple):
    """A level of a file, its name, and the number of its first line."""

    name: str
    line: int
    level: Any


class _Piece(NamedTuple):
    """Lines of a drawing, numbered, and the name above them; `gap` are the lines of blanks before
    it, or None if an empty line is among them, so that it begins a level for certain."""

    name: str | None
    lines: list[tuple[int, str]]
    gap: list[tuple[int, str]] | None


def read_drawn(text: str, kind: Any) -> list[DrawnLevel]:
    """The levels of the class `kind` that are drawn in a text, as they are drawn.

    A line `; NAME` above a drawing names it, and other lines that begin so are remarks. Levels are
    apart by empty lines or by names. A line of blanks is either between two levels or a row of
    one: whichever makes levels of what is around it.

    Raises `ValueError` with name, line and column for what cannot be read, and for two levels of
    one name.
    """
    pieces, drawn = _pieces(text), list[DrawnLevel]()
    while pieces:
        count = next((i for i, p in enumerate(pieces) if i and p.gap is None), len(pieces))
        drawn += _read_group(pieces[:count], len(drawn), kind)
        pieces = pieces[count:]
    return _with_own_names(drawn)


def _read_group(pieces: list[_Piece], index: int, kind: Any) -> list[DrawnLevel]:
    """Pieces that are a level each, or one level all together."""
    try:
        return [_read(piece, index + i, kind) for i, piece in enumerate(pieces)]
    except ValueError as error:
        if len(pieces) > 1:
            with contextlib.suppress(ValueError):
                return [_read(_joined(pieces), index, kind)]
        raise error


def _pieces(text: str) -> list[_Piece]:
    """The lines that belong together, and what is above them."""
    numbered = enumerate(re.split("\r\n|\n|\r", text), start=1)
    runs = [(kind, list(lines)) for kind, lines in itertools.groupby(numbered, _kind)]
    kinds = [None, *(kind for kind, _ in runs), None]
    pieces: list[_Piece] = []
    name: str | None = None
    gap: list[tuple[int, str]] | None = []
    for (kind, lines), before, after in zip(runs, kinds, kinds[2:], strict=False):
        if kind == "drawing":
            pieces.append(_Piece(name, lines, gap))
            name, gap = None, []
        elif kind == "blank":
            is_sure = gap is None or any(not line for _, line in lines)
            gap = None if is_sure else [*(gap or ()), *lines]
        else:
            said = [text for _, line in lines if (text := line.strip().lstrip(_REMARK).strip())]
            # What stands alone is a name if it is one line, and the head of a file if it is more.
            if said and (after == "drawing" or (before != "drawing" and len(said) == 1)):
                name = said[0]
    return pieces


def _kind(numbered: tuple[int, str]) -> str:
    bare = numbered[1].strip()
    return "blank" if not bare else "remark" if bare.startswith(_REMARK) else "drawing"


def _joined(pieces: Sequence[_Piece]) -> _Piece:
    """The pieces as one level, with the blanks between them as rows."""
    lines = [line for piece in pieces[1:] for line in (*(piece.gap or ()), *piece.lines)]
    return _Piece(pieces[0].name, [*pieces[0].lines, *lines], pieces[0].gap)


def _read(piece: _Piece, index: int, kind: Any) -> DrawnLevel:
    name, first = str(index) if piece.name is None else piece.name, piece.lines[0][0]
    try:
        with jax.ensure_compile_time_eval():
            if hasattr(kind, "from_lines"):
                drawn = kind.from_lines(piece.lines)
            else:
                drawn = kind.from_ascii("\n".join(line for _, line in piece.lines))
            return DrawnLevel(name, first, jax.device_get(drawn))
    except ValueError as error:
        where = "" if hasattr(kind, "from_lines") else f" (line {first})"
        raise ValueError(f"level {name!r}{where}: {error}") from error


def _with_own_names(drawn: list[DrawnLevel]) -> list[DrawnLevel]:
    counts = collections.Counter(level.name for level in drawn)
    for level in drawn:
        if counts[level.name] > 1:
            lines = [str(other.line) for other in drawn if other.name == level.name]
            raise ValueError(
                f"A level is called {level.name!r}; names must not be repeated, and this one is "
                f"above lines {' and '.join(lines)}. Levels without a name are numbered from 0."
            )
    return drawn
