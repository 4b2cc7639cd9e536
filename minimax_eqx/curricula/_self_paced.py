"""Self-paced learning: a distribution that goes to a target as the student can bear."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._ranges import check_below, check_between, check_finite, check_positive
from .._types import Scalar
from ._trust_region import AbstractTrustRegionSource


class SelfPaced(AbstractTrustRegionSource):
    """Draws from a normal distribution that goes towards a target as long as payoffs are good.

    Self-paced deep reinforcement learning (Klink et al. 2020, arXiv 2004.11812), in the form with a
    bound on the performance (Klink et al. 2021, arXiv 2102.13176). After every `num_episodes`
    levels the distribution moves to where `KL(new || target)` is least, such that `KL(new || old)`
    is at most `max_kl`, and the expected payoff at least `payoff_at`. If the payoff is too low
    wherever the distribution may go, it goes to where the payoff is highest.

    Parameters are independent of each other, in the distribution and in its target. Numbers are
    shares of the whole ranges, and levels outside the box are moved to its faces. A target with a
    deviation of 0.3 around the middle is much like uniform levels.

    Raises `ValueError` for numbers outside the ranges below, for more levels in a cycle than
    `num_episodes`, and for environments whose levels are not numbers in a box.
    """

    payoff_at: Scalar = 0.8
    """What the levels must be expected to be worth, on average."""
    start_mean: Scalar = 0.5
    """Mean of every parameter to begin with, from 0 to 1."""
    start_std: Scalar = 0.1
    """Standard deviation of every parameter to begin with; above 0."""
    target_mean: Scalar = 0.5
    """Mean of every parameter in the target, from 0 to 1."""
    target_std: Scalar = 0.3
    """Standard deviation of every parameter in the target; above 0."""
    max_kl: Scalar = 0.1
    """The farthest that a distribution moves at once, in nats."""
    num_episodes: int = 256
    """How many levels are drawn from one distribution; at least as many as a cycle plays."""
    least_std: Scalar = 0.025
    """No standard deviation becomes less; below those of start and target."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "start_mean", "target_mean")
        check_positive(self, "least_std")
        check_finite(self, "payoff_at", "start_std", "target_std")
        for std in ("start_std", "target_std"):
            check_below(self, "least_std", std)

    def first(self) -> Float[Array, " 2"]:
        return _normal(self.start_mean, self.start_std)

    def bounded(self, numbers: Float[Array, " 2"]) -> Float[Array, " 2"]:
        """The numbers are mean and logarithm of the deviation."""
        mean, log_std = numbers
        least = jnp.log(jnp.asarray(self.least_std, jnp.float32))
        return jnp.stack([jnp.clip(mean, 0, 1), jnp.clip(log_std, least, 0)])

    def sample(self, numbers: Float[Array, " 2"], *, key: Key[Array, ""]) -> Float[Array, ""]:
        return numbers[0] + jnp.exp(numbers[1]) * jax.random.normal(key, (), jnp.float32)

    def log_density(self, numbers: Float[Array, " 2"], drawn: Float[Array, ""]) -> Float[Array, ""]:
        mean, log_std = numbers
        return -jnp.square((drawn - mean) / jnp.exp(log_std)) / 2 - log_std

    def kl(self, new: Float[Array, " 2"], old: Float[Array, " 2"]) -> Float[Array, ""]:
        wider, away = new[1] - old[1], (new[0] - old[0]) / jnp.exp(old[1])
        return (jnp.exp(2 * wider) + jnp.square(away) - 1) / 2 - wider

    def fisher(self, numbers: Float[Array, " 2"]) -> Float[Array, "2 2"]:
        return jnp.diag(jnp.stack([jnp.exp(-2 * numbers[1]), jnp.full((), 2.0, jnp.float32)]))

    def goal(self, numbers: Float[Array, " 2"]) -> Float[Array, ""]:
        """Minus the divergence from the target, in nats."""
        return -self.kl(numbers, _normal(self.target_mean, self.target_std))

    def worth(self, payoff: Float[Array, ""]) -> Float[Array, ""]:
        return payoff

    def least_worth(self) -> Scalar:
        return self.payoff_at

    def described(self, numbers: Float[Array, "parameter 2"]) -> Metrics:
        std, left = jnp.mean(jnp.exp(numbers[:, 1])), -jnp.sum(jax.vmap(self.goal)(numbers))
        return {"mean": numbers[:, 0], "level_std": std, "target_kl": left}


def _normal(mean: Scalar, std: Scalar) -> Float[Array, " 2"]:
    return jnp.stack([jnp.asarray(mean, jnp.float32), jnp.log(jnp.asarray(std, jnp.float32))])
