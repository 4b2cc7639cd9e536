"""Weights that sum to 1 and are never below a floor: the truncated simplex."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._types import Scalar


def project(vector: Float[Array, " n"], floor: Scalar) -> Float[Array, " n"]:
    """The nearest weights that sum to 1, each at least `floor`, which is at most `1 / n`.

    `max(vector + m, floor)`, with the one `m` for which the sum is 1: entries above the floor move
    by a common constant. No entry can be above 1 then. (Held, Wolfe and Crowder 1974, moved by the
    floor: of the entries in order of size, those count whose own `m` keeps them above it.)
    """
    size = vector.size
    # Whole numbers up to 2^24 are exact in single precision.
    counts = jnp.arange(1, size + 1, dtype=vector.dtype)
    highest_first = -jnp.sort(-(vector - floor))
    # What there is to give away beyond the floors, if the first so many share it.
    shifts = (1 - size * floor - jnp.cumsum(highest_first)) / counts
    num_above = jnp.sum(highest_first + shifts > 0, dtype=jnp.int32)
    # Where the floors use up all there is, rounding may leave none above.
    shift = shifts[jnp.maximum(num_above, 1) - 1]
    return jnp.maximum(vector - floor + shift, 0.0) + floor


def entropy(weights: Float[Array, " n"]) -> Float[Array, ""]:
    """`-sum y log y` of positive weights."""
    return -jnp.sum(weights * jnp.log(weights))
