"""Runs that go on after a crash or a change: what is left is that of one run."""

import logging
import shutil

import pytest

from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.experiment import Started
from minimax_eqx.experiment._saving import is_due

from .tiny import (
    EXPERIMENT,
    assert_same_state,
    change_config,
    evaluation_in,
    experiment,
    files,
    resume,
    rows,
    train,
)


def cycles(table):
    return [row["cycle"] for row in table.read()]


def kill_after_two_cycles(path):
    """Makes of a finished run one that was killed before its first checkpoint."""
    shutil.rmtree(path / "checkpoints")
    folder = RunFolder.open(path)
    folder.metrics().drop_after(2)
    folder.evaluations().drop_after(2)
    (path / "report.html").write_text("of the lost part")


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{"seed": 77}, {"num_students": 2}],
    ids=["other seed", "other columns"],
)
def test_a_run_that_starts_again_leaves_what_one_of_its_configuration_leaves(
    run_path, tmp_path, changes, caplog
):
    kill_after_two_cycles(run_path)
    change_config(run_path, **changes)
    with caplog.at_level(logging.WARNING, "minimax_eqx"):
        again = resume(run_path)
    assert "starts again, without the 1 rows" in caplog.text
    straight = train(RunFolder.open(run_path).experiment(), tmp_path / "straight")
    assert_same_state(again.runner, straight.runner)
    assert rows(run_path) == rows(straight.folder.path)
    assert evaluation_in(run_path) == evaluation_in(straight.folder.path)
    name = "evaluations.csv"
    assert (run_path / name).read_text() == (straight.folder.path / name).read_text()
    assert {p.name for p in run_path.iterdir()} == {p.name for p in straight.folder.path.iterdir()}


def test_a_run_that_cannot_start_again_keeps_what_it_had(run_path):
    kill_after_two_cycles(run_path)
    change_config(run_path, num_minibatches=3)
    before = files(run_path)
    with pytest.raises(ValueError, match="num_minibatches"):
        resume(run_path)
    assert files(run_path) == before


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of 16 cycles that never stopped."""
    return train(experiment(num_updates=16), tmp_path_factory.mktemp("straight") / "run")


def test_after_a_change_of_intervals_saving_and_evaluating_go_on_as_they_are_due(
    run_path, straight
):
    (run_path / "checkpoints" / "8.npz").unlink()
    change_config(
        run_path,
        log_every=3,
        checkpoint_every=6,
        evaluate_every=6,
        keep_checkpoints=100,
        num_updates=16,
    )
    outcome = resume(run_path)
    # From cycle 4; a multiple of 6 is reached in 7, 13 and no more.
    assert cycles(outcome.folder.metrics()) == [2, 4, 7, 10, 13, 16]
    assert outcome.folder.checkpoints(EXPERIMENT).cycles() == [4, 7, 13, 16]
    assert cycles(outcome.folder.evaluations()) == [7, 13, 16]
    assert_same_state(outcome.runner, straight.runner)


@pytest.mark.parametrize(
    ("cycle", "last", "every", "expected"),
    [(4, 2, 4, True), (6, 4, 4, False), (10, 6, 8, True), (14, 10, 8, False), (9, 0, 0, False)],
)
def test_what_is_due_at_a_multiple_is_done_at_the_first_cycle_from_there_on(
    cycle, last, every, expected
):
    assert is_due(cycle, last, every) == expected


def test_a_run_killed_between_saving_and_evaluating_evaluates_what_it_saved(tmp_path):
    outcome = train(experiment(evaluate_every=4), tmp_path / "run")
    table = tmp_path / "run" / "evaluations.csv"
    before = table.read_text()
    (tmp_path / "run" / "checkpoints" / "8.npz").unlink()
    table.unlink()
    resume(outcome.folder.path)
    assert table.read_text() == before


def test_fewer_checkpoints_are_kept_from_the_next_one_on(run_path):
    change_config(run_path, keep_checkpoints=1, keep_best_checkpoints=0, num_updates=10)
    assert resume(run_path).folder.checkpoints(EXPERIMENT).cycles() == [10]


def test_a_run_is_where_it_was_begun_wherever_the_process_goes(tmp_path, monkeypatch):
    def go_elsewhere(event):
        if isinstance(event, Started):
            monkeypatch.chdir(tmp_path / "elsewhere")

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    train(experiment(num_updates=4), "runs/mine", hooks=[go_elsewhere])
    monkeypatch.chdir(tmp_path)
    outcome = resume("runs/mine", hooks=[go_elsewhere], num_updates=8)
    assert outcome.folder.path == tmp_path / "runs" / "mine"
    assert outcome.folder.checkpoints(EXPERIMENT).cycles() == [4, 8]
    assert list((tmp_path / "elsewhere").iterdir()) == []
