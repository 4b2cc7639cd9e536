"""Small environments that count: one that keeps the rules, and others that break them."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.envs import (
    AbstractEnv,
    AbstractLevelGenerator,
    Box,
    Discrete,
    MultiDiscrete,
    TimeStep,
)
from minimax_eqx.envs._actions import AbstractActionSpec

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


class Solved(Counter):
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


def begin_anew(self, world, state, action, *, key):
    step = Counter.step(self, world, state, action, key=key)
    fresh = self.reset(world, key=key)
    new = jax.tree.map(lambda one, other: jnp.where(step.done, one, other), fresh, step.state)
    return dataclasses.replace(step, state=new)


class DrawsItsOwnTarget(Counter):
    """Its episodes are those of a target that a reset draws, as where a package draws a level."""

    def reset(self, world, *, key):
        return State(-jax.random.randint(key, (), 1, 4), ZERO)

    def step(self, world, state, action, *, key):
        return Counter.step(self, Level(ZERO), state, action, key=key)


class Start(eqx.Module):
    """A level that is a state."""

    target: jax.Array
    count: jax.Array
    time: jax.Array


class Starts(AbstractLevelGenerator[Start]):
    def sample(self, level, *, key):
        return Start(jax.random.randint(key, (), 1, 4), ZERO, ZERO)


class FromStart(Counter):
    """Its episodes begin at their level, but for the count, and perhaps the target."""

    keeps_target: bool = True

    def reset(self, world, *, key):
        drawn = jax.random.randint(key, (2,), 1, 4)
        target = world.target if self.keeps_target else drawn[0]
        return Start(target, -drawn[1], world.time)

    def step(self, world, state, action, *, key):
        step = Counter.step(self, state, State(state.count, state.time), action, key=key)
        new = Start(state.target, step.state.count, step.state.time)
        return dataclasses.replace(step, state=new)

    def level_spec(self):
        return jax.eval_shape(lambda: Start(ZERO, ZERO, ZERO))
