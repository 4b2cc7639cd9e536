"""Any number of runs in one process: what they compiled does not pile up."""

import pathlib

import pytest

from minimax_eqx import run
from minimax_eqx._xla import _compile
from minimax_eqx.runners._ahead import making

from .tiny import experiment, train

MAPS = pathlib.Path("/proc/self/maps")
# A program of a tiny run holds several hundred.
FEW = 200

pytestmark = pytest.mark.skipif(not MAPS.exists(), reason="only Linux says what a process maps")


def num_maps():
    return len(MAPS.read_text().splitlines())


def test_runs_that_differ_in_their_seed_share_their_programs(tmp_path):
    counts = []
    for seed in range(4):
        train(experiment(seed=seed), tmp_path / f"run-{seed}")
        counts.append(num_maps())
    assert counts[-1] - counts[0] < FEW


def test_runs_that_differ_in_more_release_their_programs(monkeypatch):
    monkeypatch.setattr(_compile, "MOST_PROGRAMS", 1)
    counts = []
    for num_epochs in (1, 2, 3):
        runner = making(experiment(num_epochs=num_epochs))()
        run.lower(runner, 1).compile()(runner, 1)
        counts.append(num_maps())
    assert counts[-1] - counts[0] < FEW
