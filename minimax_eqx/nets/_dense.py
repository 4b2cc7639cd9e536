"""Affine layers over the last axis, and their initialisation."""

from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._xla._product import product

Initialiser: TypeAlias = Callable[..., Float[Array, "..."]]


# Every step multiplies small singular values by 1.5, and rounding lifts them all above 1e-8.
NUM_NEWTON_SCHULZ_STEPS = 50
# A normal matrix so tall, with so many rows, has singular values close to their mean: few steps are
# enough, and they need its small Gram matrix only.
TALL, ROWS_IF_TALL, NUM_STEPS_IF_TALL = 16, 256, 8


def orthogonal(gain: float = 1.0) -> Initialiser:
    """Draws matrices with orthonormal columns (or rows, if there are fewer) times `gain`.

    Uniform among those (Haar), as `jax.nn.initializers.orthogonal`. That one calls LAPACK, which
    hangs now and then on a CPU when it is batched inside a larger program, as a population of
    agents is. Here it is the orthogonal polar factor of a normal matrix, by Newton and Schulz's
    iteration: matrix products only, which compile fast.
    """

    def init(key, shape):
        x = jax.random.normal(key, (max(shape), min(shape)))
        is_tall = max(shape) >= max(TALL * min(shape), ROWS_IF_TALL)
        x = _orthonormal_if_tall(x) if is_tall else _orthonormal(x)
        return gain * (x if shape[0] >= shape[1] else x.T)

    return init


def _orthonormal(x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
    """The polar factor of a normal matrix with no fewer rows than columns."""
    # With singular values below about 1; the iteration converges up to sqrt(3).
    x = x / (x.shape[0] ** 0.5 + x.shape[1] ** 0.5)

    def step(_, x):
        return 1.5 * x - 0.5 * _product(x, _product(x.T, x))

    return jax.lax.fori_loop(0, NUM_NEWTON_SCHULZ_STEPS, step, x)


def _orthonormal_if_tall(x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
    """The same: the matrix times the inverse square root of its Gram matrix."""
    x = x / x.shape[0] ** 0.5
    identity = jnp.eye(x.shape[1])

    def step(_, roots):
        root, inverse_root = roots
        correction = 1.5 * identity - 0.5 * _product(inverse_root, root)
        return _product(root, correction), _product(correction, inverse_root)

    roots = (_product(x.T, x), identity)
    _, inverse_root = jax.lax.fori_loop(0, NUM_STEPS_IF_TALL, step, roots)
    return _product(x, inverse_root)


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")


def orthogonal_gates(
    input_size: int, hidden_size: int, *, num_gates: int, key: Key[Array, ""]
) -> tuple[Float[Array, "input gates"], Float[Array, "hidden gates"]]:
    """The input's and the recurrent matrix of all gates, each gate orthogonal by itself."""
    init = orthogonal()
    keys = jax.random.split(key, (2, num_gates))

    def side_by_side(keys, fan_in):
        gates = jax.vmap(lambda key: init(key, (fan_in, hidden_size)))(keys)
        return jnp.moveaxis(gates, 0, 1).reshape(fan_in, num_gates * hidden_size)

    return side_by_side(keys[0], input_size), side_by_side(keys[1], hidden_size)


class Dense(eqx.Module):
    """`x @ weight + bias` over the last axis, for any leading axes."""

    weight: Float[Array, "input output"]
    bias: Float[Array, " output"]

    @classmethod
    def create(
        cls, input_size: int, output_size: int, *, init: Initialiser, key: Key[Array, ""]
    ) -> "Dense":
        """Draws the weight by `init(key, shape)`; the bias starts at zero."""
        return cls(init(key, (input_size, output_size)), jnp.zeros(output_size))

    def __call__(self, x: Float[Array, "*batch input"]) -> Float[Array, "*batch output"]:
        y = product(x, self.weight)
        return y + jnp.broadcast_to(self.bias, y.shape)
