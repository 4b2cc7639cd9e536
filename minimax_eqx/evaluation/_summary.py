"""The results of a test as plain data: what they come to, and level by level."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ..envs import AbstractEnv, AbstractLevelGenerator
from ..rollouts._evaluation import EpisodeResults
from ..statistics import wilson
from ._panels import Played, fingerprints_of

# Of the episodes with the largest regret: their mean is the conditional value at risk (CVaR).
WORST_SHARE = 0.01
# What a row of `per_level` has, in order.
COLUMNS = ("test", "level", "student", "episodes", "successes", "return", "length", "regret")


def summary(played: Played) -> dict[str, Any]:
    """Means over the episodes of all students; how many levels and episodes there were."""
    results = jax.tree.map(np.asarray, played.results)
    measures = {name: float(values.mean()) for name, values in results.measures.items()}
    rates = None if results.successes is None else results.successes.mean(axis=1)
    return {
        "return": float(results.returns.mean()),
        "success_rate": None if rates is None else float(np.mean(rates)),
        "success_interval": _interval(results.successes),
        "episode_length": float(results.lengths.mean()),
        "success_rate_per_student": None if rates is None else [float(rate) for rate in rates],
        "num_episodes": int(results.returns.shape[1]),
        "num_levels": len(np.unique(played.fingerprints, axis=0)),
        **({"measures": measures} if measures else {}),
        **({} if results.regrets is None else _regret(np.sort(results.regrets, axis=1))),
    }


def per_level(
    name: str, played: Played, env: AbstractEnv, generator: AbstractLevelGenerator
) -> list[dict[str, Any]]:
    """A row for each level and student of a test: how many episodes there were and how many
    successes, and the mean return, length and regret. None stands for what is not known.

    A level has the name that its generator has for it, or else the number of its first episode.
    """
    _, first, level_of = np.unique(
        played.fingerprints, axis=0, return_index=True, return_inverse=True
    )
    names = _names(env, generator)
    results, rows = played.results, []
    for level in np.argsort(first):
        chosen = level_of.ravel() == level
        own: EpisodeResults = jax.tree.map(lambda leaf, chosen=chosen: leaf[:, chosen], results)
        known = names.get(played.fingerprints[first[level]].tobytes(), int(first[level]))
        rows += [
            {
                "test": name,
                "level": known,
                "student": student,
                "episodes": int(chosen.sum()),
                "successes": None if own.successes is None else int(own.successes[student].sum()),
                "return": float(own.returns[student].mean()),
                "length": float(own.lengths[student].mean()),
                "regret": None if own.regrets is None else float(own.regrets[student].mean()),
            }
            for student in range(results.returns.shape[0])
        ]
    return rows


def _names(env: AbstractEnv, generator: AbstractLevelGenerator) -> Mapping[bytes, str]:
    """The names of the levels of a list, by fingerprint."""
    listed = generator.list_levels(env.level_spec())
    if listed is None:
        return {}
    prints = fingerprints_of(listed[1])
    return {row.tobytes(): name for row, name in zip(prints, listed[0], strict=True)}


def _interval(successes: np.ndarray | None) -> list[float] | None:
    """Of 95 %, by Wilson, for the chance of success in such an episode."""
    if successes is None:
        return None
    found = wilson(int(successes.sum()), successes.size)
    return [found.low, found.high]


def _regret(regrets: np.ndarray) -> dict[str, float]:
    """The regret of all students, whose episodes are in order of it."""
    num_worst = math.ceil(WORST_SHARE * regrets.shape[1])
    return {
        "regret": float(regrets.mean()),
        "regret_of_worst_percent": float(regrets[:, -num_worst:].mean()),
        "largest_regret": float(regrets.max()),
    }
