"""An environment of your own: cross a frozen lake, and do not step on thin ice.

Run the file to check the environment's rules. Then train in a folder, stop when you like, go on
with it, and look at the lakes in its report:

    minimax-eqx train own_env.py --run runs/lake --thin-prob 0.15
    minimax-eqx resume runs/lake --file own_env.py --num-updates 600
"""

import jax
import jax.numpy as jnp
import numpy as np

import minimax_eqx as mx

MOVES = jnp.array([[0, 1], [1, 0], [0, -1], [-1, 0]], jnp.int32)  # (row, column)
SNOW, THIN_ICE, GOAL, SKATER = (236, 242, 247), (94, 146, 186), (244, 196, 48), (178, 34, 52)


class FrozenLake(mx.envs.AbstractEnv):
    """Cross from the top left to the bottom right; a level says where thin ice ends the episode."""

    size: int = 6
    """Side of the lake, in steps."""
    max_episode_steps: int = 40
    """The time limit of an episode, in steps."""

    def action_spec(self):
        return mx.envs.Discrete(4)

    def load(self, level):
        return level  # nothing to compute once per level: the world is the level

    def reset(self, world, *, key):
        return {"position": jnp.zeros(2, jnp.int32), "time": jnp.zeros((), jnp.int32)}

    def step(self, world, state, action, *, key):
        position = jnp.clip(state["position"] + MOVES[action], 0, self.size - 1)
        time, arrived = state["time"] + 1, jnp.all(position == self.size - 1)
        over = arrived | world[position[0], position[1]]
        late, reward = (time >= self.max_episode_steps) & ~over, arrived.astype(jnp.float32)
        state = {"position": position, "time": time}
        return mx.envs.TimeStep(state, reward, over, late, success=arrived)

    def observe(self, world, state):
        around = jax.lax.dynamic_slice(jnp.pad(world, 1), state["position"], (3, 3))
        return {"around": around, "position": state["position"]}

    def level_spec(self):
        return jax.ShapeDtypeStruct((self.size, self.size), bool)

    def observation_spec(self):
        around, position = jax.ShapeDtypeStruct((3, 3), bool), jax.ShapeDtypeStruct((2,), jnp.int32)
        return {"around": around, "position": position}

    def level_metrics(self, level):
        return {"num_thin": jnp.sum(level, dtype=jnp.float32)}

    def artist(self):
        return LakeArtist()


class RandomIce(mx.envs.AbstractLevelGenerator):
    """Each place is thin by chance, but for start and goal."""

    thin_prob: float = 0.12
    """Chance that a place is thin."""

    def sample(self, level, *, key):
        thin = jax.random.bernoulli(key, self.thin_prob, level.shape)
        return thin.at[0, 0].set(False).at[-1, -1].set(False)


class LakeArtist(mx.envs.AbstractArtist):
    """Snow, thin ice in blue, the goal in yellow, and the skater in red."""

    def draw_level(self, level, skater=None):
        places = np.where(np.asarray(level)[..., None], THIN_ICE, SNOW).astype(np.uint8)
        places[-1, -1] = GOAL
        if skater is not None:
            places[tuple(skater)] = SKATER
        return places.repeat(16, axis=0).repeat(16, axis=1)  # pixels of a place

    def draw_episode(self, env, level, states, length):
        positions = np.asarray(states["position"])[: length + 1]
        return [self.draw_level(level, position) for position in positions]


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
