"""The recipes by the names that the command line has for them.

With `-small` after its name it has each of them at the size that `small` gives it.
"""

import inspect
from collections.abc import Callable

from ..runners._experiment import Experiment
from . import cart_pole, maze, maze_family, pendulum

RECIPES: dict[str, Callable[..., Experiment]] = {
    name if name == "quickstart" else f"{world}-{name}".replace("_", "-"): recipe
    for world, module in (
        ("maze", maze),
        ("maze", maze_family),
        ("cart-pole", cart_pole),
        ("pendulum", pendulum),
    )
    for name, recipe in vars(module).items()
    if inspect.isfunction(recipe) and recipe.__module__ == module.__name__ and name[0] != "_"
}
