"""Comparisons of what methods give: alone, again, compiled and in batches."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._types import PyTree
from ._check_fields import EnvCheckError


def call(name: str, method: Callable, *args: Any, **kwargs: Any) -> Any:
    """Calls a method plainly, twice, and compiled: it must run, be pure, and agree with itself."""
    before = snapshot((args, kwargs))
    try:
        result = call_again(method, args, kwargs)
        kept = snapshot(result)
        again = call_again(method, args, kwargs)
    except Exception as error:
        raise EnvCheckError("runs", f"{name} raises {type(error).__name__}: {error}") from error
    if not same(before, snapshot((args, kwargs)), exact=True):
        raise EnvCheckError(
            "pure",
            f"{name} changes what it is given. Build a new level, world or state instead, with "
            "`dataclasses.replace` or the constructor.",
        )
    if not same(kept, snapshot(again), exact=True):
        raise EnvCheckError(
            "deterministic",
            f"{name} gives different results for the same inputs and key. Draw random numbers "
            "from `key` alone, and keep what changes in the state.",
        )
    if not name.endswith("_spec"):
        _check_jit(name, method, kept, args, kwargs)
    return result


def call_again(method: Callable, args: Any, kwargs: Any) -> Any:
    """Calls a method with keys that are used more than once, on purpose."""

    def again(argument):
        return jax.random.clone(argument) if _is_key(argument) else argument

    return method(*map(again, args), **{name: again(value) for name, value in kwargs.items()})


def _check_jit(name: str, method: Callable, plain: Any, args: Any, kwargs: Any) -> None:
    try:
        compiled = call_again(eqx.filter_jit(method), args, kwargs)
    except Exception as error:
        raise EnvCheckError(
            "jit",
            f"{name} runs as it is but not under jax.jit: {type(error).__name__}: {error} Use "
            "jnp.where or jax.lax.cond instead of Python's `if` on arrays, and jnp instead of np.",
        ) from error
    if not same(plain, snapshot(compiled), exact=False):
        raise EnvCheckError(
            "jit",
            f"{name} gives another result under jax.jit than without. Compute with arrays all "
            "the way, and depend on nothing but the arguments.",
        )


def snapshot(tree: PyTree) -> tuple[Any, list[np.ndarray]]:
    """A copy that later changes cannot reach."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [np.array(_plain_data(leaf)) for leaf in leaves]


def _plain_data(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _is_key(leaf: Any) -> bool:
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def same(one: tuple, other: tuple, *, exact: bool) -> bool:
    (structure, leaves), (other_structure, other_leaves) = one, other
    return structure == other_structure and all(
        _equal(leaf, other_leaf, exact)
        for leaf, other_leaf in zip(leaves, other_leaves, strict=True)
    )


def _equal(one: np.ndarray, other: np.ndarray, exact: bool) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if exact or not np.issubdtype(one.dtype, np.inexact):
        return np.array_equal(one, other, equal_nan=np.issubdtype(one.dtype, np.inexact))
    return np.allclose(one, other, rtol=1e-5, atol=1e-6, equal_nan=True)
