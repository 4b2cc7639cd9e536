"""Methods with their hyperparameters, as functions that return an `Experiment`."""

from . import cart_pole as cart_pole
from . import gymnax as gymnax
from . import maze as maze
from . import maze_family as maze_family
from . import pendulum as pendulum
from . import xland as xland
from ._small import small as small

__all__ = ["cart_pole", "gymnax", "maze", "maze_family", "pendulum", "small", "xland"]


def __dir__() -> list[str]:
    return sorted(__all__)
