"""The worst of many levels, found by one set of episodes and measured by another."""

import jax
import numpy as np

from minimax_eqx import Experiment
from minimax_eqx.agents import Agent
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.evaluation._tail import measure_twice, solvable_levels, worst_of

# What all methods but those that begin with empty mazes draw new levels from.
LEVELS = RandomWalls(num_walls=25)
FEWEST_LEVELS = 100


def worst_levels(
    experiment: Experiment, students: Agent, *, num_levels: int, num_episodes: int, seed: int
) -> dict[str, dict[str, list[float]]]:
    """For each student the success rates by the share of its worst levels in per cent, and the
    regret: its mean, its mean on the worst 1 % of the levels, and its largest.

    The levels are the same for all students, and all of them can be solved.
    """
    level_key, play_key = jax.random.split(jax.random.key(seed))
    chosen = solvable_levels(experiment.env, LEVELS, num_levels, key=level_key)
    found = measure_twice(
        experiment, students, chosen.levels, num_episodes=num_episodes, key=play_key
    )
    assert chosen.optima is not None, "mazes know their best returns"
    assert found.finding is not None
    assert found.measuring is not None
    percent, rates = worst_of(found.finding, found.measuring)
    # No return is above the best one, but by rounding.
    finding, measuring = (
        np.maximum(chosen.optima - returns, 0)
        for returns in (found.finding_returns, found.measuring_returns)
    )
    _, of_worst = worst_of(-finding, -measuring)
    regrets = dict(zip(percent, -of_worst.T, strict=True))
    return {
        "tail": {f"{p:g}": of.round(5).tolist() for p, of in zip(percent, rates.T, strict=True)},
        "regret": {
            "mean": regrets[100].round(5).tolist(),
            "worst": regrets[1].round(5).tolist(),
            "largest": measuring.max(axis=1).round(5).tolist(),
        },
    }
