"""One program trains two seeds times two learning rates: four runners, stacked along one more axis.

Run the file. `minimax-eqx train seeds_and_sweep.py` trains the experiment below once, in a folder.
"""

import dataclasses
import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import minimax_eqx as mx

generator = mx.envs.maze.RandomWalls(num_walls=4)
experiment = mx.Experiment(
    env=mx.envs.Maze(height=5, width=5, max_episode_steps=25),
    student=mx.agents.PPO(
        network=mx.nets.ActorCritic(encoder=mx.nets.GridEncoder(), core=mx.nets.LSTM(32)),
        discount=0.99,
        entropy_coef=1e-2,
    ),
    curriculum=mx.curricula.DomainRandomisation(generator, num_levels=16),
    num_steps=64,
    schedule=mx.runners.Schedule(num_updates=100, checkpoint_every=100),
)


def make_runner(seed, learning_rate):
    optimiser = mx.agents.Adam(learning_rate=learning_rate)
    student = dataclasses.replace(experiment.student, optimiser=optimiser)
    composed = dataclasses.replace(experiment, student=student)
    return mx.Runner.create(composed, key=jax.random.key(seed))


if __name__ == "__main__":
    seeds = jnp.array([0, 0, 1, 1])
    learning_rates = jnp.array([1e-4, 3e-3, 1e-4, 3e-3])
    runners = eqx.filter_jit(eqx.filter_vmap(make_runner))(seeds, learning_rates)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        # Give it a `mx.runners.member_mesh()` too, and the members are spread over all devices.
        runners, _ = mx.runners.run_members(runners, 10)  # metrics have the axes member, cycle

    print("member  seed  learning rate  return  success (200 fresh levels)")
    spec, keys = experiment.env.level_spec(), jax.random.split(jax.random.key(2), 200)
    levels = jax.vmap(lambda key: generator.sample(spec, key=key))(keys)
    for index in range(len(seeds)):
        student = mx.runners.member(runners, index).students.first()
        results = mx.rollouts.evaluate(
            experiment.env, student.network, levels, key=jax.random.key(3)
        )
        print(
            f"{index:6d}  {seeds[index]:4d}  {learning_rates[index]:13.4f}  "
            f"{results.returns.mean():6.3f}  {results.successes.mean():26.2f}"
        )
