"""Several runs that belong together: as one program, killed, gone on with, shared by processes."""

import contextlib
import dataclasses
import json
import shutil
import signal

import numpy as np
import pytest

import minimax_eqx as mx
from minimax_eqx._files import FolderError
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.experiment import _own_hooks, sweep
from minimax_eqx.experiment._points import Point, check_same, groups

from .tiny import EXPERIMENT, arrays, assert_close, create, train, with_changes


def points(**changes):
    """Two learning rates with two seeds each."""
    return {
        f"rate-{rate}_seed-{seed}": with_changes(
            EXPERIMENT, {"learning_rate": rate, "seed": seed, **changes}
        )
        for rate in (1e-3, 1e-4)
        for seed in (1, 2)
    }


def table(path):
    """The rows of metrics.csv, as numbers."""
    return RunFolder(path).metrics().read()


def no_report(_):
    return ()


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweeps") / "sweep"
    return sweep(points(), path, hooks=no_report), path


def test_each_run_of_a_sweep_is_as_if_it_were_alone(swept, tmp_path):
    outcome, path = swept
    assert set(outcome.finished) == set(points())
    assert [*outcome.failed, *outcome.interrupted, *outcome.elsewhere] == []
    name = "rate-0.0001_seed-2"
    alone = train(points()[name], tmp_path / "alone")
    assert_close(arrays(mx.load(path / name)[1]), arrays(alone.runner))
    ours, theirs = table(path / name), table(alone.folder.path)
    assert [row["cycle"] for row in ours] == [row["cycle"] for row in theirs]
    np.testing.assert_allclose(
        [row["loss"] for row in ours], [row["loss"] for row in theirs], rtol=1e-4, atol=1e-6
    )
    evaluation = json.loads((path / name / "evaluation.json").read_text())
    assert evaluation["updates"] == 8


def test_a_sweep_that_is_done_does_nothing_and_takes_what_is_new(swept):
    _, path = swept
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}
    new = with_changes(EXPERIMENT, {"learning_rate": 1e-2})
    outcome = sweep({**points(), "new": new}, path, hooks=no_report)
    assert set(outcome.finished) == {*points(), "new"}
    assert all(file.stat().st_mtime_ns == time for file, time in before.items())


@pytest.mark.slow
def test_a_sweep_goes_on_where_it_was_stopped(tmp_path):
    class Stopped(BaseException):
        """As if the process had been killed."""

    def kill(event):
        if isinstance(event, mx.experiment.Saved) and event.cycle == 4:
            raise Stopped

    two = dict(list(points().items())[:2])
    with pytest.raises(Stopped):
        sweep(two, tmp_path, hooks=lambda name: (kill,) if "seed-2" in name else ())
    first, second = (RunFolder(tmp_path / name) for name in two)
    # Checkpoints are written while the runs go on, so that they may have got an interval further.
    assert {run.metrics().last_cycle for run in (first, second)} <= {4, 6}
    assert set(sweep(two, tmp_path, hooks=no_report).finished) == set(two)
    for name, experiment in two.items():
        straight = train(experiment, tmp_path / f"straight {name}")
        assert_close(arrays(mx.load(tmp_path / name)[1]), arrays(straight.runner))
        assert [row["cycle"] for row in table(tmp_path / name)] == [2, 4, 6, 8]


def test_a_sweep_that_is_asked_to_stop_while_a_run_is_evaluated_begins_no_other(
    swept, tmp_path, monkeypatch
):
    first, second = two = dict(list(points().items())[:2])
    for name in two:
        run = shutil.copytree(swept[1] / name, tmp_path / name)
        (run / "evaluation.json").unlink()
        (run / "evaluations.csv").unlink()
    evaluate = _own_hooks.evaluate

    def interrupted(*given):
        signal.raise_signal(signal.SIGTERM)
        return evaluate(*given)

    monkeypatch.setattr(_own_hooks, "evaluate", interrupted)
    outcome = sweep(two, tmp_path, hooks=no_report, at_once=1)
    assert set(outcome.finished) == {first}
    assert (outcome.interrupted, outcome.elsewhere) == ((second,), ())


def test_a_run_that_fails_does_not_stop_the_others(tmp_path):
    def fail(event):
        if isinstance(event, mx.experiment.Progressed):
            raise RuntimeError("broken")

    two = dict(list(points().items())[:2])
    outcome = sweep(two, tmp_path, hooks=lambda name: (fail,) if "seed-1" in name else ())
    bad, good = two
    assert outcome.failed == {bad: "RuntimeError: broken"}
    assert set(outcome.finished) == {good}


def test_what_another_process_has_is_left_to_it(tmp_path):
    two = dict(list(points().items())[:2])
    other, mine = two
    with contextlib.ExitStack() as stack:
        stack.enter_context(RunFolder(tmp_path / other).begun(two[other]))
        outcome = sweep(two, tmp_path, hooks=no_report)
        assert outcome.elsewhere == (other,)
        assert set(outcome.finished) == {mine}
    assert set(sweep(two, tmp_path, hooks=no_report).finished) == set(two)


def test_a_run_that_a_version_with_fewer_fields_began_is_the_same_run(tmp_path):
    folder = create(tmp_path / "run")
    content = json.loads((folder.path / "config.json").read_text())
    for where, name in (("schedule", "keep_best_checkpoints"), ("student", "value_loss")):
        del content["experiment"][where][name]
    (folder.path / "config.json").write_text(json.dumps(content))
    check_same(Point("run", EXPERIMENT, folder))
    # What the other run has not by default is not what it was begun with.
    with pytest.raises(FolderError, match="another experiment"):
        check_same(Point("run", with_changes(EXPERIMENT, {"keep_best_checkpoints": 2}), folder))


def test_a_run_whose_rows_were_removed_is_looked_at_once(swept, tmp_path):
    name, experiment = next(iter(points().items()))
    shutil.copytree(swept[1] / name, tmp_path / name)
    (tmp_path / name / "metrics.csv").unlink()
    assert set(sweep({name: experiment}, tmp_path, hooks=no_report).finished) == {name}


def test_experiments_that_differ_in_numbers_alone_are_one_program(tmp_path):
    folder = RunFolder(tmp_path)
    found = points() | {"larger": with_changes(EXPERIMENT, {"num_levels": 4})}
    found_groups = list(groups([Point(n, e, folder) for n, e in found.items()], None))
    assert [[p.name for p in group] for group in found_groups] == [list(points()), ["larger"]]
    found_groups = list(groups([Point(n, e, folder) for n, e in found.items()], 3))
    assert [len(group) for group in found_groups] == [3, 1, 1]


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        ("a/b", {}, ValueError, "called 'a/b'; it must be a folder's name"),
        ("..", {}, ValueError, r"called '\.\.'"),
        ("rate-0.001_seed-1", {"seed": 7}, FolderError, "holds a run of another experiment"),
        ("other", {"devices": 2}, ValueError, "other asks for 2 devices"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_anything_trains(
    name, changes, error, message, swept
):
    _, path = swept
    experiment = dataclasses.replace(EXPERIMENT, **changes)
    with pytest.raises(error, match=message):
        sweep({name: experiment}, path, hooks=no_report)
    assert not (path / name).exists() or name in ("..", *points())
