"""Checks of what an environment and a generator are made of, before any method is called."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ._env import AbstractEnv, AbstractLevelGenerator


class EnvCheckError(ValueError):
    """An environment breaks a rule. `rule` is the rule's name; the message says what to do."""

    def __init__(self, rule: str, message: str):
        super().__init__(f"[{rule}] {message}")
        self.rule = rule


def check_counts(env: AbstractEnv) -> None:
    for name in ("num_actions", "max_episode_steps"):
        count = getattr(env, name)
        if type(count) is not int or count < 1:
            raise EnvCheckError(
                "counts",
                f"env.{name} is {count!r} of type {type(count).__name__}; it must be a Python "
                "integer of at least 1. Make it a field with `eqx.field(static=True)`.",
            )


def check_fields(**modules: eqx.Module) -> None:
    for name, module in modules.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(module, is_leaf=_is_layer):
            if eqx.is_array_like(leaf) and not eqx.is_array(leaf):
                raise EnvCheckError(
                    "fields",
                    f"{name}{jax.tree_util.keystr(path)} is {leaf!r}, neither a JAX array nor "
                    "static. Declare the field with `eqx.field(static=True)`, or store an array, "
                    "as jnp.asarray makes.",
                )


def _is_layer(part: Any) -> bool:
    """Whether this is one of Equinox's own modules, some of which hold numbers."""
    return isinstance(part, eqx.Module) and type(part).__module__.startswith("equinox.nn.")


def check_compiles_once(env: AbstractEnv, generator: AbstractLevelGenerator) -> None:
    traces = 0

    @eqx.filter_jit
    def count(env, generator):
        nonlocal traces
        traces += 1
        return jnp.zeros(())

    advice = (
        "Fields that hold no arrays must equal their copies: integers, strings, tuples, functions "
        "that are not made anew."
    )
    # Whoever copies a module leaves its functions as they are; `deepcopy` copies compiled ones.
    functions = {id(function): function for function in _functions_in((env, generator))}
    try:
        count(env, generator)
        count(*copy.deepcopy((env, generator), functions))
    except Exception as error:
        raise EnvCheckError(
            "compiles_once",
            f"env and generator do not pass through eqx.filter_jit: {error} " + advice,
        ) from error
    if traces != 1:
        raise EnvCheckError(
            "compiles_once", "a copy of env and generator compiles again. " + advice
        )


def _functions_in(part: Any) -> Iterator[Callable]:
    if isinstance(part, eqx.Module):
        part = vars(part)
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple):
        for member in part:
            yield from _functions_in(member)
    elif callable(part):
        yield part
