"""How far a fast average of a level's success rate is from a slow one."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._ranges import check_between
from .._types import Scalar
from ..rollouts._evidence import Evidence
from ._counting import AbstractCounting, ByPlay
from ._visits import AbstractVisitScore

Averages = tuple[Float[Array, ""], Float[Array, ""]]


class BidirectionalProgress(AbstractVisitScore):
    """Distance of a fast and a slow average of the success rate, up or down. In [0, 1].

    In every cycle that plays the level, with a student's success rate `p` there,

        fast <- rate * p + (1 - rate) * fast,    slow <- rate * fast + (1 - rate) * slow
        score = |w(fast) - w(slow)|,    w(p) = p (1 - q) / (p + q (1 - 2 p)),    q = emphasis

    averaged over the students that finished an episode now (Kanitscheider et al. 2021, arXiv
    2106.14876; OMNI, Zhang et al. 2023, arXiv 2306.01711). `w` stretches small rates: with 0.1 a
    step from 0 to 0.1 is worth as much as one from 0.1 to 1. Both averages begin at 0, so a level
    never solved scores 0, and one that is solved when it is first met makes progress.

    The record of a level is the two averages, and the successes of its latest cycle.
    """

    counting: AbstractCounting = ByPlay()
    """What counts as an attempt: a play, an episode, or a play with any success."""
    rate: Scalar = 0.1
    """How much of the way each average goes in a cycle that plays the level."""
    emphasis: Scalar = 0.1
    """The success rate that is stretched to one half; 0.5 stretches nothing."""
    baseline: Scalar = 0.0
    """Success rate of a random policy, at most 0.75; only what is above it is counted."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "rate")
        check_between(self, 0.001, 0.999, "emphasis")
        check_between(self, 0, 0.75, "baseline")

    def measure(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        return self.counting.count(evidence)

    def blank(self) -> tuple[float, float]:
        return 0.0, 0.0

    def roll(self, past: Averages, total: Float[Array, ""], count: Float[Array, ""]) -> Averages:
        success = jnp.maximum(total / count - self.baseline, 0) / (1 - self.baseline)
        fast = self.rate * success + (1 - self.rate) * past[0]
        return fast, self.rate * fast + (1 - self.rate) * past[1]

    def judge(
        self,
        past: Averages,
        num_past: Int[Array, ""],
        total: Float[Array, ""],
        count: Float[Array, ""],
    ) -> Float[Array, ""]:
        fast, slow = self.roll(past, total, count)
        return jnp.abs(stretched(fast, self.emphasis) - stretched(slow, self.emphasis))


def stretched(p: Float[Array, ""], q: Scalar) -> Float[Array, ""]:
    """A rate with small ones drawn apart: 0, `q` and 1 become 0, one half and 1."""
    return p * (1 - q) / (p + q * (1 - 2 * p))
