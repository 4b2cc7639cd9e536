"""Ranges within the unit box, and places that are drawn from them."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from .._types import Scalar


class Bounds(eqx.Module):
    """A lower and an upper bound for each parameter, between 0 and 1."""

    bounds: Float[Array, "side parameter"]

    def draw(
        self, boundary_prob: Scalar, *, key: Key[Array, ""]
    ) -> tuple[Float[Array, " parameter"], Int[Array, ""]]:
        """A place, and the number of the bound that it is on.

        Numbers are in the order of `bounds`, and their size stands for a place that is on none, but
        uniform within the ranges. With the chance `boundary_prob` one parameter, all with the same
        chance, is on one of its bounds: on the one that can still widen if only one can.
        """
        num_parameters = self.bounds.shape[1]
        inside_key, chance_key, parameter_key, side_key = jax.random.split(key, 4)
        low, high = self.bounds
        share = jax.random.uniform(inside_key, (num_parameters,), jnp.float32)
        place = low + (high - low) * share
        parameter = jax.random.randint(parameter_key, (), 0, num_parameters)
        low_can, high_can = low[parameter] > 0, high[parameter] < 1
        is_upper = jnp.where(low_can == high_can, jax.random.bernoulli(side_key), high_can)
        side = is_upper.astype(jnp.int32)
        on_bound = place.at[parameter].set(self.bounds[side, parameter])
        is_on_bound = jax.random.bernoulli(chance_key, boundary_prob)
        bound = jnp.where(is_on_bound, side * num_parameters + parameter, 2 * num_parameters)
        return jnp.where(is_on_bound, on_bound, place), bound

    def moved(self, outwards: Float[Array, "side parameter"]) -> "Bounds":
        """After each bound has gone that far; none leaves the box or passes the other one."""
        low = jnp.clip(self.bounds[0] - outwards[0], 0, self.bounds[1])
        high = jnp.clip(self.bounds[1] + outwards[1], low, 1)
        return Bounds(jnp.stack([low, high]))
