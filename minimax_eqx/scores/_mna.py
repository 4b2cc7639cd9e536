"""How much worse a student did than its own values promised, on levels that it has solved."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._ranges import check_between
from .._types import Scalar
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence
from ._score import AbstractScore
from ._unmeasured import zero_if_unmeasured


class MNA(AbstractScore[Float[Array, "*level student"], None]):
    """Maximised negative advantage: an estimate of regret, 0 on a level never solved. At least 0.

    The mean of `-G` over all steps of the level's finished episodes, each step alike, then over
    students; 0 for a student whose best return on the level, this play included, is not above 0
    (Mead et al. 2025, arXiv 2601.14957). `G` compares what came after a step with the best that the
    values `V` of the first head promised on the way. With the errors
    `delta_t = r_t + discount * V_{t+1} - V_t`, where `V` is 0 after the end, and for a step with
    `n` steps to the end of its episode, itself included,

        D_0 = min(delta_t, 0),    D_l = min(D_{l-1} + discount^l * delta_{t+l}, 0)
        G_t = (1 - gae_lambda) * sum_{l<n} gae_lambda^l * D_l + gae_lambda^n * D_{n-1}

    Each `D` is cut off at 0 before the next, so that a gain does not make up for a loss after it.
    The authors add up where this takes the mean, and count unfinished episodes as well.

    The record of a level is each student's best return, minus infinity before it finished an
    episode there.
    """

    discount: Scalar = 0.995
    """What a reward one step later is worth; the students' own discount, as a rule."""
    gae_lambda: Scalar = 0.95
    """How much the far end of an episode counts beside the next steps; the students' own."""
    can_be_negative = False

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "discount", "gae_lambda")

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
        is_solved = jnp.maximum(news, records.T) > 0
        losses = zero_if_unmeasured(episodes, episodes.pooled_mean(-self._shortfalls(evidence)))
        return jnp.mean(jnp.where(is_solved, losses, 0), axis=0), news.T, None

    def merge(
        self, record: Float[Array, " student"], news: Float[Array, " student"]
    ) -> Float[Array, " student"]:
        return jnp.maximum(record, news)

    def metrics(self, state: None) -> Metrics:
        return {}

    def _shortfalls(self, evidence: Evidence) -> Float[Array, "student time level trial"]:
        """`G` of every step; what it is in episodes that did not finish does not matter."""
        values, dones = evidence.values[..., 0], evidence.dones
        next_values = jnp.where(dones, 0, jnp.roll(values, -1, axis=1))
        errors = evidence.rewards + self.discount * next_values - values
        num_steps = errors.shape[1]
        steps = jnp.arange(num_steps, dtype=jnp.int32)
        time = steps[None, :, None, None]
        ends = jax.lax.cummin(jnp.where(dones, time, num_steps), axis=1, reverse=True)
        remaining = ends - time
        later = jnp.concatenate([errors, jnp.zeros_like(errors)], axis=1)

        def body(carry, inputs):
            lowest, total = carry
            step, factor, weight = inputs
            # For all starts at once: the error that lies so many steps after each.
            error = jax.lax.dynamic_slice_in_dim(later, step, num_steps, axis=1)
            lowest = jnp.minimum(lowest + factor * error, 0)
            # What horizons beyond the end would weigh stays on the last.
            share = weight * jnp.where(step == remaining, 1, 1 - self.gae_lambda)
            return (lowest, total + jnp.where(step <= remaining, share * lowest, 0)), None

        exponents = steps.astype(errors.dtype)
        powers = (self.discount**exponents, self.gae_lambda**exponents)
        zeros = jnp.zeros_like(errors)
        (_, total), _ = jax.lax.scan(body, (zeros, zeros), (steps, *powers))
        return total
