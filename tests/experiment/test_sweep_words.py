"""What the command line makes of the words of a sweep."""

import pytest

from minimax_eqx._composition._parts import Parts
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.cli._main import main
from minimax_eqx.cli._words import given_in_words
from minimax_eqx.cli.commands._sweep import _points, _seeds

from .tiny import EXPERIMENT, RECIPES, command_line_options, launch, with_changes

RECIPE = "maze-dr"


def points(*words, seeds=(1,)):
    return _points(RECIPES[RECIPE](), given_in_words(words), seeds, Parts())


def test_every_combination_is_a_run_with_a_name_of_its_own():
    found = points("--learning-rate", "1e-4,3e-4", "--core", "lstm,gru", seeds=[4, 5])
    assert list(found) == [
        f"learning-rate={rate}_core={core}_seed={seed}"
        for rate in ("1e-4", "3e-4")
        for core in ("lstm", "gru")
        for seed in (4, 5)
    ]
    wanted = RECIPES[RECIPE](learning_rate=3e-4, core="gru", seed=5)
    assert found["learning-rate=3e-4_core=gru_seed=5"] == wanted


def test_what_has_one_value_is_not_in_the_name():
    assert list(points("--num-walls", "7", "--mazes", "Labyrinth", "minimax-12")) == ["seed=1"]


def test_seeds_are_a_range_or_a_list():
    assert _seeds("2..5") == [2, 3, 4, 5]
    assert _seeds("7, 1,3..4") == [7, 1, 3, 4]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "5..1"], "--seeds is '5..1'; it must be FIRST..LAST"),
        (["--seeds", "a"], "--seeds is 'a'"),
        (["--seeds", "1,1"], "with a seed twice"),
        (["--seeds", "1..9999999"], "more than 1,000 seeds"),
        (["--seeds", "1..40", "--num-walls", ",".join(map(str, range(1, 40)))], "1,560 runs"),
        (["--seed", "1,2"], "--seed: the seeds of a sweep are given with --seeds"),
        (["--learning-rate", "1e-3,"], "every value between commas"),
        (["--learning-rate", "1e-3,1e-3"], "and only once"),
        (["--learning-rate", "1e-3,-1"], "learning_rate is -1"),
        (["--core", "lstm,nothing"], "nothing"),
        (["--workers", "0"], "--workers is 0; it must be at least 1"),
        (["--point", "9"], "--point is 9; there are 5 runs"),
        (["--tracker", "x"], "There is no tracker 'x'"),
    ],
)
def test_a_mistake_in_the_words_is_one_line_before_anything_trains(
    words, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", RECIPE, *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_runs_can_be_listed(capsys):
    assert main(["sweep", RECIPE, "--seeds", "1..2", "--num-walls", "3,4", "--list-points"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "   1 num-walls=3_seed=1",
        "   2 num-walls=3_seed=2",
        "   3 num-walls=4_seed=1",
        "   4 num-walls=4_seed=2",
    ]


@pytest.mark.slow
def test_workers_share_the_runs_and_a_job_of_an_array_takes_one(tmp_path):
    experiment = with_changes(EXPERIMENT, {"seed": RECIPES[RECIPE]().seed})
    words = ["sweep", RECIPE, *command_line_options(experiment, RECIPE)]
    words += ["--learning-rate", "1e-3,1e-4", "--seeds", "1..2", "--out", "out"]
    assert launch(*words, "--point", "3", cwd=tmp_path).wait() == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["learning-rate=1e-4_seed=1"]
    assert launch(*words, "--workers", "2", cwd=tmp_path).wait() == 0
    runs = sorted(p for p in (tmp_path / "out").iterdir() if p.is_dir())
    assert len(runs) == 4
    assert all(RunFolder.open(run).evaluation()["updates"] == 8 for run in runs)
    assert len(list((tmp_path / "out").glob("worker-*.log"))) == 2


def test_a_file_of_options_counts_as_in_train(tmp_path, capsys):
    (tmp_path / "options.yaml").write_text("student:\n  optimiser:\n    learning_rate: -1\n")
    words = ["sweep", RECIPE, "--config", str(tmp_path / "options.yaml"), "--list-points"]
    assert main(words) == 2
    assert "learning_rate is -1" in capsys.readouterr().err
