"""Environments in which the levels of several others can be played, so that one program does."""

import abc
from collections.abc import Sequence

from .._types import PyTree
from ._env import AbstractEnv


class AbstractJoint(AbstractEnv):
    """Plays the levels of several environments as they do themselves.

    An evaluation on tests of many sizes compiles one program for all of them then. Return one from
    your environment's `joined` if it has a size or a limit that could as well be in its levels.
    """

    @abc.abstractmethod
    def fit(self, env: AbstractEnv, level: PyTree) -> PyTree:
        """A level of one of those environments as one of this. It is called under `jax.vmap`."""


def join(envs: Sequence[AbstractEnv]) -> AbstractJoint | None:
    """What plays the levels of all of these; None if nothing is known that does."""
    found = envs[0].joined(envs)
    return found if isinstance(found, AbstractJoint) else None
