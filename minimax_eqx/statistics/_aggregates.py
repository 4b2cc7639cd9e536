"""One number for a table of scores: how good a method is over all its runs and tasks.

Each takes other axes before `run task` too, and gives a number for each of them: `bootstrap` calls
them with an axis of resamples.
"""

import math

import numpy as np

from ._scores import Aggregate, Scores, checked_scores


def mean(scores: Scores) -> Aggregate:
    """The mean over runs and tasks. One task with very large scores can decide it."""
    return checked_scores(scores).mean(axis=(-2, -1))


def median(scores: Scores) -> Aggregate:
    """The median over tasks of the mean over runs.

    It ignores how good the better half of the tasks is and how bad the worse half, so it says
    little where there are few tasks, and has wide intervals.
    """
    return np.median(checked_scores(scores).mean(axis=-2), axis=-1)


def interquartile_mean(scores: Scores) -> Aggregate:
    """The mean of the middle half of all scores of all runs and tasks together (IQM).

    A quarter of the scores, rounded down, is left out at each end: of 10 scores the 2 smallest and
    the 2 largest. Single seeds that failed or were lucky do not decide it, as they do with a mean,
    and it uses more of the scores than a median.
    """
    from scipy.stats import trim_mean

    table = checked_scores(scores)
    return trim_mean(table.reshape(*table.shape[:-2], -1), 0.25, axis=-1)


def optimality_gap(scores: Scores, target: float = 1.0) -> Aggregate:
    """How far scores fall short of a target: the mean of `max(target - score, 0)`.

    Smaller is better. A score above the target counts like the target, so one task cannot make up
    for another. For success rates the target is 1, and the gap is 1 minus the mean.

    Raises `ValueError` for a target that is not finite.
    """
    if not math.isfinite(target):
        raise ValueError(f"target is {target}; it must be a finite number.")
    return np.maximum(target - checked_scores(scores), 0).mean(axis=(-2, -1))
