"""What became of the levels: how they look, and how often they are solved, kind by kind."""

import re
from collections.abc import Sequence

import jax

from ._chart import curves
from ._run import Run
from ._section import Section
from ._series import Group, groups_of, series_of

_OF_STUDENT = re.compile(r"student\d+")
_SHARES = ("success_rate", "passable")


def section(runs: Sequence[Run]) -> Section | None:
    """A chart of each of the environment's level metrics, and of the success rate, with a line for
    each kind of level that the curriculum proposes (new, replayed and mutated ones, say)."""
    columns = {name for run in runs for row in run.rows[-1:] for name in row}
    env = runs[0].experiment.env
    names = [n for n in jax.eval_shape(env.level_metrics, env.level_spec()) if n in columns]
    kinds = kinds_of(columns)
    groups = groups_of(runs)
    # Of several methods each has one line, or nobody could tell them apart.
    by_kind = kinds if len(groups) == 1 else []
    charts = [_chart(groups, name, by_kind) for name in names]
    if by_kind:
        charts.append(_chart(groups, "success_rate", by_kind))
    if not charts:
        return None
    text = (
        "<p>A curriculum that works makes levels harder while students get better at them, without "
        "anybody saying what hard is. Where a level may be unsolvable, its other figures are means "
        "over the solvable ones.</p>"
    )
    body = f'{text}<div class="charts">{"".join(charts)}</div>'
    return Section("Emergent complexity", "complexity", body)


def kinds_of(columns: set[str]) -> list[str]:
    """The groups of levels that have metrics of their own, in the order in which levels live."""
    kinds = {n.removesuffix("_return") for n in columns if n.endswith("_return")}
    kinds = {kind for kind in kinds if not _OF_STUDENT.fullmatch(kind)}
    order = {"new": 0, "replayed": 1, "mutated": 2}
    return sorted(kinds, key=lambda kind: (order.get(kind, len(order)), kind))


def _chart(groups: Sequence[Group], name: str, kinds: Sequence[str]) -> str:
    title = name.removeprefix("num_").replace("_", " ").capitalize()
    if not kinds:
        return curves(title, series_of(groups, name), is_share=name in _SHARES)
    series = [
        line
        for i, kind in enumerate(kinds)
        for line in series_of(groups, f"{kind}_{name}", name=f"{kind} levels", look=i)
    ]
    return curves(title, series, is_share=name in _SHARES)
