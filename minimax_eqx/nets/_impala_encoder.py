"""The encoder of images that IMPALA made known."""

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key, Shaped

from .._ranges import check_at_least
from .._types import PyTree
from .._xla._patches import pad, pool
from ._batched import AbstractBatched
from ._convolution import Convolution, flattened, image_shape, scaled
from ._dense import Dense, orthogonal
from ._encoder import AbstractEncoder


class ImpalaEncoder(AbstractEncoder):
    """A small residual network for images of any size.

    It has a stage for each of `filters`: a convolution, the maximum over 3x3 windows with stride 2,
    and two residual blocks of two convolutions each. All kernels are 3x3 with padding. Then come a
    rectifier, a dense layer, and a rectifier. This is the deep network of Espeholt et al.
    (arXiv 1802.01561), which Procgen's papers use as well. Bytes are divided by 255.
    """

    filters: tuple[int, ...] = (16, 32, 32)
    """For each stage, the numbers that it gives for each place; each stage halves the image."""
    output_size: int = 256
    """Number of features."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "output_size")
        if not self.filters or not all(type(n) is int and n >= 1 for n in self.filters):
            raise ValueError(
                f"ImpalaEncoder.filters is {self.filters}; it must hold at least one integer, and "
                "each must be at least 1."
            )

    def init(self, observation: PyTree, *, key: Key[Array, ""]) -> "ImpalaEncoderWeights":
        """Raises `ValueError` unless the observation is one image."""
        rows, columns, channels = image_shape("ImpalaEncoder", observation, 1)
        *keys, dense_key = jax.random.split(key, len(self.filters) + 1)
        stages = []
        for num_filters, stage_key in zip(self.filters, keys, strict=True):
            first_key, *block_keys = jax.random.split(stage_key, 5)
            first = _convolution(channels, num_filters, first_key)
            blocks = tuple(_convolution(num_filters, num_filters, k) for k in block_keys)
            stages.append(Stage(first, blocks))
            rows, columns, channels = (rows + 1) // 2, (columns + 1) // 2, num_filters
        init = orthogonal(2**0.5)
        dense = Dense.create(rows * columns * channels, self.output_size, init=init, key=dense_key)
        return ImpalaEncoderWeights(tuple(stages), dense)


class Stage(eqx.Module):
    """A convolution, pooling, and residual blocks of two convolutions each."""

    first: Convolution
    blocks: tuple[Convolution, ...]

    def __call__(
        self, images: Float[Array, "*batch rows columns channels"]
    ) -> Float[Array, "*batch new_rows new_columns filters"]:
        x = pool(self.first(pad(images)))
        for one, other in zip(self.blocks[::2], self.blocks[1::2], strict=True):
            inner = jax.nn.relu(one(pad(jax.nn.relu(x))))
            x = x + other(pad(inner))
        return x


class ImpalaEncoderWeights(AbstractBatched):
    """The weights of an `ImpalaEncoder`."""

    stages: tuple[Stage, ...]
    dense: Dense

    def __call__(
        self, images: Shaped[Array, "*batch rows columns channels"]
    ) -> Float[Array, "*batch features"]:
        x = scaled(images)
        for stage in self.stages:
            x = stage(x)
        return jax.nn.relu(self.dense(flattened(x)))


def _convolution(num_channels: int, num_filters: int, key: Key[Array, ""]) -> Convolution:
    return Convolution.create(num_channels, num_filters, size=3, key=key)
