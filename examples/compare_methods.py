"""Three methods compared on small mazes, with five seeds each and intervals over the seeds.

The seeds of a method are members of one program. All methods have the same student and the same
number of environment steps, and are tested on the same mazes, which none of them trains on. Run the
file; `minimax-eqx train compare_methods.py:plr` trains one of them in a folder, and
`minimax-eqx compare` compares such folders.
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import minimax_eqx as mx

SEEDS, MAZES, EPISODES = 5, 40, 10


def experiment_of(curriculum):
    return mx.Experiment(
        env=mx.envs.Maze(height=7, width=7, max_episode_steps=50),
        student=mx.agents.PPO(
            network=mx.nets.ActorCritic(encoder=mx.nets.GridEncoder(), core=mx.nets.LSTM(32)),
            optimiser=mx.agents.Adam(learning_rate=1e-3),
            discount=0.99,
            entropy_coef=1e-2,
        ),
        curriculum=curriculum,
        num_steps=64,
        schedule=mx.runners.Schedule(num_updates=300, checkpoint_every=100),
        track_level_metrics=False,
    )


def replay(num_walls, **parts):
    generator = mx.envs.maze.RandomWalls(num_walls=num_walls)
    return mx.curricula.LevelReplay(generator, num_levels=16, capacity=200, **parts)


dr = experiment_of(
    mx.curricula.DomainRandomisation(mx.envs.maze.RandomWalls(num_walls=12), num_levels=16)
)
plr = experiment_of(replay(12, learn_from=mx.curricula.NewAndReplayed()))
accel = experiment_of(replay(0, mutator=mx.envs.maze.MazeEdits(num_edits=5)))
methods = {"dr": dr, "plr": plr, "accel": accel}


@eqx.filter_jit
def success_rates(students, levels, key):
    """The success rate of each maze, whose episodes stand side by side in `levels`."""
    results = mx.rollouts.evaluate(dr.env, students.first().network, levels, key=key)
    return jnp.mean(results.successes.reshape(MAZES, EPISODES), axis=1)


def scores_of(experiment, num_steps):
    """Trains all seeds of a method; the success rates have the axes `run task`."""
    create = eqx.filter_vmap(lambda key: mx.Runner.create(experiment, key=key))
    runners = eqx.filter_jit(create)(jax.random.split(jax.random.key(1), SEEDS))
    # Equal interaction, whatever a cycle takes and however often the students learn.
    runners, _ = mx.runners.run_members(runners, num_steps // experiment.transitions_per_cycle)
    level_keys = jax.random.split(jax.random.key(2), MAZES)
    generator, level = mx.envs.maze.RandomWalls(num_walls=15), experiment.env.level_spec()
    levels = jax.vmap(lambda key: generator.sample(level, key=key))(level_keys)
    levels = jax.tree.map(lambda leaf: jnp.repeat(leaf, EPISODES, axis=0), levels)
    rates = [
        success_rates(mx.runners.member(runners, seed).students, levels, jax.random.key(3))
        for seed in range(SEEDS)
    ]
    return np.stack(rates)


if __name__ == "__main__":
    num_steps = 10_000 * (int(sys.argv[1]) if len(sys.argv) > 1 else 40)
    scores = {name: scores_of(method, num_steps) for name, method in methods.items()}
    better = mx.statistics.probability_of_improvement
    print("method  success: IQM [95 % interval]  mean   P(better than dr)")
    for name, table in scores.items():
        iqm = mx.statistics.bootstrap(mx.statistics.interquartile_mean, table)
        mean = mx.statistics.mean(table)
        against = "" if name == "dr" else mx.statistics.bootstrap(better, table, scores["dr"])
        print(f"{name:6s}  {iqm!s:29s}  {mean:.3f}  {against}".rstrip())
