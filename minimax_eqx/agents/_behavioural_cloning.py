"""Students that learn to act as the others of their population would."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._ranges import check_at_least
from .._types import PyTree, Scalar
from ..nets._distributions import AbstractDistribution
from ..nets._policy import Predictions
from ._agent import Agent, Trajectory
from ._peers import AbstractPeerLoss


class Told(eqx.Module):
    """How the others would have acted, and how much that counts."""

    distributions: AbstractDistribution  # leading axes: time play other
    weights: Float[Array, "*parts time play"]


class BehaviouralCloning(AbstractPeerLoss):
    """The divergence of a student's policy from the others', on its own trajectory.

        kl_coef * mean over steps and others of KL(other(. | o_1 ... o_t) || own(. | o_1 ... o_t))

    The others read the episodes of the student from their starts, as they were before the update;
    of a play that is cut into rollouts, each rollout from its start, with an empty memory.
    Together with a high entropy bonus of the teacher this makes PAIRED stable (Mediratta et al.
    2023, arXiv 2308.10797): an antagonist that is far ahead pulls the protagonist along. There the
    protagonist learns first, and here all students learn at once.

    One forward pass per transition and other student, in the updates that it is part of.
    """

    kl_coef: Scalar = 0.1
    """Weight of the divergence in the loss. At 0 it is computed all the same, and has no effect."""
    every: int = 25
    """It counts in every update with this number or a multiple of it; 1 for all of them."""
    only_first: bool = False
    """Whether only the first student, PAIRED's protagonist, learns from the others."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "kl_coef")
        check_at_least(self, 1, "every")

    def ask(self, students: Agent, trajectories: Trajectory) -> Told:
        num_students, *_ = shape = trajectories.rewards.shape
        own = jax.tree.map(
            lambda leaf: jnp.repeat(leaf[:, :, :, None], num_students - 1, axis=3),
            trajectories.distributions,
        )
        is_due = (students.num_updates[0] + 1) % self.every == 0
        # What is told otherwise is finite, and does not count.
        said = jax.lax.cond(is_due, lambda: _others(students, trajectories), lambda: own)
        learns = is_due & ((jnp.arange(num_students) == 0) | (not self.only_first))
        weights = jnp.where(learns, self.kl_coef, 0.0)
        return Told(said, jnp.broadcast_to(weights[:, None, None], shape))

    def __call__(self, predictions: Predictions, told: Told) -> Float[Array, "*parts time play"]:
        divergences = eqx.filter_vmap(lambda other: other.kl(predictions.actions), in_axes=2)
        return told.weights * jnp.mean(divergences(told.distributions), axis=0)


def _others(students: Agent, trajectories: Trajectory) -> PyTree:
    """How the others would act in each student's place: axes `student time play other`."""
    arrays, structure = eqx.partition(students.network, eqx.is_array)

    def read(network, trajectory):
        memory = network.initial_memory(trajectory.rewards.shape[1:])
        return network.scan(trajectory.observations, memory, trajectory.resets)[0].actions

    def of_other(shift):
        rolled = jax.tree.map(lambda leaf: jnp.roll(leaf, -shift, axis=0), arrays)
        return eqx.filter_vmap(read)(eqx.combine(rolled, structure), trajectories)

    said = [of_other(shift) for shift in range(1, len(trajectories.rewards))]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=3), *said)
