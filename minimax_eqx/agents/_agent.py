"""What a learner is, what it trains, and the experience it learns from."""

import abc
import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._metrics import Metrics
from .._types import PyTree
from .._xla._compile import check_not_consumed
from ..envs._actions import AbstractActionSpec
from ..nets._distributions import AbstractDistribution
from ..nets._policy import AbstractPolicy


class Carried(eqx.Module):
    """What plays that go on take over from the rollout before, leading axis `play`."""

    memory: PyTree
    """What the policy remembers."""
    resets: Bool[Array, " play"]
    """Whether an episode ended in the last step: the memory is then cleared before the next."""


class Trajectory(eqx.Module):
    """What happened while one student played a batch of levels for a number of steps.

    A new episode begins in the step after one ends. The memories of all steps are not kept: they
    follow from the observations and from what was remembered before the first step. In a compiled
    program, a field that nobody reads costs nothing.
    """

    observations: PyTree[Array, "..."]
    """Leading axes `time play`."""
    actions: PyTree[Array, "..."]
    """Leading axes `time play`, then those of an action of the environment."""
    distributions: AbstractDistribution
    """The policy's distributions that the actions were drawn from, leading axes `time play`."""
    log_probs: Float[Array, "time play"]
    """The logarithm of how likely each action was."""
    values: Float[Array, "time play value_head"]
    """What each value head expected in each step."""
    rewards: Float[Array, "time play"]
    """What the environment paid."""
    terminated: Bool[Array, "time play"]
    """Whether the world ended the episode in this step."""
    truncated: Bool[Array, "time play"]
    """Whether the time limit ended it."""
    successes: Bool[Array, "time play"] | None
    """None where the environment does not say what success is."""
    last_values: Float[Array, "play value_head"]
    """Values of the state after the last step."""
    truncation_values: Float[Array, "time play value_head"] | None
    """Values of the states that a time limit cut off, 0 elsewhere; None if nobody asked for it."""
    told: PyTree[Array, "..."] = None
    """What other students say of it (leading axes `time play`), see `ask_peers`."""
    measures: dict[str, Float[Array, "time play"]] = eqx.field(default_factory=dict)
    """What else the environment measures in each step."""
    carried: Carried | None = None
    """What the plays went on with. None: each began a fresh episode with an empty memory."""

    @property
    def dones(self) -> Bool[Array, "time play"]:
        """Whether an episode ended in that step."""
        return self.terminated | self.truncated

    @property
    def resets(self) -> Bool[Array, "time play"]:
        """Whether the memory is cleared before that step, since an episode ended in the one before;
        it is empty anyway before the first step of a play."""
        dones = self.dones
        first = jnp.zeros_like(dones[:1]) if self.carried is None else self.carried.resets[None]
        return jnp.concatenate([first, dones[:-1]])

    def first_plays(self, num_plays: int | None) -> "Trajectory":
        """The first `num_plays` plays on their own; all of them for None."""
        if num_plays is None:
            return self
        last_values, carried = jax.tree.map(
            lambda leaf: leaf[:num_plays], (self.last_values, self.carried)
        )
        steps = dataclasses.replace(self, carried=None)
        steps = jax.tree.map(lambda leaf: leaf[:, :num_plays], steps)
        return dataclasses.replace(steps, last_values=last_values, carried=carried)


class Estimates(eqx.Module):
    """Advantages and value targets of a trajectory, per value head."""

    advantages: Float[Array, "time play value_head"]
    """How much better a step was than expected."""
    targets: Float[Array, "time play value_head"]
    """What the values should have been."""

    def first_plays(self, num_plays: int | None) -> "Estimates":
        """The first `num_plays` plays on their own; all of them for None."""
        return self if num_plays is None else jax.tree.map(lambda leaf: leaf[:, :num_plays], self)


class Agent(eqx.Module):
    """What learning changes: a network, and what its learner remembers from update to update.

    How it learns is written in an `AbstractLearner`, which makes agents and updates them. A
    population is one agent with a leading axis `student` on every array; `population` makes it.
    """

    network: AbstractPolicy
    """The policy and its values; `rollout` and `evaluate` play with it."""
    learning: PyTree
    """What the learner remembers, an optimiser's state for example."""
    num_updates: Int[Array, "*student"]
    """How many updates were made."""

    def first(self) -> "Agent":
        """The first agent of a population, on its own; `runner.students` is a population.

        Raises `ValueError` if the runner was consumed by `run`.
        """
        check_not_consumed("first", self)
        return self._at(0)

    def student(self, index: int) -> "Agent":
        """An agent of a population, counted from 0, on its own.

        Raises `ValueError` for a number that there is not, and for a runner that was consumed.
        """
        check_not_consumed("student", self)
        (count,) = self.num_updates.shape
        if not 0 <= index < count:
            raise ValueError(
                f"student is {index}; it must be at least 0 and below {count}, the number of them."
            )
        return self._at(index)

    def _at(self, index: int) -> "Agent":
        return jax.tree.map(lambda x: x[index] if eqx.is_array(x) else x, self)


class AbstractLearner(eqx.Module):
    """How an agent is made and how it learns from what it played: configuration without state.

    After every rollout, of which a cycle has one or more, the runner calls `estimate` on what was
    played, then `update`.
    """

    @property
    @abc.abstractmethod
    def needs_truncation_values(self) -> bool:
        """Whether `estimate` reads `Trajectory.truncation_values`; they cost nothing otherwise."""

    @property
    @abc.abstractmethod
    def gradient_steps_per_update(self) -> int:
        """How many optimiser steps one `update` takes."""

    @property
    @abc.abstractmethod
    def num_useful_updates(self) -> int | None:
        """After how many updates nothing changes any more, None if that never comes.

        For example, a learning rate may anneal to 0. An experiment that is longer is refused.
        """

    @abc.abstractmethod
    def init(
        self,
        observation: PyTree[jax.ShapeDtypeStruct],
        actions: AbstractActionSpec,
        *,
        key: Key[Array, ""],
    ) -> Agent:
        """An agent that has not learned yet, for an environment.

        `observation` and `actions` are what the environment's `observation_spec()` and
        `action_spec()` give. Raise `ValueError` if you cannot learn there.
        """

    @abc.abstractmethod
    def check(self, agent: Agent, num_steps: int, num_plays: int) -> None:
        """Raise `ValueError` if `update` cannot learn from trajectories of this size.

        The runner calls it when it is made, with an agent or a population. `num_plays` are those
        that an update learns from.
        """

    @abc.abstractmethod
    def estimate(self, trajectory: Trajectory) -> Estimates:
        """How much better than expected the trajectory went."""

    @abc.abstractmethod
    def update(
        self,
        agent: Agent,
        trajectory: Trajectory,
        estimates: Estimates,
        *,
        weights: Float[Array, "time play"] | None = None,
        key: Key[Array, ""],
    ) -> tuple[Agent, Metrics]:
        """Learn from the trajectory; return the new agent and metrics.

        `weights` says how much each step counts, a mask for example: they are not negative, and
        None stands for all 1. Every mean over steps is to be weighted by them. Count the update in
        `num_updates`. A network with memory is scanned from `trajectory.carried`, if that is not
        None, with `trajectory.resets`.
        """

    def ask_peers(self, students: Agent, trajectories: Trajectory) -> PyTree[Array] | None:
        """What other students tell each student of its trajectory, before an update. Optional.

        The runner calls it once before all students are updated, and hands each student's share to
        `update` in `trajectory.told`. All arrays have a leading axis `student`, and those of the
        result `time play` after it. None stands for nothing.
        """
        return None
