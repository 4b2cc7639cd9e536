"""What a curriculum says for the ledger of a run."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Spent:
    """How many levels a curriculum has had played for what, and what its own agents have done.

    Levels are counted as a cycle counts them, repetitions included. None says that there is no such
    thing, or that the curriculum cannot tell.
    """

    levels_learned_from: int
    """Levels that the students learned from."""
    levels_searched: int | None = None
    """Levels that were played only to find those worth playing."""
    levels_mutated: int | None = None
    """Levels that were edited from others; up to one cycle of them may not be played yet."""
    steps_designing: int | None = None
    """Steps of a teacher in its editor, which are none of the students'."""

    @classmethod
    def in_search(cls, num_levels: int, num_cycles: int, num_updated: int) -> "Spent":
        """What a curriculum has spent whose cycles play `num_levels` levels, in cycles without an
        update only to find others."""
        return cls(
            num_updated * num_levels, levels_searched=(num_cycles - num_updated) * num_levels
        )
