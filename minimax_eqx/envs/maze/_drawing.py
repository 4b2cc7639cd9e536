"""Drawings of mazes: text turned into rows of symbols, or into an error that names the place."""

import re
from typing import NamedTuple, NoReturn

import numpy as np
from jaxtyping import Int, Shaped

DIRECTION_SYMBOLS = ">v<^"
WALL_SYMBOL, FLOOR_SYMBOL, GOAL_SYMBOL = "#", ".", "G"
LAVA_SYMBOL, KEY_SYMBOL, DOOR_SYMBOL = "~", "K", "D"
_SPACE = " "
_THINGS = GOAL_SYMBOL + LAVA_SYMBOL + KEY_SYMBOL + DOOR_SYMBOL
_KNOWN = WALL_SYMBOL + FLOOR_SYMBOL + _SPACE + _THINGS + DIRECTION_SYMBOLS
_BYTE_ORDER_MARK = "\ufeff"
# What other programs and hasty fingers write, and what is meant.
_MEANT = {
    "\t": "Write a space for each column that the tab stands for.",
    "\xa0": "That is a space which does not break; write an ordinary one.",
    "g": f"The goal is a capital '{GOAL_SYMBOL}'.",
    "V": "An agent that looks down is a small 'v'.",
}


class _Row(NamedTuple):
    """A row of a drawing, and which line of the text it is, counted from 1."""

    line: int
    text: str


class Drawing(NamedTuple):
    """The symbols of a maze, and where its things are: positions (x, y).

    There is one agent and at least one goal, and a key and a door, or neither of them.
    """

    symbols: Shaped[np.ndarray, "height width"]
    agent_pos: Int[np.ndarray, "2"]
    goals: Int[np.ndarray, "goals 2"]
    key_pos: Int[np.ndarray, "2"] | None
    door_pos: Int[np.ndarray, "2"] | None


def read_drawing(text: str) -> Drawing:
    """Reads a drawing; `MazeLevel.from_ascii` says what one is. Raises `ValueError`."""
    lines = re.split("\r\n|\n|\r", text.removeprefix(_BYTE_ORDER_MARK))
    if not "".join(lines).strip():
        raise ValueError("The drawing of a maze is empty.")
    rows = [_Row(i + 1, line) for i, line in enumerate(lines)]
    margin = _margin(lines)
    _check_symbols(rows)
    if margin > 0 or not lines[0]:
        _check_block(rows, margin)
    rows = _without_margin(rows, margin)
    _check_lengths(rows, margin)
    symbols = np.array([list(row.text) for row in rows])
    has_door = bool(np.isin(symbols, [KEY_SYMBOL, DOOR_SYMBOL]).any())

    def door_or_key(what: str, symbol: str) -> Int[np.ndarray, "2"] | None:
        return _positions(what, symbol, rows, margin)[0] if has_door else None

    return Drawing(
        symbols,
        _positions(f"agent (one of {DIRECTION_SYMBOLS})", DIRECTION_SYMBOLS, rows, margin)[0],
        _positions(f"goal ({GOAL_SYMBOL})", GOAL_SYMBOL, rows, margin, exactly_one=False),
        door_or_key(f"key ({KEY_SYMBOL}) if it has a door", KEY_SYMBOL),
        door_or_key(f"door ({DOOR_SYMBOL}) if it has a key", DOOR_SYMBOL),
    )


def _margin(lines: list[str]) -> int:
    """How many spaces at the beginning of all lines are indentation.

    They are in a block, which begins with a line break, as a triple-quoted string does. Elsewhere
    every space is floor.
    """
    if lines[0]:
        return 0
    return min(len(line) - len(line.lstrip(_SPACE)) for line in lines if not _is_blank(line))


def _is_blank(line: str) -> bool:
    return not line.strip(_SPACE)


def _check_block(rows: list[_Row], margin: int) -> None:
    """Refuses a block in which a space may be floor as well as indentation."""
    last = rows[-1]
    if _is_blank(last.text) and len(last.text) > margin:
        _refuse(
            last.line,
            margin + 1,
            "these spaces may be a row of floor, or what the closing quotes are indented by. Write "
            f"floor as '{FLOOR_SYMBOL}', or put the quotes as far in as the drawing begins.",
        )
    ends_at_margin = _is_blank(last.text) and len(last.text) == margin
    with_floor = [row for row in rows if _SPACE in row.text[margin:]]
    if margin > 0 and with_floor and not ends_at_margin:
        row = with_floor[0]
        _refuse(
            row.line,
            margin + 1 + row.text[margin:].index(_SPACE),
            f"this space is floor, but the {margin} at the beginning of every line may be floor as "
            f"well as indentation. Write floor as '{FLOOR_SYMBOL}', or put the closing quotes on a "
            "line of their own, as far in as the drawing begins.",
        )


def _without_margin(rows: list[_Row], margin: int) -> list[_Row]:
    """The rows without their indentation, and without lines that hold nothing else at both ends."""
    rows = [_Row(row.line, row.text[margin:]) for row in rows]
    drawn = [i for i, row in enumerate(rows) if row.text]
    return rows[drawn[0] : drawn[-1] + 1]


def _check_lengths(rows: list[_Row], margin: int) -> None:
    first = rows[0]
    for row in rows:
        if not row.text:
            _refuse(
                row.line,
                1,
                "the line has no cells. Leave it out; if another maze follows, read each one on "
                f"its own. If it is a row of floor, write '{FLOOR_SYMBOL}' for each cell.",
            )
        if len(row.text) != len(first.text):
            lengths = sorted({len(row.text) for row in rows})
            _refuse(
                row.line,
                margin + 1 + min(len(row.text), len(first.text)),
                f"All rows of a maze must be equally long; these have lengths {lengths}. This one "
                f"has {len(row.text)} cells, and line {first.line} has {len(first.text)}. "
                f"Write floor as '{FLOOR_SYMBOL}', which editors do not remove at the end of a "
                "line.",
            )


def _check_symbols(rows: list[_Row]) -> None:
    unknown = sorted({symbol for row in rows for symbol in row.text} - set(_KNOWN))
    if not unknown:
        return
    line, column, symbol = next(
        (row.line, i + 1, symbol)
        for row in rows
        for i, symbol in enumerate(row.text)
        if symbol not in _KNOWN
    )
    _refuse(
        line,
        column,
        f"Unknown symbols {unknown} in a maze; known are {list(_KNOWN)}. {_MEANT.get(symbol, '')}",
    )


def _positions(
    what: str, symbols: str, rows: list[_Row], margin: int, *, exactly_one: bool = True
) -> Int[np.ndarray, "found 2"]:
    """Where these symbols are. Raises `ValueError` if they are nowhere, or there must be one."""
    found = [
        (x, y)
        for y, row in enumerate(rows)
        for x, symbol in enumerate(row.text)
        if symbol in symbols
    ]
    if not found or (exactly_one and len(found) > 1):
        places = [f"line {rows[y].line}, column {margin + 1 + x}" for x, y in found]
        where = f": {'; '.join(places)}" if places else ""
        number = "exactly" if exactly_one else "at least"
        raise ValueError(
            f"A maze has {number} one {what}; this one has {len(found)}{where}. The drawing is "
            f"from line {rows[0].line} to line {rows[-1].line}."
        )
    return np.array(found, np.int32)


def _refuse(line: int, column: int, problem: str) -> NoReturn:
    raise ValueError(f"Line {line}, column {column}: {problem.rstrip()}")
