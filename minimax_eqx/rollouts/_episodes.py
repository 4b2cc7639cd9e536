"""What the finished episodes amount to: play by play, or all plays of a level pooled."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from ._evidence import Evidence


class Episodes(eqx.Module):
    """The episodes that finished, of each student on each level, in all trials.

    A play's first step begins an episode. What comes after its last end belongs to no finished
    episode and is left out, whatever it holds.

    You ask about a quantity that is known at every step, such as the reward or the advantage, or
    something that is true or false. For example, `Episodes.of(evidence).mean_of_sums(
    evidence.rewards)` is the mean return of each student on each level. Results are in single
    precision, and NaN where no episode finished: nothing was measured there.

    There are two ways to count, and you choose by the name. `mean_of_sums` and `mean_of_means`
    count every *play* once: they are means over the plays (trials) of each play's own mean, and
    leave out plays that finished no episode. A play as long as the time limit always finishes its
    first episode, so that no outcome is missed. The means whose names begin with `pooled` count
    every *episode* once, as the reference does. A play has room for many short episodes and for few
    long ones: if a success takes 10 steps and a failure the whole play, pooling makes a level that
    is solved half of the time look as if it nearly always were. With a single trial the two are the
    same.
    """

    dones: Bool[Array, "student time level trial"]
    """Whether an episode ended in that step."""

    @classmethod
    def of(cls, evidence: Evidence) -> "Episodes":
        """The finished episodes of that evidence."""
        return cls(evidence.dones)

    # How many, and where.

    @property
    def counts(self) -> Int[Array, "student level"]:
        """How many episodes each student finished on each level, in all trials together."""
        return jnp.sum(self.dones, axis=(1, 3), dtype=jnp.int32)

    @property
    def counts_per_play(self) -> Int[Array, "student level trial"]:
        """How many episodes finished in each play."""
        return jnp.sum(self.dones, axis=1, dtype=jnp.int32)

    @property
    def finished_on_level(self) -> Bool[Array, " level"]:
        """Whether any student finished an episode on the level: only then has it a score."""
        return jnp.any(self.counts > 0, axis=0)

    @property
    def finished_steps(self) -> Bool[Array, "student time level trial"]:
        """Whether the step belongs to a finished episode: one ends in it, or later in its play."""
        return jax.lax.cummax(self.dones.astype(jnp.int32), axis=1, reverse=True) > 0

    @property
    def begins(self) -> Bool[Array, "student time level trial"]:
        """Whether an episode began in that step."""
        return jnp.roll(self.dones, 1, axis=1).at[:, 0].set(True)

    @property
    def positions(self) -> Int[Array, "student time level trial"]:
        """The number of the step within its episode, from 0 for the first."""
        return self._time - self._first_steps

    @property
    def lengths(self) -> Int[Array, "student time level trial"]:
        """How many steps the episode has that the step belongs to; of one that did not finish,
        those up to the end of its play."""
        last = self.dones.shape[1] - 1
        last_steps = jax.lax.cummin(jnp.where(self.dones, self._time, last), axis=1, reverse=True)
        return last_steps - self._first_steps + 1

    @property
    def _time(self) -> Int[Array, "1 time 1 1"]:
        return jnp.arange(self.dones.shape[1], dtype=jnp.int32)[None, :, None, None]

    @property
    def _first_steps(self) -> Int[Array, "student time level trial"]:
        return jax.lax.cummax(jnp.where(self.begins, self._time, 0), axis=1)

    # Of each play.

    def total_per_play(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level trial"]:
        """The quantity's sum over all steps of the play's finished episodes; 0 without any."""
        own = jnp.where(self.finished_steps, quantity.astype(jnp.float32), 0)
        return jnp.sum(own, axis=1)

    def mean_of_sums_per_play(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level trial"]:
        """The quantity's sum over an episode, averaged over the play's episodes."""
        return self.total_per_play(quantity) / self.counts_per_play.astype(jnp.float32)

    def any_per_play(
        self, happened: Bool[Array, "student time level trial"]
    ) -> Bool[Array, "student level trial"]:
        """Whether it happened in any of the play's finished episodes; false without any."""
        return jnp.any(happened & self.finished_steps, axis=1)

    # Means that count every play once.

    def mean_of_sums(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's sum over an episode, averaged over a play's episodes, then over plays."""
        return self._mean_over_plays(self.total_per_play(quantity))

    def mean_of_means(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's mean over an episode, averaged over a play's episodes, then over plays.

        Every episode of a play counts the same, however long it is.
        """
        return self._mean_over_plays(self._add_up(quantity).means)

    # Means that count every episode once, and how far episodes differ.

    def pooled_mean_of_sums(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's sum over an episode, averaged over the episodes of all plays alike."""
        return self._mean_over_episodes(self.total_per_play(quantity))

    def pooled_mean_of_means(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's mean over an episode, averaged over the episodes of all plays alike."""
        return self._mean_over_episodes(self._add_up(quantity).means)

    def pooled_mean_of_squared_sums(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The square of the quantity's sum over an episode, averaged over all plays' episodes."""
        return self._mean_over_episodes(self._add_up(quantity).squares)

    def pooled_variance_of_sums(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """How much the quantity's sum differs between episodes of all plays: its variance.

        Divided by the number of episodes, so that one episode has the variance 0. It is never
        negative: it adds up squares of differences, and subtracts no two large numbers.
        """
        counts = self.counts_per_play.astype(jnp.float32)
        play_means = self.mean_of_sums_per_play(quantity)
        mean = self.pooled_mean_of_sums(quantity)[..., None]
        between = jnp.where(counts > 0, counts * jnp.square(play_means - mean), 0)
        return self._mean_over_episodes(self._add_up(quantity).deviations + between)

    def pooled_mean(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The quantity's mean over all steps of all finished episodes: every *step* counts once."""
        steps = jnp.sum(self.finished_steps, axis=(1, 3), dtype=jnp.float32)
        return jnp.sum(self.total_per_play(quantity), axis=-1) / steps

    def largest_sum(
        self, quantity: Shaped[Array, "student time level trial"]
    ) -> Float[Array, "student level"]:
        """The largest of the quantity's sums over an episode."""
        largest = jnp.max(self._add_up(quantity).largest, axis=-1)
        return jnp.where(self.counts > 0, largest, jnp.nan)

    def _mean_over_plays(
        self, totals: Float[Array, "student level trial"]
    ) -> Float[Array, "student level"]:
        counts = self.counts_per_play
        # A play without an episode adds 0.
        means = totals / jnp.maximum(counts, 1).astype(totals.dtype)
        num_plays = jnp.sum(counts > 0, axis=-1, dtype=jnp.int32)
        return jnp.sum(means, axis=-1) / num_plays.astype(totals.dtype)

    def _mean_over_episodes(
        self, totals: Float[Array, "student level trial"]
    ) -> Float[Array, "student level"]:
        return jnp.sum(totals, axis=-1) / self.counts.astype(totals.dtype)

    def _add_up(self, quantity: Shaped[Array, "student time level trial"]) -> "_Added":
        """What each play's episodes amount to, in one pass over time.

        Sums start anew with every episode, so that none loses digits to what came before. XLA drops
        from the loop what the caller does not use.
        """
        quantity = quantity.astype(jnp.float32)

        def body(carry, inputs):
            total, length, count, mean, added = carry
            value, done = inputs
            total, length, count = total + value, length + 1, count + done.astype(count.dtype)
            # The running mean and the squared deviations from it, as Welford has them.
            difference = total - mean
            new_mean = mean + difference / jnp.maximum(count, 1)
            with_episode = _Added(
                means=added.means + total / length,
                squares=added.squares + jnp.square(total),
                deviations=added.deviations + difference * (total - new_mean),
                largest=jnp.maximum(added.largest, total),
            )
            choose = lambda new, old: jnp.where(done, new, old)  # noqa: E731
            total, length = choose(0, total), choose(0, length)
            added = jax.tree.map(choose, with_episode, added)
            return (total, length, count, choose(new_mean, mean), added), None

        zeros = jnp.zeros_like(quantity[:, 0])
        nothing = _Added(zeros, zeros, zeros, jnp.full_like(zeros, -jnp.inf))
        inputs = (jnp.moveaxis(quantity, 1, 0), jnp.moveaxis(self.dones, 1, 0))
        carry, _ = jax.lax.scan(body, (zeros, zeros, zeros, zeros, nothing), inputs)
        return carry[-1]


class _Added(NamedTuple):
    """What the episodes of each play amount to; 0, and minus infinity at most, without any."""

    means: Float[Array, "student level trial"]
    squares: Float[Array, "student level trial"]  # sums of squared sums
    deviations: Float[Array, "student level trial"]  # squared, from the play's own mean
    largest: Float[Array, "student level trial"]
