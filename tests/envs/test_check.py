"""`check_env` accepts what keeps the rules, and names the rule that is broken."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import (
    AbstractActionSpec,
    AbstractDesign,
    AbstractEnv,
    AbstractLevelGenerator,
    AbstractLevelMutator,
    AbstractSolvable,
    Box,
    Discrete,
    Maze,
    MultiDiscrete,
    TimeStep,
    check_env,
)
from minimax_eqx.envs._check_fields import EnvCheckError
from minimax_eqx.envs.maze import MazeDesign, MazeEdits, MemoryMaze, RandomMemory, RandomWalls
from minimax_eqx.envs.maze._editor import MazeEditor

ZERO = jnp.zeros((), jnp.int32)


class Level(eqx.Module):
    target: jax.Array


class State(eqx.Module):
    count: jax.Array
    time: jax.Array


class UniformTarget(AbstractLevelGenerator[Level]):
    def sample(self, level, *, key):
        del level
        return Level(jax.random.randint(key, (), 1, 4))


class Counter(AbstractEnv[Level, Level, State, jax.Array]):
    """Action 1 counts up, action 0 down; the episode ends at the level's target."""

    step_size: jax.Array = dataclasses.field(default_factory=lambda: ZERO + 1)
    max_episode_steps: int = 6

    def action_spec(self):
        return Discrete(2)

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


class Observation(eqx.Module):
    count: jax.Array
    action_mask: jax.Array


class MaskedCounter(Counter):
    """Counting down is possible above 0 only, and what is not possible breaks the rewards."""

    start_is_possible: bool = True

    def action_spec(self):
        return Discrete(2, masked=True)

    def step(self, world, state, action, *, key):
        possible = self.observe(world, state).action_mask[action]
        step = Counter.step(self, world, state, action, key=key)
        reward = jnp.where(possible | (not self.start_is_possible), step.reward, jnp.nan)
        return eqx.tree_at(lambda step: step.reward, step, reward)

    def observe(self, world, state):
        up = (state.count > 0) | self.start_is_possible
        return Observation(state.count, jnp.stack([state.count > 0, up]))

    def observation_spec(self):
        return jax.eval_shape(lambda: Observation(ZERO, jnp.zeros(2, bool)))


class Continuous(Counter):
    """Counts up where the first number of an action is the larger one."""

    def action_spec(self):
        return Box(-1.0, (1.0, 2.0), (2,))

    def step(self, world, state, action, *, key):
        self.action_spec().check(action)
        up = (action[0] > action[1]).astype(jnp.int32)
        return Counter.step(self, world, state, up, key=key)


class Buttons(Counter):
    """Counts up where both buttons are pressed."""

    def action_spec(self):
        return MultiDiscrete((2, 3))

    def step(self, world, state, action, *, key):
        self.action_spec().check(action)
        return Counter.step(self, world, state, jnp.minimum(jnp.min(action), 1), key=key)


class Solved(Counter, AbstractSolvable[Level]):
    optimum: float = 1.0

    def optimal_return(self, level):
        return jnp.where(level.target > 0, self.optimum, 0.0)


@dataclasses.dataclass(frozen=True)
class Either(AbstractActionSpec):
    """Two actions, with a check of its own."""

    check_with: Callable
    marker: object = None

    def sample(self, key):
        return Discrete(2).sample(key)

    def examples(self):
        return Discrete(2).examples()

    def check(self, action):
        self.check_with(action)


def refuse_all(action):
    raise ValueError("no")


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
        Counter(max_episode_steps=0),
        Counter(max_episode_steps=True),
        Counter(max_episode_steps=6.0),
    ],
    "action_spec": [
        with_method(action_spec=lambda self: 2),
        with_method(action_spec=lambda self: Either(Discrete(2).check, Unequal())),
        with_method(action_spec=lambda self: Either(lambda action: None)),
        with_method(action_spec=lambda self: Either(refuse_all)),
        with_method(action_spec=lambda self: Discrete(2, masked=True)),
        MaskedCounter(start_is_possible=False),
    ],
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
    "optimal_return": [Solved(optimum=0.5), Solved(optimum=float("inf"))],
}
"""Environments that break exactly one rule, by the rule's name."""


def test_an_environment_that_keeps_the_rules_passes():
    check_env(Counter(), UniformTarget(), key=jax.random.key(1), num_steps=10)


@pytest.mark.parametrize(
    ("env", "generator", "parts"),
    [
        (
            Maze(height=4, width=6, max_episode_steps=20),
            RandomWalls(num_walls=6),
            {"mutator": MazeEdits(2), "design": MazeDesign(num_walls=2, noise_dim=2)},
        ),
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
            RandomWalls(num_walls=6),
            {},
        ),
        (MemoryMaze(), RandomMemory(), {}),
    ],
)
def test_the_mazes_keep_the_rules(env, generator, parts):
    check_env(env, generator, **parts)


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


class LearnedTarget(AbstractLevelGenerator[Level]):
    mlp: eqx.nn.MLP

    def sample(self, level, *, key):
        del level
        target = self.mlp(jax.random.normal(key, (2,)))
        return Level(jnp.clip(target, 1, 3).astype(jnp.int32))


class LearnedEdit(AbstractLevelMutator[Level]):
    mlp: eqx.nn.MLP

    def mutate(self, level, *, key):
        inputs = jnp.stack([level.target.astype(jnp.float32), jax.random.normal(key)])
        return Level(jnp.clip(self.mlp(inputs), 1, 3).astype(jnp.int32))


def test_a_generator_and_a_mutator_may_hold_a_network():
    mlp = eqx.nn.MLP(2, "scalar", 4, 1, key=jax.random.key(0))
    check_env(Counter(), LearnedTarget(mlp), mutator=LearnedEdit(mlp))


@pytest.mark.parametrize("env", [MaskedCounter(), Continuous(), Buttons(), Solved()])
def test_actions_of_every_kind_are_played(env):
    check_env(env, UniformTarget())


class Widens(AbstractLevelMutator[Level]):
    def mutate(self, level, *, key):
        return Level(level.target[None])


class ForAnotherSize(AbstractDesign):
    def editor(self, level):
        return MazeEditor(3, 3, MazeDesign(num_walls=3))


def test_an_edited_or_designed_level_of_another_structure_is_refused():
    with pytest.raises(EnvCheckError, match=r"\[level_spec\] mutator.mutate gives int32\[1\]"):
        check_env(Counter(), UniformTarget(), mutator=Widens())
    maze = Maze(height=4, width=4, max_episode_steps=9)
    with pytest.raises(EnvCheckError, match=r"\[level_spec\] editor.level gives bool\[3,3\]"):
        check_env(maze, RandomWalls(3), design=ForAnotherSize())


def test_an_environment_is_not_checked_where_nothing_is_compiled():
    with jax.disable_jit(), pytest.raises(RuntimeError, match="set JAX_DISABLE_JIT=0"):
        check_env(Counter(), UniformTarget())


def test_a_generator_of_other_levels_is_refused():
    with pytest.raises(EnvCheckError, match=r"\[level_spec\]"):
        check_env(Maze(height=5, width=5), UniformTarget())


def test_batches_are_compared_by_a_generator_that_allows_it():
    with pytest.raises(ValueError, match="key is of JAX's generator rbg"):
        check_env(Counter(), UniformTarget(), key=jax.random.key(0, impl="rbg"))
    with jax.default_prng_impl("rbg"):
        check_env(Counter(), UniformTarget())


def test_the_number_of_steps_is_positive():
    with pytest.raises(ValueError, match="num_steps is 0"):
        check_env(Counter(), UniformTarget(), num_steps=0)
