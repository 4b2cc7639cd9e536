"""Small parts for tests: a tiny maze, a tiny student, a runner that compiles fast."""

import jax

from minimax_eqx.agents import PPO, population, ppo_optimiser
from minimax_eqx.curricula import DomainRandomisation
from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.nets import LSTM, ActorCritic, Feedforward, GridEncoder
from minimax_eqx.runners import Runner

ENV = Maze(height=5, width=6, max_episode_steps=12)
GENERATOR = RandomWalls(height=5, width=6, num_walls=6)
OPTIMISER = ppo_optimiser(1e-3)


def make_student(key, env=ENV, core="lstm", num_value_heads=1, optimiser=OPTIMISER, **options):
    encoder_key, core_key, head_key = jax.random.split(key, 3)
    encoder = GridEncoder.create(env.observation_spec(), num_filters=4, key=encoder_key)
    if core == "lstm":
        memory = LSTM.create(encoder.output_size, 8, key=core_key)
    else:
        memory = Feedforward(encoder.output_size)
    network = ActorCritic.create(
        encoder,
        memory,
        env.num_actions,
        head_size=8,
        num_value_heads=num_value_heads,
        key=head_key,
    )
    return PPO.create(network, optimiser, **{"num_epochs": 2, **options})


def make_runner(
    key, *, num_students=1, num_levels=4, num_spare_levels=3, curriculum=None, env=ENV, **options
):
    student_key, run_key = jax.random.split(key)
    agent_options = {
        name: options.pop(name)
        for name in ("core", "num_value_heads", "bootstrap_truncated", "num_minibatches")
        if name in options
    }
    students = population(
        lambda key: make_student(key, env, **agent_options), num_students, key=student_key
    )
    if curriculum is None:
        curriculum = DomainRandomisation(GENERATOR, num_levels, num_spare_levels)
    return Runner.create(env, students, curriculum, key=run_key, **{"num_steps": 16, **options})
