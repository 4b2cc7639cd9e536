"""Mazes: levels, dynamics, generators, held-out tests and pictures."""

from ._editor import MazeBlank as MazeBlank
from ._editor import MazeDesign as MazeDesign
from ._editor import MazeDesignObservation as MazeDesignObservation
from ._editor import MazeEditor as MazeEditor
from ._generators import PerfectMaze as PerfectMaze
from ._generators import RandomWalls as RandomWalls
from ._held_out import HeldOut as HeldOut
from ._held_out import held_out as held_out
from ._held_out import held_out_names as held_out_names
from ._held_out import panel as panel
from ._held_out import panel_names as panel_names
from ._level import MazeLevel as MazeLevel
from ._level import stack_levels as stack_levels
from ._maze import Maze as Maze
from ._maze import MazeObservation as MazeObservation
from ._maze import MazeState as MazeState
from ._maze import MazeWorld as MazeWorld
from ._memory import MemoryLevel as MemoryLevel
from ._memory import MemoryMaze as MemoryMaze
from ._memory import MemoryWorld as MemoryWorld
from ._memory import RandomMemory as RandomMemory
from ._metrics import distances_from as distances_from
from ._metrics import maze_level_metrics as maze_level_metrics
from ._metrics import shortest_path_length as shortest_path_length
from ._mutators import FlipWall as FlipWall
from ._mutators import MoveAgent as MoveAgent
from ._mutators import MoveGoal as MoveGoal
from ._mutators import maze_edits as maze_edits
from ._procedural import Crossing as Crossing
from ._procedural import FourRooms as FourRooms
from ._render import render as render
from ._render import render_ascii as render_ascii
from ._render import render_episode as render_episode
from ._render import render_grid as render_grid
from ._render import save_gif as save_gif
from ._render import save_png as save_png

__all__ = [
    "Crossing",
    "FlipWall",
    "FourRooms",
    "HeldOut",
    "Maze",
    "MazeBlank",
    "MazeDesign",
    "MazeDesignObservation",
    "MazeEditor",
    "MazeLevel",
    "MazeObservation",
    "MazeState",
    "MazeWorld",
    "MemoryLevel",
    "MemoryMaze",
    "MemoryWorld",
    "MoveAgent",
    "MoveGoal",
    "PerfectMaze",
    "RandomMemory",
    "RandomWalls",
    "distances_from",
    "held_out",
    "held_out_names",
    "maze_edits",
    "maze_level_metrics",
    "panel",
    "panel_names",
    "render",
    "render_ascii",
    "render_episode",
    "render_grid",
    "save_gif",
    "save_png",
    "shortest_path_length",
    "stack_levels",
]


def __dir__() -> list[str]:
    return sorted(__all__)
