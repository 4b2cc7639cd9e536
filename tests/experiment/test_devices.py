"""Runs on several devices and in several processes, and from one number of devices to another."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import time

import numpy as np
import pytest

from minimax_eqx import load
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.cli._main import main
from minimax_eqx.cli._process_options import ProcessOptions
from minimax_eqx.runners._ahead import making

from .tiny import (
    EXPERIMENT,
    OPTIONS,
    arrays,
    assert_close,
    assert_same_state,
    change_config,
    experiment,
    free_port,
    launch,
    resume,
    rows,
    train,
)

PATIENCE = 240
ENDLESS = 10**6


@pytest.fixture(scope="module")
def on_two_devices(tmp_path_factory):
    """The run of the other tests, on two devices."""
    return train(experiment(devices=2), tmp_path_factory.mktemp("devices") / "run")


@pytest.mark.slow
def test_a_run_on_two_devices_is_that_on_one(on_two_devices, finished):
    assert_close(arrays(finished[0].runner), arrays(on_two_devices.runner))
    assert on_two_devices.runner.mesh is None
    assert on_two_devices.folder.experiment().devices == 2
    assert_same_state(load(on_two_devices.folder.path)[1], on_two_devices.runner)
    ours, theirs = rows(on_two_devices.folder.path), rows(finished[0].folder.path)
    assert [row["cycle"] for row in ours] == [row["cycle"] for row in theirs]
    losses = [[float(row["loss"]) for row in run] for run in (ours, theirs)]
    np.testing.assert_allclose(*losses, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("devices", [1, None])
def test_a_run_goes_on_on_any_number_of_devices(devices, on_two_devices, tmp_path):
    path = shutil.copytree(on_two_devices.folder.path, tmp_path / "run")
    (path / "checkpoints" / "8.npz").unlink()
    resumed = resume(path, devices=devices)
    if devices is None:  # two, as before
        assert_same_state(resumed.runner, on_two_devices.runner)
    assert_close(arrays(on_two_devices.runner), arrays(resumed.runner))
    assert resumed.ledger.cycle == 8


MISTAKES = {
    "too many": (["--devices", "3"], "3 devices: there are 2 of platform cpu; choose at most 2"),
    "none": (["--devices", "0"], "devices is 0; it must be at least 1"),
    "odd levels": (
        ["--devices", "2", "--num-levels", "5"],
        "2 devices cannot share 5 levels equally; choose 4 or 6 levels, or 1 device.",
    ),
    "small minibatches": (
        ["--devices", "2", "--num-levels", "4", "--num-minibatches", "4"],
        "2 devices cannot share 1 plays (levels times trials) of a minibatch equally",
    ),
    "half of the processes": (
        ["--coordinator", "localhost:1234", "--process-id", "0"],
        "coordinator, num_processes, process_id go together; missing: num_processes.",
    ),
    "no port": (
        ["--coordinator", "localhost", "--num-processes", "2", "--process-id", "0"],
        "coordinator is localhost; it must be HOST:PORT.",
    ),
    "unknown process": (
        ["--coordinator", "localhost:1234", "--num-processes", "2", "--process-id", "2"],
        "process_id is 2; it must be at least 0 and below num_processes, which is 2.",
    ),
    "no processes": (
        ["--coordinator", "localhost:1234", "--num-processes", "0", "--process-id", "0"],
        "process_id is 0; it must be at least 0 and below num_processes, which is 0.",
    ),
    "both ways": (
        ["--distributed", "auto", "--num-processes", "2"],
        "num_processes: without effect with distributed auto.",
    ),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gives_one_message_and_exit_code_2(options, message, capsys, tmp_path):
    path = tmp_path / "run"
    assert main(["train", "maze-dr", *OPTIONS, *options, "--run", str(path)]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert not path.exists()


def test_a_resumed_run_needs_devices_that_are_there(capsys, run_path):
    assert main(["resume", str(run_path), "--devices", "7"]) == 2
    assert "7 devices: there are 2" in capsys.readouterr().err


def test_without_a_cluster_auto_says_what_to_give(monkeypatch):
    def initialize():
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr("jax.distributed.initialize", initialize)
    with pytest.raises(ValueError, match=r"should be defined.*give coordinator, num_processes"):
        ProcessOptions(distributed="auto").join(1)


@contextlib.contextmanager
def two_processes(*arguments, cwd):
    """Both with a device of their own, on loopback."""
    meeting = ["--coordinator", f"127.0.0.1:{free_port()}", "--num-processes", 2, "--devices", 2]
    processes = [launch(*arguments, *meeting, "--process-id", i, cwd=cwd) for i in range(2)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def story(tmp_path_factory, compiled):
    """Two processes train, until the second one is interrupted."""
    cwd = tmp_path_factory.mktemp("processes")
    path = cwd / "run"
    schedule = ["--num-updates", ENDLESS, "--keep-checkpoints", ENDLESS]
    arguments = ["train", "maze-dr", *OPTIONS, *schedule, "--run", path]
    with two_processes(*arguments, cwd=cwd) as processes:
        end = time.monotonic() + PATIENCE
        while not (path / "checkpoints" / "8.npz").exists():
            assert all(process.poll() is None for process in processes), [
                process.communicate() for process in processes
            ]
            assert time.monotonic() < end, "nothing happened"
            time.sleep(0.05)
        os.kill(processes[1].pid, signal.SIGINT)
        ended = [(*p.communicate(timeout=PATIENCE), p.returncode) for p in processes]
    return path, ended


@pytest.mark.slow
def test_two_processes_compute_what_one_does(story, finished):
    folder = RunFolder.open(story[0])
    state = folder.checkpoints(folder.experiment()).load(8).restore(making(EXPERIMENT)())
    assert_close(arrays(finished[0].runner), arrays(state))


@pytest.mark.slow
def test_an_interrupt_of_one_process_stops_all_and_the_first_alone_writes(story):
    path, ((out, err, code), (out_of_second, err_of_second, code_of_second)) = story
    assert (code, code_of_second) == (75, 75), (err, err_of_second)
    assert "minimax-eqx resume" in out
    assert "on 2 devices" in out
    assert "update" not in out_of_second
    assert "Traceback" not in err + err_of_second
    newest = max(int(p.stem) for p in (path / "checkpoints").iterdir())
    assert int(rows(path)[-1]["cycle"]) == newest


@pytest.mark.slow
def test_what_two_processes_left_goes_on_in_one(story, tmp_path):
    path = shutil.copytree(story[0], tmp_path / "run")
    cycle = int(rows(path)[-1]["cycle"])
    change_config(path, num_updates=cycle + 2)
    assert json.loads((path / "config.json").read_text())["experiment"]["devices"] == 2
    outcome = resume(path, devices=1)
    assert outcome.ledger.cycle == cycle + 2
    assert not outcome.interrupted
    assert dataclasses.asdict(outcome.ledger)["updates"] == cycle + 2


@pytest.mark.slow
def test_a_problem_of_the_first_process_ends_all(story, tmp_path):
    with two_processes("train", *OPTIONS, "--run", story[0], cwd=tmp_path) as processes:
        ended = [(*p.communicate(timeout=PATIENCE), p.returncode) for p in processes]
    assert [code for *_, code in ended] == [2, 2]
    assert "exists already; nothing was changed" in ended[0][1]
    assert "error" not in ended[1][1]
