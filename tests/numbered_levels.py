"""Levels that are numbers and pay them, so that every return is known beforehand.

`Numbers` draws them and `DigitDesign` designs them. `going` begins a curriculum without a runner,
and `evidence_of` says what happened; a `Watched` curriculum shows what it got in a runner. What
plays them is in `scripted.py`.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx import Experiment, Runner
from minimax_eqx.curricula import AbstractCurriculum, Proposal
from minimax_eqx.envs import (
    AbstractDesign,
    AbstractLevelEditor,
    AbstractLevelGenerator,
    Discrete,
    TimeStep,
)
from minimax_eqx.rollouts import Evidence

from .evidence import KEY, structure
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

NUMBER = jax.ShapeDtypeStruct((), jnp.int32)


class Numbers(AbstractLevelGenerator):
    """Draws multiples of `step`, all different as good as always."""

    step: int = 1

    def sample(self, level, *, key):
        return self.step * jax.random.randint(key, level.shape, 1, 1_000_000, level.dtype)


class DigitEditor(AbstractLevelEditor):
    """Three actions are the last three digits of a number; its first digit is the blank."""

    max_episode_steps: int = 3

    def action_spec(self):
        return Discrete(10)

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


class DigitDesign(AbstractDesign):
    def editor(self, level):
        return DigitEditor()


class Seen(eqx.Module):
    """The state of a `Watched` curriculum: that of the other one, and what it last saw."""

    inner: Any
    proposal: Any = None
    evidence: Any = None


class Watched(AbstractCurriculum):
    """Another curriculum, and what it last proposed and was told."""

    inner: AbstractCurriculum

    @property
    def levels_per_cycle(self):
        return self.inner.levels_per_cycle

    def init(self, evidence, *, key):
        return Seen(self.inner.init(evidence, key=key))

    def propose(self, state, *, key):
        inner, proposal = self.inner.propose(state.inner, key=key)
        return Seen(inner), proposal

    def learn(self, state, proposal, evidence, *, key):
        inner, metrics = self.inner.learn(state.inner, proposal, evidence, key=key)
        return Seen(inner, proposal, evidence), metrics


class Given(AbstractCurriculum):
    """Proposes the same always, and learns nothing."""

    proposal: Proposal

    def __init__(self, levels, **options):
        levels = levels if isinstance(levels, dict) else jnp.asarray(levels)
        self.proposal = Proposal(levels, **options)

    @property
    def levels_per_cycle(self):
        return len(jax.tree.leaves(self.proposal.levels)[0])

    def init(self, evidence, *, key):
        return None

    def propose(self, state, *, key):
        return None, self.proposal

    def learn(self, state, proposal, evidence, *, key):
        return None, {}


def numbers_runner(curriculum, agents, *, luck=0.0, key, **options):
    """A runner of these agents, a population, on numbered levels."""
    experiment = Experiment(
        NumberedLevels(luck=luck), Taught(), curriculum, agents.num_updates.size, **options
    )
    runner = Runner.create(experiment, key=key)
    return eqx.tree_at(lambda runner: runner.students, runner, agents)


@eqx.filter_jit
def step(runner):
    return runner.step()


class Going(eqx.Module):
    """A curriculum and its state."""

    curriculum: AbstractCurriculum
    state: Any

    @property
    def buffer(self):
        return self.state.buffer

    def with_buffer(self, buffer):
        return eqx.tree_at(lambda going: going.state.buffer, self, buffer)


def going(curriculum, num_students=1, num_trials=1, level=NUMBER, key=KEY):
    """A curriculum that begins."""
    num_levels = curriculum.levels_per_cycle
    levels = jax.tree.map(lambda s: jnp.zeros((num_levels, *s.shape), s.dtype), level)
    zeros = np.zeros((num_students, num_levels, num_trials))
    evidence = structure(evidence_of(zeros, levels=levels))
    return Going(curriculum, curriculum.init(evidence, key=key))


@eqx.filter_jit
def propose(going, key):
    state, proposal = going.curriculum.propose(going.state, key=key)
    return Going(going.curriculum, state), proposal


@eqx.filter_jit
def learn(going, proposal, evidence, key):
    state, metrics = going.curriculum.learn(going.state, proposal, evidence, key=key)
    return Going(going.curriculum, state), metrics


def evidence_of(returns, *, successes=False, finished=True, values=0.0, levels=None):
    """One episode of two steps in each play, which ends with these returns; all that is given has
    the axes `student level trial`, or fewer from the left."""
    returns = jnp.asarray(returns, jnp.float32)
    returns = returns.reshape((1,) * (3 - returns.ndim) + returns.shape)

    def at_the_end(quantity, dtype):
        quantity = jnp.broadcast_to(jnp.asarray(quantity, dtype), returns.shape)
        return jnp.stack([jnp.zeros_like(quantity), quantity], axis=1)

    rewards, ends = at_the_end(returns, jnp.float32), at_the_end(finished, bool)
    values = jnp.broadcast_to(jnp.asarray(values, jnp.float32), returns.shape)
    return Evidence(
        levels=jnp.zeros(returns.shape[1], jnp.int32) if levels is None else levels,
        observations=None,
        actions=jnp.zeros(rewards.shape, jnp.int32),
        distributions=None,
        log_probs=jnp.zeros(rewards.shape),
        rewards=rewards,
        terminated=ends,
        truncated=jnp.zeros_like(ends),
        outcomes=at_the_end(successes, bool),
        values=jnp.stack([values, values], axis=1)[..., None],
        advantages=rewards[..., None],
        students=None,
    )
