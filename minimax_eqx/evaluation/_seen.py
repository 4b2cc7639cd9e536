"""Whether students were trained on the levels that they are tested on, as far as a run knows."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import UInt32

from ..envs import AbstractEnv, AbstractLevelGenerator
from ..runners._looking import stored_levels
from ..runners._runner import Runner
from ._panels import Played, fingerprints_of


def known_levels(runner: Runner) -> dict[str, UInt32[np.ndarray, "level 2"]]:
    """The fingerprints of the levels of training that a runner knows, by where it has them from.

    Those are the levels in its buffers now, and its fixed tasks, or else all that the generators of
    its curriculum can draw, where they list them. Of levels that were proposed and not kept, and of
    those that left a buffer, it knows nothing.
    """
    found: dict[str, list[np.ndarray]] = {}
    stored = stored_levels(runner)
    if stored is not None:
        place = "fixed tasks" if stored.are_all else "level buffer"
        found[place] = [np.asarray(stored.fingerprints)[np.asarray(stored.filled)]]
    # A list that fixed tasks are made of has those that are held back, too.
    lists_all = stored is None or not stored.are_all
    for generator in _generators(runner.experiment.curriculum) if lists_all else []:
        listed = generator.list_levels(runner.experiment.env.level_spec())
        if listed is not None:
            found.setdefault("listed levels", []).append(fingerprints_of(listed[1]))
    return {name: np.unique(np.concatenate(prints), axis=0) for name, prints in found.items()}


def num_seen(
    played: Played,
    env: AbstractEnv,
    trained_in: AbstractEnv,
    known: Mapping[str, UInt32[np.ndarray, "level 2"]],
) -> int | None:
    """How many levels of a test are among the known ones of training; None if nothing is known, or
    if the test's levels are of another form, as mazes of another size are."""
    if not known or not eqx.tree_equal(env.level_spec(), trained_in.level_spec()):
        return None
    trained = {row.tobytes() for prints in known.values() for row in prints}
    return len({row.tobytes() for row in played.fingerprints} & trained)


def _generators(tree: Any) -> list[AbstractLevelGenerator]:
    def is_one(node):
        return isinstance(node, AbstractLevelGenerator)

    return [node for node in jax.tree.leaves(tree, is_leaf=is_one) if is_one(node)]
