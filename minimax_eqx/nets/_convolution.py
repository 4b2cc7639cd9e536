"""What encoders of images share: numbers of a readable size, and a convolution."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Shaped

from .._types import PyTree
from .._xla._patches import convolve_patches
from ._dense import orthogonal


def scaled(numbers: Shaped[Array, "..."]) -> Float[Array, "..."]:
    """Numbers as a network may read them: bytes are divided by 255, others become floats."""
    as_floats = numbers.astype(jnp.float32)
    return as_floats / 255 if numbers.dtype == jnp.uint8 else as_floats


def image_shape(encoder: str, observation: PyTree, smallest: int) -> tuple[int, int, int]:
    """The shape of an observation that is one image.

    Raises `ValueError` if it is anything else, or if a side is shorter than `smallest`.
    """
    shape = getattr(observation, "shape", ())
    if len(shape) != 3:
        got = " ".join(str(observation).split())
        raise ValueError(
            f"{encoder} reads one array of rows x columns x channels, and got {got}. TreeEncoder "
            "reads observations of any form, with an encoder like this one for the images in them."
        )
    check_sides(encoder, shape, smallest)
    return shape


def check_sides(encoder: str, shape: Any, smallest: int) -> None:
    if min(shape) < 1 or min(shape[:2]) < smallest:
        raise ValueError(
            f"{encoder} needs images of at least {smallest} x {smallest} places, not of shape "
            f"{tuple(shape)}. ImpalaEncoder reads images of any size."
        )


class Convolution(eqx.Module):
    """A convolution without padding, for any leading axes.

    `eqx.nn.Conv2d` would do the same for one image, but on a CPU it is slow inside compiled loops,
    where a network spends its life.
    """

    kernel: Float[Array, "size size channels filters"]
    bias: Float[Array, " filters"]
    stride: int = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        num_channels: int,
        num_filters: int,
        *,
        size: int,
        stride: int = 1,
        key: Key[Array, ""],
    ) -> "Convolution":
        taps = size * size * num_channels
        kernel = orthogonal(2**0.5)(key, (taps, num_filters))
        kernel = kernel.reshape(size, size, num_channels, num_filters)
        return cls(kernel, jnp.zeros(num_filters), stride)

    def __call__(
        self, images: Float[Array, "*batch rows columns channels"]
    ) -> Float[Array, "*batch new_rows new_columns filters"]:
        convolved = convolve_patches(images, self.kernel, self.stride)
        return convolved + jnp.broadcast_to(self.bias, convolved.shape)


def flattened(images: Float[Array, "*batch rows columns filters"]) -> Float[Array, "*batch all"]:
    """All numbers of each image, one after another, rectified."""
    return jax.nn.relu(images.reshape(*images.shape[:-3], -1))
