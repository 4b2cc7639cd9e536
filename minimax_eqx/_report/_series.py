"""Tables of runs as lines of charts, runs that differ in their seeds as one line with a band."""

import dataclasses
import json
import math
import re
from collections.abc import Sequence

import numpy as np

from .._composition._plain import to_plain
from ._chart import Series
from ._run import Rows, Run

_STUDENT = re.compile(r"student\d+_")


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs of one experiment, perhaps with several seeds, and what they are called together."""

    name: str
    runs: tuple[Run, ...]


def groups_of(runs: Sequence[Run]) -> list[Group]:
    """The runs in groups whose experiments differ in nothing but the seed and the devices."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        plain = to_plain(run.experiment) | {"seed": None, "devices": None}
        found.setdefault(json.dumps(plain, sort_keys=True), []).append(run)
    groups = []
    for members in found.values():
        name = _name(members)
        taken = {group.name for group in groups}
        groups.append(Group(f"{name} ({members[0].name})" if name in taken else name, (*members,)))
    return groups


def _name(members: Sequence[Run]) -> str:
    if len(members) == 1:
        return members[0].name
    recipe = members[0].origin.get("recipe")
    return f"{recipe or re.sub(r'[-_]?[0-9]+$', '', members[0].name)}, {len(members)} seeds"


def series_of(
    groups: Sequence[Group],
    metric: str,
    table: str = "rows",
    *,
    name: str = "",
    look: int | None = None,
) -> list[Series]:
    """A line of a metric for each group that has it, from a table of its runs: `rows`,
    `evaluations` or `held_out_means`. `name` is what the line of a single group is called.

    The line is the mean over runs and the band reaches from the lowest to the highest; for one run
    of several students the band is over them. `look` is the number of a colour and a dash.
    """
    found = []
    for i, group in enumerate(groups):
        tables = [getattr(run, table) for run in group.runs]
        label = name if name and len(groups) == 1 else group.name
        # Of several groups each has its colour, so that it is the same in all charts.
        style = look if look is not None and len(groups) == 1 else i
        columns = [(rows, metric) for rows in tables]
        if len(tables) == 1 and tables[0]:
            of_students = [n for n in tables[0][0] if _STUDENT.fullmatch(n.removesuffix(metric))]
            columns += [(tables[0], name) for name in of_students]
        series = _series(label, columns, num_runs=len(tables))
        if series is not None:
            found.append(dataclasses.replace(series, colour=style, dash=style))
    return found


def _series(label: str, columns: Sequence[tuple[Rows, str]], num_runs: int) -> Series | None:
    """The mean of the first `num_runs` columns, and a band over them or, if there is but one, over
    the others."""
    columns = [(rows, name) for rows, name in columns if rows and name in rows[0]]
    if not columns:
        return None
    cycles = np.unique(np.concatenate([_measured(rows, name)[0] for rows, name in columns]))
    # Further on, the mean would be over fewer runs.
    cycles = cycles[cycles <= min(rows[-1]["cycle"] for rows, _ in columns)]
    values = np.stack([_at(cycles, rows, name) for rows, name in columns])
    x = {
        axis: np.mean([_at(cycles, rows, axis) for rows, _ in columns], axis=0)
        for axis in ("updates", "env_steps")
    }
    timed = [rows for rows, _ in columns if "seconds_running" in rows[0]]
    if len(timed) == len(columns):
        seconds = [
            _at(cycles, rows, "seconds_running") + _at(cycles, rows, "seconds_compiling")
            for rows in timed
        ]
        x["minutes"] = np.mean(seconds, axis=0) / 60
    spread = values if num_runs > 1 else values[1:]
    low = high = None
    if len(spread) > 1:
        low, high = _over(np.nanmin, spread), _over(np.nanmax, spread)
    own = values[:num_runs] if num_runs > 1 else values[:1]
    return Series(label, x, _over(np.nanmean, own), low, high)


def _over(function, values: np.ndarray) -> np.ndarray:
    """A function over runs, at each point; NaN where none has a value."""
    seen = np.isfinite(values).any(axis=0)
    result = np.full(values.shape[1], math.nan)
    result[seen] = function(values[:, seen], axis=0)
    return result


def _measured(rows: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The cycles in which a column has a value, and its values."""
    pairs = [(row["cycle"], row.get(name, math.nan)) for row in rows]
    seen = np.array([pair for pair in pairs if np.isfinite(pair[1])], float).reshape(-1, 2)
    return seen[:, 0], seen[:, 1]


def _at(cycles: np.ndarray, rows: Rows, name: str) -> np.ndarray:
    """A column at these cycles, on straight lines between the rows that have it, NaN outside."""
    own, values = _measured(rows, name)
    if not len(own):
        return np.full(len(cycles), math.nan)
    return np.interp(cycles, own, values, left=math.nan, right=math.nan)
