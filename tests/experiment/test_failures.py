"""What fails leaves a folder that can be used, or none."""

import errno
import os

import pytest

from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.experiment import Progressed
from minimax_eqx.experiment import _own_hooks as own_hooks
from minimax_eqx.experiment._hooks import Compiled
from minimax_eqx.runners._ahead import CompileAhead

from .tiny import EXPERIMENT, assert_same_state, experiment, resume, train


class Failing:
    """A hook that fails when it is told of one thing."""

    def __init__(self, event, cycle=0):
        self.event, self.cycle, self.seen = event, cycle, []

    def __call__(self, event):
        self.seen.append(type(event))
        ledger = getattr(event, "ledger", None)
        if type(event) is self.event and (ledger is None or ledger.cycle >= self.cycle):
            raise RuntimeError("of the host")


def out_of_memory(*_):
    raise MemoryError("RESOURCE_EXHAUSTED")


BEFORE_THE_FIRST_ROW = {
    "while making the runner": lambda patch: patch.setattr(CompileAhead, "runner", out_of_memory),
    "while compiling": lambda patch: patch.setattr(CompileAhead, "compile", out_of_memory),
    "in the first dispatch": lambda patch: patch.setattr(
        CompileAhead, "compile", lambda _: out_of_memory
    ),
}


@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_ROW.values(), ids=BEFORE_THE_FIRST_ROW)
def test_what_fails_before_the_first_row_leaves_the_path_as_free_as_it_was(
    fault, tmp_path, monkeypatch
):
    fault(monkeypatch)
    with pytest.raises(MemoryError, match="RESOURCE"):
        train(EXPERIMENT, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_hook_that_fails_before_the_first_row_leaves_an_empty_folder_empty(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RuntimeError, match="of the host"):
        train(EXPERIMENT, tmp_path / "empty", hooks=[Failing(Compiled)])
    assert [p.name for p in tmp_path.rglob("*")] == ["empty"]


def test_a_hook_that_fails_later_leaves_a_run_that_goes_on(tmp_path, finished):
    with pytest.raises(RuntimeError, match="of the host"):
        train(EXPERIMENT, tmp_path / "run", hooks=[Failing(Progressed, 6)])
    assert RunFolder.open(tmp_path / "run").checkpoints(EXPERIMENT).cycles() == [4]
    assert_same_state(resume(tmp_path / "run").runner, finished[0].runner)


def test_an_evaluation_that_fails_on_the_way_costs_no_training(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError("RESOURCE_EXHAUSTED")

    monkeypatch.setattr(own_hooks, "evaluate", fail)
    with pytest.raises(MemoryError):
        train(experiment(evaluate_every=2), tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").checkpoints(EXPERIMENT).cycles() == [2]


def test_an_evaluation_that_cannot_be_written_is_an_error_and_the_run_is_saved(
    tmp_path, monkeypatch
):
    def full(folder, evaluation):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder.path))

    monkeypatch.setattr(RunFolder, "write_evaluation", full)
    with pytest.raises(OSError, match="No space left"):
        train(EXPERIMENT, tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").checkpoints(EXPERIMENT).cycles() == [4, 8]
