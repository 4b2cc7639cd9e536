"""The one door between numbers as they are written and arrays as they are computed with."""

from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

Tree = TypeVar("Tree")


def as_arrays(tree: Tree) -> Tree:
    """The same parts with an array of single precision in place of every float.

    Whole numbers, truth values and strings stay: they decide shapes and choices, and another one
    is another program. A float is not: with another value the same program runs.
    """

    def convert(leaf):
        is_traced = isinstance(leaf, Tracer)
        if isinstance(leaf, float) and not is_traced:
            return jnp.asarray(leaf, jnp.float32)
        return leaf

    return jax.tree.map(convert, tree)


def as_written(tree: Tree) -> Tree:
    """The inverse of `as_arrays`, for printing: the shortest number that an array stands for.

    Arrays that are not one number, and those that cannot be read, stay.
    """

    def convert(leaf):
        if not eqx.is_array(leaf) or isinstance(leaf, Tracer) or leaf.is_deleted():
            return leaf
        if leaf.ndim > 0 or not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        return float(str(np.asarray(leaf)))

    return jax.tree.map(convert, tree)
