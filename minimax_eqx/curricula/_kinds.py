"""The kinds of level that level replay plays."""

import enum


class Kind(enum.IntEnum):
    """Where a level of this cycle comes from."""

    NEW = 0
    """Made by the source of new levels."""
    REPLAYED = 1
    """Drawn from the level buffer."""
    MUTATED = 2
    """Edited from a replayed level."""

    @property
    def label(self) -> str:
        """The kind as metrics call it."""
        return self.name.lower()
