"""The recipes by the names that the command line has for them.

With `-small` after its name it has each of them at the size that `small` gives it.
"""

import inspect
from collections.abc import Callable

from ..runners._experiment import Experiment
from . import cart_pole, maze, pendulum

_HERE = __name__.rpartition(".")[0]
RECIPES: dict[str, Callable[..., Experiment]] = {
    name if name == "quickstart" else f"{world}-{name}".replace("_", "-"): recipe
    for world, module in (("maze", maze), ("cart-pole", cart_pole), ("pendulum", pendulum))
    for name, recipe in vars(module).items()
    if inspect.isroutine(recipe) and recipe.__module__.startswith(_HERE) and name[0] != "_"
}
