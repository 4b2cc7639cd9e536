"""Scores from returns: of all students, or of one student compared with another.

A student's mean return on a level is over its finished episodes there, those of all plays alike, as
in the reference.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rollouts._episodes import best_return, pooled_mean_return
from ..rollouts._evidence import Evidence
from ._score import AbstractMemorylessScore, AbstractSelectiveScore


class MeanReturn(AbstractMemorylessScore):
    """Mean return over the level's finished episodes, then over students. May be negative.

    The episodes of all plays count alike, so that with several trials plays with many short
    episodes weigh more.
    """

    can_be_negative = True

    def score(self, evidence: Evidence) -> Float[Array, " level"]:
        return jnp.mean(pooled_mean_return(evidence), axis=0)


class NegativeReturn(AbstractMemorylessScore):
    """`MeanReturn` with its sign turned: what the minimax adversary seeks. May be negative.

    The baseline of Dennis et al. 2020, arXiv 2012.02096.
    """

    can_be_negative = True

    def score(self, evidence: Evidence) -> Float[Array, " level"]:
        return -jnp.mean(pooled_mean_return(evidence), axis=0)


class RelativeRegret(AbstractSelectiveScore):
    """How much better the second student's best episode is than the first one's mean. At least 0.

    `max(0, max U_2 - mean U_1)` over the returns `U` of all finished episodes, those of all plays
    alike, of the protagonist (the first student) and the antagonist (the second): the regret that
    PAIRED estimates (Dennis et al. 2020, arXiv 2012.02096). The best return counts as at least 0.
    Needs two students.
    """

    can_be_negative = False

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        _check_pair("RelativeRegret", num_students)

    def score(self, evidence: Evidence) -> Float[Array, " level"]:
        return jnp.maximum(_best_return(evidence)[1] - pooled_mean_return(evidence)[0], 0)


class MeanRelativeRegret(AbstractSelectiveScore):
    """How much better the second student is on average than the first. At least 0.

    `max(0, mean U_2 - mean U_1)`, as `RelativeRegret` but with the antagonist's mean return. Needs
    two students.
    """

    can_be_negative = False

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        _check_pair("MeanRelativeRegret", num_students)

    def score(self, evidence: Evidence) -> Float[Array, " level"]:
        protagonist, antagonist = pooled_mean_return(evidence)
        return jnp.maximum(antagonist - protagonist, 0)


class PopulationRegret(AbstractSelectiveScore):
    """How much better the best episode of any student is than the mean of all. At least 0.

    The largest return of any student minus the students' mean returns (over the episodes of all
    plays alike), averaged over students: population PAIRED (Dennis et al. 2020, arXiv 2012.02096).
    The largest return counts as at least 0. Needs at least two students.
    """

    can_be_negative = False

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        if num_students < 2:
            raise ValueError(
                f"PopulationRegret compares at least 2 students, not {num_students}. "
                "Make them with minimax_eqx.agents.population(make_student, 2, key=key)."
            )

    def score(self, evidence: Evidence) -> Float[Array, " level"]:
        best = jnp.max(_best_return(evidence), axis=0)
        # A maximum is never below the mean, except by rounding.
        return jnp.maximum(best - jnp.mean(pooled_mean_return(evidence), axis=0), 0)


def _best_return(evidence: Evidence) -> Float[Array, "student level"]:
    return jnp.maximum(best_return(evidence), 0)


def _check_pair(name: str, num_students: int) -> None:
    if num_students != 2:
        raise ValueError(
            f"{name} compares exactly 2 students, not {num_students}. Make them with "
            "minimax_eqx.agents.population(make_student, 2, key=key)."
        )
