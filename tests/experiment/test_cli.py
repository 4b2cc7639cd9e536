"""The command line in this process: help, and one clear message for each mistake."""

import json
import shutil

import pytest

from minimax_eqx._version import VERSION
from minimax_eqx.cli import _main as cli
from minimax_eqx.cli import _terminal as terminal
from minimax_eqx.cli._main import main
from minimax_eqx.experiment import PRESETS

from .tiny import CONFIG, OPTIONS, files, rows


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Boxes around messages are as wide as the terminal.
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "minimax-eqx COMMAND"),
        (["train", "--help"], "--learning-rate FLOAT"),
        (["train", "maze-dr", "--help"], "minimax-eqx train maze-dr"),
        (["resume", "--help"], "Continue a run from its newest checkpoint"),
        (["evaluate", "--help"], "--num-unseen-levels"),
        (["presets", "--help"], "List the presets"),
        (["evaluate", "--help"], "panels: minimax-12"),
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


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == VERSION


def test_the_presets_are_listed(capsys):
    assert main(["presets"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in PRESETS)


MISTAKES = {
    "no command": ([], "usage: minimax-eqx"),
    "unknown command": (["trian"], "no command 'trian'. Did you mean 'train'?"),
    "unknown preset": (["train", "quickstar"], "Did you mean 'quickstart'?"),
    "unknown option": (["train", "--num-wall", "3"], "--num-wall"),
    "wrong type": (["train", "--num-walls", "many"], "many"),
    "missing value": (["train", "--num-walls"], "--num-walls"),
    "two presets": (["train", "quickstart", "maze-dr"], "maze-dr"),
    "too many walls": (["train", "--num-walls", "168"], "between 0 and 167"),
    "even view": (["train", "--view-size", "4"], "view_size is 4"),
    "negative rate": (["train", "--learning-rate", "-1e-4"], "learning_rate is -0.0001"),
    "infinite rate": (["train", "--learning-rate", "inf"], "learning_rate is inf"),
    "schedule": (["train", "--checkpoint-every", "7"], "multiple of log_every"),
    "even perfect maze": (
        ["train", "--generator", "perfect", "--height", "12"],
        "PerfectMaze.height is 12",
    ),
    "unknown generator": (["train", "--generator", "hills"], "random-walls"),
    "proportional": (
        ["train", "maze-plr", "--prioritisation", "proportional"],
        "Proportional needs scores that are never negative, and those of MaxMC can be; use Rank.",
    ),
    "small buffer": (["train", "maze-accel", "--buffer-capacity", "8"], "capacity is 8, less than"),
    "unknown score": (["train", "maze-plr", "--score", "regret"], "population-regret"),
    "option of another method": (
        ["train", "--replay-prob", "0.3", "--num-edits", "3"],
        "replay_prob, num_edits: ",
    ),
    "teacher without pay": (["train", "--generator", "teacher"], "in method dr nothing pays it"),
    "design without a teacher": (
        ["train", "--method", "adversarial"],
        "generator is random-walls; method adversarial needs a teacher",
    ),
    "option of a teacher": (
        ["train", "maze-plr", "--teacher-num-walls", "9"],
        "teacher_num_walls: without effect except with generator teacher",
    ),
    "wall budget": (
        ["train", "maze-paired", "--teacher-num-walls", "168"],
        "teacher_num_walls is 168; in a maze of 13 x 13 cells it must be between 0 and 167.",
    ),
    "three students of a pair": (
        ["train", "maze-paired", "--num-students", "3"],
        "RelativeRegret compares exactly 2 students, not 3.",
    ),
    "objective where the score decides": (
        ["train", "maze-repaired", "--objective", "population-regret"],
        "objective: without effect except with method adversarial",
    ),
    "option of another core": (
        ["train", "--num-blocks", "4"],
        "num_blocks: without effect except with core s5. Leave num_blocks at 2.",
    ),
    "huge seed": (["train", "--seed", str(2**70)], "seed is"),
    "unknown maze": (["train", "--mazes", "Labyrinht"], "Did you mean 'Labyrinth'?"),
    "resume of nothing": (["resume", "nowhere"], "There is no run in nowhere"),
    "resume without a folder": (["train", "--resume"], "--resume"),
    "resume with options": (["resume", "nowhere", "--seed", "2"], "--seed"),
    "resume with a preset": (["train", "quickstart", "--resume", "nowhere"], "quickstart"),
    "evaluation of nothing": (["evaluate", "nowhere"], "There is no run in nowhere"),
    "evaluation without a folder": (["evaluate", "--greedy"], "folder of the run comes first"),
    "width of no memory": (
        ["train", "--core", "none", "--hidden-size", "12"],
        "hidden_size: without effect except with a core other than none. Leave hidden_size at 256.",
    ),
    "switch with a value": (["train", "--greedy", "true"], "write --greedy or --no-greedy"),
    "switch with a value and =": (["train", "--see-agent=False"], "--see-agent takes no value"),
    "evaluation switch with a value": (["evaluate", "x", "--greedy", "1"], "--greedy takes no val"),
    "float for a count": (["train", "--seed", "1e3"], "must be a whole number, such as 1000"),
    "fraction for a count": (["train", "--num-levels", "1.5"], "--num-levels is 1.5; it must be a"),
    "not a number": (["train", "--learning-rate", "nan"], "learning_rate is nan; it must be fin"),
    "minus infinity": (["train", "--learning-rate", "-inf"], "learning_rate is -inf; it must be"),
    "huge count": (
        ["train", "--num-levels", "9" * 12],
        "num_levels is 999999999999; it must be at",
    ),
    "huge cycle": (
        ["train", "--num-steps", "99999999"],
        "num_steps is 3199999968; it must be at m",
    ),
    "empty folder": (["train", "--run", ""], "The value of --run is empty"),
    "empty maze": (["train", "--mazes", ""], "The value of --mazes is empty"),
    "empty folder to resume": (["train", "--resume="], "The value of --resume is empty"),
    "empty folder to evaluate": (["evaluate", ""], "The folder of the run is empty"),
    "empty preset": (["train", ""], "There is no preset ''"),
    "abbreviation": (["train", "--num-lev", "3"], "--num-levels"),
    "log interval longer than the run": (
        ["train", "--num-updates", "3"],
        "log_every is 5; it must be at most num_updates, which is 3",
    ),
    "no update ever": (
        ["train", "maze-robust-plr", "--replay-prob", "0"],
        "replay_prob is 0, and with robust",
    ),
    "state of a resumed run": (
        ["resume", "nowhere", "--learning-rate", "0.1"],
        "--learning-rate: with --resume, a run keeps its options; --num-updates and --devices can "
        "be given. Its state depends on learning_rate: for another value, train a new run",
    ),
    "schedule of a resumed run": (
        ["resume", "nowhere", "--log-every=3"],
        "and log_every be changed in its config.json",
    ),
    "wrong value beside resume": (
        ["resume", "nowhere", "--num-updates", "many"],
        "minimax-eqx resume --help",
    ),
    "unknown preset to show": (["presets", "maze-acel"], "Did you mean 'maze-accel'?"),
    "unknown shell": (["completion", "fish"], "bash"),
    "presets with options": (["presets", "--all"], "--all"),
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


def test_a_checkpoint_of_another_configuration_is_a_mistake_too(capsys, run_path):
    content = json.loads((run_path / "config.json").read_text())
    content["config"]["network"]["hidden_size"] = 4
    (run_path / "config.json").write_text(json.dumps(content))
    before = files(run_path)
    for command in (["train", "--resume"], ["evaluate"]):
        assert main([*command, str(run_path)]) == 2
        err = capsys.readouterr().err
        assert "another configuration: hidden_size (saved 8, expected 4)" in err
        assert len(err.splitlines()) == 1
    assert files(run_path) == before


def test_a_finished_run_is_made_longer(capsys, run_path):
    assert main(["resume", str(run_path), "--num-updates", "10"]) == 0
    assert "Done." in capsys.readouterr().out
    assert rows(run_path)[-1]["updates"] == "10"
    assert main(["resume", str(run_path), "--num-updates", "9"]) == 2
    assert "has made 10 already" in capsys.readouterr().err


def test_parts_that_do_not_fit_are_told_without_the_type_checkers_report(
    capsys, monkeypatch, tmp_path
):
    def train(*_):
        from minimax_eqx.envs.maze import MazeLevel

        MazeLevel.from_ascii(3)

    monkeypatch.setattr(terminal, "start", start)
    assert main(["train"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: these options do not work together: ")
    assert len(err.splitlines()) == 1


def test_the_packages_of_the_extra_are_asked_for_before_anything_starts(capsys, monkeypatch):
    monkeypatch.setattr(cli, "_EXTRA", ("sys", "no_such_package"))
    assert main(["train"]) == 2
    err = capsys.readouterr().err
    assert "pip install 'minimax_eqx[cli]' (missing: no_such_package)" in err


def test_an_interrupt_at_any_moment_is_told_without_a_traceback(capsys, monkeypatch):
    def train(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal, "start", start)
    assert main(["train"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_options_need_no_prefix_and_override_the_preset(monkeypatch, tmp_path):
    given = []

    def train(config, path, listener):
        given.append((config, path))
        raise ValueError("enough")

    monkeypatch.setattr(terminal, "start", start)
    options = ["--num-walls", "30", "--learning-rate", "5e-4", "--seed", "2", "--see-agent"]
    more = ["--mazes", "Labyrinth", "minimax-12", "--final-learning-rate", "1e-5"]
    more += ["--anneal-steps", "5"]
    assert main(["train", "maze-dr", *options, *more, "--run", str(tmp_path / "a [run]")]) == 2
    config, path = given[0]
    assert path == tmp_path / "a [run]"
    assert (config.levels.num_walls, config.ppo.learning_rate, config.seed) == (30, 5e-4, 2)
    assert config.env.see_agent
    assert config.ppo.final_learning_rate == 1e-5
    assert config.evaluation.mazes == ("Labyrinth", "minimax-12")
    assert config.ppo.discount == PRESETS["maze-dr"][0].ppo.discount


def test_the_options_of_these_tests_make_their_configuration(monkeypatch):
    given = []

    def train(config, *_):
        given.append(config)
        raise ValueError("enough")

    monkeypatch.setattr(terminal, "start", start)
    assert main(["train", *OPTIONS]) == 2
    same = {"seed", "env", "levels", "network", "curriculum", "num_updates", "evaluation"}
    assert all(getattr(given[0], name) == getattr(CONFIG, name) for name in same)


def test_a_run_is_evaluated_again_with_other_options(capsys, run_path):
    before = files(run_path / "checkpoints")
    options = ["--num-unseen-levels", "5", "--greedy", "--mazes", "Crossing"]
    assert main(["evaluate", str(run_path), *options]) == 0
    assert "unseen training levels" in capsys.readouterr().out
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
