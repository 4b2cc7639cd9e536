"""Scores from returns: of all students, or of one student compared with another.

A student's mean return on a level is over its finished episodes there, those of all plays alike, as
in the reference.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractFormula, AbstractSelectiveFormula
from ._unmeasured import zero_if_unmeasured


class MeanReturn(AbstractFormula):
    """Mean return over the level's finished episodes, then over students. May be negative.

    The episodes of all plays count alike, so that with several trials plays with many short
    episodes weigh more.
    """

    can_be_negative = True

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        return jnp.mean(_mean_return(evidence), axis=0)


class NegativeReturn(AbstractFormula):
    """`MeanReturn` with its sign turned: what the minimax adversary seeks. May be negative.

    The baseline of Dennis et al. 2020, arXiv 2012.02096.
    """

    can_be_negative = True

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        return -jnp.mean(_mean_return(evidence), axis=0)


class RelativeRegret(AbstractSelectiveFormula):
    """How much better the second student's best episode is than the first one's mean. At least 0.

    `max(0, max U_2 - mean U_1)` over the returns `U` of all finished episodes, those of all plays
    alike, of the protagonist (the first student) and the antagonist (the second): the regret that
    PAIRED estimates (Dennis et al. 2020, arXiv 2012.02096). The best return counts as at least 0.
    Needs two students.
    """

    can_be_negative = False

    def check(self, evidence: Evidence) -> None:
        _check_pair(self, evidence)

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        return jnp.maximum(_best_return(evidence)[1] - _mean_return(evidence)[0], 0)


class MeanRelativeRegret(AbstractSelectiveFormula):
    """How much better the second student is on average than the first. At least 0.

    `max(0, mean U_2 - mean U_1)`, as `RelativeRegret` but with the antagonist's mean return. Needs
    two students.
    """

    can_be_negative = False

    def check(self, evidence: Evidence) -> None:
        _check_pair(self, evidence)

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        protagonist, antagonist = _mean_return(evidence)
        return jnp.maximum(antagonist - protagonist, 0)


class PopulationRegret(AbstractSelectiveFormula):
    """How much better the best episode of any student is than the mean of all. At least 0.

    The largest return of any student minus the students' mean returns (over the episodes of all
    plays alike), averaged over students: population PAIRED (Dennis et al. 2020, arXiv 2012.02096).
    The largest return counts as at least 0. Needs at least two students.
    """

    can_be_negative = False

    def check(self, evidence: Evidence) -> None:
        if evidence.num_students < 2:
            raise ValueError(
                f"PopulationRegret compares at least 2 students, not {evidence.num_students}. "
                "Ask for more, as in Experiment(num_students=2, ...)."
            )

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        best = jnp.max(_best_return(evidence), axis=0)
        # A maximum is never below the mean, except by rounding.
        return jnp.maximum(best - jnp.mean(_mean_return(evidence), axis=0), 0)


def _mean_return(evidence: Evidence) -> Float[Array, "student level"]:
    episodes = Episodes.of(evidence)
    return zero_if_unmeasured(episodes, episodes.pooled_mean_of_sums(evidence.rewards))


def _best_return(evidence: Evidence) -> Float[Array, "student level"]:
    episodes = Episodes.of(evidence)
    best = zero_if_unmeasured(episodes, episodes.largest_sum(evidence.rewards))
    return jnp.maximum(best, 0)


def _check_pair(score: AbstractSelectiveFormula, evidence: Evidence) -> None:
    if evidence.num_students != 2:
        raise ValueError(
            f"{type(score).__name__} compares exactly 2 students, not {evidence.num_students}. Ask "
            "for them with Experiment(num_students=2, ...)."
        )
