"""Comparisons of what methods give: traced, called plainly, compiled and in batches."""

import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._types import PyTree
from ._check_fields import EnvCheckError


class ChangesInputsError(Exception):
    """A method changed what it was given."""


class UnequalProgramsError(Exception):
    """A method that was traced twice gave two programs."""


class Traced:
    """A method that is traced once for structures of its arguments, and not again in each program
    that calls it."""

    def __init__(self, method: Callable):
        self._method = method
        self._structure: PyTree = None
        self._rest: PyTree = None
        self._jitted: Any = jax.jit(self._arrays)

    def trace(self, args: tuple, kwargs: dict[str, PyTree], *, compare: bool) -> tuple[PyTree, Any]:
        """The structure of what it gives for arguments of these structures, and its program.

        The structure has a `jax.ShapeDtypeStruct` for each JAX array, and keeps what is none.
        Nothing is compiled. Raises what the method raises, `ChangesInputsError`, and
        `UnequalProgramsError` if it is to `compare` the program with that of a second time.
        """
        program = self._jitted.trace(args, kwargs).jaxpr
        structure = self._structure
        if compare:
            other = Traced(self._method)
            programs = program, other._jitted.trace(args, kwargs).jaxpr
            texts = [re.sub("0x[0-9a-f]+", "", str(one)) for one in programs]
            consts = [snapshot(one.consts) for one in programs]
            if texts[0] != texts[1] or not same(*consts, exact=True):
                raise UnequalProgramsError
        return structure, program

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return eqx.combine(self._jitted(args, kwargs), self._rest)

    def _arrays(self, args: tuple, kwargs: dict[str, PyTree]) -> PyTree:
        before, structure = jax.tree.flatten((args, kwargs))
        result = self._method(*args, **kwargs)
        after, other = jax.tree.flatten((args, kwargs))
        if structure != other or any(x is not y for x, y in zip(before, after, strict=True)):
            raise ChangesInputsError
        self._structure = jax.tree.map(_structure_of, result)
        arrays, self._rest = eqx.partition(result, eqx.is_array)
        return arrays


def _structure_of(leaf: Any) -> Any:
    if not eqx.is_array(leaf):
        return leaf
    weak = bool(getattr(leaf, "weak_type", False))
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, weak_type=weak)


def num_operations(program: Any) -> int:
    """How many operations a program has, those of the programs within it too."""
    jaxpr = getattr(program, "jaxpr", program)
    inner = [
        part
        for equation in jaxpr.eqns
        for value in equation.params.values()
        for part in (value if isinstance(value, tuple | list) else (value,))
        if hasattr(part, "eqns") or hasattr(part, "jaxpr")
    ]
    return len(jaxpr.eqns) + sum(map(num_operations, inner))


def call_again(method: Callable, *args: Any, **kwargs: Any) -> Any:
    """Calls a method with keys that are used more than once, on purpose."""

    def again(argument):
        return jax.random.clone(argument) if is_key(argument) else argument

    return method(*map(again, args), **{name: again(value) for name, value in kwargs.items()})


def call_plainly(
    name: str, method: Callable, args: Any, kwargs: Any, problem: Exception | None
) -> Any:
    """Calls a method without compiling it, twice: it must run, and agree with itself.

    `problem` is what tracing it raised, if it did; it is blamed where plain calls are fine.
    """
    before = snapshot((args, kwargs))
    try:
        result = call_again(method, *args, **kwargs)
        kept = snapshot(result)
    except Exception as error:
        raise EnvCheckError("runs", f"{name} raises {type(error).__name__}: {error}") from error
    is_changed = not same(before, snapshot((args, kwargs)), exact=True)
    if is_changed or isinstance(problem, ChangesInputsError):
        raise EnvCheckError(
            "pure",
            f"{name} changes what it is given. Build a new level, world or state instead, with "
            "`dataclasses.replace` or the constructor.",
        )
    if not same(kept, snapshot(call_again(method, *args, **kwargs)), exact=True):
        raise EnvCheckError(
            "deterministic",
            f"{name} gives different results for the same inputs and key. Draw random numbers "
            "from `key` alone, and keep what changes in the state.",
        )
    if problem is not None and not isinstance(problem, UnequalProgramsError):
        raise EnvCheckError(
            "jit",
            f"{name} runs as it is but not under jax.jit: {type(problem).__name__}: {problem} Use "
            "jnp.where or jax.lax.cond instead of Python's `if` on arrays, and jnp instead of np.",
        ) from problem
    return result


def snapshot(tree: PyTree) -> tuple[Any, list[np.ndarray]]:
    """A copy that later changes cannot reach."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [np.array(plain_data(leaf)) for leaf in leaves]


def plain_data(leaf: Any) -> Any:
    """The numbers of a random key, and any other array as it is."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def is_key(leaf: Any) -> bool:
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
