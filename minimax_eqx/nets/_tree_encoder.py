"""An encoder for observations of any form, which treats each array after its own kind."""

import math
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Shaped

from .._ranges import check_at_least
from .._types import PyTree
from .._xla._patches import pad
from ._batched import AbstractBatched, over_leading_axes
from ._convolution import Convolution, flattened, scaled
from ._dense import Dense, orthogonal
from ._encoder import AbstractEncoder
from ._impala_encoder import ImpalaEncoder

# Images with a side that is shorter are grids: one of their places is a cell, not a pixel.
SMALLEST_PICTURE = 24
# Grids have at least so many rows and columns; what is smaller is a list of numbers.
SMALLEST_GRID = 3
NUM_BYTES = 256
# More bytes than this are no codes, and are scaled in place of being embedded.
MOST_EMBEDDED = 512


class TreeEncoder(AbstractEncoder):
    """Reads observations of any form: choose it if you do not want to think about encoders.

    An observation may be an array, or modules, dictionaries and tuples of arrays. Each array has
    an encoder of its own, by its shape and type, and a dense layer with a rectifier joins them:

    - An array of rows x columns x channels is a *picture* if both sides are at least 24, and
      `image` reads it, with bytes divided by 255.
    - It is a *grid* if it is smaller and both sides are at least 3: a 3x3 convolution with padding
      reads it.
    - All else is a list of numbers.

    In grids and lists, bytes are codes: each picks a row of a table, so that code 7 is no larger
    than code 2. (In a list of more than 512 they are divided by 255.) Booleans are 0 and 1, and
    other numbers are as `numbers` says.
    """

    image: AbstractEncoder = ImpalaEncoder()
    """How pictures are read: arrays of at least 24 x 24 places."""
    output_size: int = 128
    """Number of features."""
    embedding_size: int = 8
    """Numbers that stand for a byte that is a code."""
    num_filters: int = 16
    """Numbers that the convolution of a grid gives for each cell."""
    numbers: Literal["symlog", "identity"] = "symlog"
    """Whether numbers are squeezed to sign(x) log(1 + |x|), which suits those of any size, or
    used as they are."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "output_size", "embedding_size", "num_filters")

    def init(self, observation: PyTree, *, key: Key[Array, ""]) -> "TreeEncoderWeights":
        """Raises `ValueError` for observations without numbers, and for arrays that are no
        numbers, such as random keys."""
        leaves = jax.tree_util.tree_leaves_with_path(observation)
        if sum(math.prod(leaf.shape) for _, leaf in leaves) < 1:
            raise ValueError(f"TreeEncoder: there are no numbers in {observation}.")
        for path, leaf in leaves:
            if not any(jnp.issubdtype(leaf.dtype, kind) for kind in _KINDS):
                raise ValueError(
                    f"TreeEncoder reads arrays of numbers and booleans; the observation has "
                    f"{leaf.dtype} at `{jax.tree_util.keystr(path)}`. Leave it out of what "
                    "env.observe gives."
                )
        dense_key, *keys = jax.random.split(key, len(leaves) + 1)
        encoders = tuple(
            self._for_leaf(leaf, key=key) for (_, leaf), key in zip(leaves, keys, strict=True)
        )
        size = sum(
            eqx.filter_eval_shape(lambda e, x: e(x), encoder, leaf).shape[-1]
            for encoder, (_, leaf) in zip(encoders, leaves, strict=True)
        )
        dense = Dense.create(size, self.output_size, init=orthogonal(2**0.5), key=dense_key)
        return TreeEncoderWeights(encoders, dense, tuple(leaf.shape for _, leaf in leaves))

    def _for_leaf(self, leaf: Any, *, key: Key[Array, ""]) -> Callable[[Any], Array]:
        embedding_key, encoder_key = jax.random.split(key)
        is_image = len(leaf.shape) == 3 and min(leaf.shape) > 0
        if is_image and min(leaf.shape[:2]) >= SMALLEST_PICTURE:
            return self.image.init(leaf, key=encoder_key)
        is_grid = is_image and min(leaf.shape[:2]) >= SMALLEST_GRID
        is_code = jnp.dtype(leaf.dtype) in (jnp.uint8, jnp.int8)
        num_channels = leaf.shape[-1] if is_grid else 1
        table = None
        if is_code and (is_grid or math.prod(leaf.shape) <= MOST_EMBEDDED):
            table = orthogonal()(embedding_key, (NUM_BYTES, self.embedding_size))
            num_channels *= self.embedding_size
        numbers = Numbers(table, self.numbers, len(leaf.shape))
        if not is_grid:
            return numbers
        return Grid(
            numbers, Convolution.create(num_channels, self.num_filters, size=3, key=encoder_key)
        )


class Numbers(AbstractBatched):
    """Numbers as a list, or, within a grid, as the channels of each cell."""

    table: Float[Array, "code embedding"] | None
    kind: str = eqx.field(static=True)
    num_axes: int = eqx.field(static=True)

    def __call__(self, numbers: Shaped[Array, "..."]) -> Float[Array, "*batch features"]:
        batch = numbers.shape[: numbers.ndim - self.num_axes]
        return self.values(numbers).reshape(*batch, -1)

    def values(self, numbers: Shaped[Array, "*shape"]) -> Float[Array, "*shape embedding"]:
        """A vector for each of them."""
        if self.table is not None:
            # Negative codes are at the end of the table.
            codes = numbers.astype(jnp.int32) % NUM_BYTES
            return self.table[codes]
        x = scaled(numbers)
        if self.kind == "symlog" and numbers.dtype not in (jnp.uint8, jnp.bool_):
            x = jnp.sign(x) * jnp.log1p(jnp.abs(x))
        return x[..., None]


class Grid(AbstractBatched):
    """Cells, each with a few codes or numbers, and a convolution of them."""

    numbers: Numbers
    convolution: Convolution

    def __call__(
        self, grid: Shaped[Array, "*batch rows columns channels"]
    ) -> Float[Array, "*batch features"]:
        cells = self.numbers.values(grid).reshape(*grid.shape[:-1], -1)
        return flattened(self.convolution(pad(cells)))


class TreeEncoderWeights(AbstractBatched):
    """The weights of a `TreeEncoder`: an encoder for each array, and the layer that joins them."""

    encoders: tuple[Callable[[Any], Array], ...]
    dense: Dense
    leaf_shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(self, observation: PyTree) -> Float[Array, "*batch features"]:
        leaves = jax.tree.leaves(observation)
        shapes = tuple(
            leaf.shape[leaf.ndim - len(shape) :]
            for leaf, shape in zip(leaves, self.leaf_shapes, strict=False)
        )
        if len(leaves) != len(self.leaf_shapes) or shapes != self.leaf_shapes:
            raise ValueError(
                f"TreeEncoder was made for observations of shapes {self.leaf_shapes} and got "
                f"{tuple(leaf.shape for leaf in leaves)}."
            )
        features = [
            over_leading_axes(encoder, leaf.ndim - len(shape))(leaf)
            for encoder, leaf, shape in zip(self.encoders, leaves, self.leaf_shapes, strict=True)
        ]
        return jax.nn.relu(self.dense(jnp.concatenate(features, axis=-1)))


_KINDS = (jnp.bool_, jnp.integer, jnp.floating)
