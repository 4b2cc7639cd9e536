"""Which kinds of level a cycle of level replay plays, and how they are laid out."""

import abc
import functools
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from .._ranges import check_between
from .._types import Level, PyTree, Scalar, State
from .._xla._filtered import filter_switch
from ._curriculum import Proposal
from ._kinds import Kind
from ._stock import Stock


class ReplayMemory(eqx.Module):
    """What level replay wants to know of its proposal afterwards; a schedule gives it as the
    proposal's memory."""

    kinds: Int[Array, " level"]
    num_mutations: Int[Array, " level"]
    parents: UInt32[Array, "level 2"]  # fingerprints of what levels were edited from, 0 of nothing
    source: PyTree  # what the source of new levels wants back; None if not all levels are new


class AbstractSchedule(eqx.Module, Generic[State]):
    """Decides which kinds of level each cycle plays: new, replayed or mutated ones."""

    @property
    @abc.abstractmethod
    def replays(self) -> bool:
        """False if it is known that no cycle ever replays."""

    @abc.abstractmethod
    def num_kinds_at_once(self, kinds: tuple[Kind, ...]) -> int:
        """How many kinds of level a cycle plays side by side, if those are all there are."""

    @abc.abstractmethod
    def init(self, stock: Stock) -> State:
        """The first state. Raise `ValueError` if you can't schedule what is in stock."""

    @abc.abstractmethod
    def propose(
        self, state: State, stock: Stock, *, key: Key[Array, ""]
    ) -> tuple[Int[Array, " capacity"], Proposal]:
        """The ages in the level buffer from now on, and the levels of the next cycle.

        The proposal's memory is a `ReplayMemory`. `proposal_of` makes the proposal.
        """

    @abc.abstractmethod
    def learn(
        self,
        state: State,
        stock: Stock,
        proposal: Proposal,
        scores: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> State:
        """The state after a cycle, in which the proposal's levels had these scores: minus infinity
        where nobody finished an episode."""


def proposal_of(
    stock: Stock[Level],
    levels: Level,
    memory: ReplayMemory,
    *,
    first_kinds: tuple[Kind, ...],
    num_update_levels: int | None,
) -> Proposal[Level]:
    """A proposal from which students learn if they learn from the kind of its first level, which is
    one of `first_kinds`."""
    learns = [kind for kind in first_kinds if kind in stock.learned_from]
    update_students = None
    if len(learns) < len(first_kinds):
        is_one = [memory.kinds[0] == kind for kind in learns]
        update_students = functools.reduce(jnp.logical_or, is_one, jnp.zeros((), bool))
    return Proposal(
        levels,
        update_students=update_students,
        num_update_levels=num_update_levels,
        groups={kind.label: memory.kinds == kind for kind in stock.kinds},
        memory=memory,
    )


class Mutants(eqx.Module, Generic[Level]):
    """Mutated levels that wait for a cycle of their own; they are stale unless `waiting`."""

    levels: Level  # leading axis: level
    num_mutations: Int[Array, " level"]
    parents: UInt32[Array, "level 2"]  # their fingerprints
    waiting: Bool[Array, ""]


class Sequential(AbstractSchedule[Mutants | None]):
    """A cycle plays levels of one kind.

    A cycle that replayed is followed by one that plays mutants of what it replayed, if there is a
    mutator. Any other is a matter of chance.
    """

    replay_prob: Scalar = 0.5
    """Chance that a cycle replays rather than plays new levels, once enough levels are stored."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "replay_prob")

    @property
    def replays(self) -> bool:
        return isinstance(self.replay_prob, Tracer) or bool(np.any(self.replay_prob > 0))

    def num_kinds_at_once(self, kinds: tuple[Kind, ...]) -> int:
        return 1

    def init(self, stock: Stock) -> Mutants | None:
        if stock.mutator is None:
            return None
        size, level = stock.num_levels, stock.buffer.level_spec()
        return Mutants(
            jax.tree.map(lambda s: jnp.zeros((size, *s.shape), s.dtype), level),
            stock.no_mutations(size),
            stock.no_parents(size),
            jnp.zeros((), bool),
        )

    def propose(
        self, state: Mutants | None, stock: Stock, *, key: Key[Array, ""]
    ) -> tuple[Int[Array, " capacity"], Proposal]:
        choose_key, new_key, replay_key = jax.random.split(key, 3)
        replay = stock.can_replay() & jax.random.bernoulli(choose_key, self.replay_prob)
        kind = jnp.where(replay, jnp.int32(Kind.REPLAYED), jnp.int32(Kind.NEW))
        size, buffer = stock.num_levels, stock.buffer

        def new():
            levels, source_memory = stock.make(size, key=new_key)
            history = (stock.no_mutations(size), stock.no_parents(size))
            return stock.ages_without_draws(), levels, history, source_memory

        def nothing_made():
            return jax.tree.map(
                lambda s: jnp.zeros(s.shape, s.dtype) if _is_spec(s) else s,
                eqx.filter_eval_shape(new)[-1],
            )

        def replayed():
            ages, slots = stock.draw(key=replay_key)
            return ages, buffer.at(slots), buffer.history_at(slots), nothing_made()

        def mutated():
            assert state is not None
            return buffer.ages, state.levels, (state.num_mutations, state.parents), nothing_made()

        branches = [new, replayed]
        if state is not None:
            kind = jnp.where(state.waiting, jnp.int32(Kind.MUTATED), kind)
            branches.append(mutated)
        ages, levels, (num_mutations, parents), source_memory = filter_switch(kind, branches)
        kinds = jnp.broadcast_to(kind, (size,))
        memory = ReplayMemory(kinds, num_mutations, parents, source_memory)
        return ages, proposal_of(
            stock, levels, memory, first_kinds=stock.kinds, num_update_levels=None
        )

    def learn(
        self,
        state: Mutants | None,
        stock: Stock,
        proposal: Proposal,
        scores: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> Mutants | None:
        if state is None:
            return None
        memory = proposal.memory
        return jax.lax.cond(
            memory.kinds[0] == Kind.REPLAYED,
            lambda: Mutants(
                *stock.mutate(proposal.levels, scores, memory.num_mutations, key=key),
                jnp.ones((), bool),
            ),
            lambda: Mutants(state.levels, state.num_mutations, state.parents, jnp.zeros((), bool)),
        )


class SideBySide(AbstractSchedule[None]):
    """Every cycle plays all kinds of level side by side, the same number of each.

    Those that the students learn from come first. Mutants are of levels that are replayed in the
    same cycle. Until there is something to replay all are new.
    """

    @property
    def replays(self) -> bool:
        return True

    def num_kinds_at_once(self, kinds: tuple[Kind, ...]) -> int:
        return len(kinds)

    def init(self, stock: Stock) -> None:
        _refuse_what_learns(stock, None)

    def propose(
        self, state: None, stock: Stock, *, key: Key[Array, ""]
    ) -> tuple[Int[Array, " capacity"], Proposal]:
        new_key, replay_key, mutate_key = jax.random.split(key, 3)
        size, buffer = stock.num_levels, stock.buffer
        in_order = [kind for kind in _IN_ORDER if kind in stock.kinds]
        layout = sorted(in_order, key=lambda kind: kind not in stock.learned_from)
        num_levels = size * len(layout)
        fresh, source_memory = stock.make(num_levels, key=new_key)
        _refuse_what_learns(stock, source_memory)

        def all_new():
            kinds = jnp.full(num_levels, Kind.NEW, jnp.int32)
            history = (stock.no_mutations(num_levels), stock.no_parents(num_levels))
            return stock.ages_without_draws(), fresh, history, kinds

        def replay():
            ages, slots = stock.draw(key=replay_key)
            replayed, history = buffer.at(slots), buffer.history_at(slots)
            new = jax.tree.map(lambda leaf: leaf[:size], fresh)
            batches = {
                Kind.REPLAYED: (replayed, *history),
                Kind.NEW: (new, stock.no_mutations(size), stock.no_parents(size)),
            }
            if stock.mutator is not None:
                batches[Kind.MUTATED] = stock.mutate(
                    replayed, buffer.scores[slots], history[0], key=mutate_key
                )
            joined, *history = jax.tree.map(
                lambda *leaves: jnp.concatenate(leaves), *[batches[kind] for kind in layout]
            )
            kinds = jnp.repeat(jnp.array(layout, jnp.int32), size)
            return ages, joined, tuple(history), kinds

        ages, levels, (num_mutations, parents), kinds = jax.lax.cond(
            stock.can_replay(), replay, all_new
        )
        num_learned = sum(kind in stock.learned_from for kind in layout)
        return ages, proposal_of(
            stock,
            levels,
            ReplayMemory(kinds, num_mutations, parents, None),
            first_kinds=tuple(dict.fromkeys((Kind.NEW, layout[0]))),
            num_update_levels=size * num_learned,
        )

    def learn(
        self,
        state: None,
        stock: Stock,
        proposal: Proposal,
        scores: Float[Array, " level"],
        *,
        key: Key[Array, ""],
    ) -> None:
        return None


_IN_ORDER = (Kind.REPLAYED, Kind.NEW, Kind.MUTATED)


def _refuse_what_learns(stock: Stock, source_memory: PyTree) -> None:
    if jax.tree.leaves((stock.source_state, source_memory)):
        raise ValueError(
            f"LevelReplay.generator is a {type(stock.source).__name__}, which learns from cycles "
            "of new levels only, and with the schedule SideBySide() there are none; use "
            "Sequential()."
        )


def _is_spec(leaf: PyTree) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)
