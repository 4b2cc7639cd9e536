"""Runners and their parts in one file, by Equinox's own saver."""

from typing import Any, BinaryIO

import equinox as eqx
import jax
import jax.numpy as jnp


def serialise_leaf(file: BinaryIO, leaf: Any) -> None:
    """Writes a leaf as Equinox does, but a typed random key, which Equinox cannot write, as data.

    For `eqx.tree_serialise_leaves(path, runner, filter_spec=serialise_leaf)`. Arrays and numbers
    are all that is written: to load them, make a runner of the same configuration first.
    """
    eqx.default_serialise_filter_spec(file, jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def deserialise_leaf(file: BinaryIO, leaf: Any) -> Any:
    """Reads what `serialise_leaf` wrote; `leaf` is the one it takes the place of.

    For `eqx.tree_deserialise_leaves(path, like=runner, filter_spec=deserialise_leaf)`, where `like`
    is a runner of the same configuration.
    """
    if not _is_key(leaf):
        return eqx.default_deserialise_filter_spec(file, leaf)
    data = eqx.default_deserialise_filter_spec(file, jax.random.key_data(leaf))
    return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
