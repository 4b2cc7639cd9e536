"""A table of numbers on disk, one row per log interval or evaluation."""

import csv
import io
import math
import os
import pathlib
from collections.abc import Mapping, Sequence

from ._filesystem import FolderError, move, naming, sync


class MetricsFile:
    """A CSV file of rows that are appended and flushed.

    A row cut short by a crash does not count: it is left out when reading, and dropped when the
    next row is appended. A row for a cycle that is already there is not written again. Columns are
    those of the first row; a later row may have others, and then the file is written anew with all
    of them, at once or not at all. What a row has no value for is blank, and NaN when it is read.

    Raises `FolderError` if the file is there and is not such a table.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._columns: list[str] = []
        self._torn = False
        self._rows: list[dict[str, float]] = []
        if path.exists():
            content = path.read_bytes()
            self._whole = content.rfind(b"\n") + 1
            self._torn = self._whole != len(content)
            self._parse(content[: self._whole])

    def append(self, row: Mapping[str, float]) -> None:
        """Writes a row, `cycle` among its columns. Raises `OSError`, naming the file, if it cannot
        be written; what was there before is still there then."""
        if self._rows and row["cycle"] <= self._rows[-1]["cycle"]:
            return
        added = [name for name in row if name not in self._columns]
        if added and self._columns:
            self._rewrite(self._columns + added, [*self._rows, dict(row)])
            return
        is_new, self._columns = not self._columns, self._columns or added
        with naming(self._path):
            if self._torn:
                os.truncate(self._path, self._whole)
                self._torn = False
            with open(self._path, "a", newline="", encoding="utf-8") as file:
                file.write(_text(self._columns, [row], header=is_new))
        self._rows.append(_with_all(self._columns, row))

    def read(self) -> list[dict[str, float]]:
        """All rows, in order; a value that was not measured is NaN."""
        return list(self._rows)

    def drop_after(self, cycle: int) -> None:
        """Removes the rows of later cycles, and the file if none is left."""
        kept = [row for row in self._rows if row["cycle"] <= cycle]
        if len(kept) == len(self._rows):
            return
        if kept:
            self._rewrite(self._columns, kept)
        else:
            self._path.unlink()
            self._columns, self._rows, self._torn = [], [], False

    def _rewrite(self, columns: list[str], rows: list[dict[str, float]]) -> None:
        partial = self._path.with_name(f".{self._path.name}.partial")
        with naming(self._path):
            partial.write_bytes(_text(columns, rows, header=True).encode())
            sync(partial)
            move(partial, self._path)
        self._torn, self._columns = False, columns
        self._rows = [_with_all(columns, row) for row in rows]

    def _parse(self, content: bytes) -> None:
        try:
            header, *lines = list(
                csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
            ) or [[]]
            self._columns = header
            self._rows = [
                {
                    name: float(value) if value else math.nan
                    for name, value in zip(header, line, strict=True)
                }
                for line in lines
            ]
        except (ValueError, csv.Error) as error:
            raise FolderError(f"{self._path} is damaged: {error}.") from error
        if self._columns and "cycle" not in self._columns:
            raise FolderError(f"{self._path} is damaged: it has no column 'cycle'.")


def _with_all(columns: list[str], row: Mapping[str, float]) -> dict[str, float]:
    return {name: row.get(name, math.nan) for name in columns}


def _text(columns: list[str], rows: Sequence[Mapping[str, float]], *, header: bool) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows([_number(row.get(name, math.nan)) for name in columns] for row in rows)
    return text.getvalue()


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"
