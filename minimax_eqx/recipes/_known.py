"""The recipes by the names that the command line has for them.

With `-small` after its name it has each of them at the size that `small` gives it.
"""

import inspect
import types
from collections.abc import Callable, Iterator

from ..runners._experiment import Experiment
from . import cart_pole, pendulum
from .maze import _newer, _reference

_FILES_OF = {"maze": (_reference, _newer), "cart-pole": (cart_pole,), "pendulum": (pendulum,)}


def _recipes_in(file: types.ModuleType) -> Iterator[tuple[str, Callable[..., Experiment]]]:
    for name, value in vars(file).items():
        is_own_function = inspect.isfunction(value) and value.__module__ == file.__name__
        if name[0] != "_" and (is_own_function or inspect.ismethod(value)):
            yield name, value


RECIPES: dict[str, Callable[..., Experiment]] = {
    name if name == "quickstart" else f"{world}-{name}".replace("_", "-"): recipe
    for world, files in _FILES_OF.items()
    for file in files
    for name, recipe in _recipes_in(file)
}
