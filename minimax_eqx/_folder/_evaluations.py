"""What the evaluations of a run found in its held-out tests, and when they were made."""

import dataclasses
import math
import operator
from collections.abc import Mapping, Sequence

from .._files import FolderError
from ._run_folder import EVALUATIONS, RunFolder


@dataclasses.dataclass(frozen=True)
class RunEvaluation:
    """One evaluation of a run, and what had been spent until then."""

    cycle: int
    updates: int
    transitions: int
    greedy: bool
    """Whether the students took the likeliest actions."""
    scores: Mapping[str, float]
    """By held-out test, where it was measured."""


def evaluations_of(folder: RunFolder, measure: str) -> list[RunEvaluation]:
    """All evaluations of a run, first to last: while training, of chosen checkpoints, and the
    newest one. Of one cycle the one that comes last here counts. `measure`
    is a column, such as `success_rate`.

    Raises `FolderError` for a file that is damaged.
    """
    rows, found = folder.evaluations().read(), dict[int, RunEvaluation]()
    ending, usual = f" {measure}", folder.config()["experiment"].get("evaluation")
    greedy = isinstance(usual, Mapping) and bool(usual.get("greedy"))
    for row in rows:
        scores = {
            name.removesuffix(ending): value
            for name, value in row.items()
            if name.endswith(ending) and name != f"unseen{ending}" and not math.isnan(value)
        }
        counts = [row.get(name, math.nan) for name in ("cycle", "updates", "env_steps")]
        if not all(map(math.isfinite, counts)):
            raise FolderError(
                f"{folder.path / EVALUATIONS} is damaged: a row lacks cycle, updates or env_steps. "
                "Put a copy of it back, or remove it: the newest evaluation counts without it."
            )
        cycle, updates, steps = map(int, counts)
        found[cycle] = RunEvaluation(cycle, updates, steps, greedy, scores)
    for evaluation in folder.all_evaluations():
        try:
            likeliest = bool(evaluation.get("greedy", greedy))
            cycle, updates, tests = (evaluation[name] for name in ("cycle", "updates", "held_out"))
            measured = {name: result.get(measure) for name, result in tests.items()}
            scores = {name: float(value) for name, value in measured.items() if value is not None}
            updates = operator.index(updates)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise FolderError(
                f"An evaluation in {folder.path} is damaged: {error!r}. 'minimax-eqx evaluate "
                f"{folder.path}' makes it anew."
            ) from error
        steps = _transitions_at(cycle, [*rows, *folder.metrics().read()])
        found[cycle] = RunEvaluation(cycle, updates, steps, likeliest, scores)
    return [found[cycle] for cycle in sorted(found)]


def _transitions_at(cycle: int, rows: Sequence[Mapping[str, float]]) -> int:
    """How many there had been; every cycle of a run takes as many."""
    per_cycle = [row.get("env_steps", math.nan) / row["cycle"] for row in rows if row["cycle"] > 0]
    known = [steps for steps in per_cycle if math.isfinite(steps)]
    return round(cycle * known[-1]) if known else 0
