"""Replay by two scores at once."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._ranges import check_between
from .._types import PyTree, Scalar
from ..scores._second_score import SecondScore
from ._chances import chances_by_score, rank
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
        if not isinstance(records, SecondScore):
            raise ValueError(
                "BothScores needs a score that keeps a second one for every level, as CENIE does; "
                "choose such a score, or another prioritisation."
            )
        others = jnp.where(filled, records.value, -jnp.inf)
        by_score = chances_by_score(self.first.weights(scores, ranks, filled), filled)
        by_other = chances_by_score(self.second.weights(others, rank(others), filled), filled)
        return (1 - self.second_share) * by_score + self.second_share * by_other

    def admits(self, state: None, now: Slots, then: Slots, slot: Int[Array, ""]) -> Bool[Array, ""]:
        return ~now.filled[slot] | (self._of(then)[slot] >= self._of(now)[slot])

    def replay_weights(self, state: None, buffer: LevelBuffer) -> Float[Array, " capacity"]:
        return self._of(buffer)

    def update(
        self,
        state: None,
        before: LevelBuffer,
        after: LevelBuffer,
        scored: Bool[Array, " capacity"],
        updated: Bool[Array, ""],
    ) -> None:
        return None

    def _of(self, slots: Slots | LevelBuffer) -> Float[Array, " capacity"]:
        return self.admission_weights(
            None, slots.scores, rank(slots.scores), slots.filled, slots.records
        )
