"""The hook that records a curriculum as it goes, so that a report can show it."""

import logging
from typing import Any

import jax
import numpy as np

from .._files import FolderError
from .._folder._family import Family
from .._folder._level_arrays import packed
from .._folder._record import OF_LEVELS, Look, Record, as_64_bits, spread_of
from .._folder._run_folder import RunFolder
from ..curricula._stored import StoredLevels
from ..runners._looking import proposed_levels, stored_levels, stores_levels
from ..runners._runner import Runner
from ._hooks import Event, Progressed, Started, Trained
from ._ledger import Ledger
from ._saving import SaveCheckpoints, is_due

NUM_LOOKS = 8
NUM_SHOWN = 12
# Of all levels of a buffer, unpacked: larger ones are not read at every log interval.
LARGE_BUFFER = 50_000_000
# A stream of random numbers of its own: the record changes nothing about a run.
RECORD_STREAM = 1_000_121


class RecordCurriculum:
    """Looks at the curriculum at some moments of a run, and keeps who descends from whom.

    A look is due early in the run, whenever another eighth of its updates is over, and at its end.
    If a run is made longer, the looks from before stay. Parents are read at every log interval, so
    a level that came and went in between is a gap in the record. It is written before each
    checkpoint, so that a resumed run finds what it had seen by then.
    """

    def __init__(self, folder: RunFolder, save: SaveCheckpoints):
        self._folder, self._save = folder, save
        self._record = Record()
        self._keeps: bool | None = None
        self._has_parents = True
        self._every = self._seed = 1

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            schedule = event.experiment.schedule
            self._every = max(1, schedule.num_updates // NUM_LOOKS)
            self._seed = event.experiment.seed
            self._record = self._taken_up(event.ledger)
        if isinstance(event, Progressed | Trained):
            is_end = isinstance(event, Trained) and not event.interrupted
            self._look(event.runner, event.ledger, is_end=is_end)
            if self._save.is_to_save(event):
                self._folder.write_record(self._record)

    def _taken_up(self, ledger: Ledger) -> Record:
        try:
            return self._folder.record().until(ledger.cycle)
        except FolderError as error:
            logging.getLogger("minimax_eqx").warning(
                "%s The curriculum is recorded from here on.", error
            )
            return Record()

    def _look(self, runner: Runner, ledger: Ledger, *, is_end: bool) -> None:
        looks = self._record.looks
        if looks and looks[-1].cycle == ledger.cycle:
            return
        is_time = is_end or not looks or is_due(ledger.updates, looks[-1].updates, self._every)
        if self._keeps is None:
            self._keeps = stores_levels(runner)
        if not self._keeps:
            if is_time:
                looks.append(self._look_at_proposal(runner, ledger))
            return
        if not (is_time or self._has_parents):
            return
        stored = jax.device_get(stored_levels(runner))
        assert stored is not None
        num_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(stored.levels))
        self._has_parents = stored.parents is not None and num_bytes <= LARGE_BUFFER
        if not stored.filled.any():
            return
        if self._has_parents:
            self._meet(stored, ledger)
        if is_time:
            looks.append(look_at(stored, ledger))

    def _meet(self, stored: StoredLevels, ledger: Ledger) -> None:
        filled = np.asarray(stored.filled)
        known = (stored.fingerprints, stored.parents, stored.num_mutations, stored.scores)
        prints, parents, num_mutations, scores = (np.asarray(array)[filled] for array in known)
        now = Family(
            as_64_bits(prints),
            as_64_bits(parents),
            np.full(len(prints), ledger.cycle),
            num_mutations,
            [array[filled] for array in packed(stored.levels)],
        )
        self._record.family = self._record.family.meet(now, scores)

    def _look_at_proposal(self, runner: Runner, ledger: Ledger) -> Look:
        key = jax.random.fold_in(jax.random.key(self._seed), RECORD_STREAM)
        levels = proposed_levels(runner, key=jax.random.fold_in(key, ledger.cycle))
        shown = [array[:NUM_SHOWN] for array in packed(jax.device_get(levels))]
        return Look(ledger.cycle, ledger.updates, ledger.env_steps, shown, {})


def look_at(stored: StoredLevels, ledger: Ledger) -> Look:
    """A look at stored levels, which are NumPy arrays."""
    filled = np.asarray(stored.filled)
    values = stored.chances if stored.scores is None else stored.scores
    slots = np.flatnonzero(filled)
    best = slots[np.argsort(-np.asarray(values)[slots], kind="stable")][:NUM_SHOWN]

    def of_best(name: str) -> Any:
        array = getattr(stored, name)
        if array is None:
            return None
        return (as_64_bits(array) if name == "fingerprints" else np.asarray(array))[best]

    known = {name: array for name in OF_LEVELS if (array := of_best(name)) is not None}
    ranks, shares, num_half, entropy = spread_of(np.asarray(stored.chances)[filled])
    return Look(
        *(ledger.cycle, ledger.updates, ledger.env_steps),
        [array[best] for array in packed(stored.levels)],
        known,
        num_stored=len(slots),
        capacity=filled.size,
        needed=None if stored.needed is None else int(stored.needed),
        ranks=ranks,
        shares=shares,
        num_half=num_half,
        entropy=entropy,
    )
