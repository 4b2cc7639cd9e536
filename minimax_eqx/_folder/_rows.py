"""Tables of words and numbers on disk."""

import csv
import io
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._files import write


def write_rows(
    path: pathlib.Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
) -> pathlib.Path:
    """Replaces the table, at once or not at all; what is None is blank."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows({name: _short(row[name]) for name in columns} for row in rows)
    return write(path, text.getvalue().encode())


def _short(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value
