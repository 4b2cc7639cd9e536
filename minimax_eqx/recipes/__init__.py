"""Methods with their hyperparameters, as functions that return an `Experiment`."""

from . import maze as maze

__all__ = ["maze"]


def __dir__() -> list[str]:
    return sorted(__all__)
