"""Worlds: what a level is, and how it is played."""

from . import maze as maze
from ._check import check_env as check_env
from ._check_fields import EnvCheckError as EnvCheckError
from ._editor import AbstractLevelEditor as AbstractLevelEditor
from ._editor import Blanks as Blanks
from ._env import AbstractEnv as AbstractEnv
from ._env import AbstractLevelGenerator as AbstractLevelGenerator
from ._env import TimeStep as TimeStep
from ._fixed import FixedLevels as FixedLevels
from ._mutator import AbstractLevelMutator as AbstractLevelMutator
from ._mutator import NoEdit as NoEdit
from ._mutator import OneOf as OneOf
from ._mutator import Repeated as Repeated
from .maze import Maze as Maze
from .maze import MazeEditor as MazeEditor
from .maze import MemoryMaze as MemoryMaze

__all__ = [
    "AbstractEnv",
    "AbstractLevelEditor",
    "AbstractLevelGenerator",
    "AbstractLevelMutator",
    "Blanks",
    "EnvCheckError",
    "FixedLevels",
    "Maze",
    "MazeEditor",
    "MemoryMaze",
    "NoEdit",
    "OneOf",
    "Repeated",
    "TimeStep",
    "check_env",
    "maze",
]


def __dir__() -> list[str]:
    return sorted(__all__)
