"""What a level buffer notes of its levels for people who look at it; nothing is decided by it."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from .._xla._mesh import gather_levels
from ..rollouts import Episodes, Evidence
from ._copies import Copies

# A success rate that nobody measured. Not NaN, which no checkpoint may hold.
UNMEASURED = -1.0


class Told(eqx.Module):
    """What is known of the levels of a batch when they are offered to a level buffer.

    What copies of a level tell is the same for all of them.
    """

    parents: UInt32[Array, "batch 2"]
    """The fingerprint of the level that each was edited from; 0 for one that was not edited."""
    success_rates: Float[Array, " batch"]
    """How often it was solved; `UNMEASURED` where nobody finished it, or knows."""
    num_plays: Int[Array, ""]
    """How many plays of each there were."""

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        copies: Copies,
        *,
        parents: UInt32[Array, "batch 2"] | None = None,
        num_mutations: Int[Array, " batch"] | None = None,
    ) -> "Told":
        """What evidence tells of the levels that were played.

        Of several parents of equal levels it is one of those with the fewest mutations.
        """
        size = copies.group.size
        if parents is None or num_mutations is None:
            parents = jnp.zeros((size, 2), jnp.uint32)
        else:
            parents = gather_levels(parents)[copies.first_with_least(num_mutations)]
        rates = jnp.full(size, UNMEASURED, jnp.float32)
        if evidence.outcomes is not None:
            episodes = Episodes.of(evidence)
            finished = jnp.any(episodes.counts > 0, axis=0)
            solved = jnp.nanmean(episodes.mean_of_sums(evidence.outcomes), axis=0)
            rates = copies.mean_score(jnp.where(finished, solved, 0.0), finished)
            rates = jnp.where(jnp.isfinite(rates), rates, UNMEASURED)
        num_plays = jnp.array(evidence.num_students * evidence.num_trials, jnp.int32)
        return cls(parents, rates, num_plays)

    def at(self, places: Int[Array, " batch"]) -> "Told":
        """The same of the levels in another order."""
        return Told(self.parents[places], self.success_rates[places], self.num_plays)


class Notes(eqx.Module):
    """What is noted of each slot of a level buffer; leading axis `capacity`."""

    parents: UInt32[Array, "capacity 2"]
    """The fingerprint of the level that each was edited from; 0 for one that was not edited."""
    num_plays: Int[Array, " capacity"]
    """How often each was played since it came in, the play that brought it in included."""
    success_rates: Float[Array, " capacity"]
    """How often it was solved when it was played last; `UNMEASURED` if that is not known."""

    @classmethod
    def empty(cls, capacity: int) -> "Notes":
        """The notes of a buffer without levels."""
        return cls(
            jnp.zeros((capacity, 2), jnp.uint32),
            jnp.zeros(capacity, jnp.int32),
            jnp.full(capacity, UNMEASURED, jnp.float32),
        )

    def after(
        self, told: Told, came_into: Int[Array, " batch"], stands_in: Int[Array, " batch"]
    ) -> "Notes":
        """The notes after a batch of which each level came into a slot, and stands in one now; an
        index out of bounds is for none."""
        told = gather_levels(told)
        measured = jnp.where(told.success_rates == UNMEASURED, self.num_plays.size, stands_in)
        num_plays = self.num_plays.at[came_into].set(0, mode="drop")
        rates = self.success_rates.at[came_into].set(UNMEASURED, mode="drop")
        return Notes(
            self.parents.at[came_into].set(told.parents, mode="drop"),
            num_plays.at[stands_in].add(told.num_plays, mode="drop"),
            rates.at[measured].set(told.success_rates, mode="drop"),
        )
