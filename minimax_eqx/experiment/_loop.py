"""The training loop on the host: dispatch, log, save, evaluate, stop."""

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from ..runners import Runner
from ._config import Config
from ._divergence import Divergence, Watch, divergence_of_state
from ._evaluation import evaluate_run
from ._folder import RunFolder
from ._interrupt import stop_on_interrupt
from ._ledger import Ledger, seconds_before
from ._listener import Listener, Silent
from ._processes import any_process, from_first, is_first

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


class TrainingLoop:
    """The host's loop around the compiled program, for one run.

    Arguments:

    - `saved`: the cycle of the checkpoint that the run goes on from; None if it begins.
    """

    def __init__(
        self, config: Config, folder: RunFolder, listener: Listener | None, saved: int | None
    ):
        self._config = config
        self._folder = folder
        self._writes = is_first()
        self._listener = listener if listener and self._writes else Silent()
        self._checkpoints = folder.checkpoints(config)
        self._saved = saved
        self._evaluated: int | None = None
        # Agreed on, since all processes evaluate together.
        self._evaluated_before: int = from_first(self._open_files)

    def _open_files(self) -> int:
        """Opens the tables, without the rows of cycles that will be repeated; returns the cycle of
        the last evaluation."""
        self._metrics = self._folder.metrics()
        self._evaluations = self._folder.evaluations()
        self._seconds_before = seconds_before(self._metrics.read())
        for table in (self._metrics, self._evaluations):
            table.drop_after(self._saved or 0)
        rows = self._evaluations.read()
        return int(rows[-1]["cycle"]) if rows else 0

    def train(self, runner: Runner, compiled: Callable[[], Any]) -> Outcome:
        """Trains to the configured number of updates, or until asked to stop; saves, evaluates.

        `compiled` gives the program `run(runner, log_every)`; it is called if there is something to
        train.
        """
        config = self._config
        before = self._seconds_before if self._writes else (0.0, 0.0)
        ledger = Ledger.of(runner, *before)
        with stop_on_interrupt(self._listener.stopping) as asked_to_stop:

            def interrupted():
                return any_process(asked_to_stop())

            self._listener.started(config, runner, ledger)
            # If it was killed between a checkpoint and the evaluation of the same cycle.
            self._evaluate_if_due(runner, ledger)
            if ledger.updates < config.num_updates and not interrupted():
                # Now, and not at the first checkpoint, which may be hours away.
                from_first(self._checkpoints.try_out)
                dispatch, ledger = self._compile(ledger, compiled)
                runner, ledger = self._cycles(runner, ledger, dispatch, interrupted)
            if self._saved != ledger.cycle:
                self._save(runner, ledger)
            if not interrupted() and self._evaluated != ledger.cycle:
                self._evaluate(runner, ledger)
            return Outcome(runner.on(None), self._folder, ledger, interrupted())

    def _compile(self, ledger: Ledger, compiled: Callable[[], Any]) -> tuple[Any, Ledger]:
        begin = time.perf_counter()
        dispatch = compiled()
        seconds = time.perf_counter() - begin
        self._listener.compiled(seconds)
        compiling = ledger.seconds_compiling + seconds
        return dispatch, dataclasses.replace(ledger, seconds_compiling=compiling)

    def _cycles(
        self, runner: Runner, ledger: Ledger, dispatch: Any, interrupted: Callable[[], bool]
    ) -> tuple[Runner, Ledger]:
        config = self._config
        patience, watch = _Patience(ledger), Watch(runner)
        while ledger.updates < config.num_updates and not interrupted():
            begin = time.perf_counter()
            runner, metrics = dispatch(runner, config.log_every)
            metrics = {name: np.asarray(v) for name, v in jax.device_get(metrics).items()}
            seconds = time.perf_counter() - begin
            self._stop_if_diverged(watch.look(runner, metrics))
            before = ledger.env_steps
            ledger = Ledger.of(runner, ledger.seconds_compiling, ledger.seconds_running + seconds)
            row = dataclasses.asdict(ledger)
            row["steps_per_second"] = (ledger.env_steps - before) / seconds
            row |= _summary(metrics)
            if self._writes:
                self._metrics.append(row)
                patience.look(ledger)
            self._listener.progressed(row)
            if _is_due(ledger.cycle, self._saved or 0, config.checkpoint_every):
                self._save(runner, ledger)
            self._evaluate_if_due(runner, ledger)
        return runner, ledger

    def _save(self, runner: Runner, ledger: Ledger) -> None:
        self._stop_if_diverged(divergence_of_state(runner))
        if self._writes:
            self._checkpoints.save(ledger.cycle, runner.on(None))
        self._saved = ledger.cycle

    def _evaluate_if_due(self, runner: Runner, ledger: Ledger) -> None:
        if not _is_due(ledger.cycle, self._evaluated_before, self._config.evaluate_every):
            return
        try:
            self._evaluate(runner, ledger)
        except Exception:
            # What was trained since the last checkpoint is not lost with it.
            if self._saved != ledger.cycle:
                self._save(runner, ledger)
            raise

    def _evaluate(self, runner: Runner, ledger: Ledger) -> None:
        # In every process: the others would only wait for the first.
        evaluation = evaluate_run(self._config, runner)
        self._evaluated = self._evaluated_before = ledger.cycle
        try:
            if self._writes:
                self._folder.write_evaluation(evaluation)
                self._evaluations.append(_evaluation_row(evaluation, ledger))
        finally:
            # Shown even if it could not be written.
            self._listener.evaluated(evaluation)

    def _stop_if_diverged(self, divergence: Divergence | None) -> None:
        if divergence is None:
            return
        rest = (
            f"The checkpoint of cycle {self._saved} in {self._folder.path} is the last good one."
            if self._saved is not None
            else "No checkpoint had been saved yet."
        )
        raise TrainingError(
            f"{divergence.when}: {divergence.what}, so training stopped. {rest} "
            f"{_advice(divergence, self._config)}"
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


def _is_due(cycle: int, last: int, every: int) -> bool:
    """Whether a multiple of `every` was reached since `last`, whatever the log interval was and is;
    0 is never."""
    return every > 0 and cycle // every > last // every


def _advice(divergence: Divergence, config: Config) -> str:
    if divergence.learner is None:
        return "No option is known that would help: look at what computes it."
    prefix = f"{divergence.learner}_" if divergence.learner else ""
    names = [f"{prefix}learning_rate", f"{prefix}max_grad_norm"]
    if all(name in config.what_decides_the_state() for name in names):
        return f"A lower {' or '.join(names)} may help."
    return f"A lower learning rate or gradient norm of the {divergence.learner} may help."


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
