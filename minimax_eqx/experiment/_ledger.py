"""What a run has spent."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..runners import Runner


@dataclasses.dataclass(frozen=True)
class Ledger:
    """What a run has spent. Equal numbers of updates are not equal interaction."""

    cycle: int
    updates: int
    env_steps: int
    gradient_steps: int
    seconds_compiling: float
    seconds_running: float

    @classmethod
    def of(cls, runner: Runner, seconds_compiling: float, seconds_running: float) -> "Ledger":
        """That of a runner, to which the seconds have to be added: no state holds times."""
        # On the host, in Python's unbounded integers: 32 bits overflow within a long run.
        cycle = int(runner.num_cycles)
        updates = int(np.asarray(runner.students.num_updates)[0])
        return cls(
            cycle=cycle,
            updates=updates,
            env_steps=cycle * runner.transitions_per_cycle,
            gradient_steps=updates * runner.students.gradient_steps_per_update(),
            seconds_compiling=seconds_compiling,
            seconds_running=seconds_running,
        )


def seconds_before(rows: Sequence[dict[str, float]]) -> tuple[float, float]:
    """The time spent by earlier parts of the run, also on what was lost and is done again."""
    if not rows:
        return 0.0, 0.0
    return rows[-1]["seconds_compiling"], rows[-1]["seconds_running"]
