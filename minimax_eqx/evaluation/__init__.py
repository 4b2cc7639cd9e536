"""How good students are: on unseen levels, on suites of tests, and on their worst levels."""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
