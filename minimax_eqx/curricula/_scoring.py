"""The levels that a cycle of level replay played, with their scores."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

from .._metrics import Metrics
from .._types import Level, PyTree, Record, State
from ..rollouts import Episodes, Evidence
from ..scores import AbstractScore
from ._copies import Copies
from ._insertion import NOWHERE
from ._level_buffer import LevelBuffer
from ._notes import Told
from ._replay_rules import ReplayRules


class Played(eqx.Module, Generic[Level, Record]):
    """What is known of the levels of a cycle after it."""

    levels: Level
    payoffs: Float[Array, " level"]  # as the score gives them
    scores: Float[Array, " level"]  # the same for all copies; minus infinity if not finished
    copies: Copies
    records: Record
    news: Record
    score: AbstractScore
    state: PyTree  # the score's, from now on
    evidence: Evidence

    def offer_to(
        self,
        buffer: LevelBuffer[Level, Record],
        rules: ReplayRules,
        mutated: Int[Array, " level"],
        parents: UInt32[Array, "level 2"],
    ) -> LevelBuffer[Level, Record]:
        """The buffer with what it takes of these levels, which were mutated that often, last from
        those parents."""
        return buffer.update(
            self.levels,
            self.scores,
            opponent=rules.opponent,
            admits=rules.admits,
            records=self.records,
            news=self.news,
            merge=self.score.merge,
            num_mutations=self.copies.least(mutated),
            told=Told.of(self.evidence, self.copies, parents=parents, num_mutations=mutated),
        )

    def slots_in(self, buffer: LevelBuffer[Level, Record]) -> Bool[Array, " capacity"]:
        """Which slots of a buffer hold one of these levels that got a score."""
        slots = jnp.where(jnp.isfinite(self.scores), buffer.find(self.levels), NOWHERE)
        slots = jnp.where(slots == NOWHERE, buffer.capacity, slots)  # out of bounds
        return jnp.zeros(buffer.capacity, bool).at[slots].set(True, mode="drop")


def score_played(
    score: AbstractScore[Record, State],
    state: State,
    evidence: Evidence,
    levels: Level,
    *,
    buffer: LevelBuffer[Level, Record],
    blank_record: Record,
) -> Played[Level, Record]:
    """Scores levels that were played; a blank record is that of a level never played."""
    finished = Episodes.of(evidence).finished_on_level
    copies = Copies.of(levels)
    records = buffer.records_of(levels, blank_record)
    payoffs, news, new_state = score(evidence, records, state)
    if jax.tree.leaves(news):
        # Once more, which costs little: XLA computes what is the same in both only once.
        known = copies.with_news_of_others(records, news, score.merge, finished)
        payoffs, _, _ = score(evidence, known, state)
    scores = copies.mean_score(payoffs, finished)
    return Played(levels, payoffs, scores, copies, records, news, score, new_state, evidence)


def not_scored(scores: Float[Array, " level"]) -> Metrics:
    """The share of levels whose score is no finite number, as a metric, by which training stops.

    Minus infinity is the mark of a level to be left out, and counts as a score.
    """
    return {"not_scored": jnp.mean(~(scores < jnp.inf), dtype=jnp.float32)}


def named_metrics(prefix: str, score: AbstractScore[Record, State], state: State) -> Metrics:
    """The score's metrics, each with a prefix before its name."""
    return {f"{prefix}_{name}": value for name, value in score.metrics(state).items()}
