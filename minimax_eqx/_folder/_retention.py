"""Which of a run's checkpoints stay besides the newest."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

from .._files import FolderError, warn_once

# What an evaluation is judged by; the second where the first is measured in no test.
_MEASURES = ("success_rate", "return")


@dataclasses.dataclass(frozen=True)
class Retention:
    """The checkpoints with the best evaluations, and some that stay for good."""

    best: int
    """How many of the best."""
    every: int
    """The first checkpoint at or after each multiple of that many cycles stays; 0 for none."""
    rows: Callable[[], Sequence[Mapping[str, float]]]
    """Reads the evaluations that were made while training."""

    def __call__(self, cycles: Sequence[int]) -> set[int]:
        """Which of these checkpoints stay. All, if nobody can tell which are the best."""
        stay: set[int] = set()
        last = 0
        for cycle in sorted(cycles) if self.every else ():
            if cycle // self.every > last // self.every:
                stay.add(cycle)
                last = cycle
        if self.best:
            try:
                marks = marks_of(self.rows())
            except (FolderError, OSError) as error:
                warn_once(f"{error} So all checkpoints are kept.")
                return set(cycles)
            stay.update(best_first(cycles, marks)[: self.best])
        return stay


def best_first(cycles: Sequence[int], marks: Mapping[int, float]) -> list[int]:
    """Those that have a mark, the highest first; of equal ones the latest."""
    marked = [cycle for cycle in cycles if cycle in marks]
    return sorted(marked, key=lambda cycle: (marks[cycle], cycle), reverse=True)


def marks_of(rows: Sequence[Mapping[str, float]]) -> dict[int, float]:
    """How good the students were by cycle, of rows of evaluations.csv: the mean success rate over
    held-out tests, or on unseen levels where there are no such tests. Where no success is measured
    at all, as in worlds that do not know it, returns count instead."""
    for measure in _MEASURES:
        marks = {int(row["cycle"]): _mark(row, f" {measure}") for row in rows}
        marks = {cycle: mark for cycle, mark in marks.items() if not math.isnan(mark)}
        if marks:
            return marks
    return {}


def _mark(row: Mapping[str, float], ending: str) -> float:
    found = {name: value for name, value in row.items() if name.endswith(ending)}
    unseen = found.pop(f"unseen{ending}", math.nan)
    held_out = [value for value in found.values() if not math.isnan(value)]
    return sum(held_out) / len(held_out) if held_out else unseen
