"""What an encoder is: a part that makes a module from observations to features."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, Key

from .._types import PyTree
from ._batched import AbstractBatched


class AbstractEncoder(eqx.Module):
    """Configures how a network reads observations.

    Derive from it and write `init` for an encoder of your own. Layers of `eqx.nn` will do:

        class Pixels(AbstractEncoder):
            num_features: int = 64

            def init(self, observation, *, key):
                size = math.prod(observation.shape)
                layers = [eqx.nn.Lambda(jnp.ravel), eqx.nn.Linear(size, self.num_features, key=key)]
                return eqx.nn.Sequential(layers)
    """

    @abc.abstractmethod
    def init(
        self, observation: PyTree, *, key: Key[Array, ""]
    ) -> Callable[[Any], Float[Array, " features"]]:
        """Draws the weights: any module that takes ONE observation and gives a vector.

        The network calls it once. `observation` is the structure of one observation, as
        `AbstractEnv.observation_spec` gives it. Raise `ValueError` here for an observation that you
        cannot read.
        """


class AbstractProjectingEncoder(AbstractBatched):
    """The weights of an encoder that knows a faster way to its features times a matrix."""

    @abc.abstractmethod
    def project(
        self, observations: PyTree, weight: Float[Array, "features output"]
    ) -> Float[Array, "time *batch output"]:
        """`self(observations) @ weight`, for observations with leading axes `time *batch`."""


class AbstractMeasuringEncoder(AbstractBatched):
    """The weights of an encoder that also measures what the student learns from."""

    @abc.abstractmethod
    def measured(
        self, observations: PyTree, weights: Float[Array, "time play"] | None
    ) -> "AbstractMeasuringEncoder":
        """The same weights, having measured these observations; see `AbstractPolicy.measured`."""
