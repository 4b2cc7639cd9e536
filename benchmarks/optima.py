"""The best returns of a thousand mazes: a search over poses in each."""

from typing import Any

import jax

from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import PerfectMaze, RandomWalls

from .timing import Limits, MatrixProduct, measure

NUM_LEVELS = 1000
GENERATORS = {
    "25 walls": RandomWalls(num_walls=25),
    "60 walls": RandomWalls(num_walls=60),
    "perfect mazes": PerfectMaze(),
}


def bench(yardstick: MatrixProduct, limits: Limits) -> dict[str, Any]:
    """The optimal returns of mazes of several kinds, all of a kind side by side."""
    env = Maze()
    optima = jax.jit(jax.vmap(env.optimal_return))
    results = {}
    for name, generator in GENERATORS.items():
        sample = lambda key, of=generator: of.sample(env.level_spec(), key=key)  # noqa: E731
        levels = jax.jit(jax.vmap(sample))(jax.random.split(jax.random.key(0), NUM_LEVELS))
        line = f"{NUM_LEVELS} mazes, {name}"
        results[line] = measure(lambda levels=levels: optima(levels), yardstick, limits)
    return results
