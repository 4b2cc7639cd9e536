"""A curriculum of your own: mazes get more walls as the student gets better.

Run the file to watch the number of walls follow the student. To train with it in a folder:

    minimax-eqx train own_curriculum.py --aim 0.8 --step-size 0.05
"""

import dataclasses
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import minimax_eqx as mx


class Rung(eqx.Module):  # what the curriculum knows from cycle to cycle
    share_of_walls: Float[Array, ""]
    level_spec: mx.curricula.LevelSpec  # what a level looks like, which generators ask for


class Ladder(mx.curricula.AbstractCurriculum[mx.envs.maze.MazeLevel, Rung]):
    """Keeps the student's success rate near an aim, by the share of its walls that a maze keeps.

    The share grows by `step_size` after a cycle with a higher success rate than `aim`, and shrinks
    after one with a lower.
    """

    generator: mx.envs.AbstractLevelGenerator
    """Where the mazes with all of their walls come from."""
    aim: float = 0.7
    """Success rate that is to be kept."""
    step_size: float = 0.02
    """How much the share of walls changes after a cycle."""
    num_levels: int = 32
    """How many levels each cycle plays."""

    @property
    def levels_per_cycle(self):
        return self.num_levels

    def init(self, evidence, *, key):
        return Rung(jnp.zeros(()), mx.curricula.LevelSpec.of(evidence.level_spec()))

    def propose(self, state, *, key):
        def sample(key):
            generator_key, keep_key = jax.random.split(key)
            level = self.generator.sample(state.level_spec.level, key=generator_key)
            stays = jax.random.bernoulli(keep_key, state.share_of_walls, level.wall_map.shape)
            return dataclasses.replace(level, wall_map=level.wall_map & stays)

        return state, mx.curricula.Proposal(
            jax.vmap(sample)(jax.random.split(key, self.num_levels))
        )

    def learn(self, state, proposal, evidence, *, key):
        rates = mx.rollouts.Episodes.of(evidence).mean_of_sums(evidence.successes)
        too_easy = jnp.nanmean(rates) - self.aim  # a rate is NaN where no episode finished
        step = self.step_size * jnp.sign(jnp.nan_to_num(too_easy))
        share = jnp.clip(state.share_of_walls + step, 0, 1)
        return Rung(share, state.level_spec), {"share_of_walls": share}


experiment = mx.Experiment(
    env=mx.envs.Maze(height=7, width=7, max_episode_steps=50),
    student=mx.agents.PPO(
        network=mx.nets.ActorCritic(encoder=mx.nets.GridEncoder(), core=mx.nets.GRU(32)),
        optimiser=mx.agents.Adam(learning_rate=1e-3),
        entropy_coef=1e-2,
    ),
    curriculum=Ladder(mx.envs.maze.RandomWalls(num_walls=30), num_levels=16),
    num_steps=64,
    schedule=mx.runners.Schedule(num_updates=300, checkpoint_every=100),
)

if __name__ == "__main__":
    runner = mx.Runner.create(experiment, key=jax.random.key(0))
    for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        runner, metrics = mx.run(runner, 20)
        print(
            f"cycle {20 * chunk + 20:3d}  share of walls {metrics['share_of_walls'][-1]:.2f}  "
            f"success rate {jnp.nanmean(metrics['success_rate']):.2f}"
        )
