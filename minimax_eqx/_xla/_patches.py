"""Convolutions of pictures, and the maximum over windows, for any leading axes.

A CPU runs `lax`'s convolution several times slower inside a compiled loop than outside, since it
then uses one thread and no library, and the same is true of the gradient of its pooling. There the
patches are put side by side and multiplied with the kernel in one product. Other backends have
convolutions that are made for them.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._product import product


def convolve_patches(
    images: Float[Array, "*batch rows columns channels"],
    kernel: Float[Array, "size size channels filters"],
    stride: int,
) -> Float[Array, "*batch new_rows new_columns filters"]:
    """The convolution without padding; kernel and image have channels last."""
    batch = images.shape[:-3]
    merged = images.reshape(math.prod(batch), *images.shape[-3:])
    convolved = jax.lax.platform_dependent(
        merged,
        kernel,
        cpu=functools.partial(_by_patches, stride=stride),
        default=functools.partial(_by_lax, stride=stride),
    )
    return convolved.reshape(*batch, *convolved.shape[1:])


def pool(
    images: Float[Array, "*batch rows columns channels"],
) -> Float[Array, "*batch new_rows new_columns channels"]:
    """The largest number of each 3x3 window, with stride 2 and padding by one place."""
    padded = pad(images, -jnp.inf)
    rows, columns = ((size + 1) // 2 for size in images.shape[-3:-1])
    windows = _windows(padded, 3, 2, rows, columns)
    return functools.reduce(jnp.maximum, windows)


def pad(
    images: Float[Array, "*batch rows columns channels"], value: float = 0.0
) -> Float[Array, "*batch more_rows more_columns channels"]:
    """One more place on each side of an image."""
    widths = [(0, 0)] * (images.ndim - 3) + [(1, 1), (1, 1), (0, 0)]
    return jnp.pad(images, widths, constant_values=value)


def _by_lax(images, kernel, *, stride):
    return jax.lax.conv_general_dilated(
        images, kernel, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _by_patches(images, kernel, *, stride):
    size = kernel.shape[0]
    rows, columns = ((length - size) // stride + 1 for length in images.shape[-3:-1])
    if stride > 1 and size % stride == 0:
        # With each stride x stride block as the channels of one place, the stride is 1 and the
        # patches are few: 4 in place of 64 for a kernel of 8 with stride 4.
        height, width = ((n - 1) * stride + size for n in (rows, columns))
        images = _blocks(images[:, :height, :width], stride)
        kernel = _kernel_of_blocks(kernel, stride)
        size, stride = size // stride, 1
    patches = jnp.concatenate(_windows(images, size, stride, rows, columns), axis=-1)
    return product(patches, kernel.reshape(-1, kernel.shape[-1]))


def _windows(images, size, stride, rows, columns):
    """For each place of a window, what all windows have there."""
    return [
        images[
            ...,
            i : i + (rows - 1) * stride + 1 : stride,
            j : j + (columns - 1) * stride + 1 : stride,
            :,
        ]
        for i in range(size)
        for j in range(size)
    ]


def _blocks(images, stride):
    batch, rows, columns, channels = images.shape
    cut = images.reshape(batch, rows // stride, stride, columns // stride, stride, channels)
    return jnp.moveaxis(cut, 2, 3).reshape(
        batch, rows // stride, columns // stride, stride * stride * channels
    )


def _kernel_of_blocks(kernel, stride):
    size, _, channels, filters = kernel.shape
    num = size // stride
    cut = kernel.reshape(num, stride, num, stride, channels, filters)
    return jnp.moveaxis(cut, 1, 2).reshape(num, num, stride * stride * channels, filters)
