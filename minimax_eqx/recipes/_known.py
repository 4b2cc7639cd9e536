"""The recipes by the names that the command line has for them.

With `-small` after its name it has each of them at the size that `small` gives it.
"""

import inspect
import types
from collections.abc import Callable, Iterator

from ..runners._experiment import Experiment
from . import brax, cart_pole, craftax, gymnax, jaxnav, pendulum, xland
from .maze import _family, _newer, _reference


def _recipes(world: str, *files: types.ModuleType) -> dict[str, Callable[..., Experiment]]:
    """The functions of files, each with the name of its world before its own."""
    return {
        name if name == "quickstart" else f"{world}-{name}".replace("_", "-"): recipe
        for file in files
        for name, recipe in _recipes_in(file)
    }


def _recipes_in(file: types.ModuleType) -> Iterator[tuple[str, Callable[..., Experiment]]]:
    for name, value in vars(file).items():
        is_own_function = inspect.isfunction(value) and value.__module__ == file.__name__
        if name[0] != "_" and (is_own_function or inspect.ismethod(value)):
            yield name, value


RECIPES = {
    **_recipes("maze", _reference, _newer, _family),
    **_recipes("cart-pole", cart_pole),
    **_recipes("pendulum", pendulum),
}
# Those of worlds of other packages, which raise `ImportError` where the package is missing.
ADAPTED = {
    **_recipes("brax", brax),
    **_recipes("craftax", craftax),
    **_recipes("gymnax", gymnax),
    **_recipes("jaxnav", jaxnav),
    **_recipes("xland", xland),
}
