"""The command line in this process: help, and one clear message for each mistake."""

import dataclasses
import errno
import json
import os
import sys

import pytest

from minimax_eqx._version import VERSION
from minimax_eqx.agents import OverSteps
from minimax_eqx.cli import _main as cli
from minimax_eqx.cli import _terminal as terminal
from minimax_eqx.cli._main import main
from minimax_eqx.experiment import Progressed
from minimax_eqx.experiment._ledger import Ledger
from minimax_eqx.recipes import maze, small
from minimax_eqx.recipes._known import ADAPTED, RECIPES

from .tiny import OPTIONS, SMALL, change_config, files, rows


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Boxes around messages are as wide as the terminal.
    monkeypatch.setenv("COLUMNS", "200")


def caught(monkeypatch):
    """What runs are trained with from here on, which no longer happens."""
    given = []

    def train(experiment, path, processes, *, heading, code, origin, trackers, shares_of):
        assert shares_of is None
        given.append((experiment, path, processes, heading, (code, origin)))
        return 0

    monkeypatch.setattr(terminal, "train", train)
    return given


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "minimax-eqx COMMAND"),
        (["train", "--help"], "--learning-rate FLOAT"),
        (["train", "maze-dr", "--help"], "minimax-eqx train maze-dr"),
        (["resume", "--help"], "Continue a run from its newest checkpoint"),
        (["evaluate", "--help"], "--num-unseen-levels"),
        (["recipes", "--help"], "List the recipes"),
        (["evaluate", "--help"], "lists of mazes: minimax-12"),
        (["evaluate", "--help"], "PerfectMazeMedium"),
        (["completion", "--help"], "bash"),
    ],
    ids=" ".join,
)
def test_help_is_there_at_every_level(arguments, expected, capsys):
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert expected in out
    assert err == ""


@pytest.mark.parametrize("words", [["--help"], ["completion", "bash"], ["train", "--help"]])
def test_what_nobody_reads_to_its_end_ends_quietly(words, capsys, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        assert main(words) == 141
    assert capsys.readouterr().err == ""


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == VERSION


def test_the_recipes_are_listed(capsys):
    assert main(["recipes"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in RECIPES | ADAPTED)


def test_a_recipe_has_a_small_form_by_name(monkeypatch):
    given = caught(monkeypatch)
    assert main(["train", "maze-accel-small", "--num-edits", "3"]) == 0
    [(experiment, *_)] = given
    assert experiment == small(maze.accel(num_edits=3))


@pytest.mark.parametrize("words", [["recipes", "maze-accel"], ["train", "maze-accel"]])
def test_a_recipe_is_printed_as_a_file_that_gives_it_back(words, capsys, monkeypatch, tmp_path):
    print_config = ["--print-config"] if words[0] == "train" else []
    assert main([*words, *print_config]) == 0
    (tmp_path / "all.yaml").write_text(capsys.readouterr().out)
    given = caught(monkeypatch)
    assert main(["train", "quickstart", "--config", "all.yaml", "--num-edits", "3"]) == 0
    [(experiment, *_)] = given
    assert experiment == maze.accel(num_edits=3)


MISTAKES = {
    "no run to report": (["report", "--out", "x"], "The folders of runs come first"),
    "no command": ([], "usage: minimax-eqx"),
    "unknown command": (["trian"], "no command 'trian'. Did you mean 'train'?"),
    "unknown recipe": (["train", "quickstar"], "Did you mean 'quickstart'? Known: maze-dr, "),
    "unknown small recipe": (["train", "maze-accel-smal"], "mean 'maze-accel-small'?"),
    "empty recipe": (["train", ""], "There is no recipe ''"),
    "two recipes": (["train", "quickstart", "maze-dr"], "'maze-dr' is not expected here"),
    "no such file": (["train", "mine.py"], "There is no file mine.py"),
    "no such module": (["train", "mine:method"], "There is no module mine"),
    "unknown option": (["train", "--num-wall", "3"], "Did you mean '--num-walls'?"),
    "abbreviation": (["train", "--num-lev", "3"], "--num-levels"),
    "wrong type": (["train", "--num-walls", "many"], "--num-walls is many; it must be a whole num"),
    "missing value": (["train", "--num-walls"], "--num-walls is empty"),
    "too many walls": (["train", "--num-walls", "168"], "between 0 and 167"),
    "even view": (["train", "--view-size", "4"], "view_size is 4"),
    "negative rate": (["train", "--learning-rate", "-1e-4"], "learning_rate is -0.0001"),
    "infinite rate": (["train", "--learning-rate", "-inf"], "learning_rate is -inf"),
    "not a number": (["train", "--learning-rate", "nan"], "learning_rate is nan"),
    "schedule": (["train", "--checkpoint-every", "7"], "multiple of log_every"),
    "no time": (["train", "--budget", "30"], "budget is '30'; it must be a time above 0 in hours"),
    "a run of other shares": (["train", "--shares-of", "nowhere"], "There is no run in nowhere"),
    "steps of no annealing": (["train", "--anneal-steps", "5"], "here: --annealing over-steps"),
    "even perfect maze": (["train", "--generator", "perfect-maze", "--height", "12"], "odd"),
    "unknown generator": (
        ["train", "--generator", "hills"],
        "there is no 'hills'. Known: b",
    ),
    "proportional": (
        ["train", "maze-plr", "--prioritisation", "proportional"],
        "Proportional, which needs scores that are never negative",
    ),
    "small buffer": (["train", "maze-accel", "--capacity", "8"], "capacity is 8"),
    "unknown score": (["train", "maze-plr", "--score", "regret"], "population-regret"),
    "no score": (
        ["train", "maze-plr", "--score", "rank"],
        "rank is a part of another kind: prioritisation.",
    ),
    "option of another method": (
        ["train", "--num-edits", "3"],
        "--num-edits is an option of a part that is not chosen here: --curriculum level-replay "
        "--mutator ",
    ),
    "option of another core": (
        ["train", "--num-blocks", "4"],
        "--num-blocks is an option of a part that is not chosen here: --core s5",
    ),
    "width of no memory": (
        ["train", "--core", "no-memory", "--hidden-size", "12"],
        "--hidden-size is an option of a part that is not chosen here: --core gru (or lru, lstm, s",
    ),
    "option of two parts": (
        ["train", "maze-paired", "--learning-rate", "1"],
        "--learning-rate may mean --student.learning-rate, --teacher.learning-rate; say which.",
    ),
    "teacher without pay": (
        ["train", "--generator", "learned-generator"],
        "learned-generator is a part of another kind: level source.",
    ),
    "design without a teacher": (
        ["train", "--curriculum", "adversarial-design"],
        "AdversarialDesign needs --generator, --objective.",
    ),
    "wall budget": (["train", "maze-paired", "--design.num-walls", "168"], "between 0 and 167"),
    "three students of a pair": (
        ["train", "maze-paired", "--num-students", "3"],
        "RelativeRegret compares exactly 2 students, not 3.",
    ),
    "huge seed": (["train", "--seed", str(2**70)], "Experiment.seed is"),
    "unknown maze": (["train", "--mazes", "Labyrinht"], "Did you mean 'Labyrinth'?"),
    "switch with a value": (["train", "--see-agent=maybe"], "it must be true or false"),
    "float for a count": (["train", "--seed", "1e3"], "--seed is 1e3; it must be a whole number"),
    "huge count": (["train", "--num-levels", "9" * 12], "A cycle has 999999999999 levels"),
    "huge cycle": (["train", "--num-steps", "99999999"], "which makes 3199999968 steps; they mus"),
    "empty folder": (["train", "--run", ""], "--run is empty"),
    "empty maze": (["train", "--mazes", ""], "--mazes is empty"),
    "no such file of options": (["train", "--config", "none.yaml"], "none.yaml"),
    "log interval longer than the run": (
        ["train", "--num-updates", "3"],
        "log_every is 5; it must be at most num_updates, which is 3",
    ),
    "log interval of long plays longer than the run": (
        ["train", "--num-updates", "9", "--rollouts-per-play", "2"],
        "log_every is 5 cycles of rollouts_per_play=2 updates",
    ),
    "no update ever": (
        ["train", "maze-robust-plr", "--replay-prob", "0"],
        "so they would never learn",
    ),
    "half of the processes": (["train", "--coordinator", "host:1"], "num_processes"),
    "resume of nothing": (["resume", "nowhere"], "There is no run in nowhere"),
    "resume without a folder": (["resume"], "The folder of the run comes first"),
    "empty folder to resume": (["resume", ""], "The folder of the run comes first"),
    "state of a resumed run": (
        ["resume", "nowhere", "--learning-rate", "0.1"],
        "--learning-rate: a run keeps the options that it began with; --num-updates, --budget and "
        "--devices can be given.",
    ),
    "wrong value beside resume": (
        ["resume", "nowhere", "--num-updates", "many"],
        "--num-updates is many; it must be a whole number or none.",
    ),
    "evaluation of nothing": (["evaluate", "nowhere"], "There is no run in nowhere"),
    "evaluation without a folder": (["evaluate", "--greedy"], "folder of the run comes first"),
    "unknown recipe to show": (["recipes", "maze-acel"], "Did you mean 'maze-accel'?"),
    "unknown shell": (["completion", "fish"], "Known: bash, zsh."),
    "recipes with options": (["recipes", "--all"], "--all: there is no such option."),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gives_one_message_and_exit_code_2(arguments, message, capsys, tmp_path):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_taken_is_left_alone(capsys, tmp_path):
    folder = tmp_path / "runs" / "quickstart-7"
    folder.mkdir(parents=True)
    (folder / "notes").write_text("mine")
    before = files(tmp_path)
    assert main(["train", "--seed", "7", *OPTIONS]) == 2
    assert "runs/quickstart-7 exists already; nothing was changed" in capsys.readouterr().err
    assert files(tmp_path) == before


def test_a_damaged_configuration_is_a_mistake_too(capsys, tmp_path):
    (tmp_path / "config.json").write_text("{")
    assert main(["resume", "."]) == 2
    assert main(["evaluate", "."]) == 2
    assert capsys.readouterr().err.count("config.json is damaged") == 2


@pytest.mark.parametrize("name", ["os.system", "antigravity", "/bin/sh", "lambda: 0", "my_method"])
def test_a_folder_cannot_make_the_program_run_anything(name, capsys, run_path):
    (run_path / "my_method.py").write_text("raise SystemExit('it ran')")
    content = json.loads((run_path / "config.json").read_text())
    content["experiment"]["env"] = {"class": name}
    (run_path / "config.json").write_text(json.dumps(content))
    before = set(sys.modules)
    for command in ("resume", "evaluate"):
        assert main([command, str(run_path)]) == 2
        err = capsys.readouterr().err
        assert f"config.json cannot be used: env: there is no '{name}'." in err
        assert len(err.splitlines()) == 1
    assert {module for module in set(sys.modules) - before if "minimax_eqx" not in module} == set()


def test_a_run_of_a_users_file_asks_for_it_and_leaves_its_copy_alone(capsys, run_path):
    (run_path / "my_method.py").write_text("raise SystemExit('it ran')")
    content = json.loads((run_path / "config.json").read_text())
    content["code"] = {"name": "my_method.py", "sha256": "0"}
    (run_path / "config.json").write_text(json.dumps(content))
    for command in ("resume", "evaluate"):
        assert main([command, str(run_path)]) == 2
        err = capsys.readouterr().err
        assert "which runs only if you say so: give it with --file my_method.py" in err
        assert len(err.splitlines()) == 1
        assert main([command, str(run_path), "--file", str(run_path / "my_method.py")]) == 2
        assert "my_method.py, line 1: SystemExit: it ran" in capsys.readouterr().err


def test_a_checkpoint_of_another_configuration_is_a_mistake_too(capsys, run_path):
    change_config(run_path, hidden_size=4)
    before = files(run_path)
    for command in ("resume", "evaluate"):
        assert main([command, str(run_path)]) == 2
        err = capsys.readouterr().err
        assert "student.network.core.hidden_size (saved 8, expected 4)" in err
        assert len(err.splitlines()) == 1
    assert files(run_path) == before


def test_a_finished_run_is_made_longer(capsys, run_path):
    assert main(["resume", str(run_path), "--num-updates", "10"]) == 0
    assert "Done: 10 updates." in capsys.readouterr().out
    assert rows(run_path)[-1]["updates"] == "10"
    assert main(["resume", str(run_path), "--num-updates", "9"]) == 2
    assert "has made 10 already" in capsys.readouterr().err


def test_parts_that_do_not_fit_are_told_without_the_type_checkers_report(
    capsys, monkeypatch, tmp_path
):
    def train(*_, **__):
        from minimax_eqx.envs.maze import MazeLevel

        MazeLevel.from_ascii(3)

    monkeypatch.setattr(terminal.runs, "train", train)
    assert main(["train"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: these parts do not fit together: ")
    assert len(err.splitlines()) == 1


def test_the_packages_of_the_extra_are_asked_for_before_anything_starts(capsys, monkeypatch):
    monkeypatch.setattr(cli, "_EXTRA", ("sys", "no_such_package"))
    assert main(["train"]) == 2
    err = capsys.readouterr().err
    assert "pip install 'minimax_eqx[cli]' (missing: no_such_package)" in err


def test_a_run_that_is_saved_for_another_job_has_a_code_of_its_own(
    capsys, monkeypatch, tmp_path, finished
):
    stopped = dataclasses.replace(finished[0], interrupted=True)
    monkeypatch.setattr(terminal.runs, "train", lambda *_, **__: stopped)
    assert main(["train"]) == 75
    assert "Stopped and saved at cycle 8" in capsys.readouterr().out


def test_a_disk_that_fails_while_training_is_one_line_and_no_wrong_option(
    capsys, monkeypatch, finished
):
    def train(*_, hooks, **__):
        for hook in hooks[2:]:
            hook(Progressed(finished[0].runner, Ledger(), {}, {}))
        raise OSError(errno.ENOSPC, "No space left on device", "run/metrics.csv")

    monkeypatch.setattr(terminal.runs, "train", train)
    assert main(["train"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: No space left on device (run/metrics.csv), so training stopped")


def test_an_interrupt_at_any_moment_is_told_without_a_traceback(capsys, monkeypatch):
    def train(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal.runs, "train", train)
    assert main(["train"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_options_need_no_prefix_and_override_the_recipe(monkeypatch, tmp_path):
    given = caught(monkeypatch)
    changes = ["--num-walls", "30", "--learning-rate", "5e-4", "--seed", "2", "--see-agent"]
    changes += ["--mazes", "Labyrinth", "minimax-12"]
    changes += ["--annealing", "over-steps", "--anneal-steps", "5", "--final-learning-rate", "1e-5"]
    assert main(["train", "maze-dr", *changes, "--run", str(tmp_path / "a [run]")]) == 0
    [(experiment, path, _, heading, (code, _))] = given
    assert (path, code) == (tmp_path / "a [run]", None)
    wanted = {"num_walls": 30, "learning_rate": 5e-4, "seed": 2, "see_agent": True}
    wanted |= {"mazes": ("Labyrinth", "minimax-12"), "annealing": OverSteps(5)}
    wanted |= {"final_learning_rate": 1e-5}
    assert experiment == maze.dr(**wanted)
    assert heading.startswith("Training maze-dr with seed 2, see_agent True, learning_rate 0.0005,")
    assert "mazes Labyrinth minimax-12 for 30,000 updates" in heading


def test_the_options_of_these_tests_make_their_experiment(monkeypatch):
    given = caught(monkeypatch)
    assert main(["train", *OPTIONS]) == 0
    assert given[0][0] == maze.quickstart(**SMALL)


METHOD = """
import minimax_eqx as mx

class Size(mx.scores.AbstractFormula):
    weight: float = 1.0
    \"\"\"A factor.\"\"\"
    can_be_negative = True

    def formula(self, evidence):
        return self.weight * evidence.rewards.mean(axis=(0, 1, 3))

experiment = mx.recipes.maze.robust_plr(score=Size())
"""


def test_a_file_of_a_user_is_trained_with_its_own_options(monkeypatch, capsys, tmp_path):
    (tmp_path / "my_method.py").write_text(METHOD)
    given = caught(monkeypatch)
    assert main(["train", "my_method.py", "--weight", "0.5", "--seed", "3"]) == 0
    [(experiment, path, _, heading, (code, origin))] = given
    assert experiment.curriculum.score.weight == 0.5
    assert str(path) == "runs/my_method-3"
    assert heading.startswith("Training my_method with seed 3, weight 0.5 for 30,000 updates")
    assert code.path == tmp_path / "my_method.py"
    assert origin["command"] == "minimax-eqx train my_method.py --seed 3 --weight 0.5"
    assert main(["train", "my_method.py", "--score", "max-mc", "--help"]) == 0
    out = capsys.readouterr().out
    assert "size" in out
    assert "--weight" not in out
    assert main(["train", "my_method.py", "--help"]) == 0
    assert "A factor. (default: 1.0)" in capsys.readouterr().out
