"""The training loop on the host: dispatch, log, save, stop."""

import contextlib
import dataclasses
import logging
import math
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh

from ..runners import Runner, level_mesh, run
from .ahead import CompileAhead
from .build import make_runner, matmul_precision
from .config import Config
from .evaluation import evaluate_run
from .folder import RunFolder
from .interrupt import stop_on_interrupt
from .ledger import Ledger, seconds_before
from .options import ConfigError
from .processes import any_process, arrays_of_first, from_first, is_first

# More than any preset needs to fill its level buffer, or to search for levels.
CYCLES_WITHOUT_UPDATE = 2_000


class TrainingError(RuntimeError):
    """Training cannot go on; what was saved before is still there."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a call of `start` or `resume` ended, with the runner on one device.

    If `interrupted`, everything is saved, and `resume` goes on from there.
    """

    runner: Runner
    folder: RunFolder
    ledger: Ledger
    interrupted: bool


@runtime_checkable
class Listener(Protocol):
    """Told about a run as it goes, in the host's loop between dispatches."""

    def started(self, config: Config, runner: Runner, ledger: Ledger) -> None:
        """Before anything is compiled; `ledger` holds what earlier parts of the run have spent."""

    def compiled(self, seconds: float) -> None:
        """The training program is compiled."""

    def progressed(self, row: dict[str, float]) -> None:
        """A log interval is over; `row` is its row of metrics.csv."""

    def evaluated(self, evaluation: dict[str, Any]) -> None:
        """The students were evaluated; see `evaluate_run`."""

    def stopping(self) -> None:
        """The run was asked to stop, and will after the dispatch at work. Called from the signal's
        handler, between any two steps of the main thread."""


def start(config: Config, path: pathlib.Path | str, listener: Listener | None = None) -> Outcome:
    """Trains a new run in the folder `path`, which must not exist or be empty.

    Of several processes that train together the first one alone writes, and has a listener.

    Raises `ConfigError` or `ValueError` for a configuration that cannot be run, before anything is
    written; `FolderError` if the folder is taken; `TrainingError` if the loss stops being a number.
    """
    path = pathlib.Path(path)
    from_first(lambda: RunFolder.check_free(path))
    with matmul_precision(config):
        # Traces a cycle, so that what can be wrong is known before the folder is there.
        ahead = CompileAhead(config, config.log_every, _mesh(config))
        from_first(lambda: RunFolder.create(path, config) and None)
        folder = RunFolder(path)
        with _locked(folder):
            return _Training(config, folder, listener).train(ahead.runner(), ahead)


def resume(
    path: pathlib.Path | str,
    listener: Listener | None = None,
    *,
    devices: int | None = None,
    num_updates: int | None = None,
) -> Outcome:
    """Continues the run in `path` from its newest checkpoint, exactly as if it had not stopped.

    A run that was killed before its first checkpoint was due starts again from its beginning. One
    that is finished is only evaluated. `num_updates` is how long to train, those before included,
    and is kept in the folder's config.json, where whatever `Config.what_decides_the_state` leaves
    out may be changed too. `devices` is the number of devices; on another number than before,
    numbers are added up in another order. Both are those of config.json if they are None.

    Raises `ConfigError` for fewer updates than were made; `FolderError` or `CheckpointError` if
    there is nothing to continue from or another process is training there; `TrainingError` as
    `start` does.
    """
    folder = RunFolder(pathlib.Path(path))
    config = Config.from_dict(from_first(lambda: RunFolder.open(folder.path).config().to_dict()))
    if num_updates is not None:
        config = dataclasses.replace(config, num_updates=num_updates)
    kept = config
    if devices is not None:
        config = dataclasses.replace(config, devices=devices)
    mesh = _mesh(config)
    with matmul_precision(config), _locked(folder):
        # Before a runner is built: that takes a while.
        cycle = from_first(lambda: _cycle_to_go_on_from(folder, config))
        runner = make_runner(config)
        if cycle is not None and is_first():
            runner = folder.checkpoints(config).load(cycle, runner)
        runner = arrays_of_first(runner).on(mesh)
        if num_updates is not None:
            _check_not_fewer(num_updates, Ledger.of(runner, 0.0, 0.0), folder)
            from_first(lambda: folder.write_config(kept))
        return _Training(config, folder, listener).train(runner)


def load_runner(path: pathlib.Path | str) -> tuple[Config, Runner]:
    """The configuration of the run in `path`, and its state at the newest checkpoint that verifies,
    on one device.

    Raises `FolderError` or `CheckpointError` if there is none.
    """
    folder = RunFolder.open(pathlib.Path(path))
    config = folder.config()
    checkpoints = folder.checkpoints(config)
    # Before a runner is built: that takes a while.
    cycle = checkpoints.newest()
    return config, checkpoints.load(cycle, make_runner(config))


def _mesh(config: Config) -> Mesh | None:
    config.check()
    alone = config.devices == 1 and jax.process_count() == 1
    return None if alone else level_mesh(config.devices)


@contextlib.contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    """Holds the folder, in the first process, and lets the others know if it cannot be had."""
    with contextlib.ExitStack() as stack:
        from_first(lambda: stack.enter_context(folder.locked()))
        yield


def _cycle_to_go_on_from(folder: RunFolder, config: Config) -> int | None:
    """That of the newest checkpoint that verifies; None to start from the beginning."""
    if _died_before_first_checkpoint(folder, config):
        return None
    return folder.checkpoints(config).newest()


def _check_not_fewer(num_updates: int, ledger: Ledger, folder: RunFolder) -> None:
    if num_updates < ledger.updates:
        raise ConfigError(
            f"num_updates is {num_updates}, and the run in {folder.path} has made "
            f"{ledger.updates} already: it must be at least that."
        )


class _Training:
    """The host's loop around the compiled program, for one run."""

    def __init__(self, config: Config, folder: RunFolder, listener: Listener | None):
        self._config = config
        self._folder = folder
        self._writes = is_first()
        self._listener = listener if listener and self._writes else _Silent()
        self._saved: int | None = None
        self._evaluated: int | None = None
        from_first(self._open_files)

    def _open_files(self) -> None:
        self._checkpoints = self._folder.checkpoints(self._config)
        self._metrics = self._folder.metrics()
        self._evaluations = self._folder.evaluations()

    def train(self, runner: Runner, ahead: CompileAhead | None = None) -> Outcome:
        config = self._config
        ledger = Ledger.of(runner, *seconds_before(self._metrics.read() if self._writes else []))
        self._saved = ledger.cycle or None
        with stop_on_interrupt(self._listener.stopping) as asked_to_stop:

            def interrupted():
                return any_process(asked_to_stop())

            self._listener.started(config, runner, ledger)
            if ledger.updates < config.num_updates and not interrupted():
                dispatch, ledger = self._compile(runner, ledger, ahead)
                runner, ledger = self._cycles(runner, ledger, dispatch, interrupted)
            if self._saved != ledger.cycle:
                self._save(runner, ledger)
            if not interrupted() and self._evaluated != ledger.cycle:
                self._evaluate(runner, ledger)
            return Outcome(runner.on(None), self._folder, ledger, interrupted())

    def _compile(
        self, runner: Runner, ledger: Ledger, ahead: CompileAhead | None
    ) -> tuple[Any, Ledger]:
        begin = time.perf_counter()
        if ahead is None:
            dispatch = run.lower(runner, self._config.log_every).compile()
        else:
            dispatch = ahead.compile()
        seconds = time.perf_counter() - begin
        self._listener.compiled(seconds)
        compiling = ledger.seconds_compiling + seconds
        return dispatch, dataclasses.replace(ledger, seconds_compiling=compiling)

    def _cycles(
        self, runner: Runner, ledger: Ledger, dispatch: Any, interrupted: Callable[[], bool]
    ) -> tuple[Runner, Ledger]:
        config = self._config
        patience = _Patience(ledger)
        while ledger.updates < config.num_updates and not interrupted():
            begin = time.perf_counter()
            runner, metrics = dispatch(runner, config.log_every)
            metrics = {name: np.asarray(v) for name, v in jax.device_get(metrics).items()}
            seconds = time.perf_counter() - begin
            self._check_losses(metrics, ledger)
            before = ledger.env_steps
            ledger = Ledger.of(runner, ledger.seconds_compiling, ledger.seconds_running + seconds)
            row = dataclasses.asdict(ledger)
            row["steps_per_second"] = (ledger.env_steps - before) / seconds
            row |= _summary(metrics)
            if self._writes:
                self._metrics.append(row)
                patience.look(ledger)
            self._listener.progressed(row)
            if ledger.cycle % config.checkpoint_every == 0:
                self._save(runner, ledger)
            if config.evaluate_every and ledger.cycle % config.evaluate_every == 0:
                self._evaluate(runner, ledger)
        return runner, ledger

    def _save(self, runner: Runner, ledger: Ledger) -> None:
        bad = [
            jax.tree_util.keystr(path)
            for path, leaf in jax.tree_util.tree_leaves_with_path(runner.students)
            if eqx.is_inexact_array(leaf) and not np.isfinite(np.asarray(leaf)).all()
        ]
        if bad:
            raise self._failure(ledger.updates, f"students{bad[0]} is not finite")
        if self._writes:
            self._checkpoints.save(ledger.cycle, runner.on(None))
        self._saved = ledger.cycle

    def _evaluate(self, runner: Runner, ledger: Ledger) -> None:
        # In every process: the others would only wait for the first.
        evaluation = evaluate_run(self._config, runner)
        self._evaluated = ledger.cycle
        if self._writes:
            self._folder.write_evaluation(evaluation)
            try:
                self._evaluations.append(_evaluation_row(evaluation, ledger))
            except ValueError as error:
                # Other mazes are evaluated since the configuration was changed.
                logging.getLogger("minimax_eqx").warning("%s This row was left out.", error)
        self._listener.evaluated(evaluation)

    def _check_losses(self, metrics: Mapping[str, np.ndarray], before: Ledger) -> None:
        updated = metrics["updated"] > 0
        for name in ("loss", "grad_norm"):
            bad = updated & ~np.isfinite(metrics[name])
            if bad.any():
                first = int(np.argmax(bad))
                update = before.updates + int(updated[: first + 1].sum())
                raise self._failure(update, f"{name} is {metrics[name][first]}")

    def _failure(self, update: int, what: str) -> TrainingError:
        rest = (
            f"The checkpoint of cycle {self._saved} in {self._folder.path} is the last good one."
            if self._saved is not None
            else "No checkpoint had been saved yet."
        )
        return TrainingError(
            f"Update {update}: {what}, so training stopped. {rest} "
            "A lower learning_rate or max_grad_norm may help."
        )


class _Patience:
    """Warns once, in the log, if cycle after cycle passes without an update."""

    def __init__(self, ledger: Ledger):
        self._updated = ledger
        self._warned = False

    def look(self, ledger: Ledger) -> None:
        if ledger.updates > self._updated.updates:
            self._updated = ledger
        idle = ledger.cycle - self._updated.cycle
        if idle >= CYCLES_WITHOUT_UPDATE and not self._warned:
            self._warned = True
            logging.getLogger("minimax_eqx").warning(
                "No update for %d cycles. If buffer_fill_ratio in metrics.csv does not rise, there "
                "are too few different levels that episodes finish on: lower buffer_capacity or "
                "min_fill_ratio, or raise num_steps.",
                idle,
            )


class _Silent:
    def started(self, config: Config, runner: Runner, ledger: Ledger) -> None:
        pass

    def compiled(self, seconds: float) -> None:
        pass

    def progressed(self, row: dict[str, float]) -> None:
        pass

    def evaluated(self, evaluation: dict[str, Any]) -> None:
        pass

    def stopping(self) -> None:
        pass


def _died_before_first_checkpoint(folder: RunFolder, config: Config) -> bool:
    rows = folder.metrics().read()
    none_was_due = not rows or rows[-1]["cycle"] <= config.checkpoint_every
    if none_was_due and not folder.checkpoints(config).cycles():
        logging.getLogger("minimax_eqx").warning(
            "The run in %s was stopped before its first checkpoint; it starts again.", folder.path
        )
        return True
    return False


def _summary(metrics: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The means over a log interval's cycles; those in which something was not measured do not
    count for it."""
    return {name: _mean(values) for name, values in sorted(metrics.items())}


def _mean(values: np.ndarray) -> float:
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if measured.size else math.nan


def _evaluation_row(evaluation: Mapping[str, Any], ledger: Ledger) -> dict[str, float]:
    row: dict[str, float] = {
        "cycle": ledger.cycle,
        "updates": ledger.updates,
        "env_steps": ledger.env_steps,
    }
    for name, results in {"unseen": evaluation["unseen"], **evaluation["held_out"]}.items():
        row[f"{name} return"] = results["return"]
        row[f"{name} success_rate"] = results["success_rate"]
    return row
