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
from ._ledger import Ledger


@dataclass(frozen=True)
class Started:
    """Before anything is compiled. `ledger` holds what earlier parts of the run have spent."""

    experiment: Experiment
    """What is trained."""
    folder: RunFolder
    """Where the run is on disk."""
    runner: Runner
    """What it begins with."""
    ledger: Ledger
    """What earlier parts of the run have spent."""


@dataclass(frozen=True)
class Compiled:
    """The training program is compiled."""

    seconds: float
    """How long it took."""


@dataclass(frozen=True)
class Progressed:
    """A log interval is over.

    `row` is its row of metrics.csv, and `metrics` those of `run`, with an axis `cycle`. The runner
    may be read until the hook returns: the next interval reuses its memory.
    """

    runner: Runner
    """The runner, until the hook returns."""
    ledger: Ledger
    """What was spent so far."""
    row: Mapping[str, float]
    """The interval's row of metrics.csv."""
    metrics: Mapping[str, np.ndarray]
    """The metrics of each cycle of the interval."""


@dataclass(frozen=True)
class Saved:
    """There is a checkpoint of this cycle now, which may be some intervals later. The run waited
    `seconds` for it, and went on while the rest was written."""

    cycle: int
    """The cycle that was saved."""
    seconds: float = 0.0
    """How long it took."""


@dataclass(frozen=True)
class Evaluated:
    """The students were evaluated; see `evaluate`. The ledger counts the seconds that it took."""

    ledger: Ledger
    """What was spent so far."""
    evaluation: Mapping[str, Any]
    """What `mx.evaluate` returned."""


@dataclass(frozen=True)
class Stopping:
    """The run was asked to stop, and will after the interval at work. It is told from the signal's
    handler, between any two steps of the main thread."""

    is_trained: bool = False
    """Whether nothing was left to train: then the run goes on to its end, evaluation included."""


@dataclass(frozen=True)
class Trained:
    """Nothing more is trained now, since the run is complete or, if `interrupted`, was stopped: the
    last checkpoint is saved, and an evaluation made unless it was interrupted."""

    runner: Runner
    """What training ended with."""
    ledger: Ledger
    """What was spent."""
    interrupted: bool
    """Whether it was stopped before its end."""


@dataclass(frozen=True)
class Finished:
    """The end of a run or of a part of it, which `train` and `resume` return as well.

    The runner is on one device. If `interrupted`, all is saved, and `resume` goes on from there.
    """

    experiment: Experiment
    """What was trained."""
    folder: RunFolder
    """Where the run is on disk."""
    runner: Runner
    """What it ended with."""
    ledger: Ledger
    """What was spent."""
    interrupted: bool
    """Whether it was stopped before its end."""


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
