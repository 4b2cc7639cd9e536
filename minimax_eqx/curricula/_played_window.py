"""The levels that were played last, and how often they were solved."""

from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._types import Level, PyTree


class Window(eqx.Module, Generic[Level]):
    """The levels that were played last, and how often they were solved."""

    levels: Level  # leading axis: slot
    success_rates: Float[Array, " slot"]
    place: Int[Array, ""]  # the next slot
    count: Int[Array, ""]  # how many slots are filled

    @classmethod
    def empty(cls, level: PyTree[jax.ShapeDtypeStruct], size: int) -> "Window[Level]":
        """A window of `size` slots, without any level, for levels of the structure of `level`."""
        levels = jax.tree.map(lambda s: jnp.zeros((size, *s.shape), s.dtype), level)
        zero = jnp.zeros((), jnp.int32)
        return cls(levels, jnp.zeros(size, jnp.float32), zero, zero)

    def with_levels(self, levels: Level, rates: Float[Array, " level"]) -> "Window[Level]":
        """The window after such levels, of which those with a rate of NaN were not measured.

        Raises `ValueError` for more levels than it can hold.
        """
        size, measured = self.success_rates.size, ~jnp.isnan(rates)
        if rates.size > size:
            raise ValueError(
                f"Prefilter.window is {size}, less than the {rates.size} levels of a cycle; raise "
                "it."
            )
        order = jnp.cumsum(measured, dtype=jnp.int32)
        # An index of the size is out of bounds, so that nothing is written.
        slots = jnp.where(measured, (self.place + order - 1) % size, size)
        levels, rates = jax.tree.map(
            lambda stored, new: stored.at[slots].set(new, mode="drop"),
            (self.levels, self.success_rates),
            (levels, rates),
        )
        place, count = (self.place + order[-1]) % size, jnp.minimum(self.count + order[-1], size)
        return Window(levels, rates, place, count)
