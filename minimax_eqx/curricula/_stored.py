"""What a curriculum stores, as people look at it."""

from typing import Any, Generic

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, UInt32

from .._types import Level, PyTree
from ._level_buffer import LevelBuffer


class StoredLevels(eqx.Module, Generic[Level]):
    """The levels that a curriculum keeps, and what it knows of each; leading axis `slot`.

    A curriculum gives it as `stored(state)`, for the record of a run and its report. What it does
    not know is None.
    """

    levels: Level
    """Leading axis `slot`."""
    filled: Bool[Array, " slot"]
    """Which slots hold a level; what the others say does not matter."""
    chances: Float[Array, " slot"]
    """How likely each is to be the next one that is replayed."""
    fingerprints: UInt32[Array, "slot 2"]
    """64 bits by which equal levels are known."""
    scores: Float[Array, " slot"] | None = None
    """How useful each looked when it was played last."""
    by_score: Float[Array, " slot"] | None = None
    """Which part of the chances goes by score."""
    by_age: Float[Array, " slot"] | None = None
    """Which part of the chances goes by age; what is left goes to all alike."""
    ages: Int[Array, " slot"] | None = None
    """How many draws ago each was drawn, or came in."""
    num_mutations: Int[Array, " slot"] | None = None
    """How many edits in a row led from a generated level to each."""
    parents: UInt32[Array, "slot 2"] | None = None
    """The fingerprint of what each was edited from; 0 for a generated level."""
    num_plays: Int[Array, " slot"] | None = None
    """How often each was played since it came in."""
    success_rates: Float[Array, " slot"] | None = None
    """How often each was solved when it was played last; negative where that is not known."""
    needed: Int[Array, ""] | None = None
    """How many levels there must be before any is replayed."""
    are_all: bool = eqx.field(static=True, default=False)
    """Whether no other level is ever proposed, as by a curriculum over fixed tasks."""

    @classmethod
    def of(
        cls,
        buffer: LevelBuffer[Level, PyTree],
        chances: Float[Array, " slot"],
        **others: Any,
    ) -> "StoredLevels[Level]":
        """What a level buffer holds, whose levels are replayed with these chances."""
        notes = buffer.notes
        known: dict[str, Any] = {
            "scores": buffer.scores,
            "num_plays": notes.num_plays,
            "success_rates": notes.success_rates,
            **others,
        }
        return cls(buffer.levels, buffer.filled, chances, buffer.fingerprints, **known)
