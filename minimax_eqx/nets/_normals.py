"""Normal distributions that are kept inside the bounds of a box."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtr
from jaxtyping import Array, Float

from ..envs import Box
from ._distributions import AbstractDistribution

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
# Further from the mean, in standard deviations, there is nothing left in single precision.
FARTHEST = 1e4
# Where samples end before they are squashed: `tanh` of it is 1 - 1.2e-5, which float32 still tells
# from 1 well enough to be turned back.
LARGEST_UNSQUASHED = 6.0


class CensoredNormal(AbstractDistribution):
    """A normal variable, clipped into the bounds: what lies beyond a bound is moved onto it.

    An action on a bound therefore has a probability, and one between them a density. Learning from
    those, and not from the density of what was clipped, has the same mean gradient and less
    variance (Fujita and Maeda 2018, arXiv 1802.07564).
    """

    mean: Float[Array, "*batch_and_box"]
    log_std: Float[Array, "*batch_and_box"]
    box: Box = eqx.field(static=True)

    def sample(self, noise: Float[Array, "*batch_and_box"]) -> Float[Array, "*batch_and_box"]:
        return self._clip(self.mean + jnp.exp(self.log_std) * noise)

    def mode(self) -> Float[Array, "*batch_and_box"]:
        return self._clip(self.mean)

    def _clip(self, x: Float[Array, "*batch_and_box"]) -> Float[Array, "*batch_and_box"]:
        # Actions are in single precision, and with 64 bits switched on weights are not.
        return jnp.clip(x, *bounds_of(self.box, self.mean.shape)).astype(jnp.float32)

    def log_prob_and_entropy(
        self, action: Float[Array, "*batch_and_box"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        return self._log_prob(action), self._entropy()

    def _log_prob(self, action: Float[Array, "*batch_and_box"]) -> Float[Array, "*batch"]:
        low, high = bounds_of(self.box, self.mean.shape)
        at_low, at_high = action <= low, action >= high
        start, end = self._ends()
        log_probs = _normal_log_prob(action, self.mean, self.log_std)
        # The other branch gets a harmless number, so that its gradient is one too.
        log_probs = jnp.where(at_low, log_ndtr(jnp.where(at_low, start, 0.0)), log_probs)
        log_probs = jnp.where(at_high, log_ndtr(-jnp.where(at_high, end, 0.0)), log_probs)
        return _sum_over(self.box, log_probs)

    def _entropy(self) -> Float[Array, "*batch"]:
        start, end = self._ends()
        inside, _, square = self._moments()
        between = (self.log_std + HALF_LOG_2_PI) * inside + 0.5 * square
        on_low = -jnp.exp(log_ndtr(start)) * log_ndtr(start)
        on_high = -jnp.exp(log_ndtr(-end)) * log_ndtr(-end)
        return _sum_over(self.box, between + on_low + on_high)

    def kl(self, other: "CensoredNormal") -> Float[Array, "*batch"]:
        (start, end), (other_start, other_end) = self._ends(), other._ends()
        inside, first, square = self._moments()
        # The other's standardised variable, in terms of this one's: `slope z + shift`.
        slope = jnp.exp(self.log_std - other.log_std)
        shift = (self.mean - other.mean) * jnp.exp(-other.log_std)
        other_square = slope**2 * square + 2 * slope * shift * first + shift**2 * inside
        between = (other.log_std - self.log_std) * inside + 0.5 * (other_square - square)
        on_low = jnp.exp(log_ndtr(start)) * (log_ndtr(start) - log_ndtr(other_start))
        on_high = jnp.exp(log_ndtr(-end)) * (log_ndtr(-end) - log_ndtr(-other_end))
        return _sum_over(self.box, between + on_low + on_high)

    def _ends(self):
        """The bounds, in standard deviations from the mean."""
        return [
            jnp.clip((bound - self.mean) * jnp.exp(-self.log_std), -FARTHEST, FARTHEST)
            for bound in bounds_of(self.box, self.mean.shape)
        ]

    def _moments(self):
        """Of the standardised variable z between the bounds: the integrals of 1, z and z**2."""
        start, end = self._ends()
        at_start, at_end = (jnp.exp(-0.5 * z**2 - HALF_LOG_2_PI) for z in (start, end))
        inside = ndtr(end) - ndtr(start)
        return inside, at_start - at_end, inside + start * at_start - end * at_end


class TanhNormal(AbstractDistribution):
    """A normal variable, squashed into the bounds by tanh.

    `mean` and `log_std` are those of the variable before it is squashed. It is cut off where tanh
    is 1e-5 from 1, so no action lies on a bound.
    """

    mean: Float[Array, "*batch_and_box"]
    log_std: Float[Array, "*batch_and_box"]
    box: Box = eqx.field(static=True)

    def sample(self, noise: Float[Array, "*batch_and_box"]) -> Float[Array, "*batch_and_box"]:
        return self._squash(self.mean + jnp.exp(self.log_std) * noise)

    def mode(self) -> Float[Array, "*batch_and_box"]:
        """The squashed mean, which is the median."""
        return self._squash(self.mean)

    def log_prob_and_entropy(
        self, action: Float[Array, "*batch_and_box"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        return self._log_prob(action), self._entropy()

    def _log_prob(self, action: Float[Array, "*batch_and_box"]) -> Float[Array, "*batch"]:
        centre, half_width = centre_and_half_width(self.box, self.mean.shape)
        largest = math.tanh(LARGEST_UNSQUASHED)
        unsquashed = jnp.arctanh(jnp.clip((action - centre) / half_width, -largest, largest))
        log_probs = _normal_log_prob(unsquashed, self.mean, self.log_std)
        return _sum_over(self.box, log_probs - jnp.log(half_width) - _log_slope(unsquashed))

    def _entropy(self) -> Float[Array, "*batch"]:
        """The normal's, and the mean of the logarithm of tanh's slope by a rule with 32 points."""
        _, half_width = centre_and_half_width(self.box, self.mean.shape)
        nodes, weights = np.polynomial.hermite_e.hermegauss(32)  # Gauss and Hermite's rule
        nodes, weights = jnp.asarray(nodes, jnp.float32), jnp.asarray(weights, jnp.float32)
        nodes = jnp.broadcast_to(nodes, (*self.mean.shape, nodes.size))
        points = self.mean[..., None] + jnp.exp(self.log_std)[..., None] * nodes
        log_slope = _log_slope(points) @ (weights / jnp.sum(weights))
        normal = 0.5 + HALF_LOG_2_PI + self.log_std
        return _sum_over(self.box, normal + jnp.log(half_width) + log_slope)

    def kl(self, other: "TanhNormal") -> Float[Array, "*batch"]:
        """The normals', which squashing does not change."""
        square = jnp.exp(2 * (self.log_std - other.log_std))
        shift = (self.mean - other.mean) * jnp.exp(-other.log_std)
        kl = other.log_std - self.log_std + 0.5 * (square + shift**2 - 1)
        return _sum_over(self.box, kl)

    def _squash(self, x):
        centre, half_width = centre_and_half_width(self.box, self.mean.shape)
        x = jnp.clip(x, -LARGEST_UNSQUASHED, LARGEST_UNSQUASHED)
        return (jnp.tanh(x) * half_width + centre).astype(jnp.float32)


def bounds_of(box: Box, shape: tuple[int, ...]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """The box's bounds, repeated over leading axes up to `shape`."""
    low, high = (jnp.broadcast_to(jnp.asarray(bound), shape) for bound in box.bounds())
    return low, high


def centre_and_half_width(
    box: Box, shape: tuple[int, ...]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """The middle between the bounds, and its distance from them, repeated up to `shape`."""
    low, high = bounds_of(box, shape)
    half_width = (high - low) / 2
    return low + half_width, half_width


def _normal_log_prob(x, mean, log_std):
    return -0.5 * ((x - mean) * jnp.exp(-log_std)) ** 2 - log_std - HALF_LOG_2_PI


def _log_slope(x):
    """The logarithm of tanh's derivative."""
    return 2 * (math.log(2) - x - jax.nn.softplus(-2 * x))


def _sum_over(box, x):
    return jnp.sum(x, axis=tuple(range(x.ndim - len(box.shape), x.ndim)))
