"""The comparison of methods: its page, its tests of pairs, and training that goes on."""

import json

import equinox as eqx
import numpy as np
import pytest
from scipy import stats

from benchmarks.compared import command, evaluation, methods, page, training
from benchmarks.compared.pairs import pairs
from minimax_eqx._files import FolderError
from minimax_eqx.recipes import maze
from minimax_eqx.runners._saving import CheckpointError
from tests.experiment.tiny import tiny

MAZES = ["Corridor", "Rooms"]


def of_method(*rates, updates=100):
    """Results of five seeds, which solve mazes and levels that often."""
    rates = list(rates)
    return {
        "held_out": [[rate, rate] for rate in rates],
        "held_out_of_parts": [rates, rates],
        "tail": {alpha: rates for alpha in ("1", "10", "100")},
        "regret": {kind: [1 - rate for rate in rates] for kind in ("mean", "worst", "largest")},
        "training": {
            **{"num_seeds": 5, "transitions": 11_000_000, "num_updates": [updates] * 5},
            **{"gradient_steps_per_update": 5, "transitions_per_update": 8192},
            **{"seconds": 3600.0, "cpu_seconds": 7200.0, "cores": 2, "processor": "a machine"},
            **{"date": "2026-01-01", "commit": "abc"},
        },
    }


def results_of(**of_methods):
    protocol = {"num_episodes": 100, "num_levels": 1000, "num_tail_episodes": 10}
    protocol |= {"mazes": MAZES, "evaluated_at": [0.9, 1.0]}
    named = {name.replace("_", " "): method for name, method in of_methods.items()}
    return {"date": "2026-01-01", "commit": "abc", "protocol": protocol, "methods": named}


def test_pairs_are_told_apart_by_welch_with_holms_correction():
    values = {"a": [1.0, 2, 3], "b": [2.0, 3, 4.5], "c": [7.0, 8, 9]}
    first, second, third = pairs(values)
    by_hand = [
        stats.ttest_ind(values[one], values[other], equal_var=False).pvalue
        for one, other in ("ca", "cb", "ba")
    ]
    assert [(p.higher, p.lower) for p in (first, second, third)] == [
        *map(tuple, ("ca", "cb", "ba"))
    ]
    expected = np.maximum.accumulate(by_hand * np.array([3, 2, 1]))
    np.testing.assert_allclose([first.p, second.p, third.p], expected)
    assert first.is_told_apart
    assert not third.is_told_apart
    # Seeds that are all alike say nothing about how much others would differ.
    assert pairs({"a": [0.0, 0.0], "b": [1.0, 1.0]})[0].p == 1


def test_the_page_says_which_methods_the_seeds_tell_apart_and_which_are_missing():
    results = results_of(
        DR=of_method(0.50, 0.51, 0.52, 0.53, 0.54, updates=1350),
        ACCEL=of_method(0.80, 0.81, 0.82, 0.83, 0.84),
        robust_PLR=of_method(0.50, 0.51, 0.53, 0.54, 0.55),
    )
    text = page.page(results, "figure.svg")
    assert "**Not finished:** SFL, MNA, parallel ACCEL, NCC, PLR and TRACED are missing" in text
    assert (
        "* **Success rate on minimax-12** (higher is better): in the mean over seeds from 0.820 "
        "(ACCEL) to 0.520 (DR). The seeds tell 2 of 3 pairs apart: ACCEL is before robust PLR and "
        "DR. They do not tell the other 1 apart." in text
    )
    assert "**Regret** (lower is better): in the mean over seeds from 0.180 (ACCEL)" in text
    assert "DR made 1,350 updates and ACCEL 100" in text
    row = next(line for line in text.splitlines() if line.startswith("| ACCEL | 0.820 | ["))
    # Every seed of ACCEL is better in every maze than every seed of DR.
    assert "| 1.000 [1.000, 1.000] |" in row
    assert "| Corridor | 0.52 | 0.82 | 0.53 |" in text
    widths = {name: text.count(f"\n| {name} |") for name in results["methods"]}
    assert set(widths.values()) == {4}


def test_every_method_trains_the_student_of_quickstart_in_its_maze_for_the_same_transitions():
    quick, transitions = maze.quickstart(), training.Plan().transitions_of_part
    for experiment in map(methods.experiment_of, methods.METHODS):
        assert eqx.tree_equal(experiment.student, quick.student)
        assert eqx.tree_equal(experiment.env, quick.env)
        assert transitions % experiment.transitions_per_cycle == 0


@pytest.fixture
def two_tiny_methods(monkeypatch):
    experiments = {name: tiny(methods.experiment_of(name)) for name in ("DR", "ACCEL")}
    for module in (methods, training, evaluation):
        monkeypatch.setattr(module, "experiment_of", experiments.__getitem__)
    for module in (methods, command, page):
        monkeypatch.setattr(module, "METHODS", dict.fromkeys(experiments))
    for module in (training, evaluation):
        monkeypatch.setattr(module, "NUM_PARTS", 3)
        monkeypatch.setattr(module, "EVALUATED_PARTS", (2, 3))


@pytest.mark.slow
def test_training_that_was_killed_goes_on_to_the_same_students(
    two_tiny_methods, tmp_path, monkeypatch
):
    plan = training.Plan(transitions=400, num_seeds=2)
    save = training.save

    def killed(path, students):
        raise KeyboardInterrupt

    for name in ("DR", "ACCEL"):
        training.train(tmp_path / "whole", name, plan)
        monkeypatch.setattr(training, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            training.train(tmp_path / "parts", name, plan)
        assert not training.is_trained(tmp_path / "parts", name, plan)
        monkeypatch.setattr(training, "save", save)
        training.train(tmp_path / "parts", name, plan)
        whole, parts = (
            training.read_students(tmp_path / where, name, 3) for where in ("whole", "parts")
        )
        assert eqx.tree_equal(whole, parts)
        told = [training.read_training(tmp_path / where, name) for where in ("whole", "parts")]
        assert [t["metrics"] for t in told[0]["parts"]] == [t["metrics"] for t in told[1]["parts"]]
    # Another plan would not be the same comparison.
    other = training.Plan(transitions=400, num_seeds=3)
    with pytest.raises(FolderError, match="num_seeds 2, and not 3"):
        training.is_trained(tmp_path / "whole", "DR", other)
    with pytest.raises(CheckpointError, match="num_seeds"):
        training.train(tmp_path / "whole", "DR", other)


@pytest.mark.slow
def test_the_command_trains_evaluates_and_writes_the_page(two_tiny_methods, tmp_path):
    words = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    words += ["--transitions", "400", "--seeds", "2", "--episodes", "1", "--levels", "100"]
    assert command.main([*words, "--only", "DR"]) == 0
    [text] = (path.read_text() for path in tmp_path.glob("out/*.md"))
    assert "**Not finished:** ACCEL is missing" in text
    assert command.main(words) == 0
    [text] = (path.read_text() for path in tmp_path.glob("out/*.md"))
    assert "Not finished" not in text
    assert "| SixteenRooms |" in text
    [content] = tmp_path.glob("out/*.json")
    assert list(json.loads(content.read_text())["methods"]) == ["DR", "ACCEL"]
    assert "</svg>" in next(tmp_path.glob("out/*.svg")).read_text()
