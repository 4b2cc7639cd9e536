"""Checks of what an environment and its parts are made of, before any method is called."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from ._env import AbstractEnv


class EnvCheckError(ValueError):
    """An environment breaks a rule. `rule` is the rule's name; the message says what to do."""

    def __init__(self, rule: str, message: str):
        super().__init__(f"[{rule}] {message}")
        self.rule = rule


def check_counts(env: AbstractEnv) -> None:
    count = env.max_episode_steps
    if type(count) is not int or count < 1:
        raise EnvCheckError(
            "counts",
            f"env.max_episode_steps is {count!r} of type {type(count).__name__}; it must be a "
            "Python integer of at least 1.",
        )


def check_compiles_once(**parts: eqx.Module) -> None:
    names, traces = " and ".join(parts), 0

    @eqx.filter_jit
    def count(parts):
        nonlocal traces
        traces += 1
        return jnp.zeros(())

    advice = (
        "Fields that hold no arrays must equal their copies: numbers, strings, tuples, functions "
        "that are not made anew."
    )
    # A copy of a module keeps its functions; `deepcopy` would copy compiled ones.
    functions = {id(function): function for function in _functions_in(parts)}
    try:
        count(parts)
        count(copy.deepcopy(parts, functions))
    except Exception as error:
        raise EnvCheckError(
            "compiles_once", f"{names} do not pass through eqx.filter_jit: {error} " + advice
        ) from error
    if traces != 1:
        raise EnvCheckError("compiles_once", f"a copy of {names} compiles again. " + advice)


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
