"""Mazes: levels, generators, edits, designs, held-out tests and pictures."""

from ..._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
