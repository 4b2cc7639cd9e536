"""How far a student's values are below the best return that it ever had."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractScore
from ._unmeasured import zero_if_unmeasured


class MaxMC(AbstractScore[Float[Array, "*level student"], None]):
    """Best return so far minus the values: an estimate of regret. May be negative.

    The mean of `R - V` over the steps of an episode, then over the level's finished episodes (those
    of all plays alike), then over students, with the values `V` of the first head. `R` is the best
    return that the student ever had on the level, this play included, and at least 0 (robust
    prioritised level replay, Jiang et al. 2021, arXiv 2110.02439, "maximum Monte Carlo").

    The record of a level is each student's best return, minus infinity before it finished an
    episode there. (The reference keeps the best of the latest play only, so that its `R` can fall.)
    """

    can_be_negative = True

    def init(
        self, evidence: Evidence, *, key: Key[Array, ""]
    ) -> tuple[Float[Array, " student"], None]:
        del key
        return jnp.full(evidence.num_students, -jnp.inf, jnp.float32), None

    def __call__(
        self, evidence: Evidence, records: Float[Array, "level student"], state: None
    ) -> tuple[Float[Array, " level"], Float[Array, "level student"], None]:
        episodes = Episodes.of(evidence)
        best_now = episodes.largest_sum(evidence.rewards)
        news = jnp.where(episodes.counts > 0, best_now, -jnp.inf)
        best = jnp.maximum(jnp.maximum(news, records.T), 0)
        mean_value = episodes.pooled_mean_of_means(evidence.values[..., 0])
        # The best return is the same in all steps, so the mean difference is that of the means.
        gaps = zero_if_unmeasured(episodes, best - mean_value)
        return jnp.mean(gaps, axis=0), news.T, None

    def merge(
        self, record: Float[Array, " student"], news: Float[Array, " student"]
    ) -> Float[Array, " student"]:
        return jnp.maximum(record, news)

    def metrics(self, state: None) -> Metrics:
        return {}
