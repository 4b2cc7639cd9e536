"""Who descends from whom: the levels that were seen in a level buffer, with their parents."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

# Of all levels together, before they are compressed.
MOST_BYTES = 2_000_000
# Which share of that is kept when it is full, so that it is not full again at once.
KEPT_SHARE = 0.7


@dataclasses.dataclass
class Family:
    """Levels by their fingerprints, in the order in which they were first seen.

    It is bounded: when it is full, the ancestors of what is stored now stay, of levels with the
    highest scores first, and the others are forgotten.
    """

    fingerprints: UInt64[np.ndarray, " level"]
    parents: UInt64[np.ndarray, " level"]
    """0 for a level that was not edited from another."""
    cycles: Int[np.ndarray, " level"]
    """When each was first seen in the buffer; it may have come in a log interval before."""
    num_mutations: Int[np.ndarray, " level"]
    levels: list[np.ndarray]
    """Their arrays, packed."""

    @classmethod
    def empty(cls) -> "Family":
        """Nobody yet."""
        nobody = np.zeros(0, np.uint64)
        return cls(nobody, nobody, np.zeros(0, np.int64), np.zeros(0, np.int32), [])

    def __len__(self) -> int:
        return len(self.fingerprints)

    def meet(self, stored: "Family", scores: Float[np.ndarray, " level"]) -> "Family":
        """The family with the levels stored now, which have these scores, as far as they are new to
        it."""
        new = stored.where(~np.isin(stored.fingerprints, self.fingerprints))
        if len(new) == 0:
            return self
        old = self.levels or [array[:0] for array in new.levels]
        grown = Family(
            np.concatenate([self.fingerprints, new.fingerprints]),
            np.concatenate([self.parents, new.parents]),
            np.concatenate([self.cycles, new.cycles]),
            np.concatenate([self.num_mutations, new.num_mutations]),
            [np.concatenate(pair) for pair in zip(old, new.levels, strict=True)],
        )
        most = grown._most()
        if len(grown) <= most:
            return grown
        best_first = stored.fingerprints[np.argsort(-scores, kind="stable")]
        return grown.where(grown._are_ancestors(best_first, int(KEPT_SHARE * most)))

    def until(self, cycle: int) -> "Family":
        """Those that were seen by then."""
        return self.where(self.cycles <= cycle)

    def where(self, kept: Bool[np.ndarray, " level"]) -> "Family":
        """Some of them."""
        return Family(
            *(self.fingerprints[kept], self.parents[kept], self.cycles[kept]),
            self.num_mutations[kept],
            [array[kept] for array in self.levels],
        )

    def line_of(self, fingerprint: int) -> list[int]:
        """The indices of a level's ancestors and itself, the oldest first, as far as they are
        known; empty if it was never seen."""
        return _line(self._index(), self.parents, fingerprint)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that it is, for a file."""
        held = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "levels"
        }
        return held | {f"level{i}": array for i, array in enumerate(self.levels)}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Family":
        """The family that `arrays` is of."""
        held = dict(arrays)
        levels = [held.pop(f"level{i}") for i in range(sum(n.startswith("level") for n in held))]
        return cls(**held, levels=levels)

    def _most(self) -> int:
        rest = (self.fingerprints, self.parents, self.cycles, self.num_mutations)
        each = sum(array[:1].nbytes for array in (*rest, *self.levels))
        return max(1, MOST_BYTES // each)

    def _index(self) -> dict[int, int]:
        return {int(fingerprint): i for i, fingerprint in enumerate(self.fingerprints)}

    def _are_ancestors(
        self, stored: UInt64[np.ndarray, " slot"], most: int
    ) -> Bool[np.ndarray, " level"]:
        index, kept, count = self._index(), np.zeros(len(self), bool), 0
        for fingerprint in stored:
            for i in reversed(_line(index, self.parents, int(fingerprint))):
                if kept[i] or count >= most:
                    break
                kept[i], count = True, count + 1
        return kept


def _line(
    index: Mapping[int, int], parents: UInt64[np.ndarray, " level"], fingerprint: int
) -> list[int]:
    line = []
    while fingerprint in index and index[fingerprint] not in line:
        line.append(index[fingerprint])
        fingerprint = int(parents[line[-1]])
    return line[::-1]
