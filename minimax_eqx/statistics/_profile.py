"""Performance profiles: the whole distribution of scores at one look."""

import dataclasses

import numpy as np
from jaxtyping import Array, Float, Real

from ._bootstrap import Resample, intervals
from ._scores import checked_scores


@dataclasses.dataclass(frozen=True)
class PerformanceProfile:
    """The share of scores above each threshold, with a band around it."""

    thresholds: Float[np.ndarray, " threshold"]
    """Where it was measured, as they were given."""
    shares: Float[np.ndarray, " threshold"]
    """The share of runs and tasks, taken together, whose score is above the threshold."""
    low: Float[np.ndarray, " threshold"]
    """The lower end of the interval at each threshold by itself."""
    high: Float[np.ndarray, " threshold"]
    """The upper end of it."""


def performance_profile(
    scores: Real[np.ndarray, "run task"] | Real[Array, "run task"],
    thresholds: Real[np.ndarray, " threshold"],
    *,
    confidence: float = 0.95,
    resample: Resample = "runs",
    num_resamples: int = 2_000,
    seed: int = 0,
) -> PerformanceProfile:
    """The share of all runs and tasks with a score above each threshold.

    A curve that is above another one everywhere is of the better method, and where two cross, one
    is better in easy tasks and the other in hard ones. The band is pointwise: `bootstrap`'s
    interval at each threshold, so the whole curve leaves it more often than a single point does.

    Raises `ValueError` for thresholds that are none or not finite, and as `bootstrap` does.
    """
    table, at = checked_scores(scores), np.asarray(thresholds, float)
    if not at.size or not np.isfinite(at).all():
        raise ValueError(f"thresholds is {at}; it must hold at least one number, finite ones only.")

    def shares(tables: np.ndarray) -> np.ndarray:
        # How many are not above a threshold is its place among the scores in order.
        ordered = np.sort(tables.reshape(-1, table.size), axis=-1)
        places = [np.searchsorted(row, at, side="right") for row in ordered]
        return 1 - np.stack(places).reshape(*tables.shape[:-2], len(at)) / table.size

    low, high = intervals(
        shares,
        [table],
        confidence=confidence,
        resample=resample,
        num_resamples=num_resamples,
        seed=seed,
    )
    return PerformanceProfile(at, shares(table), low, high)
