"""Whether students were trained on the levels that they are tested on, as far as a run knows."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import UInt32

from ..curricula._fixed_tasks import FixedTasksState
from ..curricula._level_buffer import LevelBuffer
from ..envs import AbstractEnv, AbstractLevelGenerator
from ..runners._runner import Runner
from ._panels import Played, fingerprints_of


def known_levels(runner: Runner) -> dict[str, UInt32[np.ndarray, "level 2"]]:
    """The fingerprints of the levels of training that a runner knows, by where it has them from.

    Those are the levels in its buffers now, and its fixed tasks, or else all that the generators of
    its curriculum can draw, where they list them. Of levels that were proposed and not kept, and of
    those that left a buffer, it knows nothing.
    """
    found: dict[str, list[np.ndarray]] = {}
    for part in _parts(runner.curriculum_state, (LevelBuffer, FixedTasksState)):
        prints = np.asarray(part.fingerprints)
        if isinstance(part, LevelBuffer):
            found.setdefault("level buffer", []).append(prints[np.asarray(part.filled)])
        else:
            found.setdefault("fixed tasks", []).append(prints[~np.asarray(part.held_back)])
    # A list that fixed tasks are made of has those that are held back, too.
    curriculum = None if "fixed tasks" in found else runner.experiment.curriculum
    for generator in _parts(curriculum, (AbstractLevelGenerator,)):
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


def _parts(tree: Any, kinds: tuple[type, ...]) -> list[Any]:
    def is_one(node):
        return isinstance(node, kinds)

    return [node for node in jax.tree.leaves(tree, is_leaf=is_one) if is_one(node)]
