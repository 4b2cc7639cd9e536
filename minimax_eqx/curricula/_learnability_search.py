"""Sampling for learnability: a periodic search for levels that are solved sometimes."""

from fractions import Fraction
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._metrics import Metrics
from .._types import Level, PyTree
from ..envs import AbstractLevelGenerator
from ..rollouts import Evidence
from ..scores import AbstractScore, Learnability
from ._candidates import AbstractCandidates, NewLevels
from ._chances import chances_by_score, draw_each
from ._curriculum import Proposal
from ._keys import key_aside
from ._level_buffer import LevelBuffer
from ._level_source import AbstractWatcher, as_source, show
from ._prioritisation import AbstractWeights
from ._repetitions import repeated_if
from ._search import AbstractSearch, Found, SearchState
from ._search_checks import check_can_search
from ._select import select


class Origins(eqx.Module):
    """The states of what levels come from, beside the buffer."""

    candidates: PyTree
    source: PyTree


class SamplingForLearnability(AbstractSearch[Level, Origins], Generic[Level]):
    """Trains on the most learnable of many random levels, searched for again and again (SFL).

    Rutherford et al. 2024, arXiv 2408.15099, algorithm 1. A period begins with a search: cycles
    without update in which `num_candidates` random levels are played `num_plays` times each; the
    `capacity` best by `score` are kept. Then come `num_training_cycles` cycles with update, in
    which `replay_share` of the levels are drawn uniformly from those kept and the others are new.

    Two options are what followers do: candidates that are kept levels again, or edits of them
    (`candidates`), and kept levels that are drawn by their scores (`prioritisation`). Neither is
    in the paper.
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
    candidates: AbstractCandidates = NewLevels()
    """Which levels a search tries: new ones, or also what the last search kept."""
    prioritisation: AbstractWeights | None = None
    """How scores of kept levels become chances; without one all kept levels are alike."""

    def __check_init__(self) -> None:
        check_can_search(self)

    @property
    def num_replayed(self) -> int:
        """How many levels of a training cycle were kept by the search."""
        # The share as it is written: 0.575 of 100 is 57.5 levels, and not a little less.
        return round(Fraction(str(self.replay_share)) * self.num_levels)

    @property
    def num_scored(self) -> int:
        return self.num_candidates

    def begin(self, evidence: Evidence, buffer: LevelBuffer, *, key: Key[Array, ""]) -> Origins:
        level = evidence.level_spec()
        source = as_source(self.generator).init(level, key=key)
        return Origins(self.candidates.init(level, buffer), source)

    def choose(
        self, state: SearchState[Level, Origins], *, key: Key[Array, ""]
    ) -> tuple[Level, dict[str, Bool[Array, " level"]]]:
        level_key, slot_key = jax.random.split(key)
        buffer, searching = state.buffer, self.is_searching(state)
        source = as_source(self.generator)
        new, _ = source.draw(state.own.source, self.num_levels, key=level_key)
        candidates, kinds = self.candidates.choose(
            state.own.candidates, new, self.places(state), key=key_aside(key)
        )
        index = jnp.arange(self.num_levels, dtype=jnp.int32)
        replayed = (index < self.num_replayed) & (buffer.num_filled > 0) & ~searching
        levels = repeated_if(searching, candidates, new, self.num_plays)
        levels = select(replayed, buffer.at(self._draw(state, key=slot_key)), levels)
        groups = {name: of[index // self.num_plays] & searching for name, of in kinds.items()}
        return levels, {**groups, "replayed": groups.get("replayed", False) | replayed}

    def keep(
        self,
        state: SearchState[Level, Origins],
        proposal: Proposal[Level],
        buffer: LevelBuffer,
        found: Found[Level],
    ) -> LevelBuffer:
        return found.into(buffer.emptied_if(state.phase == 0))

    def chances(self, state: SearchState[Level, Origins]) -> Float[Array, " capacity"]:
        weights = jnp.ones(self.capacity)
        if self.prioritisation is not None:
            weights = self.prioritisation.replay_weights(None, state.buffer)
        return chances_by_score(weights, state.buffer.filled)

    def after(
        self,
        state: SearchState[Level, Origins],
        buffer: LevelBuffer,
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[Origins, Metrics]:
        is_over = state.phase == self.num_search_cycles - 1
        source, watched = show(as_source(self.generator), state.own.source, evidence, key=key)
        return Origins(
            self.candidates.after(state.own.candidates, buffer, is_over), source
        ), watched

    def _draw(self, state: SearchState[Level, Origins], *, key: Key[Array, ""]) -> Array:
        """Slots of levels that were kept, of all alike or by their scores."""
        if self.prioritisation is None:
            most = jnp.maximum(state.buffer.num_filled, 1)
            return jax.random.randint(key, (self.num_levels,), 0, most, jnp.int32)
        return draw_each(self.chances(state), jax.random.split(key, self.num_levels))
