"""A run on disk: its configuration, metrics, checkpoints and evaluation."""

import contextlib
import json
import pathlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from .._version import VERSION
from ._checkpoints import Checkpoints
from ._config import Config
from ._filesystem import FolderError, is_left_by_others, move, naming, resolved, sync
from ._lock import held
from ._metrics_file import MetricsFile
from ._options import ConfigError

CONFIG, METRICS, EVALUATION = "config.json", "metrics.csv", "evaluation.json"
EVALUATIONS = "evaluations.csv"
CHECKPOINTS, LOCK = "checkpoints", ".lock"
REPORT, CURVES, LEVELS, EPISODE = "report.html", "curves.png", "levels.png", "episode.gif"
# All that is computed, besides checkpoints.
RESULTS = (METRICS, EVALUATION, EVALUATIONS, REPORT, CURVES, LEVELS, EPISODE)


class RunFolder:
    """The files of one run. Make it with `create` or `open`.

    A relative path is one from where the process is now; where it is later does not matter. `~` is
    the user's home.
    """

    def __init__(self, path: pathlib.Path | str):
        self.path = resolved(path)

    @classmethod
    def create(cls, path: pathlib.Path | str, config: Config) -> "RunFolder":
        """Starts a folder. Raises `FolderError` if something is there already."""
        cls.check_free(path)
        folder = cls(path)
        is_new = not folder.path.exists()
        folder.path.mkdir(parents=True, exist_ok=True)
        with folder.locked():
            # Of two processes that start here at once, the second one sees the first one's.
            if (folder.path / CONFIG).exists():
                raise _taken(path)
            try:
                folder.checkpoints_path.mkdir(exist_ok=True)
                folder.write_config(config)
            except BaseException:
                folder.discard(and_itself=is_new)
                raise
        return folder

    @classmethod
    def open(cls, path: pathlib.Path | str) -> "RunFolder":
        """An existing folder. Raises `FolderError` if there is no run in it."""
        folder = cls(path)
        if not (folder.path / CONFIG).is_file():
            raise FolderError(f"There is no run in {path}: it has no {CONFIG}.")
        return folder

    @staticmethod
    def check_free(path: pathlib.Path | str) -> None:
        """Raises `FolderError` if `path` is there and is not an empty folder.

        What file browsers leave does not count, nor what is left of a run that was killed before it
        had a configuration.
        """
        folder = resolved(path)
        if folder.exists() and not (folder.is_dir() and all(map(_is_nothing, folder.iterdir()))):
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
        content = _json(path)
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
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(held(self.path / LOCK))
            except BlockingIOError:
                raise FolderError(f"Another process is training in {self.path} now.") from None
            yield

    def forget_results(self) -> None:
        """Removes what was computed in this folder, for a run that begins again; checkpoints, of
        which such a run has none, are left."""
        for name in RESULTS:
            (self.path / name).unlink(missing_ok=True)

    def discard(self, *, and_itself: bool) -> None:
        """Removes what `create` made, if nothing was computed since, so that the path can be used
        again; the folder too if nothing else is in it and `and_itself`. Does what it can."""
        with contextlib.suppress(OSError, FolderError):
            if self.metrics().read() or not _holds_nothing(self.checkpoints_path):
                return
            for name in (CONFIG, METRICS):
                (self.path / name).unlink(missing_ok=True)
            for partial in filter(_is_partial_config, self.path.iterdir()):
                partial.unlink()
            if not any(self.checkpoints_path.iterdir()):
                self.checkpoints_path.rmdir()
            # Last: without the others it is the folder of no run.
            (self.path / LOCK).unlink(missing_ok=True)
            if and_itself and not any(self.path.iterdir()):
                self.path.rmdir()

    def write_evaluation(self, evaluation: Mapping[str, Any]) -> pathlib.Path:
        """Replaces the evaluation, at once or not at all."""
        return self._write(EVALUATION, json.dumps(evaluation, indent=2) + "\n")

    def evaluation(self) -> dict[str, Any]:
        """The newest evaluation. Raises `FolderError` if there is none, or if it is damaged."""
        path = self.path / EVALUATION
        if not path.is_file():
            raise FolderError(f"{self.path} has no {EVALUATION} yet: 'minimax-eqx evaluate' it.")
        return _json(path)

    def metrics(self) -> MetricsFile:
        """The table of metrics, one row per log interval, for reading and appending."""
        return MetricsFile(self.path / METRICS)

    def evaluations(self) -> MetricsFile:
        """The table of evaluations made while training, for reading and appending."""
        return MetricsFile(self.path / EVALUATIONS)

    def _write(self, name: str, text: str) -> pathlib.Path:
        path = self.path / name
        # Of a name of its own: while a run trains, another process may evaluate it.
        partial = self.path / f".{name}.{uuid.uuid4().hex}.partial"
        try:
            with naming(path):
                partial.write_text(text, encoding="utf-8")
                sync(partial)
                move(partial, path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        sync(self.path)
        return path


def _is_partial_config(path: pathlib.Path) -> bool:
    return path.name.startswith(f".{CONFIG}.") and path.name.endswith(".partial")


def _json(path: pathlib.Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FolderError(f"{path} is damaged: {error}.") from error


def _is_nothing(path: pathlib.Path) -> bool:
    """Whether a run may begin beside this."""
    if path.name == CHECKPOINTS:
        return path.is_dir() and _holds_nothing(path)
    return path.name == LOCK or _is_partial_config(path) or is_left_by_others(path.name)


def _holds_nothing(checkpoints: pathlib.Path) -> bool:
    """Whether no checkpoint is there, nor a file of somebody."""
    if not checkpoints.is_dir():
        return True
    return all(is_left_by_others(path.name) for path in checkpoints.iterdir())


def _taken(path: pathlib.Path | str) -> FolderError:
    return FolderError(
        f"{path} exists already; nothing was changed. Choose another name with --run, "
        f"continue that run with 'minimax-eqx train --resume {path}', or remove it."
    )
