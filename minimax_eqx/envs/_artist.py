"""Pictures of levels and of episodes, for environments that can be drawn."""

import abc
from typing import Generic

import equinox as eqx
import numpy as np
from jaxtyping import UInt8

from .._types import Level, PyTree
from ._env import AbstractEnv
from ._pictures import sheet, unstack


class AbstractArtist(eqx.Module, Generic[Level]):
    """Draws an environment's levels and episodes, in red, green and blue.

    It draws what has values, on the host, and never in a compiled program.
    """

    @abc.abstractmethod
    def draw_level(self, level: Level) -> UInt8[np.ndarray, "rows columns 3"]:
        """A picture of one level."""

    @abc.abstractmethod
    def draw_episode(
        self, env: AbstractEnv, level: Level, states: PyTree, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        """Pictures of an episode of `length` steps, all of one size: one of each of its states.

        `states` have a leading axis `time` and begin with the state before the first step, so
        `length + 1` of them belong to the episode. There may be more, which are not drawn. `env` is
        where the episode was played, for example to highlight what the student saw.
        """

    def draw_levels(self, levels: Level, columns: int = 4) -> UInt8[np.ndarray, "rows columns 3"]:
        """One picture of many levels (leading axis `level`), row by row, on white.

        Raises `ValueError` if there are no levels, or `columns` is less than 1.
        """
        return sheet([self.draw_level(level) for level in unstack(levels)], columns)


class AbstractPictured(eqx.Module):
    """An environment that can be drawn; derive from it beside `AbstractEnv`.

    The report of a run then shows levels and an episode. It does without for other environments.
    """

    @abc.abstractmethod
    def artist(self) -> AbstractArtist:
        """Who draws this environment's levels and episodes."""
