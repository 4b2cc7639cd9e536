"""Worlds: what a level is, and how it is played."""

from . import boxes as boxes
from . import maze as maze
from ._actions import AbstractActionSpec as AbstractActionSpec
from ._actions import Box as Box
from ._actions import Discrete as Discrete
from ._actions import MultiDiscrete as MultiDiscrete
from ._artist import AbstractArtist as AbstractArtist
from ._artist import AbstractPictured as AbstractPictured
from ._check import check_env as check_env
from ._editor import AbstractDesign as AbstractDesign
from ._editor import AbstractLevelEditor as AbstractLevelEditor
from ._env import AbstractCounted as AbstractCounted
from ._env import AbstractEnv as AbstractEnv
from ._env import AbstractLevelGenerator as AbstractLevelGenerator
from ._env import AbstractSolvable as AbstractSolvable
from ._env import TimeStep as TimeStep
from ._fixed import FixedLevels as FixedLevels
from ._mutator import AbstractLevelMutator as AbstractLevelMutator
from ._mutator import OneOf as OneOf
from ._mutator import Repeated as Repeated
from ._pictures import save_gif as save_gif
from ._pictures import save_png as save_png
from ._suite import AbstractSuite as AbstractSuite
from .maze import Maze as Maze

__all__ = [
    "AbstractActionSpec",
    "AbstractArtist",
    "AbstractCounted",
    "AbstractDesign",
    "AbstractEnv",
    "AbstractLevelEditor",
    "AbstractLevelGenerator",
    "AbstractLevelMutator",
    "AbstractPictured",
    "AbstractSolvable",
    "AbstractSuite",
    "Box",
    "Discrete",
    "FixedLevels",
    "Maze",
    "MultiDiscrete",
    "OneOf",
    "Repeated",
    "TimeStep",
    "boxes",
    "check_env",
    "maze",
    "save_gif",
    "save_png",
]


def __dir__() -> list[str]:
    return sorted(__all__)
