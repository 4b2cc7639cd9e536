"""What the finished episodes on each level amount to, all trials together."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from .._curriculum import Evidence


class FinishedEpisodes(eqx.Module):
    """The episodes that each student finished on each level, in any trial.

    A play's first step starts an episode. What comes after its last `done` belongs to no finished
    episode and is left out, whatever it holds.

    Statistics are of a quantity known at every step, such as the reward or the advantage, or of
    something that is true or false. They are computed in single precision.
    """

    dones: Bool[Array, "student time level trial"]

    @classmethod
    def of(cls, evidence: Evidence) -> "FinishedEpisodes":
        """The finished episodes of that evidence."""
        return cls(evidence.dones)

    @property
    def counts(self) -> Int[Array, "student level"]:
        """How many there are."""
        return jnp.sum(self.dones, axis=(1, 3), dtype=jnp.int32)

    def mean_of_sums(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's sum over an episode, averaged over the episodes; 0 without any.

        Of rewards this is the mean return, of successes the success rate.
        """
        sums, _, _ = self._add_up(quantity)
        return self._per_episode(sums)

    def mean_of_means(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's mean over an episode, averaged over the episodes; 0 without any.

        Every episode counts the same, however long it is.
        """
        _, means, _ = self._add_up(quantity)
        return self._per_episode(means)

    def largest_sum(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The largest of the quantity's sums over an episode; minus infinity without any."""
        _, _, largest = self._add_up(quantity)
        return jnp.max(largest, axis=-1)

    def _per_episode(
        self, totals: Float[Array, "student level trial"]
    ) -> Float[Array, "student level"]:
        return jnp.sum(totals, axis=-1) / jnp.maximum(self.counts, 1).astype(totals.dtype)

    def _add_up(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> tuple[Float[Array, "student level trial"], ...]:
        """Sums, means and the largest sum of each play's episodes, in one pass over time.

        Sums start anew with every episode, so none loses digits to what came before. XLA drops
        from the loop what the caller does not use.
        """
        quantity = quantity.astype(jnp.float32)

        def body(carry, inputs):
            total, length, sums, means, largest = carry
            value, done = inputs
            total, length = total + value, length + 1
            sums = jnp.where(done, sums + total, sums)
            means = jnp.where(done, means + total / length, means)
            largest = jnp.where(done, jnp.maximum(largest, total), largest)
            total, length = jnp.where(done, 0, total), jnp.where(done, 0, length)
            return (total, length, sums, means, largest), None

        zeros = jnp.zeros_like(quantity[:, 0])
        carry = (zeros, zeros, zeros, zeros, jnp.full_like(zeros, -jnp.inf))
        inputs = (jnp.moveaxis(quantity, 1, 0), jnp.moveaxis(self.dones, 1, 0))
        (_, _, sums, means, largest), _ = jax.lax.scan(body, carry, inputs)
        return sums, means, largest


def finished_episodes(evidence: Evidence) -> Int[Array, "student level"]:
    """How many episodes each student finished on each level, in all its trials together."""
    return FinishedEpisodes.of(evidence).counts


def best_return(evidence: Evidence) -> Float[Array, "student level"]:
    """The best return of each student on each level; minus infinity without a finished episode."""
    return FinishedEpisodes.of(evidence).largest_sum(evidence.rewards)


def mean_return(evidence: Evidence) -> Float[Array, "student level"]:
    """The mean return of each student on each level; 0 without a finished episode."""
    return FinishedEpisodes.of(evidence).mean_of_sums(evidence.rewards)
