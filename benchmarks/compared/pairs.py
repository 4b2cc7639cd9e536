"""Which pairs of methods the seeds tell apart."""

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.05


class Pair(NamedTuple):
    """Two methods by what their seeds reached, the one with the higher mean first."""

    higher: str
    lower: str
    difference: float
    """Of the means over seeds."""
    p: float
    """By Welch's t-test, two-sided, with Holm's correction for all the pairs."""

    @property
    def is_told_apart(self) -> bool:
        """Whether chance alone makes such a difference between any of the pairs rarely enough."""
        return self.p < LEVEL


def pairs(values: Mapping[str, Sequence[float]]) -> list[Pair]:
    """All pairs of methods, the surest first, each with one value of every seed."""
    found = []
    for one, other in itertools.combinations(values, 2):
        difference = float(np.mean(values[one]) - np.mean(values[other]))
        names = (one, other) if difference >= 0 else (other, one)
        found.append(Pair(*names, abs(difference), _welch(values[one], values[other])))
    found.sort(key=lambda pair: pair.p)
    corrected = 0.0
    for place, pair in enumerate(found):
        # Each is compared with what is left, and none may be surer than one before it.
        corrected = max(corrected, min(1.0, (len(found) - place) * pair.p))
        found[place] = pair._replace(p=corrected)
    return found


def _welch(own: Sequence[float], others: Sequence[float]) -> float:
    """The p-value, 1 where seeds of both methods are all alike, about which it can say nothing."""
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _, p = np.asarray(stats.ttest_ind(own, others, equal_var=False))
    return float(p) if np.ptp(own) + np.ptp(others) > 0 else 1.0
