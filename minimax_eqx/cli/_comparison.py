"""A comparison as a person sees it, and as files."""

import csv
import io
import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from .._files import write
from ..experiment._compare import ComparedMethod, Comparison
from ..statistics import Estimate
from ._progress import say

JSON_FILE, CSV_FILE, SCORES_FILE = "comparison.json", "comparison.csv", "scores.csv"


def show(console: Console, comparison: Comparison) -> None:
    """Prints what each method reached, how it compares with the first, and what has to be said."""
    is_share, (first, *others) = comparison.measure == "success_rate", comparison.methods
    unit = " %" if is_share else ""
    of_each = _table("method", "seeds", "transitions", f"IQM{unit}", f"mean{unit}", f"gap{unit}")
    for method in comparison.methods:
        estimates = (method.interquartile_mean, method.mean, method.optimality_gap)
        cells = [_cell(estimate, is_share) for estimate in estimates]
        spent = _range([run.transitions for run in method.runs])
        of_each.add_row(method.name, str(len(method.runs)), spent, *cells)
    console.print(of_each)
    against = _table(f"compared with {first.name}", f"difference of IQM{unit}", "P(better)")
    for method in others:
        better = _cell(method.probability_of_improvement, False)
        against.add_row(method.name, _cell(method.difference, is_share, signed=True), better)
    if others:
        console.print(against)
    measure, tests = comparison.measure.replace("_", " "), comparison.tests
    ending = "" if len(tests) == 1 else "s"
    say(console, f"{measure} in {len(tests)} held-out test{ending}: {_listed(tests)}.")
    say(
        console,
        f"Below each number is its {comparison.confidence:.0%} bootstrap interval over seeds. "
        "IQM is the mean of the middle half of all scores, and gap how far scores fall short of "
        "the target.",
    )
    if others:
        say(console, f"P(better) is how likely a run is better than one of {first.name}.")
    for sentence in sentences(comparison):
        say(console, sentence)


def _table(name: str, *columns: str) -> Table:
    """A table in which names are broken into lines, and numbers are not."""
    table = Table()
    table.add_column(name, overflow="fold")
    for column in columns:
        table.add_column(column, no_wrap=True, justify="right")
    return table


def sentences(comparison: Comparison) -> list[str]:
    """What was equal of all runs, what was left out, and what else a reader should know."""
    if comparison.budget is None:
        found = ["Of each run the last evaluation counts, whatever it had cost until then."]
    else:
        found = [
            f"Of each run the last evaluation within {comparison.budget:,} {comparison.at} counts."
        ]
    if comparison.left_out:
        found.append(
            f"Left out, since some runs did not take them: {_listed(comparison.left_out)}."
        )
    return [*found, *comparison.remarks]


def write_files(comparison: Comparison, folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes comparison.json, comparison.csv (a row for each method) and scores.csv (a row for each
    run and test) into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        JSON_FILE: f"{json.dumps(as_plain(comparison), indent=2)}\n",
        CSV_FILE: _as_csv([_row(method) for method in comparison.methods]),
        SCORES_FILE: _as_csv(_rows_of_scores(comparison)),
    }
    return [write(folder / name, text.encode()) for name, text in contents.items()]


def as_plain(comparison: Comparison) -> dict[str, Any]:
    """The comparison as data that JSON can hold; an interval that there is not is null."""
    methods = [
        {
            "name": method.name,
            "differences": dict(method.differences),
            **{name: _plain(estimate) for name, estimate in _estimates(method).items()},
            "runs": [
                {
                    "path": str(run.path),
                    "seed": run.seed,
                    "cycle": run.cycle,
                    "updates": run.updates,
                    "transitions": run.transitions,
                    "ledger": dict(run.ledger),
                    "scores": dict(zip(comparison.tests, scores, strict=True)),
                }
                for run, scores in zip(method.runs, method.scores.tolist(), strict=True)
            ],
        }
        for method in comparison.methods
    ]
    names = ("measure", "at", "budget", "confidence")
    return {
        **{name: getattr(comparison, name) for name in names},
        "tests": list(comparison.tests),
        "left_out": list(comparison.left_out),
        "remarks": list(comparison.remarks),
        "methods": methods,
    }


def _estimates(method: ComparedMethod) -> dict[str, Estimate | None]:
    names = ("interquartile_mean", "mean", "optimality_gap", "difference")
    names += ("probability_of_improvement",)
    return {name: getattr(method, name) for name in names}


def _plain(estimate: Estimate | None) -> dict[str, float | None] | None:
    if estimate is None:
        return None
    ends = estimate._asdict().items()
    return {name: None if math.isnan(value) else value for name, value in ends}


def _row(method: ComparedMethod) -> dict[str, Any]:
    row: dict[str, Any] = {"method": method.name, "seeds": len(method.runs)}
    for spent in ("updates", "transitions"):
        row[f"fewest_{spent}"] = min(getattr(run, spent) for run in method.runs)
        row[f"most_{spent}"] = max(getattr(run, spent) for run in method.runs)
    for name, estimate in _estimates(method).items():
        for end, value in (_plain(estimate) or dict.fromkeys(Estimate._fields)).items():
            row[name if end == "value" else f"{name}_{end}"] = value
    return row


def _rows_of_scores(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "method": method.name,
            "run": str(run.path),
            "seed": run.seed,
            "updates": run.updates,
            "transitions": run.transitions,
            "test": test,
            comparison.measure: score,
        }
        for method in comparison.methods
        for run, scores in zip(method.runs, method.scores.tolist(), strict=True)
        for test, score in zip(comparison.tests, scores, strict=True)
    ]


def _as_csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _cell(estimate: Estimate | None, is_share: bool, *, signed: bool = False) -> str:
    """A number, and below it its interval if there is one."""
    if estimate is None:
        return ""
    scale, form = (100, ".1f") if is_share else (1, ".2f")
    value, low, high = (f"{scale * number:{'+' if signed else ''}{form}}" for number in estimate)
    # An en dash, or a word where there may be a minus.
    between = " to " if signed else "\u2013"
    return value if math.isnan(estimate.low) else f"{value}\n{low}{between}{high}"


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,}\nto {high:,}"


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
