"""The recipes by the names that the command line has for them.

With `-small` after its name it has each of them at the size that `small` gives it.
"""

import inspect
from collections.abc import Callable
from types import ModuleType

from ..runners._experiment import Experiment
from . import cart_pole, gymnax, maze, maze_family, pendulum, xland

_HERE = __name__.rpartition(".")[0]


def _recipes(**modules: ModuleType) -> dict[str, Callable[..., Experiment]]:
    """The functions of modules, each with the name of its world before its own."""
    return {
        name if name == "quickstart" else f"{world}-{name}".replace("_", "-"): recipe
        for world, module in modules.items()
        for name, recipe in vars(module).items()
        if inspect.isroutine(recipe) and recipe.__module__.startswith(_HERE) and name[0] != "_"
    }


RECIPES = {
    **_recipes(maze=maze),
    **_recipes(maze=maze_family),
    **_recipes(cart_pole=cart_pole, pendulum=pendulum),
}
# Those of worlds of other packages, which raise `ImportError` where the package is missing.
ADAPTED = _recipes(gymnax=gymnax, xland=xland)
