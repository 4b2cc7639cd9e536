"""Spaces of other packages, as what an environment's actions are."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._actions import AbstractActionSpec, Box, Discrete


def action_spec_of(spaces: Iterable[Any]) -> AbstractActionSpec:
    """The actions of a space of gymnax, JaxMARL or Gymnasium: one of `n`, or an array.

    If there are several, since actions depend on the level, their bounds are the widest of all.
    """
    several = list(spaces)
    if hasattr(several[0], "n"):
        return Discrete(max(int(space.n) for space in several))
    shape = tuple(several[0].shape)
    low = np.min([np.broadcast_to(space.low, shape) for space in several], axis=0)
    high = np.max([np.broadcast_to(space.high, shape) for space in several], axis=0)
    if len(shape) == 1:
        return Box(tuple(low.tolist()), tuple(high.tolist()), shape)
    return Box(float(low.min()), float(high.max()), shape)
