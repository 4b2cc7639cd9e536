"""How a batch of scored levels enters the slots of a level buffer, one level after another."""

from collections.abc import Callable
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._types import PyTree, Record
from ._chances import rank, rank_after_change

NOWHERE = -1


class Slots(eqx.Module, Generic[Record]):
    """What a level buffer knows of its slots, apart from the levels themselves."""

    scores: Float[Array, " capacity"]
    ages: Int[Array, " capacity"]
    filled: Bool[Array, " capacity"]
    num_mutations: Int[Array, " capacity"]
    records: Record  # leading axis: capacity


# Which slot's level a newcomer meets, given the slots and the ranks of their scores.
Opponent = Callable[[Slots, Int[Array, " capacity"]], Int[Array, ""]]
# Whether a newcomer takes that slot, given the slots without it and with it. None: if its score is
# at least as high.
Admits = Callable[[Slots, Slots, Int[Array, ""]], Bool[Array, ""] | None]


class Candidates(eqx.Module, Generic[Record]):
    """Scored levels that want to enter. Equal levels share a group; it is one of their indices."""

    group: Int[Array, " batch"]
    found: Int[Array, " batch"]  # the slot that holds an equal level, or NOWHERE
    scores: Float[Array, " batch"]
    num_mutations: Int[Array, " batch"]
    records: Record  # leading axis: batch
    news: Record  # leading axis: batch


class _Progress(eqx.Module):
    slots: Slots
    ranks: Int[Array, " capacity"]
    holder: Int[Array, " capacity"]  # the group that a slot belongs to, or NOWHERE
    place: Int[Array, " batch"]  # the slot of a group
    remembered: PyTree  # the record of a group; leading axis: batch


def enter(
    slots: Slots[Record],
    candidates: Candidates[Record],
    *,
    opponent: Opponent,
    admits: Admits,
    merge: Callable[[Record, Record], Record],
) -> tuple[Slots[Record], Int[Array, " batch"], Int[Array, " batch"]]:
    """Applies the rules of `LevelBuffer.update`.

    Returns the slots afterwards; for each candidate the slot that its level has to be written to,
    of which none occurs twice; and the slot in which its level is now, which copies share. The
    capacity stands for no slot.
    """
    capacity, batch = slots.scores.size, candidates.scores.size

    def step(progress, candidate):
        slots, place = progress.slots, progress.place[candidate.group]
        placed = place != NOWHERE
        slot = jnp.where(placed, place, opponent(slots, progress.ranks))
        stored = placed & (progress.holder[slot] == candidate.group)
        eligible = jnp.isfinite(candidate.scores)
        remembered = jax.tree.map(lambda leaf: leaf[candidate.group], progress.remembered)
        record = merge(remembered, candidate.news)
        with_newcomer = Slots(
            scores=slots.scores.at[slot].set(candidate.scores),
            ages=slots.ages.at[slot].set(0),
            filled=slots.filled.at[slot].set(True),
            num_mutations=slots.num_mutations.at[slot].set(candidate.num_mutations),
            records=jax.tree.map(lambda a, v: a.at[slot].set(v), slots.records, record),
        )
        wins = admits(slots, with_newcomer, slot)
        if wins is None:
            wins = candidate.scores >= slots.scores[slot]
        taken = eligible & (stored | wins)
        inserted = taken & ~stored

        def put(array, value, condition, index=slot):
            return array.at[index].set(jnp.where(condition, value, array[index]))

        ranks = rank_after_change(progress.ranks, slots.scores, slot, candidate.scores)
        progress = _Progress(
            slots=Slots(
                scores=put(slots.scores, candidate.scores, taken),
                ages=put(slots.ages, 0, inserted),
                filled=put(slots.filled, True, inserted),
                num_mutations=put(slots.num_mutations, candidate.num_mutations, inserted),
                records=jax.tree.map(lambda a, v: put(a, v, taken), slots.records, record),
            ),
            ranks=jnp.where(taken, ranks, progress.ranks),
            holder=put(progress.holder, jnp.where(placed, NOWHERE, candidate.group), inserted),
            place=put(progress.place, slot, inserted, candidate.group),
            remembered=jax.tree.map(
                lambda a, v: put(a, v, eligible, candidate.group), progress.remembered, record
            ),
        )
        return progress, jnp.where(inserted, slot, capacity)

    # An index of the capacity is out of bounds, so that nothing is written.
    kept = jnp.where(candidates.found == NOWHERE, capacity, candidates.found)
    holder = jnp.full(capacity, NOWHERE, jnp.int32).at[kept].set(candidates.group, mode="drop")
    progress = _Progress(slots, rank(slots.scores), holder, candidates.found, candidates.records)
    progress, inserted_at = jax.lax.scan(step, progress, candidates)
    writer = jnp.full(capacity, NOWHERE, jnp.int32)
    writer = writer.at[inserted_at].max(jnp.arange(batch, dtype=jnp.int32), mode="drop")
    is_last = writer.at[inserted_at].get(mode="fill", fill_value=NOWHERE) == jnp.arange(batch)
    place = progress.place[candidates.group]
    stays = (place != NOWHERE) & (progress.holder[place] == candidates.group)
    written = jnp.where(is_last, inserted_at, capacity)
    return progress.slots, written, jnp.where(stays, place, capacity)
