"""What an evaluation found, as sections read it."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .._folder._results import all_results, title_of
from ..statistics import wilson
from ._run import UNSEEN


@dataclasses.dataclass(frozen=True)
class Result:
    """One test: how often it was solved, between what, and what else was measured.

    NaN is what was not. The interval is about the episodes of this run, and not about other seeds.
    """

    name: str
    success: float
    low: float
    high: float
    mean_return: float
    steps: float
    num_episodes: int
    regret: float
    worst_regret: float
    largest_regret: float
    num_students: int
    title: str
    """What a reader calls it."""


def results_of(evaluation: Mapping[str, Any] | None) -> list[Result]:
    """The results of all tests, unseen levels first if there were any."""
    if evaluation is None:
        return []
    return [_result(name, summary) for name, summary in all_results(evaluation).items()]


def held_out(results: Sequence[Result]) -> list[Result]:
    """The results of tests, without the one on unseen levels."""
    return [result for result in results if result.name != UNSEEN]


def mean_success(results: Sequence[Result]) -> float:
    """The mean over tests; NaN without any."""
    rates = [r.success for r in results if math.isfinite(r.success)]
    return sum(rates) / len(rates) if rates else math.nan


def _result(name: str, summary: Mapping[str, Any]) -> Result:
    rate, students = summary["success_rate"], len(summary.get("success_rate_per_student") or [0])
    low = high = math.nan
    if rate is not None:
        trials = summary["num_episodes"] * students
        estimate = wilson(round(rate * trials), trials)
        low, high = summary.get("success_interval") or (estimate.low, estimate.high)
    return Result(
        name,
        math.nan if rate is None else rate,
        low,
        high,
        summary["return"],
        summary["episode_length"],
        summary["num_episodes"],
        summary.get("regret", math.nan),
        summary.get("regret_of_worst_percent", math.nan),
        summary.get("largest_regret", math.nan),
        students,
        title_of(name, summary),
    )
