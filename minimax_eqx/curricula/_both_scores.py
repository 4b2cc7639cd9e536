"""Replay by two scores at once."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._ranges import check_between
from .._types import PyTree, Scalar
from ..scores._second_score import SecondScore
from ._chances import chances_by_score, rank, rank_after_change
from ._insertion import Slots
from ._level_buffer import LevelBuffer
from ._prioritisation import AbstractPrioritisation, AbstractWeights, Rank


class BothScores(AbstractPrioritisation[None]):
    """Chances by two scores of a level: `(1 - second_share) * first + second_share * second`.

    Each part adds up to 1 over the stored levels, before ages have their share. It needs a score
    that keeps a second one, as `CENIE` does. A newcomer takes the slot of the level that is least
    likely to be replayed if its own weight there would be at least as high (Teoh et al. 2024,
    arXiv 2502.05726).
    """

    first: AbstractWeights = Rank()
    """How the score becomes chances."""
    second: AbstractWeights = Rank()
    """How the second score becomes chances."""
    second_share: Scalar = 0.5
    """Share of the chances that goes by the second score; 1 for that alone."""
    needs_nonnegative_scores = False

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "second_share")

    def init(self, capacity: int) -> None:
        self.first.init(capacity)
        self.second.init(capacity)

    def admission_weights(
        self,
        state: None,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
        records: PyTree,
    ) -> Float[Array, " capacity"]:
        others = _second_scores(records, filled)
        return self._mixed(scores, ranks, others, rank(others), filled)

    def admits(self, state: None, now: Slots, then: Slots, slot: Int[Array, ""]) -> Bool[Array, ""]:
        others, others_then = (_second_scores(at.records, at.filled) for at in (now, then))
        ranks, ranks_of_others = rank(now.scores), rank(others)
        weights = self._mixed(now.scores, ranks, others, ranks_of_others, now.filled)
        # One slot has changed, and nothing is sorted again.
        weights_then = self._mixed(
            then.scores,
            rank_after_change(ranks, now.scores, slot, then.scores[slot]),
            others_then,
            rank_after_change(ranks_of_others, others, slot, others_then[slot]),
            then.filled,
        )
        return ~now.filled[slot] | (weights_then[slot] >= weights[slot])

    def replay_weights(self, state: None, buffer: LevelBuffer) -> Float[Array, " capacity"]:
        ranks = rank(buffer.scores)
        return self.admission_weights(state, buffer.scores, ranks, buffer.filled, buffer.records)

    def update(
        self,
        state: None,
        before: LevelBuffer,
        after: LevelBuffer,
        scored: Bool[Array, " capacity"],
        updated: Bool[Array, ""],
    ) -> None:
        return None

    def _mixed(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        others: Float[Array, " capacity"],
        ranks_of_others: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        by_score = chances_by_score(self.first.weights(scores, ranks, filled), filled)
        by_other = chances_by_score(self.second.weights(others, ranks_of_others, filled), filled)
        return (1 - self.second_share) * by_score + self.second_share * by_other


def _second_scores(records: PyTree, filled: Bool[Array, " capacity"]) -> Float[Array, " capacity"]:
    """The second scores of stored levels; minus infinity in a slot that is not filled."""
    if not isinstance(records, SecondScore):
        raise ValueError(
            "BothScores needs a score that keeps a second one for every level, as CENIE does; "
            "choose such a score, or another prioritisation."
        )
    return jnp.where(filled, records.value, -jnp.inf)
