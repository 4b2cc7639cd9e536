"""Checks of an environment's methods, called one by one."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from .._types import PyTree
from ._check_actions import choose
from ._check_fields import EnvCheckError
from ._check_same import call
from ._env import AbstractEnv, AbstractLevelGenerator, TimeStep
from ._mutator import AbstractLevelMutator

_WEAK = "weakly typed "


def check_calls(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    mutator: AbstractLevelMutator | None,
    key: Key[Array, ""],
) -> dict[str, PyTree]:
    """Plain calls of every method, one after another; what they give, by the methods' names."""
    keys = jax.random.split(key, 6)
    level_key, edit_key, reset_key, step_key, action_key, choice_key = keys
    level_spec = call("env.level_spec", env.level_spec)
    level = call("generator.sample", generator.sample, level_spec, key=level_key)
    results = {"generator.sample": level}
    _check_leaves("generator.sample", level)
    check_spec("level_spec", "generator.sample", level, level_spec)
    if mutator is not None:
        level = call("mutator.mutate", mutator.mutate, level, key=edit_key)
        _check_leaves("mutator.mutate", level)
        check_spec("level_spec", "mutator.mutate", level, level_spec)
    results["mutator.mutate"] = level
    results["env.level_metrics"] = call("env.level_metrics", env.level_metrics, level)
    check_metrics(results["env.level_metrics"])
    optimum = call("env.optimal_return", env.optimal_return, level)
    if optimum is not None:
        _check_optimum(optimum)
    world = call("env.load", env.load, level)
    _check_leaves("env.load", world)
    state = call("env.reset", env.reset, world, key=reset_key)
    _check_leaves("env.reset", state)
    observation = call("env.observe", env.observe, world, state)
    _check_leaves("env.observe", observation)
    observation_spec = call("env.observation_spec", env.observation_spec)
    check_spec("observation_spec", "env.observe", observation, observation_spec)
    spec = env.action_spec()
    sampled = spec.sample(action_key)
    action = choose(spec, observation, sampled, key=choice_key)
    step = call("env.step", env.step, world, state, action, key=step_key)
    _check_time_step(step)
    _check_stable(state, step.state)
    observation = call("env.observe", env.observe, world, step.state)
    _check_leaves("env.observe", observation)
    check_spec("observation_spec", "env.observe", observation, observation_spec)
    results |= {
        "env.optimal_return": optimum,
        "env.load": world,
        "env.reset": state,
        "env.step": step,
        "env.observe": observation,
    }
    return results


def _check_optimum(optimum: Any) -> None:
    if _describe(optimum).removeprefix(_WEAK) != "float32[]" or not bool(jnp.isfinite(optimum)):
        raise EnvCheckError(
            "optimal_return",
            f"env.optimal_return gives {optimum!r}; it must be a finite float32 scalar.",
        )


def _check_leaves(name: str, tree: PyTree) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not eqx.is_array(leaf):
            raise EnvCheckError(
                "leaves",
                f"{name} gives {leaf!r} at {_place(path)}, which is no JAX array. Convert it with "
                "jnp.asarray, or make it a static field. In what another package made, map "
                "jnp.asarray over the leaves, each with a dtype.",
            )


def check_spec(rule: str, name: str, tree: PyTree, spec: PyTree) -> None:
    promise, fix = f"env.{rule} promises", f"Make env.{rule} and {name} agree."
    if jax.tree.structure(tree) != jax.tree.structure(spec):
        raise EnvCheckError(
            rule,
            f"{name} gives {jax.tree.structure(tree)}, but {promise} "
            f"{jax.tree.structure(spec)}. {fix}",
        )
    strong = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), spec)
    difference = _difference(tree, strong)
    if difference is not None:
        place, given, expected = difference
        raise EnvCheckError(
            rule, f"{name} gives {given} at {place}, but {promise} {expected}. {fix}"
        )


def _check_stable(state: PyTree, stepped: PyTree) -> None:
    fix = (
        "A step must keep the state's structure, shapes and types. An array made of a Python "
        "number is weakly typed: give a dtype, as in jnp.zeros((), jnp.int32). "
        "In a state of another package, give each leaf the dtype that reset gave it, with "
        "jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), new_state, state)."
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


def _difference(tree: PyTree, spec: PyTree) -> tuple[str, str, str] | None:
    """The first place where shape or type differ, and both, for trees of one structure."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    for (path, leaf), expected in zip(leaves, jax.tree.leaves(spec), strict=True):
        if _describe(leaf) != _describe(expected):
            return _place(path), _describe(leaf), _describe(expected)
    return None


def _check_time_step(step: TimeStep) -> None:
    expected = {"reward": "float32[]", "terminated": "bool[]", "truncated": "bool[]"}
    if step.success is not None:
        expected["success"] = "bool[]"
    for name, wanted in expected.items():
        given = _describe(getattr(step, name)).removeprefix(_WEAK)
        if given != wanted:
            raise EnvCheckError(
                "time_step", f"env.step gives {name} as {given}; it must be {wanted}."
            )
    for name, value in step.measures.items():
        given = _describe(value).removeprefix(_WEAK)
        if given != "float32[]" or not bool(jnp.isfinite(value)):
            raise EnvCheckError(
                "time_step",
                f"env.step gives the measure {name!r} as {value!r}; it must be a finite float32 "
                "scalar. Use .astype(jnp.float32).",
            )


def check_metrics(metrics: dict) -> None:
    for name, value in metrics.items():
        scalar = eqx.is_inexact_array(value) and value.ndim == 0
        if not scalar or not bool(jnp.isfinite(value)):
            raise EnvCheckError(
                "level_metrics",
                f"env.level_metrics gives {name!r} as {value!r}; it must be a finite scalar array "
                "of floats. Use .astype(jnp.float32).",
            )
    if "passable" in metrics and float(metrics["passable"]) not in (0.0, 1.0):
        raise EnvCheckError(
            "level_metrics", f"`passable` is {metrics['passable']}; it must be 0 or 1."
        )


def _describe(leaf: Any) -> str:
    weak = _WEAK if getattr(leaf, "weak_type", False) else ""
    return f"{weak}{leaf.dtype}[{','.join(str(size) for size in leaf.shape)}]"


def _place(path: tuple) -> str:
    return f"`{jax.tree_util.keystr(path)}`" if path else "its top"
