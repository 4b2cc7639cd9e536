"""Levels that are numbers and pay them, so that every return is known beforehand.

`DigitEditor` designs them, and a `Watched` curriculum shows what it got; who plays them is in
`scripted.py`.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from minimax_eqx.curricula import AbstractCurriculum, Proposal
from minimax_eqx.envs import AbstractDesign, AbstractLevelEditor, Discrete, TimeStep
from minimax_eqx.runners import Experiment, Runner

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

DIGITS = 3


class DigitEditor(AbstractLevelEditor):
    """Three actions are the last three digits of a number; its first digit is the blank."""

    max_episode_steps: int = DIGITS

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
    """Designs numbers with a `DigitEditor`."""

    def editor(self, level):
        return DigitEditor()


class WatchedState(eqx.Module):
    """The other curriculum's state, and what it last proposed and was told."""

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
        return WatchedState(self.inner.init(evidence, key=key))

    def propose(self, state, *, key):
        inner, proposal = self.inner.propose(state.inner, key=key)
        return WatchedState(inner), proposal

    def learn(self, state, proposal, evidence, *, key):
        inner, metrics = self.inner.learn(state.inner, proposal, evidence, key=key)
        return WatchedState(inner, proposal, evidence), metrics


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
        return state, self.proposal

    def learn(self, state, proposal, evidence, *, key):
        return state, {}


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
