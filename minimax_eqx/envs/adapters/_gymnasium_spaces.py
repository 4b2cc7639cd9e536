"""Specs as spaces of Gymnasium, and observations as what is in them."""

from typing import Any

import jax
import numpy as np

from ..._types import PyTree
from .._actions import AbstractActionSpec, Box, Discrete, MultiDiscrete
from ._package import require


def gymnasium() -> Any:
    """The package; `PackageError` without one that has modes of autoreset."""
    return require("gymnasium", extra="gymnasium", at_least="1.1", below="2")


def action_space_of(spec: AbstractActionSpec) -> Any:
    """The space of one action. Raises `ValueError` for a kind of action that Gymnasium lacks."""
    spaces = gymnasium().spaces
    if isinstance(spec, Discrete):
        return spaces.Discrete(spec.num_actions)
    if isinstance(spec, MultiDiscrete):
        return spaces.MultiDiscrete(list(spec.nums))
    if isinstance(spec, Box):
        return spaces.Box(*spec.bounds(), spec.shape, np.float32)
    raise ValueError(f"{spec} is no kind of action that Gymnasium has a space for.")


def observation_space_of(spec: PyTree[jax.ShapeDtypeStruct]) -> Any:
    """The space of one observation: a dictionary by names, if it is not a single array."""
    spaces = gymnasium().spaces
    found = _by_name(jax.tree.map(_space, spec, is_leaf=_is_array))
    return next(iter(found.values())) if _is_array(spec) else spaces.Dict(found)


def observed(observations: PyTree[np.ndarray]) -> Any:
    """Observations as they are in that space, or in one of several."""
    plain = jax.tree.map(lambda x: x.astype(np.int8) if x.dtype.kind == "b" else x, observations)
    return plain if _is_array(plain) else _by_name(plain)


def _by_name(tree: PyTree) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _space(spec: jax.ShapeDtypeStruct) -> Any:
    dtype = np.dtype(spec.dtype)
    if dtype.kind == "b":
        low, high, dtype = 0, 1, np.dtype(np.int8)
    elif dtype.kind in "iu":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    else:
        low, high = -np.inf, np.inf
    return gymnasium().spaces.Box(low, high, spec.shape, dtype)


def _is_array(tree: PyTree) -> bool:
    return isinstance(tree, np.ndarray | jax.ShapeDtypeStruct)
