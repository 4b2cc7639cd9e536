"""The one door between numbers as they are written and arrays as they are computed with."""

import dataclasses
from typing import Any, TypeVar

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

    Where a field has its default value it holds the very object that is the default, by which
    Equinox knows what to leave out. Arrays that are not one number, and those that cannot be read,
    stay.
    """

    def convert(leaf):
        if not eqx.is_array(leaf) or isinstance(leaf, Tracer) or leaf.is_deleted():
            return leaf
        if leaf.ndim > 0 or not jnp.issubdtype(leaf.dtype, jnp.number):
            return leaf
        # As a decimal: 0.3 in single precision is 0.30000001192092896 in double precision.
        return leaf.item() if leaf.dtype.kind in "iu" else float(str(np.asarray(leaf)))

    return _with_defaults(jax.tree.map(convert, tree))


def _with_defaults(node: Any) -> Any:
    """The same, with a field's default itself wherever its value equals it."""

    children, structure = jax.tree_util.tree_flatten_with_path(
        node, is_leaf=lambda child: child is not node
    )
    if jax.tree_util.treedef_is_leaf(structure):
        return node
    fields = dataclasses.fields(node) if isinstance(node, eqx.Module) else ()
    defaults = {field.name: field.default for field in fields}

    def shortest(path, value):
        default = defaults.get(getattr(path[-1], "name", ""), dataclasses.MISSING)
        is_default = type(value) is type(default) and eqx.tree_equal(value, default) is True
        return default if is_default else _with_defaults(value)

    return jax.tree_util.tree_unflatten(structure, [shortest(*child) for child in children])
