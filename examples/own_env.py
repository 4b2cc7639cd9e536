"""An environment of your own: cross a frozen lake, and do not step on thin ice.

Run the file to check the environment's rules. Then train in a folder, stop when you like, go on
with it, and look at the lakes in its report:

    minimax-eqx train own_env.py --run runs/lake --thin-prob 0.15
    minimax-eqx resume runs/lake --file own_env.py --num-updates 600
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

import minimax_eqx as mx

MOVES = jnp.array([[0, 1], [1, 0], [0, -1], [-1, 0]], jnp.int32)  # (row, column)
SNOW, THIN_ICE, GOAL, SKATER = (236, 242, 247), (94, 146, 186), (244, 196, 48), (178, 34, 52)


class Lake(eqx.Module):  # the level
    thin: Bool[Array, "*batch row column"]  # start (top left) and goal (bottom right) are safe


class Skater(eqx.Module):  # the state
    position: Int[Array, "*batch 2"]
    time: Int[Array, "*batch"]


class View(eqx.Module):  # the observation
    around: Bool[Array, "*batch 3 3"]
    position: Int[Array, "*batch 2"]


class FrozenLake(mx.envs.AbstractEnv[Lake, Lake, Skater, View]):
    """Cross from the top left to the bottom right; thin ice ends the episode with nothing."""

    size: int = 6
    """Side of the lake, in steps."""
    max_episode_steps: int = 40
    """The time limit of an episode, in steps."""

    def action_spec(self):
        return mx.envs.Discrete(4)

    def load(self, level):
        return level  # nothing to compute once per level: the world is the level

    def reset(self, world, *, key):
        return Skater(jnp.zeros(2, jnp.int32), jnp.zeros((), jnp.int32))

    def step(self, world, state, action, *, key):
        position = jnp.clip(state.position + MOVES[action], 0, self.size - 1)
        time, arrived = state.time + 1, jnp.all(position == self.size - 1)
        over = arrived | world.thin[position[0], position[1]]
        late, reward = (time >= self.max_episode_steps) & ~over, arrived.astype(jnp.float32)
        return mx.envs.TimeStep(Skater(position, time), reward, over, late, success=arrived)

    def observe(self, world, state):
        around = jax.lax.dynamic_slice(jnp.pad(world.thin, 1), state.position, (3, 3))
        return View(around, state.position)

    def level_spec(self):
        return jax.eval_shape(lambda: Lake(jnp.zeros((self.size, self.size), bool)))

    def observation_spec(self):
        return jax.eval_shape(lambda: View(jnp.zeros((3, 3), bool), jnp.zeros(2, jnp.int32)))

    def level_metrics(self, level):
        return {"num_thin": jnp.sum(level.thin).astype(jnp.float32)}

    def artist(self):
        return LakeArtist()


class RandomIce(mx.envs.AbstractLevelGenerator[Lake]):
    """Each place is thin by chance, but for start and goal."""

    thin_prob: float = 0.12
    """Chance that a place is thin."""

    def sample(self, level, *, key):
        thin = jax.random.bernoulli(key, self.thin_prob, level.thin.shape)
        return Lake(thin.at[0, 0].set(False).at[-1, -1].set(False))


class LakeArtist(mx.envs.AbstractArtist[Lake]):
    """Snow, thin ice in blue, the goal in yellow, and the skater in red."""

    side: int = 16
    """Pixels along the side of a place."""

    def draw_level(self, level):
        places = np.where(np.asarray(level.thin)[..., None], THIN_ICE, SNOW).astype(np.uint8)
        places[-1, -1] = GOAL
        return places.repeat(self.side, axis=0).repeat(self.side, axis=1)

    def draw_episode(self, env, level, states, length):
        frames = []
        for row, column in np.asarray(states.position)[: length + 1] * self.side:
            frame, edge = self.draw_level(level), self.side // 4
            frame[row + edge : row + 3 * edge, column + edge : column + 3 * edge] = SKATER
            frames.append(frame)
        return frames


class Lakes(mx.envs.AbstractSuite):
    """What a run is evaluated on besides fresh lakes: some with more thin ice, and larger ones."""

    def panels(self, env):
        larger = FrozenLake(size=10, max_episode_steps=80)
        return {"icy": (env, RandomIce(0.2)), "large": (larger, RandomIce())}


experiment = mx.Experiment(
    env=FrozenLake(),
    student=mx.agents.PPO(optimiser=mx.agents.Adam(learning_rate=2e-3), entropy_coef=1e-2),
    curriculum=mx.curricula.DomainRandomisation(RandomIce()),
    num_steps=64,
    schedule=mx.runners.Schedule(num_updates=300, checkpoint_every=100),
    evaluation=mx.runners.Evaluation(Lakes(), num_episodes=100),
)

if __name__ == "__main__":
    mx.envs.check_env(experiment.env, RandomIce())  # raises and says which rule is broken
    print("FrozenLake keeps the rules of environments.")
