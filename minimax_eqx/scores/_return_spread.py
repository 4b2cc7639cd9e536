"""How far the returns of one level's episodes lie apart."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._ranges import check_positive
from .._types import Scalar
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractFormula
from ._unmeasured import mean_over_those_that_finished


class ReturnVariance(AbstractFormula):
    """Variance of the return over a level's episodes. At least 0.

    `mean((R - mean R)^2)` over the returns `R` of all episodes that a student finished on the
    level, those of all plays alike, averaged over the students that finished one (UPD, arXiv
    2508.06336). Where returns are 0 or 1 it is `p (1 - p)`, which is learnability, and it needs no
    notion of success.

    A single episode has variance 0, so play several trials, or episodes much shorter than a play.
    """

    can_be_negative = False

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        episodes = Episodes.of(evidence)
        variances = episodes.pooled_variance_of_sums(evidence.rewards)
        return mean_over_those_that_finished(episodes, variances)


class ReturnSpread(AbstractFormula):
    """Variance of the return relative to its mean, squared: for returns of different scales.

    `var R / ((mean R)^2 + epsilon)` over the returns `R` of all episodes that a student finished on
    the level, averaged over the students that finished one: the squared coefficient of variation
    (JUPD, arXiv 2508.06336). At least 0; it grows without bound as the mean goes to 0, which
    `epsilon`, an addition of ours, prevents.
    """

    epsilon: Scalar = 0.01
    """Added to the squared mean return; about the square of the smallest return that matters."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_positive(self, "epsilon")

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        episodes = Episodes.of(evidence)
        variances = episodes.pooled_variance_of_sums(evidence.rewards)
        squares = jnp.square(episodes.pooled_mean_of_sums(evidence.rewards))
        return mean_over_those_that_finished(episodes, variances / (squares + self.epsilon))
