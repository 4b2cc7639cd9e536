"""Learning progress at places: how far a payoff is from that of the nearest earlier level."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

FEWEST_KNOWN = 6


class ProgressMemory(eqx.Module):
    """What came back so far, in two rings: all levels to compare with, and the recent ones to fit.

    What is at `num_seen % size` of a ring is the oldest.
    """

    places: Float[Array, "known parameter"]
    payoffs: Float[Array, " known"]
    recent: Float[Array, "recent coordinate"]  # a place, and the learning progress there
    num_seen: Int[Array, ""]

    @classmethod
    def blank(cls, num_parameters: int, num_known: int, num_recent: int) -> "ProgressMemory":
        """One of nothing."""
        return cls(
            jnp.zeros((num_known, num_parameters), jnp.float32),
            jnp.zeros(num_known, jnp.float32),
            jnp.zeros((num_recent, num_parameters + 1), jnp.float32),
            jnp.zeros((), jnp.int32),
        )

    def progress(
        self, places: Float[Array, "level parameter"], payoffs: Float[Array, " level"]
    ) -> Float[Array, " level"]:
        """How far each payoff is from that of the nearest level known; 0 until 6 are."""
        squares = jnp.sum(jnp.square(places[:, None] - self.places[None]), axis=-1)
        is_known = jnp.arange(len(self.payoffs)) < self.num_seen
        nearest = jnp.argmin(jnp.where(is_known[None], squares, jnp.inf), axis=1)
        progress = jnp.abs(payoffs - self.payoffs[nearest])
        return jnp.where(self.num_seen >= FEWEST_KNOWN, progress, 0)

    def after(
        self,
        places: Float[Array, "level parameter"],
        payoffs: Float[Array, " level"],
        progress: Float[Array, " level"],
    ) -> "ProgressMemory":
        """With levels of one cycle, no more than either ring holds."""
        indices = self.num_seen + jnp.arange(len(payoffs), dtype=jnp.int32)
        known, recent = indices % len(self.payoffs), indices % len(self.recent)
        joint = jnp.concatenate([places, progress[:, None]], axis=1)
        return ProgressMemory(
            self.places.at[known].set(places),
            self.payoffs.at[known].set(payoffs),
            self.recent.at[recent].set(joint),
            indices[-1] + 1,
        )
