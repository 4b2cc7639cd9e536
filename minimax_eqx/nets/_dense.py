"""Affine layers over the last axis, and their initialisation."""

from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._xla._mesh import levels_are_split

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


def product(
    x: Float[Array, "*batch input"], weight: Float[Array, "input output"]
) -> Float[Array, "*batch output"]:
    """`x @ weight`, with a gradient of the weight that is fast over long batches.

    That gradient is a sum over all of `*batch`. A CPU is a fifth faster at it if the inputs are
    transposed first, in memory, which XLA would not do. Levels that are split over devices stay an
    axis of their own: merged with time, they would be gathered.
    """
    return x @ weight if levels_are_split() else _merged_product(x, weight)


@jax.custom_vjp
def _merged_product(x, weight):
    return (x.reshape(-1, x.shape[-1]) @ weight).reshape(*x.shape[:-1], -1)


def _product_forward(x, weight):
    return _merged_product(x, weight), (x, weight)


def _product_backward(residuals, cotangent):
    x, weight = residuals
    rows = cotangent.reshape(-1, cotangent.shape[-1])
    columns = jax.lax.optimization_barrier(x.reshape(-1, x.shape[-1]).T)
    return (rows @ weight.T).reshape(x.shape), columns @ rows


_merged_product.defvjp(_product_forward, _product_backward)


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


class MLP(eqx.Module):
    """Dense layers with tanh between them and none after the last."""

    hidden: tuple[Dense, ...]
    out: Dense

    @classmethod
    def create(
        cls,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        num_hidden: int = 1,
        out_init: Initialiser,
        key: Key[Array, ""],
    ) -> "MLP":
        """`num_hidden` layers of `hidden_size`, initialised orthogonally with gain sqrt(2)."""
        *hidden_keys, out_key = jax.random.split(key, num_hidden + 1)
        sizes = [input_size] + [hidden_size] * num_hidden
        init = orthogonal(2**0.5)
        hidden = tuple(
            Dense.create(fan_in, hidden_size, init=init, key=hidden_key)
            for fan_in, hidden_key in zip(sizes, hidden_keys, strict=False)
        )
        out = Dense.create(sizes[-1], output_size, init=out_init, key=out_key)
        return cls(hidden, out)

    def __call__(self, x: Float[Array, "*batch input"]) -> Float[Array, "*batch output"]:
        for layer in self.hidden:
            x = jnp.tanh(layer(x))
        return self.out(x)
