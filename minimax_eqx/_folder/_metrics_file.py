"""A table of numbers on disk, one row per log interval or evaluation."""

import csv
import io
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from .._files import FolderError, naming, write


class MetricsFile:
    """A CSV file of rows that are appended and flushed.

    A row cut short by a crash does not count: it is left out when reading, and dropped when the
    next row is appended. A row for a cycle that is already there is not written again. A row may
    have other columns than those before it: the file is written anew then, with all of them, at
    once or not at all. What a row has no value for is blank, and NaN when it is read.

    Raises `FolderError` if the file is there and is not such a table.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._columns: Sequence[str] = []
        self._rows: list[Mapping[str, float]] = []
        whole, _, rest = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
        self._torn = bool(rest)
        try:
            lines = csv.reader(io.StringIO(whole.decode("utf-8-sig"), newline=""))
            self._columns = next(lines, [])
            for line in lines:
                values = [float(value) if value else math.nan for value in line]
                self._rows.append(dict(zip(self._columns, values, strict=True)))
        except (ValueError, csv.Error) as error:
            raise _damaged(path, str(error)) from error
        if self._columns and "cycle" not in self._columns:
            raise _damaged(path, "it has no column 'cycle'")
        cycles = [row["cycle"] for row in self._rows]
        if not all(math.isfinite(cycle) for cycle in cycles) or sorted(set(cycles)) != cycles:
            raise _damaged(path, "its cycles are not in order")

    def append(self, row: Mapping[str, float]) -> None:
        """Writes a row, `cycle` among its columns. Raises `OSError`, naming the file, if it cannot
        be written; what was there before is still there then."""
        if self._rows and self.last_cycle >= row["cycle"]:
            return
        columns = list(dict.fromkeys([*self._columns, *row]))
        if self._torn or columns != self._columns:
            self._rewrite(columns, [*self._rows, row])
            return
        with naming(self._path), open(self._path, "a", newline="", encoding="utf-8") as file:
            file.write(_text(columns, [row]))
        self._rows.append(row)

    def read(self) -> list[dict[str, float]]:
        """All rows, in order; a value that was not measured is NaN."""
        return [{name: row.get(name, math.nan) for name in self._columns} for row in self._rows]

    @property
    def last_cycle(self) -> int:
        """The cycle of the last row; 0 if there is none."""
        return int(self._rows[-1]["cycle"]) if self._rows else 0

    def drop_after(self, cycle: int) -> None:
        """Removes the rows of later cycles, and the file if none is left."""
        kept = [row for row in self._rows if row["cycle"] <= cycle]
        if not kept and self._rows:
            self._path.unlink()
            self._columns, self._rows, self._torn = [], [], False
        elif len(kept) < len(self._rows):
            self._rewrite(self._columns, kept)

    def _rewrite(self, columns: Sequence[str], rows: list[Mapping[str, float]]) -> None:
        write(self._path, _text(columns, rows, header=True).encode())
        self._columns, self._rows, self._torn = columns, rows, False


def _damaged(path: pathlib.Path, reason: str) -> FolderError:
    return FolderError(
        f"{path} is damaged: {reason}. Put a copy of it back, or remove it: the run goes on "
        "without these rows."
    )


def _text(
    columns: Sequence[str], rows: Iterable[Mapping[str, float]], *, header: bool = False
) -> str:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, lineterminator="\n")
    if header:
        table.writeheader()
    table.writerows({name: _short(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _short(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"
