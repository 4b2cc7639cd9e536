"""What fails leaves a folder that can be used, or none."""

import errno
import os

import orbax.checkpoint
import pytest

from minimax_eqx.experiment import CheckpointError, CompileAhead, RunFolder, resume, start
from minimax_eqx.experiment import _loop as loop

from .tiny import CONFIG, assert_same_state, config, files


class Failing(loop.Silent):
    """A listener that fails when it is told of one thing."""

    def __init__(self, event, cycle=0):
        self.event, self.cycle, self.seen = event, cycle, []

    def _tell(self, event, cycle=0):
        self.seen.append(event)
        if event == self.event and cycle >= self.cycle:
            raise RuntimeError("of the host")

    def started(self, config, runner, ledger):
        self._tell("started")

    def compiled(self, seconds):
        self._tell("compiled")

    def progressed(self, row):
        self._tell("progressed", row["cycle"])

    def evaluated(self, evaluation):
        self._tell("evaluated")


def out_of_memory(*_):
    raise MemoryError("RESOURCE_EXHAUSTED")


BEFORE_THE_FIRST_ROW = {
    "while making the runner": lambda patch: patch.setattr(CompileAhead, "runner", out_of_memory),
    "while compiling": lambda patch: patch.setattr(CompileAhead, "compile", out_of_memory),
    "in the first dispatch": lambda patch: patch.setattr(
        CompileAhead, "compile", lambda _: out_of_memory
    ),
    "another orbax": lambda patch: patch.delattr(orbax.checkpoint, "PyTreeCheckpointer"),
}


@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_ROW.values(), ids=BEFORE_THE_FIRST_ROW)
def test_what_fails_before_the_first_row_leaves_the_path_as_free_as_it_was(
    fault, tmp_path, monkeypatch
):
    fault(monkeypatch)
    with pytest.raises((MemoryError, CheckpointError), match=r"RESOURCE|this orbax-checkpoint"):
        start(CONFIG, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_listener_that_fails_before_the_first_row_leaves_an_empty_folder_empty(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RuntimeError, match="of the host"):
        start(CONFIG, tmp_path / "empty", Failing("compiled"))
    assert [p.name for p in tmp_path.rglob("*")] == ["empty"]


def test_a_listener_that_fails_later_leaves_a_run_that_goes_on(tmp_path, finished):
    with pytest.raises(RuntimeError, match="of the host"):
        start(CONFIG, tmp_path / "run", Failing("progressed", 6))
    assert RunFolder.open(tmp_path / "run").checkpoints(CONFIG).cycles() == [4]
    assert_same_state(resume(tmp_path / "run").runner, finished[0].runner)


def test_an_evaluation_that_fails_on_the_way_costs_no_training(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError("RESOURCE_EXHAUSTED")

    monkeypatch.setattr(loop, "evaluate_run", fail)
    with pytest.raises(MemoryError):
        start(config(evaluate_every=2), tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").checkpoints(CONFIG).cycles() == [2]


def test_an_evaluation_that_cannot_be_written_is_told_and_the_run_is_saved(tmp_path, monkeypatch):
    def full(folder, evaluation):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder.path))

    monkeypatch.setattr(RunFolder, "write_evaluation", full)
    listener = Failing(event=None)
    with pytest.raises(OSError, match="No space left"):
        start(CONFIG, tmp_path / "run", listener)
    assert listener.seen[-1] == "evaluated"
    assert RunFolder.open(tmp_path / "run").checkpoints(CONFIG).cycles() == [4, 8]


def test_a_second_interrupt_while_saving_leaves_the_checkpoints_before(
    run_path, finished, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    before = files(run_path / "checkpoints")
    checkpoints = RunFolder.open(run_path).checkpoints(CONFIG)
    for cycle in (8, 10):
        monkeypatch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(cycle, finished[0].runner)
        monkeypatch.undo()
        assert files(run_path / "checkpoints") == before
