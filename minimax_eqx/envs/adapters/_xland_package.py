"""XLand-MiniGrid, imported where it is needed, and its start states."""

import functools
import importlib
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from ..._types import PyTree
from ._foreign import strong
from ._package import require

# As many rooms as a side can be cut into; the package places their doors for these sides only.
SIDES = {2: range(9, 18, 2), 4: range(9, 18, 2), 6: (13, 17, 19), 9: (16, 19, 25)}


@functools.cache
def xminigrid() -> ModuleType:
    """The package. Raises `ImportError` if it is missing, or of a version that cannot work."""
    # Its modules make arrays, which would be lost if the first import were part of a program.
    with jax.ensure_compile_time_eval():
        package = require("xminigrid", extra="xland", at_least="0.9.3", below="0.10")
        importlib.import_module("xminigrid.envs.xland")
    return package


def sizes(owner: str, level: PyTree[jax.ShapeDtypeStruct]) -> tuple[int, int]:
    """The side of a level's grid and the number of its rules.

    Raises `ValueError`, for the part `owner`, if it is a level of another environment.
    """
    if not isinstance(level, xminigrid().types.State):
        raise ValueError(
            f"{owner} makes levels of XLand, and these are of type {type(level).__name__}; use a "
            "generator of that environment."
        )
    return level.grid.shape[0], level.rule_encoding.shape[0]


def start_state(owner: str, rooms: int, side: int, ruleset: Any, *, key: Key[Array, ""]) -> Any:
    """A level: rooms, the rule set's objects at random places, and the agent.

    Raises `ValueError`, for the part `owner`, if the grid cannot be cut into so many rooms, or if
    there is no room for the objects.
    """
    if rooms in SIDES and side not in SIDES[rooms]:
        known = ", ".join(map(str, SIDES[rooms]))
        raise ValueError(
            f"{owner}.rooms is {rooms} for a grid of side {side}; the package builds {rooms} rooms "
            f"for sides {known}."
        )
    num_objects, num_cells = len(ruleset.init_tiles), (side - 2) ** 2
    if num_objects >= num_cells:
        raise ValueError(
            f"{owner} has {num_objects} objects and an agent for {num_cells} cells inside a grid "
            f"of side {side}; use fewer objects, or a larger XLand.size."
        )
    xland = xminigrid().envs.xland
    params = xland.XLandEnvParams(side, side, 3, 1, ruleset=ruleset, grid_type=f"R{rooms}")
    state = xland.XLandMiniGrid().reset(params, key).state
    # The package draws nothing during play, so equal levels have an equal key, which is none.
    return strong(state.replace(key=jnp.zeros(2, jnp.uint32)))


def rule_set(goal: Array, rules: Array, objects: Array, num_rules: int) -> Any:
    """A rule set of the package, with empty rules up to `num_rules`."""
    rules = jnp.pad(rules, ((0, num_rules - len(rules)), (0, 0)))
    return xminigrid().types.RuleSet(goal=goal, rules=rules, init_tiles=objects)
