"""How undecided it is whether a level is solved."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._curriculum import Evidence
from ._finished import FinishedEpisodes
from ._score import AbstractMemorylessScore


class Learnability(AbstractMemorylessScore):
    """`p (1 - p)` with the success rate `p`: in [0, 0.25], highest where half the episodes succeed.

    `p` is a student's share of successes among the episodes that it finished on the level, all
    trials together; the score is averaged over students (sampling for learnability, Rutherford et
    al. 2024, arXiv 2408.15099). A single episode cannot tell levels apart, since all of them then
    score 0: play several trials, or steps enough for several episodes.
    """

    can_be_negative = False

    def score(self, evidence: Evidence) -> Float[Array, " level"]:
        # A success ends its episode, so the successes of an episode are 0 or 1.
        rates = FinishedEpisodes.of(evidence).mean_of_sums(evidence.successes)
        return jnp.mean(rates * (1 - rates), axis=0)
