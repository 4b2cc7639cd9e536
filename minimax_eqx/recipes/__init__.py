"""Methods with their hyperparameters, as functions that return an `Experiment`."""

from . import maze as maze
from ._small import small as small

__all__ = ["maze", "small"]


def __dir__() -> list[str]:
    return sorted(__all__)
