"""What a person meets at the terminal: what a run is, what went wrong, and what to do."""

import errno
import json
import logging
import os
import pathlib
import subprocess
import sys
import warnings

import pytest
from jax.errors import JaxRuntimeError

from minimax_eqx.cli import _commands as commands
from minimax_eqx.cli import _terminal as terminal
from minimax_eqx.cli._main import main
from minimax_eqx.experiment import ConfigError, RunFolder, write_curves
from minimax_eqx.experiment import _platforms as platforms
from minimax_eqx.experiment._messages import warnings_in_one_line

from .tiny import OPTIONS, files


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def begun(monkeypatch):
    """What was to be trained, and with which first line, by commands that go no further."""
    given = []

    def train(config, path, processes, heading):
        given.append((config, path, heading))
        return 0

    monkeypatch.setattr(terminal, "train", train)
    return given


WITHOUT_JAX = [
    ["--help"],
    ["--version"],
    ["trian"],
    ["presets"],
    ["presets", "maze-accel"],
    ["presets", "maze-acel"],
    ["train", "--help"],
    ["train", "maze-plr", "--help"],
    ["train", "quickstar"],
    ["train", "--resume", "--help"],
    ["train", "--num-wals", "3"],
    ["train", "--mazes", "Labyrinht"],
    ["train", "--num-levels", "0"],
    ["train", "--resume", "run", "--seed", "3"],
    ["evaluate", "--help"],
    ["evaluate", "run", "--mazes", "Labyrinht"],
    ["completion", "bash"],
]


def test_help_and_wrong_names_are_answered_without_importing_jax():
    code = f"""
import sys
from minimax_eqx.cli import main
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
    _, path, heading = begun[0]
    assert path == pathlib.Path("runs/quickstart-1")
    assert heading.startswith("Training quickstart for 400 updates in runs/quickstart-1.")
    assert "'minimax-eqx presets' lists other presets, --run chooses another folder" in heading


def test_the_first_line_names_the_preset_and_what_is_changed(begun):
    words = ["--num-walls", "3", "--seed", "2", "--no-track-level-metrics", "--mazes"]
    assert main(["train", "maze-dr", *words]) == 0
    assert begun[0][2] == (
        "Training maze-dr with seed 2, num_walls 3, track_level_metrics False, mazes none for "
        "30,000 updates in runs/maze-dr-2."
    )


def test_of_an_option_that_is_given_twice_the_last_counts_and_is_told(begun):
    words = ["--num-walls", "3", "--see-agent", "--num-walls=4", "--no-see-agent"]
    assert main(["train", *words]) == 0
    config, _, heading = begun[0]
    assert (config.levels.num_walls, config.env.see_agent) == (4, False)
    assert "with num_walls 4 for" in heading


def test_what_a_given_option_leaves_without_effect_in_a_preset_is_dropped(begun):
    assert main(["train", "--core", "none"]) == 0
    config, _, heading = begun[0]
    assert (config.network.core, config.network.hidden_size) == ("none", 256)
    assert "hidden_size" not in heading
    assert main(["train", "maze-paired", "--num-walls", "1"]) == 0
    assert begun[1][0].levels.replace


def test_the_values_of_a_preset_are_shown_without_those_that_have_no_effect_in_it(capsys):
    assert main(["presets", "maze-accel"]) == 0
    out = capsys.readouterr().out
    lines = {line.split()[1]: line for line in out.splitlines() if "--" in line}
    assert "0.8" in lines["--replay-prob"]
    assert "0.5" in lines["--replay-prob"]
    assert "--teacher-num-walls" not in lines
    assert "--top-k" not in lines


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("evaluate", "presets", "num-walls", "resume", "greedy"):
        assert word in script


def test_a_finished_run_says_so_and_how_to_make_it_longer(capsys, run_path, monkeypatch):
    assert main(["evaluate", str(run_path)]) == 0  # for its report
    capsys.readouterr()
    before = files(run_path)
    monkeypatch.setattr(terminal, "resume_run", lambda *_, **__: pytest.fail("resumed"))
    assert main(["train", "--resume", str(run_path)]) == 0
    out = capsys.readouterr().out
    assert "is finished: it has made its 8 updates" in out
    assert f"minimax-eqx train --resume {run_path} --num-updates 16" in out
    assert files(run_path) == before


@pytest.mark.parametrize("missing", ["evaluation.json", "report.html"])
def test_a_run_that_was_stopped_before_its_report_is_taken_to_its_end(missing, capsys, run_path):
    assert main(["evaluate", str(run_path)]) == 0
    (run_path / missing).unlink()
    assert main(["train", "--resume", str(run_path)]) == 0
    assert "Done." in capsys.readouterr().out
    assert (run_path / missing).is_file()


def refusing(monkeypatch, folder, *names):
    """Has the system refuse to write files of these names (all, if none is given) there."""
    for method in ("write_text", "write_bytes"):
        real = getattr(pathlib.Path, method)

        def write(self, *args, real=real, **kwargs):
            if folder in self.absolute().parents and (not names or self.name in names):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
            return real(self, *args, **kwargs)

        monkeypatch.setattr(pathlib.Path, method, write)


def test_results_are_shown_even_if_they_cannot_be_written(capsys, run_path, monkeypatch):
    before = files(run_path)
    refusing(monkeypatch, run_path)
    assert main(["evaluate", str(run_path)]) == 0
    out, err = capsys.readouterr()
    assert "unseen training levels" in out
    # The first is of how the run was trained.
    short_plays, not_written = err.splitlines()
    assert short_plays.startswith("warning: num_steps is 8, ")
    assert not_written.startswith("warning: evaluation.json was not written: ")
    assert "Written to" not in out
    assert files(run_path) == before


@pytest.mark.parametrize("problem", ["refused", "damaged metrics"])
def test_an_evaluation_without_its_report_is_kept(problem, capsys, run_path, monkeypatch):
    if problem == "refused":
        refusing(monkeypatch, run_path, "report.html")
    else:
        (run_path / "metrics.csv").write_text("cycle,return\n1,many\n")
    assert main(["evaluate", str(run_path), "--num-unseen-levels", "5"]) == 0
    out, err = capsys.readouterr()
    assert "unseen training levels" in out
    assert err.splitlines()[-1].startswith("warning: report.html was not written: ")
    assert json.loads((run_path / "evaluation.json").read_text())["unseen"]["num_episodes"] == 5


def test_curves_are_drawn_of_the_columns_that_are_there(run_path):
    (run_path / "metrics.csv").write_text("cycle,env_steps\n1,10\n2,20\n")
    curves = write_curves(RunFolder.open(run_path))
    assert curves is not None
    assert curves.is_file()


@pytest.mark.parametrize("damaged", ["evaluation.json", "metrics.csv"])
def test_a_run_with_a_damaged_file_is_not_taken_for_finished(damaged, run_path, monkeypatch):
    def resume(*_, **__):
        raise ValueError("resumed")

    (run_path / "report.html").touch()
    (run_path / damaged).write_text("{")
    monkeypatch.setattr(terminal, "resume_run", resume)
    assert main(["train", "--resume", str(run_path)]) == 2


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

    monkeypatch.setattr(terminal, "start", fail)
    assert main(["train", "maze-repaired"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: there is not enough memory for this (")
    assert len(err.splitlines()) == 1
    taken = ("num_levels", "num_steps", "hidden_size", "num_accumulation_steps")
    assert all(name in err for name in (*taken, "buffer_capacity", "teacher_hidden_size"))


def test_an_evaluation_that_runs_out_of_memory_names_its_own_options(capsys, run_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(terminal, "evaluate_run", fail)
    assert main(["evaluate", str(run_path)]) == 1
    assert "Lower num_unseen_levels or num_episodes" in capsys.readouterr().err


def test_another_failure_of_the_device_is_one_line(capsys, monkeypatch):
    def fail(*_):
        raise JaxRuntimeError("INTERNAL: the device is gone\nand much more")

    monkeypatch.setattr(terminal, "start", fail)
    assert main(["train"]) == 1
    assert capsys.readouterr().err == "error: INTERNAL: the device is gone\n"


def test_a_bug_keeps_its_traceback(monkeypatch):
    def fail(*_):
        raise TypeError("a bug")

    monkeypatch.setattr(terminal, "start", fail)
    with pytest.raises(TypeError, match="a bug"):
        main(["train"])


def test_a_platform_that_is_not_there_is_named_with_those_that_are(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "minimax_eqx", "train", *OPTIONS],
        env={**os.environ, "JAX_PLATFORMS": "nonsense"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: JAX_PLATFORMS is 'nonsense', and JAX cannot use nonsen")
    assert "It can use cpu" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ("cuda", AssertionError(), "'cuda', and JAX cannot use cuda here. It can use cpu: unset"),
        (
            "cuda",
            RuntimeError(
                "Unable to initialize backend 'cuda': no driver (set JAX_PLATFORMS='' to)"
            ),
            r"cannot use cuda here \(Unable to initialize backend 'cuda': no driver\). It can use",
        ),
        ("cpu,tpu", RuntimeError("no tpu\nmore"), r"'cpu,tpu', .* cannot use tpu here \(no tpu\)"),
        ("", RuntimeError("in use by process 5"), "^JAX could not start: in use by process 5$"),
    ],
)
def test_whatever_jax_raises_without_a_platform_is_one_line(asked, error, message, monkeypatch):
    def backends():
        if platforms.jax.config.values["jax_platforms"] == asked:
            raise error
        return {"cpu": None}

    before = platforms.jax.config.values["jax_platforms"]
    monkeypatch.setattr(platforms.backend, "backends", backends)
    try:
        platforms.jax.config.update("jax_platforms", asked)
        with pytest.raises(ConfigError, match=message) as caught:
            platforms.start_jax()
        assert len(str(caught.value).splitlines()) == 1
        assert platforms.jax.config.values["jax_platforms"] == asked
    finally:
        platforms.jax.config.update("jax_platforms", before)


def test_a_platform_that_jax_does_without_is_told(monkeypatch, caplog):
    before = platforms.jax.config.values["jax_platforms"]
    monkeypatch.setattr(platforms.backend, "backends", lambda: {"cpu": None})
    try:
        platforms.jax.config.update("jax_platforms", "cuda,cpu")
        platforms.start_jax()
    finally:
        platforms.jax.config.update("jax_platforms", before)
    assert "JAX cannot use cuda here; it uses cpu" in caplog.text


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

    monkeypatch.setattr(commands, "train", train)
    assert main(["train"]) == 0
    assert capsys.readouterr().err == "warning: careful\n"
