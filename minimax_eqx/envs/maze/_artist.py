"""Who draws mazes."""

import jax
import numpy as np
from jaxtyping import Float, UInt8

from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractArtist, AbstractEnv
from .._pictures import unstack
from ._level import MazeLevel, inner_part
from ._maze import Maze
from ._memory import MemoryLevel, MemoryMaze
from ._render import MIN_TILE_SIZE, render, render_all, render_view


class MazeArtist(AbstractArtist[MazeLevel | MemoryLevel]):
    """Draws mazes and memory mazes, with a border of walls around them.

    Raises `ValueError` if `tile_size` is less than 4, and for a batch of levels where one is asked
    for.
    """

    tile_size: int = 24
    """Side of a cell in pixels; at least 4. The border is half as wide."""

    def __check_init__(self) -> None:
        check_at_least(self, MIN_TILE_SIZE, "tile_size")

    def draw_level(self, level: MazeLevel | MemoryLevel) -> UInt8[np.ndarray, "rows columns 3"]:
        return render(level, tile_size=self.tile_size)

    def draw_episode(
        self,
        env: AbstractEnv,
        level: MazeLevel | MemoryLevel,
        states: PyTree,
        length: int,
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        """Frames with the cells highlighted that the agent of `env` sees.

        Raises `ValueError` if `states` have other leading axes than `time`, or are too few, and
        for an environment that is no maze.
        """
        if not isinstance(env, Maze | MemoryMaze):
            raise ValueError(
                f"MazeArtist draws episodes in a Maze or MemoryMaze, and not in a "
                f"{type(env).__name__}. Use that environment's own artist."
            )
        times = np.shape(states.time)
        if len(times) != 1 or times[0] < length + 1:
            raise ValueError(
                f"An episode of {length} steps has {length + 1} states, along one leading axis, "
                f"time; `states.time` has shape {times}. Select one episode of a batch first."
            )
        shown = unstack(jax.tree.map(lambda leaf: leaf[: length + 1], states))
        return render_all(level, shown, env=env, tile_size=self.tile_size)

    def places(
        self, level: MazeLevel | MemoryLevel, states: PyTree
    ) -> Float[np.ndarray, "*batch 2"] | None:
        """The middle of the agent's cell. The border counts like half a cell at each side."""
        cells = level.cells()
        height, width = (inner_part(level, cells) if isinstance(level, MazeLevel) else cells).shape
        return (np.asarray(states.agent_pos) + 1.0) / np.array([width + 1, height + 1])

    def draw_view(
        self, env: AbstractEnv, observation: PyTree
    ) -> UInt8[np.ndarray, "rows columns 3"] | None:
        return render_view(np.asarray(observation.image), tile_size=self.tile_size)

    def action_names(self, env: AbstractEnv) -> tuple[str, ...] | None:
        return ("turn left", "turn right", "forward", "pick up", "drop", "toggle", "done")
