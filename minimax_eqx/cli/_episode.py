"""An episode that somebody plays or watches step by step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._types import PyTree
from .._xla._compile import quick_jit
from ..envs import AbstractEnv
from ..envs.maze import MazeLevel
from ..envs.maze._metrics import fewest_actions
from ..nets._distributions import Categorical
from ..nets._policy import AbstractPolicy
from ..rollouts._evaluation import choose


class Episode:
    """One episode on a level, as far as it has got. All chance in it comes from `key`."""

    def __init__(self, env: AbstractEnv, level: PyTree, *, key: jax.Array):
        self.env = env
        self.level = jax.tree.map(jnp.asarray, level)
        self._key, reset_key = jax.random.split(key)
        self.world, self.state, self.observation = _begin(env, self.level, reset_key)
        self.steps, self.total = 0, 0.0
        self.done, self.success = False, False

    @property
    def shown(self) -> Any:
        """The state, as pictures want it."""
        return jax.device_get(self.state)

    def act(self, action: PyTree) -> None:
        """Takes a step, unless the episode is over."""
        if self.done:
            return
        self._key, key = jax.random.split(self._key)
        step, self.observation = _step(self.env, self.world, self.state, action, key)
        self.state, self.steps = step.state, self.steps + 1
        self.total += float(step.reward)
        self.done = bool(step.done)
        self.success = step.success is not None and bool(step.success)

    def outcome(self) -> str:
        """How it ended, in words; empty while it goes on."""
        if not self.done:
            return ""
        if self.success:
            return f"Solved in {self.steps} steps."
        late = self.steps >= self.env.max_episode_steps
        return "The time is over." if late else "The episode is over."


def shortest(env: AbstractEnv, level: PyTree) -> str:
    """What is best on a level, in words; empty if nobody knows."""
    level = jax.tree.map(jnp.asarray, level)
    if isinstance(level, MazeLevel):
        steps = int(_fewest(level))
        return f"{steps} steps" if steps else "there is none"
    best = env.optimal_return(level)
    return "" if best is None else f"return {float(best):.3f}"


class Student:
    """A trained network that plays an episode, and what it thinks before each step."""

    def __init__(self, policy: AbstractPolicy, *, greedy: bool, key: jax.Array):
        self._policy, self._greedy, self._key = policy, greedy, key
        self._memory = policy.initial_memory()

    def think(self, episode: Episode) -> tuple[PyTree, np.ndarray | None, float]:
        """The action that it takes now, the probability of each action, and what it expects."""
        self._key, key = jax.random.split(self._key)
        action, probabilities, value, self._memory = _think(
            episode.env, self._policy, episode.observation, self._memory, key, greedy=self._greedy
        )
        known = None if probabilities is None else np.asarray(probabilities)
        return action, known, float(value)


@quick_jit
def _begin(env, level, key):
    world = env.load(level)
    state = env.reset(world, key=key)
    return world, state, env.observe(world, state)


@quick_jit
def _step(env, world, state, action, key):
    step = env.step(world, state, action, key=key)
    return step, env.observe(world, step.state)


@quick_jit
def _think(env, policy, observation, memory, key, *, greedy):
    predictions, memory = policy.step(observation, memory, jnp.zeros((), bool))
    actions = predictions.actions
    action = choose(env.action_spec(), actions, greedy=greedy, key=key)
    is_one_choice = isinstance(actions, Categorical)
    probabilities = jax.nn.softmax(actions.logits) if is_one_choice else None
    return action, probabilities, predictions.values[0], memory


_fewest = quick_jit(fewest_actions)
