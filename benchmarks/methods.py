"""The table of methods, made from the recipes and from the names of the pages beside it."""

import inspect
import pathlib
import sys
from collections.abc import Sequence

from minimax_eqx import Experiment
from minimax_eqx._composition._parts import name_of
from minimax_eqx.recipes._known import RECIPES

FOLDER = pathlib.Path(__file__).parents[1] / "docs" / "methods"
PAGE = FOLDER / "README.md"
COSTS = "costs.md"  # `python -m benchmarks zoo` makes it
# `python -m benchmarks compared` makes it.
COMPARED = "../../benchmarks/results/compared_methods.md"
HEADER = """# Methods

Made by `python -m benchmarks methods` from the recipes; do not edit it.

Which method should you take? [How to choose](../choosing.md) helps you decide, and the page of each
method begins with what it does with levels, when to take it and what it costs.

`minimax-eqx train RECIPE` trains a method with the hyperparameters of its authors, which are often
for an accelerator. `minimax-eqx train RECIPE-small` takes at most ten minutes on two CPU cores. You
may combine methods, since scores, prioritisations and mutators go together: for example,
`minimax-eqx train maze-accel --score mna` is ACCEL with another score.

| recipe | what it trains | curriculum | score | read more |
| --- | --- | --- | --- | --- |
"""


def main(arguments: Sequence[str]) -> int:
    """`python -m benchmarks methods`: writes the table; `--check` says whether it is up to date."""
    text = table()
    if "--check" in arguments:
        is_old = not PAGE.exists() or PAGE.read_text() != text
        if is_old:
            print(f"{PAGE} is not up to date: python -m benchmarks methods", file=sys.stderr)
        return int(is_old)
    PAGE.write_text(text)
    print(PAGE)
    return 0


def table() -> str:
    """The whole page."""
    rows = [_row(name, recipe()) for name, recipe in RECIPES.items()]
    told = []
    if (FOLDER / COSTS).exists():
        told.append(f"[{COSTS}]({COSTS}) compares their costs.")
    if (FOLDER / COMPARED).exists():
        told.append(f"[This comparison]({COMPARED}) compares some of them at equal transitions.")
    more = f"{chr(10).join(told)}\n\n" if told else ""
    return HEADER.replace("| recipe", f"{more}| recipe", 1) + "".join(
        f"| {' | '.join(row)} |\n" for row in rows
    )


def _row(name: str, experiment: Experiment) -> list[str]:
    curriculum = experiment.curriculum
    scored = getattr(curriculum, "replay", curriculum)
    score = getattr(scored, "score", getattr(scored, "objective", None))
    page = f"{RECIPES[name].__name__.replace('_', '-')}.md"
    return [
        f"`{name}`",
        " ".join((inspect.getdoc(RECIPES[name]) or "").partition("\n\n")[0].split()),
        f"`{name_of(type(curriculum))}`",
        f"`{name_of(type(score))}`" if score is not None else "",
        f"[{page}]({page})" if (FOLDER / page).exists() else "",
    ]
