"""An environment with continuous actions: balance a pole whose length and masses are the level.

Run the file to check the environment and to train on it for about a minute. To train in a folder,
with domain randomisation as written below or with another curriculum:

    minimax-eqx train cart_pole.py --force 15
    minimax-eqx train cart_pole.py --curriculum level-replay --score positive-value-loss
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

import minimax_eqx as mx

GRAVITY, SECONDS_PER_STEP = 9.8, 0.02
FARTHEST, STEEPEST = 2.4, 0.21  # metres from the middle, radians from upright


class CartPoleLevel(eqx.Module):
    cart_mass: Float[Array, "*batch"]  # kilograms
    pole_mass: Float[Array, "*batch"]
    half_length: Float[Array, "*batch"]  # metres from the hinge to the pole's centre


class Motion(eqx.Module):  # the state
    position: Float[Array, "*batch 2"]  # of the cart, and the pole's angle
    velocity: Float[Array, "*batch 2"]
    time: Int[Array, "*batch"]


class CartPole(mx.envs.AbstractEnv[CartPoleLevel, CartPoleLevel, Motion, Float[Array, " 4"]]):
    """The cart-pole of Barto, Sutton and Anderson (1983), pushed as hard as the student likes.

    The student sees positions and velocities, and not the level. Every step pays the same, and an
    episode that lasts to the time limit is a success, with return 1.
    """

    force: float = 10.0
    """The strongest push, in newtons."""
    max_episode_steps: int = 200
    """The time limit of an episode, in steps of 0.02 seconds."""

    def action_spec(self):
        return mx.envs.Box(low=-1.0, high=1.0)

    def load(self, level):
        return level  # nothing to compute once per level: the world is the level

    def reset(self, world, *, key):
        position, velocity = jax.random.uniform(key, (2, 2), minval=-0.05, maxval=0.05)
        return Motion(position, velocity, jnp.zeros((), jnp.int32))

    def step(self, world, state, action, *, key):
        angle, spin = state.position[1], state.velocity[1]
        mass, moment = world.cart_mass + world.pole_mass, world.pole_mass * world.half_length
        sine, cosine = jnp.sin(angle), jnp.cos(angle)
        push = (self.force * action + moment * jnp.square(spin) * sine) / mass
        lever = world.half_length * (4 / 3 - world.pole_mass * jnp.square(cosine) / mass)
        turning = (GRAVITY * sine - cosine * push) / lever
        acceleration = jnp.stack([push - moment * turning * cosine / mass, turning])
        position = state.position + SECONDS_PER_STEP * state.velocity
        velocity = state.velocity + SECONDS_PER_STEP * acceleration
        time = state.time + 1
        fallen = (jnp.abs(position[0]) > FARTHEST) | (jnp.abs(position[1]) > STEEPEST)
        late = (time >= self.max_episode_steps) & ~fallen
        reward = jnp.asarray(1 / self.max_episode_steps, jnp.float32)
        return mx.envs.TimeStep(
            Motion(position, velocity, time), reward, fallen, late, success=late
        )

    def observe(self, world, state):
        return jnp.concatenate([state.position, state.velocity])

    def level_spec(self):
        return jax.eval_shape(lambda: CartPoleLevel(*jnp.zeros(3)))

    def observation_spec(self):
        return jax.eval_shape(lambda: jnp.zeros(4))

    def level_metrics(self, level):
        return {"half_length": level.half_length, "pole_mass": level.pole_mass}


class RandomPoles(mx.envs.AbstractLevelGenerator[CartPoleLevel]):
    """Masses and lengths from ranges, uniform in their logarithms."""

    cart_masses: tuple[float, float] = (0.5, 2.0)
    """Lowest and highest mass of the cart, in kilograms."""
    pole_masses: tuple[float, float] = (0.05, 1.0)
    """Lowest and highest mass of the pole, in kilograms."""
    half_lengths: tuple[float, float] = (0.2, 2.0)
    """Lowest and highest half of the pole's length, in metres."""

    def sample(self, level, *, key):
        ranges = jnp.log(jnp.array([self.cart_masses, self.pole_masses, self.half_lengths]))
        drawn = jax.random.uniform(key, (3,), minval=ranges[:, 0], maxval=ranges[:, 1])
        return CartPoleLevel(*jnp.exp(drawn))


experiment = mx.Experiment(
    env=CartPole(),
    student=mx.agents.PPO(
        optimiser=mx.agents.Adam(learning_rate=1e-3),
        discount=0.99,
        gae_lambda=0.95,
        num_minibatches=4,
    ),
    curriculum=mx.curricula.DomainRandomisation(RandomPoles()),
    schedule=mx.runners.Schedule(num_updates=100, checkpoint_every=100),
)

if __name__ == "__main__":
    mx.envs.check_env(experiment.env, RandomPoles())  # raises and says which rule is broken
    runner = mx.Runner.create(experiment, key=jax.random.key(0))
    for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        runner, metrics = mx.run(runner, 10)
        means = {name: jnp.nanmean(values) for name, values in metrics.items()}
        print(
            f"cycle {10 * chunk + 10:3d}  return {means['return']:.2f}  "
            f"poles that stayed up {means['success_rate']:.2f}"
        )
