"""What students were trained on lately, and its density."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._types import Scalar
from ._gaussians import Gaussians


class Coverage(eqx.Module):
    """A window of what was seen and done in lessons, and a mixture of Gaussians fitted to it.

    What a cycle played comes into the window once the students have learned from it, which is known
    when they play the next one.
    """

    window: Float[Array, "pair feature"]  # the latest first
    num_pairs: Int[Array, ""]  # of the window that are there
    pending: Float[Array, "new_pair feature"]  # of the latest cycle
    num_updates: Int[Array, ""]  # of the students when they played that; -1 before
    num_lessons: Int[Array, ""]  # cycles that came into the window
    density: Gaussians
    cycle: Int[Array, ""]

    @classmethod
    def blank(
        cls, num_features: int, *, window: int, num_new_pairs: int, num_components: int
    ) -> "Coverage":
        """Of students that were trained on nothing."""
        zero = jnp.zeros((), jnp.int32)
        return cls(
            window=jnp.zeros((window, num_features), jnp.float32),
            num_pairs=zero,
            pending=jnp.zeros((num_new_pairs, num_features), jnp.float32),
            num_updates=zero - 1,
            num_lessons=zero,
            density=Gaussians.at(jnp.zeros((num_components, num_features), jnp.float32)),
            cycle=zero,
        )

    def learned(
        self,
        num_updates: Int[Array, ""],
        *,
        refit_every: int,
        num_fit_steps: int,
        min_variance: Scalar,
    ) -> "Coverage":
        """With the latest cycle in the window, if the students have learned from it since.

        The density is fitted again, from the last fit, after every `refit_every` lessons.
        """
        size, num_new, num_components = map(len, (self.window, self.pending, self.density.means))
        learned = (self.num_updates >= 0) & (num_updates > self.num_updates)
        window = jnp.concatenate([self.pending, self.window])[:size]
        window = jnp.where(learned, window, self.window)
        num_pairs = jnp.minimum(self.num_pairs + jnp.where(learned, num_new, 0), size)
        places = jnp.arange(num_components) * num_new // num_components
        begin = _where(self.num_lessons == 0, Gaussians.at(window[places]), self.density)
        counts = (jnp.arange(size) < num_pairs).astype(jnp.float32)
        density = jax.lax.cond(
            learned & (self.num_lessons % refit_every == 0),
            lambda: begin.fitted(window, counts, num_fit_steps, min_variance),
            lambda: self.density,
        )
        num_lessons = self.num_lessons + learned.astype(jnp.int32)
        return dataclasses.replace(
            self, window=window, num_pairs=num_pairs, density=density, num_lessons=num_lessons
        )

    def played(
        self, pairs: Float[Array, "play_step feature"], num_updates: Int[Array, ""]
    ) -> "Coverage":
        """After a cycle that played these, by students that had learned that often."""
        # Evenly spread over all plays, and elsewhere in every cycle.
        places = jnp.arange(len(self.pending)) * len(pairs) // len(self.pending)
        pending = pairs[(places + self.cycle) % len(pairs)]
        cycle = self.cycle + 1
        return dataclasses.replace(self, pending=pending, num_updates=num_updates, cycle=cycle)

    def surprise(self, pairs: Float[Array, "*batch feature"]) -> Float[Array, "*batch"]:
        """How little is known of each pair: `-log density`."""
        flat = pairs.reshape(-1, pairs.shape[-1])
        return -self.density.log_density(flat).reshape(pairs.shape[:-1])


def _where(condition: Bool[Array, ""], one: Gaussians, other: Gaussians) -> Gaussians:
    return jax.tree.map(lambda new, old: jnp.where(condition, new, old), one, other)
