"""Which parts there are, in the order of their worth, and how long each may take."""

from collections.abc import Sequence
from dataclasses import dataclass

TOTAL_SECONDS = 840.0
# With less than this a process would hardly have started.
LEAST_SECONDS = 8.0


@dataclass(frozen=True)
class Part:
    """One process, one JSON file."""

    name: str
    """Also that of the module that measures it."""
    seconds: float | None
    """The most it may take; None: all that the parts after it leave."""
    what: str
    """What it measures, for the help text."""
    num_devices: int = 1
    """As many devices as it needs; a CPU can be as many as are asked for."""


PARTS = (
    Part("smoke", 80, "one update equal to a CPU's, cold and cached starts of maze-dr"),
    Part("cycles", 90, "maze-dr with 32 to 4096 levels"),
    Part("autocurricula", 210, "maze-accel and maze-paired with 32 to 4096 levels"),
    Part("cores", 120, "recurrent cores side by side"),
    Part("precisions", 60, "a cycle of maze-dr with each precision of matrix products"),
    Part("env", 30, "the maze alone, up to 65,536 side by side"),
    Part("profile", 35, "the longest kernels of a cycle of maze-dr, and the time between them"),
    Part("members", 50, "1, 8 and 32 runs of maze-dr as one program"),
    Part("science", None, "DR and ACCEL, several seeds each, evaluated on minimax-12"),
    Part("resets", 20, "short episodes beside long ones"),
    Part("communication", 20, "what two devices spend in communication", num_devices=2),
)
NAMES = tuple(part.name for part in PARTS)


def chosen(names: Sequence[str]) -> list[Part]:
    """The parts of these names, all if there are none, in the order above.

    Raises `ValueError` for a name that no part has.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise ValueError(f"There is no part {', '.join(unknown)}; parts are {', '.join(NAMES)}.")
    return [part for part in PARTS if not names or part.name in names]


def seconds_for(part: Part, later: Sequence[Part], left: float, patience: float = 1.0) -> float:
    """How long a part may take, with so many seconds left for it and those after it; 0 if that is
    too little to begin. `patience` multiplies the limits of all parts."""
    if part.seconds is None:
        most = left - patience * sum(other.seconds or 0 for other in later)
    else:
        most = min(patience * part.seconds, left)
    return most if most >= LEAST_SECONDS else 0.0
