"""Where a curriculum gets new levels from: a generator that samples, or a teacher that learns."""

import abc
from typing import Generic

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from .._types import Level, Memory, PyTree
from ..envs import AbstractLevelGenerator


class AbstractLevelSource(eqx.Module, Generic[Level, Memory]):
    """Makes batches of levels, and may learn from what they were worth. The module is the state."""

    @property
    @abc.abstractmethod
    def learns(self) -> bool:
        """Whether `learn` does anything; it costs nothing otherwise."""

    @abc.abstractmethod
    def draw(self, num_levels: int, *, key: Key[Array, ""]) -> tuple[Level, Memory]:
        """Makes levels (leading axis `level`); the memory is given back to `learn`."""

    @abc.abstractmethod
    def learn(
        self, memory: Memory, payoffs: Float[Array, " level"], *, key: Key[Array, ""]
    ) -> tuple["AbstractLevelSource[Level, Memory]", dict[str, Float[Array, ""]]]:
        """Learns that the levels of that memory were worth so much; returns metrics too."""

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of one level."""
        levels, _ = eqx.filter_eval_shape(lambda: self.draw(1, key=jax.random.key(0)))
        return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape[1:], s.dtype), levels)


class Sampled(AbstractLevelSource[Level, None], Generic[Level]):
    """A generator that samples, as it always does."""

    generator: AbstractLevelGenerator[Level]

    @property
    def learns(self) -> bool:
        return False

    def draw(self, num_levels: int, *, key: Key[Array, ""]) -> tuple[Level, None]:
        return jax.vmap(self.generator.sample)(jax.random.split(key, num_levels)), None

    def learn(
        self, memory: None, payoffs: Float[Array, " level"], *, key: Key[Array, ""]
    ) -> tuple["Sampled[Level]", dict[str, Float[Array, ""]]]:
        del memory, payoffs, key
        return self, {}
