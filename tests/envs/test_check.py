"""`check_env` accepts what keeps the rules, and names the rule that is broken."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import (
    AbstractEnv,
    AbstractLevelGenerator,
    EnvCheckError,
    Maze,
    MemoryMaze,
    TimeStep,
    check_env,
)
from minimax_eqx.envs.maze import RandomMemory, RandomWalls

ZERO = jnp.zeros((), jnp.int32)


class Level(eqx.Module):
    target: jax.Array


class State(eqx.Module):
    count: jax.Array
    time: jax.Array


class UniformTarget(AbstractLevelGenerator[Level]):
    def sample(self, key):
        return Level(jax.random.randint(key, (), 1, 4))


class Counter(AbstractEnv[Level, Level, State, jax.Array]):
    """Action 1 counts up, action 0 down; the episode ends at the level's target."""

    step_size: jax.Array = dataclasses.field(default_factory=lambda: ZERO + 1)
    num_actions: int = eqx.field(static=True, default=2)
    max_episode_steps: int = eqx.field(static=True, default=6)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return State(ZERO, ZERO)

    def step(self, world, state, action, *, key):
        count = state.count + self.step_size * (2 * action - 1)
        time = state.time + 1
        success = count == world.target
        return TimeStep(
            state=State(count, time),
            reward=success.astype(jnp.float32),
            terminated=success,
            truncated=(time >= self.max_episode_steps) & ~success,
            success=success,
        )

    def observe(self, world, state):
        return state.count.astype(jnp.float32)[None]

    def level_spec(self):
        return jax.eval_shape(lambda: Level(ZERO))

    def observation_spec(self):
        return jax.ShapeDtypeStruct((1,), jnp.float32)

    def level_metrics(self, level):
        return {"target": level.target.astype(jnp.float32)}


def with_method(**methods):
    """A `Counter` with some methods replaced."""
    return type("Broken", (Counter,), methods)()


def with_step(**changes):
    """A `Counter` whose time steps have parts replaced by functions of the right time step."""

    def step(self, world, state, action, *, key):
        right = Counter.step(self, world, state, action, key=key)
        for name, change in changes.items():
            right = eqx.tree_at(lambda step, name=name: getattr(step, name), right, change(right))
        return right

    return with_method(step=step)


def with_state(change):
    """A `Counter` whose steps pass the next state through a function."""
    return with_step(state=lambda step: change(step.state))


class Unequal:
    """Its copies do not equal it."""


class UnequalField(Counter):
    marker: Unequal = eqx.field(static=True, default_factory=Unequal)


class PythonField(Counter):
    scale: float = 1.0


class UnequalLeaf(Counter):
    marker: Unequal = dataclasses.field(default_factory=Unequal)


class FieldsThatAreNoArrays(Counter):
    """Layers that hold functions, numbers and a name, and functions beside them."""

    mlp: eqx.nn.MLP = dataclasses.field(
        default_factory=lambda: eqx.nn.MLP(1, 1, 2, 1, key=jax.random.key(0))
    )
    dropout: eqx.nn.Dropout = dataclasses.field(default_factory=lambda: eqx.nn.Dropout(0.5))
    activation: Callable = jax.nn.softplus
    fixed_activation: Callable = eqx.field(static=True, default=jax.nn.relu)
    label: str = "counter"

    def observe(self, world, state):
        return self.activation(self.mlp(state.count.astype(jnp.float32)[None]))


CALLS = []


def count_the_calls(self, world, state):
    CALLS.append(None)
    return jnp.array([float(len(CALLS))])


def change_the_state(self, world, state, action, *, key):
    object.__setattr__(state, "time", state.time + 1)
    return Counter.step(self, world, state, action, key=key)


def branch_in_python(self, world, *, key):
    return State(ZERO, ZERO if world.target > 0 else ZERO + 1)


def look_whether_it_is_compiled(self, world, *, key):
    return State(ZERO + int(isinstance(world.target, jax.core.Tracer)), ZERO)


def refuse_to_be_batched(self, world, state):
    shape = jax.ShapeDtypeStruct((1,), jnp.float32)
    return jax.pure_callback(lambda count: np.float32(count)[None], shape, state.count)


def refuse_action_1(self, world, state, action, *, key):
    if not isinstance(action, jax.core.Tracer) and int(action) == 1 and int(state.time) == 0:
        raise RuntimeError("never heard of it")
    return Counter.step(self, world, state, action, key=key)


BROKEN = {
    "counts": [
        Counter(num_actions=0),
        Counter(num_actions=True),
        Counter(max_episode_steps=6.0),
    ],
    "fields": [PythonField(), PythonField(scale=True)],
    "compiles_once": [UnequalField(), UnequalLeaf()],
    "runs": [
        with_method(load=lambda self, level: 1 / 0),
        with_method(step=refuse_action_1),
    ],
    "leaves": [
        with_method(reset=lambda self, world, *, key: State(ZERO, 0)),
        with_method(observe=lambda self, world, state: 0.0),
    ],
    "level_spec": [
        with_method(level_spec=lambda self: jax.ShapeDtypeStruct((), jnp.int32)),
        with_method(level_spec=lambda self: Level(jax.ShapeDtypeStruct((1,), jnp.int32))),
    ],
    "observation_spec": [
        with_method(observation_spec=lambda self: jax.ShapeDtypeStruct((2,), jnp.float32)),
        with_method(observation_spec=lambda self: jax.ShapeDtypeStruct((1,), jnp.uint8)),
    ],
    "level_metrics": [
        with_method(level_metrics=lambda self, level: {"target": level.target}),
        with_method(level_metrics=lambda self, level: {"target": jnp.array(jnp.nan)}),
        with_method(level_metrics=lambda self, level: {"passable": jnp.array(0.5)}),
    ],
    "time_step": [
        with_step(reward=lambda step: step.reward[None]),
        with_step(reward=lambda step: step.reward.astype(jnp.float16)),
        with_step(terminated=lambda step: step.terminated.astype(jnp.int32)),
        with_step(success=lambda step: step.success[None]),
    ],
    "stable_state": [
        with_state(lambda state: State(state.count[None], state.time)),
        with_state(lambda state: State(state.count.astype(jnp.float32), state.time)),
        with_state(lambda state: State(jnp.asarray(3), state.time)),
        with_state(lambda state: (state.count, state.time)),
    ],
    "pure": [with_method(step=change_the_state)],
    "deterministic": [with_method(observe=count_the_calls)],
    "jit": [
        with_method(reset=branch_in_python),
        with_method(reset=look_whether_it_is_compiled),
    ],
    "vmap": [with_method(observe=refuse_to_be_batched)],
    "finite_reward": [
        with_step(reward=lambda step: jnp.where(step.state.count == 1, jnp.nan, 0.0))
    ],
    "success_ends": [
        with_step(terminated=lambda step: step.terminated & False),
    ],
    "time_limit": [with_step(truncated=lambda step: step.truncated & False)],
}
"""Environments that break exactly one rule, by the rule's name."""


def test_an_environment_that_keeps_the_rules_passes():
    check_env(Counter(), UniformTarget(), key=jax.random.key(1), num_steps=10)


@pytest.mark.parametrize(
    ("env", "generator"),
    [
        (Maze(height=4, width=6, max_episode_steps=20), RandomWalls(4, 6, num_walls=6)),
        (
            Maze(
                height=4,
                width=6,
                view_size=3,
                max_episode_steps=10,
                see_agent=True,
                see_through_walls=False,
                include_position=True,
            ),
            RandomWalls(4, 6, num_walls=6),
        ),
        (MemoryMaze(), RandomMemory()),
    ],
)
def test_the_mazes_keep_the_rules(env, generator):
    check_env(env, generator)


@pytest.mark.parametrize(
    ("rule", "env"), [(rule, env) for rule, envs in BROKEN.items() for env in envs]
)
def test_a_broken_rule_is_named(rule, env):
    with pytest.raises(EnvCheckError) as caught:
        check_env(env, UniformTarget())
    assert caught.value.rule == rule, str(caught.value)
    assert str(caught.value).startswith(f"[{rule}] ")


def test_every_rule_of_the_documentation_has_a_test():
    for rule in BROKEN:
        assert f"`{rule}`" in check_env.__doc__
    documented = check_env.__doc__.split("The rules, by name:")[1]
    names = {line.split("`")[i] for line in documented.splitlines() if line.strip().startswith("-")
             for i in range(1, len(line.split(":")[0].split("`")), 2)}  # fmt: skip
    assert names == set(BROKEN)


def test_layers_and_functions_may_be_fields():
    check_env(FieldsThatAreNoArrays(), UniformTarget())


def test_an_environment_is_not_checked_where_nothing_is_compiled():
    with jax.disable_jit(), pytest.raises(RuntimeError, match="set JAX_DISABLE_JIT=0"):
        check_env(Counter(), UniformTarget())


def test_a_generator_of_other_levels_is_refused():
    with pytest.raises(EnvCheckError, match=r"\[level_spec\]"):
        check_env(Maze(height=5, width=5), RandomWalls(6, 6, num_walls=5))


def test_batches_are_compared_by_a_generator_that_allows_it():
    with pytest.raises(ValueError, match="key is of JAX's generator rbg"):
        check_env(Counter(), UniformTarget(), key=jax.random.key(0, impl="rbg"))
    with jax.default_prng_impl("rbg"):
        check_env(Counter(), UniformTarget())


def test_the_number_of_steps_is_positive():
    with pytest.raises(ValueError, match="num_steps is 0"):
        check_env(Counter(), UniformTarget(), num_steps=0)
