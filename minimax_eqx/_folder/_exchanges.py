"""What a tournament leaves in the folder of its sweep: what it is, and who copied whom."""

import csv
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from .._files import FolderError, write
from ._rows import write_rows

TOURNAMENT, EXCHANGES = "tournament.json", "exchanges.csv"
COLUMNS = ("cycle", "run", "score", "copied_from")


class ExchangesFile:
    """A table with a row for each run at each exchange of a tournament.

    `cycle` is how many cycles the runs had made, `score` the mean return that they were ranked by,
    and `copied_from` the run that this one is a copy of from there on, blank if it was kept. The
    other columns are the swept settings that it had from there on.

    Raises `FolderError` if the file is there and is not such a table.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._rows: list[dict[str, Any]] = []
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            for row in csv.DictReader(io.StringIO(text, newline="")):
                numbers = {n: float(v) for n, v in row.items() if n not in ("run", "copied_from")}
                names = {"run": row["run"], "copied_from": row["copied_from"] or None}
                self._rows.append({**numbers, "cycle": int(numbers["cycle"]), **names})
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise FolderError(f"{path} is damaged: {error}.") from error

    def read(self) -> list[dict[str, Any]]:
        """All rows, in order."""
        return list(self._rows)

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds the rows of one exchange, at once or not at all. Raises `OSError`, naming the file,
        if it cannot be written."""
        self._replace([*self._rows, *map(dict, rows)])

    def drop_from(self, cycle: int) -> None:
        """Removes the exchanges that were made after that many cycles or more, which are made
        again by runs that go on from there."""
        kept = [row for row in self._rows if row["cycle"] < cycle]
        if len(kept) < len(self._rows):
            self._replace(kept)

    def _replace(self, rows: list[dict[str, Any]]) -> None:
        columns = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
        write_rows(self._path, rows, columns)
        self._rows = rows


def exchanges_in(sweep: pathlib.Path) -> ExchangesFile:
    """The exchanges of the tournament in the folder of a sweep; none if there are none."""
    return ExchangesFile(sweep / EXCHANGES)


def check_same_tournament(sweep: pathlib.Path, content: Mapping[str, Any] | None) -> None:
    """Raises `FolderError` if the folder of a sweep holds another tournament than this, or one at
    all if it is None."""
    path = sweep / TOURNAMENT
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError as error:
        raise FolderError(f"{path} is damaged: {error}.") from error
    wanted = None if content is None else json.loads(json.dumps(dict(content)))
    if found is not None and found != wanted:
        kind = "a tournament" if wanted is None else "another tournament"
        raise FolderError(
            f"{sweep} holds the runs of {kind}, whose runs and options are in {path}; give the "
            "same, or choose another folder for this sweep."
        )


def write_tournament(sweep: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Writes down what tournament the folder of a sweep is of."""
    sweep.mkdir(parents=True, exist_ok=True)
    write(sweep / TOURNAMENT, f"{json.dumps(dict(content), indent=2)}\n".encode())
