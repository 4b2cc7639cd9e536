"""A second score of each level, which a score keeps in its records."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._types import PyTree


class SecondScore(eqx.Module):
    """A record with another number that levels may be ranked by, see `BothScores`.

    It is that of the level's latest cycle: the mean over the plays that it had in that one, in
    whatever order they are added.
    """

    own: PyTree  # what the first score remembers
    cycle: Int[Array, "*batch"]  # the latest one; -1 before the first
    total: Float[Array, "*batch"]
    count: Float[Array, "*batch"]

    @classmethod
    def blank(cls, own: PyTree) -> "SecondScore":
        """That of a level never played."""
        return cls(own, jnp.full((), -1, jnp.int32), jnp.zeros(()), jnp.zeros(()))

    @classmethod
    def of_play(
        cls,
        own: PyTree,
        cycle: Int[Array, ""],
        value: Float[Array, " level"],
        finished: Bool[Array, " level"],
    ) -> "SecondScore":
        """What that cycle tells of each level; nothing of one on which nobody finished."""
        total = jnp.where(finished, value, 0.0)
        return cls(own, jnp.where(finished, cycle, -1), total, finished.astype(jnp.float32))

    @property
    def value(self) -> Float[Array, "*batch"]:
        """The second score; 0 for a level never played."""
        return self.total / jnp.maximum(self.count, 1)

    def with_news(self, own: PyTree, news: "SecondScore") -> "SecondScore":
        """After one play, with the first score's record as it is then."""
        numbers = lambda record: (record.total, record.count)  # noqa: E731
        together = jax.tree.map(jnp.add, numbers(self), numbers(news))

        def latest(here, there, both):
            of_two = jnp.where(self.cycle == news.cycle, both, here)
            return jnp.where(self.cycle < news.cycle, there, of_two)

        merged = jax.tree.map(latest, numbers(self), numbers(news), together)
        return SecondScore(own, jnp.maximum(self.cycle, news.cycle), *merged)
