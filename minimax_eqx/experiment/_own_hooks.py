"""What every run does as it goes: rows of metrics, evaluations and a report."""

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping

from .._folder._results import all_results
from .._folder._run_folder import REPORT, RunFolder
from .._report._page import write_report
from .._report._run import Run
from .._xla._processes import from_first
from ..evaluation._evaluate import check_evaluation, evaluate
from ..runners._divergence import divergence_of_metrics, updates_of_learners
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ._hooks import Evaluated, Event, Finished, Progressed, Started, Trained
from ._ledger import as_entry
from ._saving import SaveCheckpoints, is_due

# Share of a budget that an evaluation may take without being timed again.
LONG_EVALUATION = 0.005
# Of the results of an evaluation, what evaluations.csv has of each test, if it was measured.
KINDS = ("return", "success_rate", "regret")


@dataclasses.dataclass(eq=False)
class Watch:
    """Stops the run if a measure of a learner is no number any more."""

    save: SaveCheckpoints
    num_updates: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started | Progressed):
            before, self.num_updates = self.num_updates, updates_of_learners(event.runner)
            if isinstance(event, Progressed):
                learned = {name: n - before[name] for name, n in self.num_updates.items()}
                self.save.stop_for(divergence_of_metrics(event.runner, event.metrics, learned))


class WriteTables:
    """Writes metrics.csv and the evaluations."""

    def __init__(self, folder: RunFolder):
        self._folder = folder
        self._metrics, self._evaluations = folder.metrics(), folder.evaluations()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progressed):
            self._metrics.append(event.row)
        if isinstance(event, Evaluated):
            self._folder.write_evaluation({**event.evaluation, "ledger": as_entry(event.ledger)})
            row = {name: getattr(event.ledger, name) for name in ("cycle", "updates", "env_steps")}
            for name, results in all_results(event.evaluation).items():
                measured = {kind: results.get(kind) for kind in KINDS} | results.get("measures", {})
                row |= {f"{name} {k}": v for k, v in measured.items() if v is not None}
            self._evaluations.append(row)


@dataclasses.dataclass(eq=False)
class Evaluate:
    """Evaluates when the schedule says so, and at the end unless the run was interrupted.

    Every process does, since the others would only wait for the first. `last` is the cycle of the
    evaluation before, 0 if there is none. If it fails, the runner is saved first.

    A run with a budget must know what its last evaluation will take. So it evaluates after its
    first log interval, and once more if that took long, since the first one traces its programs.
    """

    experiment: Experiment
    last: int
    checkpoints: SaveCheckpoints
    clock: Callable[[], float] = time.perf_counter
    took: list[float] = dataclasses.field(default_factory=list)

    def __call__(self, event: Event) -> Event | None:
        if not isinstance(event, Started | Progressed | Trained):
            return None
        if isinstance(event, Started):
            check_evaluation(self.experiment)
        # At the start if it was killed between a checkpoint and the evaluation of the same cycle.
        due = is_due(event.ledger.cycle, self.last, self.experiment.schedule.evaluate_every)
        if isinstance(event, Trained):
            due = not event.interrupted and self.last != event.ledger.cycle
        if isinstance(event, Progressed):
            due |= self._is_to_be_timed()
        if not due:
            return None
        begin = self.clock()
        try:
            evaluation = evaluate(self.experiment, event.runner)
        except Exception:
            self.checkpoints.save(event)
            raise
        self.last = event.ledger.cycle
        self.took.append(self.clock() - begin)
        return Evaluated(event.ledger.after(evaluating=self.took[-1]), evaluation)

    def _is_to_be_timed(self) -> bool:
        budget = self.experiment.schedule.budget_seconds
        if budget is None or len(self.took) > 1:
            return False
        return not self.took or from_first(lambda: self.took[0] > LONG_EVALUATION * budget)


class WriteReport:
    """A hook that writes report.html at every evaluation, and when a run ends or is interrupted.

    What cannot be written is warned of, and the run goes on.
    """

    def __init__(self):
        self._started: Started | None = None
        self._runner: Runner | None = None
        self._is_due, self._ends = False, False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._started, self._runner = event, event.runner
            self._is_due = not (event.folder.path / REPORT).is_file()
        if isinstance(event, Progressed | Trained | Finished):
            self._ends = not isinstance(event, Progressed)
            self._runner = event.runner
            self._is_due |= isinstance(event, Progressed)
        if isinstance(event, Evaluated):
            num_updates = self._started.experiment.schedule.num_updates if self._started else 0
            self._is_due = True
            # The last one is followed by the end.
            if not self._ends and event.ledger.updates < num_updates:
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
