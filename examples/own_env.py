"""An environment of your own: cross a frozen lake, and do not step on thin ice."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

import minimax_eqx as mx

SIZE = 6
MOVES = jnp.array([[0, 1], [1, 0], [0, -1], [-1, 0]], jnp.int32)  # (row, column)


class Lake(eqx.Module):  # the level
    thin: Bool[Array, "*batch row column"]  # start (top left) and goal (bottom right) are safe


class Skater(eqx.Module):  # the state
    position: Int[Array, "*batch 2"]
    time: Int[Array, "*batch"]


class View(eqx.Module):  # the observation
    around: Bool[Array, "*batch 3 3"]
    position: Int[Array, "*batch 2"]


class FrozenLake(mx.envs.AbstractEnv[Lake, Lake, Skater, View]):
    num_actions: int = eqx.field(static=True, default=4)
    max_episode_steps: int = eqx.field(static=True, default=40)

    def load(self, level):
        return level  # nothing to compute once per level: the world is the level

    def reset(self, world, *, key):
        return Skater(jnp.zeros(2, jnp.int32), jnp.zeros((), jnp.int32))

    def step(self, world, state, action, *, key):
        position = jnp.clip(state.position + MOVES[action], 0, SIZE - 1)
        time, arrived = state.time + 1, jnp.all(position == SIZE - 1)
        over = arrived | world.thin[position[0], position[1]]
        late, reward = (time >= self.max_episode_steps) & ~over, arrived.astype(jnp.float32)
        return mx.envs.TimeStep(Skater(position, time), reward, over, late, success=arrived)

    def observe(self, world, state):
        around = jax.lax.dynamic_slice(jnp.pad(world.thin, 1), state.position, (3, 3))
        return View(around, state.position)

    def level_spec(self):
        return jax.eval_shape(lambda: Lake(jnp.zeros((SIZE, SIZE), bool)))

    def observation_spec(self):
        return jax.eval_shape(lambda: View(jnp.zeros((3, 3), bool), jnp.zeros(2, jnp.int32)))

    def level_metrics(self, level):
        return {"num_thin": jnp.sum(level.thin).astype(jnp.float32)}


class RandomIce(mx.envs.AbstractLevelGenerator[Lake]):
    def sample(self, key):
        thin = jax.random.bernoulli(key, 0.12, (SIZE, SIZE))
        return Lake(thin.at[0, 0].set(False).at[-1, -1].set(False))


env, generator = FrozenLake(), RandomIce()
mx.envs.check_env(env, generator)  # says which rule is broken, if one is
keys = jax.random.split(jax.random.key(0), 5)
encoder = mx.nets.FlatEncoder.create(env.observation_spec(), key=keys[0])
core = mx.nets.Feedforward(encoder.output_size)
network = mx.nets.ActorCritic.create(encoder, core, env.num_actions, key=keys[1])
student = mx.agents.PPO.create(network, mx.agents.ppo_optimiser(2e-3), entropy_coef=1e-2)
curriculum = mx.curricula.DomainRandomisation(generator=generator)
runner = mx.runners.Runner.create(env, student, curriculum, num_steps=64, key=keys[2])
runner, _ = mx.runners.run(runner, int(sys.argv[1]) if len(sys.argv) > 1 else 200)
lakes = jax.vmap(generator.sample)(jax.random.split(keys[3], 1000))
results = mx.rollouts.evaluate(env, mx.agents.first_student(runner.students), lakes, key=keys[4])
print(f"success rate on 1000 fresh lakes: {float(results.successes.mean()):.2f}")
