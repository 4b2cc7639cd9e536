"""Mazes: levels, generators, edits, designs, held-out tests and pictures."""

from ._editor import MazeDesign as MazeDesign
from ._generators import PerfectMaze as PerfectMaze
from ._generators import RandomWalls as RandomWalls
from ._held_out import HeldOutMazes as HeldOutMazes
from ._level import MazeLevel as MazeLevel
from ._memory import MemoryMaze as MemoryMaze
from ._memory import RandomMemory as RandomMemory
from ._mutators import FlipWall as FlipWall
from ._mutators import MazeEdits as MazeEdits
from ._mutators import MoveAgent as MoveAgent
from ._mutators import MoveGoal as MoveGoal

__all__ = [
    "FlipWall",
    "HeldOutMazes",
    "MazeDesign",
    "MazeEdits",
    "MazeLevel",
    "MemoryMaze",
    "MoveAgent",
    "MoveGoal",
    "PerfectMaze",
    "RandomMemory",
    "RandomWalls",
]


def __dir__() -> list[str]:
    return sorted(__all__)
