"""An encoder for small observations of any form."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._ranges import check_at_least
from .._types import PyTree
from ._batched import AbstractBatched
from ._convolution import scaled
from ._dense import Dense, orthogonal
from ._encoder import AbstractEncoder


class FlatEncoder(AbstractEncoder):
    """Flattens and joins all numbers of the observation, then one dense layer and tanh.

    For small observations of any form. Bytes are divided by 255, and other integers are used as
    they are. For images, or where bytes are codes, choose `TreeEncoder`.
    """

    output_size: int = 64
    """Number of features."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "output_size")

    def init(self, observation: PyTree, *, key: Key[Array, ""]) -> "FlatEncoderWeights":
        """Raises `ValueError` for observations without numbers."""
        shapes = tuple(leaf.shape for leaf in jax.tree.leaves(observation))
        input_size = sum(map(math.prod, shapes))
        if input_size < 1:
            raise ValueError(f"FlatEncoder: there are no numbers in {observation}.")
        dense = Dense.create(input_size, self.output_size, init=orthogonal(2**0.5), key=key)
        return FlatEncoderWeights(dense, shapes)


class FlatEncoderWeights(AbstractBatched):
    """The weights of a `FlatEncoder`."""

    dense: Dense
    leaf_shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(self, observation: PyTree) -> Float[Array, "*batch features"]:
        leaves = jax.tree.leaves(observation)
        shapes = [
            leaf.shape[leaf.ndim - len(shape) :]
            for leaf, shape in zip(leaves, self.leaf_shapes, strict=False)
        ]
        if len(leaves) != len(self.leaf_shapes) or shapes != list(self.leaf_shapes):
            raise ValueError(
                f"FlatEncoder was made for observations of shapes {self.leaf_shapes} and got "
                f"{tuple(leaf.shape for leaf in leaves)}."
            )
        flat = [
            scaled(leaf.reshape(*leaf.shape[: leaf.ndim - len(shape)], -1))
            for leaf, shape in zip(leaves, self.leaf_shapes, strict=True)
        ]
        return jnp.tanh(self.dense(jnp.concatenate(flat, axis=-1)))
