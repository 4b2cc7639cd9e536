"""Levels that are numbers between bounds, and two small worlds of that kind."""

from ..._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
