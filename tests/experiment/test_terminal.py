"""What a person meets at the terminal: what a run is, what went wrong, and what to do."""

import errno
import json
import logging
import os
import subprocess
import sys
import types
import warnings

import pytest
from jax.errors import JaxRuntimeError

from minimax_eqx._folder import _run_folder as folder_module
from minimax_eqx.cli import _terminal as terminal
from minimax_eqx.cli._main import main
from minimax_eqx.cli._messages import warnings_in_one_line
from minimax_eqx.cli._process_options import ProcessOptions
from minimax_eqx.cli.commands import _train
from minimax_eqx.experiment._ledger import Ledger

from .tiny import OPTIONS, files


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def begun(monkeypatch):
    """What was to be trained, and with which first line, by commands that go no further."""
    given = []

    def train(experiment, path, processes, *, heading, origin, **_):
        given.append((experiment, path, heading, origin))
        return 0

    monkeypatch.setattr(terminal, "train", train)
    return given


WITHOUT_JAX = [["--help"], ["--version"], ["trian"]]


def test_help_and_wrong_names_are_answered_without_importing_jax():
    code = f"""
import sys
from minimax_eqx.cli._main import main
for words in {WITHOUT_JAX}:
    assert main(words) in (0, 2), words
    assert "jax" not in sys.modules, words
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]


def test_the_package_can_be_run_as_a_module():
    command = [sys.executable, "-m", "minimax_eqx", "trian"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "Did you mean 'train'?" in result.stderr


def test_train_alone_says_what_it_will_do_and_how_to_choose_another(begun):
    assert main(["train"]) == 0
    _, path, heading, origin = begun[0]
    assert path == _train.RUNS / "quickstart-1"
    assert heading.startswith("Training quickstart for 400 updates in runs/quickstart-1.")
    assert "'minimax-eqx recipes' lists other recipes, --run chooses another folder" in heading
    assert origin == {
        "recipe": "quickstart",
        "changes": {},
        "command": "minimax-eqx train quickstart",
    }


def test_of_an_option_that_is_given_twice_the_last_counts_and_is_told(begun):
    words = ["--num-walls", "3", "--see-agent", "--num-walls=4", "--no-see-agent"]
    assert main(["train", *words]) == 0
    experiment, _, heading, origin = begun[0]
    assert (experiment.curriculum.generator.num_walls, experiment.env.see_agent) == (4, False)
    assert "with num_walls 4 for" in heading
    assert origin["command"] == "minimax-eqx train quickstart --num-walls 4"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("evaluate", "recipes", "num-walls", "resume", "greedy"):
        assert word in script


def test_a_finished_run_says_so_and_how_to_make_it_longer(capsys, run_path):
    assert main(["evaluate", str(run_path)]) == 0  # for its report
    capsys.readouterr()
    before = files(run_path)
    assert main(["resume", str(run_path)]) == 0
    out = capsys.readouterr().out
    assert "Done: 8 updates." in out
    assert f"minimax-eqx resume {run_path} --num-updates 16" in out
    assert files(run_path) == before


@pytest.mark.parametrize("missing", ["evaluation.json", "report.html"])
def test_a_run_that_was_stopped_before_its_report_is_taken_to_its_end(missing, capsys, run_path):
    assert main(["evaluate", str(run_path)]) == 0
    (run_path / missing).unlink()
    assert main(["resume", str(run_path)]) == 0
    assert "Done: 8 updates." in capsys.readouterr().out
    assert (run_path / missing).is_file()


@pytest.mark.parametrize("problem", ["read only", "damaged metrics"])
def test_results_are_shown_even_if_they_cannot_be_written(problem, capsys, run_path, monkeypatch):
    def refuse(path, content):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    if problem == "read only":
        monkeypatch.setattr(folder_module, "write", refuse)
    else:
        (run_path / "metrics.csv").write_text("cycle,return\n1,many\n")
    assert main(["evaluate", str(run_path), "--num-unseen-levels", "5"]) == 0
    out, err = capsys.readouterr()
    assert "unseen levels" in out
    if problem == "read only":
        assert "Written to" not in out
        assert err.splitlines()[-1].startswith("warning: evaluation.json or report.html was not ")
    else:
        # The page says so where the curves would be.
        assert "section curves of the report could not be drawn (FolderError: " in err
    evaluation = json.loads((run_path / "evaluation.json").read_text())
    assert (evaluation["unseen"]["num_episodes"] == 5) == (problem == "damaged metrics")


@pytest.mark.parametrize(
    "error",
    [
        JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes."),
        JaxRuntimeError("INTERNAL: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        MemoryError("Unable to allocate 14.6 TiB"),
        MemoryError(),
        OverflowError("Python int too large to convert to C long"),
    ],
    ids=repr,
)
def test_running_out_of_memory_names_options_that_take_less(error, capsys, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(terminal.runs, "train", fail)
    assert main(["train", "maze-repaired"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: there is not enough memory for this (")
    assert len(err.splitlines()) == 1
    taken = ("num_levels", "num_steps", "num_students", "level buffer", "num_accumulation_steps")
    assert all(name in err for name in taken)


def test_an_evaluation_that_runs_out_of_memory_names_its_own_options(capsys, run_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(terminal, "evaluate_runner", fail)
    assert main(["evaluate", str(run_path)]) == 1
    assert "Lower num_unseen_levels or num_episodes" in capsys.readouterr().err


def test_another_failure_of_the_device_is_one_line(capsys, monkeypatch):
    def fail(*_, **__):
        raise JaxRuntimeError("INTERNAL: the device is gone\nand much more")

    monkeypatch.setattr(terminal.runs, "train", fail)
    assert main(["train"]) == 1
    assert capsys.readouterr().err == "error: INTERNAL: the device is gone\n"


def test_a_bug_keeps_its_traceback(monkeypatch):
    def fail(*_, **__):
        raise TypeError("a bug")

    monkeypatch.setattr(terminal.runs, "train", fail)
    with pytest.raises(TypeError, match="a bug"):
        main(["train"])


def test_a_platform_that_is_not_there_is_named_in_one_line(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "minimax_eqx", "train", *OPTIONS],
        env={**os.environ, "JAX_PLATFORMS": "nonsense"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: JAX could not start with JAX_PLATFORMS 'nonsense' (")
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("no tpu\nmore")], ids=repr)
def test_whatever_jax_raises_without_a_platform_is_one_line(error, monkeypatch):
    def fail():
        raise error

    monkeypatch.setattr(terminal.jax, "devices", fail)
    with pytest.raises(ValueError, match="JAX could not start") as caught:
        terminal.start_jax(ProcessOptions(), 1)
    assert len(str(caught.value).splitlines()) == 1


def test_warnings_are_lines_without_their_source_and_none_twice(capsys):
    logger = logging.getLogger("minimax_eqx")
    before = (logger.handlers[:], logger.propagate, warnings.showwarning)
    with warnings_in_one_line():
        for _ in range(2):
            warnings.warn("a folder\n  cannot be written", stacklevel=1)
            logger.warning("No update for %d cycles.", 7)
        logger.warning("a folder cannot be written")
    assert capsys.readouterr().err == (
        "warning: a folder cannot be written\nwarning: No update for 7 cycles.\n"
    )
    assert (logger.handlers, logger.propagate, warnings.showwarning) == before


def test_the_command_line_shows_warnings_in_one_line(capsys, monkeypatch):
    def train(*_):
        warnings.warn("careful", stacklevel=1)
        return 0

    monkeypatch.setattr(_train, "main", train)
    assert main(["train"]) == 0
    assert capsys.readouterr().err == "warning: careful\n"


BRIDGE = """
import minimax_eqx as mx

def dr():
    return mx.recipes.maze.dr()

def accel():
    return mx.recipes.maze.accel()
"""


def test_the_command_that_goes_on_with_a_run_of_ones_own_file_is_whole(
    monkeypatch, capsys, tmp_path
):
    (tmp_path / "bridge.py").write_text(BRIDGE)

    def stopped(experiment, path, **_):
        folder = types.SimpleNamespace(path=path)
        return types.SimpleNamespace(folder=folder, ledger=Ledger(), interrupted=True)

    monkeypatch.setattr(terminal.runs, "train", stopped)
    assert main(["train", "bridge.py:accel"]) == 75
    command = "minimax-eqx resume runs/bridge-accel-1 --file bridge.py:accel"
    assert command in capsys.readouterr().out
