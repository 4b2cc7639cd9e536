"""Intervals of proportions, such as a success rate over episodes."""

import math
from statistics import NormalDist

from ._estimate import Estimate
from ._scores import check_confidence


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Estimate:
    """The share of trials that were successes, with Wilson's score interval.

    With `p` the share, `n` the trials and `z` the normal quantile of the confidence, its ends are

        (p + z² / 2n ± z sqrt(p (1 - p) / n + z² / 4n²)) / (1 + z² / n)

    Unlike `p ± z sqrt(p (1 - p) / n)` it stays within [0, 1], and is no point where all trials or
    none were successes. It says how well the episodes of one run measure this run, and nothing
    about other seeds: for those take `bootstrap` over runs.

    Raises `ValueError` for no trials, or successes that are not between 0 and the trials.
    """
    check_confidence(confidence)
    if trials < 1:
        raise ValueError(f"trials is {trials}; a share needs at least one trial.")
    if not 0 <= successes <= trials:
        raise ValueError(f"successes is {successes}; it must be between 0 and trials, {trials}.")
    share, z = successes / trials, NormalDist().inv_cdf((1 + confidence) / 2)
    square = z * z / trials
    middle = share + square / 2
    half = math.sqrt(square * (share * (1 - share) + square / 4))
    # Rounding may not put the share outside.
    low = min((middle - half) / (1 + square), share)
    return Estimate(share, max(low, 0.0), max((middle + half) / (1 + square), share))
