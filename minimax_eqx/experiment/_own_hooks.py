"""What every run does as it goes: rows of metrics, checkpoints, evaluations and a report."""

import dataclasses
import logging
import pathlib
import time
from collections.abc import Mapping

from .._folder._checkpoints import Checkpoints
from .._folder._results import all_results
from .._folder._run_folder import REPORT, RunFolder
from .._report._page import write_report
from .._report._run import Run
from .._xla._processes import is_first
from ..evaluation._evaluate import evaluate
from ..runners._divergence import (
    Divergence,
    divergence_of_metrics,
    divergence_of_state,
    updates_of_learners,
)
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ._hooks import Evaluated, Event, Finished, Progressed, Saved, Started, Trained
from ._ledger import Ledger, as_entry

# More than any recipe needs to fill its level buffer, or to search for levels.
CYCLES_WITHOUT_UPDATE = 2_000
# Of the results of an evaluation, what evaluations.csv has of each test, if it was measured.
KINDS = ("return", "success_rate", "regret")


class TrainingError(RuntimeError):
    """Training cannot go on; what was saved before is still there."""


@dataclasses.dataclass(eq=False)
class Watch:
    """Stops the run if a measure of a learner, or a number to be saved, is none any more.

    `saved` is the cycle of the last checkpoint, None if there is none.
    """

    path: pathlib.Path
    saved: int | None
    is_tolerant: bool = False
    num_updates: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started | Progressed):
            before, self.num_updates = self.num_updates, updates_of_learners(event.runner)
            if isinstance(event, Progressed):
                learned = {name: n - before[name] for name, n in self.num_updates.items()}
                self._stop(divergence_of_metrics(event.runner, event.metrics, learned))

    def check_state(self, runner: Runner) -> None:
        """Raises `TrainingError` for a runner that must not be saved."""
        self._stop(divergence_of_state(runner))

    def _stop(self, divergence: Divergence | None) -> None:
        if divergence is None or self.is_tolerant:
            return
        rest = "No checkpoint had been saved yet."
        if self.saved is not None:
            rest = f"The checkpoint of cycle {self.saved} in {self.path} is the last good one."
        advice = "No option is known that would help: look at what computes it."
        if divergence.learner is not None:
            who = divergence.learner or "students"
            advice = f"A lower learning_rate or max_grad_norm of the {who} may help."
        raise TrainingError(f"{divergence.what}, so training stopped. {rest} {advice}")


class WriteTables:
    """Writes metrics.csv and the evaluations; warns once if nothing is learned for long."""

    def __init__(self, folder: RunFolder):
        self._folder = folder
        self._metrics, self._evaluations = folder.metrics(), folder.evaluations()
        self._last_update: Ledger | None = None
        self._warned = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started | Progressed):
            self._warn_of_idleness(event.ledger)
        if isinstance(event, Progressed):
            self._metrics.append(event.row)
        if isinstance(event, Evaluated):
            self._folder.write_evaluation({**event.evaluation, "ledger": as_entry(event.ledger)})
            row = {name: getattr(event.ledger, name) for name in ("cycle", "updates", "env_steps")}
            for name, results in all_results(event.evaluation).items():
                measured = {kind: results.get(kind) for kind in KINDS} | results.get("measures", {})
                row |= {f"{name} {k}": v for k, v in measured.items() if v is not None}
            self._evaluations.append(row)

    def _warn_of_idleness(self, ledger: Ledger) -> None:
        if self._last_update is None or ledger.updates > self._last_update.updates:
            self._last_update = ledger
        idle = ledger.cycle - self._last_update.cycle
        if idle >= CYCLES_WITHOUT_UPDATE and not self._warned:
            self._warned = True
            logging.getLogger("minimax_eqx").warning(
                "No update for %d cycles. If buffer_fill_ratio in metrics.csv does not rise, there "
                "are too few different levels that episodes finish on: lower the buffer's capacity "
                "or min_fill_ratio, or raise num_steps or rollouts_per_play.",
                idle,
            )


@dataclasses.dataclass(eq=False)
class SaveCheckpoints:
    """Saves every so many cycles, and at the end, what `watch` finds nothing wrong with."""

    checkpoints: Checkpoints
    every: int
    watch: Watch

    def __call__(self, event: Event) -> Event | None:
        if isinstance(event, Progressed | Trained) and self.is_to_save(event):
            return self.save(event)
        return None

    def is_to_save(self, event: Progressed | Trained) -> bool:
        """Whether a checkpoint is due at that event, or is there already."""
        due = is_due(event.ledger.cycle, self.watch.saved or 0, self.every)
        return due or isinstance(event, Trained)

    def save(self, event: Started | Progressed | Trained) -> Saved | None:
        """Saves the runner now, unless this cycle is saved already."""
        cycle = event.ledger.cycle
        if self.watch.saved == cycle:
            return None
        begin = time.perf_counter()
        self.watch.check_state(event.runner)
        if is_first():
            self.checkpoints.save(cycle, event.runner.on(None))
        self.watch.saved = cycle
        return Saved(cycle, time.perf_counter() - begin)


@dataclasses.dataclass(eq=False)
class Evaluate:
    """Evaluates when the schedule says so, and at the end unless the run was interrupted.

    Every process does, since the others would only wait for the first. `last` is the cycle of the
    evaluation before, 0 if there is none. If it fails, the runner is saved first.
    """

    experiment: Experiment
    last: int
    checkpoints: SaveCheckpoints

    def __call__(self, event: Event) -> Event | None:
        if not isinstance(event, Started | Progressed | Trained):
            return None
        suite = self.experiment.evaluation.suite
        if isinstance(event, Started) and suite:
            suite.check(self.experiment.env)
        # At the start if it was killed between a checkpoint and the evaluation of the same cycle.
        due = is_due(event.ledger.cycle, self.last, self.experiment.schedule.evaluate_every)
        if isinstance(event, Trained):
            due = not event.interrupted and self.last != event.ledger.cycle
        if not due:
            return None
        begin = time.perf_counter()
        try:
            evaluation = evaluate(self.experiment, event.runner)
        except Exception:
            self.checkpoints.save(event)
            raise
        self.last = event.ledger.cycle
        spent = event.ledger.after(evaluating=time.perf_counter() - begin)
        return Evaluated(spent, evaluation)


class WriteReport:
    """A hook that writes report.html at every evaluation, and when a run ends or is interrupted.

    What cannot be written is warned of, and the run goes on.
    """

    def __init__(self):
        self._started: Started | None = None
        self._runner: Runner | None = None
        self._is_due = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._started, self._runner = event, event.runner
            self._is_due = not (event.folder.path / REPORT).is_file()
        if isinstance(event, Progressed | Trained | Finished):
            self._runner = event.runner
            self._is_due |= isinstance(event, Progressed)
        if isinstance(event, Evaluated):
            num_updates = self._started.experiment.schedule.num_updates if self._started else 0
            self._is_due = True
            # The last one is followed by the end.
            if event.ledger.updates < num_updates:
                self._write(goes_on=True)
        if isinstance(event, Finished) and self._is_due:
            self._write(goes_on=False)

    def _write(self, *, goes_on: bool) -> None:
        if self._started is None:
            return
        folder, experiment = self._started.folder, self._started.experiment
        try:
            write_report(Run(folder, experiment, self._runner, goes_on))
        except Exception as error:
            logging.getLogger("minimax_eqx").warning("%s was not written: %s", REPORT, error)


def is_due(cycle: int, last: int, every: int) -> bool:
    """Whether a multiple of `every` was reached since `last`, whatever the log interval was and is;
    0 is never."""
    return every > 0 and cycle // every > last // every
