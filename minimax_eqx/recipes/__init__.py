"""Methods with their hyperparameters, as functions that return an `Experiment`."""

import inspect
from collections.abc import Callable

from ..runners import Experiment
from . import maze as maze
from ._small import small as small

__all__ = ["RECIPES", "maze", "small"]

RECIPES: dict[str, Callable[..., Experiment]] = {
    name if name == "quickstart" else f"maze-{name.replace('_', '-')}": recipe
    for name, recipe in vars(maze).items()
    if inspect.isfunction(recipe) and recipe.__module__ == maze.__name__ and name[0] != "_"
}
"""The recipes by the names that the command line has for them. With `-small` after its name it has
each of them at the size that `small` gives it."""


def __dir__() -> list[str]:
    return sorted(__all__)
