"""The symbols of drawings of mazes, and what other people draw for them."""

from collections.abc import Sequence
from typing import NamedTuple, NoReturn

DIRECTION_SYMBOLS = ">v<^"
WALL_SYMBOL, FLOOR_SYMBOL, GOAL_SYMBOL = "#", ".", "G"
LAVA_SYMBOL, KEY_SYMBOL, DOOR_SYMBOL = "~", "K", "D"
COMMENT, SPACE = ";", " "
BYTE_ORDER_MARK = "\ufeff"
_THINGS = GOAL_SYMBOL + LAVA_SYMBOL + KEY_SYMBOL + DOOR_SYMBOL
_KNOWN = WALL_SYMBOL + FLOOR_SYMBOL + SPACE + _THINGS + DIRECTION_SYMBOLS
# What says wall or floor in a drawing that says it with nothing else.
_WALLS = ("#█▓■", "1", "Xx", "Ww")
_FLOORS = (".·", "0", "_")
_MEANT = {symbol: WALL_SYMBOL for symbols in _WALLS for symbol in symbols}
_MEANT |= {symbol: FLOOR_SYMBOL for symbols in _FLOORS for symbol in symbols}
_MEANT |= {"g": GOAL_SYMBOL, "k": KEY_SYMBOL, "d": DOOR_SYMBOL, "V": "v"}
_MEANT |= dict(zip("→↓←↑▶▼◀▲►▼◄▲", DIRECTION_SYMBOLS * 3, strict=True))
_TO_PLAIN = str.maketrans(_MEANT)
_READ = {*_KNOWN, *_MEANT}
_AGENT = f"The agent is one of {DIRECTION_SYMBOLS}, which says where it looks."
_NAME = "If the line is a name or a remark, begin it with ';'."
# What is not read, since it may mean several things.
_HINTS = {
    "\t": "Write a space for each column that the tab stands for.",
    "\xa0": "That is a space which does not break; write an ordinary one.",
    **dict.fromkeys("SsAa@Pp", f"{_AGENT} {_NAME}"),
    **dict.fromkeys("Ee*$", f"The goal is '{GOAL_SYMBOL}'. {_NAME}"),
    **dict.fromkeys("+-|", f"Draw walls as '{WALL_SYMBOL}'. A border need not be drawn."),
    **dict.fromkeys("23456789", "Of numbers 1 is a wall and 0 is floor."),
}


class Row(NamedTuple):
    """A row of a drawing: its line in the text, its symbols, in which column they begin (both
    counted from 1), and how many columns a cell has."""

    line: int
    text: str
    column: int = 1
    step: int = 1

    def part(self, begin: int, text: str | None = None) -> "Row":
        """The row from its cell `begin` on; of another text if one is given."""
        text = self.text if text is None else text
        return Row(self.line, text[begin:], self.column_of(begin), self.step)

    def column_of(self, cell: int) -> int:
        """The column in the text of a cell, counted from 0."""
        return self.column + cell * self.step


def refuse(row: Row, cell: int, problem: str) -> NoReturn:
    """Raises `ValueError` with the place of a cell of that row."""
    raise ValueError(f"Line {row.line}, column {row.column_of(cell)}: {problem.rstrip()}")


def in_plain_symbols(rows: Sequence[Row]) -> list[Row]:
    """The rows in the symbols that `MazeLevel.to_ascii` writes, and spaces.

    A tab at the end of a line is nothing, like the other blanks there. Raises `ValueError` for
    symbols that mean nothing, or not one thing alone.
    """
    rows = [row.part(0, _without_tabs_at_the_end(row.text)) for row in rows]
    _check_known(rows)
    _check_one_sign("a wall", _WALLS, rows)
    _check_one_sign("floor", _FLOORS, rows)
    plain = [row.part(0, row.text.translate(_TO_PLAIN)) for row in rows]
    # Spaces are no floor where 0 is: they part the numbers.
    return _without_gaps(plain) if any("0" in row.text for row in rows) else plain


def _without_tabs_at_the_end(text: str) -> str:
    bare = text.rstrip()
    return bare if "\t" in text[len(bare) :] else text


def _check_known(rows: Sequence[Row]) -> None:
    unknown = sorted({symbol for row in rows for symbol in row.text} - _READ)
    if unknown:
        row, cell, symbol = _first(rows, set(unknown))
        refuse(
            row,
            cell,
            f"Unknown symbols {unknown} in a maze; known are {list(_KNOWN)}. "
            f"{_HINTS.get(symbol, _NAME if symbol.isalpha() else '')}",
        )


def _check_one_sign(what: str, signs: Sequence[str], rows: Sequence[Row]) -> None:
    """Refuses a drawing with two signs for one thing: one of them may mean something else."""
    used = [_first(rows, set(s)) for s in signs if any(set(s) & set(row.text) for row in rows)]
    if len(used) > 1:
        (_, _, sign), (row, cell, other) = sorted(
            used, key=lambda place: (place[0].line, place[1])
        )[:2]
        refuse(
            row,
            cell,
            f"'{other}' is {what} in a drawing in which nothing else is, and in this one '{sign}' "
            "is. Write one of them for both, if they are the same.",
        )


def _without_gaps(rows: list[Row]) -> list[Row]:
    """The rows without the spaces between cells, if there is one between each two."""
    texts = [row.text.strip(SPACE) for row in rows if row.text.strip(SPACE)]
    if not any(SPACE in text for text in texts):
        return rows
    if all(set(t[1::2]) <= {SPACE} and SPACE not in t[::2] for t in texts):
        return [
            Row(row.line, row.text.strip(SPACE)[::2], row.column + _margin_of(row), 2)
            for row in rows
        ]
    row = next(row for row in rows if SPACE in row.text.strip(SPACE))
    cell = row.text.index(SPACE, _margin_of(row))
    return refuse(row, cell, "A space may be floor or nothing here, where 0 is floor. Write 0.")


def _margin_of(row: Row) -> int:
    return len(row.text) - len(row.text.lstrip(SPACE))


def _first(rows: Sequence[Row], symbols: set[str]) -> tuple[Row, int, str]:
    """The first of these symbols: its row, its cell, and which it is."""
    return next(
        (row, i, symbol) for row in rows for i, symbol in enumerate(row.text) if symbol in symbols
    )
