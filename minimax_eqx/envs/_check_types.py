"""Checks of the structures, shapes and types of what an environment's methods give."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._types import PyTree
from ._check_fields import EnvCheckError
from ._env import TimeStep

_WEAK = "weakly typed "
_STRONG = (
    "Pass what another package made, or what was made of Python numbers, through "
    "`minimax_eqx.envs.strong`."
)


def check_leaves(name: str, tree: PyTree) -> None:
    """Refuses what is no JAX array in a structure that `trace` gave."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            raise EnvCheckError(
                "leaves",
                f"{name} gives {leaf!r} at {_place(path)}, which is no JAX array. Make it one with "
                f"jnp.asarray and a dtype, or make it a static field. {_STRONG}",
            )


def check_spec(rule: str, name: str, tree: PyTree, spec: PyTree) -> None:
    promise, fix = f"env.{rule} promises", f"Make env.{rule} and {name} agree."
    if jax.tree.structure(tree) != jax.tree.structure(spec):
        raise EnvCheckError(
            rule,
            f"{name} gives {jax.tree.structure(tree)}, but {promise} "
            f"{jax.tree.structure(spec)}. {fix}",
        )
    wanted = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), spec)
    difference = _difference(tree, wanted)
    if difference is not None:
        place, given, expected = difference
        fix = _STRONG if given == _WEAK + expected else fix
        raise EnvCheckError(
            rule, f"{name} gives {given} at {place}, but {promise} {expected}. {fix}"
        )


def check_stable(state: PyTree, stepped: PyTree) -> None:
    fix = (
        "A step must keep the state's structure, shapes and types. An array made of a Python "
        "number is weakly typed: give a dtype, as in jnp.zeros((), jnp.int32). " + _STRONG
    )
    if jax.tree.structure(state) != jax.tree.structure(stepped):
        raise EnvCheckError(
            "stable_state",
            f"env.reset gives {jax.tree.structure(state)}, but env.step "
            f"{jax.tree.structure(stepped)}. " + fix,
        )
    difference = _difference(stepped, state)
    if difference is not None:
        place, given, expected = difference
        raise EnvCheckError(
            "stable_state",
            f"env.step gives {given} at {place}, but env.reset {expected}. {fix}",
        )


def check_time_step(step: TimeStep) -> None:
    expected = {"reward": "float32[]", "terminated": "bool[]", "truncated": "bool[]"}
    if step.success is not None:
        expected["success"] = "bool[]"
    for name, wanted in expected.items():
        given = _describe(getattr(step, name)).removeprefix(_WEAK)
        if given != wanted:
            raise EnvCheckError(
                "time_step",
                f"env.step gives {name} as {given}; it must be {wanted}. Use jnp.asarray with that "
                "dtype.",
            )
    for name, value in step.measures.items():
        given = _describe(value).removeprefix(_WEAK)
        if given != "float32[]":
            raise EnvCheckError(
                "time_step",
                f"env.step gives the measure {name!r} as {given}; it must be a float32 scalar. Use "
                ".astype(jnp.float32).",
            )


def check_metric_types(metrics: dict) -> None:
    for name, value in metrics.items():
        is_float = hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.inexact)
        if not is_float or value.shape != ():
            raise EnvCheckError(
                "level_metrics",
                f"env.level_metrics gives {name!r} as {_describe(value)}; it must be a scalar "
                "array of floats. Use .astype(jnp.float32).",
            )


def check_optimum_type(optimum: Any) -> None:
    if optimum is not None and _describe(optimum).removeprefix(_WEAK) != "float32[]":
        raise EnvCheckError(
            "optimal_return",
            f"env.optimal_return gives {_describe(optimum)}; it must be a float32 scalar.",
        )


def check_values(metrics: dict, optimum: Any) -> None:
    """Checks the metrics and the optimum of one level, once they have been computed."""
    for name, value in metrics.items():
        if not np.isfinite(value):
            raise EnvCheckError(
                "level_metrics", f"env.level_metrics gives {name!r} as {value}; it must be finite."
            )
    if "passable" in metrics and float(metrics["passable"]) not in (0.0, 1.0):
        raise EnvCheckError(
            "level_metrics", f"`passable` is {metrics['passable']}; it must be 0 or 1."
        )
    if optimum is not None and not np.isfinite(optimum):
        raise EnvCheckError(
            "optimal_return", f"env.optimal_return gives {optimum}; it must be finite."
        )


def _difference(tree: PyTree, spec: PyTree) -> tuple[str, str, str] | None:
    """The first place where shape or type differ, and both, for trees of one structure."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    for (path, leaf), expected in zip(leaves, jax.tree.leaves(spec), strict=True):
        if _describe(leaf) != _describe(expected):
            return _place(path), _describe(leaf), _describe(expected)
    return None


def _describe(leaf: Any) -> str:
    if not hasattr(leaf, "dtype"):
        return repr(leaf)
    weak = _WEAK if getattr(leaf, "weak_type", False) else ""
    return f"{weak}{leaf.dtype}[{','.join(str(size) for size in leaf.shape)}]"


def _place(path: tuple) -> str:
    return f"`{jax.tree_util.keystr(path)}`" if path else "its top"
