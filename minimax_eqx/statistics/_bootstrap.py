"""Intervals by resampling runs."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Array, Float, Real

from ._estimate import Estimate
from ._scores import check_confidence, check_several_runs, checked_scores

# Numbers that are resampled at once.
MOST_NUMBERS = 4_000_000
FEWEST_RESAMPLES = 100
Resample: TypeAlias = Literal["runs", "tasks"]


def bootstrap(
    statistic: Callable[..., Any],
    *tables: Real[np.ndarray, "_ _"] | Real[Array, "_ _"],
    confidence: float = 0.95,
    resample: Resample = "runs",
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The statistic of tables of scores, with a bootstrap percentile interval.

    In each resample runs are drawn anew, with replacement, as many as there are, and tasks stay as
    they are. The interval holds the middle `confidence` of the statistics of all resamples. The
    same `seed` gives the same interval.

    `resample` says what is drawn, and it matters which you take:

    - `"runs"` draws whole runs, each with its scores in all tasks. It is right where one trained
      student takes all the tests: a seed that did well in one maze did well in the others.
    - `"tasks"` has each task draw its own runs, which is the stratified bootstrap of rliable. It is
      right where every score is of a training of its own, as in benchmarks that train on each task
      separately. Where one student takes all tests its intervals are too narrow, often by far.

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
    low, high = intervals(
        statistic,
        scores,
        confidence=confidence,
        resample=resample,
        num_resamples=num_resamples,
        seed=seed,
    )
    return Estimate(float(value), float(low), float(high))


def intervals(
    statistic: Callable[..., Any],
    tables: Sequence[Float[np.ndarray, "_ _"]],
    *,
    confidence: float,
    resample: Resample,
    num_resamples: int,
    seed: int,
) -> tuple[Real[np.ndarray, "*shape"], Real[np.ndarray, "*shape"]]:
    """Both ends of the interval of a statistic, which may have axes after the first, of resamples.

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
        value = np.asarray(
            statistic(*(_resampled(table, count, resample, random) for table in tables))
        )
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
    table: Float[np.ndarray, "run task"],
    count: int,
    resample: Resample,
    random: np.random.Generator,
) -> Float[np.ndarray, "{count} run task"]:
    """Tables of runs of this one, each drawn as often as it comes."""
    num_runs, num_tasks = table.shape
    num_draws = 1 if resample == "runs" else num_tasks
    runs = random.integers(num_runs, size=(count, num_runs, num_draws))
    return np.take_along_axis(table[None], np.broadcast_to(runs, (count, *table.shape)), axis=1)


def _name(index: int, tables: Sequence[Any]) -> str:
    return "scores" if len(tables) == 1 else f"table {index + 1} of {len(tables)}"
