"""The training loop on the host: dispatch, log, save, stop."""

import dataclasses
import math
import pathlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol, runtime_checkable

import jax
import numpy as np

from ..runners import Runner, run
from .build import make_runner
from .checkpoints import Checkpoints
from .config import Config
from .evaluation import evaluate_run
from .folder import RunFolder


class TrainingError(RuntimeError):
    """Training cannot go on; what was saved before is still there."""


@dataclasses.dataclass(frozen=True)
class Ledger:
    """What a run has spent. Equal numbers of updates are not equal interaction."""

    cycle: int
    updates: int
    env_steps: int
    gradient_steps: int
    seconds_compiling: float
    seconds_running: float


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended."""

    runner: Runner
    folder: RunFolder
    ledger: Ledger
    interrupted: bool


@runtime_checkable
class Listener(Protocol):
    """Told about a run as it goes, in the host's loop between dispatches."""

    def started(self, config: Config, runner: Runner, ledger: Ledger) -> None: ...

    def compiled(self, seconds: float) -> None: ...

    def progressed(self, row: dict[str, float]) -> None: ...

    def evaluated(self, evaluation: dict) -> None: ...


def start(config: Config, path: pathlib.Path | str, listener: Listener | None = None) -> Outcome:
    """Trains a new run in the folder `path`, which must not exist.

    Raises `ConfigError` or `ValueError` for a configuration that cannot be run, before anything is
    written; `FolderError` if the folder is taken; `TrainingError` if the loss stops being a number.
    """
    runner = make_runner(config)
    folder = RunFolder.create(pathlib.Path(path), config)
    return _train(config, folder, runner, listener)


def resume(path: pathlib.Path | str, listener: Listener | None = None) -> Outcome:
    """Continues the run in `path` from its newest checkpoint, exactly as if it had not stopped.

    Raises `FolderError` or `CheckpointError` if there is nothing to continue from.
    """
    folder = RunFolder.open(pathlib.Path(path))
    config = folder.config()
    checkpoints = Checkpoints(folder.checkpoints, config.keep_checkpoints)
    _, runner = checkpoints.load_newest(make_runner(config))
    return _train(config, folder, runner, listener)


def load_runner(path: pathlib.Path | str) -> tuple[Config, Runner]:
    """The newest state of the run in `path`, and its configuration."""
    folder = RunFolder.open(pathlib.Path(path))
    config = folder.config()
    checkpoints = Checkpoints(folder.checkpoints, config.keep_checkpoints)
    return config, checkpoints.load_newest(make_runner(config))[1]


def _train(
    config: Config, folder: RunFolder, runner: Runner, listener: Listener | None
) -> Outcome:
    checkpoints = Checkpoints(folder.checkpoints, config.keep_checkpoints)
    with folder.locked(), _stop_on_interrupt() as interrupted:
        metrics = folder.metrics()
        ledger = _spent(runner, *_seconds_before(metrics.read(), int(runner.num_cycles)))
        if listener:
            listener.started(config, runner, ledger)
        begin = time.perf_counter()
        dispatch = run.lower(runner, config.log_every).compile()
        compile_seconds = time.perf_counter() - begin
        ledger = _spent(runner, ledger.seconds_compiling + compile_seconds, ledger.seconds_running)
        if listener:
            listener.compiled(compile_seconds)
        saved = ledger.cycle if ledger.cycle else None
        while ledger.updates < config.num_updates and not interrupted():
            begin = time.perf_counter()
            runner, cycle_metrics = dispatch(runner, config.log_every)
            cycle_metrics = {k: np.asarray(v) for k, v in jax.device_get(cycle_metrics).items()}
            seconds = time.perf_counter() - begin
            _check_finite(cycle_metrics, ledger.updates, folder, saved)
            before = ledger.env_steps
            ledger = _spent(runner, ledger.seconds_compiling, ledger.seconds_running + seconds)
            row = dataclasses.asdict(ledger) | {
                "steps_per_second": (ledger.env_steps - before) / seconds
            }
            row |= {name: _mean(values) for name, values in sorted(cycle_metrics.items())}
            metrics.append(row)
            if listener:
                listener.progressed(row)
            if ledger.cycle % config.checkpoint_every == 0:
                checkpoints.save(ledger.cycle, runner)
                saved = ledger.cycle
            if config.evaluate_every and ledger.cycle % config.evaluate_every == 0:
                _evaluate(config, folder, runner, listener)
        if saved != ledger.cycle:
            checkpoints.save(ledger.cycle, runner)
        if not interrupted():
            _evaluate(config, folder, runner, listener)
        return Outcome(runner, folder, ledger, interrupted())


def _evaluate(
    config: Config, folder: RunFolder, runner: Runner, listener: Listener | None
) -> None:
    evaluation = evaluate_run(config, runner)
    folder.write_evaluation(evaluation)
    if listener:
        listener.evaluated(evaluation)


def _spent(runner: Runner, seconds_compiling: float, seconds_running: float) -> Ledger:
    # On the host, in Python's unbounded integers: 32 bits overflow within a long run.
    cycle = int(runner.num_cycles)
    updates = int(runner.students.num_updates[0])
    per_update = runner.students.gradient_steps_per_update()
    return Ledger(
        cycle=cycle,
        updates=updates,
        env_steps=cycle * runner.transitions_per_cycle,
        gradient_steps=updates * per_update,
        seconds_compiling=seconds_compiling,
        seconds_running=seconds_running,
    )


def _seconds_before(rows: list[dict[str, float]], cycle: int) -> tuple[float, float]:
    for row in reversed(rows):
        if row["cycle"] <= cycle:
            return row["seconds_compiling"], row["seconds_running"]
    return 0.0, 0.0


def _mean(values: np.ndarray) -> float:
    """The mean over a log interval's cycles; cycles in which it was not measured do not count."""
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if measured.size else math.nan


def _check_finite(
    metrics: dict[str, np.ndarray], updates_before: int, folder: RunFolder, saved: int | None
) -> None:
    updated = metrics["updated"] > 0
    for name in ("loss", "grad_norm"):
        bad = updated & ~np.isfinite(metrics[name])
        if bad.any():
            first = int(np.argmax(bad))
            update = updates_before + int(updated[: first + 1].sum())
            rest = (
                f"The checkpoint of cycle {saved} in {folder.path} is the last good one."
                if saved is not None
                else "No checkpoint had been saved yet."
            )
            raise TrainingError(
                f"Update {update}: {name} is {metrics[name][first]}, so training stopped. {rest} "
                "A lower learning rate or max_grad_norm may help."
            )


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a request to stop after the dispatch at work; the second stops
    at once. Outside the main thread, where Python delivers no signals, it changes nothing."""
    requested = False

    def request(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True

    try:
        previous = signal.signal(signal.SIGINT, request)
    except ValueError:
        yield lambda: False
        return
    try:
        yield lambda: requested
    finally:
        signal.signal(signal.SIGINT, previous)
