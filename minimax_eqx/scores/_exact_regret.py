"""How far a student is from the best that a level allows."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractSelectiveFormula
from ._unmeasured import mean_over_those_that_finished


class ExactRegret(AbstractSelectiveFormula):
    """The best return that the level allows minus the student's mean return. At least 0.

    `U* - mean_i R_i` over the finished episodes `i`: 0 if and only if all of them were the best
    possible, and 0 on a level that cannot be solved. `U*` is the environment's `optimal_return`,
    so this is regret itself, where other scores are estimates of it ("perfect regret" in Rutherford
    et al. 2024, arXiv 2408.15099; the score of NCC-Reg in Monette et al. 2025, arXiv 2505.20659).

    Each play (trial) counts once, by the mean of the episodes that it finished, and the score is
    averaged over the students that finished an episode there. It is 0 if none did.

    Raises `ValueError` if the environment does not know the best return of a level.
    """

    can_be_negative = False

    def check(self, evidence: Evidence) -> None:
        if evidence.optimum is None:
            raise ValueError(
                "ExactRegret needs the best return that each level allows, and this environment "
                "does not tell it: give the environment a method optimal_return(level), as Maze "
                "has it, or choose a score that estimates regret, such as MaxMC."
            )

    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        assert evidence.optimum is not None
        episodes = Episodes.of(evidence)
        # Subtracted where the episode ends, so that nothing is left over by rounding if that is
        # where it is paid.
        possible = jnp.where(evidence.dones, evidence.optimum[None, None, :, None], 0)
        regrets = episodes.mean_of_sums(possible - evidence.rewards)
        return mean_over_those_that_finished(episodes, jnp.maximum(regrets, 0))
