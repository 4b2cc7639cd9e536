"""What worlds that are moved by one motor share."""

from typing import Generic

import equinox as eqx

from ..._ranges import check_at_least, check_positive
from ..._types import Observation, Scalar, State
from .._actions import AbstractActionSpec
from ._env import AbstractBoxEnv
from ._motors import AbstractMotor, SmoothMotor
from ._parameters import ParameterLevel


class AbstractMotorEnv(
    AbstractBoxEnv[ParameterLevel, State, Observation], Generic[State, Observation]
):
    """A world that is moved by one motor, in steps of the same time, up to a time limit.

    Its dynamics read the numbers of the level as they are. A range is one of your fields, and so is
    the time that an action lasts. All of them are checked when you make the environment.

    Raises `ValueError` for a range that is not one, a time that is not above 0, or no time at all.
    """

    seconds_per_step: eqx.AbstractVar[Scalar]
    motor: AbstractMotor = SmoothMotor()
    """What an action is: a number, or one of several efforts."""
    max_episode_steps: int = 200
    """The time limit of an episode, in steps."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "max_episode_steps")
        check_positive(self, "seconds_per_step")
        self.parameters()

    def action_spec(self) -> AbstractActionSpec:
        return self.motor.action_spec()

    def load(self, level: ParameterLevel) -> ParameterLevel:
        return level
