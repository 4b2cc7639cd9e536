"""How much of a run is over: in updates, by a clock, or as another run recorded it."""

import abc
import dataclasses
import itertools
import logging
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from .._files import FolderError
from .._folder._run_folder import RunFolder
from .._xla._processes import from_first
from ..runners._schedule import Schedule
from ._ledger import SECONDS, Ledger, seconds_in, seconds_or_0

# Seconds since whenever, as `time.perf_counter` gives them.
Clock: TypeAlias = Callable[[], float]

# Column of the share that the cycles of a row were played with.
SHARE = "share_spent"
# Column of the seconds of a budget that were spent after them; evaluation.json has it too.
SPENT = "seconds_spent"
# How far from its budget a run may end, as a share of it.
TOLERANCE = 0.02
# Intervals of which the longest is what the next one is expected to take.
_LATEST = 3


@dataclasses.dataclass
class Costs:
    """What was seen of how long things take, with all that hooks do at them; 0 if nothing was."""

    intervals: list[float] = dataclasses.field(default_factory=list)
    evaluating: float = 0.0
    saving: float = 0.0
    compiling: float = 0.0

    @property
    def interval(self) -> float:
        """What the next log interval will take."""
        return max(self.intervals[-_LATEST:], default=0.0)

    @property
    def ending(self) -> float:
        """What comes after the last one."""
        return self.evaluating + self.saving


class AbstractPace(abc.ABC):
    """Says before each log interval how much of the run is over, and whether there is another."""

    @abc.abstractmethod
    def share(self, ledger: Ledger, costs: Costs) -> float:
        """The share of the run that is over, from 0 to 1, for the next interval."""

    @abc.abstractmethod
    def has_room(self, ledger: Ledger, costs: Costs) -> bool:
        """Whether another interval fits in."""

    @abc.abstractmethod
    def columns(self) -> Mapping[str, float]:
        """What a row of metrics.csv has of it, besides the share, and an evaluation too."""


class ByUpdates(AbstractPace):
    """A run that is as long as its updates."""

    def __init__(self, num_updates: int):
        self._num_updates = num_updates

    def share(self, ledger: Ledger, costs: Costs) -> float:
        return _as_written(ledger.updates / self._num_updates)

    def has_room(self, ledger: Ledger, costs: Costs) -> bool:
        return True

    def columns(self) -> Mapping[str, float]:
        return {}


class ByClock(AbstractPace):
    """A run with a budget of time, of which `spent` seconds are gone.

    Of its time the ending is put aside, as far as its cost is known. What is left is for training,
    and the share is what has passed of that; or that of the updates, if those end first.
    """

    def __init__(self, schedule: Schedule, clock: Clock, began: float, spent: float):
        assert schedule.budget_seconds is not None
        self._schedule, self._seconds = schedule, schedule.budget_seconds
        self._clock, self._began = clock, began - spent
        self._share, self._warned = 0.0, False

    @property
    def spent(self) -> float:
        """The seconds of the budget that are gone, in the first process."""
        return self._clock() - self._began

    def share(self, ledger: Ledger, costs: Costs) -> float:
        for_training = max(self._seconds - costs.ending, 1e-9)
        in_time = from_first(lambda: self.spent / for_training)
        in_updates = ledger.updates / self._schedule.num_updates
        # An ending that turns out to be shorter does not turn a schedule back.
        self._share = max(self._share, _as_written(max(in_time, in_updates)))
        return self._share

    def has_room(self, ledger: Ledger, costs: Costs) -> bool:
        self._warn_of_long_intervals(costs)
        needed = costs.interval + costs.ending + costs.compiling
        return from_first(lambda: self.spent + needed <= self._seconds)

    def columns(self) -> Mapping[str, float]:
        return {SPENT: self.spent}

    def _warn_of_long_intervals(self, costs: Costs) -> None:
        if costs.interval > TOLERANCE * self._seconds and not self._warned:
            self._warned = True
            logging.getLogger("minimax_eqx").warning(
                "A log interval of %d cycles takes %.3g s, more than %g %% of the budget of %s, so "
                "the run may end that much before its time: lower log_every.",
                self._schedule.log_every,
                costs.interval,
                100 * TOLERANCE,
                self._schedule.budget,
            )


class AsRecorded(AbstractPace):
    """A run that repeats another one, whose shares these are, however long it takes."""

    def __init__(self, shares: Sequence[float], log_every: int):
        self._shares, self._log_every = shares, log_every

    def share(self, ledger: Ledger, costs: Costs) -> float:
        return self._shares[ledger.cycle // self._log_every]

    def has_room(self, ledger: Ledger, costs: Costs) -> bool:
        return ledger.cycle // self._log_every < len(self._shares)

    def columns(self) -> Mapping[str, float]:
        return {}


class Timing:
    """When this process began to train, by which clock, and the shares of the run that it repeats,
    if it does."""

    def __init__(self, clock: Clock = time.perf_counter, shares: Sequence[float] | None = None):
        self.clock, self.shares, self.began = clock, shares, clock()


def pace_of(schedule: Schedule, timing: Timing, spent: float) -> AbstractPace:
    """The pace of a run: as recorded if there are shares, or by the clock if it has a budget, of
    which `spent` seconds were gone when the process began."""
    if timing.shares is not None:
        return AsRecorded(timing.shares, schedule.log_every)
    if schedule.budget is None:
        return ByUpdates(schedule.num_updates)
    return ByClock(schedule, timing.clock, timing.began, spent)


def shares_of(path: pathlib.Path | str) -> list[float]:
    """The shares that the run in `path` recorded, one for each log interval, for `train`.

    `train(experiment, folder, shares=shares_of(path))` repeats that run exactly, however fast this
    machine is, if the experiment is its own.

    Raises `FolderError` if it recorded none, or if its log interval was changed on the way.
    """
    rows = RunFolder.open(path).metrics().read()
    if not rows or SHARE not in rows[0]:
        raise FolderError(
            f"{path} has no column {SHARE} in its metrics.csv: it had no budget and nothing that "
            "anneals over the run, so its seed alone repeats it."
        )
    log_every = rows[0]["cycle"]
    if any(row["cycle"] != log_every * (i + 1) for i, row in enumerate(rows)):
        raise FolderError(
            f"The log interval of {path} was changed on the way, so its shares cannot be told "
            "interval by interval."
        )
    return [row[SHARE] for row in rows]


def already_spent(
    rows: Sequence[Mapping[str, float]], seconds: Mapping[str, float], num_evaluations: int
) -> tuple[float, Costs]:
    """The seconds of a budget that earlier parts of a run have spent, and what they tell of costs,
    from its rows and the seconds by kind of its ledger. What a part did after its last row counts
    only as far as that ledger knows."""
    if not rows:
        return 0.0, Costs()
    last = rows[-1]
    times = [seconds_or_0(row.get(SPENT)) for row in rows[-_LATEST - 1 :]]
    # Some have an evaluation in them, or a checkpoint.
    intervals = [after - before for before, after in itertools.pairwise(times)]
    # What came after the last row.
    in_row = seconds_in(last)
    later = sum(max(0.0, seconds[name] - in_row[name]) for name in SECONDS)
    costs = Costs(
        intervals=[min(intervals)] if intervals else [],
        evaluating=seconds["seconds_evaluating"] / max(num_evaluations, 1),
        compiling=seconds["seconds_compiling"],
    )
    return times[-1] + later, costs


def _as_written(share: float) -> float:
    """A share with the digits that metrics.csv keeps, so that a repetition is told the same."""
    return float(f"{min(max(share, 0.0), 1.0):.6g}")
