"""The encoder of images that deep Q-networks made known."""

import jax
from jaxtyping import Array, Float, Key, Shaped

from .._ranges import check_at_least
from .._types import PyTree
from ._batched import AbstractBatched
from ._convolution import Convolution, flattened, image_shape, scaled
from ._dense import Dense, orthogonal
from ._encoder import AbstractEncoder

# Of each convolution: filters, size of the kernel, and stride.
LAYERS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
SMALLEST = 36


class NatureEncoder(AbstractEncoder):
    """Three convolutions and a dense layer, each rectified: for images of 36 x 36 places or more.

    The kernels are 8, 4 and 3 wide with strides 4, 2 and 1, and give 32, 64 and 64 numbers for each
    place, as in Mnih et al., "Human-level control through deep reinforcement learning", Nature 518
    (2015). Bytes are divided by 255. Fewer operations than `ImpalaEncoder`, and more weights.
    """

    output_size: int = 512
    """Number of features."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "output_size")

    def init(self, observation: PyTree, *, key: Key[Array, ""]) -> "NatureEncoderWeights":
        """Raises `ValueError` unless the observation is one image that is large enough."""
        rows, columns, channels = image_shape("NatureEncoder", observation, SMALLEST)
        *keys, dense_key = jax.random.split(key, len(LAYERS) + 1)
        convolutions = []
        for (num_filters, size, stride), layer_key in zip(LAYERS, keys, strict=True):
            convolutions.append(
                Convolution.create(channels, num_filters, size=size, stride=stride, key=layer_key)
            )
            rows, columns = ((length - size) // stride + 1 for length in (rows, columns))
            channels = num_filters
        init = orthogonal(2**0.5)
        dense = Dense.create(rows * columns * channels, self.output_size, init=init, key=dense_key)
        return NatureEncoderWeights(tuple(convolutions), dense)


class NatureEncoderWeights(AbstractBatched):
    """The weights of a `NatureEncoder`."""

    convolutions: tuple[Convolution, ...]
    dense: Dense

    def __call__(
        self, images: Shaped[Array, "*batch rows columns channels"]
    ) -> Float[Array, "*batch features"]:
        x = scaled(images)
        for convolution in self.convolutions:
            x = jax.nn.relu(convolution(x))
        return jax.nn.relu(self.dense(flattened(x)))
