"""A run on disk: its configuration, metrics, checkpoints and evaluation."""

import contextlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from jax.tree_util import keystr, tree_leaves_with_path

from .._composition._defaults import completed, defaults_in
from .._composition._parts import Parts
from .._composition._plain import from_plain, to_plain
from .._composition._user_code import OwnPartsError, UserCode, check_user_code
from .._files import FolderError, held, is_held, is_left_by_others, is_partial, resolved, write
from .._version import VERSION
from ..evaluation._summary import COLUMNS
from ..runners._experiment import Experiment
from ._checkpoints import Checkpoints
from ._metrics_file import MetricsFile
from ._origin import origin_now, warn_of_defaults, written_by
from ._record import Record
from ._retention import Retention
from ._rows import write_rows

CONFIG, METRICS, EVALUATION = "config.json", "metrics.csv", "evaluation.json"
EVALUATION_LEVELS, TAIL = "evaluation.csv", "tail.json"
EVALUATIONS, CHECKPOINTS, LOCK = "evaluations.csv", "checkpoints", ".lock"
CURRICULUM = "curriculum.npz"
REPORT = "report.html"
# A diary, to which each part of a run adds.
EVENTS = "events.jsonl"
# All that is computed, besides checkpoints.
RESULTS = (METRICS, CURRICULUM, EVALUATION, EVALUATION_LEVELS, TAIL, EVALUATIONS, REPORT)


class RunFolder:
    """The files of one run. A relative path is one from where the process is now, and `~` is the
    user's home."""

    def __init__(self, path: pathlib.Path | str):
        self.path: pathlib.Path = resolved(path)

    @classmethod
    def open(cls, path: pathlib.Path | str) -> "RunFolder":
        """An existing folder. Raises `FolderError` if there is no run in it."""
        folder = cls(path)
        if not (folder.path / CONFIG).is_file():
            raise FolderError(f"There is no run in {path}: it has no {CONFIG}.")
        return folder

    @contextlib.contextmanager
    def begun(
        self,
        experiment: Experiment,
        code: UserCode | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> Iterator[None]:
        """Starts the run, with a copy of the user's code if the experiment was made from any, and
        holds the folder for this process. What fails before anything was computed leaves the path
        as free as it was. `origin` is what config.json says of how the run began, besides what this
        process knows. Raises `FolderError` if something is there already."""
        self.check_free()
        is_new = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        with self.locked():
            # Of two processes that start here at once, the second one sees the first one's.
            if (self.path / CONFIG).exists():
                raise self._taken()
            try:
                (self.path / CHECKPOINTS).mkdir(exist_ok=True)
                began = origin_now() | dict(origin or {})
                self._write_config(experiment, code.entry() if code else None, began)
                if code:
                    write(self.path / code.path.name, code.text)
                yield
            except BaseException:
                self.discard(and_itself=is_new)
                raise

    def check_free(self) -> None:
        """Raises `FolderError` if the path is there and is not an empty folder. What file browsers
        leave does not count, nor what a run that was killed before it had a configuration left."""
        if self.path.exists() and not (self.path.is_dir() and _holds_nothing(self.path)):
            raise self._taken()

    def checkpoints(self, experiment: Experiment) -> Checkpoints:
        """The checkpoints of this run, which is of that experiment."""
        plan, made_with = experiment.schedule, what_decides_the_state(experiment)
        defaults = {n: v for n, v in defaults_in(experiment).items() if _decides_the_state(n)}
        also = Retention(
            plan.keep_best_checkpoints,
            plan.keep_checkpoint_every,
            lambda: self.evaluations().read(),
        )
        where = self.path / CHECKPOINTS
        return Checkpoints(where, plan.keep_checkpoints, made_with, also, defaults)

    def config(self) -> dict[str, Any]:
        """What is in config.json. Raises `FolderError` if it is damaged."""
        content = _json(self.path / CONFIG)
        if not (isinstance(content, dict) and isinstance(content.get("experiment"), dict)):
            raise FolderError(f"{self.path / CONFIG} is damaged: it holds no experiment.")
        code = content.get("code")
        names = [code.get(n) for n in ("name", "sha256")] if isinstance(code, dict) else [code]
        if code is not None and not all(isinstance(name, str) for name in names):
            raise FolderError(
                f"{self.path / CONFIG} is damaged: its code is {code!r:.80}; it must be null, or "
                "have a name and a sha256."
            )
        return content

    def experiment(
        self, code: UserCode | None = None, content: dict[str, Any] | None = None
    ) -> Experiment:
        """The experiment of the run, with parts of the package and of the user's code. `content` is
        config.json's, for processes that cannot read it.

        A field that config.json does not name has its default: the version that wrote it had no
        such field. The log says so. Raises `FolderError` if the experiment cannot be made.
        """
        content = content or self.config()
        check_user_code(content.get("code"), code, self.path)
        version, parts = content.get("version"), Parts(code and code.module)
        try:
            data, added = completed(content["experiment"], Experiment, parts)
            experiment = from_plain(data, Experiment, parts)
        except ValueError as error:
            raise OwnPartsError(
                f"{self.path / CONFIG} cannot be used: {error}{written_by(version)} If the run has "
                "parts of your own,",
                in_python="give the experiment that it is of, with `experiment=...`.",
                on_command_line="give the file of yours that has them, with --file FILE.py.",
            ) from error
        warn_of_defaults(self.path / CONFIG, version, added)
        return experiment

    def change(self, experiment: Experiment) -> None:
        """Replaces the experiment in config.json, at once or not at all."""
        before = self.config()
        self._write_config(experiment, before.get("code"), before.get("origin"))

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Holds the folder for this process. Raises `FolderError` if another one holds it."""
        return held(self.path / LOCK)

    def is_training(self) -> bool:
        """Whether a process trains here now, as far as this file system can tell."""
        return is_held(self.path / LOCK)

    def forget_results(self) -> None:
        """Removes what was computed, for a run that begins again and has no checkpoints."""
        for name in RESULTS:
            (self.path / name).unlink(missing_ok=True)

    def forget_partial(self) -> None:
        """Removes what a process that was killed had begun to write. Does what it can, and leaves
        what others than the process that trains write, since they may be at it."""
        own = (CONFIG, METRICS, EVALUATIONS, CURRICULUM)
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if is_partial(path.name) and path.name.startswith(tuple(f".{n}." for n in own)):
                    path.unlink(missing_ok=True)

    def discard(self, *, and_itself: bool) -> None:
        """Removes what `begun` made, if nothing was computed since; the folder too if nothing else
        is in it and `and_itself`. Does what it can."""
        with contextlib.suppress(OSError, FolderError):
            checkpoints = self.path / CHECKPOINTS
            if self.metrics().read() or (checkpoints.exists() and not _holds_nothing(checkpoints)):
                return
            made = [path for path in self.path.iterdir() if is_partial(path.name)]
            with contextlib.suppress(OSError, FolderError):
                made += [self.path / code["name"] for code in [self.config().get("code")] if code]
            # The lock last: without the others it is the folder of no run.
            for path in (*made, *(self.path / name for name in (CONFIG, METRICS, EVENTS, LOCK))):
                path.unlink(missing_ok=True)
            for path in (checkpoints, *([self.path] if and_itself else [])):
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()

    def write_evaluation(self, evaluation: Mapping[str, Any], suffix: str = "") -> pathlib.Path:
        """Replaces the evaluation, each of its two files at once or not at all: a table of its
        levels, and everything else. A chosen checkpoint's have names with a suffix."""
        rest = {name: value for name, value in evaluation.items() if name != "levels"}
        if "levels" in evaluation:
            table = self.path / _with(EVALUATION_LEVELS, suffix)
            write_rows(table, evaluation["levels"], COLUMNS)
        return self._write_json(_with(EVALUATION, suffix), rest)

    def write_tail(self, tail: Mapping[str, Any], suffix: str = "") -> pathlib.Path:
        """Replaces the tail curve, at once or not at all."""
        return self._write_json(_with(TAIL, suffix), tail)

    def tail(self) -> dict[str, Any] | None:
        """The newest tail curve, as `evaluation.tail` returns it; None if none was measured.
        Raises `FolderError` if it is damaged."""
        path = self.path / TAIL
        return _json(path) if path.is_file() else None

    def evaluation(self) -> dict[str, Any]:
        """The newest evaluation. Raises `FolderError` if there is none, or if it is damaged."""
        path = self.path / EVALUATION
        if not path.is_file():
            raise FolderError(f"{self.path} has no {EVALUATION} yet: 'minimax-eqx evaluate' it.")
        return _evaluation(path)

    def all_evaluations(self) -> list[dict[str, Any]]:
        """The evaluations of checkpoints that somebody chose, and then the newest one, as far as
        there are any. Raises `FolderError` if one is damaged."""
        pattern = _with(EVALUATION, "-*")
        paths = [*sorted(self.path.glob(pattern)), self.path / EVALUATION]
        return [_evaluation(path) for path in paths if path.is_file()]

    def metrics(self) -> MetricsFile:
        """The table of metrics, one row per log interval, for reading and appending."""
        return MetricsFile(self.path / METRICS)

    def evaluations(self) -> MetricsFile:
        """The table of evaluations made while training, for reading and appending."""
        return MetricsFile(self.path / EVALUATIONS)

    def record(self) -> Record:
        """What was recorded of the curriculum; nothing if there is no file. Raises `FolderError` if
        that is damaged."""
        return Record.read(self.path / CURRICULUM)

    def write_record(self, record: Record) -> None:
        """Replaces that file, at once or not at all."""
        record.write(self.path / CURRICULUM)

    def origin(self) -> dict[str, Any]:
        """How the run began: when, by which command, with which versions, on what. Empty if its
        configuration does not say."""
        origin = self.config().get("origin")
        kinds: dict[str, type] = {"recipe": str, "changes": dict}
        known = origin if isinstance(origin, dict) else {}
        return {n: v for n, v in known.items() if isinstance(v, kinds.get(n, object))}

    def _write_config(
        self,
        experiment: Experiment,
        code: dict[str, str] | None,
        origin: Mapping[str, Any] | None,
    ) -> None:
        content = {"library": "minimax_eqx", "version": VERSION, "origin": origin, "code": code}
        self._write_json(CONFIG, content | {"experiment": to_plain(experiment)})

    def _write_json(self, name: str, content: Mapping[str, Any]) -> pathlib.Path:
        return write(self.path / name, f"{json.dumps(content, indent=2)}\n".encode())

    def _taken(self) -> FolderError:
        return FolderError(
            f"{self.path} exists already; nothing was changed. Choose another name with --run, "
            f"continue that run with 'minimax-eqx resume {self.path}', or remove it."
        )


def what_decides_the_state(experiment: Experiment) -> dict[str, Any]:
    """The options that a saved state depends on, by their paths.

    The others (how long to train, when to log, save and evaluate, on how many devices) can be
    changed between the parts of a run.
    """
    data = {n: value for n, value in to_plain(experiment).items() if _decides_the_state(n)}
    leaves = tree_leaves_with_path(data, is_leaf=lambda value: not isinstance(value, dict))
    return {keystr(path, simple=True, separator="."): value for path, value in leaves}


def _decides_the_state(path: str) -> bool:
    return path.partition(".")[0] not in ("schedule", "evaluation", "devices")


def _with(name: str, suffix: str) -> str:
    stem, dot, kind = name.rpartition(".")
    return f"{stem}{suffix}{dot}{kind}"


def _json(path: pathlib.Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FolderError(f"{path} is damaged: {error}.") from error


def _evaluation(path: pathlib.Path) -> dict[str, Any]:
    content = _json(path)
    if not (isinstance(content, dict) and type(content.get("cycle")) is int):
        raise FolderError(
            f"{path} is damaged: it does not say of which cycle it is. 'minimax-eqx evaluate "
            f"{path.parent}' makes it anew."
        )
    return content


def _holds_nothing(folder: pathlib.Path) -> bool:
    """Whether there is nothing in a folder but what a run may begin beside."""
    return all(
        path.name == LOCK
        or is_partial(path.name)
        or is_left_by_others(path.name)
        or (path.name == CHECKPOINTS and path.is_dir() and _holds_nothing(path))
        for path in folder.iterdir()
    )
