"""The same few levels in every run."""

from typing import Generic

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from .._ranges import check_at_least
from .._types import Level, PyTree
from ._env import AbstractLevelGenerator


class FewLevels(AbstractLevelGenerator[Level], Generic[Level]):
    """Draws from a fixed number of levels that another generator made.

    For example, `FewLevels(RandomWalls(), 200)` is 200 random mazes, the same ones in every run and
    on every machine. To train on few levels and test on many is how one measures generalisation.
    """

    drawn_from: AbstractLevelGenerator[Level]
    """What makes the levels."""
    num_different: int = 200
    """How many levels there are; some may be equal if the generator repeats itself."""
    first: int = 0
    """Which levels: those from this number on. More of them keep those that there were."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_different")
        check_at_least(self, 0, "first")

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Level:
        return self._level(level, jax.random.randint(key, (), 0, self.num_different))

    def count_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> int:
        return self.num_different

    def list_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> tuple[tuple[str, ...], Level]:
        numbers = jnp.arange(self.num_different)
        levels = jax.vmap(lambda number: self._level(level, number))(numbers)
        return tuple(str(self.first + i) for i in range(self.num_different)), levels

    def _level(self, level: PyTree[jax.ShapeDtypeStruct], number: Int[Array, ""]) -> Level:
        # A stream of its own, which no run draws from.
        key = jax.random.fold_in(jax.random.key(_STREAM), self.first + number)
        return self.drawn_from.sample(level, key=key)


_STREAM = 2_000_003
