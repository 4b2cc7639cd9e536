"""Levels that were made beforehand, as a generator."""

from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Key

from .._types import Level, PyTree
from ._env import AbstractLevelGenerator


class FixedLevels(AbstractLevelGenerator[Level], Generic[Level]):
    """Draws uniformly from given levels; always the same one if there is just one.

    `levels` is one level whose arrays all have a leading axis `level`, of length at least 1: what
    `jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)` makes of several.

    Raises `ValueError` if the arrays do not share such an axis, and when it is to draw a level of
    another structure.
    """

    levels: Level
    """The levels to draw from."""

    def __check_init__(self) -> None:
        arrays = jax.tree.leaves(eqx.filter(self.levels, eqx.is_array_like))
        lengths = {array.shape[0] if array.ndim > 0 else 0 for array in arrays}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                "The arrays of FixedLevels.levels must have a leading axis of one length, at least "
                f"1, that counts the levels; theirs are {sorted(lengths)} (0 for a scalar). Put "
                "levels together with jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)."
            )

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Level:
        self._check_structure(level)
        index = jax.random.randint(key, (), 0, self.count_levels(level))
        return jax.tree.map(lambda leaves: leaves[index], self.levels)

    def count_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> int:
        del level
        return jax.tree.leaves(self.levels)[0].shape[0]

    def list_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> tuple[tuple[str, ...], Level]:
        self._check_structure(level)
        return tuple(str(i) for i in range(self.count_levels(level))), self.levels

    def _check_structure(self, level: PyTree[jax.ShapeDtypeStruct]) -> None:
        held, wanted = jax.tree.structure(self.levels), jax.tree.structure(level)
        if held != wanted:
            raise ValueError(
                f"FixedLevels.levels are {held}, but the environment's levels are {wanted}. Use "
                "levels that were made for this environment."
            )
        paths = jax.tree_util.tree_leaves_with_path(self.levels)
        for (path, leaves), leaf in zip(paths, jax.tree.leaves(level), strict=True):
            if (leaves.shape[1:], leaves.dtype) != (leaf.shape, leaf.dtype):
                raise ValueError(
                    f"FixedLevels.levels{jax.tree_util.keystr(path)} has shape {leaves.shape[1:]} "
                    f"and dtype {leaves.dtype} for each level, but the environment's levels have "
                    f"shape {leaf.shape} and dtype {leaf.dtype}. Use levels of the environment's "
                    "size, or an environment of theirs."
                )
