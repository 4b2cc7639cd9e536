"""The worst of many levels, found by one set of episodes and measured by another."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx import Experiment, rollouts
from minimax_eqx._types import PyTree
from minimax_eqx.envs import Maze
from minimax_eqx.nets._policy import AbstractPolicy

# Shares of the levels in per cent.
ALPHAS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
LEVELS_SEED, FINDING_SEED, MEASURING_SEED = 2026, 1, 2
LEVELS_AT_ONCE = 1000


def worst_levels(
    experiment: Experiment, network: AbstractPolicy, *, num_levels: int, num_episodes: int
) -> dict[str, dict[str, float]]:
    """Success rates by the share of the worst levels, and the regret: its mean, its mean on the
    worst 1 % of the levels, and its largest.

    The levels are the same for all networks: of the curriculum's generator, as many as can be
    solved.
    """
    env = experiment.env
    assert isinstance(env, Maze)
    levels, optimum = _solvable(experiment, num_levels)
    found, measured = (
        _played(env, network, levels, num_episodes, seed) for seed in (FINDING_SEED, MEASURING_SEED)
    )
    by_success = np.argsort(found[0], kind="stable")
    regrets = np.maximum(optimum - measured[1], 0)
    by_regret = np.argsort(found[1] - optimum, kind="stable")
    return {
        "tail": {f"{alpha:g}": _mean_of(by_success, measured[0], alpha) for alpha in ALPHAS},
        "regret": {
            "mean": round(float(regrets.mean()), 5),
            "worst": _mean_of(by_regret, regrets, 1),
            "largest": round(float(regrets.max()), 5),
        },
    }


def _mean_of(order: np.ndarray, values: np.ndarray, per_cent: float) -> float:
    """The mean over the first of the levels in that order."""
    count = max(1, round(per_cent / 100 * len(order)))
    return round(float(values[order[:count]].mean()), 5)


def _solvable(experiment: Any, num_levels: int) -> tuple[PyTree, np.ndarray]:
    """Levels that can be solved, and their best returns."""
    env = experiment.env
    generator: Any = experiment.curriculum.generator

    @eqx.filter_jit
    def draw(index):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(LEVELS_SEED), index), num_levels)
        levels = jax.vmap(lambda key: generator.sample(env.level_spec(), key=key))(keys)
        return levels, jax.vmap(env.optimal_return)(levels)

    kept, optimum, index = [], np.zeros(0), 0
    while len(optimum) < num_levels:
        levels, best = draw(index)
        which = np.flatnonzero(np.asarray(best) > 0)
        kept.append(jax.tree.map(lambda leaf, which=which: leaf[which], levels))
        optimum = np.concatenate([optimum, np.asarray(best)[which]])
        index += 1
    levels = jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:num_levels], *kept)
    return levels, optimum[:num_levels]


def _played(env, network, levels, num_episodes, seed) -> tuple[np.ndarray, np.ndarray]:
    """The success rate and the mean return of each level."""
    rates, returns, num_levels = [], [], jax.tree.leaves(levels)[0].shape[0]
    for begin in range(0, num_levels, LEVELS_AT_ONCE):
        some = jax.tree.map(lambda leaf, begin=begin: leaf[begin : begin + LEVELS_AT_ONCE], levels)
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), begin), num_episodes)
        played = [rollouts.evaluate(env, network, some, key=key) for key in keys]
        rates.append(np.mean([np.asarray(one.successes) for one in played], axis=0))
        returns.append(np.mean([np.asarray(one.returns) for one in played], axis=0))
    return np.concatenate(rates), np.concatenate(returns)
