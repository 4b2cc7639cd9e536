"""Runs from Python: what they leave, and that they go on exactly."""

import csv
import json
import logging
import math
import os
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import evaluate, load
from minimax_eqx._files import FolderError
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.evaluation import _panels as panels
from minimax_eqx.experiment import Evaluated, Finished, Progressed, Remote, Started, TrainingError
from minimax_eqx.experiment import _loop as loop
from minimax_eqx.experiment._hooks import Compiled, Saved, Trained
from minimax_eqx.runners._ahead import making
from minimax_eqx.runners._saving import CheckpointError, write_arrays

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


def drop_newest_checkpoint(path):
    (path / "checkpoints" / "8.npz").unlink()


def test_a_run_leaves_its_configuration_metrics_checkpoints_and_evaluation(finished):
    path = finished[0].folder.path
    assert {p.name for p in path.iterdir()} == {
        ".lock",
        "checkpoints",
        "config.json",
        "curriculum.npz",
        "evaluation.csv",
        "evaluation.json",
        "evaluations.csv",
        "events.jsonl",
        "metrics.csv",
    }
    assert sorted(p.name for p in (path / "checkpoints").iterdir()) == ["4.npz", "8.npz"]
    evaluation = json.loads((path / "evaluation.json").read_text())
    assert evaluation["updates"] == 8
    assert evaluation["unseen"]["num_episodes"] == 4
    assert evaluation["held_out"] == {}


def test_the_metrics_have_one_row_a_log_interval_and_a_ledger_of_the_budget(finished):
    outcome, recorder = finished
    written = outcome.folder.metrics().read()
    assert [row["cycle"] for row in written] == [2, 4, 6, 8]
    # 2 levels of 8 steps; 2 epochs of 1 minibatch.
    assert [row["env_steps"] for row in written] == [32, 64, 96, 128]
    assert [row["updates"] for row in written] == [2, 4, 6, 8]
    assert [row["gradient_steps"] for row in written] == [4, 8, 12, 16]
    assert all(row["seconds_compiling"] > 0 for row in written)
    running = [row["seconds_running"] for row in written]
    assert running == sorted(running)
    assert {"return", "success_rate", "loss", "entropy", "shortest_path_length"} <= set(written[0])
    assert [row["steps_learned_from"] for row in written] == [32, 64, 96, 128]
    # Of a checkpoint the row after it knows.
    assert [row["seconds_saving"] > 0 for row in written] == [False, False, True, True]
    assert list(written[0])[:9] == [
        *("cycle", "updates", "env_steps", "steps_learned_from", "gradient_steps"),
        *("seconds_compiling", "seconds_running", "seconds_evaluating", "seconds_saving"),
    ]
    entry = outcome.folder.evaluation()["ledger"]
    spent = outcome.ledger.row()
    assert entry["seconds_evaluating"] == spent["seconds_evaluating"] > 0
    assert {name: entry[name] for name in list(written[0])[:7]} == {
        name: spent[name] for name in list(written[0])[:7]
    }
    assert entry["machine"]["devices"]["count"] >= 1
    assert [row["cycle"] for row in recorder.rows] == [2, 4, 6, 8]


def test_episode_metrics_are_blank_where_they_were_not_measured(finished):
    """Cycles of 8 steps are too short for a failure, which takes 12."""
    for row in finished[0].folder.metrics().read():
        assert math.isnan(row["return"]) == (row["num_episodes"] == 0)
        assert math.isnan(row["success_rate"])


def test_an_interval_s_row_leaves_out_the_cycles_that_did_not_measure():
    row = loop.means({"return": np.array([np.nan, 0.5, 1.0]), "loss": np.full(3, np.nan)})
    assert row["return"] == 0.75
    assert math.isnan(row["loss"])


def test_a_hook_is_told_in_order(finished):
    assert finished[1].events == [
        *(Started, Compiled, Progressed, Progressed, Saved, Progressed, Progressed, Saved),
        *(Trained, Evaluated, Finished),
    ]


def test_hooks_are_told_of_each_other_s_events_and_a_remote_one_may_fail(tmp_path, caplog):
    told = []

    def one(event):
        told.append(event)
        return Saved(99) if isinstance(event, Compiled) else None

    def other(event):
        told.append(event)
        raise ConnectionError("no server")

    train(
        experiment(num_updates=2, checkpoint_every=2), tmp_path / "run", hooks=[one, Remote(other)]
    )
    assert [type(event) for event in told[:2]] == [Started, Started]
    assert [event.cycle for event in told if isinstance(event, Saved)] == [99, 2]
    assert isinstance(told[-1], Finished)
    assert len([event for event in told if isinstance(event, Started)]) == 2
    assert caplog.text.count("other failed and is told nothing more") == 1
    assert "ConnectionError: no server" in caplog.text


def test_the_newest_state_can_be_loaded(finished):
    loaded, runner = load(finished[0].folder.path)
    assert loaded == EXPERIMENT
    assert_same_state(runner, finished[0].runner)


def test_a_resumed_run_is_the_same_as_one_that_never_stopped(finished, run_path):
    drop_newest_checkpoint(run_path)
    lines = (run_path / "metrics.csv").read_text().splitlines(keepends=True)
    # Killed in the middle of the row of cycle 8; that of cycle 6 is repeated, not doubled.
    (run_path / "metrics.csv").write_text("".join(lines[:4]) + lines[4][:20])
    outcome = resume(run_path)
    assert not outcome.interrupted
    assert_same_state(outcome.runner, finished[0].runner)
    assert rows(run_path) == rows(finished[0].folder.path)
    assert evaluation_in(run_path) == evaluation_in(finished[0].folder.path)
    seconds = [row["seconds_compiling"] for row in outcome.folder.metrics().read()]
    assert seconds[-1] > seconds[0]


def test_a_damaged_newest_checkpoint_costs_only_what_came_after_the_one_before(
    finished, run_path, caplog
):
    (run_path / "checkpoints" / "8.npz").write_text("{")
    with caplog.at_level(logging.WARNING, "minimax_eqx"):
        outcome = resume(run_path)
    assert "Trying an older one" in caplog.text
    assert_same_state(outcome.runner, finished[0].runner)
    assert rows(run_path) == rows(finished[0].folder.path)


def test_without_a_whole_checkpoint_nothing_is_changed(run_path):
    for cycle in (4, 8):
        os.truncate(run_path / "checkpoints" / f"{cycle}.npz", 9)
    before = files(run_path)
    with pytest.raises(CheckpointError, match="no usable checkpoint"):
        resume(run_path)
    assert files(run_path) == before


def test_a_run_whose_checkpoints_are_gone_is_not_started_again(run_path):
    shutil.rmtree(run_path / "checkpoints")
    before = files(run_path)
    with pytest.raises(
        CheckpointError, match=r"no usable checkpoint.*set checkpoint_every to 8 or more"
    ):
        resume(run_path)
    assert files(run_path) == before


def test_a_run_killed_before_its_first_checkpoint_starts_again(finished, run_path, caplog):
    shutil.rmtree(run_path / "checkpoints")
    lines = (run_path / "metrics.csv").read_text().splitlines(keepends=True)
    (run_path / "metrics.csv").write_text("".join(lines[:2]))
    with caplog.at_level(logging.WARNING, "minimax_eqx"):
        outcome = resume(run_path)
    assert "starts again" in caplog.text
    assert_same_state(outcome.runner, finished[0].runner)
    assert rows(run_path) == rows(finished[0].folder.path)


def test_a_finished_run_is_only_evaluated(finished, run_path):
    (run_path / "evaluation.json").unlink()
    outcome = resume(run_path)
    assert (run_path / "evaluation.json").exists()
    assert_same_state(outcome.runner, finished[0].runner)
    assert (run_path / "metrics.csv").read_bytes() == (
        finished[0].folder.path / "metrics.csv"
    ).read_bytes()


def test_a_finished_run_can_be_made_longer(finished, tmp_path):
    short = train(experiment(num_updates=4), tmp_path / "run")
    assert short.ledger.updates == 4
    outcome = resume(tmp_path / "run", num_updates=EXPERIMENT.schedule.num_updates)
    assert_same_state(outcome.runner, finished[0].runner)
    assert rows(tmp_path / "run") == rows(finished[0].folder.path)
    assert outcome.folder.experiment() == EXPERIMENT


@pytest.mark.parametrize(
    ("num_updates", "message"), [(7, "has made 8 already"), (0, "num_updates is 0")]
)
def test_a_run_cannot_be_made_shorter_than_it_is(run_path, num_updates, message):
    before = files(run_path)
    with pytest.raises(ValueError, match=message):
        resume(run_path, num_updates=num_updates)
    assert files(run_path) == before


def test_evaluating_on_the_way_changes_nothing(finished, tmp_path):
    outcome = train(experiment(evaluate_every=4), tmp_path / "run")
    assert_same_state(outcome.runner, finished[0].runner)
    assert rows(tmp_path / "run") == rows(finished[0].folder.path)
    with open(tmp_path / "run" / "evaluations.csv", newline="") as file:
        assert [row["cycle"] for row in csv.DictReader(file)] == ["4", "8"]


def test_another_seed_is_another_run():
    one, other = making(experiment(seed=2))().students, making(EXPERIMENT)().students
    assert not jnp.array_equal(one.network.encoder.kernel, other.network.encoder.kernel)


@pytest.mark.parametrize(
    ("option", "value"),
    [("hidden_size", 16), ("learning_rate", 1e-5), ("seed", 5)],
)
def test_a_checkpoint_of_another_configuration_is_refused(run_path, option, value):
    change_config(run_path, **{option: value})
    before = files(run_path)
    with pytest.raises(CheckpointError, match=f"another configuration: .*{option}"):
        resume(run_path)
    assert files(run_path) == before


def test_a_run_goes_on_from_what_a_version_with_fewer_fields_saved(run_path):
    checkpoints = RunFolder.open(run_path).checkpoints(EXPERIMENT)
    saved = checkpoints.load(8)
    new = ("student.optimiser.annealing", "student.value_loss.", "rollouts_per_play")
    about = {name: v for name, v in saved.about.items() if not name.startswith(new)}
    assert len(about) < len(saved.about) - 2
    write_arrays(saved.path, saved.arrays, about)
    content = json.loads((run_path / "config.json").read_text())
    student = content["experiment"]["student"]
    del content["experiment"]["rollouts_per_play"], student["optimiser"]["annealing"]
    del student["value_loss"], content["experiment"]["schedule"]["keep_best_checkpoints"]
    (run_path / "config.json").write_text(json.dumps(content))
    assert load(run_path)[0] == EXPERIMENT
    # A line that is gone from config.json alone is a change like any other.
    del student["network"]["core"]["hidden_size"]
    (run_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"configuration: .*hidden_size \(saved 8, expected"):
        load(run_path)


def test_a_folder_that_another_process_trains_in_is_refused(run_path):
    with RunFolder.open(run_path).locked(), pytest.raises(FolderError, match="Another process"):
        resume(run_path)


def test_a_taken_folder_is_refused_before_anything_is_built(run_path):
    before = files(run_path)
    with pytest.raises(FolderError, match="exists already"):
        train(EXPERIMENT, run_path)
    assert files(run_path) == before


def test_what_cannot_run_is_noticed_before_the_folder_is_made(tmp_path):
    with pytest.raises(ValueError, match="num_minibatches"):
        train(experiment(num_minibatches=3), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def spoil_checkpoint(path, where, value):
    """Saves the newest state again with another number in it."""
    folder = RunFolder.open(path)
    made_of, runner = load(path)
    spoilt = eqx.tree_at(where, runner, replace_fn=lambda leaf: jnp.full_like(leaf, value))
    folder.checkpoints(made_of).save(8, spoilt)


def test_a_loss_that_is_no_number_stops_the_run_and_the_last_checkpoint_stays(run_path):
    spoil_checkpoint(run_path, lambda r: r.experiment.student.optimiser.learning_rate, 1e30)
    change_config(run_path, num_updates=16)
    before = files(run_path)
    with pytest.raises(TrainingError, match=r"Update (9|10): .*checkpoint of cycle 8 .* last good"):
        resume(run_path)
    assert files(run_path) == before


def test_a_state_that_is_not_finite_is_never_saved(run_path):
    # Nothing reads it, since actions are discrete: no loss shows it.
    spoil_checkpoint(run_path, lambda r: r.experiment.student.network.box.initial_std, jnp.nan)
    change_config(run_path, num_updates=12)
    with pytest.raises(TrainingError, match=r"Update 12: experiment.*initial_std is not a number"):
        resume(run_path)
    assert sorted(p.name for p in (run_path / "checkpoints").iterdir()) == ["4.npz", "8.npz"]


def test_a_run_is_traced_with_its_precision_and_leaves_that_of_the_process(tmp_path, finished):
    seen = []

    def look(event):
        if isinstance(event, Compiled):
            seen.append(jax.config.jax_default_matmul_precision)

    before = jax.config.jax_default_matmul_precision
    precise = experiment(matmul_precision="float32", num_updates=2, checkpoint_every=2)
    outcome = train(precise, tmp_path / "run", hooks=[look])
    resume(outcome.folder.path, hooks=[look], num_updates=4)
    assert seen == ["float32", "float32"]
    assert jax.config.jax_default_matmul_precision == before


def test_a_run_is_evaluated_with_its_precision(finished, monkeypatch):
    seen = []

    def looking(*args, **kwargs):
        seen.append(jax.config.jax_default_matmul_precision)
        return play(*args, **kwargs)

    play = panels.play_episodes
    monkeypatch.setattr(panels, "play_episodes", looking)
    # As many levels as no other test asks for, so that the program is traced here.
    evaluate(experiment(matmul_precision="float32", num_unseen_levels=3), finished[0].runner)
    assert seen == ["float32"]
    assert jax.config.jax_default_matmul_precision != "float32"
