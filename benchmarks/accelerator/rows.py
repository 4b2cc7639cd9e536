"""A part's results on disk, row by row."""

import contextlib
import json
import os
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any


def write(path: pathlib.Path, data: Mapping[str, Any]) -> None:
    """Replaces a file at once, so that whoever is stopped here leaves the old one or the new."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(data, indent=2) + "\n")
    os.replace(beside, path)


class Rows:
    """The rows of a part, which are in its file as soon as they are added.

    - `path`: the file.
    - `data`: what the file says besides them.
    - `seconds`: when, from now, the part has to be done.
    """

    def __init__(self, path: pathlib.Path, data: Mapping[str, Any], seconds: float):
        self._path, self._data = path, dict(data)
        self._timings: dict[str, Any] = {}
        self._deadline = time.monotonic() + seconds
        self._write()

    def add(self, line: str, row: Mapping[str, Any], beside: str | None = None) -> None:
        """Adds a row; `beside` is the `PART, LINE` of the other results that measures the same."""
        self._timings[line] = dict(row) | ({"beside": beside} if beside else {})
        self._write()

    def say(self, **more: Any) -> None:
        """Adds to what the file says besides its rows."""
        self._data |= more
        self._write()

    @contextlib.contextmanager
    def attempt(self, line: str) -> Iterator[None]:
        """If what is done here fails, the row says why, and the part goes on with the next."""
        try:
            yield
        except Exception as error:
            # Of an accelerator without memory, say, whose message has a hundred lines.
            reason = str(error).strip().split("\n")[0][:200]
            self.add(line, {"failed": f"{type(error).__name__}: {reason}"})

    @property
    def seconds_left(self) -> float:
        """Until the part is stopped."""
        return self._deadline - time.monotonic()

    @property
    def failed(self) -> list[str]:
        """The lines that say why there is nothing in them."""
        return [line for line, row in self._timings.items() if "failed" in row]

    def _write(self) -> None:
        write(self._path, self._data | {"timings": self._timings})
