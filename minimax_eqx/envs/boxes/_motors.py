"""How hard a motor pushes: by a number, or by one of several choices."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..._ranges import check_at_least
from ..._types import PyTree
from .._actions import AbstractActionSpec, Box, Discrete


class AbstractMotor(eqx.Module):
    """What the actions of a machine are, and how hard each of them makes its motor push."""

    @abc.abstractmethod
    def action_spec(self) -> AbstractActionSpec:
        """What an action is."""

    @abc.abstractmethod
    def effort(self, action: PyTree[Array]) -> Float[Array, ""]:
        """From -1 to 1, as a share of the strongest push; the sign is the direction."""


class SmoothMotor(AbstractMotor):
    """Pushes as hard as the student likes: an action is a number from -1 to 1."""

    def action_spec(self) -> Box:
        return Box(low=-1.0, high=1.0)

    def effort(self, action: Float[Array, ""]) -> Float[Array, ""]:
        return action


class SteppedMotor(AbstractMotor):
    """Pushes in one of several ways, evenly spread from full speed one way to full speed the other.

    With two, as in the classic cart-pole, it can't rest. Raises `ValueError` for less than two.
    """

    num_efforts: int = 2
    """How many actions there are; with an odd number one of them is to do nothing."""

    def __check_init__(self) -> None:
        check_at_least(self, 2, "num_efforts")

    def action_spec(self) -> Discrete:
        return Discrete(self.num_efforts)

    def effort(self, action: Int[Array, ""]) -> Float[Array, ""]:
        return 2 * action.astype(jnp.float32) / (self.num_efforts - 1) - 1
