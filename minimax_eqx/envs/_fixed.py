"""Levels that were made beforehand, as a generator."""

from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Key

from .._types import Level
from ._env import AbstractLevelGenerator


class FixedLevels(AbstractLevelGenerator[Level], Generic[Level]):
    """Draws uniformly from given levels; always the same one if there is just one.

    `levels` is one level whose arrays all have a leading axis `level`, of length at least 1 (for
    mazes, `stack_levels` makes one). Raises `ValueError` if the arrays do not share such an axis.
    """

    levels: Level

    def __check_init__(self) -> None:
        arrays = jax.tree.leaves(eqx.filter(self.levels, eqx.is_array_like))
        lengths = {array.shape[0] if array.ndim > 0 else 0 for array in arrays}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                "The arrays of FixedLevels.levels must have a leading axis of one length, at least "
                f"1, that counts the levels; theirs are {sorted(lengths)} (0 for a scalar). Put "
                "levels together with stack_levels."
            )

    def sample(self, key: Key[Array, ""]) -> Level:
        num_levels = jax.tree.leaves(self.levels)[0].shape[0]
        index = jax.random.randint(key, (), 0, num_levels)
        return jax.tree.map(lambda leaves: leaves[index], self.levels)
