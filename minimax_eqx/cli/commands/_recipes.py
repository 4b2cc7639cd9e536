"""`minimax-eqx recipes`."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ..._composition._draft import draft_of
from ...recipes._small import SUFFIX
from ...runners._experiment import Experiment
from .._read import read
from .._recipes import ALL, as_file, recipe_named
from .._words import apply


@dataclass(frozen=True)
class Recipes:
    """List the recipes, or print one as a file of options: minimax-eqx recipes [RECIPE]."""


def main(words: Sequence[str]) -> int:
    """`minimax-eqx recipes`."""
    name, given = read(words)
    apply([draft_of(Recipes())], given, target=name or "")
    if name is not None:
        print(as_file(recipe_named(name)), end="")
        return 0
    table = Table("recipe", "what it trains", "updates")
    for name, recipe in ALL.items():
        summary = (inspect.getdoc(recipe) or "").partition("\n\n")[0]
        table.add_row(name, summary, _num_updates(recipe))
    table.caption = (
        "minimax-eqx recipes NAME prints one as a file of options. Each has a form for two CPU "
        f"cores: maze-accel{SUFFIX}, for example."
    )
    Console().print(table)
    return 0


def options() -> tuple[Any, ...]:
    """What has the options of this command."""
    return (Recipes(),)


def _num_updates(recipe: Callable[..., Experiment]) -> str:
    """How long a recipe trains, or that its world is of a package which is missing."""
    try:
        return f"{recipe().schedule.num_updates:,}"
    except ImportError:
        return "not installed"
