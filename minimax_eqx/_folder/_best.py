"""Which of a run's checkpoints is meant."""

from ..runners._experiment import Experiment
from ..runners._saving import CheckpointError, Saved
from ._retention import best_first, marks_of
from ._run_folder import RunFolder

NEWEST, BEST = "newest", "best"


def chosen(folder: RunFolder, experiment: Experiment, which: int | str) -> Saved:
    """A run's checkpoint: of a cycle, the newest that verifies, or the best.

    The best is, of the checkpoints that are there, the one with the highest mean success rate over
    held-out tests when it was evaluated while training; of equal ones the latest. Where there are
    no such tests, the rate on unseen levels counts, and where no success is measured the return.
    Raises `CheckpointError` if there is none.
    """
    checkpoints = folder.checkpoints(experiment)
    if which == NEWEST:
        return checkpoints.newest()
    cycles = checkpoints.cycles()
    there = ", ".join(map(str, cycles)) or "none"
    if which == BEST:
        rows = folder.evaluations().read()
        best = best_first(cycles, marks_of(rows))
        if not best:
            evaluated = ", ".join(str(int(row["cycle"])) for row in rows) or "none"
            raise CheckpointError(
                f"No checkpoint in {checkpoints.path} was evaluated while training, so none is "
                f"known to be the best. There are checkpoints of the cycles {there}, and "
                f"evaluations after {evaluated}. Name a cycle; or train with an evaluate_every "
                "that is not 0."
            )
        return checkpoints.load(best[0])
    if not str(which).isdecimal() or int(which) not in cycles:
        raise CheckpointError(
            f"There is no checkpoint {which!r} in {checkpoints.path}. There are checkpoints "
            f"of the cycles {there}; {NEWEST!r} and {BEST!r} choose one of them."
        )
    return checkpoints.load(int(which))
