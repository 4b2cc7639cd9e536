"""What the evaluations of a run found in its held-out tests, and when they were made."""

import dataclasses
import math
import operator
from collections.abc import Mapping, Sequence

from .._composition._parts import name_of
from .._composition._plain import CLASS
from .._files import FolderError
from ..envs import LevelFile
from ._run_folder import EVALUATIONS, RunFolder


@dataclasses.dataclass(frozen=True)
class RunEvaluation:
    """One evaluation of a run, and what had been spent until then."""

    cycle: int
    updates: int
    transitions: int
    greedy: bool
    """Whether the students took the likeliest actions."""
    seed: int
    """The seed of its levels and of all chance."""
    has_own_seed: bool
    """Whether that is the seed of the run."""
    episodes: Mapping[str, int]
    """By held-out test, how many were played."""
    scores: Mapping[str, float]
    """By held-out test, where it was measured."""


def evaluations_of(folder: RunFolder, measure: str) -> list[RunEvaluation]:
    """All evaluations of a run, first to last: while training, of chosen checkpoints, and the
    newest one. Of one cycle the one that comes last here counts. `measure`
    is a column, such as `success_rate`.

    Raises `FolderError` for a file that is damaged.
    """
    rows, found = folder.evaluations().read(), dict[int, RunEvaluation]()
    experiment, ending = folder.config()["experiment"], f" {measure}"
    usual, own_seed = experiment.get("evaluation"), experiment.get("seed")
    usual = usual if isinstance(usual, Mapping) else {}
    greedy, seed = bool(usual.get("greedy")), usual.get("seed")
    seed, num_episodes = own_seed if seed is None else seed, usual.get("num_episodes")
    suite = usual.get("suite")
    if isinstance(suite, Mapping) and suite.get(CLASS) == name_of(LevelFile):
        # A test may be of many levels, and each is played as often.
        num_episodes = None
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
        is_known = isinstance(num_episodes, int)
        episodes = dict.fromkeys(scores, num_episodes) if is_known else {}
        how = (greedy, seed, seed == own_seed, episodes)
        found[cycle] = RunEvaluation(cycle, updates, steps, *how, scores)
    for evaluation in folder.all_evaluations():
        try:
            likeliest = bool(evaluation.get("greedy", greedy))
            cycle, updates, tests = (evaluation[name] for name in ("cycle", "updates", "held_out"))
            measured = {name: result.get(measure) for name, result in tests.items()}
            scores = {name: float(value) for name, value in measured.items() if value is not None}
            updates = operator.index(updates)
            played = {name: result.get("num_episodes") for name, result in tests.items()}
            episodes = {name: operator.index(n) for name, n in played.items() if n is not None}
            drawn_with = operator.index(evaluation.get("seed", seed))
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise FolderError(
                f"An evaluation in {folder.path} is damaged: {error!r}. 'minimax-eqx evaluate "
                f"{folder.path}' makes it anew."
            ) from error
        steps = _transitions_at(cycle, [*rows, *folder.metrics().read()])
        how = (likeliest, drawn_with, drawn_with == own_seed, episodes)
        found[cycle] = RunEvaluation(cycle, updates, steps, *how, scores)
    return [found[cycle] for cycle in sorted(found)]


def _transitions_at(cycle: int, rows: Sequence[Mapping[str, float]]) -> int:
    """How many there had been; every cycle of a run takes as many."""
    per_cycle = [row.get("env_steps", math.nan) / row["cycle"] for row in rows if row["cycle"] > 0]
    known = [steps for steps in per_cycle if math.isfinite(steps)]
    return round(cycle * known[-1]) if known else 0
