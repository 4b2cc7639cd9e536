"""The training cycle, alone or as several members of one program."""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
