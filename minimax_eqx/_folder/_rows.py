"""Tables of words and numbers on disk."""

import csv
import io
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._files import FolderError, write

# What is text, whatever it looks like: a level may be called 7.
_TEXT = ("test", "level")


def write_rows(
    path: pathlib.Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
) -> pathlib.Path:
    """Replaces the table, at once or not at all; what is None is blank."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows({name: _short(row[name]) for name in columns} for row in rows)
    return write(path, text.getvalue().encode())


def read_rows(path: pathlib.Path) -> list[dict[str, Any]]:
    """The rows of such a table, where what is blank is None; none if there is no file.

    Raises `FolderError` if it is damaged.
    """
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return [
                {name: _value(name, word) for name, word in row.items()}
                for row in csv.DictReader(file, strict=True)
            ]
    except (ValueError, TypeError, csv.Error) as error:
        raise FolderError(f"{path} is damaged: {error}.") from error


def _short(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value


def _value(name: str, word: str) -> Any:
    if name in _TEXT:
        return word
    return None if word == "" else int(word) if word.lstrip("-").isdigit() else float(word)
