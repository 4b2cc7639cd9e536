"""The main curves: success and return in training, and what evaluations on the way found."""

from collections.abc import Sequence

from ._chart import Series, curves
from ._run import Run
from ._section import Section
from ._series import Group, groups_of, series_of

UNSEEN = "unseen"
_SUCCESS, _RETURN = "success_rate", "return"
# More held-out tests than this make no chart that can be read: their mean is shown.
_MOST_TESTS = 8


def section(runs: Sequence[Run]) -> Section | None:
    """Success rate and return over training, of training levels, unseen levels and each test."""
    groups = groups_of(runs)
    if not any(run.rows for run in runs):
        return Section("Learning", "learning", "<p>No row of metrics is there yet.</p>")
    title = "Success rate while training"
    charts = [
        curves(title, series_of(groups, _SUCCESS, name="training levels"), is_share=True),
        curves("Return while training", series_of(groups, _RETURN, name="training levels")),
        _of_tests(groups, _SUCCESS, "Success rate in evaluations", is_share=True),
    ]
    controls = (
        '<p class="controls"><span class="note">Drag over a chart to zoom, double-click to go '
        "back.</span></p>"
    )
    return Section("Learning", "learning", f'{controls}<div class="charts">{"".join(charts)}</div>')


def _of_tests(groups: Sequence[Group], kind: str, title: str, *, is_share: bool) -> str:
    """What evaluations on the way found, if there were any besides the last."""
    tables = [run.evaluations for group in groups for run in group.runs]
    if not any(len(table) > 1 for table in tables):
        return ""
    names = list(dict.fromkeys(n for table in tables for row in table[:1] for n in row))
    tests = [n.removesuffix(f" {kind}") for n in names if n.endswith(f" {kind}")]
    series: list[Series] = []
    for i, test in enumerate(tests[:_MOST_TESTS]):
        name = "unseen training levels" if test == UNSEEN else test
        found = series_of(groups, f"{test} {kind}", "evaluations", name=name, look=i)
        series += found
    return curves(title, series, is_share=is_share)
