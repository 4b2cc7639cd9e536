"""The recipes by the names that the command line has for them.

With `-small` after its name it has each of them at the size that `small` gives it.
"""

import inspect
from collections.abc import Callable

from ..runners._experiment import Experiment
from . import maze

RECIPES: dict[str, Callable[..., Experiment]] = {
    name if name == "quickstart" else f"maze-{name.replace('_', '-')}": recipe
    for name, recipe in vars(maze).items()
    if inspect.isfunction(recipe) and recipe.__module__ == maze.__name__ and name[0] != "_"
}
