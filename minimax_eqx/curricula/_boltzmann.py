"""Chances that grow exponentially with the score."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._ranges import check_positive
from .._types import Scalar
from ._prioritisation import AbstractWeights


class Boltzmann(AbstractWeights):
    """Weight `exp((score - highest score) / temperature)`: a softmax of the scores.

    A difference of scores counts, whatever their size, so a temperature belongs to a score: with
    learnability, in [0, 0.25], the default makes the best level at most 148 times as likely as the
    worst. Of all distributions `y` over the stored levels it has the largest `y * scores +
    temperature * entropy of y`, so it is what NCC's replay distribution moves towards (Monette et
    al. 2025, arXiv 2505.20659).
    """

    temperature: Scalar = 0.05
    """The lower, the more the levels with the highest scores are preferred."""
    needs_nonnegative_scores = False

    def __check_init__(self) -> None:
        check_positive(self, "temperature")

    def weights(
        self,
        scores: Float[Array, " capacity"],
        ranks: Int[Array, " capacity"],
        filled: Bool[Array, " capacity"],
    ) -> Float[Array, " capacity"]:
        del ranks
        below_highest = scores - jnp.max(jnp.where(filled, scores, -jnp.inf))
        return jnp.where(filled, jnp.exp(below_highest / self.temperature), 0.0)
