"""What a run tells as it goes, and the hooks that are told.

A hook is any function of one event. It is called in the host's loop, between dispatches, and may
return an event of its own, which all hooks are told next. One that fails stops the run; wrap it in
`Remote` if the run should go on without it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .._folder._run_folder import RunFolder
from ..runners._experiment import Experiment
from ..runners._runner import Runner


@dataclass(frozen=True)
class Ledger:
    """What a run has spent. Equal numbers of updates are not equal interaction."""

    cycle: int = 0
    updates: int = 0
    env_steps: int = 0
    gradient_steps: int = 0
    seconds_compiling: float = 0.0
    seconds_running: float = 0.0

    def of(self, runner: Runner, *, compiling: float = 0.0, running: float = 0.0) -> "Ledger":
        """What a runner has spent, with so many seconds more than in this ledger."""
        # On the host, in Python's unbounded integers: 32 bits overflow within a long run.
        cycle, updates = int(runner.num_cycles), int(np.asarray(runner.students.num_updates)[0])
        env_steps = cycle * runner.experiment.transitions_per_cycle
        gradient_steps = updates * runner.experiment.student.gradient_steps_per_update
        seconds = (self.seconds_compiling + compiling, self.seconds_running + running)
        return Ledger(cycle, updates, env_steps, gradient_steps, *seconds)


@dataclass(frozen=True)
class Started:
    """Before anything is compiled. `ledger` holds what earlier parts of the run have spent."""

    experiment: Experiment
    folder: RunFolder
    runner: Runner
    ledger: Ledger


@dataclass(frozen=True)
class Compiled:
    """The training program is compiled."""

    seconds: float


@dataclass(frozen=True)
class Progressed:
    """A log interval is over.

    `row` is its row of metrics.csv, and `metrics` those of `run`, with an axis `cycle`. The runner
    may be read until the hook returns: the next interval reuses its memory.
    """

    runner: Runner
    ledger: Ledger
    row: Mapping[str, float]
    metrics: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Saved:
    """There is a checkpoint of this cycle."""

    cycle: int


@dataclass(frozen=True)
class Evaluated:
    """The students were evaluated; see `evaluate`."""

    ledger: Ledger
    evaluation: Mapping[str, Any]


@dataclass(frozen=True)
class Stopping:
    """The run was asked to stop, and will after the interval at work. It is told from the signal's
    handler, between any two steps of the main thread."""


@dataclass(frozen=True)
class Trained:
    """Nothing more is trained now, since the run is complete or, if `interrupted`, was stopped: the
    last checkpoint is saved, and an evaluation made unless it was interrupted."""

    runner: Runner
    ledger: Ledger
    interrupted: bool


@dataclass(frozen=True)
class Finished:
    """The end of a run or of a part of it, which `train` and `resume` return as well.

    The runner is on one device. If `interrupted`, all is saved, and `resume` goes on from there.
    """

    experiment: Experiment
    folder: RunFolder
    runner: Runner
    ledger: Ledger
    interrupted: bool


Event: TypeAlias = (
    Started | Compiled | Progressed | Saved | Evaluated | Stopping | Trained | Finished
)


# Any function of one event, such as `print`, or an object that is called like one. What it returns
# is told to all hooks next.
Hook: TypeAlias = Callable[[Event], Event | None]


class Remote:
    """A hook that may fail, such as one that reports to a server: it is dropped when it does.

    For example, `train(experiment, folder, hooks=[Remote(report_to_tracker)])`.
    """

    def __init__(self, hook: Hook):
        self._hook: Hook | None = hook

    def __call__(self, event: Event) -> Event | None:
        if self._hook is None:
            return None
        try:
            return self._hook(event)
        except Exception as error:
            name = getattr(self._hook, "__name__", type(self._hook).__name__)
            self._hook, what = None, f"{type(error).__name__}: {error}"
            logging.getLogger("minimax_eqx").warning(
                "The hook %s failed and is told nothing more; the run goes on (%s).", name, what
            )
            return None
