"""Functions of beta distributions, by Stirling's series.

JAX has them too, and takes ten times as long to compile them with their derivatives. These are for
arguments of 1 and above, in single precision.
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

# The series are taken that far above the argument, where they have converged.
_SHIFT = 4


def log_beta(a: Float[Array, "*batch"], b: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """The logarithm of what makes a beta distribution's density integrate to 1."""
    return _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b)


def digamma(x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """The derivative of the logarithm of the gamma function."""
    y = x + _SHIFT
    below = sum(1 / (x + i) for i in range(_SHIFT))
    square = 1 / (y * y)
    return jnp.log(y) - 0.5 / y - square * (1 / 12 - square * (1 / 120 - square / 252)) - below


def trigamma(x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """The derivative of `digamma`."""
    y = x + _SHIFT
    above = sum(1 / jnp.square(x + i) for i in range(_SHIFT))
    square = 1 / (y * y)
    return (1 + 0.5 / y + square * (1 / 6 - square * (1 / 30 - square / 42))) / y + above


def _log_gamma(x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    y = x + _SHIFT
    product = x
    for i in range(1, _SHIFT):
        product = product * (x + i)
    square = 1 / (y * y)
    series = (1 / 12 - square * (1 / 360 - square / 1260)) / y
    return (y - 0.5) * jnp.log(y) - y + 0.5 * math.log(2 * math.pi) + series - jnp.log(product)
