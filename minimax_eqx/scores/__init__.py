"""How useful levels look for learning, judged by what happened when they were played."""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
