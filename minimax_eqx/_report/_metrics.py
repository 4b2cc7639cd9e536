"""All metrics, as small charts among which a reader searches."""

from collections.abc import Sequence

from ._chart import curves
from ._html import folded
from ._run import Run
from ._section import Section
from ._series import groups_of, series_of

# What the others are drawn over.
_AXES = ("cycle", "updates", "env_steps", "seconds_running", "seconds_compiling")


def section(runs: Sequence[Run]) -> Section | None:
    """A small chart of each column of metrics.csv."""
    names = dict.fromkeys(n for run in runs for row in run.rows[-1:] for n in row)
    groups = groups_of(runs)
    charts = [
        curves(name, series_of(groups, name), is_small=True) for name in names if name not in _AXES
    ]
    if not charts:
        return None
    search = (
        '<p class="controls"><label for="search-metrics">Search</label> '
        '<input id="search-metrics" type="search" data-filter="all-metrics" autocomplete="off"> '
        f'<span id="all-metrics-count" class="note" role="status">{len(charts)} shown</span></p>'
    )
    body = f'{search}<div class="multiples" id="all-metrics">{"".join(charts)}</div>'
    return Section("All metrics", "metrics", folded(f"{len(charts)} metrics", body))
