"""A number with an interval around it."""

import math
from typing import NamedTuple


class Estimate(NamedTuple):
    """A number that was estimated, and the interval of a stated confidence around it."""

    value: float
    """What was estimated from the scores as they are."""
    low: float
    """The lower end of the interval; NaN where there is none, as for one run."""
    high: float
    """The upper end of the interval."""

    def __str__(self) -> str:
        interval = "" if math.isnan(self.low) else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.value:.3f}{interval}"
