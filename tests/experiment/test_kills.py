"""A run that is killed again and again ends as one that was never stopped.

`NUM_KILLS=40 pytest -m slow tests/experiment/test_kills.py -s` is the long form, and prints what it
did.
"""

import os
import random
import signal
import time

import numpy as np
import pytest

import minimax_eqx as mx
from minimax_eqx._folder._run_folder import RunFolder

from .tiny import EXPERIMENT, assert_same_state, command_line_options, launch, rows, with_changes

NUM_KILLS = int(os.environ.get("NUM_KILLS", "3"))
SEED = int(os.environ.get("KILL_SEED", "1"))
# What a process must get done before it may be killed, so that the run comes to its end.
MOST_ROWS = 20
PATIENCE = 300.0


def num_rows(path):
    """How many rows a table has, also while it is written."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_rows(process, path, wanted):
    """Waits until the table has so many rows, or the process ends."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and num_rows(path) < wanted:
        assert time.monotonic() < until, "nothing is written any more"
        time.sleep(0.0005)


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_as_one_that_was_never_stopped(tmp_path):
    moments = random.Random(SEED)
    # Saves in every log interval, so that kills meet saves.
    changes = {"log_every": 1, "checkpoint_every": 1, "num_updates": MOST_ROWS * (NUM_KILLS + 2)}
    experiment = with_changes(EXPERIMENT, changes)
    words = command_line_options(experiment, "maze-dr")
    straight = launch("train", "maze-dr", *words, "--run", "straight", cwd=tmp_path)
    assert straight.wait() == 0, straight.stderr.read()
    path, command = tmp_path / "killed", ["train", "maze-dr", *words, "--run", "killed"]
    num_kills, redone, partial = 0, 0, 0
    while True:
        process = launch(*command, cwd=tmp_path)
        table = path / "metrics.csv"
        begun = num_rows(table)
        if num_kills < NUM_KILLS:
            wait_for_rows(process, table, begun + moments.randint(1, MOST_ROWS))
            time.sleep(moments.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
        code = process.wait()
        if code == 0:
            break
        assert code == -signal.SIGKILL, process.stderr.read()
        num_kills += 1
        command = ["resume", "killed"]
        partial += sum(".partial" in file.name for file in path.rglob("*"))
        redone += RunFolder(path).metrics().last_cycle - newest(path)
    print(
        f"killed {num_kills} times, {partial} times while a file was written; {redone} rows redone"
    )
    assert num_kills == NUM_KILLS
    ours, theirs = mx.load(path)[1], mx.load(tmp_path / "straight")[1]
    assert_same_state(ours, theirs)
    assert rows(path) == rows(tmp_path / "straight")
    cycles = [row["cycle"] for row in RunFolder(path).metrics().read()]
    np.testing.assert_array_equal(cycles, np.arange(1, experiment.schedule.num_updates + 1))
    assert not [file for file in path.rglob("*") if ".partial" in file.name]


def newest(path):
    """The cycle of the newest checkpoint, 0 if there is none."""
    return max((int(file.stem) for file in (path / "checkpoints").glob("*.npz")), default=0)
