"""Checkpoints, which are written while the run goes on."""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

from .._folder._checkpoints import Checkpoints
from .._xla._processes import is_first
from ..runners._divergence import Divergence, divergence_of_state
from ..runners._saving import copy_on_host
from ..runners._schedule import Schedule
from ._hooks import Event, Progressed, Saved, Started, Trained


class TrainingError(RuntimeError):
    """Training cannot go on; what was saved before is still there."""


@dataclass(frozen=True)
class _Begun:
    """A checkpoint that is being written, and for how long the run has waited for it so far."""

    cycle: int
    seconds: float
    writing: Future[Any]


class SaveCheckpoints:
    """Saves what is good, as often as the schedule says and at the end.

    The loop waits for a copy of the arrays alone. A thread writes it, one checkpoint at a time,
    and `settle` says when it is on the disk. `saved` is the cycle of the newest checkpoint there,
    None if there is none. Of several processes the first one writes, and the others only count. A
    tolerant one stops for nothing, as in a tournament, which replaces what is no number.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        schedule: Schedule,
        saved: int | None,
        *,
        is_tolerant: bool = False,
    ):
        self._is_tolerant = is_tolerant
        self._checkpoints, self._saved = checkpoints, saved
        self._intervals = [schedule.checkpoint_every]
        if schedule.keep_best_checkpoints:
            self._intervals.append(schedule.evaluate_every)
        self._last = saved
        self._begun: _Begun | None = None
        self._thread = ThreadPoolExecutor(1, "minimax_eqx checkpoint")

    def __call__(self, event: Event) -> Event | None:
        if isinstance(event, Progressed | Trained) and self.is_to_save(event):
            self.save(event)
        # Nothing goes on that could be told of it later.
        return self.settle() if isinstance(event, Trained) else None

    def is_to_save(self, event: Progressed | Trained) -> bool:
        """Whether a checkpoint is due at that event, or is there already."""
        return isinstance(event, Trained) or self._is_due(event.ledger.cycle)

    def save(self, event: Started | Progressed | Trained) -> None:
        """Begins to save the runner, unless this cycle is saved already."""
        cycle = event.ledger.cycle
        if self._last == cycle:
            return
        self.settle()
        begin = time.perf_counter()
        self.stop_for(divergence_of_state(event.runner))
        writing = Future[Any]()
        if is_first():
            arrays = copy_on_host(event.runner.on(None))
            writing = self._thread.submit(self._checkpoints.write, cycle, arrays)
        else:
            writing.set_result(None)
        self._last = cycle
        self._begun = _Begun(cycle, time.perf_counter() - begin, writing)

    def settle(self, cycle: int | None = None) -> Saved | None:
        """Says that the checkpoint is there which was begun before, once it is.

        Waits for it if the run may not do more without it: at the end, if no cycle is given, if
        another one is due at that cycle, or if it is the first one, since a run that has got
        further than that without any cannot be told from one that lost them. Raises
        `TrainingError` if it could not be written.
        """
        begun = self._begun
        if begun is None:
            return None
        waits = cycle is None or self._saved is None or self._is_due(cycle)
        if not (waits or begun.writing.done()):
            return None
        begin = time.perf_counter()
        error = begun.writing.exception()
        self._begun = None
        if isinstance(error, OSError):
            reason = f"{error.strerror or error}: {error.filename or self._checkpoints.path}"
            raise TrainingError(
                f"The checkpoint of cycle {begun.cycle} could not be written ({reason}), so "
                f"training stopped. {self.last_good()} The run can be resumed when the disk works."
            ) from error
        if error is not None:
            raise error
        self._saved = begun.cycle
        return Saved(begun.cycle, begun.seconds + time.perf_counter() - begin)

    def stop_for(self, divergence: Divergence | None) -> None:
        """Raises `TrainingError` if there is one, unless it is tolerant."""
        if divergence is not None and not self._is_tolerant:
            self.stop(divergence.what, divergence.advice)

    def stop(self, what: str, advice: str) -> NoReturn:
        """Raises `TrainingError`, with which checkpoint there is."""
        self.settle()
        raise TrainingError(f"{what}, so training stopped. {self.last_good()} {advice}")

    def last_good(self) -> str:
        """Which checkpoint there is to go on from, as a sentence."""
        if self._saved is None:
            return "No checkpoint had been saved yet."
        where = self._checkpoints.path.parent
        return f"The checkpoint of cycle {self._saved} in {where} is the last good one."

    def close(self) -> None:
        """Waits for what is being written, whatever ended the run: it holds the folder as long."""
        self._thread.shutdown()
        try:
            self.settle()
        except Exception as error:
            # Something else has failed already, or this would have been told.
            logging.getLogger("minimax_eqx").warning("%s", error)

    def _is_due(self, cycle: int) -> bool:
        return any(is_due(cycle, self._last or 0, every) for every in self._intervals)


def is_due(cycle: int, last: int, every: int) -> bool:
    """Whether a multiple of `every` was reached since `last`, whatever the log interval was and is;
    0 is never."""
    return every > 0 and cycle // every > last // every
