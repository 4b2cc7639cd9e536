"""The prioritised memory of levels."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from .._fingerprint import fingerprint, first_equal, words
from .._types import Level, PyTree, Record, Scalar
from .._xla._mesh import gather_levels
from ._chances import draw, mix_in_ages, mix_in_uniform
from ._insertion import NOWHERE, Admits, Candidates, Opponent, Slots, enter
from ._notes import Notes, Told

# Larger buffers are warned of.
MANY_BYTES = 256_000_000


def num_slots(share: Scalar, capacity: int) -> Int[Array, ""]:
    """How many slots are at least that share of the capacity; at least 1."""
    # Of slightly less than the capacity: 0.6 becomes 0.60000002 in single precision, and is still
    # 3000 of 5000 slots.
    slightly_less = jnp.float32(capacity * (1 - 2**-22))
    needed = jnp.ceil(jnp.asarray(share, jnp.float32) * slightly_less)
    return jnp.maximum(needed.astype(jnp.int32), 1)


def share_of(members: Bool[Array, "*batch n"]) -> Float[Array, "*batch"]:
    """The share of a set's members, in single precision; exactly 1 if all are."""
    # XLA multiplies by 1 / n, rounded, instead of dividing: then n of n need not make 1.
    count, size = jnp.sum(members, axis=-1, dtype=jnp.int32), members.shape[-1]
    return jnp.where(count == size, 1.0, count.astype(jnp.float32) / size)


def _repeated(leaf: Any, times: int) -> Array:
    leaf = jnp.asarray(leaf)
    return jnp.full((times, *leaf.shape), leaf, leaf.dtype)


class LevelBuffer(eqx.Module, Generic[Level, Record]):
    """Levels, their scores and ages, and what their score remembers of them.

    From prioritised level replay (Jiang et al. 2021, arXiv 2010.03934). Make it with
    `LevelBuffer.empty`. Slots are filled from the first on; no two hold equal levels. A slot that
    is not filled has score minus infinity.
    """

    levels: Level
    """Leading axis `capacity`."""
    records: Record
    """What the score remembers of each level; leading axis `capacity`."""
    scores: Float[Array, " capacity"]
    """The latest score of each level."""
    ages: Int[Array, " capacity"]
    """How many draws ago a level was last drawn, or came in."""
    filled: Bool[Array, " capacity"]
    """Which slots hold a level."""
    num_mutations: Int[Array, " capacity"]
    """How many edits in a row led from a generated level to this one."""
    fingerprints: UInt32[Array, "capacity 2"]
    """64 bits by which equal levels are found; other levels have others, as good as always."""
    notes: Notes
    """What people want to know of each level; nothing is decided by it."""

    @classmethod
    def empty(
        cls, level: PyTree[jax.ShapeDtypeStruct], capacity: int, *, record: PyTree = None
    ) -> "LevelBuffer":
        """A buffer without levels.

        Arguments:

        - `level`: shapes and dtypes of one level, as `AbstractEnv.level_spec()` gives them.
        - `capacity`: how many levels fit in; at least 1.
        - `record`: what the score remembers of a level never played.

        Warns if it takes more than 256 MB.
        """
        buffer = cls(
            levels=jax.tree.map(lambda s: jnp.zeros((capacity, *s.shape), s.dtype), level),
            records=jax.tree.map(lambda leaf: _repeated(leaf, capacity), record),
            scores=jnp.full(capacity, -jnp.inf, jnp.float32),
            ages=jnp.zeros(capacity, jnp.int32),
            filled=jnp.zeros(capacity, bool),
            num_mutations=jnp.zeros(capacity, jnp.int32),
            fingerprints=jnp.zeros((capacity, 2), jnp.uint32),
            notes=Notes.empty(capacity),
        )
        if buffer.num_bytes > MANY_BYTES:
            warnings.warn(
                f"A level buffer for {capacity} levels takes {buffer.num_bytes / 1e6:,.0f} MB, and "
                "so does every checkpoint: give a smaller capacity, or let levels be seeds "
                "(envs.Seeded) if that is too much.",
                # The frames above belong to the type checker, if that is on.
                stacklevel=1,
            )
        return buffer

    @property
    def capacity(self) -> int:
        """How many levels fit in."""
        return self.scores.shape[-1]

    @property
    def num_bytes(self) -> int:
        """The memory that it takes, filled or not."""
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(self))

    @property
    def num_filled(self) -> Int[Array, ""]:
        """How many slots are filled."""
        return jnp.sum(self.filled, axis=-1, dtype=jnp.int32)

    @property
    def fill_ratio(self) -> Float[Array, ""]:
        """The filled share of the slots, to be read; `is_filled_to` compares without rounding."""
        return share_of(self.filled)

    def is_filled_to(self, share: Scalar) -> Bool[Array, ""]:
        """Whether at least that share of the slots is filled, and at least one of them."""
        return self.num_filled >= num_slots(share, self.capacity)

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of one level."""
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), self.levels)

    def sample(
        self,
        num_levels: int,
        by_score: Float[Array, " capacity"],
        staleness_coef: Scalar,
        uniform_share: Scalar | None = None,
        *,
        key: Key[Array, ""],
    ) -> tuple["LevelBuffer[Level, Record]", Int[Array, " num_levels"]]:
        """Draws slots one after another, perhaps some of them more than once.

        `by_score` are chances before ages have their share, `staleness_coef`, and before all slots
        alike have theirs, `uniform_share`; None is as 0. After each draw the level drawn has age 0
        and all others are one older. Slots that are not filled are never drawn; in an empty buffer
        there is nothing to draw, and slot 0 is given.
        """

        def step(ages, key):
            chances = mix_in_ages(by_score, ages, self.filled, staleness_coef)
            chances = mix_in_uniform(chances, self.filled, uniform_share)
            slot = draw(chances, key=key)
            ages = jnp.where(self.filled, ages + 1, ages)
            return ages.at[slot].set(jnp.where(self.filled[slot], 0, ages[slot])), slot

        ages, slots = jax.lax.scan(step, self.ages, jax.random.split(key, num_levels))
        return dataclasses.replace(self, ages=ages), slots

    def grow_older(self, num_draws: int) -> "LevelBuffer[Level, Record]":
        """All levels are older, as if `num_draws` others had been drawn."""
        ages = jnp.where(self.filled, self.ages + num_draws, self.ages)
        return dataclasses.replace(self, ages=ages)

    def find(self, levels: Level) -> Int[Array, " batch"]:
        """The slot of each of `levels` (leading axis `batch`), or -1 if it is not stored.

        Levels are equal if all their bits are.
        """
        batch = jax.vmap(words)(levels)
        return self._find(batch, jax.vmap(fingerprint)(batch))

    def came_in_since(self, before: "LevelBuffer[Level, Record]") -> Bool[Array, " capacity"]:
        """Which slots hold another level than they did."""
        other = jnp.any(self.fingerprints != before.fingerprints, axis=-1)
        return self.filled & (other | ~before.filled)

    def at(self, slots: Int[Array, "*batch"]) -> Level:
        """The levels in `slots`."""
        return jax.tree.map(lambda leaf: leaf[slots], self.levels)

    def history_at(
        self, slots: Int[Array, " batch"]
    ) -> tuple[Int[Array, " batch"], UInt32[Array, "batch 2"]]:
        """How often the levels in `slots` were mutated, and the fingerprints of their parents."""
        return self.num_mutations[slots], self.notes.parents[slots]

    def records_of(self, levels: Level, otherwise: Record) -> Record:
        """What is remembered of each of `levels`; `otherwise` of one that is not stored."""
        slots = self.find(levels)
        return self._records_in(
            slots, jax.tree.map(lambda leaf: _repeated(leaf, slots.size), otherwise)
        )

    def update(
        self,
        levels: Level,
        scores: Float[Array, " batch"],
        *,
        opponent: Opponent,
        admits: Admits = lambda now, then, slot: None,
        records: Record = None,
        news: Record = None,
        merge: Callable[[Record, Record], Record] = lambda record, news: record,
        num_mutations: Int[Array, " batch"] | None = None,
        told: Told | None = None,
    ) -> "LevelBuffer[Level, Record]":
        """Takes in levels that were played and scored, one after another.

        A level that is stored, or was taken in earlier in the batch, gets its new score. Any other
        goes into the first slot that is not filled, or else into the one that `opponent` chooses,
        if its score is at least as high as the score there; it starts with age 0. A level that
        another of the batch has driven out competes for its old slot from then on, by the same
        comparison. Levels whose score is not finite are left out.

        Arguments:

        - `levels`, `scores`: leading axis `batch`.
        - `opponent`: the slot that a newcomer meets, the first free one if there is any; it is
          given the slots as they are when the newcomer comes, and the ranks of their scores.
        - `admits`: whether the newcomer takes that slot, given the slots without it and with it;
          None stands for the comparison of scores.
        - `records`: what was remembered of each level before, see `records_of`; of a stored level
          the buffer knows itself. `news`: what this play adds; `merge(record, news)`: the record
          after it, for one level.
        - `num_mutations`: those of levels that come in, 0 if not given; others keep their own.
        - `told`: what goes into the notes; they stay as they are if it is not given.
        """
        # They enter one by one, on every device alike.
        levels, scores, records, news, num_mutations = gather_levels(
            (levels, scores, records, news, num_mutations)
        )
        batch = jax.vmap(words)(levels)
        prints = jax.vmap(fingerprint)(batch)
        found = self._find(batch, prints)
        if num_mutations is None:
            num_mutations = jnp.where(found != NOWHERE, self.num_mutations[found], 0)
        slots, targets, places = enter(
            Slots(self.scores, self.ages, self.filled, self.num_mutations, self.records),
            Candidates(
                group=first_equal(batch, prints),
                found=found,
                scores=scores,
                num_mutations=num_mutations,
                records=self._records_in(found, records),
                news=news,
            ),
            opponent=opponent,
            admits=admits,
            merge=merge,
        )

        def write(stored, new):
            return stored.at[targets].set(new, mode="drop")

        return dataclasses.replace(
            self,
            levels=jax.tree.map(write, self.levels, levels),
            fingerprints=write(self.fingerprints, prints),
            records=slots.records,
            scores=slots.scores,
            ages=slots.ages,
            filled=slots.filled,
            num_mutations=slots.num_mutations,
            notes=self.notes if told is None else self.notes.after(told, targets, places),
        )

    def emptied_if(self, condition: Bool[Array, ""]) -> "LevelBuffer[Level, Record]":
        """Without any level if the condition holds, else as it is."""
        scores = jnp.where(condition, -jnp.inf, self.scores)
        return dataclasses.replace(self, filled=self.filled & ~condition, scores=scores)

    @property
    def mean_score(self) -> Float[Array, ""]:
        """The mean over filled slots; NaN if there are none."""
        return self._mean(self.scores)

    def statistics(self, chances: Float[Array, " capacity"]) -> dict[str, Float[Array, ""]]:
        """`fill_ratio`; and over filled slots, or NaN if there are none: `mean_score`,
        `weighted_score` (by the slots' chances to be replayed), `mean_age` and `mean_mutations`."""
        weighted = jnp.sum(chances * jnp.where(self.filled, self.scores, 0.0))
        return {
            "fill_ratio": self.fill_ratio,
            "mean_score": self.mean_score,
            "weighted_score": jnp.where(self.num_filled > 0, weighted, jnp.nan),
            "mean_age": self._mean(self.ages.astype(jnp.float32)),
            "mean_mutations": self._mean(self.num_mutations.astype(jnp.float32)),
        }

    def _mean(self, values: Float[Array, " capacity"]) -> Float[Array, ""]:
        return jnp.sum(jnp.where(self.filled, values, 0.0)) / self.num_filled.astype(jnp.float32)

    def _find(
        self, batch: UInt32[Array, "batch words"], prints: UInt32[Array, "batch 2"]
    ) -> Int[Array, " batch"]:
        alike = jnp.all(prints[:, None] == self.fingerprints[None], axis=-1) & self.filled[None]
        slots = jnp.argmax(alike, axis=1).astype(jnp.int32)
        equal = jnp.all(jax.vmap(words)(self.at(slots)) == batch, axis=1)
        return jnp.where(jnp.any(alike, axis=1) & equal, slots, NOWHERE)

    def _records_in(self, slots: Int[Array, " batch"], otherwise: Record) -> Record:
        known = slots != NOWHERE

        def look_up(stored, default):
            return jnp.where(known.reshape(-1, *(1,) * (stored.ndim - 1)), stored[slots], default)

        return jax.tree.map(look_up, self.records, otherwise)
