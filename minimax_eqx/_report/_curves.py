"""The main curves: success and return in training, and what evaluations on the way found."""

from collections.abc import Sequence

from ._chart import AXES, Series, curves
from ._run import UNSEEN, Run
from ._section import Section
from ._series import Group, groups_of, series_of

_SUCCESS, _RETURN = "success_rate", "return"
# Of more tests nobody could tell the lines apart.
_MOST_TESTS = 7


def section(runs: Sequence[Run]) -> Section | None:
    """Success rate and return over training, of training levels, unseen levels and each test."""
    groups = groups_of(runs)
    if not any(run.rows for run in runs):
        return Section("Learning", "learning", "<p>No row of metrics is there yet.</p>")
    title = "Success rate while training"
    charts = [
        curves(title, series_of(groups, _SUCCESS, name="training levels"), is_share=True),
        curves("Return while training", series_of(groups, _RETURN, name="training levels")),
        *_of_tests(groups, _SUCCESS, "Success rate", is_share=True),
        *_of_tests(groups, _RETURN, "Return", is_share=False),
    ]
    axes = "".join(
        f'<button type="button" data-axis="{name}" aria-pressed="{str(i == 0).lower()}">{axis}'
        "</button>"
        for i, (name, axis) in enumerate(AXES.items())
    )
    controls = (
        '<div class="controls"><span id="axis-of-charts">Over</span> '
        f'<span class="choice" role="group" aria-labelledby="axis-of-charts">{axes}</span>'
        '<span class="note">Drag over a chart to zoom, double-click to go back.</span></div>'
    )
    return Section("Learning", "learning", f'{controls}<div class="charts">{"".join(charts)}</div>')


def _of_tests(groups: Sequence[Group], kind: str, what: str, *, is_share: bool) -> list[str]:
    """What evaluations on the way found, if there were any besides the last."""
    tables = [run.evaluations for group in groups for run in group.runs]
    if not any(len(table) > 1 for table in tables):
        return []
    if len(groups) > 1:
        # A line of each test and method could not be told apart.
        unseen = series_of(groups, f"{UNSEEN} {kind}", "evaluations")
        tests = series_of(groups, kind, "held_out_means")
        return [
            curves(f"{what} on unseen levels", unseen, is_share=is_share),
            curves(f"{what}, mean of held-out tests", tests, is_share=is_share),
        ]
    names = list(dict.fromkeys(n for table in tables for row in table[:1] for n in row))
    tests = [n.removesuffix(f" {kind}") for n in names if n.endswith(f" {kind}")]
    series: list[Series] = []
    for i, test in enumerate(tests[:_MOST_TESTS]):
        name = "unseen levels" if test == UNSEEN else test
        series += series_of(groups, f"{test} {kind}", "evaluations", name=name, look=i)
    if len(tests) > _MOST_TESTS:
        look = _MOST_TESTS
        series += series_of(groups, kind, "held_out_means", name="mean of all tests", look=look)
    return [curves(f"{what} in evaluations", series, is_share=is_share)]
