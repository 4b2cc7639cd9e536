"""A run on disk: its configuration, metrics, checkpoints and evaluation."""

import contextlib
import csv
import fcntl
import io
import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from .._version import VERSION
from .config import Config, ConfigError

CONFIG, METRICS, EVALUATION, CURVES = (
    "config.json",
    "metrics.csv",
    "evaluation.json",
    "curves.png",
)
CHECKPOINTS, LOCK = "checkpoints", ".lock"


class FolderError(ValueError):
    """A run folder that cannot be used; the message says why and what to do."""


class RunFolder:
    """The files of one run. Make it with `create` or `open`."""

    def __init__(self, path: pathlib.Path):
        self.path = path

    @classmethod
    def create(cls, path: pathlib.Path, config: Config) -> "RunFolder":
        """Starts a folder. Raises `FolderError` if something is there already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FolderError(
                f"{path} exists already; nothing was changed. Choose another name with --run, "
                f"continue that run with 'minimax-eqx train --resume {path}', or remove it."
            )
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        content = {"library": "minimax_eqx", "version": VERSION, "config": config.to_dict()}
        folder._write(CONFIG, json.dumps(content, indent=2) + "\n")
        (path / CHECKPOINTS).mkdir()
        return folder

    @classmethod
    def open(cls, path: pathlib.Path) -> "RunFolder":
        """An existing folder. Raises `FolderError` if there is no run in it."""
        if not (path / CONFIG).is_file():
            raise FolderError(f"There is no run in {path}: it has no {CONFIG}.")
        return cls(path)

    @property
    def checkpoints(self) -> pathlib.Path:
        """The folder of the checkpoints."""
        return self.path / CHECKPOINTS

    def config(self) -> Config:
        """The configuration the run was started with. Raises `FolderError` if it is damaged."""
        path = self.path / CONFIG
        try:
            return Config.from_dict(json.loads(path.read_text())["config"])
        except (json.JSONDecodeError, KeyError, TypeError, ConfigError, UnicodeDecodeError) as error:
            raise FolderError(f"{path} is damaged or not of this version: {error}") from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for this process. Raises `FolderError` if another one holds it."""
        with open(self.path / LOCK, "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderError(f"Another process is training in {self.path} now.") from None
            yield

    def write_evaluation(self, evaluation: Mapping[str, Any]) -> pathlib.Path:
        """Replaces the evaluation, at once or not at all."""
        return self._write(EVALUATION, json.dumps(evaluation, indent=2) + "\n")

    def metrics(self) -> "MetricsFile":
        """The table of metrics, for reading and appending."""
        return MetricsFile(self.path / METRICS)

    def _write(self, name: str, text: str) -> pathlib.Path:
        path, partial = self.path / name, self.path / f".{name}.partial"
        partial.write_text(text)
        os.replace(partial, path)
        return path


class MetricsFile:
    """A CSV file with one row per log interval. Rows are appended and flushed, never rewritten.

    Columns are those of the first row. A row cut short by a crash is dropped when the file is
    opened; a row for a cycle that is already there is not written again, so that a resumed run,
    which repeats the cycles since its checkpoint exactly, leaves no duplicates.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._columns: list[str] | None = None
        self._last_cycle = -1
        if path.exists():
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                os.truncate(path, len(whole))
            rows = self.read()
            if whole:
                self._columns = next(csv.reader(io.StringIO(whole.decode())))
            if rows:
                self._last_cycle = int(rows[-1]["cycle"])

    def append(self, row: Mapping[str, float]) -> None:
        """Writes a row; it must have the same columns as the first, `cycle` among them."""
        if row["cycle"] <= self._last_cycle:
            return
        new = self._columns is None
        if self._columns is None:
            self._columns = list(row)
        if set(row) != set(self._columns):
            raise ValueError(
                f"The metrics have columns {sorted(row)}; {self._path} has "
                f"{sorted(self._columns)}."
            )
        with open(self._path, "a", newline="") as file:
            writer = csv.DictWriter(file, self._columns, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow({name: _number(value) for name, value in row.items()})
        self._last_cycle = int(row["cycle"])

    def read(self) -> list[dict[str, float]]:
        """All rows, in order; a value that was not measured is NaN."""
        if not self._path.exists():
            return []
        with open(self._path, newline="") as file:
            return [
                {name: float(value) if value else math.nan for name, value in row.items()}
                for row in csv.DictReader(file)
            ]


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"
