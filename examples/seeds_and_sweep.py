"""Two seeds times two learning rates, trained by one program: four runners with one more axis."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import minimax_eqx as mx

env = mx.envs.Maze(height=5, width=5, max_episode_steps=25)
generator = mx.envs.maze.RandomWalls(height=5, width=5, num_walls=4)
curriculum = mx.curricula.DomainRandomisation(generator=generator, num_levels=16)
# Made once: what is not an array belongs to the program, which is the same for all members.
optimiser = mx.agents.ppo_optimiser(1e-3)


def make_runner(key, learning_rate):
    encoder_key, core_key, head_key, run_key = jax.random.split(key, 4)
    encoder = mx.nets.GridEncoder.create(env.observation_spec(), key=encoder_key)
    core = mx.nets.LSTM.create(encoder.output_size, 32, key=core_key)
    network = mx.nets.ActorCritic.create(encoder, core, env.num_actions, key=head_key)
    student = mx.agents.PPO.create(network, optimiser, discount=0.99, entropy_coef=1e-2)
    student = student.with_learning_rate(learning_rate)
    return mx.runners.Runner.create(env, student, curriculum, num_steps=64, key=run_key)


seeds = jnp.array([0, 0, 1, 1])
learning_rates = jnp.array([1e-4, 3e-3, 1e-4, 3e-3])
runners = eqx.filter_jit(eqx.filter_vmap(make_runner))(
    jax.vmap(jax.random.key)(seeds), learning_rates
)
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
    # Give it a `mx.runners.member_mesh()` too, and the members are spread over all devices.
    runners, _ = mx.runners.run_members(runners, 10)  # metrics have the axes member, cycle

print("member  seed  learning rate  return  success (200 fresh levels)")
levels = jax.vmap(generator.sample)(jax.random.split(jax.random.key(2), 200))
for index in range(len(seeds)):
    student = mx.agents.first_student(mx.runners.member(runners, index).students)
    results = mx.rollouts.evaluate(env, student, levels, key=jax.random.key(3))
    print(
        f"{index:6d}  {seeds[index]:4d}  {learning_rates[index]:13.4f}  "
        f"{results.returns.mean():6.3f}  {results.successes.mean():26.2f}"
    )
