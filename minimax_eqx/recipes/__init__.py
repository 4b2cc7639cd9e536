"""Methods with their hyperparameters, as functions that return an `Experiment`."""

import inspect
from collections.abc import Callable

from ..runners import Experiment
from . import maze as maze

__all__ = ["RECIPES", "maze"]

RECIPES: dict[str, Callable[..., Experiment]] = {
    name if name == "quickstart" else f"maze-{name.replace('_', '-')}": recipe
    for name, recipe in vars(maze).items()
    if inspect.isfunction(recipe) and recipe.__module__ == maze.__name__ and name[0] != "_"
}
"""The recipes by the names that the command line has for them."""


def __dir__() -> list[str]:
    return sorted(__all__)
