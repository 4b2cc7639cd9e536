"""Domain randomisation, composed by hand from its modules; it prints metrics chunk by chunk.

Run `python examples/dr_by_hand.py`. The defaults take about a minute on two CPU cores.
"""

import argparse

import jax

import minimax_eqx as mx


def make_student(env: mx.envs.Maze, *, key) -> mx.agents.PPO:
    """An encoder, a memory and two heads make a network; a learner makes it an agent."""
    encoder_key, core_key, head_key = jax.random.split(key, 3)
    encoder = mx.nets.GridEncoder.create(env.observation_spec(), key=encoder_key)
    core = mx.nets.LSTM.create(encoder.output_size, 64, key=core_key)
    network = mx.nets.ActorCritic.create(encoder, core, env.num_actions, key=head_key)
    optimiser = mx.agents.ppo_optimiser(1e-3)
    return mx.agents.PPO.create(network, optimiser, discount=0.99, entropy_coef=1e-2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num-chunks", type=int, default=15, help="dispatches")
    parser.add_argument("--num-cycles", type=int, default=20, help="cycles per dispatch")
    parser.add_argument("--num-levels", type=int, default=16, help="levels played side by side")
    parser.add_argument("--num-steps", type=int, default=128, help="steps per level and cycle")
    options = parser.parse_args()
    student_key, run_key, test_key, play_key = jax.random.split(jax.random.key(options.seed), 4)

    env = mx.envs.Maze(height=7, width=7, max_episode_steps=60)
    generator = mx.envs.maze.RandomWalls(height=7, width=7, num_walls=10)
    curriculum = mx.curricula.DomainRandomisation(
        generator=generator, num_levels=options.num_levels
    )
    student = make_student(env, key=student_key)
    runner = mx.runners.Runner.create(
        env, student, curriculum, num_steps=options.num_steps, key=run_key
    )
    for chunk in range(1, options.num_chunks + 1):
        # Many cycles are one call of one compiled program, which gets the old runner's memory.
        runner, metrics = mx.runners.run(runner, options.num_cycles)
        means = {name: float(values.mean()) for name, values in metrics.items()}
        print(
            f"cycle {chunk * options.num_cycles:4d}  return {means['return']:.3f}  "
            f"success {means['success_rate']:.2f}  entropy {means['entropy']:.3f}  "
            f"passable {means['passable']:.2f}"
        )
    levels = jax.vmap(generator.sample)(jax.random.split(test_key, 200))
    agent = mx.agents.first_student(runner.students)
    results = mx.rollouts.evaluate(env, agent, levels, key=play_key)
    print(f"success rate on 200 fresh levels: {float(results.successes.mean()):.2f}")


if __name__ == "__main__":
    main()
