"""ACCEL, composed by hand: it replays the levels that look most useful, and edits them.

Run the file to train a student without a folder and to evaluate it. Or train in a folder, and
change any part on the way. The last two commands are robust PLR and domain randomisation:

    minimax-eqx train level_replay.py --num-edits 10 --score positive-value-loss
    minimax-eqx train level_replay.py --mutator none --num-walls 12
    minimax-eqx train level_replay.py --curriculum domain-randomisation --num-walls 12
"""

import sys

import jax
import jax.numpy as jnp

import minimax_eqx as mx

experiment = mx.Experiment(
    env=mx.envs.Maze(height=7, width=7, max_episode_steps=50),
    student=mx.agents.PPO(
        network=mx.nets.ActorCritic(encoder=mx.nets.GridEncoder(), core=mx.nets.LSTM(32)),
        optimiser=mx.agents.Adam(learning_rate=1e-3),
        discount=0.99,
        entropy_coef=1e-2,
    ),
    curriculum=mx.curricula.LevelReplay(
        generator=mx.envs.maze.RandomWalls(num_walls=0),
        score=mx.scores.MaxMC(),
        num_levels=16,
        capacity=200,
        schedule=mx.curricula.Sequential(replay_prob=0.8),
        mutator=mx.envs.maze.MazeEdits(num_edits=5),
        # Students learn from replayed levels alone. In PLR they learn from new ones too:
        # learn_from=mx.curricula.NewAndReplayed(),
    ),
    num_steps=64,
    schedule=mx.runners.Schedule(num_updates=300, checkpoint_every=100),
)

if __name__ == "__main__":
    print(experiment)
    run_key, level_key, play_key = jax.random.split(jax.random.key(0), 3)
    runner = mx.Runner.create(experiment, key=run_key)
    for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        # One call of one compiled program runs many cycles, and uses the old runner up.
        runner, metrics = mx.run(runner, 50)
        # Metrics of replayed levels are NaN in cycles that replay none.
        mean = {name: float(jnp.nanmean(values)) for name, values in metrics.items()}
        print(
            f"cycle {50 * chunk + 50:3d}  replay ratio {mean['replay_ratio']:.2f}  walls of "
            f"replayed levels {mean['replayed_num_walls']:.1f}  success {mean['success_rate']:.2f}"
        )
    generator, spec = mx.envs.maze.RandomWalls(num_walls=12), experiment.env.level_spec()
    levels = jax.vmap(lambda key: generator.sample(spec, key=key))(jax.random.split(level_key, 200))
    policy = runner.students.first().network
    results = mx.rollouts.evaluate(experiment.env, policy, levels, key=play_key)
    print(f"success rate on 200 unseen levels: {float(results.successes.mean()):.2f}")
