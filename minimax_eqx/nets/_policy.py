"""What a network is: a part that makes a policy, and what the policy predicts."""

import abc
from typing import Generic

import equinox as eqx
from jaxtyping import Array, Bool, Float, Key

from .._types import Memory, PyTree
from ..envs._actions import AbstractActionSpec
from ._distributions import AbstractDistribution


class Predictions(eqx.Module):
    """What a policy says of an observation: how to act, and one value per value head."""

    actions: AbstractDistribution
    """The distribution over actions, with the leading axes `*batch`."""
    values: Float[Array, "*batch value_head"]
    """The return that each value head expects."""


class AbstractPolicy(eqx.Module, Generic[Memory]):
    """The weights of a network that acts and judges, with a memory that can be cleared at any step.

    Derive from it if you write an `AbstractNetwork`. Rollouts call `initial_memory` and `step`;
    learners call `initial_memory` and `scan`. Keep three promises: every method takes any leading
    axes `*batch`, what comes before a reset changes nothing after it, and `scan` gives what calls
    of `step` one after another give. Otherwise a student learns from a policy that never played.
    """

    @property
    @abc.abstractmethod
    def has_memory(self) -> bool:
        """Whether predictions depend on earlier observations.

        PPO asks when it cuts minibatches: from whole plays if so, and from single steps if not.
        """

    @abc.abstractmethod
    def initial_memory(self, batch_shape: tuple[int, ...] = ()) -> Memory:
        """The memory at the start of an episode, with leading axes `batch_shape`.

        Called before a play or an evaluation begins. A policy without a memory returns `()`.
        """

    @abc.abstractmethod
    def step(
        self, observation: PyTree, memory: Memory, reset: Bool[Array, "*batch"]
    ) -> tuple[Predictions, Memory]:
        """Reads one observation, with leading axes `*batch`; where `reset` is true the memory is
        cleared first.

        Called at every step of a rollout. The new memory has the shapes and dtypes of the old.
        """

    @abc.abstractmethod
    def scan(
        self, observations: PyTree, memory: Memory, resets: Bool[Array, "time *batch"]
    ) -> tuple[Predictions, Memory]:
        """Reads a sequence with leading axes `time *batch`; gives what `step` gives one by one.

        Called whenever a learner needs predictions for a rollout, and differentiated. It returns
        the memory after the last step.
        """

    def measured(
        self, observations: PyTree, weights: Float[Array, "time play"] | None
    ) -> "AbstractPolicy[Memory] | None":
        """The same policy, having measured what it is about to learn from. Optional.

        A learner calls it once at the start of every update, for example for the running mean of
        observations. `weights` have mean 1, or are all 0; None is for all 1. What is measured must
        be in `Statistics`, which are not trained. None says that there is nothing to measure.
        """
        return None


class AbstractNetwork(eqx.Module):
    """Configures a policy.

    Derive from it for a network of another form than `ActorCritic`.
    """

    @abc.abstractmethod
    def init(
        self, observation: PyTree, actions: AbstractActionSpec, *, key: Key[Array, ""]
    ) -> AbstractPolicy:
        """Draws the weights; a learner calls it once for each student.

        `observation` is the structure of one observation and `actions` what can be done, as
        `AbstractEnv.observation_spec` and `AbstractEnv.action_spec` give them. Raise `ValueError`
        here for what the network cannot read or do.
        """
