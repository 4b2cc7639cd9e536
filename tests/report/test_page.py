"""The page, of runs that were made up."""

import math
import re

import pytest

from minimax_eqx._report import _page
from minimax_eqx._report._budget import steps_by_kind
from minimax_eqx._report._headline import verdict
from minimax_eqx._report._page import page, write_report
from minimax_eqx._report._series import groups_of, series_of

from .pages import check_page, made_up_run, rows_of, seeded, summary

METRICS = {
    "return": lambda i: 0.01 * i,
    "success_rate": lambda i: min(1, 0.02 * i),
    "num_walls": lambda i: 5 + 0.1 * i,
    "new_return": lambda i: 0.1,
    "new_num_walls": lambda i: 3,
    "mutated_return": lambda i: math.nan if i % 2 else 0.2,
    "mutated_num_walls": lambda i: math.nan if i % 2 else 7,
    "entropy": lambda i: math.nan,
}
EVALUATION = {
    "cycle": 40,
    "updates": 20,
    "greedy": False,
    "unseen": summary(0.9),
    "compared_with_training": {"level buffer": 4_000},
    "held_out": {
        "Labyrinth": summary(0.1) | {"seen_in_training": 0},
        "<b>maze</b>": summary(0.3) | {"seen_in_training": 2},
    },
}
EVALUATIONS = [
    {"cycle": c, "updates": c // 2, "env_steps": 16 * c, "unseen success_rate": c / 50}
    | {"Labyrinth success_rate": c / 400}
    for c in (20, 40)
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "<script>alert(1)</script>"
    path = path.parent / path.name.replace("/", "_")
    origin = {"recipe": "maze-<i>", "changes": {"num_levels": 2}, "command": "train <i> & go"}
    return made_up_run(path, rows_of(40, **METRICS), EVALUATION, EVALUATIONS, **origin)


def test_a_page_is_whole_and_everything_that_users_wrote_is_text(run):
    parsed = check_page(page([run]))
    text = parsed.text()
    assert "worst % of levels" not in text
    assert "(4,000 of its level buffer), it has met 2 of <b>maze</b>." in text
    for shown in (run.name, "<b>maze</b>", "maze-<i>", "train <i> & go", "new_num_walls"):
        assert shown in text
    assert "could not be drawn" not in text
    anchors = {a["class"] for a in parsed.all("section")}
    assert {"result", "learning", "evaluation", "complexity", "metrics", "composition"} <= anchors


def test_a_run_that_has_computed_nothing_has_a_page(tmp_path):
    text = check_page(page([made_up_run(tmp_path / "run", [])])).text()
    assert "has not been evaluated yet" in text
    assert "No row of metrics is there yet" in text


def test_a_section_that_fails_is_told_of_in_its_place_and_the_rest_is_there(
    run, tmp_path, monkeypatch, caplog
):
    def section(_):
        raise RuntimeError("the <artist> is ill")

    section.__module__ = "minimax_eqx._report._art"
    first, *others = _page.SECTIONS
    monkeypatch.setattr(_page, "SECTIONS", (first, (section, _page.OF_FIRST), *others))
    written = write_report(run, tmp_path / "page.html")
    parsed = check_page(written.read_text())
    assert "This section could not be drawn. RuntimeError: the <artist> is ill" in parsed.text()
    assert "The section art of the report could not be drawn" in caplog.text
    assert len(parsed.all("section")) > 4


def test_the_tail_is_drawn_over_powers_of_ten(tmp_path):
    run = made_up_run(tmp_path / "run", rows_of(2), EVALUATION)
    tail = {"percent": [0.01, 1.0, 100.0], "success_rate": [0.1, 0.5, 0.9], "num_episodes": 10}
    tail |= {"num_levels": 10_000, "success_rate_per_student": [[0.1, 0.5, 0.9]]}
    run.folder.write_tail(tail)
    text = check_page(page([run])).text()
    assert "rises from 10 % to 90 % from 0.01 to 100 worst % of levels" in text
    assert re.search(r"0\.01\s+0\.1\s+1\s+10\s+100", text)


def test_the_cost_has_each_transition_once():
    spent = {"env_steps": 100, "steps_learned_from": 50, "steps_on_mutants": 30}
    assert list(steps_by_kind(spent).values()) == [50, 30, 20]
    assert list(steps_by_kind(spent | {"steps_searching": 20}).values()) == [50, 20, 30]
    assert steps_by_kind({"env_steps": 100}) == {}


def test_a_run_in_progress_says_so(run, tmp_path):
    going_on = run.__class__(run.folder, run.experiment, None, True)
    assert "This run is in progress" in check_page(page([going_on])).text()
    assert "in progress" not in check_page(page([run])).text()


def test_seeds_of_one_experiment_are_a_line_with_a_band(tmp_path):
    runs = [
        made_up_run(
            tmp_path / f"accel-{seed}",
            rows_of(count, success_rate=lambda i, seed=seed: seed * i),
            EVALUATION,
            experiment=seeded(seed),
        )
        for seed, count in ((1, 6), (3, 4))
    ]
    (group,) = groups_of(runs)
    assert group.name == "accel, 2 seeds"
    (line,) = series_of([group], "success_rate")
    assert line.y.tolist() == [2, 4, 6, 8]
    assert line.low is not None
    assert (line.low.tolist(), line.high.tolist()) == ([1, 2, 3, 4], [3, 6, 9, 12])
    assert line.x["env_steps"].tolist() == [16, 32, 48, 64]
    parsed = check_page(page(runs))
    assert "mean of 2 seeds" in parsed.text()
    assert "Of accel-1, the first run" in parsed.text()
    assert "tests" in {a["class"] for a in parsed.all("section")}


def test_students_of_one_run_are_a_band(tmp_path):
    columns = {"return": lambda i: 2, "student0_return": lambda i: 1}
    run = made_up_run(
        tmp_path / "run", rows_of(3, **columns, student1_return=lambda i: 3, other=lambda i: 9)
    )
    (line,) = series_of(groups_of([run]), "return")
    assert (line.y.tolist(), line.low.tolist(), line.high.tolist()) == ([2] * 3, [1] * 3, [3] * 3)


@pytest.mark.parametrize(
    ("unseen", "tests", "says"),
    [
        (0.97, (0.95, 0.99), "solves 97.0 % of unseen levels and 97.0 % of the 2 held-out "
                             "tests, so what it learned carries over"),
        (0.9, (0.4, 0.6), "the hardest for it is test0 with 40.0 %"),
        (0.9, (0.0, 0.1), "does not carry over to them yet"),
        (0.4, (0.1,), "40.0 % of unseen levels and 10.0 % of test0."),
        (None, (None,), "reaches a return of 0.4 on unseen levels, 0.4 on test0."),
    ],
)  # fmt: skip
def test_the_verdict_is_a_sentence(tmp_path, unseen, tests, says):
    held_out = {f"test{i}": summary(rate) for i, rate in enumerate(tests)}
    evaluation = EVALUATION | {"unseen": summary(unseen), "held_out": held_out}
    (group,) = groups_of([made_up_run(tmp_path / "run", [], evaluation)])
    assert says in verdict(group)
    assert verdict(group).startswith("After 20 updates, the student")
