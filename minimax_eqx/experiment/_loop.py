"""The loop on the host around the compiled program: dispatch, measure, tell the hooks."""

import collections
import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from .._folder._run_folder import RunFolder
from .._xla._compiling import seconds_compiling
from .._xla._processes import any_process
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ..runners._share import at_share, follows_run
from ._hooks import (
    Compiled,
    Evaluated,
    Event,
    Finished,
    Hook,
    Progressed,
    Saved,
    Started,
    Stopping,
    Trained,
)
from ._interrupt import stop_on_interrupt
from ._ledger import Ledger
from ._pace import SHARE, AbstractPace, Clock, Costs
from ._saving import SaveCheckpoints, TrainingError


class Telling:
    """A run whose hooks are told, in their order, of what happens, and what it has spent. One of
    them is `save`, which is also asked whether a checkpoint has got to the disk meanwhile."""

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        ledger: Ledger,
        hooks: Sequence[Hook],
        save: SaveCheckpoints,
        *,
        pace: AbstractPace,
        costs: Costs,
        clock: Clock,
    ):
        self.experiment, self.folder, self.ledger = experiment, folder, ledger
        self._hooks, self._save = hooks, save
        self._pace, self._costs, self._clock = pace, costs, clock
        # Whether anything follows the share of the run that is over, or its rows are to have it.
        self.has_share = experiment.schedule.budget is not None or follows_run(experiment)
        self._share, self._interval_began = 0.0, 0.0
        self._is_ending = False

    @property
    def is_complete(self) -> bool:
        """Whether the run has made all its updates."""
        return self.ledger.updates >= self.experiment.schedule.num_updates

    @property
    def has_room(self) -> bool:
        """Whether another log interval fits into its time."""
        return self._pace.has_room(self.ledger, self._costs)

    def begin_interval(self) -> float:
        """A log interval begins: the share of the run that is over."""
        self._interval_began = self._clock()
        self._share = self._pace.share(self.ledger, self._costs)
        return self._share

    def tell(self, event: Event) -> float:
        """Tells of an event, and then of those that hooks answer with. Returns how long the hooks
        took for progress, without what they saved, evaluated and compiled."""
        events, seconds = collections.deque([event]), collections.defaultdict[type, float](float)
        while events:
            event = events.popleft()
            if isinstance(event, Saved):
                self.ledger = self.ledger.after(saving=event.seconds)
                seconds[Saved] += event.seconds
            if isinstance(event, Evaluated):
                spent = event.ledger.seconds_evaluating
                self.ledger = dataclasses.replace(self.ledger, seconds_evaluating=spent)
                known = {**event.evaluation, **self._pace.columns()}
                event = dataclasses.replace(event, evaluation=known)
            for hook in self._hooks:
                begin, compiling = self._clock(), seconds_compiling()
                news = hook(event)
                if news is not None:
                    events.append(news)
                # What is compiled now is there the next time.
                took = self._clock() - begin - (seconds_compiling() - compiling)
                if not isinstance(news, Saved):
                    seconds[type(event if news is None else news)] += max(took, 0.0)
        self._costs.evaluating = seconds.get(Evaluated, self._costs.evaluating)
        self._costs.saving = seconds.get(Saved, self._costs.saving)
        return seconds[Progressed]

    def start(self, runner: Runner) -> None:
        """It begins or goes on, with this runner."""
        self.tell(Started(self.experiment, self.folder, runner, self.ledger))

    def compiled(self, runner: Runner, seconds: float) -> None:
        """Its program took so long to compile."""
        self.ledger = self.ledger.of(runner, compiling=seconds)
        self._costs.compiling = 0.0  # no more
        self.tell(Compiled(seconds))

    def progressed(self, runner: Runner, metrics: Mapping[str, np.ndarray], seconds: float) -> None:
        """A log interval is over: the runner after it, the metrics of its cycles, and how long it
        took."""
        self._tell_if_saved(int(runner.num_cycles))
        before, self.ledger = self.ledger.env_steps, self.ledger.of(runner, running=seconds)
        row = self.ledger.row()
        row["steps_per_second"] = (self.ledger.env_steps - before) / seconds
        row |= {SHARE: self._share, **self._pace.columns()} if self.has_share else {}
        playing = self._clock() - self._interval_began
        telling = self.tell(Progressed(runner, self.ledger, row | means(metrics), metrics))
        self._costs.intervals.append(playing + telling)

    def stop(self) -> None:
        """Somebody asks to stop."""
        self.tell(Stopping(self._is_ending))

    def end(self, runner: Runner, *, interrupted: bool) -> Finished:
        """Nothing more is trained."""
        self._is_ending = not interrupted
        self._tell_if_saved(None)
        self.tell(Trained(runner, self.ledger, interrupted))
        finished = Finished(self.experiment, self.folder, runner.on(None), self.ledger, interrupted)
        self.tell(finished)
        return finished

    def close(self) -> None:
        """Waits for what is still written, whether the run has come to an end or failed."""
        self._save.close()

    def _tell_if_saved(self, cycle: int | None) -> None:
        if (saved := self._save.settle(cycle)) is not None:
            self.tell(saved)


def train_until(run: Telling, runner: Runner, compiled: Callable[[], Any] | None) -> Finished:
    """Trains to the number of updates of the experiment's schedule, until its budget has no room
    for another log interval, or until asked to stop.

    `compiled` gives the program `run(runner, log_every)`; it may be None if there is nothing to
    train.

    Raises `TrainingError` if a budget is over before anything was trained.
    """
    with stop_on_interrupt(run.stop) as asked_to_stop, contextlib.closing(run):

        def goes_on() -> bool:
            return not run.is_complete and not any_process(asked_to_stop()) and run.has_room

        run.start(runner)
        if compiled is not None and goes_on():
            begin = time.perf_counter()
            dispatch = compiled()
            run.compiled(runner, time.perf_counter() - begin)
            if run.ledger.cycle == 0 and not run.has_room:
                raise TrainingError(
                    f"The budget of {run.experiment.schedule.budget} was over before anything was "
                    f"trained, since compiling took {run.ledger.seconds_compiling:.3g} s of it: "
                    "give it more time."
                )
            while goes_on():
                share = run.begin_interval()
                if run.has_share:
                    runner = at_share(runner, share)
                begin = time.perf_counter()
                runner, metrics = dispatch(runner, run.experiment.schedule.log_every)
                metrics = on_host(metrics)
                run.progressed(runner, metrics, time.perf_counter() - begin)
        return run.end(runner, interrupted=any_process(asked_to_stop()))


def on_host(metrics: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Metrics as NumPy's arrays, as soon as they are computed."""
    return {name: np.asarray(values) for name, values in jax.device_get(metrics).items()}


def means(metrics: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The means over a log interval's cycles; those in which something was not measured do not
    count for it."""
    measured = {name: values[~np.isnan(values)] for name, values in sorted(metrics.items())}
    return {name: float(v.mean()) if v.size else math.nan for name, v in measured.items()}
