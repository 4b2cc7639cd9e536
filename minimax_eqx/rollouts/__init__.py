"""What happened: levels played, or designed, by an agent, and what came of it."""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
