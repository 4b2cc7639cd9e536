"""What a trained student is evaluated on."""

import abc
from collections.abc import Mapping

import equinox as eqx

from ._env import AbstractEnv, AbstractLevelGenerator


class AbstractSuite(eqx.Module):
    """A choice of tests for students that were trained in an environment."""

    @abc.abstractmethod
    def panels(self, env: AbstractEnv) -> Mapping[str, tuple[AbstractEnv, AbstractLevelGenerator]]:
        """Each test by its name: the environment to play in, and what draws its levels.

        It is called once per evaluation, with the environment of training, so that a test can show
        students what they are used to see. It is also called before a run trains, so that nobody
        waits for the first evaluation to hear that there are no tests, because a file is not there
        for example. The chance in an evaluation depends on a test's name and on the number of an
        episode, and not on which other tests there are. Tests with equal environments are played
        in one batch. Raise `ValueError` for an environment that you have no tests for.
        """
