"""The loop on the host around the compiled program: dispatch, measure, tell the hooks."""

import collections
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


def train_until(
    experiment: Experiment,
    folder: RunFolder,
    state: tuple[Runner, Ledger],
    compiled: Callable[[], Any] | None,
    hooks: Sequence[Hook],
) -> Finished:
    """Trains to the number of updates of the experiment's schedule, or until asked to stop.

    `compiled` gives the program `run(runner, log_every)`; it may be None if there is nothing to
    train. Hooks are told in their order.
    """
    schedule, (runner, ledger) = experiment.schedule, state

    def tell(event: Event) -> None:
        nonlocal ledger
        events = collections.deque([event])
        while events:
            event = events.popleft()
            if isinstance(event, Saved):
                ledger = ledger.after(saving=event.seconds)
            if isinstance(event, Evaluated):
                spent = event.ledger.seconds_evaluating
                ledger = dataclasses.replace(ledger, seconds_evaluating=spent)
            events.extend(news for hook in hooks if (news := hook(event)) is not None)

    with stop_on_interrupt(lambda: tell(Stopping())) as asked_to_stop:

        def goes_on() -> bool:
            return ledger.updates < schedule.num_updates and not any_process(asked_to_stop())

        tell(Started(experiment, folder, runner, ledger))
        if compiled is not None and goes_on():
            begin = time.perf_counter()
            dispatch = compiled()
            seconds = time.perf_counter() - begin
            ledger = ledger.of(runner, compiling=seconds)
            tell(Compiled(seconds))
            while goes_on():
                begin, before = time.perf_counter(), ledger.env_steps
                runner, metrics = dispatch(runner, schedule.log_every)
                metrics = {name: np.asarray(v) for name, v in jax.device_get(metrics).items()}
                seconds = time.perf_counter() - begin
                ledger = ledger.of(runner, running=seconds)
                row = ledger.row()
                row["steps_per_second"] = (ledger.env_steps - before) / seconds
                tell(Progressed(runner, ledger, row | means(metrics), metrics))
        interrupted = any_process(asked_to_stop())
        tell(Trained(runner, ledger, interrupted))
        finished = Finished(experiment, folder, runner.on(None), ledger, interrupted)
        tell(finished)
        return finished


def means(metrics: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The means over a log interval's cycles; those in which something was not measured do not
    count for it."""
    measured = {name: values[~np.isnan(values)] for name, values in sorted(metrics.items())}
    return {name: float(v.mean()) if v.size else math.nan for name, v in measured.items()}
