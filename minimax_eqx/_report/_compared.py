"""Runs beside each other, test by test."""

import math
from collections.abc import Sequence

from ._held_out import interval
from ._html import escaped, percent, table
from ._results import held_out, results_of
from ._run import Run
from ._section import Section
from ._series import groups_of


def section(runs: Sequence[Run]) -> Section | None:
    """The success rate in each test of each group of runs that were evaluated, with the lowest and
    highest of its seeds; None for a single run, or where no test is common."""
    runs = [run for run in runs if run.evaluation is not None]
    if len(runs) < 2:
        return None
    groups = groups_of(runs)
    rates = [
        [{r.name: r.success for r in results_of(run.evaluation)} for run in group.runs]
        for group in groups
    ]
    known = [r for run in runs for r in held_out(results_of(run.evaluation))]
    names = [name for name in dict.fromkeys(r.name for r in known) if not _is_missing(name, rates)]
    if not names:
        return None
    rows = [
        [escaped(name), *(_cell([run[name] for run in own]) for own in rates)] for name in names
    ]
    means = [[sum(run[n] for n in names) / len(names) for run in own] for own in rates]
    rows.append(["<b>mean of all</b>", *map(_cell, means)])
    head = ["test", *(escaped(group.name) for group in groups)]
    caption = "Success rate: the mean over seeds, and from the lowest to the highest of them"
    note = (
        '<p class="note">Seeds differ by chance. For intervals over seeds, and for the probability '
        "that one method is better, use <code>minimax-eqx compare</code>.</p>"
    )
    body = table(head, rows, caption=caption, align="l" * len(head)) + note
    return Section("Test by test", "tests", body)


def _is_missing(name: str, rates: Sequence[Sequence[dict[str, float]]]) -> bool:
    """Whether a test was not taken by some run, or not judged."""
    return any(not math.isfinite(run.get(name, math.nan)) for own in rates for run in own)


def _cell(rates: Sequence[float]) -> str:
    mean, low, high = sum(rates) / len(rates), min(rates), max(rates)
    between = f' <span class="note">({percent(low)} to {percent(high)})</span>'
    told = f"{percent(mean)}, seeds from {percent(low)} to {percent(high)}"
    return f"{interval(mean, low, high, told)} {percent(mean)}{between if len(rates) > 1 else ''}"
