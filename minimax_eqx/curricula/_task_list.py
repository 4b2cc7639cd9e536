"""A finite list of tasks, some of which are held back for tests."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Int, UInt32

from .._fingerprint import fingerprints, is_held_back
from .._types import Level, PyTree
from ..envs import AbstractLevelGenerator
from ._fit import check_makes_levels


class TaskList(eqx.Module, Generic[Level]):
    """All levels that a generator can draw, and which of them are held back."""

    levels: Level
    names: tuple[str, ...] = eqx.field(static=True)
    held_back: Bool[Array, " task"]
    fingerprints: UInt32[Array, "task 2"]

    @classmethod
    def of(
        cls,
        generator: AbstractLevelGenerator[Level],
        level: PyTree[jax.ShapeDtypeStruct],
        test_share: float,
    ) -> "TaskList[Level]":
        """The list of a generator, of which that share is held back.

        A task's side depends on its own content alone. Raises `ValueError` for a generator that has
        no list, and if no task is left.
        """
        check_makes_levels(generator, level)
        listed = generator.list_levels(level)
        if listed is None:
            raise ValueError(
                f"FixedTasks.generator is {type(generator).__name__}, which has no list of "
                "levels; take the levels of a file (level-file), or a few of it (few-levels)."
            )
        names, levels = listed[0], jax.tree.map(jnp.asarray, listed[1])
        held_back = jax.vmap(lambda level: is_held_back(level, test_share))(levels)
        if not isinstance(held_back, Tracer) and jnp.all(held_back):
            raise ValueError(
                f"All {len(names)} tasks of FixedTasks are held back with test_share={test_share}; "
                "lower it."
            )
        return cls(levels, names, held_back, fingerprints(levels))

    def at(self, tasks: Int[Array, " n"]) -> Level:
        """The levels of those tasks."""
        return jax.tree.map(lambda leaf: leaf[tasks], self.levels)

    def num_held_back(self, levels: Level) -> Int[Array, ""]:
        """How many of these levels (leading axis `level`) are equal to one that is held back."""
        equal = jnp.all(fingerprints(levels)[:, None] == self.fingerprints[None], axis=-1)
        return jnp.sum(jnp.any(equal & self.held_back[None], axis=1), dtype=jnp.int32)
