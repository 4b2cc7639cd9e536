"""The recipes of the command line."""

import yaml

from .._composition._parts import nearest
from .._composition._plain import to_plain
from ..recipes import small
from ..recipes._known import ADAPTED, RECIPES
from ..recipes._small import SUFFIX
from ..runners._experiment import Experiment

ALL = RECIPES | ADAPTED


def recipe_named(name: str) -> Experiment:
    known, is_small = name.removesuffix(SUFFIX), name.endswith(SUFFIX)
    if known not in ALL:
        of_all_sizes = [*ALL, *(f"{other}{SUFFIX}" for other in ALL)]
        raise ValueError(
            f"There is no recipe '{name}'.{nearest(name, of_all_sizes)} Known: {', '.join(ALL)}; "
            f"each with {SUFFIX} after its name is of a size for two CPU cores. "
            "A file of yours ends in .py, and a module has a name after a colon."
        )
    return small(ALL[known]()) if is_small else ALL[known]()


def as_file(experiment: Experiment) -> str:
    return yaml.safe_dump(to_plain(experiment), sort_keys=False)
