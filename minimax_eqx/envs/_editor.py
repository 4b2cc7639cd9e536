"""Worlds in which playing an episode means designing a level for another world."""

import abc
from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Key

from .._types import Blank, Level, PyTree
from ._env import AbstractEnv, AbstractLevelGenerator, Observation, State, World


class AbstractLevelEditor(
    AbstractEnv[Blank, World, State, Observation],
    Generic[Blank, World, State, Observation, Level],
):
    """An environment whose episodes design a level; the teacher of PAIRED acts in it.

    Dennis et al. 2020, arXiv 2012.02096. What `load` takes is a *blank*, from which an episode
    starts. What comes out is a *level* of the world that is designed for; `level` reads it off the
    state that the last step gives, before anything restarts.

    Every episode takes exactly `max_episode_steps` steps and then terminates, so a batch of designs
    stays in step. Rewards are 0 and nothing is a success: the curriculum that has the level played
    pays for it.
    """

    @abc.abstractmethod
    def blank(self, key: Key[Array, ""]) -> Blank:
        """Draws what an episode starts from."""

    @abc.abstractmethod
    def level(self, state: State) -> Level:
        """The level designed so far; complete, and valid, in the last state of an episode."""

    def designed_level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the levels that come out; those of the world they are made for."""

        def unfinished_level(key):
            blank_key, reset_key = jax.random.split(key)
            world = self.load(self.blank(blank_key))
            return self.level(self.reset(world, key=reset_key))

        return eqx.filter_eval_shape(unfinished_level, jax.random.key(0))


class AbstractDesign(eqx.Module, Generic[Level]):
    """How a teacher designs levels, whatever their size: the configuration of an editor."""

    @abc.abstractmethod
    def editor(self, level: PyTree[jax.ShapeDtypeStruct]) -> AbstractLevelEditor:
        """The editor that designs levels of the structure `level`, which `env.level_spec()` gives.

        It is called when a runner is made, and whenever a cycle is traced. Raise `ValueError` here
        if the design does not fit levels of that size.
        """


class Blanks(AbstractLevelGenerator[Blank], Generic[Blank]):
    """Samples an editor's blanks, so that the editor can be played, or checked, as any world is."""

    editor: AbstractLevelEditor

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Blank:
        del level
        return self.editor.blank(key)
