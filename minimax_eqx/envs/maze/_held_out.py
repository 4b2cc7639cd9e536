"""The field's held-out mazes by name, and panels of them."""

import difflib

import equinox as eqx

from ..._held_out_names import MAZE_PREFIX as _PREFIX
from ..._held_out_names import MAZES as _NAMES
from ..._held_out_names import PANELS as _PANELS
from ..._held_out_names import PERFECT_SIZES as _PERFECT_SIZES
from .._env import AbstractEnv, AbstractLevelGenerator
from .._fixed import FixedLevels
from ._generators import PerfectMaze
from ._layouts import LAYOUTS
from ._level import GOAL_SYMBOL, MazeLevel, stack_levels
from ._maze import Maze
from ._memory import MemoryMaze, RandomMemory
from ._procedural import Crossing, FourRooms


class HeldOut(eqx.Module):
    """A held-out test: the environment to play in, and where its levels come from."""

    name: str = eqx.field(static=True)
    env: AbstractEnv
    generator: AbstractLevelGenerator


def held_out(
    name: str,
    *,
    view_size: int = 5,
    see_agent: bool = False,
    see_through_walls: bool = True,
    include_position: bool = False,
) -> HeldOut:
    """Looks up a held-out test.

    Arguments:

    - `name`: one of `held_out_names()`, with or without the prefix `"Maze-"`.
    - `view_size`, `see_agent`, `see_through_walls`, `include_position`: what the agent sees, as for
      `Maze`; choose them as in training.

    Time limits are those of the reference and belong to the test. Mazes of one size with one time
    limit have equal environments. Raises `ValueError` for an unknown name.
    """
    name = name.removeprefix(_PREFIX)
    if name not in _NAMES:
        raise ValueError(_unknown("held-out maze", name, _NAMES))
    view = {
        "view_size": view_size,
        "see_agent": see_agent,
        "see_through_walls": see_through_walls,
        "include_position": include_position,
    }
    if name == "Memory":
        return HeldOut(name, MemoryMaze(**view), RandomMemory())
    if name in LAYOUTS:
        levels = _read_layout(LAYOUTS[name])
        height, width = levels.wall_map.shape[1:]
        generator, limit = FixedLevels(levels), _time_limit(2, height, width)
    elif name in _PERFECT_SIZES:
        height = width = _PERFECT_SIZES[name]
        generator, limit = PerfectMaze(height, width), _time_limit(2, height, width)
    elif name == "Crossing":
        height = width = 9
        generator, limit = Crossing(), _time_limit(4, height, width)
    else:
        height = width = 17
        generator, limit = FourRooms(height), 250
    env = Maze(height=height, width=width, max_episode_steps=limit, **view)
    return HeldOut(name, env, generator)


def held_out_names() -> tuple[str, ...]:
    """The names that `held_out` knows."""
    return _NAMES


def panel(name: str) -> tuple[str, ...]:
    """The names of the held-out mazes in a panel that papers report together.

    `"minimax-12"` (Jiang et al., 2023), `"jaxued-8"` (Coward et al., 2024), or `"all"`. Raises
    `ValueError` for another name.
    """
    if name not in _PANELS:
        raise ValueError(_unknown("panel of held-out mazes", name, panel_names()))
    return _PANELS[name]


def panel_names() -> tuple[str, ...]:
    """The names that `panel` knows."""
    return tuple(_PANELS)


def _read_layout(drawing: str) -> MazeLevel:
    """One level for each goal in the drawing, stacked."""
    without_goals = drawing.replace(GOAL_SYMBOL, ".")
    places = [i for i, symbol in enumerate(drawing) if symbol == GOAL_SYMBOL]
    return stack_levels(
        [
            MazeLevel.from_ascii(without_goals[:place] + GOAL_SYMBOL + without_goals[place + 1 :])
            for place in places
        ]
    )


def _time_limit(factor: int, height: int, width: int) -> int:
    """The reference's time limits: a multiple of the number of cells, border included."""
    return factor * (height + 2) * (width + 2)


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    return f"There is no {what} {name!r}.{guess} Known are {', '.join(known)}."
