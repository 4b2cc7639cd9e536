"""Mean and variance of all numbers that were ever seen, in bounded memory."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from .._types import PyTree

# Added to a variance, so that a number which is always the same becomes 0.
VARIANCE_EPSILON = 1e-8


class Moments(eqx.Module):
    """Mean and variance of each place of an array over everything seen so far."""

    mean: Float[Array, "*student_and_shape"]
    """The mean of each place."""
    variance: Float[Array, "*student_and_shape"]
    """The variance of each place."""
    # In single precision it stops near 1e11 steps, where one more batch changes nothing anyway.
    count: Float[Array, "*student"]
    """The sum of the weights of all steps that were seen."""

    @classmethod
    def of_nothing(cls, shape: tuple[int, ...]) -> "Moments":
        """Mean 0 and variance 1, which count for nothing."""
        zeros = jnp.zeros(shape, jnp.float32)
        return cls(zeros, jnp.ones(shape, jnp.float32), jnp.zeros((), jnp.float32))

    def normalise(self, x: Float[Array, "..."], clip: Float[Array, ""]) -> Float[Array, "..."]:
        """Less the mean, over the standard deviation; `x` may have any leading axes."""
        mean, scale = (
            jnp.broadcast_to(moment, x.shape)
            for moment in (self.mean, jax.lax.rsqrt(self.variance + VARIANCE_EPSILON))
        )
        normalised = (x.astype(jnp.float32) - mean) * scale
        return jnp.clip(normalised, -clip, clip).astype(x.dtype)

    def updated(
        self, x: Float[Array, "time play *shape"], weights: Float[Array, "time play"]
    ) -> "Moments":
        """With these steps too; each of them counts as often as its weight says.

        The moments of two sets of steps give those of both together by the formula of Chan, Golub
        and LeVeque (1979).
        """
        x, weights = x.astype(jnp.float32), weights.astype(jnp.float32)
        num_new = jnp.sum(weights)
        shares = jnp.expand_dims(weights / jnp.maximum(num_new, 1), tuple(range(2, x.ndim)))
        mean = jnp.sum(shares * x, axis=(0, 1))
        variance = jnp.sum(shares * jnp.square(x - mean[None, None]), axis=(0, 1))
        count = self.count + num_new
        share, step = num_new / jnp.maximum(count, 1), mean - self.mean
        between = share * (1 - share) * jnp.square(step)
        return Moments(
            self.mean + share * step,
            (1 - share) * self.variance + share * variance + between,
            count,
        )


class Statistics(eqx.Module):
    """Moments for each leaf of an observation that is normalised; None for the others.

    Nothing here is a parameter: `parameters_of` leaves it out, so no gradient is taken with respect
    to it, and no optimiser moves or decays it.
    """

    moments: tuple[Moments | None, ...]
    """One for each leaf of an observation, such as `Moments.of_nothing(leaf.shape)` at first."""
    clip: Float[Array, "*student"]
    """How large a normalised number may be."""

    def normalise(
        self, leaves: Sequence[Shaped[Array, "..."]]
    ) -> tuple[list[Shaped[Array, "..."]], int]:
        """The leaves with floats normalised, and how many leading axes they have.

        Raises `ValueError` for leaves of other shapes than those that were measured.
        """
        shapes = [None if m is None else m.mean.shape for m in self.moments]
        pairs = list(zip(leaves, shapes, strict=False))
        fit = len(leaves) == len(shapes) and all(
            shape is None or leaf.shape[leaf.ndim - len(shape) :] == shape for leaf, shape in pairs
        )
        num_axes = {leaf.ndim - len(shape) for leaf, shape in pairs if shape is not None}
        if not fit or len(num_axes) > 1:
            raise ValueError(
                f"Normalised was made for observations of shapes {shapes}, where None is not "
                f"normalised, and got {[leaf.shape for leaf in leaves]}."
            )
        normalised = [
            leaf if m is None else m.normalise(leaf, self.clip)
            for leaf, m in zip(leaves, self.moments, strict=True)
        ]
        return normalised, num_axes.pop()

    def updated(
        self,
        leaves: Sequence[Shaped[Array, "time play ..."]],
        weights: Float[Array, "time play"] | None,
    ) -> "Statistics":
        """With these steps too, all alike if `weights` is None."""
        weights = jnp.ones(leaves[0].shape[:2], jnp.float32) if weights is None else weights
        moments = tuple(
            None if m is None else m.updated(leaf, weights)
            for leaf, m in zip(leaves, self.moments, strict=True)
        )
        return Statistics(moments, self.clip)


def parameters_of(network: PyTree) -> tuple[PyTree, PyTree]:
    """What a gradient trains of a network, and the rest, each with None in place of the other;
    `eqx.combine` joins them again."""

    def is_trained(node: Any) -> bool:
        return not _are_statistics(node) and eqx.is_inexact_array(node)

    trained = jax.tree.map(is_trained, network, is_leaf=_are_statistics)
    return eqx.partition(network, trained)


def _are_statistics(node: Any) -> bool:
    return isinstance(node, Statistics)
