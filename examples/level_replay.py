"""ACCEL, composed by hand: it replays the levels that look most useful, and edits them."""

import sys

import jax
import jax.numpy as jnp

import minimax_eqx as mx

keys = jax.random.split(jax.random.key(0), 4)
env = mx.envs.Maze(height=7, width=7, max_episode_steps=50)
curriculum = mx.curricula.LevelReplay.create(
    mx.envs.maze.RandomWalls(height=7, width=7, num_walls=0),
    mx.scores.MaxMC(),
    mutator=mx.envs.maze.maze_edits(5),  # leave it out, and draw walls above: robust PLR
    batch_size=16,
    capacity=200,
    replay_prob=0.8,
    robust=True,  # False: students learn from new levels too, as in PLR
)
encoder = mx.nets.GridEncoder.create(env.observation_spec(), key=keys[0])
core = mx.nets.LSTM.create(encoder.output_size, 32, key=keys[1])
network = mx.nets.ActorCritic.create(encoder, core, env.num_actions, key=keys[2])
optimiser = mx.agents.ppo_optimiser(1e-3)
student = mx.agents.PPO.create(network, optimiser, discount=0.99, entropy_coef=1e-2)
runner = mx.runners.Runner.create(env, student, curriculum, num_steps=64, key=keys[3])
for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
    runner, metrics = mx.runners.run(runner, 50)
    # What is said of replayed levels is not a number in cycles that replay none.
    mean = {name: float(jnp.nanmean(values)) for name, values in metrics.items()}
    print(
        f"cycle {50 * (chunk + 1):3d}  replay ratio {mean['replay_ratio']:.2f}  walls of "
        f"replayed levels {mean['replayed_num_walls']:.1f}  success {mean['success_rate']:.2f}"
    )
