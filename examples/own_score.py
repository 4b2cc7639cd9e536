"""A score of your own, which prefers levels that the student solves now and then.

Run the file to see how it scores the mazes of one cycle. To train with it in a folder, with all
options of your class:

    minimax-eqx train own_score.py --target-rate 0.3 --sharpness 20
"""

import sys

import jax
import jax.numpy as jnp

import minimax_eqx as mx


class NearTarget(mx.scores.AbstractFormula):
    """`exp(-sharpness (p - target_rate)^2)`, where `p` is a student's success rate on the level.

    The mean over students of what GenEnv (arXiv 2512.19682) pays its generator.
    """

    target_rate: float = 0.5
    """Success rate of the levels that look best."""
    sharpness: float = 10.0
    """The higher, the less other levels count."""
    can_be_negative = False

    def __check_init__(self):
        if not 0 <= self.target_rate <= 1:
            raise ValueError(f"target_rate is {self.target_rate}; a rate is between 0 and 1.")

    def formula(self, evidence):
        episodes = mx.rollouts.Episodes.of(evidence)
        rates = episodes.mean_of_sums(evidence.successes)  # NaN where a student finished none
        scores = jnp.exp(-self.sharpness * jnp.square(rates - self.target_rate))
        return jnp.where(episodes.finished_on_level, jnp.nanmean(scores, axis=0), 0)


experiment = mx.Experiment(
    env=mx.envs.Maze(height=7, width=7, max_episode_steps=50),
    student=mx.agents.PPO(
        network=mx.nets.ActorCritic(encoder=mx.nets.GridEncoder()),
        optimiser=mx.agents.Adam(learning_rate=1e-3),
        entropy_coef=1e-2,
    ),
    curriculum=mx.curricula.LevelReplay(
        generator=mx.envs.maze.RandomWalls(num_walls=12),
        score=NearTarget(),
        num_levels=8,
        capacity=200,
        min_fill_ratio=0.1,
    ),
    num_steps=64,
    num_trials=4,  # one play of a level tells little about its success rate
    schedule=mx.runners.Schedule(num_updates=300, checkpoint_every=100),
)

if __name__ == "__main__":
    runner = mx.Runner.create(experiment, key=jax.random.key(0))
    for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        runner, metrics = mx.run(runner, 20)
        means = {name: jnp.nanmean(values) for name, values in metrics.items()}
        print(
            f"cycle {20 * chunk + 20:3d}  success rate {means['success_rate']:.2f}  "
            f"mean score in the buffer {means['buffer_mean_score']:.2f}"
        )
