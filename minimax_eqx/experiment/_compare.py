"""Methods compared: runs on disk, by method and seed, at equal cost, with intervals."""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from .._files import FolderError, expanded
from .._folder._evaluations import RunEvaluation, evaluations_of
from .._folder._methods import methods_of
from .._folder._patterns import matching
from .._folder._run_folder import CONFIG, RunFolder
from .._notebook import escaped, framed, heading, never_fails, table
from ..statistics import (
    Estimate,
    bootstrap,
    interquartile_mean,
    mean,
    optimality_gap,
    probability_of_improvement,
)
from ._ledger import ledger_at

At: TypeAlias = Literal["transitions", "updates", "end"]
Measure: TypeAlias = Literal["success_rate", "return"]
Path: TypeAlias = pathlib.Path | str
# Below this a bootstrap covers the truth clearly less often than it says.
FEW_SEEDS = 5


class UnequalError(ValueError):
    """Runs that cannot be compared at equal cost, since one was evaluated too late."""


@dataclasses.dataclass(frozen=True)
class ComparedRun:
    """A run of a comparison, and the evaluation of it that counts."""

    path: pathlib.Path
    """Its folder."""
    seed: int
    """Its seed."""
    cycle: int
    """The cycle of the checkpoint that was evaluated."""
    updates: int
    """Updates of the students by then."""
    transitions: int
    """Environment steps by then."""
    ledger: Mapping[str, float]
    """What it had spent by then, as the columns of metrics.csv; empty if nobody wrote that down."""


@dataclasses.dataclass(frozen=True)
class ComparedMethod:
    """What the runs of one method reached. Of one run alone the ends of all intervals are NaN."""

    name: str
    """The shortest that tells it from the other methods."""
    differences: Mapping[str, Any]
    """The options that the name gives, where methods of one recipe differ in them."""
    runs: tuple[ComparedRun, ...]
    """One run for each seed."""
    scores: Float[np.ndarray, "run task"]
    """What each run reached in each test."""
    interquartile_mean: Estimate
    """The mean of the middle half of the scores."""
    mean: Estimate
    """The mean of all scores."""
    optimality_gap: Estimate | None
    """How far scores fall short of the target; None if there is no target."""
    difference: Estimate | None
    """Its interquartile mean minus the first method's; None for the first."""
    probability_of_improvement: Estimate | None
    """How likely a run of it is better than one of the first method; None for the first."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Methods beside each other, and everything that has to be said about how it was done."""

    methods: tuple[ComparedMethod, ...]
    """The first one is what the others are compared with."""
    tests: tuple[str, ...]
    """The held-out tests that count, which all runs took."""
    left_out: tuple[str, ...]
    """The tests that only some runs took."""
    measure: Measure
    """What was measured in each test."""
    at: At
    """What is equal of all runs."""
    budget: int | None
    """How much of that each run may have spent; None if runs are compared at their ends."""
    confidence: float
    """The confidence of all intervals."""
    remarks: tuple[str, ...]
    """What a reader should know besides, in sentences."""

    @never_fails
    def _repr_html_(self) -> str | None:
        """A line for each method, as a notebook shows it."""
        head = ["method", "seeds", "interquartile mean", "mean", "optimality gap"]
        head += [f"difference from {self.methods[0].name}", "probability of improvement"]
        rows = [
            [
                method.name,
                len(method.runs),
                *(
                    "" if estimate is None else estimate
                    for estimate in (
                        method.interquartile_mean,
                        method.mean,
                        method.optimality_gap,
                        method.difference,
                        method.probability_of_improvement,
                    )
                ),
            ]
            for method in self.methods
        ]
        about = f"{self.measure.replace('_', ' ')} in {', '.join(self.tests)}"
        remarks = [heading(about), table(head, rows), *map(escaped, self.remarks)]
        return framed(*remarks)


def compare(
    paths: Path | Sequence[Path],
    *,
    at: At = "transitions",
    measure: Measure = "success_rate",
    target: float | None = None,
    confidence: float = 0.95,
    resample: Literal["runs", "tasks"] = "runs",
    seed: int = 0,
) -> Comparison:
    """Compares the runs in these folders on the held-out tests that all of them took.

    A path may be a pattern, such as `runs/maze-*`. Runs whose experiments differ in nothing but
    seed, schedule, evaluation and devices are of one method. Training runs may go on meanwhile.

    By default methods are compared at equal transitions: the smallest number of environment steps
    at which any of the runs was evaluated last is the budget of all, and of each run the last
    evaluation counts that was within it. `at="updates"` does so with updates of the students, and
    `at="end"` takes the last evaluation of each run, whatever it had cost.

    `target` is what the optimality gap is measured from; for success rates it is 1 if not given.
    `confidence`, `resample` and `seed` are handed to `statistics.bootstrap`.

    Raises `FolderError` for a folder without a run, with a damaged one, or one that was never
    evaluated; `ValueError` for a run given twice, for two runs of one method and seed, for runs
    without a common test, and for a budget before a run's first evaluation.
    """
    given = [paths] if isinstance(paths, str | pathlib.Path) else paths
    methods = methods_of(_folders(given))
    runs = [folder for method in methods for folder in method.folders]
    evaluations = {run.path: _evaluated(run, measure) for run in runs}
    budget, chosen = _at_equal(at, evaluations)
    tests, left_out = _common_tests(chosen, measure)
    target = 1.0 if target is None and measure == "success_rate" else target
    remarks = [
        f"{method.name} has one seed ({method.folders[0].path.name}), so it has no intervals: one "
        "seed says little about a method."
        for method in methods
        if len(method.folders) == 1
    ]
    remarks += _told_of_evaluations([*chosen.values()], tests)
    fewest = min((len(m.folders) for m in methods if len(m.folders) > 1), default=FEW_SEEDS)
    if fewest < FEW_SEEDS:
        remarks.append(
            f"Intervals of {fewest} seeds are narrower than they should be, since few seeds show "
            "too little of how much seeds differ."
        )

    def estimate(statistic: Callable[..., Any], *tables: np.ndarray) -> Estimate:
        if any(len(table) == 1 for table in tables):
            return Estimate(float(statistic(*tables)), math.nan, math.nan)
        return bootstrap(statistic, *tables, confidence=confidence, resample=resample, seed=seed)

    compared: list[ComparedMethod] = []
    for method in methods:
        own = [_compared(run, chosen[run.path]) for run in method.folders]
        _check_seeds(method.name, own)
        scores = np.array([[chosen[run.path].scores[t] for t in tests] for run in method.folders])
        first = compared[0].scores if compared else None
        compared.append(
            ComparedMethod(
                method.name,
                method.differences,
                tuple(own),
                scores,
                estimate(interquartile_mean, scores),
                estimate(mean, scores),
                None if target is None else estimate(lambda s: optimality_gap(s, target), scores),
                None if first is None else estimate(_difference, scores, first),
                None if first is None else estimate(probability_of_improvement, scores, first),
            )
        )
    return Comparison(
        tuple(compared), tests, left_out, measure, at, budget, confidence, tuple(remarks)
    )


def _difference(scores: np.ndarray, others: np.ndarray) -> Any:
    return interquartile_mean(scores) - interquartile_mean(others)


def _folders(paths: Sequence[Path]) -> list[RunFolder]:
    """The runs that paths and patterns name, each once."""
    found: dict[pathlib.Path, RunFolder] = {}
    for path in paths:
        for match in matching(path):
            folder = _opened(match)
            place = folder.path.resolve()
            if place in found:
                raise ValueError(
                    f"{match} is given twice, and a run counts once: leave one of them out."
                )
            found[place] = folder
    if not found:
        raise ValueError("There is nothing to compare: give the folders of at least one run.")
    return list(found.values())


def _opened(path: Path) -> RunFolder:
    try:
        return RunFolder.open(path)
    except FolderError as error:
        inside = expanded(path)
        if inside.is_dir() and any((child / "config.json").is_file() for child in inside.iterdir()):
            raise FolderError(f"{error} There are runs in it: give '{path}/*'.") from None
        raise


def _evaluated(folder: RunFolder, measure: Measure) -> list[RunEvaluation]:
    """The evaluations of a run that measured something in a held-out test."""
    found = evaluations_of(folder, measure)
    if not found:
        raise FolderError(
            f"{folder.path} was never evaluated: 'minimax-eqx evaluate {folder.path}' does it, or "
            "leave it out."
        )
    measured = [evaluation for evaluation in found if evaluation.scores]
    if not measured:
        said = f"{folder.path} has no {measure.replace('_', ' ')} in any held-out test"
        if any(evaluation.scores for evaluation in evaluations_of(folder, "return")):
            raise FolderError(f"{said}: compare with measure='return' (--measure return).")
        raise FolderError(
            f"{said}, since it was evaluated on none: evaluate all runs on the same tests, with "
            f"'minimax-eqx evaluate RUN... --suite SUITE', or '--levels FILE' for levels of yours."
        )
    return measured


def _at_equal(
    at: At, evaluations: Mapping[pathlib.Path, Sequence[RunEvaluation]]
) -> tuple[int | None, dict[pathlib.Path, RunEvaluation]]:
    """The budget of all runs, and of each the last evaluation within it."""
    if at == "end":
        return None, {path: found[-1] for path, found in evaluations.items()}
    shortest = min(evaluations, key=lambda path: getattr(evaluations[path][-1], at))
    budget: int = getattr(evaluations[shortest][-1], at)
    chosen = {}
    for path, found in evaluations.items():
        within = [evaluation for evaluation in found if getattr(evaluation, at) <= budget]
        if not within:
            raise UnequalError(
                f"{path} was first evaluated at {getattr(found[0], at):,} {at}, and {shortest} "
                f"last at {budget:,}. Evaluate an earlier checkpoint ('minimax-eqx evaluate "
                f"{path} --checkpoint N'), leave a run out, or compare the ends of the runs "
                "(at='end', or --at end on the command line)."
            )
        chosen[path] = within[-1]
    return budget, chosen


def _common_tests(
    chosen: Mapping[pathlib.Path, RunEvaluation], measure: Measure
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tests that all runs took, and the others."""
    taken = list(dict.fromkeys(name for found in chosen.values() for name in found.scores))
    common = tuple(t for t in taken if all(t in found.scores for found in chosen.values()))
    if not common:
        raise ValueError(
            "The runs have no held-out test in common that measured the "
            f"{measure.replace('_', ' ')}; there are {', '.join(taken)}. Evaluate all runs on the "
            "same tests with 'minimax-eqx evaluate', and compare with at='end' (--at end on the "
            "command line)."
        )
    return common, tuple(t for t in taken if t not in common)


def _told_of_evaluations(chosen: Sequence[RunEvaluation], tests: Sequence[str]) -> list[str]:
    """A sentence for each thing in which evaluations differ, but should not."""
    found = []
    if len({evaluation.greedy for evaluation in chosen}) > 1:
        found.append("Some runs were evaluated with the likeliest actions, others with sampled.")
    # By default each run has its own.
    seeds = {evaluation.seed for evaluation in chosen}
    if len(seeds) > 1 and not all(evaluation.has_own_seed for evaluation in chosen):
        others = {str(evaluation.seed) for evaluation in chosen if not evaluation.has_own_seed}
        whose = ["their own"] if any(evaluation.has_own_seed for evaluation in chosen) else []
        listed = ", ".join([*sorted(others), *whose])
        found.append(
            f"Some runs were evaluated with other seeds than others ({listed}), so chance and "
            "random levels were not drawn alike."
        )
    for test in tests:
        counts = {evaluation.episodes[test] for evaluation in chosen if test in evaluation.episodes}
        if len(counts) > 1:
            found.append(
                f"Some runs were evaluated with {min(counts):,} episodes of a test, others with up "
                f"to {max(counts):,}."
            )
            break
    return found


def _compared(folder: RunFolder, evaluation: RunEvaluation) -> ComparedRun:
    seed = folder.config()["experiment"].get("seed")
    if type(seed) is not int:
        raise FolderError(f"{folder.path / CONFIG} is damaged: its seed is {seed!r:.80}.")
    spent = (evaluation.cycle, evaluation.updates, evaluation.transitions)
    return ComparedRun(folder.path, seed, *spent, ledger_at(folder, evaluation.cycle))


def _check_seeds(name: str, runs: Sequence[ComparedRun]) -> None:
    by_seed: dict[int, ComparedRun] = {}
    for run in runs:
        other = by_seed.setdefault(run.seed, run)
        if other is not run:
            raise ValueError(
                f"{other.path} and {run.path} are of one method, {name}, and of one seed, "
                f"{run.seed}: that is one run twice. Leave one out."
            )
