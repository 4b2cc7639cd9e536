"""Checks of an environment's methods, traced one after another."""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Key

from .._types import PyTree
from ._check_actions import choose
from ._check_fields import EnvCheckError
from ._check_same import Traced, call_again, call_plainly, num_operations
from ._check_types import (
    check_leaves,
    check_metric_types,
    check_optimum_type,
    check_spec,
    check_stable,
    check_time_step,
)
from ._env import AbstractEnv, AbstractLevelGenerator
from ._mutator import AbstractLevelMutator

# Without a compiler each operation of a method takes some hundredths of a second at first.
_SHORT = 20
NUM_KEYS = 6

Call = Callable[..., Any]


def check_calls(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    mutator: AbstractLevelMutator | None,
    key: Key[Array, ""],
) -> tuple[dict[str, Traced], set[str]]:
    """Traces every method with the structures that the ones before it gave: the traced methods by
    name, and the names of those that are short enough to be called plainly."""
    keys = list(jax.random.split(key, NUM_KEYS))
    structures = [jax.ShapeDtypeStruct(key.shape, key.dtype) for key in keys]
    methods: dict[str, Traced] = {}
    short, uncertain = set(), set()

    def traced(name, method, *args, **kwargs):
        methods[name] = Traced(method)
        try:
            structure, program = methods[name].trace(args, kwargs, compare=name not in uncertain)
        except Exception as error:
            raise _Trouble(name, error) from error
        if num_operations(program) <= _SHORT:
            short.add(name)
        return structure

    while True:
        try:
            _calls(env, generator, mutator, structures, traced, is_traced=True)
        except _Trouble as trouble:
            _find_out(trouble, lambda call: _calls(env, generator, mutator, keys, call))
            uncertain.add(trouble.name)
        else:
            return methods, short


def _calls(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    mutator: AbstractLevelMutator | None,
    keys: list[Any],
    call: Call,
    *,
    is_traced: bool = False,
) -> None:
    """Calls every method through `call`, and checks the structures that they give if traced."""
    level_key, edit_key, reset_key, step_key, action_key, choice_key = keys

    def check(function, *args):
        if is_traced:
            function(*args)

    level_spec = _call_twice("env.level_spec", env.level_spec)
    level = call("generator.sample", lambda key: generator.sample(level_spec, key=key), level_key)
    check(check_leaves, "generator.sample", level)
    check(check_spec, "level_spec", "generator.sample", level, level_spec)
    if mutator is not None:
        level = call("mutator.mutate", mutator.mutate, level, key=edit_key)
        check(check_leaves, "mutator.mutate", level)
        check(check_spec, "level_spec", "mutator.mutate", level, level_spec)
    check(check_metric_types, call("env.level_metrics", env.level_metrics, level))
    check(check_optimum_type, call("env.optimal_return", env.optimal_return, level))
    world = call("env.load", env.load, level)
    check(check_leaves, "env.load", world)
    state = call("env.reset", env.reset, world, key=reset_key)
    check(check_leaves, "env.reset", state)
    observation_spec = _call_twice("env.observation_spec", env.observation_spec)

    def observe(name, state):
        observation = call(name, env.observe, world, state)
        check(check_leaves, "env.observe", observation)
        check(check_spec, "observation_spec", "env.observe", observation, observation_spec)
        return observation

    observation = observe("env.observe", state)
    spec = env.action_spec()
    sampled = call("action_spec.sample", spec.sample, action_key)
    pick = lambda seen, wanted, key: choose(spec, seen, wanted, key=key)  # noqa: E731
    action = call("the choice of a possible action", pick, observation, sampled, choice_key)
    step = call("env.step", env.step, world, state, action, key=step_key)
    check(check_time_step, step)
    check(check_stable, state, step.state)
    observe("env.observe after a step", step.state)


class _Trouble(Exception):
    """A method could not be traced, or gave two programs."""

    def __init__(self, name: str, problem: Exception):
        super().__init__(name)
        self.name, self.problem = name, problem


class _Fine(Exception):
    """The method that was looked at is fine."""


def _find_out(trouble: _Trouble, calls: Callable[[Call], None]) -> None:
    """Calls methods plainly, up to the one that could not be traced, to say what is wrong."""

    def call(name, method, *args, **kwargs):
        if name == trouble.name:
            call_plainly(name, method, args, kwargs, trouble.problem)
            raise _Fine
        try:
            return call_again(method, *args, **kwargs)
        except Exception as error:
            raise EnvCheckError("runs", f"{name} raises {type(error).__name__}: {error}") from error

    with contextlib.suppress(_Fine):
        calls(call)


def _call_twice(name: str, method: Callable[[], PyTree]) -> PyTree:
    """A method that gives a structure: it must run, and agree with itself."""
    return call_plainly(name, method, (), {}, None)
