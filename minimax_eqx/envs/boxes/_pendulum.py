"""A pendulum to swing up, whose length, mass and the like are the level."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ..._types import PyTree, Scalar
from .._env import TimeStep
from ._artists import PendulumArtist
from ._motor_env import AbstractMotorEnv
from ._parameters import Parameter, ParameterLevel

UPRIGHT = 0.95  # cosine of the angle
FASTEST_SEEN = 8.0  # radians per second; what the student sees is a share of it


class PendulumState(eqx.Module):
    """Where the pendulum is and how fast it turns."""

    angle: Float[Array, "*batch"]  # radians from upright
    spin: Float[Array, "*batch"]
    num_upright: Int[Array, "*batch"]  # steps for which it has been upright without a break
    time: Int[Array, "*batch"]


class Pendulum(AbstractMotorEnv[PendulumState, Float[Array, " 3"]]):
    """Swing a pendulum up with a motor that is too weak to lift it, and hold it there.

    A level is five numbers, each from a range that is a field. The student sees the angle, as sine
    and cosine, and how fast it turns, and not the level. Episodes last to the time limit. They end
    in success if the pendulum has been upright, within 18 degrees, for the last second.

    Every step pays `h exp(-w² / 10) / max_episode_steps`, where `h` is the height of the bob, from
    0 at the bottom to 1 at the top, and `w` how fast it turns, in radians per second. So the return
    is 0 for a pendulum that hangs, 1 for one that stands all the time, and little for one that
    whirls around.

    Friction is of the hinge, and proportional to how fast it turns.

    Raises `ValueError` for a range that is not one, and for a mass or length that may be 0.
    """

    length: tuple[float, float] = eqx.field(static=True, default=(0.6, 1.5))
    """Lowest and highest length, in metres."""
    mass: tuple[float, float] = eqx.field(static=True, default=(0.6, 1.5))
    """Lowest and highest mass of the bob at its end, in kilograms."""
    gravity: tuple[float, float] = eqx.field(static=True, default=(4.0, 12.0))
    """Lowest and highest gravity, in metres per second squared."""
    friction: tuple[float, float] = eqx.field(static=True, default=(0.0, 0.2))
    """Lowest and highest friction of the hinge, in newton metre seconds."""
    torque: tuple[float, float] = eqx.field(static=True, default=(2.0, 5.0))
    """Lowest and highest torque of the motor at its strongest, in newton metres."""
    seconds_per_step: Scalar = 0.05
    """How long an action lasts."""

    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter("length", *self.length, "m", "log"),
            Parameter("mass", *self.mass, "kg", "log"),
            Parameter("gravity", *self.gravity, "m/s²"),
            Parameter("friction", *self.friction, "N m s"),
            Parameter("torque", *self.torque, "N m", "log"),
        )

    def reset(self, world: ParameterLevel, *, key: Key[Array, ""]) -> PendulumState:
        """Hanging, but for up to 0.1 radians, and turning by as much per second."""
        del world
        lean, spin = jax.random.uniform(key, (2,), minval=-0.1, maxval=0.1)
        none = jnp.zeros((), jnp.int32)
        return PendulumState(jnp.pi + lean, spin, none, none)

    def step(
        self,
        world: ParameterLevel,
        state: PendulumState,
        action: PyTree[Array],
        *,
        key: Key[Array, ""],
    ) -> TimeStep[PendulumState]:
        del key
        length, pushed = world["length"], world["torque"] * self.motor.effort(action)
        turned = (pushed - world["friction"] * state.spin) / (world["mass"] * jnp.square(length))
        acceleration = turned + world["gravity"] / length * jnp.sin(state.angle)
        # The angle goes by the new spin, by which the energy stays nearly the same.
        spin = state.spin + self.seconds_per_step * acceleration
        angle = state.angle + self.seconds_per_step * spin
        height, slowness = jnp.cos(angle), jnp.exp(-jnp.square(spin) / 10)
        num_upright = jnp.where(height >= UPRIGHT, state.num_upright + 1, 0)
        time = state.time + 1
        late = time >= self.max_episode_steps
        held = num_upright.astype(jnp.float32) * self.seconds_per_step >= 1
        return TimeStep(
            PendulumState(angle, spin, num_upright, time),
            reward=(1 + height) / 2 * slowness / self.max_episode_steps,
            terminated=jnp.zeros((), bool),
            truncated=late,
            success=late & held,
        )

    def observe(self, world: ParameterLevel, state: PendulumState) -> Float[Array, " 3"]:
        del world
        seen = [jnp.sin(state.angle), jnp.cos(state.angle), state.spin / FASTEST_SEEN]
        return jnp.stack(seen)

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return jax.ShapeDtypeStruct((3,), jnp.float32)

    def artist(self) -> PendulumArtist:
        return PendulumArtist()
