"""How steeply a student's returns on a level rise or fall."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._ranges import check_at_least
from .._types import Scalar
from ..rollouts._evidence import Evidence
from ._counting import sum_of_play_means
from ._visits import AbstractVisitScore


class LearningSlope(AbstractVisitScore):
    """Slope of a level's last returns, up or down: teacher-student curriculum learning. At least 0.

    The absolute value of the least-squares slope of a student's last `window` mean returns on the
    level, one for each cycle that played it, against their number, averaged over the students that
    finished an episode now (TSCL, Matiisen et al. 2017, arXiv 1707.00183, "window" algorithm). Each
    play counts once, by the mean return of its finished episodes. With more returns than
    `LearningProgress` looks at, chance has less of a say.

    The record of a level is its last returns, the latest one as a sum over plays.
    """

    window: int = 10
    """How many returns the slope is of, or fewer where there are not so many yet."""
    first_visit: Scalar = 0.0
    """Score of a level that was never played before, since one return has no slope."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_at_least(self, 2, "window")
        check_at_least(self, 0, "first_visit")

    def measure(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        return sum_of_play_means(evidence, evidence.rewards)

    def blank(self) -> Float[Array, " past"]:
        return jnp.zeros(self.window - 1)

    def roll(
        self, past: Float[Array, " past"], total: Float[Array, ""], count: Float[Array, ""]
    ) -> Float[Array, " past"]:
        return jnp.append(past[1:], total / count)

    def judge(
        self,
        past: Float[Array, " past"],
        num_past: Int[Array, ""],
        total: Float[Array, ""],
        count: Float[Array, ""],
    ) -> Float[Array, ""]:
        returns = jnp.append(past, total / count)
        times = jnp.arange(self.window, dtype=jnp.float32)
        num_known = jnp.minimum(num_past + 1, self.window).astype(jnp.float32)
        is_known = times >= self.window - num_known
        times = jnp.where(is_known, times - jnp.sum(jnp.where(is_known, times, 0)) / num_known, 0)
        slope = jnp.sum(times * returns) / jnp.sum(jnp.square(times))
        return jnp.where(num_past > 0, jnp.abs(slope), self.first_visit)
