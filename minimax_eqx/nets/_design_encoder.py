"""The teacher's encoder: from a level in the making to features."""

import math
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt8

from .._ranges import check_at_least
from .._types import PyTree
from .._xla._design_projection import convolve_and_project
from .._xla._windows import KERNEL_SIZE, convolve, windows_of
from ._dense import orthogonal
from ._encoder import AbstractEncoder, AbstractProjectingEncoder
from ._observations import check_image, read_spec


@runtime_checkable
class Design(Protocol):
    """What `DesignEncoder` reads of an observation, such as `MazeEditor`'s."""

    image: UInt8[Array, "*batch rows columns channels"]
    time: Int[Array, "*batch"]
    noise: Float[Array, "*batch noise"] | None
    num_steps: int


class DesignEncoder(AbstractEncoder):
    """The reference's teacher encoder: a wide 3x3 convolution of the whole design.

    The image's codes are divided by 10, convolved without padding, rectified and flattened; the
    time picks a row of a table; the noise, if there is any, is appended as it is.
    """

    num_filters: int = 128
    """Numbers that the convolution gives for each place."""
    embedding_size: int = 10
    """Numbers that stand for the time."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "num_filters", "embedding_size")

    def init(self, observation: PyTree, *, key: Key[Array, ""]) -> "DesignEncoderWeights":
        """The table has a row for each of the observation's `num_steps` steps, a static field.

        Raises `ValueError` if the observation has no `image`, `time` or `num_steps`, and if the
        image is smaller than the kernel.
        """
        image, _ = read_spec(
            "DesignEncoder",
            observation,
            image=(3, "rows x columns x channels"),
            time=(0, "how many steps were taken"),
        )
        num_steps = getattr(observation, "num_steps", None)
        if not isinstance(num_steps, int) or num_steps < 1:
            raise ValueError(
                f"DesignEncoder: the observation's num_steps is {num_steps}; the editor must put "
                "the number of steps of a design, at least 1, there as a static field."
            )
        check_image("DesignEncoder", image.shape)
        kernel_key, embedding_key = jax.random.split(key)
        taps = KERNEL_SIZE * KERNEL_SIZE * image.shape[-1]
        return DesignEncoderWeights(
            kernel=orthogonal(2**0.5)(kernel_key, (taps, self.num_filters)),
            bias=jnp.zeros(self.num_filters),
            embedding=orthogonal()(embedding_key, (num_steps, self.embedding_size)),
            image_shape=image.shape,
        )


class DesignEncoderWeights(AbstractProjectingEncoder):
    """The weights of a `DesignEncoder`."""

    kernel: Float[Array, "taps filters"]
    bias: Float[Array, " filters"]
    embedding: Float[Array, "time embedding"]
    image_shape: tuple[int, int, int] = eqx.field(static=True)

    def __call__(self, observation: Design) -> Float[Array, "*batch features"]:
        features = convolve(self._windows(observation), self.kernel, self.bias)
        batch = observation.time.shape
        return jnp.concatenate([features.reshape(*batch, -1), self._others(observation)], axis=-1)

    def project(
        self, observations: Design, weight: Float[Array, "features output"]
    ) -> Float[Array, "time *batch output"]:
        """`self(observations) @ weight`, for a sequence with leading axes `time *batch`.

        Nearly all of a teacher's work is this product. On a CPU it is computed for what changes
        from one step to the next alone, where that is little.
        """
        batch = observations.time.shape[1:]

        def one_batch_axis(leaf):
            return leaf.reshape(leaf.shape[0], math.prod(batch), *leaf.shape[1 + len(batch) :])

        projected = convolve_and_project(
            one_batch_axis(self._windows(observations)),
            self.kernel,
            self.bias,
            one_batch_axis(self._others(observations)),
            weight,
        )
        return projected.reshape(-1, *batch, weight.shape[1])

    def _others(self, observation: Design) -> Float[Array, "*batch others"]:
        embedded = self.embedding[observation.time]
        if observation.noise is None:
            return embedded
        return jnp.concatenate([embedded, observation.noise], axis=-1)

    def _windows(self, observation: Design) -> UInt8[Array, "*batch windows taps"]:
        check_image("DesignEncoder", observation.image.shape, made_for=self.image_shape)
        return windows_of(observation.image)
