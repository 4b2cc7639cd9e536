"""Observations by their running mean and variance, before another encoder reads them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._ranges import check_positive
from .._types import PyTree, Scalar
from ._batched import over_leading_axes
from ._encoder import AbstractEncoder, AbstractMeasuringEncoder
from ._running_moments import Moments, Statistics
from ._tree_encoder import TreeEncoder


class Normalised(AbstractEncoder):
    """Normalises all floats of an observation by the mean and the variance that each number had so
    far in what the student learned from; another encoder reads the result.

        clip((x - mean) / sqrt(variance + 1e-8), -clip, clip)

    Choose it where numbers have units, such as positions and speeds. Bytes, other integers and
    booleans stay as they are, and without any float it is the other encoder and nothing more.

    The statistics are a part of the student: they are saved with it, each student of a population
    has its own, and nothing trains them. An update counts the steps that it learns from first, and
    then learns with the new statistics, as Brax's PPO does. Between updates, and in an evaluation,
    they stay as they are.

    Raises `ValueError` unless `clip` is positive.
    """

    encoder: AbstractEncoder = TreeEncoder(numbers="identity")
    """What reads the normalised observations."""
    clip: Scalar = 10.0
    """How large a normalised number may be."""

    def __check_init__(self) -> None:
        check_positive(self, "clip")

    def init(
        self, observation: PyTree, *, key: Key[Array, ""]
    ) -> Callable[[Any], Float[Array, " features"]]:
        """The other encoder has all of the key. Raises what it raises."""
        encoder = self.encoder.init(observation, key=key)
        leaves = jax.tree.leaves(observation)
        moments = tuple(
            Moments.of_nothing(leaf.shape) if _is_float(leaf) else None for leaf in leaves
        )
        if all(of_leaf is None for of_leaf in moments):
            return encoder
        return NormalisedWeights(encoder, Statistics(moments, jnp.asarray(self.clip, jnp.float32)))


class NormalisedWeights(AbstractMeasuringEncoder):
    """The weights of the other encoder, and the statistics."""

    encoder: Callable[[Any], Array]
    statistics: Statistics

    def __call__(self, observation: PyTree) -> Float[Array, "*batch features"]:
        leaves, structure = jax.tree.flatten(observation)
        leaves, num_axes = self.statistics.normalise(leaves)
        return over_leading_axes(self.encoder, num_axes)(jax.tree.unflatten(structure, leaves))

    def measured(
        self, observations: PyTree, weights: Float[Array, "time play"] | None
    ) -> "NormalisedWeights":
        statistics = self.statistics.updated(jax.tree.leaves(observations), weights)
        return NormalisedWeights(self.encoder, statistics)


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)
