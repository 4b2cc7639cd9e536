"""A mixture of Gaussians, fitted by expectation maximisation."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._types import Scalar


class Gaussians(eqx.Module):
    """A density, the sum of several Gaussians with diagonal covariances."""

    log_weights: Float[Array, " component"]
    means: Float[Array, "component feature"]
    variances: Float[Array, "component feature"]

    @classmethod
    def at(cls, means: Float[Array, "component feature"]) -> "Gaussians":
        """Equally heavy ones of variance 1 with these means."""
        log_weights = jnp.full(len(means), -math.log(len(means)), means.dtype)
        return cls(log_weights, means, jnp.ones_like(means))

    def log_joint(self, points: Float[Array, "point feature"]) -> Float[Array, "point component"]:
        """The logarithm of each component's share of the density at each point."""
        precisions = 1 / self.variances
        # As products of matrices: the square of the distance, multiplied out.
        distances = jnp.square(points) @ precisions.T - 2 * points @ (self.means * precisions).T
        distances = distances + jnp.sum(jnp.square(self.means) * precisions, axis=1)[None]
        log_scales = jnp.sum(jnp.log(2 * jnp.pi * self.variances), axis=1)
        return (self.log_weights - 0.5 * log_scales)[None] - 0.5 * jnp.maximum(distances, 0)

    def log_density(self, points: Float[Array, "point feature"]) -> Float[Array, " point"]:
        """The logarithm of the density at each point."""
        return jax.nn.logsumexp(self.log_joint(points), axis=1)

    def fitted(
        self,
        points: Float[Array, "point feature"],
        counts: Float[Array, " point"],
        num_steps: int,
        min_variance: Scalar,
    ) -> "Gaussians":
        """After steps of expectation maximisation, where a point counts that often.

        A component that no point belongs to stays where it is.
        """

        def step(gaussians, _):
            shares = jax.nn.softmax(gaussians.log_joint(points), axis=1) * counts[:, None]
            sizes = jnp.sum(shares, axis=0)
            divisor = jnp.maximum(sizes, 1e-6)[:, None]
            means = shares.T @ points / divisor
            variances = shares.T @ jnp.square(points) / divisor - jnp.square(means)
            used = (sizes > 1e-3)[:, None]
            weights = sizes / jnp.maximum(jnp.sum(sizes), 1e-6)
            fitted = Gaussians(
                jnp.log(jnp.maximum(weights, 1e-6)),
                jnp.where(used, means, gaussians.means),
                jnp.where(used, jnp.maximum(variances, 0) + min_variance, gaussians.variances),
            )
            return fitted, None

        return jax.lax.scan(step, self, None, num_steps)[0]
