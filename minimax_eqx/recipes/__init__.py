"""Methods with their hyperparameters, as functions that return an `Experiment`."""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
