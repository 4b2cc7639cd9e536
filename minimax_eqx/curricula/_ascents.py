"""How far weights of levels move along a gradient: three forms of one step upwards."""

import abc
from typing import Generic

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._ranges import check_positive
from .._types import Scalar, State


class AbstractAscent(eqx.Module, Generic[State]):
    """Turns gradients of an objective into steps that raise it. NCC asks for one step an iteration,
    and puts the weights back on the simplex afterwards."""

    @abc.abstractmethod
    def init(self, capacity: int) -> State:
        """The first state, for `capacity` weights."""

    @abc.abstractmethod
    def step(
        self, state: State, gradient: Float[Array, " capacity"]
    ) -> tuple[Float[Array, " capacity"], State]:
        """What is added to the weights, and the state from now on."""


class PlainAscent(AbstractAscent[None]):
    """The gradient times a step size: the form of the theory."""

    step_size: Scalar = 0.1
    """How far weights move along the gradient."""

    def __check_init__(self) -> None:
        check_positive(self, "step_size")

    def init(self, capacity: int) -> None:
        return None

    def step(
        self, state: None, gradient: Float[Array, " capacity"]
    ) -> tuple[Float[Array, " capacity"], None]:
        return self.step_size * gradient, None


class AdaGradAscent(AbstractAscent[Float[Array, " capacity"]]):
    """`step_size * G * (a + 1e-7)^-0.4`, with the sum `a` of all squared gradients, from 0.1 on."""

    step_size: Scalar = 0.1
    """How far weights move along the gradient; less and less as squared gradients add up."""

    def __check_init__(self) -> None:
        check_positive(self, "step_size")

    def init(self, capacity: int) -> Float[Array, " capacity"]:
        return jnp.full(capacity, 0.1, jnp.float32)

    def step(
        self, state: Float[Array, " capacity"], gradient: Float[Array, " capacity"]
    ) -> tuple[Float[Array, " capacity"], Float[Array, " capacity"]]:
        total = state + jnp.square(gradient)
        return self.step_size * gradient * (total + 1e-7) ** -0.4, total


class Moments(eqx.Module):
    """Running means of the gradient and of its square, and how many there were."""

    first: Float[Array, " capacity"]
    second: Float[Array, " capacity"]
    count: Float[Array, ""]


class AdamAscent(AbstractAscent[Moments]):
    """Adam with the power 0.4: `step_size * m / (1 - 0.9^t) / (v^0.4 / sqrt(1 - 0.999^t) + 1e-5)`.

    `m` and `v` are running means of the gradient and of its square, after `t` steps.
    """

    step_size: Scalar = 0.1
    """How far weights move, nearly whatever the size of the gradient."""

    def __check_init__(self) -> None:
        check_positive(self, "step_size")

    def init(self, capacity: int) -> Moments:
        zeros = jnp.zeros(capacity, jnp.float32)
        return Moments(zeros, zeros, jnp.zeros((), jnp.float32))

    def step(
        self, state: Moments, gradient: Float[Array, " capacity"]
    ) -> tuple[Float[Array, " capacity"], Moments]:
        count = state.count + 1
        first = 0.9 * state.first + 0.1 * gradient
        second = 0.999 * state.second + 0.001 * jnp.square(gradient)
        mean = first / (1 - 0.9**count)
        scale = second**0.4 / jnp.sqrt(1 - 0.999**count)
        return self.step_size * mean / (scale + 1e-5), Moments(first, second, count)
