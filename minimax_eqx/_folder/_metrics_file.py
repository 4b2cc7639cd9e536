"""A table of numbers on disk, one row per log interval or evaluation."""

import csv
import io
import math
import pathlib
from collections.abc import Mapping

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
        self._columns: list[str] = []
        self._rows: list[dict[str, float]] = []
        self._torn = False
        if path.exists():
            whole, _, rest = path.read_bytes().rpartition(b"\n")
            self._torn = bool(rest)
            self._parse(whole)

    def append(self, row: Mapping[str, float]) -> None:
        """Writes a row, `cycle` among its columns. Raises `OSError`, naming the file, if it cannot
        be written; what was there before is still there then."""
        if self.last_cycle >= row["cycle"] and self._rows:
            return
        columns = list(dict.fromkeys([*self._columns, *row]))
        if self._torn or columns != self._columns:
            self._rewrite(columns, [*self._rows, dict(row)])
            return
        with naming(self._path), open(self._path, "a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(self._texts(row))
        self._rows.append({name: row.get(name, math.nan) for name in columns})

    def read(self) -> list[dict[str, float]]:
        """All rows, in order; a value that was not measured is NaN."""
        return list(self._rows)

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

    def _rewrite(self, columns: list[str], rows: list[dict[str, float]]) -> None:
        before, self._columns = self._columns, columns
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([columns, *map(self._texts, rows)])
        try:
            write(self._path, text.getvalue().encode())
        except BaseException:
            self._columns = before
            raise
        self._torn = False
        self._rows = [{name: row.get(name, math.nan) for name in columns} for row in rows]

    def _texts(self, row: Mapping[str, float]) -> list[str]:
        return [_text(row.get(name, math.nan)) for name in self._columns]

    def _parse(self, content: bytes) -> None:
        try:
            lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
            self._columns = lines[0] if lines else []
            self._rows = [
                {
                    name: float(value) if value else math.nan
                    for name, value in zip(self._columns, line, strict=True)
                }
                for line in lines[1:]
            ]
        except (ValueError, csv.Error) as error:
            raise FolderError(f"{self._path} is damaged: {error}.") from error
        if self._columns and "cycle" not in self._columns:
            raise FolderError(f"{self._path} is damaged: it has no column 'cycle'.")


def _text(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"
