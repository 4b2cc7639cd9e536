"""Curricula that search: cycles without update score levels, and later cycles train on them."""

import abc
import functools
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._metrics import Metrics, join_metrics
from .._types import Level, PyTree, State
from .._xla._filtered import filter_cond
from ..rollouts import Evidence
from ..scores import AbstractScore
from ._admission import first_lowest
from ._curriculum import AbstractCurriculum, Proposal
from ._keys import key_aside
from ._level_buffer import LevelBuffer
from ._notes import Told
from ._repetitions import cycles_to_play, init_repeated, score_repeated
from ._scoring import named_metrics, not_scored
from ._spent import Spent
from ._stored import StoredLevels


class Found(eqx.Module, Generic[Level]):
    """What one cycle of a search played, each level once."""

    levels: Level
    scores: Float[Array, " candidate"]
    told: Told

    def at(self, places: Int[Array, " candidate"]) -> "Found[Level]":
        """The same in another order."""
        levels = jax.tree.map(lambda leaf: leaf[places], self.levels)
        return Found(levels, self.scores[places], self.told.at(places))

    def into(self, buffer: LevelBuffer[Level, None]) -> LevelBuffer[Level, None]:
        """The buffer after it was offered them: a full one keeps the highest scores."""
        lowest = lambda slots, ranks: first_lowest(slots.scores)  # noqa: E731
        return buffer.update(self.levels, self.scores, opponent=lowest, told=self.told)


class SearchState(eqx.Module, Generic[Level, State]):
    """What a search has found, and how far the period is."""

    buffer: LevelBuffer[Level, None]
    score: PyTree
    phase: Int[Array, ""]  # cycles since the period began
    own: State  # what else the method remembers


class AbstractSearch(AbstractCurriculum[Level, SearchState[Level, State]], Generic[Level, State]):
    """A curriculum that goes in periods: cycles that only score levels, then cycles that train.

    In the cycles of a search each candidate is played in `num_plays` plays side by side, the
    students do not learn, and a buffer keeps what is good. You say how many candidates there are,
    what is played in each cycle, what the buffer makes of it, and how likely each of its levels is.
    `begin` is called once; in every cycle `choose` comes before the plays and `after` comes after
    them, and in the cycles of a search `keep` comes between the two.
    """

    generator: eqx.AbstractVar[Any]  # first, as in what derives from this: checkers go by the order
    """What new levels come from."""
    score: eqx.AbstractVar[AbstractScore]
    """What says how good a level is."""
    num_levels: eqx.AbstractVar[int]
    """Levels of a cycle that trains."""
    num_plays: eqx.AbstractVar[int]
    """Plays of each candidate, side by side."""
    capacity: eqx.AbstractVar[int]
    """Levels that the buffer has room for."""
    num_training_cycles: eqx.AbstractVar[int]
    """Cycles that train, after each search."""

    @property
    @abc.abstractmethod
    def num_scored(self) -> int:
        """How many levels a search scores, or a few more, to fill its last cycle."""

    @abc.abstractmethod
    def begin(
        self, evidence: Evidence, buffer: LevelBuffer[Level, None], *, key: Key[Array, ""]
    ) -> State:
        """What you remember at first, beside that buffer without levels."""

    @abc.abstractmethod
    def choose(
        self, state: SearchState[Level, State], *, key: Key[Array, ""]
    ) -> tuple[Level, dict[str, Bool[Array, " level"]]]:
        """The levels of a cycle, and by kind which of them are not new: `replayed`, and others."""

    @abc.abstractmethod
    def keep(
        self,
        state: SearchState[Level, State],
        proposal: Proposal[Level],
        buffer: LevelBuffer[Level, None],
        found: Found[Level],
    ) -> LevelBuffer[Level, None]:
        """That buffer after a cycle of a search in which this was found.

        It is the one of `state`, which you should not read here: it would be copied.
        """

    @abc.abstractmethod
    def chances(self, state: SearchState[Level, State]) -> Float[Array, " capacity"]:
        """How likely each slot is to be the next one that is replayed."""

    @abc.abstractmethod
    def after(
        self,
        state: SearchState[Level, State],
        buffer: LevelBuffer[Level, None],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[State, Metrics]:
        """What you remember after any cycle, which began with `state` and left that buffer."""

    @property
    def levels_per_cycle(self) -> int:
        return self.num_levels

    @property
    def num_search_cycles(self) -> int:
        """How many cycles a search takes."""
        return cycles_to_play(self.num_scored, self.num_plays, self.num_levels)

    @property
    def num_period_cycles(self) -> int:
        """How many cycles a period has."""
        return self.num_search_cycles + self.num_training_cycles

    def is_searching(self, state: SearchState[Level, State]) -> Bool[Array, ""]:
        """Whether the next cycle is one of a search."""
        return state.phase < self.num_search_cycles

    @property
    def num_at_once(self) -> int:
        """How many candidates a cycle of a search plays."""
        return self.num_levels // self.num_plays

    def places(self, state: SearchState[Level, State]) -> Int[Array, " candidate"]:
        """The numbers of a cycle's candidates in the order of the search."""
        return state.phase * self.num_at_once + jnp.arange(self.num_at_once, dtype=jnp.int32)

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> SearchState[Level, State]:
        buffer = LevelBuffer.empty(evidence.level_spec(), self.capacity)
        own = self.begin(evidence, buffer, key=key_aside(key))
        score = init_repeated(type(self).__name__, self.score, evidence, self.num_plays, key=key)
        return SearchState(buffer, score, jnp.zeros((), jnp.int32), own)

    def propose(
        self, state: SearchState[Level, State], *, key: Key[Array, ""]
    ) -> tuple[SearchState[Level, State], Proposal[Level]]:
        levels, groups = self.choose(state, key=key)
        new = ~functools.reduce(jnp.logical_or, groups.values())
        updates = ~self.is_searching(state)
        return state, Proposal(levels, update_students=updates, groups={"new": new, **groups})

    def learn(
        self,
        state: SearchState[Level, State],
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[SearchState[Level, State], Metrics]:
        def search(known):
            buffer, score, _ = known
            levels, scores, told, score = score_repeated(
                self.score, score, evidence, proposal.levels, self.num_plays
            )
            buffer = self.keep(state, proposal, buffer, Found(levels, scores, told))
            return buffer, score, not_scored(scores)

        searching = self.is_searching(state)
        known = (state.buffer, state.score, {"not_scored": jnp.zeros((), jnp.float32)})
        buffer, score, failures = filter_cond(searching, search, lambda known: known, known)
        own, measured = self.after(state, buffer, evidence, key=key)
        phase = (state.phase + 1) % self.num_period_cycles
        of_buffer = {
            "buffer_fill_ratio": buffer.fill_ratio,
            "buffer_mean_score": buffer.mean_score,
            "searching": searching.astype(jnp.float32),
            **failures,
        }
        of_score = named_metrics("score", self.score, score)
        metrics = join_metrics(
            [
                ("every search", of_buffer),
                (type(self).__name__, measured),
                (f"the score {type(self.score).__name__}", of_score),
            ]
        )
        return SearchState(buffer, score, phase, own), metrics

    def spent(
        self, level: PyTree[jax.ShapeDtypeStruct], *, num_cycles: int, num_updated: int
    ) -> Spent:
        del level
        return Spent.in_search(self.num_levels, num_cycles, num_updated)

    def stored(self, state: SearchState[Level, State]) -> StoredLevels[Level]:
        chances = self.chances(state)
        return StoredLevels.of(state.buffer, chances, by_score=chances)
