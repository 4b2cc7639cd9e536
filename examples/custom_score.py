"""A score of your own: levels look useful to it while the student solves them now and then."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import minimax_eqx as mx
from minimax_eqx import scores


class Undecided(scores.AbstractFormula):
    """1 where half the episodes succeed, 0 where all or none do."""

    can_be_negative = False

    def formula(self, evidence):
        episodes = mx.rollouts.Episodes.of(evidence)
        rates = episodes.mean_of_sums(evidence.successes)
        mean = jnp.nanmean(1 - 2 * jnp.abs(rates - 0.5), axis=0)  # over students
        return jnp.where(episodes.finished_on_level, mean, 0)


class Watch(mx.curricula.AbstractCurriculum[mx.envs.maze.MazeLevel]):
    """Proposes the same levels in every cycle, and keeps their latest scores."""

    levels: mx.envs.maze.MazeLevel
    latest: Float[Array, " level"]
    num_levels: int = eqx.field(static=True)

    def check(self, num_students, num_trials, num_value_heads):
        Undecided().check(num_students, num_trials, num_value_heads)

    def propose(self, key):
        return self, mx.curricula.Proposal(self.levels)

    def learn(self, proposal, evidence, *, key):
        latest, _ = Undecided()(evidence, None)  # it keeps no records
        return eqx.tree_at(lambda watch: watch.latest, self, latest), {}


env = mx.envs.Maze(height=7, width=7, max_episode_steps=50)
generator = mx.envs.maze.RandomWalls(height=7, width=7, num_walls=12)
keys = jax.random.split(jax.random.key(0), 4)
levels = jax.vmap(generator.sample)(jax.random.split(keys[0], 8))
encoder = mx.nets.GridEncoder.create(env.observation_spec(), key=keys[1])
core = mx.nets.Feedforward(encoder.output_size)
network = mx.nets.ActorCritic.create(encoder, core, env.num_actions, key=keys[2])
student = mx.agents.PPO.create(network, mx.agents.ppo_optimiser(1e-3))
curriculum = Watch(levels=levels, latest=jnp.zeros(8), num_levels=8)
runner = mx.runners.Runner.create(env, student, curriculum, num_steps=64, num_trials=8, key=keys[3])
for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
    runner, metrics = mx.runners.run(runner, 10)
    found = " ".join(f"{score:.2f}" for score in runner.curriculum.latest)
    rate = metrics["success_rate"][-1]
    print(f"cycle {10 * (chunk + 1):3d}  success rate {rate:.2f}  scores {found}")
