"""Sampling for learnability: a periodic search for levels that are solved sometimes."""

import dataclasses
from fractions import Fraction
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from .._metrics import Metrics, join_metrics
from .._ranges import check_at_least, check_between
from .._types import Level, PyTree
from .._xla._filtered import filter_cond
from ..envs import AbstractLevelGenerator, AbstractLevelMutator
from ..rollouts import Evidence
from ..scores import AbstractScore, Learnability
from ._admission import first_lowest
from ._candidates import Candidates, Kept
from ._chances import chances_by_score, draw
from ._curriculum import AbstractCurriculum, Proposal
from ._fit import check_edits_levels, check_takes_scores
from ._keys import key_aside
from ._level_buffer import LevelBuffer
from ._level_source import AbstractWatcher, as_source, show
from ._prioritisation import AbstractWeights
from ._repetitions import check_repetitions, cycles_to_play, init_repeated, score_repeated
from ._scoring import named_metrics
from ._spent import Spent
from ._stored import StoredLevels


class SearchState(eqx.Module, Generic[Level]):
    """What a search has found, and how far the period is."""

    buffer: LevelBuffer[Level, None]
    score: PyTree
    phase: Int[Array, ""]  # cycles since the period began
    last: Kept[Level] | None  # what the search before it kept, if candidates come from that
    source: PyTree


class SamplingForLearnability(AbstractCurriculum[Level, SearchState], Generic[Level]):
    """Trains on the most learnable of many random levels, searched for again and again (SFL).

    Rutherford et al. 2024, arXiv 2408.15099, algorithm 1. A period begins with a search: cycles
    without update in which `num_candidates` random levels are played `num_plays` times each; the
    `capacity` best by `score` are kept. Then come `num_training_cycles` cycles with update, in
    which `replay_share` of the levels are drawn uniformly from those kept and the others are new.

    Three options are what followers do: candidates that are edits of the levels kept last time
    (`mutator`, with `mutant_share`), kept levels that are candidates again (`carry_over`), and kept
    levels that are drawn by their scores (`prioritisation`). None of them is in the paper.
    """

    generator: AbstractLevelGenerator[Level] | AbstractWatcher[Level, PyTree]
    """Where levels come from: a generator, or a source that learns from all that is played."""
    score: AbstractScore = Learnability()
    """What is searched for; a score without records."""
    num_levels: int = 32
    """How many levels, counted with their repetitions, each cycle plays."""
    num_candidates: int = 5000
    """How many levels a search tries, or a few more, to fill its last cycle."""
    num_plays: int = 4
    """How often a search plays each level side by side; a divisor of `num_levels`. Each trial of
    the runner multiplies it."""
    capacity: int = 1000
    """How many of the candidates are kept."""
    # Not traced: it decides how many levels there are.
    replay_share: float = eqx.field(static=True, default=0.5)
    """Share of a training cycle's levels that were kept by the search; at least one level."""
    num_training_cycles: int = 50
    """How many cycles with update there are from one search to the next."""
    mutator: AbstractLevelMutator[Level] | None = None
    """How levels kept by the last search are edited to be candidates; without one none is."""
    # Not traced: without a share the program is another one.
    mutant_share: float = eqx.field(static=True, default=0.5)
    """Share of a search's candidates that are edits of levels kept by the last one."""
    carry_over: bool = False
    """Let the levels that the last search kept be candidates again: a level stays until it is
    learned."""
    prioritisation: AbstractWeights | None = None
    """How scores of kept levels become chances; without one all kept levels are alike."""

    def __check_init__(self) -> None:
        check_repetitions(self)
        check_at_least(self, 1, "num_candidates", "capacity", "num_training_cycles")
        check_between(self, 0, 1, "replay_share", "mutant_share")
        name = type(self).__name__
        if self.prioritisation is not None:
            check_takes_scores(name, self.prioritisation, self.score)
        if self.capacity > self.num_candidates:
            raise ValueError(
                f"{name}.capacity is {self.capacity}, more than the num_candidates, "
                f"{self.num_candidates}."
            )
        if self.num_replayed == 0:
            raise ValueError(
                f"{name}.replay_share is {self.replay_share}; of {self.num_levels} levels that is "
                "none, so that nothing found would ever be played. Raise replay_share, or use "
                "DomainRandomisation, which does not search."
            )

    @property
    def levels_per_cycle(self) -> int:
        return self.num_levels

    @property
    def num_replayed(self) -> int:
        """How many levels of a training cycle were kept by the search."""
        # The share as it is written: 0.575 of 100 is 57.5 levels, and not a little less.
        return round(Fraction(str(self.replay_share)) * self.num_levels)

    @property
    def num_search_cycles(self) -> int:
        """How many cycles a search takes."""
        return cycles_to_play(self.num_candidates, self.num_plays, self.num_levels)

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> SearchState[Level]:
        level = evidence.level_spec()
        source = as_source(self.generator).init(level, key=key_aside(key))
        score = init_repeated(type(self).__name__, self.score, evidence, self.num_plays, key=key)
        buffer, last = LevelBuffer.empty(level, self.capacity), None
        if self.mutator is not None:
            check_edits_levels(self.mutator, level)
        if self.mutator is not None or self.carry_over:
            last = Kept.of(buffer)
        if self.prioritisation is not None:
            self.prioritisation.init(self.capacity)
        return SearchState(buffer, score, jnp.zeros((), jnp.int32), last, source)

    def propose(
        self, state: SearchState[Level], *, key: Key[Array, ""]
    ) -> tuple[SearchState[Level], Proposal[Level]]:
        buffer = state.buffer
        level_key, slot_key = jax.random.split(key)
        source = as_source(self.generator)
        levels, _ = source.draw(state.source, self.num_levels, key=level_key)
        searching = self._is_searching(state)
        num_kept = buffer.num_filled
        slots = self._draw(buffer, num_kept, key=slot_key)
        index = jnp.arange(self.num_levels, dtype=jnp.int32)
        replayed = (index < self.num_replayed) & (num_kept > 0) & ~searching
        repetitions = index // self.num_plays
        groups = {"new": ~replayed, "replayed": replayed}
        candidates = levels
        if state.last is not None:
            found = self._candidates(state, state.last, levels, key=key_aside(key))
            candidates = found.levels
            carried, mutated = (
                of_kind[repetitions] & searching for of_kind in (found.carried, found.mutated)
            )
            groups = {"new": ~(replayed | carried | mutated), "replayed": replayed | carried}
            if self.mutator is not None:
                groups["mutated"] = mutated

        def choose(generated, candidates, kept):
            searched = jnp.where(searching, candidates[repetitions], generated)
            mask = replayed.reshape(-1, *(1,) * (generated.ndim - 1))
            return jnp.where(mask, kept, searched)

        proposal = Proposal(
            jax.tree.map(choose, levels, candidates, buffer.at(slots)),
            update_students=~searching,
            groups=groups,
        )
        return state, proposal

    def spent(
        self, level: PyTree[jax.ShapeDtypeStruct], *, num_cycles: int, num_updated: int
    ) -> Spent:
        del level
        return Spent.in_search(self.num_levels, num_cycles, num_updated)

    def _draw(
        self, buffer: LevelBuffer, num_kept: Int[Array, ""], *, key: Key[Array, ""]
    ) -> Int[Array, " level"]:
        if self.prioritisation is None:
            return jax.random.randint(
                key, (self.num_levels,), 0, jnp.maximum(num_kept, 1), jnp.int32
            )
        weights = self.prioritisation.replay_weights(None, buffer)
        chances = chances_by_score(weights, buffer.filled)
        return jax.vmap(lambda key: draw(chances, key=key))(jax.random.split(key, self.num_levels))

    def _candidates(
        self, state: SearchState[Level], last: Kept[Level], new: Level, *, key: Key[Array, ""]
    ) -> Candidates[Level]:
        number = self.num_levels // self.num_plays
        return Candidates.of(
            jax.tree.map(lambda leaf: leaf[:number], new),
            state.phase * number + jnp.arange(number, dtype=jnp.int32),
            last,
            carry_over=self.carry_over,
            mutator=self.mutator,
            mutant_share=self.mutant_share,
            key=key,
        )

    def learn(
        self,
        state: SearchState[Level],
        proposal: Proposal[Level],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[SearchState[Level], Metrics]:
        def search(found):
            buffer, score = found
            candidates, scores, told, score = score_repeated(
                self.score, score, evidence, proposal.levels, self.num_plays
            )
            buffer = _cleared_if(buffer, state.phase == 0)
            # A full buffer then holds the highest scores that it was offered.
            lowest = lambda slots, ranks: first_lowest(slots.scores)  # noqa: E731
            return buffer.update(candidates, scores, opponent=lowest, told=told), score

        searching = self._is_searching(state)
        buffer, score = filter_cond(
            searching, search, lambda found: found, (state.buffer, state.score)
        )
        last = state.last
        if last is not None:
            is_over = state.phase == self.num_search_cycles - 1
            last = filter_cond(is_over, lambda _: Kept.of(buffer), lambda last: last, last)
        period = self.num_search_cycles + self.num_training_cycles
        own = {
            "buffer_fill_ratio": buffer.fill_ratio,
            "buffer_mean_score": buffer.mean_score,
            "searching": searching.astype(jnp.float32),
        }
        source, watched = show(as_source(self.generator), state.source, evidence, key=key)
        metrics = join_metrics(
            [
                (type(self).__name__, own),
                (f"the generator {type(self.generator).__name__}", watched),
                (
                    f"the score {type(self.score).__name__}",
                    named_metrics("score", self.score, score),
                ),
            ]
        )
        return SearchState(buffer, score, (state.phase + 1) % period, last, source), metrics

    def stored(self, state: SearchState[Level]) -> StoredLevels[Level]:
        buffer = state.buffer
        weights = jnp.ones(buffer.capacity)
        if self.prioritisation is not None:
            weights = self.prioritisation.replay_weights(None, buffer)
        chances = chances_by_score(weights, buffer.filled)
        return StoredLevels.of(buffer, chances, by_score=chances)

    def _is_searching(self, state: SearchState[Level]) -> Bool[Array, ""]:
        return state.phase < self.num_search_cycles


def _cleared_if(buffer: LevelBuffer, condition: Bool[Array, ""]) -> LevelBuffer:
    return dataclasses.replace(
        buffer,
        filled=buffer.filled & ~condition,
        scores=jnp.where(condition, -jnp.inf, buffer.scores),
    )
