"""Scores from what the students expected: errors of their values, and disagreement about them."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractFormula, AbstractSelectiveFormula
from ._unmeasured import zero_if_unmeasured


class L1ValueLoss(AbstractFormula):
    """Mean size of the advantage: how wrong the student's values were, either way. At least 0.

    The mean of `|A|` over the steps of an episode, then over the level's finished episodes (those
    of all plays alike), then over students, with generalised advantages `A` of the first value head
    (prioritised level replay, Jiang et al. 2021, arXiv 2010.03934, section 3.1).
    """

    can_be_negative = False

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        return _mean_over_steps(evidence, jnp.abs(evidence.advantages[..., 0]))


class PositiveValueLoss(AbstractFormula):
    """Mean positive part of the advantage: how much better than expected things went. At least 0.

    The mean of `max(A, 0)` over the steps of an episode, then over the level's finished episodes
    (those of all plays alike), then over students, with generalised advantages `A` of the first
    value head: an estimate of regret (robust prioritised level replay, Jiang et al. 2021,
    arXiv 2110.02439, "positive value loss").
    """

    can_be_negative = False

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        return _mean_over_steps(evidence, jnp.maximum(evidence.advantages[..., 0], 0))


class ValueDisagreement(AbstractSelectiveFormula):
    """Mean spread of the value heads: how unsure the student is of its values. At least 0.

    The standard deviation over value heads (divisor: their number), averaged over the steps of an
    episode, then over the level's finished episodes (those of all plays alike), then over students
    (Zhang et al. 2020, arXiv 2006.09641). Needs at least two value heads.
    """

    can_be_negative = False

    def check(self, evidence: Evidence) -> None:
        if evidence.num_value_heads < 2:
            raise ValueError(
                f"ValueDisagreement: the students have {evidence.num_value_heads} value head; it "
                "needs at least 2. Give their network more, as in ActorCritic(num_value_heads=5)."
            )

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        return _mean_over_steps(evidence, jnp.std(evidence.values, axis=-1))


def _mean_over_steps(
    evidence: Evidence, quantity: Float[Array, "student time level trial"]
) -> Float[Array, " level"]:
    episodes = Episodes.of(evidence)
    means = episodes.pooled_mean_of_means(quantity)
    return jnp.mean(zero_if_unmeasured(episodes, means), axis=0)
