"""An agent from elsewhere plays levels of this package through Gymnasium: evolution, in NumPy.

Each of 64 candidates is a linear policy on a cart-pole of its own, with random masses and lengths.
Each generation is drawn around the best eight of the one before. You need Gymnasium:

    pip install -e ".[gymnasium]"
    python examples/gymnasium_view.py
"""

import sys

import jax
import numpy as np

from minimax_eqx.envs.adapters.gymnasium import vector_env
from minimax_eqx.envs.boxes import CartPole, Uniform

NUM_CANDIDATES, NUM_BEST, NUM_EPISODES = 64, 8, 3
ENV = CartPole(max_episode_steps=200)


def returns_of(policies, worlds, seed=None, options=None):
    """What each policy gets in one episode of its world."""
    seen, _ = worlds.reset(seed=seed, options=options)
    total, goes_on = np.zeros(len(policies)), np.ones(len(policies), bool)
    while goes_on.any():
        actions = np.tanh(np.sum(policies * seen, axis=1))
        seen, rewards, terminated, truncated, _ = worlds.step(actions)
        total += rewards * goes_on
        goes_on &= ~(terminated | truncated)
    return total


def main(num_generations):
    random = np.random.default_rng(0)
    worlds = vector_env(ENV, Uniform(), NUM_CANDIDATES)
    mean, std = np.zeros(4), np.full(4, 2.0)
    for generation in range(num_generations):
        policies = mean + std * random.normal(size=(NUM_CANDIDATES, 4))
        seeds = range(NUM_EPISODES * generation, NUM_EPISODES * (generation + 1))
        scores = np.mean([returns_of(policies, worlds, seed) for seed in seeds], axis=0)
        best = policies[np.argsort(scores)[-NUM_BEST:]]
        mean, std = best.mean(axis=0), best.std(axis=0) + 0.05
        print(f"generation {generation + 1:2}  mean return {scores.mean():.2f}")
    # Levels of one's own, one for each sub-environment.
    kinds = [(length, force) for length in (0.2, 4.0) for force in (3.0, 20.0)]
    levels = [ENV.box.level(pole_length=length, force=force) for length, force in kinds]
    levels = jax.tree.map(lambda *leaves: np.stack(leaves), *levels)
    worlds = vector_env(ENV, Uniform(), len(kinds))
    scores = returns_of(np.tile(mean, (len(kinds), 1)), worlds, 0, {"levels": levels})
    for (length, force), score in zip(kinds, scores, strict=True):
        print(f"pole of {length} m, pushes of {force} N: return {score:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
