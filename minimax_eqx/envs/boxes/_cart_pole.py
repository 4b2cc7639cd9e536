"""The cart-pole, whose masses, length and the like are the level."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ..._types import PyTree, Scalar
from .._env import TimeStep
from ._artists import CartPoleArtist
from ._motor_env import AbstractMotorEnv
from ._parameters import Parameter, ParameterLevel

FARTHEST, STEEPEST = 2.4, 0.21  # metres from the middle, radians from upright
LARGEST_START = 0.05


class CartPoleState(eqx.Module):
    """Where cart and pole are, and how fast they move."""

    position: Float[Array, "*batch 2"]  # metres from the middle, radians from upright
    velocity: Float[Array, "*batch 2"]
    time: Int[Array, "*batch"]


class CartPole(AbstractMotorEnv[CartPoleState, Float[Array, " 4"]]):
    """Balance a pole on a cart by pushing the cart (Barto, Sutton and Anderson 1983).

    A level is six numbers, each from a range that is a field. The student sees positions and
    velocities, and not the level. An episode ends when the pole leans by more than 0.21 radians (12
    degrees) or the cart is 2.4 metres from the middle. Every step pays the same, so that the return
    is the share of the time limit that the pole stayed up. It is 1 for a pole that stayed up to the
    end, and that is success.

    With ranges of one value each, `motor=SteppedMotor()` and `max_episode_steps=500` it is the
    classic one. Friction is of the cart on its track, and proportional to its speed.

    Raises `ValueError` for a range that is not one, and for a mass, length or force that may be 0.
    """

    cart_mass: tuple[float, float] = eqx.field(static=True, default=(0.5, 5.0))
    """Lowest and highest mass of the cart, in kilograms."""
    pole_mass: tuple[float, float] = eqx.field(static=True, default=(0.05, 1.0))
    """Lowest and highest mass of the pole, in kilograms."""
    pole_length: tuple[float, float] = eqx.field(static=True, default=(0.2, 4.0))
    """Lowest and highest length of the pole, in metres."""
    gravity: tuple[float, float] = eqx.field(static=True, default=(2.0, 25.0))
    """Lowest and highest gravity, in metres per second squared."""
    friction: tuple[float, float] = eqx.field(static=True, default=(0.0, 3.0))
    """Lowest and highest friction of the cart, in newton seconds per metre."""
    force: tuple[float, float] = eqx.field(static=True, default=(3.0, 20.0))
    """Lowest and highest force of the strongest push, in newtons."""
    seconds_per_step: Scalar = 0.02
    """How long an action lasts."""

    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter("cart_mass", *self.cart_mass, "kg", "log"),
            Parameter("pole_mass", *self.pole_mass, "kg", "log"),
            Parameter("pole_length", *self.pole_length, "m", "log"),
            Parameter("gravity", *self.gravity, "m/s²"),
            Parameter("friction", *self.friction, "N s/m"),
            Parameter("force", *self.force, "N", "log"),
        )

    def reset(self, world: ParameterLevel, *, key: Key[Array, ""]) -> CartPoleState:
        """At rest but for up to 0.05 of everything: metres, radians, and both per second."""
        del world
        position, velocity = jax.random.uniform(
            key, (2, 2), minval=-LARGEST_START, maxval=LARGEST_START
        )
        return CartPoleState(position, velocity, jnp.zeros((), jnp.int32))

    def step(
        self,
        world: ParameterLevel,
        state: CartPoleState,
        action: PyTree[Array],
        *,
        key: Key[Array, ""],
    ) -> TimeStep[CartPoleState]:
        del key
        (speed, spin), angle = state.velocity, state.position[1]
        sine, cosine = jnp.sin(angle), jnp.cos(angle)
        half = world["pole_length"] / 2
        mass, moment = world["cart_mass"] + world["pole_mass"], world["pole_mass"] * half
        pushed = world["force"] * self.motor.effort(action) - world["friction"] * speed
        push = (pushed + moment * jnp.square(spin) * sine) / mass
        lever = half * (4 / 3 - world["pole_mass"] * jnp.square(cosine) / mass)
        turning = (world["gravity"] * sine - cosine * push) / lever
        acceleration = jnp.stack([push - moment * turning * cosine / mass, turning])
        # As the classic one does: positions go by the velocities of before.
        position = state.position + self.seconds_per_step * state.velocity
        velocity = state.velocity + self.seconds_per_step * acceleration
        time = state.time + 1
        fallen = (jnp.abs(position[0]) > FARTHEST) | (jnp.abs(position[1]) > STEEPEST)
        late = (time >= self.max_episode_steps) & ~fallen
        return TimeStep(
            CartPoleState(position, velocity, time),
            reward=jnp.asarray(1 / self.max_episode_steps, jnp.float32),
            terminated=fallen,
            truncated=late,
            success=late,
        )

    def observe(self, world: ParameterLevel, state: CartPoleState) -> Float[Array, " 4"]:
        del world
        return jnp.concatenate([state.position, state.velocity])

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return jax.ShapeDtypeStruct((4,), jnp.float32)

    def artist(self) -> CartPoleArtist:
        return CartPoleArtist()
