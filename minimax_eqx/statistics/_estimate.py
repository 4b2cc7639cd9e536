"""A number with an interval around it."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """A number that was estimated, and the interval of a stated confidence around it."""

    value: float
    """What was estimated from the scores as they are."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval."""

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
