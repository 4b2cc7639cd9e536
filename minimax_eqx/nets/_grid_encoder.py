"""The student's encoder: from a view of a grid to features."""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt8

from .._ranges import check_at_least
from .._types import PyTree
from .._xla._windows import KERNEL_SIZE, convolve, windows_of
from ._batched import AbstractBatched
from ._dense import orthogonal
from ._encoder import AbstractEncoder
from ._observations import check_image, read_spec

NUM_DIRECTIONS = 4


@runtime_checkable
class DirectedView(Protocol):
    """What `GridEncoder` reads of an observation, such as `minimax_eqx.envs.maze`'s."""

    image: UInt8[Array, "*batch rows columns channels"]
    agent_dir: UInt8[Array, "*batch"]
    agent_pos: Float[Array, "*batch 2"] | None


class GridEncoder(AbstractEncoder):
    """The reference's student encoder: a 3x3 convolution of the view beside an embedded direction.

    The image's codes are divided by 10, convolved without padding, rectified and flattened; the
    direction picks a row of a table; a position, if the observation has one, is appended as it is.
    """

    num_filters: int = 16
    """Numbers that the convolution gives for each place."""
    embedding_size: int = 5
    """Numbers that stand for the direction."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_filters", "embedding_size")

    def init(self, observation: PyTree, *, key: Key[Array, ""]) -> "GridEncoderWeights":
        """Raises `ValueError` if the observation has no `image` or no `agent_dir`, and if the view
        is smaller than the kernel."""
        image, _ = read_spec(
            "GridEncoder",
            observation,
            image=(3, "rows x columns x channels"),
            agent_dir=(0, "a direction from 0 to 3"),
        )
        check_image("GridEncoder", image.shape)
        kernel_key, embedding_key = jax.random.split(key)
        taps = KERNEL_SIZE * KERNEL_SIZE * image.shape[-1]
        return GridEncoderWeights(
            kernel=orthogonal(2**0.5)(kernel_key, (taps, self.num_filters)),
            bias=jnp.zeros(self.num_filters),
            embedding=orthogonal()(embedding_key, (NUM_DIRECTIONS, self.embedding_size)),
            image_shape=image.shape,
        )


class GridEncoderWeights(AbstractBatched):
    """The weights of a `GridEncoder`."""

    kernel: Float[Array, "taps filters"]
    bias: Float[Array, " filters"]
    embedding: Float[Array, "directions embedding"]
    image_shape: tuple[int, int, int] = eqx.field(static=True)

    def __call__(self, observation: DirectedView) -> Float[Array, "*batch features"]:
        check_image("GridEncoder", observation.image.shape, made_for=self.image_shape)
        convolved = convolve(windows_of(observation.image), self.kernel, self.bias)
        batch = observation.image.shape[:-3]
        features = [convolved.reshape(*batch, -1), self.embedding[observation.agent_dir]]
        if observation.agent_pos is not None:
            features.append(observation.agent_pos)
        return jnp.concatenate(features, axis=-1)
