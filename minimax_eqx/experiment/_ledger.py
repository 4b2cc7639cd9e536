"""The ledger of a run: what it has spent, by kind."""

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._files import FolderError
from .._folder._origin import machine_now
from .._folder._run_folder import RunFolder
from ..runners._experiment import Experiment
from ..runners._runner import Runner

# A time in a file that is longer than the age of the world was not measured.
MOST_SECONDS = 1e18
SECONDS = ("seconds_compiling", "seconds_running", "seconds_evaluating", "seconds_saving")


@dataclasses.dataclass(frozen=True)
class Ledger:
    """What a run has spent. Equal numbers of updates are not equal interaction."""

    cycle: int = 0
    updates: int = 0
    env_steps: int = 0
    """Steps of all students in all plays."""
    steps_learned_from: int = 0
    """How many of them students learned from; the others only told how useful a level is."""
    steps_searching: int | None = None
    """How many of the others were spent in a search for levels; None if there is no search."""
    steps_on_mutants: int | None = None
    """How many of the others were on edited levels; None if there are none, or nobody knows."""
    steps_designing: int | None = None
    """Steps of a teacher in its editor, which come on top; None if there is no teacher."""
    gradient_steps: int = 0
    seconds_compiling: float = 0.0
    seconds_running: float = 0.0
    seconds_evaluating: float = 0.0
    seconds_saving: float = 0.0

    def of(self, runner: Runner, **seconds: float) -> "Ledger":
        """What a runner has spent, with more seconds than in this ledger, by their kind:
        `compiling`, `running`, `evaluating` and `saving`."""
        # On the host, in Python's unbounded integers: 32 bits overflow within a long run.
        cycle, updates = int(runner.num_cycles), int(np.asarray(runner.students.num_updates)[0])
        return Ledger(
            cycle=cycle,
            updates=updates,
            env_steps=cycle * runner.experiment.transitions_per_cycle,
            **_steps_by_kind(runner.experiment, cycle, updates),
            gradient_steps=updates * runner.experiment.student.gradient_steps_per_update,
            **{name: getattr(self, name) for name in SECONDS},
        ).after(**seconds)

    def after(self, **seconds: float) -> "Ledger":
        """The ledger with these seconds more, by their kind."""
        spent = {f"seconds_{kind}": more for kind, more in seconds.items()}
        return dataclasses.replace(self, **{n: getattr(self, n) + s for n, s in spent.items()})

    def row(self) -> dict[str, float]:
        """What it holds, as columns; without what there is not."""
        columns = dataclasses.asdict(self)
        return {name: value for name, value in columns.items() if value is not None}


def ledger_of(folder: RunFolder, runner: Runner) -> Ledger:
    """What the runner of a folder has spent, with the seconds that the folder knows of."""
    known: dict[str, float] = {}
    with contextlib.suppress(FolderError):
        for row in folder.metrics().read():
            known = row if row["cycle"] <= int(runner.num_cycles) else known
    return dataclasses.replace(Ledger().of(runner), **seconds_in(known))


def ledger_at(folder: RunFolder, cycle: int) -> dict[str, float]:
    """What a run had spent after some cycles, by the columns of metrics.csv; empty if there is
    no such row."""
    names = [field.name for field in dataclasses.fields(Ledger)]
    rows = [row for row in folder.metrics().read() if row["cycle"] == cycle]
    return {n: row[n] for row in rows for n in names if not math.isnan(row.get(n, math.nan))}


def seconds_in(row: Any) -> dict[str, float]:
    """The seconds by kind in a row of metrics.csv, or in what a file has in place of one; 0 where
    there are none."""
    row = row if isinstance(row, Mapping) else {}
    return {name: seconds_or_0(row.get(name)) for name in SECONDS}


def seconds_or_0(value: Any) -> float:
    """What a file has as a time, and 0 for what can be none."""
    is_time = type(value) in (int, float) and 0 <= value < MOST_SECONDS
    return float(value) if is_time else 0.0


def as_entry(ledger: Ledger) -> dict[str, Any]:
    """The ledger as evaluation.json has it, with the machine that it was spent on."""
    return {**ledger.row(), "machine": machine_now()}


def _steps_by_kind(experiment: Experiment, cycle: int, updates: int) -> dict[str, Any]:
    """The steps of the students by what they were for, and a teacher's."""
    curriculum, level = experiment.curriculum, experiment.env.level_spec()
    # Students learn after each rollout of a play, or after none.
    updated = updates // experiment.rollouts_per_play
    spent = curriculum.spent(level, num_cycles=cycle, num_updated=updated)
    steps_per_level = experiment.transitions_per_cycle // curriculum.levels_per_cycle
    if spent is None:
        learned = updated * curriculum.levels_per_cycle
        return {"steps_learned_from": learned * steps_per_level}
    levels = {
        "steps_learned_from": spent.levels_learned_from,
        "steps_searching": spent.levels_searched,
        "steps_on_mutants": spent.levels_mutated,
    }
    steps = {n: None if num is None else num * steps_per_level for n, num in levels.items()}
    return {**steps, "steps_designing": spent.steps_designing}
