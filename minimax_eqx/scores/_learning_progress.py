"""How much a student's return on a level changed since it played it last."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._ranges import check_at_least
from .._types import Scalar
from ..rollouts._evidence import Evidence
from ._counting import sum_of_play_means
from ._visits import AbstractVisitScore


class LearningProgress(AbstractVisitScore):
    """Absolute learning progress: how much the mean return changed, up or down. At least 0.

    `|mean return now - mean return when last played|`, averaged over the students that finished an
    episode now (ALP, Portelas et al. 2020, arXiv 1910.07224, after Matiisen et al. 2017, arXiv
    1707.00183). A fall counts as well: what is forgotten is worth playing. Each play counts once,
    by the mean return of its finished episodes.

    The record of a level is the mean return when it was last played, and the sum of returns of its
    latest cycle.
    """

    first_visit: Scalar = 1.0
    """Score of a level that was never played before; the highest return there is lets it in, and 0
    waits for a second play that may never come."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_at_least(self, 0, "first_visit")

    def measure(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        return sum_of_play_means(evidence, evidence.rewards)

    def blank(self) -> float:
        return 0.0

    def roll(
        self, past: Float[Array, ""], total: Float[Array, ""], count: Float[Array, ""]
    ) -> Float[Array, ""]:
        return total / count

    def judge(
        self,
        past: Float[Array, ""],
        num_past: Int[Array, ""],
        total: Float[Array, ""],
        count: Float[Array, ""],
    ) -> Float[Array, ""]:
        return jnp.where(num_past > 0, jnp.abs(total / count - past), self.first_visit)
