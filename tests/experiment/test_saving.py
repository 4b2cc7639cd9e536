"""Checkpoints that are written while a run goes on."""

import errno
import math
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import equinox as eqx
import jax
import pytest

from minimax_eqx import _files, load
from minimax_eqx._files import FolderError
from minimax_eqx._folder._checkpoints import Checkpoints
from minimax_eqx._folder._retention import Retention
from minimax_eqx.experiment import Progressed, Saved, TrainingError
from minimax_eqx.experiment import _own_hooks as own_hooks
from minimax_eqx.experiment._hooks import Trained
from minimax_eqx.experiment._ledger import Ledger
from minimax_eqx.experiment._saving import SaveCheckpoints
from minimax_eqx.runners._schedule import Schedule

from .tiny import EXPERIMENT, assert_same_state, experiment, files, resume, train

EVERY_2 = Schedule(num_updates=8, log_every=1, checkpoint_every=2)


@pytest.fixture
def runner(finished):
    """A copy, which a test may consume."""
    return jax.tree.map(lambda x: x.copy() if eqx.is_array(x) else x, finished[0].runner)


def progressed(runner, cycle):
    return Progressed(runner, Ledger(cycle=cycle), {}, {})


class Slow(Checkpoints):
    """Checkpoints on a disk that waits to be told."""

    def __init__(self, path):
        super().__init__(path, keep=3)
        self.goes_on = threading.Event()

    def write(self, cycle, arrays):
        assert self.goes_on.wait(60)
        return super().write(cycle, arrays)


@pytest.fixture
def slow(tmp_path):
    return Slow(tmp_path / "checkpoints")


def test_a_run_goes_on_while_a_checkpoint_is_written_and_reuses_its_memory(slow, runner, finished):
    save = SaveCheckpoints(slow, EVERY_2, saved=2)
    assert save(progressed(runner, 4)) is None
    # As the next dispatch does.
    arrays = eqx.filter(runner, eqx.is_inexact_array)
    eqx.filter_jit(lambda tree: jax.tree.map(lambda x: x + 1, tree), donate="all")(arrays)
    assert save.settle(5) is None
    slow.goes_on.set()
    told = save.settle()
    assert isinstance(told, Saved)
    assert told.cycle == 4
    assert_same_state(slow.load(4).restore(finished[0].runner), finished[0].runner)
    save.close()


@pytest.mark.parametrize(
    ("saved", "cycle"),
    [(2, 6), (2, None), (None, 5)],
    ids=["the next is due", "the end", "the first of a run"],
)
def test_what_a_run_may_not_go_on_without_it_waits_for(slow, runner, saved, cycle):
    save = SaveCheckpoints(slow, EVERY_2, saved)
    save(progressed(runner, 4))
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(save.settle, cycle)
        assert not told.done()
        slow.goes_on.set()
        assert told.result(60).cycle == 4
    save.close()


def test_the_end_of_a_run_waits_for_its_checkpoint_and_so_does_a_failure(slow, runner, caplog):
    slow.goes_on.set()
    save = SaveCheckpoints(slow, EVERY_2, None)
    told = save(Trained(runner, Ledger(cycle=3), interrupted=True))
    assert isinstance(told, Saved)
    assert slow.cycles() == [3]
    save.save(progressed(runner, 4))
    save.close()
    assert slow.cycles() == [3, 4]
    assert caplog.text == ""


FAULTS = {
    "full": (errno.ENOSPC, "replace"),
    "read-only": (errno.EROFS, "open"),
    "gone": (errno.ESTALE, "fsync"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_disk_that_fails_is_told_in_one_line_and_leaves_the_last_good_checkpoint(
    slow, runner, monkeypatch, caplog, fault
):
    number, name = fault

    def fail(*args, **_):
        raise OSError(number, os.strerror(number), *(args[:1] if name == "open" else ()))

    slow.goes_on.set()
    save = SaveCheckpoints(slow, EVERY_2, None)
    save(progressed(runner, 2))
    save.settle()
    before = files(slow.path)
    monkeypatch.setattr(_files if name == "open" else os, name, fail, raising=False)
    save(progressed(runner, 4))
    reason = rf"cycle 4 could not be written \({os.strerror(number)}: .*checkpoints.4.npz\)"
    with pytest.raises(TrainingError, match=rf"{reason}, .*cycle 2 in .* last good") as caught:
        save.settle()
    assert "\n" not in str(caught.value)
    save.save(progressed(runner, 6))
    save.close()
    assert "checkpoint of cycle 6 could not be written" in caplog.text
    assert files(slow.path) == before


def test_a_run_whose_disk_fails_stops_and_goes_on_later(tmp_path, monkeypatch, finished):
    def replace(source, target):
        if os.path.basename(target) == "8.npz":
            raise OSError(errno.ENOSPC, "No space left on device")
        return move(source, target)

    move = os.replace
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(TrainingError, match=r"No space left.*checkpoint of cycle 4"):
        train(EXPERIMENT, tmp_path / "run")
    monkeypatch.undo()
    outcome = resume(tmp_path / "run")
    assert_same_state(outcome.runner, finished[0].runner)
    assert not [thread for thread in threading.enumerate() if "checkpoint" in thread.name]


def test_a_run_that_gets_the_signals_of_a_job_s_end_is_saved_and_goes_on(tmp_path, finished):
    def end_of_job(event):
        if isinstance(event, Progressed) and event.ledger.cycle == 2:
            for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM):
                signal.raise_signal(number)

    outcome = train(EXPERIMENT, tmp_path / "run", hooks=[end_of_job])
    assert outcome.interrupted
    assert outcome.folder.checkpoints(EXPERIMENT).cycles() == [2]
    assert_same_state(resume(tmp_path / "run").runner, finished[0].runner)


def test_a_disk_that_went_away_is_not_replaced_by_a_folder(tmp_path):
    with pytest.raises(OSError, match="checkpoints"):
        Checkpoints(tmp_path / "mounted" / "checkpoints", keep=1).write(2, {})
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_read_as_it_was_written_never_gets_its_name(tmp_path, monkeypatch):
    def lose(number):
        os.truncate(number, 3)

    (tmp_path / "file").write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", lose)
    with pytest.raises(OSError, match=r"not what is read.*file"):
        _files.write(tmp_path / "file", b"afterwards")
    assert files(tmp_path) == {tmp_path / "file": b"before"}


def test_the_best_checkpoint_is_kept_and_found_and_one_that_is_told_to_stay(tmp_path, monkeypatch):
    rates = {2: 0.1, 4: 0.4, 6: 0.9, 8: 0.9, 10: 0.5, 12: None}

    def evaluate(_, runner):
        cycle = int(runner.num_cycles)
        results = {"success_rate": rates[cycle], "return": float(cycle)}
        return {"cycle": cycle, "unseen": results, "held_out": {}}

    monkeypatch.setattr(own_hooks, "evaluate", evaluate)
    changes = {"num_updates": 12, "checkpoint_every": 12, "evaluate_every": 2}
    kept = {"keep_checkpoints": 1, "keep_checkpoint_every": 3}
    outcome = train(experiment(**changes, **kept), tmp_path / "run")
    # The newest; the latest of the two best; the first from cycle 3, 6, 9 and 12 on.
    assert outcome.folder.checkpoints(EXPERIMENT).cycles() == [4, 6, 8, 10, 12]
    assert int(load(tmp_path / "run", checkpoint="best")[1].num_cycles) == 8


@pytest.mark.parametrize(
    ("best", "every", "expected"),
    [(0, 0, set()), (1, 0, {6}), (3, 0, {3, 4, 6}), (0, 4, {4, 9}), (1, 4, {4, 6, 9})],
)
def test_the_best_checkpoints_stay_and_those_of_every_so_many_cycles(best, every, expected):
    held_out = {3: (0.5, 0.9), 4: (0.8, 0.6), 6: (0.7, 0.9), 7: (math.nan, math.nan), 9: (0.1, 0)}
    rows = [
        {"cycle": c, "unseen success_rate": 1, "a success_rate": a, "b success_rate": b}
        for c, (a, b) in {2: (1.0, 1.0), **held_out}.items()
    ]
    rows[4]["unseen success_rate"] = 0.2
    # One that was evaluated is not there, and one that is there was not.
    assert Retention(best, every, lambda: rows)([3, 4, 5, 6, 7, 9]) == expected


def test_returns_count_where_no_success_is_measured_and_what_cannot_be_read_costs_nothing(caplog):
    rows = [{"cycle": c, "unseen success_rate": math.nan, "unseen return": -c} for c in (2, 4)]
    assert Retention(1, 0, lambda: rows)([2, 4, 6]) == {2}

    def damaged():
        raise FolderError("evaluations.csv is damaged.")

    assert Retention(1, 0, damaged)([2, 4, 6]) == {2, 4, 6}
    assert "all checkpoints are kept" in caplog.text
