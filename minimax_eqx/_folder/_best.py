"""Which of a run's checkpoints is meant."""

import math
from collections.abc import Mapping, Sequence

from ..runners._experiment import Experiment
from ..runners._saving import CheckpointError, Saved
from ._run_folder import RunFolder

NEWEST, BEST = "newest", "best"
_RATE = " success_rate"


def chosen(folder: RunFolder, experiment: Experiment, which: int | str) -> Saved:
    """A run's checkpoint: of a cycle, the newest that verifies, or the best.

    The best is, of the checkpoints that are there, the one with the highest mean success rate over
    held-out tests when it was evaluated while training; of equal ones the latest. Where there are
    no such tests, the rate on unseen levels counts. Raises `CheckpointError` if there is none.
    """
    checkpoints = folder.checkpoints(experiment)
    if which == NEWEST:
        return checkpoints.newest()
    cycles = checkpoints.cycles()
    there = ", ".join(map(str, cycles)) or "none"
    if which == BEST:
        rows = {int(row["cycle"]): row for row in folder.evaluations().read()}
        rates = {cycle: _rate(rows[cycle]) for cycle in cycles if cycle in rows}
        rates = {cycle: rate for cycle, rate in rates.items() if not math.isnan(rate)}
        if not rates:
            raise CheckpointError(
                f"No success rate of a checkpoint in {checkpoints.path} was measured while "
                f"training, so none is known to be the best. There are checkpoints of the cycles "
                f"{there}, and evaluations after {', '.join(map(str, rows)) or 'none'}. Name a "
                "cycle; or train with an evaluate_every that checkpoint_every is a multiple of."
            )
        return checkpoints.load(max(rates, key=lambda cycle: (rates[cycle], cycle)))
    if not str(which).isdecimal() or int(which) not in cycles:
        raise CheckpointError(
            f"There is no checkpoint {which!r} in {checkpoints.path}. There are checkpoints "
            f"of the cycles {there}; {NEWEST!r} and {BEST!r} choose one of them."
        )
    return checkpoints.load(int(which))


def _rate(row: Mapping[str, float]) -> float:
    """The mean success rate of a row of evaluations.csv; NaN if none was measured."""
    rates = {name: rate for name, rate in row.items() if name.endswith(_RATE)}
    unseen = rates.pop(f"unseen{_RATE}", math.nan)
    held_out: Sequence[float] = [rate for rate in rates.values() if not math.isnan(rate)]
    return sum(held_out) / len(held_out) if held_out else unseen
