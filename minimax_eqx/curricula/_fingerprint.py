"""Telling levels apart fast."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PyTree, UInt32

_SEED = 7
# The constants of MurmurHash3's finaliser, after which every bit depends on every other.
_MIX = ((16, 0x85EBCA6B), (13, 0xC2B2AE35))
_LAST_SHIFT = 16


def words(level: PyTree) -> UInt32[Array, " words"]:
    """All bits of one level, side by side; two levels are equal if these are."""
    return jnp.concatenate([_as_words(leaf) for leaf in jax.tree.leaves(level)])


def fingerprint(level_words: UInt32[Array, " words"]) -> UInt32[Array, "2"]:
    """64 bits that equal levels share and different levels, as good as always, do not."""
    salts = np.random.default_rng(_SEED).integers(0, 2**32, (level_words.size, 2), np.uint32)
    mixed = level_words[:, None] ^ jnp.asarray(salts)
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> shift)) * jnp.uint32(factor)
    return jnp.sum(mixed ^ (mixed >> _LAST_SHIFT), axis=0, dtype=jnp.uint32)


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
    if jnp.issubdtype(leaf.dtype, jnp.inexact) or leaf.dtype.itemsize > 4:
        unsigned = jnp.dtype(f"uint{min(8 * leaf.dtype.itemsize, 32)}")
        leaf = jax.lax.bitcast_convert_type(leaf, unsigned)
    return leaf.astype(jnp.uint32).reshape(math.prod(leaf.shape))
