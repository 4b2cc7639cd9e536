"""One run through several processes: stopped with a job, killed, and resumed to its end."""

import contextlib
import os
import signal
import time

import pytest

from minimax_eqx import load
from minimax_eqx._composition._draft import with_changes
from minimax_eqx._folder._checkpoints import Checkpoints
from minimax_eqx.cli._main import main

from .tiny import OPTIONS, assert_same_state, change_config, launch, rows, train

# The processes take their time.
pytestmark = pytest.mark.slow
PATIENCE = 240
ENDLESS = 10**6
CHECKPOINT_EVERY = 10


def newest(path):
    return max(Checkpoints(path / "checkpoints", 3).cycles(), default=0)


def wait_until(condition, process):
    """Waits for something that the process does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def finish(process):
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@contextlib.contextmanager
def running(*arguments, cwd):
    process = launch(*arguments, cwd=cwd)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def story(tmp_path_factory, compiled):
    """What happened to a run that was interrupted, resumed, killed, and resumed to its end."""
    cwd = tmp_path_factory.mktemp("story")
    path = cwd / "a run"
    told = {"path": path}
    schedule = ["--checkpoint-every", CHECKPOINT_EVERY, "--num-updates", ENDLESS]
    with running("train", *OPTIONS, *schedule, "--run", path, cwd=cwd) as process:
        wait_until(lambda: newest(path) >= CHECKPOINT_EVERY, process)
        # What SLURM sends before a job's time is over, and what it sends then.
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM):
            os.kill(process.pid, number)
        told["interrupted"] = finish(process)
    told["rows when interrupted"], told["interrupted at"] = rows(path), newest(path)
    with running("resume", path, cwd=cwd) as process:
        wait_until(lambda: newest(path) >= told["interrupted at"] + CHECKPOINT_EVERY, process)
        told["second process"] = main(["resume", str(path)])
        process.send_signal(signal.SIGKILL)
        told["killed"] = finish(process)[0]
    told["killed at"] = newest(path)
    with open(path / "metrics.csv", "a") as file:
        file.write("1000")
    # Past every row that the killed process wrote, to the end of a log interval.
    told["updates"] = max(newest(path), int(rows(path)[-2]["cycle"])) + 2 * CHECKPOINT_EVERY
    change_config(path, num_updates=told["updates"])
    with running("resume", path, cwd=cwd) as process:
        told["finished"] = finish(process)
    return told


def test_the_end_of_a_job_saves_says_how_to_resume_and_has_a_code_of_its_own(story):
    code, out, err = story["interrupted"]
    assert code == 75, err
    assert f"minimax-eqx resume '{story['path']}'" in out
    assert "Traceback" not in err
    assert int(story["rows when interrupted"][-1]["cycle"]) == story["interrupted at"]


def test_a_second_process_in_the_same_folder_is_refused(story):
    assert story["second process"] == 2


def test_a_killed_run_keeps_a_recent_checkpoint(story):
    assert story["killed"] == -signal.SIGKILL
    assert story["killed at"] > story["interrupted at"]


def test_a_resumed_run_ends_as_any_other(story):
    code, out, err = story["finished"]
    assert code == 0, err
    assert "unseen levels" in out
    (warning,) = err.splitlines()
    assert warning.startswith("warning: num_steps is 8, ")
    left = {p.name for p in story["path"].iterdir()}
    assert left == {
        ".lock",
        "checkpoints",
        "config.json",
        "curriculum.npz",
        "evaluation.csv",
        "evaluation.json",
        "evaluations.csv",
        "events.jsonl",
        "metrics.csv",
        "report.html",
    }


def test_the_result_is_bit_for_bit_that_of_a_run_that_never_stopped(story, tmp_path):
    made_of, runner = load(story["path"])
    assert made_of.schedule.num_updates == story["updates"]
    straight = train(with_changes(made_of, {"checkpoint_every": 10**6}), tmp_path / "straight")
    assert_same_state(runner, straight.runner)
    assert rows(story["path"]) == rows(tmp_path / "straight")


def test_python_needs_neither_the_parser_nor_the_progress_bar(tmp_path):
    code = (
        "import sys; sys.modules['tyro'] = sys.modules['rich'] = None; "
        "import minimax_eqx.experiment"
    )
    process = launch(cwd=tmp_path, code=code)
    assert finish(process) == (0, "", "")


def test_the_command_line_starts_without_the_extra(tmp_path):
    process = launch("--help", cwd=tmp_path)
    code, out, err = finish(process)
    assert (code, err) == (0, "")
    assert out.startswith("usage: minimax-eqx")
