"""The field's held-out mazes, as a suite of tests."""

import difflib
from typing import Any

from .._env import AbstractEnv, AbstractLevelGenerator
from .._fixed import FixedLevels
from .._suite import AbstractSuite
from ._dialect import FLOOR_SYMBOL, GOAL_SYMBOL
from ._generators import PerfectMaze
from ._held_out_names import (
    ALIASES,
    CROSSINGS,
    DOOR_KEY,
    LAVA,
    LISTS,
    MAZE_PREFIX,
    MAZES,
    MAZES_WITH_MORE,
    PERFECT_SIZES,
    SIMPLE,
)
from ._layouts import LAYOUTS
from ._level import MazeLevel, stack_levels
from ._maze import Maze
from ._memory import MemoryMaze, RandomMemory
from ._objects import Crossings, DoorKey
from ._procedural import Crossing, FourRooms

_VIEW = ("view_size", "see_agent", "see_through_walls", "include_position")


class HeldOutMazes(AbstractSuite):
    """Mazes that no student was trained on, as the field reports them.

    Students see them as they see the maze that they were trained in. Time limits are the
    reference's and belong to the tests, and so are the sizes: for example, `PerfectMazeXL` has 101
    x 101 cells, whatever the students were trained on. Mazes of one size with one time limit have
    equal environments.

    Raises `ValueError` for a name that it does not know.
    """

    mazes: tuple[str, ...] = ("SixteenRooms", "Labyrinth", "StandardMaze")
    """Mazes by name, such as PerfectMazeMedium, or lists: minimax-12, jaxued-8, lava-crossings."""

    def __check_init__(self) -> None:
        for name in self.mazes:
            known = (*MAZES, *MAZES_WITH_MORE, *LISTS)
            if _meant(name) not in known:
                close = difflib.get_close_matches(name, known, n=1)
                guess = f" Did you mean {close[0]!r}?" if close else ""
                raise ValueError(
                    f"HeldOutMazes.mazes has {name!r}, which is neither a held-out maze nor a list "
                    f"of them.{guess} Mazes are {', '.join((*MAZES, *MAZES_WITH_MORE))}; lists are "
                    f"{', '.join(LISTS)}."
                )

    def panels(self, env: AbstractEnv) -> dict[str, tuple[AbstractEnv, AbstractLevelGenerator]]:
        """The mazes of all names, once each, seen as `env` is seen.

        Raises `ValueError` unless `env` is a `Maze` or a `MemoryMaze`.
        """
        if not isinstance(env, Maze | MemoryMaze):
            raise ValueError(
                f"HeldOutMazes tests students that were trained in a Maze or MemoryMaze; this "
                f"environment is a {type(env).__name__}. Evaluate on another suite, or on none."
            )
        names = [_meant(name) for name in self.mazes]
        mazes = [maze for name in names for maze in LISTS.get(name, (name,))]
        view = {name: getattr(env, name) for name in _VIEW}
        return {maze: _panel(maze, view) for maze in mazes}


def _panel(name: str, view: dict[str, Any]) -> tuple[AbstractEnv, AbstractLevelGenerator]:
    """The environment and the levels of a held-out maze, for students with that view."""
    if name == "Memory":
        return MemoryMaze(**view), RandomMemory()
    if name in DOOR_KEY:
        side, limit = DOOR_KEY[name] - 2, 10 * DOOR_KEY[name] ** 2
        env = Maze(height=side, width=side, max_episode_steps=limit, locked_door=True, **view)
        return env, DoorKey()
    if name.startswith((SIMPLE, LAVA)):
        side, num_crossings = CROSSINGS[name.removeprefix(SIMPLE).removeprefix(LAVA)]
        lava, limit = name.startswith(LAVA), 4 * side**2
        env = Maze(height=side - 2, width=side - 2, max_episode_steps=limit, lava=lava, **view)
        return env, Crossings(num_crossings)
    if name in LAYOUTS:
        levels = _read_layout(LAYOUTS[name])
        height, width = levels.wall_map.shape[1:]
        generator, limit = FixedLevels(levels), _time_limit(2, height, width)
    elif name in PERFECT_SIZES:
        height = width = PERFECT_SIZES[name]
        generator, limit = PerfectMaze(), _time_limit(2, height, width)
    elif name == "Crossing":
        height = width = 9
        generator, limit = Crossing(), _time_limit(4, height, width)
    else:
        height = width = 17
        generator, limit = FourRooms(), 250
    env = Maze(height=height, width=width, max_episode_steps=limit, **view)
    return env, generator


def _meant(name: str) -> str:
    name = name.removeprefix(MAZE_PREFIX)
    return ALIASES.get(name, name)


def _read_layout(drawing: str) -> MazeLevel:
    """One level for each goal in the drawing, stacked."""
    without_goals = drawing.replace(GOAL_SYMBOL, FLOOR_SYMBOL)
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
