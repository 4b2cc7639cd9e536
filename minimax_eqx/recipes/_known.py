"""The recipes by the names that the command line has for them.

With `-small` after its name it has each of them at the size that `small` gives it.
"""

import inspect
from collections.abc import Callable

from ..runners._experiment import Experiment
from . import cart_pole, pendulum
from .maze import _newer, _reference

_FILES_OF = {"maze": (_reference, _newer), "cart-pole": (cart_pole,), "pendulum": (pendulum,)}

RECIPES: dict[str, Callable[..., Experiment]] = {
    name if name == "quickstart" else f"{world}-{name}".replace("_", "-"): recipe
    for world, files in _FILES_OF.items()
    for file in files
    for name, recipe in vars(file).items()
    if inspect.isfunction(recipe) and recipe.__module__ == file.__name__ and name[0] != "_"
}
