"""Levels as plain arrays that take little room on disk, and back."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .._types import PyTree


def packed(levels: PyTree) -> list[np.ndarray]:
    """The arrays of levels (leading axis `level`): eight truth values a byte, keys as numbers."""
    return [_packed(leaf) for leaf in jax.tree.leaves(levels)]


def unpacked(arrays: Sequence[np.ndarray], level: PyTree[jax.ShapeDtypeStruct]) -> PyTree:
    """The levels again; `level` is the structure of one.

    Raises `ValueError` if they are levels of another structure.
    """
    specs, structure = jax.tree.flatten(level)
    if len(arrays) != len(specs):
        raise ValueError(f"levels of {len(arrays)} arrays, and not of {len(specs)}")
    leaves = [_unpacked(array, spec) for array, spec in zip(arrays, specs, strict=True)]
    return jax.tree.unflatten(structure, leaves)


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _packed(leaf: Any) -> np.ndarray:
    array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
    if array.dtype != bool:
        return array
    return np.packbits(array.reshape(len(array), -1), axis=1)


def _unpacked(array: np.ndarray, spec: Any) -> np.ndarray | jax.Array:
    if _is_key(spec):
        impl = jax.random.key_impl(jax.numpy.empty(spec.shape, spec.dtype))
        return jax.random.wrap_key_data(jax.numpy.asarray(array), impl=impl)
    if spec.dtype != bool:
        if array.shape[1:] != spec.shape:
            raise ValueError(f"an array of shape {array.shape[1:]}, and not {spec.shape}")
        return array.astype(spec.dtype)
    size = math.prod(spec.shape)
    if array.shape[1:] != (-(-size // 8),):
        raise ValueError(f"truth values of another number than {size}")
    bits = np.unpackbits(array, axis=1, count=size).astype(bool)
    return bits.reshape(len(array), *spec.shape)
