"""Mixtures of normal distributions, fitted by expectation and maximisation."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, Int, Key

# Added to the variances, so that no component shrinks to a point: a standard deviation of 0.01.
_LEAST_VARIANCE = 1e-4


class Mixture(eqx.Module):
    """Several normal distributions, of which those with a weight above 0 count."""

    weights: Float[Array, " component"]
    means: Float[Array, "component coordinate"]
    roots: Float[Array, "component coordinate coordinate"]  # of the covariances, lower triangles

    @classmethod
    def standard(cls, num_components: int, num_coordinates: int) -> "Mixture":
        """Components that all are standard normal ones; to be replaced by a fit."""
        shape = (num_components, num_coordinates)
        eye = jnp.eye(num_coordinates, dtype=jnp.float32)
        roots = jnp.broadcast_to(eye, (*shape, num_coordinates))
        weights = jnp.full(num_components, 1 / num_components, jnp.float32)
        return cls(weights, jnp.zeros(shape, jnp.float32), roots)

    @classmethod
    def fitted(
        cls,
        data: Float[Array, "datum coordinate"],
        max_components: int,
        num_iterations: int,
        *,
        key: Key[Array, ""],
    ) -> "Mixture":
        """The one of 2 to `max_components` components with the least `2 p - 2 log L`, where `p` is
        how many numbers are fitted, and `L` the likelihood of the data.

        All begin with the same data as means, and with the covariance of all.
        """
        num_data, num_coordinates = data.shape
        begin = jax.random.choice(key, num_data, (max_components,), replace=False)
        spread = jnp.linalg.cholesky(
            _covariance(data, jnp.full(num_data, 1 / num_data, data.dtype))
        )
        counts = np.arange(2, max_components + 1)

        def fit(count):
            weights = jnp.where(jnp.arange(max_components, dtype=jnp.float32) < count, 1 / count, 0)
            roots = jnp.broadcast_to(spread, (max_components, *spread.shape))
            mixture = cls(weights, data[begin], roots)
            mixture, _ = jax.lax.scan(
                lambda mixture, _: (mixture._improved(data), None), mixture, None, num_iterations
            )
            log_likelihood = jnp.sum(jax.nn.logsumexp(mixture._log_joint(data), axis=1))
            return mixture, log_likelihood

        mixtures, log_likelihoods = jax.vmap(fit)(jnp.asarray(counts, jnp.float32))
        of_each = num_coordinates + num_coordinates * (num_coordinates + 1) // 2
        num_fitted = counts - 1 + counts * of_each
        best = jnp.argmin(2 * jnp.asarray(num_fitted, jnp.float32) - 2 * log_likelihoods)
        return jax.tree.map(lambda leaf: leaf[best], mixtures)

    @property
    def size(self) -> Int[Array, ""]:
        """How many components count."""
        return jnp.sum(self.weights > 0, dtype=jnp.int32)

    def sample(
        self, appeal: Float[Array, " component"], *, key: Key[Array, ""]
    ) -> Float[Array, " coordinate"]:
        """Draws from a component that is chosen in proportion to its appeal, which counts as at
        least a millionth."""
        component_key, noise_key = jax.random.split(key)
        logits = jnp.where(self.weights > 0, jnp.log(jnp.maximum(appeal, 1e-6)), -jnp.inf)
        component = jax.random.categorical(component_key, logits)
        noise = jax.random.normal(noise_key, self.means.shape[1:], self.means.dtype)
        return self.means[component] + self.roots[component] @ noise

    def _log_joint(self, data: Float[Array, "datum coordinate"]) -> Float[Array, "datum component"]:
        """Logarithms of each component's weight times its density."""

        def of_one(weight, mean, root):
            scaled = solve_triangular(root, (data - mean[None]).T, lower=True)
            log_scale = jnp.sum(jnp.log(jnp.diagonal(root)))
            density = -0.5 * jnp.sum(jnp.square(scaled), axis=0) - log_scale
            return jnp.log(weight) + density - 0.5 * data.shape[1] * math.log(2 * math.pi)

        return jax.vmap(of_one, out_axes=1)(self.weights, self.means, self.roots)

    def _improved(self, data: Float[Array, "datum coordinate"]) -> "Mixture":
        """After one step of expectation and maximisation. Weights of 0 stay 0."""
        shares = jax.nn.softmax(self._log_joint(data), axis=1)
        totals = jnp.sum(shares, axis=0)

        def refit(share, total, mean, root):
            own = share / jnp.maximum(total, 1e-6)
            fitted = own @ data
            new_root = jnp.linalg.cholesky(_covariance(data, own))
            # A component that lost all data stays where it is.
            is_empty = total < 1e-3
            return jnp.where(is_empty, mean, fitted), jnp.where(is_empty, root, new_root)

        means, roots = jax.vmap(refit)(shares.T, totals, self.means, self.roots)
        return Mixture(totals / data.shape[0], means, roots)


def _covariance(
    data: Float[Array, "datum coordinate"], shares: Float[Array, " datum"]
) -> Float[Array, "coordinate coordinate"]:
    """That of data that count by shares, which add up to 1, and a little more on the diagonal."""
    away = data - (shares @ data)[None]
    return (away * shares[:, None]).T @ away + _LEAST_VARIANCE * jnp.eye(
        data.shape[1], dtype=data.dtype
    )
