"""Worlds: what a level is, and how it is played."""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
