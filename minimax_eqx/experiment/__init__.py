"""A run on disk: the training loop and its hooks, and what they write.

Needs the packages of the extra `minimax_eqx[cli]`.
"""

from .._lazy import shown

__getattr__, __dir__, __all__ = shown(__name__)
