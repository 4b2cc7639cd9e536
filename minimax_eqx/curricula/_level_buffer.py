"""The prioritised memory of levels."""

import dataclasses
from collections.abc import Callable
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from .._types import Level, PyTree, Record
from .._xla._mesh import gather_levels
from ._admission import AbstractAdmission, BeatTheLeastLikely
from ._fingerprint import fingerprint, first_equal, words
from ._insertion import NOWHERE, Candidates, Slots, enter
from ._prioritisation import (
    AbstractPrioritisation,
    Rank,
    TopK,
    chances_by_score,
    draw,
    mix_in_ages,
    rank,
    replay_distribution,
)


def num_slots(share: float | Float[Array, ""], capacity: int) -> Int[Array, ""]:
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


def _scalar(value: Any) -> Float[Array, ""]:
    return jnp.asarray(value, jnp.float32)


def _repeated(leaf: Any, times: int) -> Array:
    leaf = jnp.asarray(leaf)
    return jnp.full((times, *leaf.shape), leaf, leaf.dtype)


class LevelBuffer(eqx.Module, Generic[Level, Record]):
    """Levels, their scores and ages, and what their score remembers of them.

    From prioritised level replay (Jiang et al. 2021, arXiv 2010.03934). Make it with
    `LevelBuffer.empty`. Slots are filled from the first on; no two hold equal levels. A slot that
    is not filled has score minus infinity. `ages` count the draws since a level was last drawn or
    came in. `num_mutations` counts the edits in a row that led from a generated level to this one.
    """

    levels: Level  # leading axis: capacity
    records: Record  # leading axis: capacity
    scores: Float[Array, " capacity"]
    ages: Int[Array, " capacity"]
    filled: Bool[Array, " capacity"]
    num_mutations: Int[Array, " capacity"]
    fingerprints: UInt32[Array, "capacity 2"]
    prioritisation: AbstractPrioritisation
    staleness_coef: Float[Array, ""] = eqx.field(converter=_scalar)
    admission: AbstractAdmission = BeatTheLeastLikely()

    @classmethod
    def empty(
        cls,
        level_spec: PyTree[jax.ShapeDtypeStruct],
        capacity: int,
        *,
        prioritisation: AbstractPrioritisation | None = None,
        staleness_coef: float | Float[Array, ""] = 0.3,
        record: PyTree = None,
        admission: AbstractAdmission | None = None,
    ) -> "LevelBuffer":
        """A buffer without levels.

        Arguments:

        - `level_spec`: shapes and dtypes of one level, as `AbstractEnv.level_spec()` gives them.
        - `capacity`: how many levels fit in; at least 1.
        - `prioritisation`: `Rank()` if not given.
        - `staleness_coef`: share of draws that go by age; in [0, 1].
        - `record`: what the score remembers of a level never played: `score.init()`.
        - `admission`: which level a newcomer has to beat; `BeatTheLeastLikely()` if not given.

        Raises `ValueError` for a value out of its range, unless it is traced, and for a `TopK` of
        more levels than the capacity.
        """
        if capacity < 1:
            raise ValueError(f"LevelBuffer: capacity is {capacity}; it must be at least 1.")
        if not (isinstance(staleness_coef, Tracer) or 0 <= staleness_coef <= 1):
            raise ValueError(
                f"LevelBuffer: staleness_coef is {staleness_coef}; it must be in [0, 1]."
            )
        if isinstance(prioritisation, TopK) and prioritisation.num_levels > capacity:
            raise ValueError(
                f"LevelBuffer: prioritisation is TopK({prioritisation.num_levels}), more levels "
                f"than the capacity of {capacity}, so that all would be equally likely whatever "
                "their scores; lower TopK.num_levels or raise capacity."
            )
        return cls(
            levels=jax.tree.map(lambda s: jnp.zeros((capacity, *s.shape), s.dtype), level_spec),
            records=jax.tree.map(lambda leaf: _repeated(leaf, capacity), record),
            scores=jnp.full(capacity, -jnp.inf, jnp.float32),
            ages=jnp.zeros(capacity, jnp.int32),
            filled=jnp.zeros(capacity, bool),
            num_mutations=jnp.zeros(capacity, jnp.int32),
            fingerprints=jnp.zeros((capacity, 2), jnp.uint32),
            prioritisation=Rank() if prioritisation is None else prioritisation,
            staleness_coef=staleness_coef,
            admission=BeatTheLeastLikely() if admission is None else admission,
        )

    @property
    def capacity(self) -> int:
        """How many levels fit in."""
        return self.scores.shape[-1]

    @property
    def num_filled(self) -> Int[Array, ""]:
        """How many slots are filled."""
        return jnp.sum(self.filled, axis=-1, dtype=jnp.int32)

    @property
    def fill_ratio(self) -> Float[Array, ""]:
        """The filled share of the slots, to be read; `is_filled_to` compares without rounding."""
        return share_of(self.filled)

    def is_filled_to(self, share: Float[Array, ""]) -> Bool[Array, ""]:
        """Whether at least that share of the slots is filled, and at least one of them."""
        return self.num_filled >= num_slots(share, self.capacity)

    def replay_distribution(self) -> Float[Array, " capacity"]:
        """The chance of every slot to be drawn next; 0 where nothing is filled."""
        return replay_distribution(self._weights(), self.ages, self.filled, self.staleness_coef)

    def sample(
        self, num_levels: int, *, key: Key[Array, ""]
    ) -> tuple["LevelBuffer[Level, Record]", Int[Array, " num_levels"]]:
        """Draws slots one after another, perhaps some of them more than once.

        After each draw the level drawn has age 0 and all others are one older. Slots that are not
        filled are never drawn; in an empty buffer there is nothing to draw, and slot 0 is given.
        """
        by_score = chances_by_score(self._weights(), self.filled)  # only ages change between draws

        def step(ages, key):
            chances = mix_in_ages(by_score, ages, self.filled, self.staleness_coef)
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

    def at(self, slots: Int[Array, "*batch"]) -> Level:
        """The levels in `slots`."""
        return jax.tree.map(lambda leaf: leaf[slots], self.levels)

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
        records: Record = None,
        news: Record = None,
        merge: Callable[[Record, Record], Record] = lambda record, news: record,
        num_mutations: Int[Array, " batch"] | None = None,
    ) -> "LevelBuffer[Level, Record]":
        """Takes in levels that were played and scored, one after another.

        A level that is stored, or was taken in earlier in the batch, gets its new score. Any other
        goes into the first slot that is not filled, or else into the one that `admission` chooses,
        if its score is at least as high as the score there; it starts with age 0. A level that
        another of the batch has driven out competes for its old slot from then on, by the same
        comparison. Levels whose score is not finite are left out.

        Arguments:

        - `levels`, `scores`: leading axis `batch`.
        - `records`: what was remembered of each level before, see `records_of`; of a stored level
          the buffer knows itself. `news`: what this play adds; `merge(record, news)`: the record
          after it, for one level.
        - `num_mutations`: those of levels that come in, 0 if not given; others keep their own.
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
        slots, targets = enter(
            Slots(self.scores, self.ages, self.filled, self.num_mutations, self.records),
            Candidates(
                group=first_equal(batch, prints),
                found=found,
                scores=scores,
                num_mutations=num_mutations,
                records=self._records_in(found, records),
                news=news,
            ),
            prioritisation=self.prioritisation,
            admission=self.admission,
            staleness_coef=self.staleness_coef,
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
        )

    def statistics(self) -> dict[str, Float[Array, ""]]:
        """`fill_ratio`; and over filled slots, or NaN if there are none: `mean_score`,
        `weighted_score` (by chance to be replayed), `mean_age` and `mean_mutations`."""
        count = self.num_filled.astype(jnp.float32)

        def mean(values):
            return jnp.sum(jnp.where(self.filled, values, 0.0)) / count

        scores = jnp.where(self.filled, self.scores, 0.0)
        weighted = jnp.sum(self.replay_distribution() * scores)
        return {
            "fill_ratio": self.fill_ratio,
            "mean_score": mean(scores),
            "weighted_score": jnp.where(count > 0, weighted, jnp.nan),
            "mean_age": mean(self.ages.astype(jnp.float32)),
            "mean_mutations": mean(self.num_mutations.astype(jnp.float32)),
        }

    def _weights(self) -> Float[Array, " capacity"]:
        return self.prioritisation.weights(self.scores, rank(self.scores), self.filled)

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
