"""Worlds: what a level is, and how it is played."""

from . import boxes as boxes
from . import maze as maze
from ._actions import Box as Box
from ._actions import Discrete as Discrete
from ._actions import MultiDiscrete as MultiDiscrete
from ._check import check_env as check_env
from ._editor import AbstractDesign as AbstractDesign
from ._env import AbstractArtist as AbstractArtist
from ._env import AbstractEnv as AbstractEnv
from ._env import AbstractLevelGenerator as AbstractLevelGenerator
from ._env import TimeStep as TimeStep
from ._few_levels import FewLevels as FewLevels
from ._fixed import FixedLevels as FixedLevels
from ._level_file import LevelFile as LevelFile
from ._mutator import AbstractLevelMutator as AbstractLevelMutator
from ._mutator import OneOf as OneOf
from ._mutator import Repeated as Repeated
from ._pictures import save_picture as save_picture
from ._seeds import Reseed as Reseed
from ._seeds import Seeded as Seeded
from ._seeds import Seeds as Seeds
from ._suite import AbstractSuite as AbstractSuite
from .maze._maze import Maze as Maze

__all__ = [
    "AbstractArtist",
    "AbstractDesign",
    "AbstractEnv",
    "AbstractLevelGenerator",
    "AbstractLevelMutator",
    "AbstractSuite",
    "Box",
    "Discrete",
    "FewLevels",
    "FixedLevels",
    "LevelFile",
    "Maze",
    "MultiDiscrete",
    "OneOf",
    "Repeated",
    "Reseed",
    "Seeded",
    "Seeds",
    "TimeStep",
    "boxes",
    "check_env",
    "maze",
    "save_picture",
]


def __dir__() -> list[str]:
    return sorted(__all__)
