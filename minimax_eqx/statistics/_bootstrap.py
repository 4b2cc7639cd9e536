"""Intervals by resampling the runs of each task."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Real

from ._estimate import Estimate
from ._scores import check_confidence, check_several_runs, checked_scores

# Numbers that are resampled at once.
MOST_NUMBERS = 4_000_000
FEWEST_RESAMPLES = 100


def bootstrap(
    statistic: Callable[..., Any],
    *tables: Real[np.ndarray, "_ _"] | Real[Array, "_ _"],
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The statistic of tables of scores, with a stratified bootstrap percentile interval.

    In each resample the runs of each task are drawn anew, with replacement, as many as there are;
    tasks are strata, so they stay as they are and each draws its own runs. The interval holds the
    middle `confidence` of the statistics of all resamples. The same `seed` gives the same interval.

    `statistic` takes as many tables as you give, of axes `resample run task`, and returns one
    number for each resample, as the functions of this package do. Another example is
    `lambda x, y: interquartile_mean(x) - interquartile_mean(y)`, the difference of two methods,
    whose runs are resampled independently.

    With few runs, say five, a percentile interval is somewhat too narrow, since five runs hold less
    variety than what they were drawn from. More seeds are the remedy.

    Raises `ValueError` for a table of one run, a table that `mean` refuses, a confidence that is
    not between 0 and 1, fewer than 100 resamples, or a statistic of another shape.
    """
    scores = [checked_scores(table, _name(i, tables)) for i, table in enumerate(tables)]
    value = np.asarray(statistic(*scores))
    if value.shape:
        raise ValueError(
            f"The statistic has the shape {value.shape} for one resample; it must be a number. "
            "Reduce the last two axes, `run task`, and no others."
        )
    low, high = intervals(statistic, scores, confidence, num_resamples, seed)
    return Estimate(float(value), float(low), float(high))


def intervals(
    statistic: Callable[..., Any],
    tables: Sequence[Float[np.ndarray, "_ _"]],
    confidence: float,
    num_resamples: int,
    seed: int,
) -> tuple[Real[np.ndarray, "*shape"], Real[np.ndarray, "*shape"]]:
    """Both ends of the interval of a statistic, which may have axes after that of resamples.

    Raises `ValueError` as `bootstrap` does.
    """
    check_confidence(confidence)
    if num_resamples < FEWEST_RESAMPLES:
        raise ValueError(
            f"num_resamples is {num_resamples}; it must be at least {FEWEST_RESAMPLES}."
        )
    for i, table in enumerate(tables):
        check_several_runs(len(table), _name(i, tables))
    random, values = np.random.default_rng(seed), []
    at_once = max(1, MOST_NUMBERS // sum(table.size for table in tables))
    for begin in range(0, num_resamples, at_once):
        count = min(at_once, num_resamples - begin)
        value = np.asarray(statistic(*(_resampled(table, count, random) for table in tables)))
        if value.shape[:1] != (count,):
            raise ValueError(
                f"The statistic has the shape {value.shape} for {count} resamples; it must be one "
                "number for each. Reduce the last two axes, `run task`, and no others."
            )
        values.append(value)
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(values), [tail, 1 - tail], axis=0)
    return np.asarray(low), np.asarray(high)


def _resampled(
    table: Float[np.ndarray, "run task"], count: int, random: np.random.Generator
) -> Float[np.ndarray, "{count} run task"]:
    """Tables in which each task has runs of its own choice, any run as often as it comes."""
    runs = random.integers(len(table), size=(count, *table.shape))
    return np.take_along_axis(table[None], runs, axis=1)


def _name(index: int, tables: Sequence[Any]) -> str:
    return "scores" if len(tables) == 1 else f"table {index + 1} of {len(tables)}"
