"""Worlds: what a level is, and how it is played."""

from . import maze as maze
from ._env import AbstractEnv as AbstractEnv
from ._env import AbstractLevelGenerator as AbstractLevelGenerator
from ._env import TimeStep as TimeStep
from .maze import Maze as Maze
