"""Learners: PPO and what it is made of."""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
