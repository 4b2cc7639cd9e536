"""Drawings of mazes: text turned into rows of symbols, or into an error that names the place."""

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import numpy as np
from jaxtyping import Int, Shaped

from ._dialect import (
    BYTE_ORDER_MARK,
    COMMENT,
    DIRECTION_SYMBOLS,
    DOOR_SYMBOL,
    FLOOR_SYMBOL,
    GOAL_SYMBOL,
    KEY_SYMBOL,
    SPACE,
    WALL_SYMBOL,
    Row,
    in_plain_symbols,
    refuse,
)


class Drawing(NamedTuple):
    """The symbols of a maze, and where its things are: positions (x, y).

    There is one agent and at least one goal, and a key and a door, or neither of them.
    """

    symbols: Shaped[np.ndarray, "height width"]
    agent_pos: Int[np.ndarray, "2"]
    goals: Int[np.ndarray, "goals 2"]
    key_pos: Int[np.ndarray, "2"] | None
    door_pos: Int[np.ndarray, "2"] | None


def lines_of(text: str) -> list[str]:
    """The lines of a text, whatever ends them, without a byte order mark."""
    return re.split("\r\n|\n|\r", text.removeprefix(BYTE_ORDER_MARK))


def read_drawing(lines: Sequence[tuple[int, str]]) -> Drawing:
    """Reads numbered lines; `MazeLevel.from_ascii` says what is a drawing. Raises `ValueError`."""
    rows = [Row(number, line) for number, line in lines if not line.lstrip().startswith(COMMENT)]
    if not any(row.text.strip() for row in rows):
        raise ValueError("The drawing of a maze is empty.")
    rows = _rectangle(in_plain_symbols(rows))
    symbols = np.array([list(row.text) for row in rows])
    has_door = bool(np.isin(symbols, [KEY_SYMBOL, DOOR_SYMBOL]).any())

    def door_or_key(what: str, symbol: str) -> Int[np.ndarray, "2"] | None:
        return _positions(what, symbol, rows)[0] if has_door else None

    return Drawing(
        symbols,
        _positions(f"agent (one of {DIRECTION_SYMBOLS})", DIRECTION_SYMBOLS, rows)[0],
        _positions(f"goal ({GOAL_SYMBOL})", GOAL_SYMBOL, rows, exactly_one=False),
        door_or_key(f"key ({KEY_SYMBOL}) if it has a door", KEY_SYMBOL),
        door_or_key(f"door ({DOOR_SYMBOL}) if it has a key", DOOR_SYMBOL),
    )


def _rectangle(rows: list[Row]) -> list[Row]:
    """The rows, all of one length, of a drawing in plain symbols."""
    if any(FLOOR_SYMBOL in row.text for row in rows):
        # Floor has a symbol of its own, so spaces around the drawing are no part of it.
        drawn = _within(rows, lambda row: bool(row.text.strip(SPACE)))
        margins = {len(row.text) - len(row.text.lstrip(SPACE)) for row in drawn}
        bare = [row.part(min(margins), row.text.rstrip(SPACE)) for row in drawn]
        lengths = {len(row.text) for row in bare}
        if len(margins) == 1 and len(lengths) == 1 and not any(SPACE in row.text for row in bare):
            return bare
    margin = _margin(rows)
    if margin > 0 or not rows[0].text:
        _check_block(rows, margin)
    rows = _within([row.part(margin) for row in rows], lambda row: bool(row.text))
    return _with_floor_at_the_ends(rows)


def _within(rows: list[Row], counts) -> list[Row]:
    """The rows from the first that counts to the last."""
    places = [i for i, row in enumerate(rows) if counts(row)]
    return rows[places[0] : places[-1] + 1]


def _margin(rows: list[Row]) -> int:
    """How many spaces at the beginning of all lines are indentation.

    They are in a block, which begins with a line break, as a triple-quoted string does. Elsewhere
    every space is floor.
    """
    if rows[0].text:
        return 0
    texts = [row.text for row in rows if not _is_blank(row.text)]
    return min(len(text) - len(text.lstrip(SPACE)) for text in texts)


def _is_blank(line: str) -> bool:
    return not line.strip(SPACE)


def _check_block(rows: list[Row], margin: int) -> None:
    """Refuses a block in which a space may be floor as well as indentation."""
    last = rows[-1]
    if _is_blank(last.text) and len(last.text) > margin:
        refuse(
            last,
            margin,
            "these spaces may be a row of floor, or what the closing quotes are indented by. Write "
            f"floor as '{FLOOR_SYMBOL}', or put the quotes as far in as the drawing begins.",
        )
    ends_at_margin = _is_blank(last.text) and len(last.text) == margin
    with_floor = [row for row in rows if SPACE in row.text[margin:]]
    if margin > 0 and with_floor and not ends_at_margin:
        row = with_floor[0]
        refuse(
            row,
            margin + row.text[margin:].index(SPACE),
            f"this space is floor, but the {margin} at the beginning of every line may be floor as "
            f"well as indentation. Write floor as '{FLOOR_SYMBOL}', or put the closing quotes on a "
            "line of their own, as far in as the drawing begins.",
        )


def _with_floor_at_the_ends(rows: list[Row]) -> list[Row]:
    """The rows with the floor at their ends that an editor has removed, where it is sure that it
    was floor. Raises `ValueError` for rows that are not equally long otherwise."""
    for row in rows:
        if not row.text:
            refuse(
                row._replace(column=1),
                0,
                "the line has no cells. Leave it out; if another maze follows, read each one on "
                f"its own. If it is a row of floor, write '{FLOOR_SYMBOL}' for each cell.",
            )
    if len({len(row.text) for row in rows}) == 1:
        return rows
    bare = [row.part(0, row.text.rstrip(SPACE)) for row in rows]
    width = max(len(row.text) for row in bare)
    ends_in_floor = max(len(row.text) for row in rows) > width
    has_dots = any(FLOOR_SYMBOL in row.text for row in rows)
    if has_dots or not any(SPACE in row.text for row in bare):
        _refuse_lengths(rows)
    if _has_border(bare):
        if {len(row.text) for row in bare} != {width}:
            _refuse_lengths(bare)
        return bare
    if ends_in_floor:
        _refuse_lengths(rows)
    return [row.part(0, row.text.ljust(width)) for row in bare]


def _has_border(rows: list[Row]) -> bool:
    """Whether there is a wall all along the top, the bottom and the left of a drawing."""
    left = all(row.text.startswith(WALL_SYMBOL) for row in rows)
    return left and set(rows[0].text) == set(rows[-1].text) == {WALL_SYMBOL}


def _refuse_lengths(rows: list[Row]) -> NoReturn:
    first = rows[0]
    row = next(row for row in rows if len(row.text) != len(first.text))
    lengths = sorted({len(row.text) for row in rows})
    refuse(
        row,
        min(len(row.text), len(first.text)),
        f"All rows of a maze must be equally long; these have lengths {lengths}. This one has "
        f"{len(row.text)} cells, and line {first.line} has {len(first.text)}. Write floor as "
        f"'{FLOOR_SYMBOL}', which editors do not remove at the end of a line.",
    )


def _positions(
    what: str, symbols: str, rows: list[Row], *, exactly_one: bool = True
) -> Int[np.ndarray, "found 2"]:
    """Where these symbols are. Raises `ValueError` if they are nowhere, or there must be one."""
    found = [
        (x, y)
        for y, row in enumerate(rows)
        for x, symbol in enumerate(row.text)
        if symbol in symbols
    ]
    if not found or (exactly_one and len(found) > 1):
        places = [f"line {rows[y].line}, column {rows[y].column_of(x)}" for x, y in found]
        where = f": {'; '.join(places)}" if places else ""
        number = "exactly" if exactly_one else "at least"
        raise ValueError(
            f"A maze has {number} one {what}; this one has {len(found)}{where}. The drawing is "
            f"from line {rows[0].line} to line {rows[-1].line}."
        )
    return np.array(found, np.int32)
