"""PAIRED, composed by hand: a teacher designs mazes, and is paid the regret of two students.

minimax-eqx train paired.py --objective mean-relative-regret
"""

import sys

import jax

import minimax_eqx as mx

maze_network = mx.nets.ActorCritic(encoder=mx.nets.GridEncoder(), core=mx.nets.LSTM(32))
design_network = mx.nets.ActorCritic(
    encoder=mx.nets.DesignEncoder(num_filters=16), core=mx.nets.LSTM(32)
)
teacher = mx.curricula.LearnedGenerator(
    design=mx.envs.maze.MazeDesign(num_walls=8, noise_dim=8),
    teacher=mx.agents.PPO(
        network=design_network,
        optimiser=mx.agents.Adam(learning_rate=1e-3),
        discount=0.99,
        entropy_coef=5e-2,
    ),
)
experiment = mx.Experiment(
    env=mx.envs.Maze(height=7, width=7, max_episode_steps=50),
    student=mx.agents.PPO(
        network=maze_network,
        optimiser=mx.agents.Adam(learning_rate=1e-3),
        discount=0.99,
        entropy_coef=1e-2,
    ),
    # Give the same teacher to LevelReplay, with the objective as its score, and it is REPAIRED.
    curriculum=mx.curricula.AdversarialDesign(
        generator=teacher, objective=mx.scores.RelativeRegret(), num_levels=16
    ),
    num_students=2,  # the first is the protagonist, the second the antagonist
    num_steps=64,
    schedule=mx.runners.Schedule(num_updates=300, checkpoint_every=100),
)

if __name__ == "__main__":
    runner = mx.Runner.create(experiment, key=jax.random.key(0))
    for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        runner, metrics = mx.run(runner, 20)
        mean = {name: float(values.mean()) for name, values in metrics.items()}
        print(
            f"cycle {20 * chunk + 20:3d}  regret {mean['teacher_payoff']:.2f}  success of the "
            f"protagonist {mean['student0_success_rate']:.2f}  walls {mean['num_walls']:.1f}"
        )
