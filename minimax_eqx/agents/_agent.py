"""What a learner is, and the experience it learns from."""

import abc
import dataclasses
from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import Carry, PyTree
from ..nets import Predictions


class Trajectory(eqx.Module):
    """What happened while one student played a batch of levels for a number of steps.

    Every play starts a fresh episode with an empty memory, and a new episode begins in the step
    after one ends. Recurrent states are not kept: they follow from the observations.
    """

    observations: PyTree[Array, "..."]  # leading axes: time level
    actions: Int[Array, "time level"]
    log_probs: Float[Array, "time level"]
    values: Float[Array, "time level value_head"]
    rewards: Float[Array, "time level"]
    terminated: Bool[Array, "time level"]
    truncated: Bool[Array, "time level"]
    successes: Bool[Array, "time level"]
    last_values: Float[Array, "level value_head"]  # of the state after the last step
    # Values of the states that a time limit cut off, 0 elsewhere. None if nobody asked for them.
    truncation_values: Float[Array, "time level value_head"] | None

    @property
    def dones(self) -> Bool[Array, "time level"]:
        """Whether an episode ended in that step."""
        return self.terminated | self.truncated

    def first_plays(self, num_plays: int | None) -> "Trajectory":
        """The first so many plays (along the axis `level`) on their own; all of them for None."""
        if num_plays is None:
            return self
        part = jax.tree.map(lambda leaf: leaf[:, :num_plays], self)
        return dataclasses.replace(part, last_values=self.last_values[:num_plays])


class Estimates(eqx.Module):
    """Advantages and value targets of a trajectory, per value head."""

    advantages: Float[Array, "time level value_head"]
    targets: Float[Array, "time level value_head"]

    def first_plays(self, num_plays: int | None) -> "Estimates":
        """The first so many plays (along the axis `level`) on their own; all of them for None."""
        return self if num_plays is None else jax.tree.map(lambda leaf: leaf[:, :num_plays], self)


class AbstractAgent(eqx.Module, Generic[Carry]):
    """A policy, its values, and the learner that improves them. The module is the whole state.

    A population is the same module with a leading axis `student` on every array: see `population`.
    """

    num_updates: eqx.AbstractVar[Int[Array, ""]]

    @property
    @abc.abstractmethod
    def needs_truncation_values(self) -> bool:
        """Whether `estimate` reads `Trajectory.truncation_values`; they cost nothing otherwise."""

    @abc.abstractmethod
    def initial_carry(self, batch_shape: tuple[int, ...] = ()) -> Carry:
        """The memory at the start of an episode."""

    @abc.abstractmethod
    def predict(
        self, observation: PyTree, carry: Carry, reset: Bool[Array, "*batch"]
    ) -> tuple[Predictions, Carry]:
        """Policy and values for one observation; where `reset` is true the memory is cleared."""

    @abc.abstractmethod
    def estimate(self, trajectory: Trajectory) -> Estimates:
        """How much better than expected the trajectory went."""

    @abc.abstractmethod
    def update(
        self, trajectory: Trajectory, estimates: Estimates, *, key: Key[Array, ""]
    ) -> tuple["AbstractAgent[Carry]", dict[str, Float[Array, ""]]]:
        """Learns from the trajectory; returns the new agent and metrics."""

    @abc.abstractmethod
    def gradient_steps_per_update(self) -> int:
        """How many optimiser steps one `update` takes."""
