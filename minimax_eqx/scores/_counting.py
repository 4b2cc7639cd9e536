"""What counts as an attempt on a level, and which attempts succeed."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence


class AbstractCounting(eqx.Module):
    """How a level's attempts and successes are counted."""

    @abc.abstractmethod
    def count(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        """How many attempts succeeded, and how many there were; 0 and 0 if nothing finished."""


class ByPlay(AbstractCounting):
    """A play is an attempt, and succeeds by the share of its finished episodes that do.

    So a level with quick successes and slow failures does not look easier than it is.
    """

    def count(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        return sum_of_play_means(evidence, evidence.successes)


class ByEpisode(AbstractCounting):
    """Every finished episode is an attempt: sampling for learnability (arXiv 2408.15099).

    Quick successes outnumber slow failures, since a play has room for more of them.
    """

    def count(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        episodes = Episodes.of(evidence)
        successes = jnp.sum(episodes.total_per_play(evidence.successes), axis=-1)
        return successes, episodes.counts.astype(successes.dtype)


class AnySuccess(AbstractCounting):
    """A play is an attempt, and succeeds if any of its episodes does: NCC (arXiv 2505.20659).

    A play that finished no episode is not counted.
    """

    def count(
        self, evidence: Evidence
    ) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
        episodes = Episodes.of(evidence)
        successes = episodes.any_per_play(evidence.successes)
        attempts = episodes.counts_per_play > 0
        count = lambda plays: jnp.sum(plays, axis=-1, dtype=jnp.float32)  # noqa: E731
        return count(successes), count(attempts)


def sum_of_play_means(
    evidence: Evidence, quantity: Shaped[Array, "student time level trial"]
) -> tuple[Float[Array, "student level"], Float[Array, "student level"]]:
    """The quantity's sum over an episode, averaged over each play's episodes and added up over
    plays; and how many plays that was, which leaves out those that finished no episode."""
    episodes = Episodes.of(evidence)
    counts = episodes.counts_per_play
    totals = episodes.total_per_play(quantity)
    means = totals / jnp.maximum(counts, 1).astype(totals.dtype)
    return jnp.sum(means, axis=-1), jnp.sum(counts > 0, axis=-1, dtype=totals.dtype)
