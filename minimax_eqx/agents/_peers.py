"""What the students of a population tell each other before they learn."""

import abc

import equinox as eqx
from jaxtyping import Array, Float

from .._types import PyTree
from ..nets._policy import Predictions
from ._agent import Agent, Trajectory


class AbstractPeerLoss(eqx.Module):
    """A term of a student's loss that depends on the other students of its population.

    What the others say is data: they are asked once before an update, as they are then, and no
    gradient reaches them. So students are still updated independently of each other.
    """

    @abc.abstractmethod
    def ask(self, students: Agent, trajectories: Trajectory) -> PyTree[Array]:
        """What the others tell each student about its own trajectory.

        All arrays have a leading axis `student`. Those of the result have the axes `time play`
        after it, since an update may cut them as it cuts a trajectory. PPO calls this once before
        every update.
        """

    @abc.abstractmethod
    def __call__(
        self, predictions: Predictions, told: PyTree[Array]
    ) -> Float[Array, "*parts time play"]:
        """The loss of each step of one student, whose network now predicts this.

        `told` is what `ask` gave for it, or for the part of its steps that the update looks at.
        """
