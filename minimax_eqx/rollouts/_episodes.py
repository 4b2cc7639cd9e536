"""What the finished episodes on each level amount to: play by play, or all plays pooled."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from ._evidence import Evidence


class FinishedEpisodes(eqx.Module):
    """The episodes that each student finished on each level, in any trial.

    A play's first step starts an episode. What comes after its last `done` belongs to no finished
    episode and is left out, whatever it holds.

    Statistics are of a quantity known at every step, such as the reward or the advantage, or of
    something that is true or false. They are computed in single precision.

    There are two ways to count. `mean_of_sums` and `mean_of_means` count every *play* once: they
    are means over the plays (trials) of each play's own mean, and plays that finished no episode
    are left out. A play as long as the time limit always finishes its first episode, so that no
    outcome is missed. `pooled_mean_of_sums` and `pooled_mean_of_means` count every *episode* once,
    as the reference does. A play has room for many short episodes and for few long ones: if a
    success takes 10 steps and a failure the whole play, pooling makes a level that is solved half
    of the time look as if it nearly always were. With a single play the two are the same.
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
        """The quantity's sum over an episode, averaged over a play's episodes and then over plays;
        0 without any.

        Of rewards this is the mean return, of successes the success rate.
        """
        sums, _, _ = self._add_up(quantity)
        return self._per_play(sums)

    def mean_of_means(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's mean over an episode, averaged over a play's episodes and then over plays;
        0 without any.

        Every episode of a play counts the same, however long it is.
        """
        _, means, _ = self._add_up(quantity)
        return self._per_play(means)

    def pooled_mean_of_sums(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's sum over an episode, averaged over the episodes of all plays alike; 0
        without any."""
        sums, _, _ = self._add_up(quantity)
        return self._per_episode(sums)

    def pooled_mean_of_means(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's mean over an episode, averaged over the episodes of all plays alike; 0
        without any."""
        _, means, _ = self._add_up(quantity)
        return self._per_episode(means)

    def largest_sum(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The largest of the quantity's sums over an episode; minus infinity without any."""
        _, _, largest = self._add_up(quantity)
        return jnp.max(largest, axis=-1)

    def _per_play(
        self, totals: Float[Array, "student level trial"]
    ) -> Float[Array, "student level"]:
        counts = jnp.sum(self.dones, axis=1, dtype=jnp.int32)
        means = totals / jnp.maximum(counts, 1).astype(totals.dtype)
        num_plays = jnp.sum(counts > 0, axis=-1, dtype=jnp.int32)
        # A play without an episode adds 0.
        return jnp.sum(means, axis=-1) / jnp.maximum(num_plays, 1).astype(totals.dtype)

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


def pooled_mean_return(evidence: Evidence) -> Float[Array, "student level"]:
    """The mean return of each student on each level, the episodes of all plays alike; 0 without a
    finished episode."""
    return FinishedEpisodes.of(evidence).pooled_mean_of_sums(evidence.rewards)
