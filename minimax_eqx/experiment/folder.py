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
from .checkpoints import Checkpoints, sync
from .config import Config
from .options import ConfigError

CONFIG, METRICS, EVALUATION = "config.json", "metrics.csv", "evaluation.json"
EVALUATIONS = "evaluations.csv"
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
        cls.check_free(path)
        path.mkdir(parents=True, exist_ok=True)
        try:
            # Of two processes that start here at once, only one can make this file.
            (path / LOCK).touch(exist_ok=False)
        except FileExistsError:
            raise _taken(path) from None
        folder = cls(path)
        folder.checkpoints_path.mkdir()
        folder.write_config(config)
        return folder

    @classmethod
    def open(cls, path: pathlib.Path) -> "RunFolder":
        """An existing folder. Raises `FolderError` if there is no run in it."""
        if not (path / CONFIG).is_file():
            raise FolderError(f"There is no run in {path}: it has no {CONFIG}.")
        return cls(path)

    @staticmethod
    def check_free(path: pathlib.Path) -> None:
        """Raises `FolderError` if `path` is there and is not an empty folder."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise _taken(path)

    @property
    def checkpoints_path(self) -> pathlib.Path:
        """The folder of the checkpoints."""
        return self.path / CHECKPOINTS

    def checkpoints(self, config: Config) -> Checkpoints:
        """The checkpoints of this run, which has that configuration."""
        return Checkpoints(
            self.checkpoints_path, config.keep_checkpoints, config.what_decides_the_state()
        )

    def config(self) -> Config:
        """The configuration of the run. Raises `FolderError` if it is damaged."""
        path = self.path / CONFIG
        try:
            content = json.loads(path.read_text())
        except ValueError as error:
            raise FolderError(f"{path} is damaged: {error}.") from error
        if not (isinstance(content, dict) and isinstance(content.get("config"), dict)):
            raise FolderError(f"{path} is damaged: it holds no configuration.")
        try:
            config = Config.from_dict(content["config"])
            config.check()
        except ConfigError as error:
            written = f"It was written by version {content.get('version')}; this is {VERSION}."
            raise FolderError(f"{path} cannot be used: {error} {written}") from error
        return config

    def write_config(self, config: Config) -> None:
        """Replaces the configuration, at once or not at all."""
        content = {"library": "minimax_eqx", "version": VERSION, "config": config.to_dict()}
        self._write(CONFIG, json.dumps(content, indent=2, allow_nan=False) + "\n")

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

    def evaluation(self) -> dict[str, Any]:
        """The newest evaluation. Raises `FolderError` if there is none."""
        path = self.path / EVALUATION
        if not path.is_file():
            raise FolderError(f"{self.path} has no {EVALUATION} yet: 'minimax-eqx evaluate' it.")
        return json.loads(path.read_text())

    def metrics(self) -> "MetricsFile":
        """The table of metrics, one row per log interval, for reading and appending."""
        return MetricsFile(self.path / METRICS)

    def evaluations(self) -> "MetricsFile":
        """The table of evaluations made while training, for reading and appending."""
        return MetricsFile(self.path / EVALUATIONS)

    def _write(self, name: str, text: str) -> pathlib.Path:
        path, partial = self.path / name, self.path / f".{name}.partial"
        partial.write_text(text)
        sync(partial)
        os.replace(partial, path)
        sync(self.path)
        return path


def _taken(path: pathlib.Path) -> FolderError:
    return FolderError(
        f"{path} exists already; nothing was changed. Choose another name with --run, "
        f"continue that run with 'minimax-eqx train --resume {path}', or remove it."
    )


class MetricsFile:
    """A CSV file with one row per log interval. Rows are appended and flushed, never rewritten.

    Columns are those of the first row. A row cut short by a crash does not count: it is left out
    when reading, and dropped when the next row is appended. A row for a cycle that is already there
    is not written again, so that a resumed run, which repeats the cycles since its checkpoint
    exactly, leaves no duplicates.

    Raises `FolderError` if the file is there and is not such a table.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._columns: list[str] | None = None
        self._torn = False
        self._rows: list[dict[str, float]] = []
        if path.exists():
            content = path.read_bytes()
            self._whole = content.rfind(b"\n") + 1
            self._torn = self._whole != len(content)
            self._parse(content[: self._whole])

    def append(self, row: Mapping[str, float]) -> None:
        """Writes a row; it must have the same columns as the first, `cycle` among them.

        Raises `ValueError` if it has not.
        """
        if self._rows and row["cycle"] <= self._rows[-1]["cycle"]:
            return
        new = self._columns is None
        if self._columns is None:
            self._columns = list(row)
        if set(row) != set(self._columns):
            raise ValueError(
                f"The metrics have columns {sorted(row)}; {self._path} has {sorted(self._columns)}."
            )
        if self._torn:
            os.truncate(self._path, self._whole)
            self._torn = False
        with open(self._path, "a", newline="") as file:
            writer = csv.DictWriter(file, self._columns, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow({name: _number(value) for name, value in row.items()})
        self._rows.append(dict(row))

    def read(self) -> list[dict[str, float]]:
        """All rows, in order; a value that was not measured is NaN."""
        return list(self._rows)

    def _parse(self, content: bytes) -> None:
        try:
            header, *lines = list(csv.reader(io.StringIO(content.decode()))) or [[]]
            self._columns = header or None
            self._rows = [
                {
                    name: float(value) if value else math.nan
                    for name, value in zip(header, line, strict=True)
                }
                for line in lines
            ]
        except (ValueError, csv.Error) as error:
            raise FolderError(f"{self._path} is damaged: {error}.") from error
        if self._columns is not None and "cycle" not in self._columns:
            raise FolderError(f"{self._path} is damaged: it has no column 'cycle'.")


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"
