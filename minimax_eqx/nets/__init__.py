"""Networks: encoders, memories, heads, and distributions over actions.

Each kind has a part that you write into a configuration, with `init`, and weights that it makes.
"""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
