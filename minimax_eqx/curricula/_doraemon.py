"""DORAEMON: domain randomisation that grows as wide as the student can bear."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._ranges import check_at_least, check_between, check_finite
from .._types import Scalar
from ._beta import digamma, log_beta, trigamma
from ._trust_region import AbstractTrustRegionSource

LEAST, MARGIN = 1e-6, 10.0


class Doraemon(AbstractTrustRegionSource):
    """Draws from a distribution whose entropy grows as long as the student succeeds.

    Domain randomisation via entropy maximisation (Tiboni et al. 2024, arXiv 2311.01885). Each
    parameter has a beta distribution of its own over its range, `Beta(a, b)`. After every
    `num_episodes` levels all of them move to where their entropy is highest, such that `KL(old ||
    new)` is at most `max_kl`, and the expected share of successes at least `success_rate`. A level
    is a success if its payoff is at least `success_at`. If the share is too low wherever the
    distribution may go, it goes to where the share is highest.

    With an entropy of 0 it is uniform in the whole box. It begins with a deviation of 0.035.

    Raises `ValueError` for numbers outside the ranges below, for more levels in a cycle than
    `num_episodes`, and for environments whose levels are not numbers in a box.
    """

    success_at: Scalar = 0.8
    """A level whose payoff is at least this is a success."""
    success_rate: Scalar = 0.5
    """Share of the levels that must be expected to be successes; from 0 to 1."""
    max_kl: Scalar = 0.1
    """The farthest that a distribution moves at once, in nats."""
    num_episodes: int = 256
    """How many levels are drawn from one distribution; at least as many as a cycle plays."""
    concentration: Scalar = 100.0
    """Both numbers of the beta distributions to begin with, around the middle; at least 1."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "success_rate")
        check_at_least(self, 1, "concentration")
        check_finite(self, "success_at")

    def first(self) -> Float[Array, " 2"]:
        return jnp.log(jnp.full(2, self.concentration, jnp.float32))

    def bounded(self, numbers: Float[Array, " 2"]) -> Float[Array, " 2"]:
        """The numbers are logarithms; none is below the uniform distribution's."""
        return jnp.clip(numbers, 0, jnp.log(self.concentration + MARGIN))

    def sample(self, numbers: Float[Array, " 2"], *, key: Key[Array, ""]) -> Float[Array, ""]:
        drawn = jax.random.beta(key, *jnp.exp(numbers), dtype=jnp.float32)
        return jnp.clip(drawn, LEAST, 1 - LEAST)

    def log_density(self, numbers: Float[Array, " 2"], drawn: Float[Array, ""]) -> Float[Array, ""]:
        a, b = jnp.exp(numbers)
        return (a - 1) * jnp.log(drawn) + (b - 1) * jnp.log1p(-drawn) - log_beta(a, b)

    def kl(self, new: Float[Array, " 2"], old: Float[Array, " 2"]) -> Float[Array, ""]:
        (a, b), (old_a, old_b) = jnp.exp(new), jnp.exp(old)
        more = (old_a - a) * digamma(old_a) + (old_b - b) * digamma(old_b)
        both = (a + b - old_a - old_b) * digamma(old_a + old_b)
        return log_beta(a, b) - log_beta(old_a, old_b) + more + both

    def fisher(self, numbers: Float[Array, " 2"]) -> Float[Array, "2 2"]:
        both = jnp.exp(numbers)
        curvature = jnp.diag(trigamma(both)) - trigamma(jnp.sum(both))
        return curvature * jnp.outer(both, both)

    def goal(self, numbers: Float[Array, " 2"]) -> Float[Array, ""]:
        """The entropy, in nats."""
        a, b = jnp.exp(numbers)
        both = (a + b - 2) * digamma(a + b)
        return log_beta(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + both

    def worth(self, payoff: Float[Array, ""]) -> Float[Array, ""]:
        return (payoff >= self.success_at).astype(jnp.float32)

    def least_worth(self) -> Scalar:
        return self.success_rate

    def described(self, numbers: Float[Array, "parameter 2"]) -> Metrics:
        a, b = jnp.exp(numbers).T
        return {"mean": a / (a + b), "level_entropy": jnp.sum(jax.vmap(self.goal)(numbers))}
