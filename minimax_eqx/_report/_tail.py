"""How the students do on the levels that they are worst at."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._chart import Series, curves
from ._html import escaped, number, percent, table
from ._results import results_of
from ._run import Run
from ._section import Section

_TOLD = (0.01, 0.1, 1.0, 10.0, 100.0)


def section(run: Run) -> Section | None:
    """The tail curve, if it was measured, and regret, where the environment knows the optimum."""
    tail, charts = run.tail, ""
    regrets = [r for r in results_of(run.evaluation) if np.isfinite(r.regret)]
    if tail is None and not regrets:
        return None
    if tail is not None:
        charts = _charts(tail) + _told(tail)
    if regrets:
        rows = [
            [escaped(r.title), number(r.regret), number(r.worst_regret), number(r.largest_regret)]
            for r in regrets
        ]
        caption = "Regret: how far a return is below the best one that its level allows"
        head = ["levels", "mean", "worst 1 %", "largest"]
        charts += table(head, rows, caption=caption)
    return Section("Worst levels", "worst-levels", charts)


def _charts(tail: Mapping[str, Any]) -> str:
    x = {"log10_percent": np.log10(tail["percent"])}
    drawn = []
    for name, title in (("success_rate", "Success on the worst levels"), ("regret", "Regret")):
        if name not in tail:
            continue
        of_students = np.asarray(tail.get(f"{name}_per_student") or [tail[name]], float)
        band = (of_students.min(axis=0), of_students.max(axis=0)) if len(of_students) > 1 else ()
        line = Series("mean of students" if band else title, x, np.asarray(tail[name]), *band)
        drawn.append(curves(title, [line], is_share=name == "success_rate"))
    text = (
        f"<p>Of {tail['num_levels']:,} levels that can be solved, the worst come first: the "
        f"further left, the fewer and the worse. {tail['num_episodes']} episodes of each level "
        "found them, and as many others measured them.</p>"
    )
    return f'{text}<div class="charts">{"".join(drawn)}</div>'


def _told(tail: Mapping[str, Any]) -> str:
    at = np.asarray(tail["percent"])
    rows = [
        [f"{number(share)} %", percent(tail["success_rate"][int(np.argmin(abs(at - share)))])]
        for share in _TOLD
        if abs(at - share).min() < 0.01 * share
    ]
    return table(["worst", "success"], rows, caption="Success on the worst levels")
