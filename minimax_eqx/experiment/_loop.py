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
from .._xla._processes import any_process
from ..runners._experiment import Experiment
from ..runners._runner import Runner
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
from ._saving import SaveCheckpoints


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
    ):
        self.experiment, self.folder, self.ledger = experiment, folder, ledger
        self._hooks, self._save = hooks, save

    @property
    def is_complete(self) -> bool:
        """Whether the run has made all its updates."""
        return self.ledger.updates >= self.experiment.schedule.num_updates

    def tell(self, event: Event) -> None:
        """Tells of an event, and then of those that hooks answer with."""
        events = collections.deque([event])
        while events:
            event = events.popleft()
            if isinstance(event, Saved):
                self.ledger = self.ledger.after(saving=event.seconds)
            if isinstance(event, Evaluated):
                spent = event.ledger.seconds_evaluating
                self.ledger = dataclasses.replace(self.ledger, seconds_evaluating=spent)
            events.extend(news for hook in self._hooks if (news := hook(event)) is not None)

    def start(self, runner: Runner) -> None:
        """It begins or goes on, with this runner."""
        self.tell(Started(self.experiment, self.folder, runner, self.ledger))

    def compiled(self, runner: Runner, seconds: float) -> None:
        """Its program took so long to compile."""
        self.ledger = self.ledger.of(runner, compiling=seconds)
        self.tell(Compiled(seconds))

    def progressed(self, runner: Runner, metrics: Mapping[str, np.ndarray], seconds: float) -> None:
        """A log interval is over: the runner after it, the metrics of its cycles, and how long it
        took."""
        self._tell_if_saved(int(runner.num_cycles))
        before, self.ledger = self.ledger.env_steps, self.ledger.of(runner, running=seconds)
        row = self.ledger.row()
        row["steps_per_second"] = (self.ledger.env_steps - before) / seconds
        self.tell(Progressed(runner, self.ledger, row | means(metrics), metrics))

    def end(self, runner: Runner, *, interrupted: bool) -> Finished:
        """Nothing more is trained."""
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
    """Trains to the number of updates of the experiment's schedule, or until asked to stop.

    `compiled` gives the program `run(runner, log_every)`; it may be None if there is nothing to
    train.
    """
    asking = stop_on_interrupt(lambda: run.tell(Stopping()))
    with asking as asked_to_stop, contextlib.closing(run):

        def goes_on() -> bool:
            return not run.is_complete and not any_process(asked_to_stop())

        run.start(runner)
        if compiled is not None and goes_on():
            begin = time.perf_counter()
            dispatch = compiled()
            run.compiled(runner, time.perf_counter() - begin)
            while goes_on():
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
