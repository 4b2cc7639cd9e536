"""A trained student in a loop of yours, without runner or rollout.

    python examples/plain_loop.py [CYCLES]

trains on small mazes, writes the student into a folder as you would to give it away, loads it from
there, and walks it through mazes step by step, as you would drive a robot.
"""

import pathlib
import sys
import tempfile

import equinox as eqx
import jax

import minimax_eqx as mx

env = mx.envs.Maze(height=5, width=5, max_episode_steps=40)
mazes = mx.envs.maze.RandomWalls(num_walls=4)


def train(num_cycles: int) -> mx.Runner:
    """A runner whose student knows small mazes."""
    network = mx.nets.ActorCritic(encoder=mx.nets.GridEncoder(), core=mx.nets.LSTM(32))
    optimiser = mx.agents.Adam(learning_rate=3e-3)
    experiment = mx.Experiment(
        env=env,
        student=mx.agents.PPO(network=network, optimiser=optimiser, entropy_coef=1e-2),
        curriculum=mx.curricula.DomainRandomisation(mazes),
        num_steps=40,
    )
    return mx.run(mx.Runner.create(experiment, key=jax.random.key(0)), num_cycles)[0]


def walk(policy: mx.experiment.Policy, key) -> tuple[int, bool]:
    """The steps of one episode, and whether it reached the goal."""
    level_key, reset_key, key = jax.random.split(key, 3)
    world = env.load(mazes.sample(env.level_spec(), key=level_key))
    state, memory = env.reset(world, key=reset_key), policy.initial_memory()
    act, num_steps = eqx.filter_jit(policy.act), 0
    while True:
        key, act_key, step_key = jax.random.split(key, 3)
        action, memory = act(env.observe(world, state), memory, key=act_key)
        step = env.step(world, state, action, key=step_key)
        state, num_steps = step.state, num_steps + 1
        if step.done:
            return num_steps, bool(step.success)


if __name__ == "__main__":
    num_cycles = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as parent:
        folder = mx.save_policy(train(num_cycles), pathlib.Path(parent) / "policy")
        print("files:", ", ".join(sorted(file.name for file in folder.iterdir())))
        policy = mx.load_policy(folder)
    for i in range(4):
        num_steps, success = walk(policy, jax.random.key(i))
        print(f"maze {i}: {num_steps} steps, {'solved' if success else 'not solved'}")
