"""How far a student's values are below the best return that it ever had."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rollouts._episodes import FinishedEpisodes, best_return
from ..rollouts._evidence import Evidence
from ._score import AbstractScore, check_evidence


class MaxMC(AbstractScore[Float[Array, "*level student"]]):
    """Best return so far minus the values: an estimate of regret. May be negative.

    The mean of `R - V` over the steps of an episode, then over the level's finished episodes (those
    of all plays alike), then over students, with the values `V` of the first head. `R` is the best
    return that the student ever had on the level, this play included, and at least 0 (robust
    prioritised level replay, Jiang et al. 2021, arXiv 2110.02439, "maximum Monte Carlo").

    The record of a level is each student's best return, minus infinity before it finished an
    episode there. (The reference keeps the best of the latest play only, so that its `R` can fall.)

    Raises `ValueError` if `num_students` is less than 1.
    """

    num_students: int = eqx.field(static=True, default=1)
    can_be_negative = True

    def __check_init__(self) -> None:
        if self.num_students < 1:
            raise ValueError(f"MaxMC.num_students is {self.num_students}; it must be at least 1.")

    def check(self, num_students: int, num_trials: int, num_value_heads: int) -> None:
        if num_students != self.num_students:
            raise ValueError(
                f"MaxMC keeps a record for num_students={self.num_students}, but {num_students} "
                f"students play. Make it with MaxMC(num_students={num_students})."
            )

    def init(self) -> Float[Array, " student"]:
        return jnp.full(self.num_students, -jnp.inf, jnp.float32)

    def __call__(
        self, evidence: Evidence, records: Float[Array, "level student"]
    ) -> tuple[Float[Array, " level"], Float[Array, "level student"]]:
        check_evidence(self, evidence)
        episodes = FinishedEpisodes.of(evidence)
        news = best_return(evidence)
        best = jnp.maximum(jnp.maximum(news, records.T), 0)
        mean_value = episodes.pooled_mean_of_means(evidence.values[..., 0])
        # The best return is the same in all steps, so the mean difference is that of the means.
        gaps = jnp.where(episodes.counts > 0, best - mean_value, 0)
        return jnp.mean(gaps, axis=0), news.T

    def merge(
        self, record: Float[Array, " student"], news: Float[Array, " student"]
    ) -> Float[Array, " student"]:
        return jnp.maximum(record, news)
