"""`minimax-eqx evaluate`: which checkpoint, on what, and where the results are."""

import csv
import json
import shutil

import jax.numpy as jnp
import pytest

from minimax_eqx import load
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.cli._main import main
from minimax_eqx.envs import LevelFile

from .tiny import EXPERIMENT, files

DRAWINGS = "; near\n>G....\n......\n......\n......\n......\n\n; far\n>.....\n" + "......\n" * 3
FILE = f"{DRAWINGS}.....G\n"
SMALL = ["--num-unseen-levels", "2", "--num-episodes", "3"]


@pytest.mark.slow
def test_checkpoints_are_evaluated_on_a_file_of_levels_with_their_tails(capsys, run_path, tmp_path):
    (tmp_path / "mine.txt").write_text(FILE)
    before = (run_path / "evaluation.json").read_text()
    tail = ["--tail", "--tail-levels", "5", "--tail-episodes", "2"]
    words = [str(run_path), "--levels", str(tmp_path / "mine.txt"), "--checkpoint", "4", "best"]
    assert main(["evaluate", *words, *SMALL, *tail, "--seed", "7"]) == 0
    assert "checkpoint of cycle 4" in capsys.readouterr().out
    assert (run_path / "evaluation.json").read_text() == before
    for cycle in (4, 8):
        found = json.loads((run_path / f"evaluation-{cycle}.json").read_text())
        assert (found["cycle"], found["seed"]) == (cycle, 7)
        assert found["held_out"]["far"]["num_episodes"] == 3
        tail = json.loads((run_path / f"tail-{cycle}.json").read_text())
        assert (tail["num_levels"], tail["percent"][-1], tail["seed"]) == (5, 100, 7)
        assert (run_path / f"evaluation-{cycle}.csv").is_file()
    assert int(load(run_path, checkpoint=4)[1].num_cycles) == 4
    with open(run_path / "evaluation.csv", newline="") as file:
        assert {row["test"] for row in csv.DictReader(file)} == {"unseen"}


def test_a_suite_is_named_by_lists_of_mazes_and_a_run_may_be_in_training(capsys, run_path):
    with RunFolder(run_path).locked():
        assert main(["evaluate", str(run_path), "--suite", "MiniMaze", *SMALL]) == 0
    assert f"{run_path} is being trained now" in capsys.readouterr().out
    found = RunFolder(run_path).evaluation()
    assert list(found["held_out"]) == ["MiniMaze"]
    assert found["suite"] == "HeldOutMazes(mazes=('MiniMaze',))"


REFUSED = {
    "missing checkpoint": (["--checkpoint", "5"], "There are checkpoints of the cycles 4, 8;"),
    "unknown suite": (["--suite", "minimx-12"], "Did you mean 'minimax-12'?"),
    "two suites": (["--suite", "minimax-12", "--levels", "x.npz"], "give one of them"),
    "no file": (["--levels", "x.npz"], "There is no file of levels"),
    "others": (["--levels", "others.npz"], "holds levels of another environment"),
    "no levels in a tail": (["--tail", "--tail-levels", "0"], "--tail-levels is 0"),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_evaluated_is_one_line(words, message, capsys, run_path, monkeypatch):
    monkeypatch.chdir(run_path)
    LevelFile.save(jnp.arange(3), run_path / "others.npz")
    assert main(["evaluate", str(run_path), *words]) in (1, 2)
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_run_without_a_checkpoint_is_said_before_another_is_played(capsys, run_path, tmp_path):
    other = shutil.copytree(run_path, tmp_path / "other")
    shutil.rmtree(other / "checkpoints")
    assert main(["evaluate", str(run_path), str(other)]) != 0
    out, err = capsys.readouterr()
    assert "no usable checkpoint" in err
    assert "unseen" not in out
    assert EXPERIMENT.evaluation.seed is None


@pytest.mark.slow
def test_a_run_is_evaluated_again_with_other_options(capsys, run_path):
    before = files(run_path / "checkpoints")
    options = ["--num-unseen-levels", "5", "--greedy", "--mazes", "Crossing"]
    assert main(["evaluate", str(run_path), *options]) == 0
    assert "unseen levels" in capsys.readouterr().out
    evaluation = json.loads((run_path / "evaluation.json").read_text())
    assert evaluation["greedy"]
    assert evaluation["updates"] == 8
    assert evaluation["unseen"]["num_episodes"] == 5
    assert evaluation["held_out"]["Crossing"]["num_episodes"] == 1
    assert (run_path / "report.html").exists()
    assert files(run_path / "checkpoints") == before


def test_an_unknown_maze_is_noticed_before_the_run_is_loaded(capsys, run_path):
    shutil.rmtree(run_path / "checkpoints")
    assert main(["evaluate", str(run_path), "--mazes", "Labyrinht"]) == 2
    assert "Did you mean 'Labyrinth'?" in capsys.readouterr().err
