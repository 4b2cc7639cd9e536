"""How uncertain the return of a level is, and how usual its mean is."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._ranges import check_at_least
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractScore
from ._unmeasured import mean_over_those_that_finished

LEAST_VARIANCE = 1e-6


class MeanReturns(eqx.Module):
    """How the mean returns of the levels that were scored last are spread."""

    count: Float[Array, " student"]
    mean: Float[Array, " student"]
    variance: Float[Array, " student"]


class GeneralisedLearnability(AbstractScore[None, MeanReturns]):
    """`sd / sqrt(n) * Normal(mean; mu, var)`: learnability for returns of any size. At least 0.

    From NCC (Monette et al. 2025, arXiv 2505.20659). `mean` and `sd` are those of the returns of
    the level's `n` finished episodes, of all plays alike, and `mu` and `var` say how the means of
    the levels that were scored last are spread, this play's included. So a level counts whose
    return is uncertain and about as high as is usual for the student. Averaged over the students
    that finished an episode there, and 0 if none did or all returns are equal. Needs several
    episodes: plays of several trials, or NCC's repetitions.

    The state is `mu` and `var`. They are plain averages over the first `num_remembered` levels;
    from then on older levels fade.
    """

    num_remembered: int = 4000
    """How many levels the usual return is taken from; give the capacity of the buffer."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_remembered")

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> tuple[None, MeanReturns]:
        del key
        nothing = jnp.zeros(evidence.num_students)
        return None, MeanReturns(nothing, nothing, nothing)

    def __call__(
        self, evidence: Evidence, records: None, state: MeanReturns
    ) -> tuple[Float[Array, " level"], None, MeanReturns]:
        episodes = Episodes.of(evidence)
        counts = episodes.counts.astype(jnp.float32)
        means = jnp.where(counts > 0, episodes.pooled_mean_of_sums(evidence.rewards), 0)
        state = self._told(state, means, counts > 0)
        variance = jnp.maximum(state.variance, LEAST_VARIANCE)[:, None]
        squared = jnp.square(means - state.mean[:, None])
        density = jnp.exp(-squared / (2 * variance)) / jnp.sqrt(2 * jnp.pi * variance)
        errors = jnp.sqrt(episodes.pooled_variance_of_sums(evidence.rewards) / counts)
        return mean_over_those_that_finished(episodes, errors * density), None, state

    def _told(
        self, known: MeanReturns, means: Float[Array, "student level"], finished: Array
    ) -> MeanReturns:
        """What is known once the mean returns of these levels are."""
        size = jnp.sum(finished, axis=1, dtype=jnp.float32)
        at_least_one = jnp.maximum(size, 1)
        mean = jnp.sum(jnp.where(finished, means, 0), axis=1) / at_least_one
        squares = jnp.where(finished, jnp.square(means - mean[:, None]), 0)
        variance = jnp.sum(squares, axis=1) / at_least_one
        count = jnp.minimum(known.count + size, self.num_remembered)
        share = jnp.minimum(size / jnp.maximum(count, 1), 1)
        away = mean - known.mean
        inner = (1 - share) * known.variance + share * variance
        return MeanReturns(
            count, known.mean + share * away, inner + share * (1 - share) * jnp.square(away)
        )

    def merge(self, record: None, news: None) -> None:
        return None

    def metrics(self, state: MeanReturns) -> Metrics:
        known = lambda values: jnp.mean(jnp.where(state.count > 0, values, jnp.nan))  # noqa: E731
        return {"mean_return": known(state.mean), "return_variance": known(state.variance)}
