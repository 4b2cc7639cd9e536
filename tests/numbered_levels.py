"""Levels that are numbers and pay them, so that every return is known beforehand.

`Numbers` draws them, `DigitEditor` designs them, and a `Watched` curriculum shows what it got; who
plays them is in `scripted.py`.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx.curricula import AbstractCurriculum, Proposal
from minimax_eqx.envs import AbstractLevelEditor, AbstractLevelGenerator, TimeStep
from minimax_eqx.rollouts import Evidence

from .scripted import (  # noqa: F401
    ADVANTAGE_FACTORS,
    EPISODE,
    LUCKS,
    NUM_ACTIONS,
    PER_ACTION,
    NumberedLevels,
    Scripted,
    Taught,
    luck_of,
    scripted,
    students,
    undecided_students,
)


class Numbers(AbstractLevelGenerator):
    """Draws multiples of `step`, all different as good as always."""

    step: int = eqx.field(static=True, default=1)

    def sample(self, key):
        return self.step * jax.random.randint(key, (), 1, 1_000_000)


class DigitEditor(AbstractLevelEditor):
    """Three actions are the last three digits of a number; its first digit is the blank."""

    num_actions: int = eqx.field(static=True, default=10)
    max_episode_steps: int = eqx.field(static=True, default=3)

    def blank(self, key):
        return jax.random.randint(key, (), 1, 10)

    def load(self, level):
        return level

    def reset(self, world, *, key):
        return {"number": world, "time": jnp.zeros((), jnp.int32)}

    def step(self, world, state, action, *, key):
        number, time = 10 * state["number"] + action.astype(jnp.int32), state["time"] + 1
        false = jnp.zeros((), bool)
        over = time >= self.max_episode_steps
        return TimeStep({"number": number, "time": time}, jnp.zeros(()), over, false, false)

    def observe(self, world, state):
        return state

    def level(self, state):
        return state["number"]

    def level_spec(self):
        return jax.ShapeDtypeStruct((), jnp.int32)

    def observation_spec(self):
        return {name: jax.ShapeDtypeStruct((), jnp.int32) for name in ("number", "time")}

    def level_metrics(self, level):
        return {}


class Watched(AbstractCurriculum):
    """Another curriculum, and what it last proposed and was told."""

    inner: AbstractCurriculum
    num_levels: int = eqx.field(static=True)
    proposal: Any = None
    evidence: Any = None

    def __init__(self, inner, proposal=None, evidence=None):
        self.inner, self.num_levels = inner, inner.num_levels
        self.proposal, self.evidence = proposal, evidence

    def check(self, num_students, num_trials, num_value_heads):
        self.inner.check(num_students, num_trials, num_value_heads)

    def propose(self, key):
        inner, proposal = self.inner.propose(key)
        return Watched(inner), proposal

    def learn(self, proposal, evidence, *, key):
        inner, metrics = self.inner.learn(proposal, evidence, key=key)
        return Watched(inner, proposal, evidence), metrics


class Given(AbstractCurriculum):
    """Proposes the same always, and learns nothing."""

    proposal: Proposal
    num_levels: int = eqx.field(static=True)

    def __init__(self, levels, **options):
        self.proposal, self.num_levels = Proposal(jnp.asarray(levels), **options), len(levels)

    def check(self, num_students, num_trials, num_value_heads):
        pass

    def propose(self, key):
        return self, self.proposal

    def learn(self, proposal, evidence, *, key):
        return self, {}


@eqx.filter_jit
def step(runner):
    return runner.step()


@eqx.filter_jit
def propose(curriculum, key):
    return curriculum.propose(key)


@eqx.filter_jit
def learn(curriculum, proposal, evidence, key):
    return curriculum.learn(proposal, evidence, key=key)


def evidence_of(returns, *, successes=False, finished=True, values=0.0):
    """One episode of two steps in each play, which ends with these returns; all that is given has
    the axes `student level trial`, or fewer from the left."""
    returns = np.asarray(returns, np.float32)
    returns = returns.reshape((1,) * (3 - returns.ndim) + returns.shape)

    def at_the_end(quantity, dtype):
        quantity = np.broadcast_to(np.asarray(quantity, dtype), returns.shape)
        return jnp.asarray(np.stack([np.zeros_like(quantity), quantity], axis=1))

    rewards = at_the_end(returns, np.float32)
    values = np.broadcast_to(np.asarray(values, np.float32), returns.shape)
    return Evidence(
        observations=None,
        actions=jnp.zeros(rewards.shape, jnp.int32),
        rewards=rewards,
        dones=at_the_end(finished, bool),
        successes=at_the_end(successes, bool),
        values=jnp.asarray(np.stack([values, values], axis=1)[..., None]),
        advantages=rewards[..., None],
    )
