"""Telling levels apart fast.

Fingerprints are kept in checkpoints, so they must not change from one version of a library to the
next: they come from integer arithmetic that stands here, and from no random numbers.
"""

import math
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt32

from ._types import PyTree

Words = TypeVar("Words", np.ndarray, jax.Array)

# 2^32 divided by the golden ratio: multiples of it are far apart from each other.
_STRIDE = 0x9E3779B9
# The constants of MurmurHash3's finaliser, after which every bit depends on every other.
_MIX = ((16, 0x85EBCA6B), (13, 0xC2B2AE35))
_LAST_SHIFT = 16


def words(level: PyTree) -> UInt32[Array, " words"]:
    """All bits of one level, side by side; two levels are equal if these are."""
    return jnp.concatenate([_as_words(leaf) for leaf in jax.tree.leaves(level)])


def fingerprint(level_words: UInt32[Array, " words"]) -> UInt32[Array, "2"]:
    """64 bits that equal levels share and different levels, as good as always, do not."""
    salted = level_words[:, None] ^ jnp.asarray(_salts(level_words.size))
    return jnp.sum(_mix(salted), axis=0, dtype=jnp.uint32)


def fingerprints(levels: PyTree) -> UInt32[Array, "level 2"]:
    """The fingerprint of each level (leading axis `level`)."""
    return jax.vmap(lambda level: fingerprint(words(level)))(levels)


def is_held_back(level: PyTree, share: float) -> Bool[Array, ""]:
    """Whether a level is one of the `share` of all levels that are kept for tests.

    It depends on that one level alone, so a list may grow and none changes sides; and with a larger
    share those that were held back still are.
    """
    return fingerprint(words(level))[0] < np.uint32(round(share * 0xFFFFFFFF))


def _salts(num_words: int) -> UInt32[np.ndarray, "words 2"]:
    """Two numbers for each place in a level, so that the same word counts differently elsewhere."""
    places = np.arange(1, 2 * num_words + 1, dtype=np.uint32)
    return _mix(places * np.uint32(_STRIDE)).reshape(num_words, 2)


def _mix(words: Words) -> Words:
    """Every bit of a result depends on every bit of its word; different words stay different."""
    for shift, factor in _MIX:
        words = (words ^ (words >> shift)) * np.uint32(factor)
    return words ^ (words >> _LAST_SHIFT)


def first_equal(
    batch_words: UInt32[Array, "batch words"], fingerprints: UInt32[Array, "batch 2"]
) -> Int[Array, " batch"]:
    """For each level of a batch, the index of the first that is equal to it; perhaps its own."""
    alike = jnp.all(fingerprints[:, None] == fingerprints[None], axis=-1)
    first = jnp.argmax(alike, axis=1).astype(jnp.int32)
    own = jnp.arange(first.size, dtype=jnp.int32)
    return jnp.where(jnp.all(batch_words[first] == batch_words, axis=-1), first, own)


def _as_words(leaf: Any) -> UInt32[Array, " words"]:
    leaf = jnp.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if jnp.issubdtype(leaf.dtype, jnp.inexact) or leaf.dtype.itemsize > 4:
        unsigned = jnp.dtype(f"uint{min(8 * leaf.dtype.itemsize, 32)}")
        leaf = jax.lax.bitcast_convert_type(leaf, unsigned)
    return leaf.astype(jnp.uint32).reshape(math.prod(leaf.shape))
