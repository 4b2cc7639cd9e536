"""The levels that a run on disk keeps."""

import jax
import numpy as np

from .._composition._user_code import load_user_code
from .._folder._best import NEWEST
from ..curricula._stored import StoredLevels
from ..envs import AbstractEnv
from ..experiment._train import load
from ..runners._looking import proposed_levels, stored_levels
from ._levels import Levels, unseen_levels

_STREAM = 1_000_151
_WHAT = {
    "best": "highest scores first",
    "newest": "drawn or stored last first",
    "all": "all that it keeps, highest scores first",
}


def levels_of_run(
    run: str,
    which: str,
    num_levels: int,
    *,
    checkpoint: str = NEWEST,
    seed: int = 0,
    file: str | None = None,
) -> tuple[Levels, str]:
    """The levels that a run keeps, or would propose if it keeps none, and what they are."""
    code = load_user_code(file) if file else None
    experiment, runner = load(run, checkpoint=checkpoint, code=code)
    key = jax.random.fold_in(jax.random.key(seed), _STREAM)
    if which == "unseen":
        found = unseen_levels(experiment, num_levels, key)
        return found, "levels of the kind that it trains on"
    stored = stored_levels(runner)
    if stored is None:
        levels = jax.device_get(proposed_levels(runner, key=key))
        count = len(jax.tree.leaves(levels)[0])
        found = Levels(experiment.env, levels, tuple(map(str, range(count))))
        kept = count if which == "all" else min(count, num_levels)
        return found.part(range(kept)), "its curriculum keeps none, and would propose these"
    if not bool(jax.device_get(stored.filled).any()):
        raise ValueError(
            f"The level buffer of {run} is empty at cycle {int(runner.num_cycles)}: take a later "
            "checkpoint, or --which unseen."
        )
    return kept_levels(experiment.env, stored, which, num_levels), _WHAT[which]


def kept_levels(env: AbstractEnv, stored: StoredLevels, which: str, num_levels: int) -> Levels:
    """Some of the levels that a curriculum keeps, in order, with what it knows of each."""
    stored = jax.device_get(stored)
    slots = np.flatnonzero(stored.filled)
    slots = slots[_order(stored, which)[slots].argsort(kind="stable")]
    slots = slots if which == "all" else slots[:num_levels]
    levels = jax.tree.map(lambda leaf: np.asarray(leaf)[slots], stored.levels)
    notes = tuple(_note(stored, slot) for slot in slots)
    return Levels(env, levels, tuple(str(i) for i in range(1, len(slots) + 1)), notes)


def _order(stored: StoredLevels, which: str) -> np.ndarray:
    """What levels are sorted by, lowest first."""
    if which == "newest" and stored.ages is not None:
        return np.asarray(stored.ages, float)
    scores = stored.chances if stored.scores is None else stored.scores
    return -np.asarray(scores, float)


def _note(stored: StoredLevels, slot: int) -> str:
    """What a curriculum knows of a level, in words."""
    words = []
    if stored.scores is not None:
        words.append(f"score {float(stored.scores[slot]):.4g}")
    if stored.ages is not None:
        words.append(f"age {int(stored.ages[slot])}")
    if stored.num_mutations is not None:
        words.append(f"{int(stored.num_mutations[slot])} mutations")
    if stored.success_rates is not None and stored.success_rates[slot] >= 0:
        words.append(f"solved {float(stored.success_rates[slot]):.0%}")
    return ", ".join(words)
