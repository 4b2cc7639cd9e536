"""Who picks the levels."""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
