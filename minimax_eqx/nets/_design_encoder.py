"""From a level in the making to features: the teacher's encoder."""

import math
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt8

from .._types import PyTree
from ._dense import orthogonal
from ._design_projection import convolve, convolve_and_project
from ._encoders import KERNEL_SIZE, AbstractProjectingEncoder, window_indices
from ._observations import read_spec
from ._sizes import check_sizes


@runtime_checkable
class Design(Protocol):
    """What `DesignEncoder` reads of an observation, such as `MazeEditor`'s."""

    image: UInt8[Array, "*batch rows columns channels"]
    time: Int[Array, "*batch"]
    noise: Float[Array, "*batch noise"] | None


class DesignEncoder(AbstractProjectingEncoder):
    """The reference's teacher encoder: a wide 3x3 convolution of the whole design.

    The image's codes are divided by 10, convolved without padding, rectified and flattened; the
    time picks a row of a table; the noise, if there is any, is appended as it is.
    """

    kernel: Float[Array, "taps filters"]
    bias: Float[Array, " filters"]
    embedding: Float[Array, "time embedding"]
    image_shape: tuple[int, int, int] = eqx.field(static=True)
    noise_size: int = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        observation_spec: PyTree[jax.ShapeDtypeStruct],
        *,
        num_steps: int,
        num_filters: int = 128,
        embedding_size: int = 10,
        key: Key[Array, ""],
    ) -> "DesignEncoder":
        """Sizes the encoder for the observations of an editor.

        Arguments:

        - `observation_spec`: as `AbstractEnv.observation_spec` describes them.
        - `num_steps`: times to tell apart, 0 to `num_steps - 1`: the editor's `max_episode_steps`.
        - `num_filters`, `embedding_size`: numbers per window and for the time.

        Raises `ValueError` if a count is not positive, if the observation has no `image` or
        no `time`, or if the image is smaller than the kernel.
        """
        check_sizes(
            "DesignEncoder",
            num_steps=num_steps,
            num_filters=num_filters,
            embedding_size=embedding_size,
        )
        image, _ = read_spec(
            "DesignEncoder",
            observation_spec,
            image=(3, "rows x columns x channels"),
            time=(0, "how many steps were taken"),
        )
        rows, columns, channels = image.shape
        if min(rows, columns) < KERNEL_SIZE:
            raise ValueError(
                f"DesignEncoder needs an image of at least {KERNEL_SIZE} x {KERNEL_SIZE} cells, "
                f"not {rows} x {columns}."
            )
        kernel_key, embedding_key = jax.random.split(key)
        taps = KERNEL_SIZE * KERNEL_SIZE * channels
        noise = getattr(observation_spec, "noise", None)
        return cls(
            kernel=orthogonal(2**0.5)(kernel_key, (taps, num_filters)),
            bias=jnp.zeros(num_filters),
            embedding=orthogonal()(embedding_key, (num_steps, embedding_size)),
            image_shape=(rows, columns, channels),
            noise_size=0 if noise is None else noise.shape[-1],
        )

    @property
    def output_size(self) -> int:
        rows, columns, _ = self.image_shape
        windows = (rows - KERNEL_SIZE + 1) * (columns - KERNEL_SIZE + 1)
        return windows * self.bias.size + self.embedding.shape[1] + self.noise_size

    def __call__(self, observation: Design) -> Float[Array, "*batch features"]:
        features = convolve(self.windows(observation.image), self.kernel, self.bias)
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
            one_batch_axis(self.windows(observations.image)),
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

    def windows(
        self, image: UInt8[Array, "*batch rows columns channels"]
    ) -> UInt8[Array, "*batch windows taps"]:
        """The codes that the kernel sees in each place.

        Raises `ValueError` for an image of another shape than the encoder was made for.
        """
        if image.shape[-3:] != self.image_shape:
            raise ValueError(
                f"DesignEncoder was made for images of shape {self.image_shape} and got "
                f"{image.shape[-3:]}."
            )
        return image.reshape(*image.shape[:-3], -1)[..., window_indices(self.image_shape)]
