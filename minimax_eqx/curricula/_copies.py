"""Copies of a level among those that one cycle played: what they amount to together."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._fingerprint import fingerprint, first_equal, words
from .._types import PyTree, Record
from .._xla._mesh import gather_levels
from ._select import select


class Copies(eqx.Module):
    """Which levels of a batch are equal.

    Plays of equal levels are like trials of one level, so nothing that is stored of it may depend
    on their order in the batch.
    """

    group: Int[Array, " batch"]  # equal for copies

    @classmethod
    def of(cls, levels: PyTree) -> "Copies":
        """The copies in a batch (leading axis `batch`)."""
        batch = gather_levels(jax.vmap(words)(levels))
        return cls(first_equal(batch, jax.vmap(fingerprint)(batch)))

    @property
    def _are_same(self) -> Bool[Array, "batch batch"]:
        return self.group[:, None] == self.group[None]

    def mean_score(
        self, scores: Float[Array, " batch"], finished: Bool[Array, " batch"]
    ) -> Float[Array, " batch"]:
        """One score for all copies of a level: the mean over those that finished an episode.

        Minus infinity, the mark of a level to be left out, for a copy that finished none.
        """
        scores, finished = gather_levels((scores, finished))
        counted = self._are_same & finished[None]
        count = jnp.sum(counted, axis=1, dtype=jnp.int32)
        total = jnp.sum(jnp.where(counted, scores[None], 0.0), axis=1)
        return jnp.where(finished, total / count.astype(scores.dtype), -jnp.inf)

    def least(self, numbers: Int[Array, " batch"]) -> Int[Array, " batch"]:
        """The least of the copies' numbers, for each copy."""
        numbers = gather_levels(numbers)
        most = jnp.iinfo(numbers.dtype).max
        return jnp.min(jnp.where(self._are_same, numbers[None], most), axis=1)

    def first_with_least(self, numbers: Int[Array, " batch"]) -> Int[Array, " batch"]:
        """The place of the first copy that has the least number, for each copy."""
        numbers = gather_levels(numbers)
        is_least = self._are_same & (numbers == self.least(numbers))[None]
        return jnp.argmax(is_least, axis=1).astype(jnp.int32)

    def with_news_of_others(
        self,
        records: Record,
        news: Record,
        merge: Callable[[Record, Record], Record],
        finished: Bool[Array, " batch"],
    ) -> Record:
        """Each copy's record with what the other copies add that finished an episode.

        `records` and `news` have a leading axis `batch`; `merge(record, news)` is for one level,
        and the order of merging does not matter.
        """
        records, news, finished = gather_levels((records, news, finished))
        others = self._are_same & ~jnp.eye(self.group.size, dtype=bool) & finished[None]

        def add(records, other):
            told, its_news = other
            merged = jax.vmap(merge, in_axes=(0, None))(records, its_news)
            return select(told, merged, records), None

        # Unrolled, so that XLA fuses several of these tiny steps into one kernel.
        return jax.lax.scan(add, records, (others.T, news), unroll=8)[0]
