"""The formulas of PPO's loss, each for any number of steps at once."""

import abc

import equinox as eqx
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from .._ranges import check_positive
from .._types import Scalar

ADVANTAGE_EPSILON = 1e-5


def clipped_objective(
    log_probs: Float[Array, "*batch"],
    old_log_probs: Float[Array, "*batch"],
    advantages: Float[Array, "*batch"],
    clip_range: Scalar,
) -> Float[Array, "*batch"]:
    """PPO's clipped surrogate objective of each step (Schulman et al. 2017, equation 7)."""
    ratio = jnp.exp(log_probs - old_log_probs)
    clipped = jnp.clip(ratio, 1 - clip_range, 1 + clip_range)
    return jnp.minimum(ratio * advantages, clipped * advantages)


class AbstractValueLoss(eqx.Module):
    """How wrong a value is. PPO calls it in every gradient step and minimises its mean."""

    @abc.abstractmethod
    def __call__(
        self,
        values: Float[Array, "*batch"],
        old_values: Float[Array, "*batch"],
        targets: Float[Array, "*batch"],
        clip_range: Scalar,
    ) -> Float[Array, "*batch"]:
        """The loss of each value.

        `old_values` are those that the trajectory was played with, and `clip_range` is PPO's.
        """


class ClippedValueLoss(AbstractValueLoss):
    """Half the larger squared error: that of the value, or of the value clipped to PPO's
    `clip_range` around the old one. It is the loss of the reference."""

    def __call__(
        self,
        values: Float[Array, "*batch"],
        old_values: Float[Array, "*batch"],
        targets: Float[Array, "*batch"],
        clip_range: Scalar,
    ) -> Float[Array, "*batch"]:
        clipped = old_values + jnp.clip(values - old_values, -clip_range, clip_range)
        return 0.5 * jnp.maximum((values - targets) ** 2, (clipped - targets) ** 2)


class HuberValueLoss(AbstractValueLoss):
    """Half the squared error, which goes on linearly beyond a threshold (Huber 1964)."""

    threshold: Scalar = 1.0
    """Error from which on the loss is linear."""

    def __check_init__(self) -> None:
        check_positive(self, "threshold")

    def __call__(
        self,
        values: Float[Array, "*batch"],
        old_values: Float[Array, "*batch"],
        targets: Float[Array, "*batch"],
        clip_range: Scalar,
    ) -> Float[Array, "*batch"]:
        del old_values, clip_range
        return optax.huber_loss(values, targets, delta=self.threshold)


def weighted_mean(
    quantity: Float[Array, "*batch"], weights: Float[Array, "*steps"] | None
) -> Float[Array, ""]:
    """The mean over all axes. `weights`, whose mean is 1, has the first axes of `quantity`."""
    if weights is None:
        return jnp.mean(quantity)
    missing = tuple(range(weights.ndim, quantity.ndim))
    return jnp.mean(jnp.expand_dims(weights, missing) * quantity)


def with_mean_one(weights: Float[Array, "*steps"]) -> Float[Array, "*steps"]:
    """The weights times a number that makes their mean 1; as they are if all of them are 0."""
    mean = jnp.mean(weights)
    return weights / jnp.where(mean > 0, mean, 1.0)


def normalise(
    advantages: Float[Array, "*steps"], weights: Float[Array, "*steps"] | None = None
) -> Float[Array, "*steps"]:
    """Zero mean and unit standard deviation over all steps, whose weights have mean 1."""
    centred = advantages - weighted_mean(advantages, weights)
    return centred / (jnp.sqrt(_variance(advantages, weights)) + ADVANTAGE_EPSILON)


def explained_variance(
    values: Float[Array, "*batch"],
    targets: Float[Array, "*batch"],
    weights: Float[Array, "*steps"] | None = None,
) -> Float[Array, ""]:
    """The share of the targets' variance that the values explain; 1 if they are equal."""
    return 1 - _variance(targets - values, weights) / (_variance(targets, weights) + 1e-8)


def _variance(
    quantity: Float[Array, "*batch"], weights: Float[Array, "*steps"] | None
) -> Float[Array, ""]:
    if weights is None:
        return jnp.var(quantity)
    return weighted_mean((quantity - weighted_mean(quantity, weights)) ** 2, weights)
