"""Runs on disk compared by method: which count, at what cost, and what is said about it."""

import csv
import json
import shlex

import numpy as np
import pytest
from rich.console import Console

import minimax_eqx as mx
from minimax_eqx import statistics
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.cli._main import main
from minimax_eqx.cli._sweeping import show_table
from minimax_eqx.recipes import maze

from .tiny import experiment

# Success in two mazes at 100 and 200 cycles, by method and seed. A cycle has 16 transitions.
DR = {1: [(0.1, 0.2), (0.3, 0.4)], 2: [(0.0, 0.2), (0.5, 0.4)], 3: [(0.1, 0.1), (0.2, 0.6)]}
PLR = {1: [(0.2, 0.2), (0.8, 0.9)], 2: [(0.3, 0.1), (0.4, 0.7)], 3: [(0.2, 0.3), (0.9, 0.8)]}
MAZES = ("Labyrinth", "SixteenRooms")


def make_run(path, composed, scores, *, every=100, tests=MAZES, json_scores=None, origin=None):
    """A run that was evaluated every so many cycles, with these scores, and never trained."""
    folder = RunFolder(path)
    with folder.begun(composed, origin=origin):
        table = folder.evaluations()
        for i, row in enumerate(scores, start=1):
            spent = {"cycle": every * i, "updates": every * i, "env_steps": every * i * 16}
            measured = {f"{t} success_rate": v for t, v in zip(tests, row, strict=True)}
            measured |= {f"{t} return": v / 2 for t, v in zip(tests, row, strict=True)}
            table.append(spent | {"unseen success_rate": 1.0, "unseen return": 1.0} | measured)
        if json_scores is not None:
            held_out = {t: {"success_rate": v} for t, v in zip(tests, json_scores, strict=True)}
            newest = {"cycle": every * len(scores), "updates": every * len(scores)}
            newest |= {"greedy": True, "unseen": None}
            folder.write_evaluation(newest | {"held_out": held_out})
    return path


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, scores in DR.items():
        make_run(tmp_path / f"dr-{seed}", experiment(seed=seed), scores)
    for seed, scores in PLR.items():
        composed = maze.plr(height=5, width=6, seed=seed, num_episodes=1)
        make_run(tmp_path / f"plr-{seed}", composed, scores)
    return tmp_path


def test_runs_are_seeds_of_methods_and_each_method_has_its_numbers(runs):
    comparison = mx.compare([runs / "dr-*", runs / "plr-*"])
    dr, plr = comparison.methods
    assert [method.name for method in comparison.methods] == ["dr", "plr"]
    assert [run.seed for run in plr.runs] == [1, 2, 3]
    assert {run.transitions for run in dr.runs + plr.runs} == {200 * 16} == {comparison.budget}
    assert (comparison.tests, comparison.left_out) == (MAZES, ())
    own, other = (np.array([scores[-1] for scores in m.values()]) for m in (PLR, DR))
    np.testing.assert_array_equal(plr.scores, own)
    for name in ("interquartile_mean", "mean", "optimality_gap"):
        assert getattr(plr, name) == statistics.bootstrap(getattr(statistics, name), own)
    better = statistics.bootstrap(statistics.probability_of_improvement, own, other)
    assert plr.probability_of_improvement == better
    iqm = statistics.interquartile_mean
    assert plr.difference.value == pytest.approx(iqm(own) - iqm(other))
    assert dr.difference is dr.probability_of_improvement is None
    assert "3 seeds" in comparison.remarks[0]


def test_methods_are_compared_at_equal_cost_unless_told_otherwise(runs):
    """A fourth seed was stopped after 150 cycles, so of the others the evaluation at 100 counts."""
    make_run(runs / "dr-4", experiment(seed=4), [(0.6, 0.6)], every=150)
    for at in ("transitions", "updates"):
        comparison = mx.compare(str(runs / "*"), at=at)
        assert comparison.budget == 150 * (16 if at == "transitions" else 1)
        dr, plr = comparison.methods
        assert [run.cycle for run in dr.runs] == [100, 100, 100, 150]
        np.testing.assert_array_equal(plr.scores, [scores[0] for scores in PLR.values()])
    comparison = mx.compare(str(runs / "*"), at="end", measure="return")
    assert comparison.budget is None
    assert comparison.methods[0].optimality_gap is None
    np.testing.assert_array_equal(comparison.methods[0].scores[0], np.array(DR[1][-1]) / 2)
    make_run(runs / "dr-5", experiment(seed=5), [(0.6, 0.6)], every=50)
    with pytest.raises(ValueError, match=r"first evaluated at 1,600 transitions.*--at end"):
        mx.compare(str(runs / "*"))


def test_a_newer_evaluation_of_the_same_cycle_counts(runs):
    make_run(runs / "dr-4", experiment(seed=4), [(0.1, 0.1), (0.2, 0.2)], json_scores=(0.7, 0.9))
    comparison = mx.compare(runs / "dr-*")
    np.testing.assert_array_equal(comparison.methods[0].scores[-1], [0.7, 0.9])
    assert "likeliest actions" in comparison.remarks[0]
    # An evaluation of a checkpoint that was chosen afterwards fills a gap.
    make_run(runs / "dr-5", experiment(seed=5), [(0.6, 0.6)], every=50)
    held_out = {name: {"success_rate": 0.25} for name in MAZES}
    for path in runs.glob("dr-[1-4]"):
        chosen = {"cycle": 40, "updates": 40, "held_out": held_out}
        RunFolder(path).write_evaluation(chosen, "-40")
    [dr] = mx.compare(runs / "dr-*").methods
    assert [run.transitions for run in dr.runs] == [640] * 4 + [800]
    np.testing.assert_array_equal(dr.scores[0], [0.25, 0.25])


def test_methods_of_one_title_are_told_apart_by_few_options(runs):
    make_run(runs / "dr-7", experiment(seed=7, num_steps=16), DR[1])
    make_run(runs / "dr-8", experiment(seed=8, num_steps=16, learning_rate=0.5), DR[1])
    make_run(runs / "dr-9", experiment(seed=9, num_updates=999, mazes=("Labyrinth",)), DR[1])
    # A run that a version with fewer fields wrote is of the same method.
    content = json.loads((runs / "dr-2" / "config.json").read_text())
    del content["experiment"]["student"]["value_loss"], content["experiment"]["rollouts_per_play"]
    (runs / "dr-2" / "config.json").write_text(json.dumps(content))
    methods = mx.compare(runs / "dr-*", at="end").methods
    assert [len(method.runs) for method in methods] == [4, 1, 1]
    assert methods[1].name.startswith("dr ")
    assert all("num_steps" in method.differences for method in methods)
    assert len({method.name for method in methods}) == 3
    assert "mazes" not in methods[0].name


def test_a_method_is_called_by_its_recipe_and_what_only_it_changed(tmp_path):
    """Of a seed, and of what all changed alike, nothing is said."""
    for seed, num_steps, walls in ((1, 8, 6), (2, 8, 6), (3, 16, 6), (4, 16, 9)):
        changes = {"num_steps": num_steps, "num_walls": walls, "seed": seed, "num_updates": 8}
        origin = {"recipe": "maze-dr", "changes": changes | {"num_filters": 4}}
        composed = experiment(seed=seed, num_steps=num_steps, num_walls=walls)
        make_run(tmp_path / f"any{seed}", composed, DR[1], origin=origin)
    names = [method.name for method in mx.compare(tmp_path / "*").methods]
    assert names[1] == "maze-dr num_steps=16 num_walls=6"
    assert names == [f"maze-dr num_steps={n} num_walls={w}" for n, w in ((8, 6), (16, 6), (16, 9))]


def test_the_name_of_a_method_of_a_sweep_has_all_that_was_swept(tmp_path):
    recipe = experiment()
    default = recipe.student.optimiser.learning_rate
    for entropy in (recipe.student.entropy_coef, 0.5):
        for rate in (default, 0.25):
            values = {"learning_rate": rate, "entropy_coef": entropy}
            changes = {n: v for n, v in values.items() if v in (0.25, 0.5)}
            origin = {"recipe": "maze-dr", "changes": changes}
            name = f"learning-rate={rate}_student.entropy-coef={entropy}_seed=1"
            make_run(tmp_path / name, experiment(**values), DR[1], origin=origin)
    names = [method.name for method in mx.compare(tmp_path / "*").methods]
    assert len(names) == 4
    assert all("learning_rate=" in name and "entropy_coef=" in name for name in names)
    assert f"maze-dr learning_rate={default} entropy_coef=0.5" in names


def test_a_run_has_its_ledger_beside_it(runs):
    folder = RunFolder(runs / "dr-1")
    row = {"cycle": 200, "env_steps": 3200, "steps_learned_from": 1600, "return": 0.5}
    folder.metrics().append(row | {"seconds_running": 2.5})
    ledgers = [run.ledger for run in mx.compare(runs / "dr-*").methods[0].runs]
    del row["return"]
    assert ledgers == [row | {"seconds_running": 2.5}, {}, {}]


def test_one_seed_has_numbers_and_no_intervals(runs):
    comparison = mx.compare([runs / "dr-1", runs / "plr-*"])
    assert np.isnan([comparison.methods[0].mean.low, comparison.methods[1].difference.high]).all()
    assert comparison.methods[0].mean.value == pytest.approx(0.35)
    assert not np.isnan(comparison.methods[1].mean.low)
    assert "dr has one seed (dr-1), so it has no intervals" in comparison.remarks[0]


def test_only_tests_that_all_runs_took_count(runs):
    make_run(runs / "dr-4", experiment(seed=4), DR[1], tests=("Labyrinth", "FourRooms"))
    comparison = mx.compare(runs / "*")
    assert comparison.tests == ("Labyrinth",)
    assert set(comparison.left_out) == {"SixteenRooms", "FourRooms"}
    make_run(runs / "dr-5", experiment(seed=5), DR[1], tests=("Maze", "Rooms"))
    with pytest.raises(ValueError, match="no held-out test in common"):
        mx.compare(runs / "*")


def test_the_command_prints_a_table_and_writes_files_if_asked(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    words = ["compare", str(runs / "dr-*"), str(runs / "plr-*")]
    before = sorted(runs.rglob("*"))
    assert main(words) == 0
    assert sorted(runs.rglob("*")) == before
    out = capsys.readouterr().out
    assert "within 3,200 transitions" in out
    assert "IQM" in out
    assert "Left out" not in out
    assert main([*words, "--out", str(runs / "out"), "--confidence", "0.8"]) == 0
    content = json.loads((runs / "out" / "comparison.json").read_text())
    found = mx.compare([runs / "dr-*", runs / "plr-*"], confidence=0.8).methods[1]
    assert content["methods"][1]["mean"] == found.mean._asdict()
    assert content["methods"][0]["difference"] is None
    with open(runs / "out" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert float(rows[0]["success_rate"]) == DR[1][-1][0]
    with open(runs / "out" / "comparison.csv", newline="") as file:
        assert float(list(csv.DictReader(file))[1]["mean_low"]) == pytest.approx(found.mean.low)


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ([{}, {}], None),
        ([{"seed": 7}, {"seed": 7}], None),
        # One of them is its own.
        ([{"seed": 1}, {"seed": 1}], None),
        ([{"seed": 7}, {}], "with other seeds than others (7, their own)"),
        ([{"seed": 7}, {"seed": 8}], "with other seeds than others (7, 8)"),
        ([{"greedy": True}, {"greedy": False}], "with the likeliest actions"),
        ([{"num_episodes": 500}, {}], "with 1 episodes of a test, others with up to 500."),
        ([{"num_episodes": 500}, {"num_episodes": 500}], None),
    ],
)
def test_evaluations_that_were_made_in_different_ways_are_remarked(changes, remark, tmp_path):
    for seed, own in enumerate(changes, start=1):
        path = make_run(tmp_path / f"dr-{seed}", experiment(seed=seed), [(0.1, 0.2)])
        how = dict(own)
        played = {"success_rate": 0.5, "num_episodes": how.pop("num_episodes", 1)}
        newest = {"cycle": 100, "updates": 100, "held_out": dict.fromkeys(MAZES, played)}
        if own:
            RunFolder(path).write_evaluation(newest | how)
    *remarks, of_few_seeds = mx.compare(tmp_path / "*").remarks
    assert "2 seeds" in of_few_seeds
    assert len(remarks) == (remark is not None)
    assert remark is None or remark in remarks[0]


@pytest.mark.parametrize(("every", "others"), [(100, False), (50, False), (50, True)])
def test_the_table_of_a_sweep_is_made_again_by_the_command_below_it(
    every, others, runs, capsys, monkeypatch
):
    """Whether its runs can be compared at equal transitions, and are all that the folder has."""
    monkeypatch.setenv("COLUMNS", "120")
    swept = [runs / "sweep" / f"num_steps={n}" for n in (8, 16)]
    for path, num_steps, each in zip(swept, (8, 16), (100, every), strict=True):
        scores = [(0.1, 0.2)]
        composed = experiment(num_steps=num_steps)
        make_run(path, composed, scores, every=each, json_scores=scores[0])
    if others:
        make_run(runs / "sweep" / "stopped", experiment(num_steps=32), [])
    show_table(Console(), runs / "sweep", swept)
    *table, last = capsys.readouterr().out.splitlines()
    if every == 50:
        assert table.pop().endswith("at their ends, after from 800 to 1,600 transitions.")
    command = shlex.split(last.partition(": ")[2])
    assert ("sweep/*" in last, "--at end" in last) == (not others, every == 50)
    assert main(command[1:]) == 0
    assert capsys.readouterr().out.splitlines() == table


@pytest.mark.parametrize(
    ("make", "words", "message"),
    [
        (lambda p: None, ["compare"], "The runs come first"),
        (lambda p: None, ["compare", "nothing*"], "Nothing is called nothing*"),
        (lambda p: None, ["compare", "."], "There are runs in it: give './*'"),
        (lambda p: (p / "empty").mkdir(), ["compare", "empty"], "There is no run in empty"),
        (lambda p: None, ["compare", "dr-1", "dr-*"], "dr-1 is given twice"),
        (
            lambda p: make_run(p / "copy", experiment(seed=1), DR[1]),
            ["compare", "dr-*", "copy"],
            "of one seed, 1: that is one run twice",
        ),
        (lambda p: make_run(p / "new", experiment(), []), ["compare", "new"], "never evaluated"),
        (
            lambda p: make_run(p / "new", experiment(), [()], tests=()),
            ["compare", "new"],
            "no success rate in any held-out test, since it was evaluated on none",
        ),
        (lambda p: None, ["compare", "dr-*", "--confidence", "2"], "confidence is 2.0"),
        (lambda p: None, ["compare", "dr-*", "--at", "noon"], "noon"),
        (
            lambda p: (p / "dr-1" / "evaluation.json").write_text('{"cycle": 1}'),
            ["compare", "dr-*"],
            "An evaluation in",
        ),
    ],
)
def test_what_cannot_be_compared_is_one_line(runs, capsys, make, words, message):
    make(runs)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
