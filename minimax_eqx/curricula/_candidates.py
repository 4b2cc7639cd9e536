"""What a search tries: new levels, or also what the search before it left."""

import abc
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from .._ranges import check_between
from .._types import Level, PyTree, State
from .._xla._filtered import filter_cond
from ..envs import AbstractLevelMutator
from ._chances import draw_each
from ._fit import check_edits_levels
from ._level_buffer import LevelBuffer
from ._select import select


class AbstractCandidates(eqx.Module, Generic[Level, State]):
    """Says which levels a search tries, of new ones and of those that it remembers."""

    @abc.abstractmethod
    def init(self, level: PyTree[jax.ShapeDtypeStruct], buffer: LevelBuffer) -> State:
        """The first state, for levels of that structure and a buffer without any.

        Raise `ValueError` here if you can't make such levels.
        """

    @abc.abstractmethod
    def choose(
        self, state: State, new: Level, places: Int[Array, " candidate"], *, key: Key[Array, ""]
    ) -> tuple[Level, dict[str, Bool[Array, " candidate"]]]:
        """The candidates of one cycle, and which are not new, by kind: `replayed`, and others.

        `places` count the candidates of a search. Of `new` there are at least as many levels.
        """

    @abc.abstractmethod
    def after(self, state: State, buffer: LevelBuffer, is_over: Bool[Array, ""]) -> State:
        """The state after a cycle that left such a buffer, and may have been a search's last."""


class NewLevels(AbstractCandidates[Level, None], Generic[Level]):
    """All candidates are new, as in the paper."""

    def init(self, level: PyTree[jax.ShapeDtypeStruct], buffer: LevelBuffer) -> None:
        return None

    def choose(
        self, state: None, new: Level, places: Int[Array, " candidate"], *, key: Key[Array, ""]
    ) -> tuple[Level, dict[str, Bool[Array, " candidate"]]]:
        return new, {}

    def after(self, state: None, buffer: LevelBuffer, is_over: Bool[Array, ""]) -> None:
        return None


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


class FromLastSearch(AbstractCandidates[Level, Kept[Level]], Generic[Level]):
    """Some candidates are levels that the last search kept, or edits of them.

    The levels kept come first, one to a slot, if they are carried over. Of all other places
    `mutant_share` are for mutants, if there is a mutator, spread evenly.
    """

    mutator: AbstractLevelMutator[Level] | None = None
    """How levels kept by the last search are edited to be candidates; without one none is."""
    # Not traced: without a share the program is another one.
    mutant_share: float = eqx.field(static=True, default=0.5)
    """Share of a search's candidates that are edits of levels kept by the last one."""
    carry_over: bool = True
    """Let the levels that the last search kept be candidates again: a level stays until it is
    learned."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "mutant_share")
        if self.mutator is None and not self.carry_over:
            raise ValueError(
                "FromLastSearch has no mutator and carry_over=False, so all candidates would be "
                "new; give one of the two, or leave candidates out, which is new-levels."
            )

    def init(self, level: PyTree[jax.ShapeDtypeStruct], buffer: LevelBuffer) -> Kept[Level]:
        if self.mutator is not None:
            check_edits_levels(self.mutator, level)
        return Kept.of(buffer)

    def choose(
        self,
        state: Kept[Level],
        new: Level,
        places: Int[Array, " candidate"],
        *,
        key: Key[Array, ""],
    ) -> tuple[Level, dict[str, Bool[Array, " candidate"]]]:
        candidates, kinds = jax.tree.map(lambda leaf: leaf[: places.size], new), {}
        if self.mutator is not None:
            mutated = _is_of_share(places, self.mutant_share) & jnp.any(state.filled)
            mutants = _mutants(self.mutator, state, places.size, key=key)
            candidates, kinds = select(mutated, mutants, candidates), {"mutated": mutated}
        carried = jnp.zeros(places.shape, bool)
        if self.carry_over:
            slots = jnp.minimum(places, state.filled.size - 1)
            carried = (places < state.filled.size) & state.filled[slots]
            candidates = select(carried, state.at(slots), candidates)
        others = {name: of_kind & ~carried for name, of_kind in kinds.items()}
        return candidates, {"replayed": carried, **others}

    def after(
        self, state: Kept[Level], buffer: LevelBuffer, is_over: Bool[Array, ""]
    ) -> Kept[Level]:
        return filter_cond(is_over, lambda _: Kept.of(buffer), lambda kept: kept, state)


def _mutants(
    mutator: AbstractLevelMutator[Level], kept: Kept[Level], number: int, *, key: Key[Array, ""]
) -> Level:
    """Edits of that many levels, drawn uniformly; of no level if there is none."""
    draw_keys, edit_keys = jax.random.split(key, (2, number))
    chances = kept.filled.astype(jnp.float32)
    parents = kept.at(draw_each(chances, draw_keys))
    return jax.vmap(lambda level, key: mutator.mutate(level, key=key))(parents, edit_keys)


def _is_of_share(places: Int[Array, " n"], share: float) -> Bool[Array, " n"]:
    """Whether a place is one of that share of all places, which are spread evenly."""
    # Single precision is exact for so many places, and for a share of a thousandth.
    exact = places.astype(jnp.float32)
    return jnp.floor((exact + 1) * share + 1e-4) > jnp.floor(exact * share + 1e-4)
