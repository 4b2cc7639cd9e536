"""Comparisons of what methods give: alone, again, compiled and in batches."""

import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._types import PyTree
from ._check_fields import EnvCheckError


def call(name: str, method: Callable, *args: Any, **kwargs: Any) -> Any:
    """Calls a method plainly and traces it: it must run, be pure, and agree with itself.

    Plain calls are what takes time in a large environment, since they compile every loop anew. So
    there is a second one only where tracing the method twice gives two different programs.
    """
    before = snapshot((args, kwargs))
    try:
        result = call_again(method, args, kwargs)
        kept = snapshot(result)
    except Exception as error:
        raise EnvCheckError("runs", f"{name} raises {type(error).__name__}: {error}") from error
    if not same(before, snapshot((args, kwargs)), exact=True):
        raise EnvCheckError(
            "pure",
            f"{name} changes what it is given. Build a new level, world or state instead, with "
            "`dataclasses.replace` or the constructor.",
        )
    problem = None
    is_sure = False
    if not name.endswith("_spec"):
        try:
            is_sure = _gives_one_program(method, args, kwargs)
        except Exception as error:
            problem = error
    if not is_sure and not same(kept, snapshot(call_again(method, args, kwargs)), exact=True):
        raise EnvCheckError(
            "deterministic",
            f"{name} gives different results for the same inputs and key. Draw random numbers "
            "from `key` alone, and keep what changes in the state.",
        )
    if problem is not None:
        raise EnvCheckError(
            "jit",
            f"{name} runs as it is but not under jax.jit: {type(problem).__name__}: {problem} Use "
            "jnp.where or jax.lax.cond instead of Python's `if` on arrays, and jnp instead of np.",
        ) from problem
    return result


def _gives_one_program(method: Callable, args: Any, kwargs: Any) -> bool:
    """Whether a method that is traced twice is the same program. Raises what tracing raises."""

    def trace(*args, **kwargs):
        arrays, others = eqx.partition((args, kwargs), eqx.is_array)

        def run(arrays):
            args, kwargs = eqx.combine(arrays, others)
            return eqx.filter(method(*args, **kwargs), eqx.is_array)

        return jax.make_jaxpr(run)(arrays)

    one, other = (call_again(trace, args, kwargs) for _ in range(2))
    texts = [re.sub("0x[0-9a-f]+", "", str(program)) for program in (one, other)]
    return texts[0] == texts[1] and same(snapshot(one.consts), snapshot(other.consts), exact=True)


def call_again(method: Callable, args: Any, kwargs: Any) -> Any:
    """Calls a method with keys that are used more than once, on purpose."""

    def again(argument):
        return jax.random.clone(argument) if _is_key(argument) else argument

    return method(*map(again, args), **{name: again(value) for name, value in kwargs.items()})


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
