"""Where the candidates of a search come from, besides a generator: the search before it."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from .._types import Level
from ..envs import AbstractLevelMutator
from ._chances import draw
from ._level_buffer import LevelBuffer


class Kept(eqx.Module, Generic[Level]):
    """The levels that the last search kept, while the next one is on its way."""

    levels: Level  # leading axis: capacity
    filled: Bool[Array, " capacity"]

    @classmethod
    def of(cls, buffer: LevelBuffer[Level, None]) -> "Kept[Level]":
        """Those of a buffer."""
        return cls(buffer.levels, buffer.filled)

    def at(self, slots: Int[Array, " n"]) -> Level:
        """The levels in `slots`."""
        return jax.tree.map(lambda leaf: leaf[slots], self.levels)

    def mutants(
        self, mutator: AbstractLevelMutator[Level], number: int, *, key: Key[Array, ""]
    ) -> Level:
        """Edits of that many levels, drawn uniformly; of no level if there is none."""
        draw_keys, edit_keys = jax.random.split(key, (2, number))
        chances = self.filled.astype(jnp.float32)
        parents = self.at(jax.vmap(lambda key: draw(chances, key=key))(draw_keys))
        return jax.vmap(lambda level, key: mutator.mutate(level, key=key))(parents, edit_keys)


class Candidates(eqx.Module, Generic[Level]):
    """The candidates of one cycle, each once."""

    levels: Level
    carried: Bool[Array, " candidate"]  # kept by the last search
    mutated: Bool[Array, " candidate"]  # edits of levels that were

    @classmethod
    def of(
        cls,
        new: Level,
        places: Int[Array, " candidate"],
        last: Kept[Level],
        *,
        carry_over: bool,
        mutator: AbstractLevelMutator[Level] | None,
        mutant_share: float,
        key: Key[Array, ""],
    ) -> "Candidates[Level]":
        """Instead of new levels perhaps others, by their places in a search.

        The levels kept come first, one to a slot, if they are carried over. Of all other places
        `mutant_share` are for mutants, if there is a mutator.
        """
        capacity = last.filled.size
        carried = mutated = jnp.zeros(places.shape, bool)
        if mutator is not None:
            mutated = _is_of_share(places, mutant_share) & jnp.any(last.filled)
            new = _choose(mutated, last.mutants(mutator, places.size, key=key), new)
        if carry_over:
            slots = jnp.minimum(places, capacity - 1)
            carried = (places < capacity) & last.filled[slots]
            new = _choose(carried, last.at(slots), new)
        return cls(new, carried, mutated & ~carried)


def _is_of_share(places: Int[Array, " n"], share: float) -> Bool[Array, " n"]:
    """Whether a place is one of that share of all places, which are spread evenly."""
    # Single precision is exact for so many places, and for a share of a thousandth.
    exact = places.astype(jnp.float32)
    return jnp.floor((exact + 1) * share + 1e-4) > jnp.floor(exact * share + 1e-4)


def _choose(where: Bool[Array, " n"], levels: Level, others: Level) -> Level:
    """Those of `levels` where it says so, and the others elsewhere."""

    def one(leaf, other):
        return jnp.where(where.reshape(-1, *(1,) * (leaf.ndim - 1)), leaf, other)

    return jax.tree.map(one, levels, others)
