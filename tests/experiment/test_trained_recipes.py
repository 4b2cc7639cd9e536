"""Tiny runs of recipes: trained, resumed bit for bit, and evaluated."""

import functools
import shutil

import pytest

from minimax_eqx import curricula
from minimax_eqx._composition._draft import with_changes
from minimax_eqx.recipes import maze
from minimax_eqx.recipes._known import RECIPES

from .tiny import (
    assert_same_state,
    change_config,
    command_line_options,
    evaluation_in,
    launch,
    resume,
    rows,
    tiny,
    train,
)

PATIENCE = 240
# `tests/methods/test_every_method.py` has the parts of all others.
REPLAYING = [
    "maze-robust-plr",
    "maze-plr",
    "maze-accel",
    "maze-parallel-plr",
    "maze-parallel-accel",
    "maze-repaired",
    "maze-sfl",
    "maze-ncc",
]
# A buffer with edits is trained in every run of the tests, and one more of each kind in the slow
# ones. The parts of the others are tested elsewhere.
MARKS = {
    "maze-accel": (),
    **dict.fromkeys(("maze-sfl", "maze-repaired", "maze-paired"), pytest.mark.slow),
}


def marked(names):
    return [pytest.param(name, marks=MARKS.get(name, pytest.mark.exhaustive)) for name in names]


# Presets with S5 differ from those without in their networks; one stands for all.
DESIGNING = [
    "maze-paired",
    "maze-paired-cloning",
    "maze-population-paired",
    "maze-minimax",
    "maze-paired-s5",
]

# Which of the reference's presets has the values of which one here.


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """A function that gives a finished tiny run of a recipe, trained when it is first wanted."""
    return functools.cache(
        lambda name: train(tiny(RECIPES[name]()), tmp_path_factory.mktemp("tiny") / "run")
    )


def resume_from_the_earliest_checkpoint(straight, copy):
    """Goes on from there in a copy of a finished run, which must end as that did.

    Returns the cycle of the checkpoint.
    """
    path = straight.folder.path
    shutil.copytree(path, copy)
    earliest, *later = sorted((copy / "checkpoints").glob("*.npz"), key=lambda p: int(p.stem))
    for checkpoint in later:
        checkpoint.unlink()
    earliest = int(earliest.stem)
    assert earliest < straight.ledger.cycle
    resumed = resume(copy)
    assert_same_state(resumed.runner, straight.runner)
    assert rows(copy) == rows(path)
    evaluation = evaluation_in(path)
    assert evaluation_in(copy) == evaluation
    assert evaluation["unseen"]["num_episodes"] == 4
    return earliest


def check_the_ledger(straight, written):
    """What it says of the steps of each kind is what the metrics of the cycles say."""
    spent, composed = straight.ledger.row(), straight.experiment

    def steps(name):
        """Of the cycles' share with that, as rows of means over log intervals have it."""
        cycles = sum(row[name] * composed.schedule.log_every for row in written)
        return pytest.approx(cycles * composed.transitions_per_cycle, rel=1e-4)

    assert spent["steps_learned_from"] <= spent["env_steps"]
    if "steps_searching" in spent and "searching" in written[0]:
        assert spent["steps_searching"] == steps("searching")
    if isinstance(composed.curriculum, curricula.LevelReplay):
        is_sequential = isinstance(composed.curriculum.schedule, curricula.Sequential)
        if is_sequential:
            assert spent["steps_learned_from"] == steps("updated")
        if "steps_on_mutants" in spent:
            assert spent["steps_on_mutants"] == steps("replay_ratio")


@pytest.mark.parametrize("name", marked(REPLAYING))
def test_a_recipe_with_a_buffer_trains_resumes_bit_for_bit_and_is_evaluated(
    name, tiny_run, tmp_path
):
    straight = tiny_run(name)
    written = straight.folder.metrics().read()
    assert any(row["replayed_passable"] >= 0 for row in written)
    assert straight.ledger.updates >= 8  # whole log intervals are played
    # Unless they learn from new levels too, all have cycles without an update.
    lessons = getattr(RECIPES[name]().curriculum, "learn_from", None)
    learns_from_new = isinstance(lessons, curricula.NewAndReplayed)
    assert (straight.ledger.cycle == straight.ledger.updates) == learns_from_new
    check_the_ledger(straight, written)
    earliest = resume_from_the_earliest_checkpoint(straight, tmp_path / "copy")
    # There were levels in the buffer when that was saved.
    assert next(row for row in written if row["cycle"] == earliest)["buffer_fill_ratio"] > 0


@pytest.mark.parametrize("name", marked(DESIGNING))
def test_a_recipe_with_a_teacher_trains_resumes_bit_for_bit_and_is_evaluated(
    name, tiny_run, tmp_path
):
    straight = tiny_run(name)
    assert straight.ledger.cycle == straight.ledger.updates == 8
    assert straight.runner.curriculum_state.source.teacher.num_updates == 8
    resume_from_the_earliest_checkpoint(straight, tmp_path / "copy")


@pytest.mark.slow
def test_accel_from_the_command_line_goes_on_in_another_process_bit_for_bit(tiny_run, tmp_path):
    straight, path = tiny_run("maze-accel"), tmp_path / "run"
    half = with_changes(tiny(maze.accel()), {"num_updates": 4})
    options = command_line_options(half, "maze-accel")
    process = launch("train", "maze-accel", *options, "--run", path, cwd=tmp_path)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, ""), err
    assert "unseen levels" in out
    assert rows(path) == rows(straight.folder.path)[: len(rows(path))]
    change_config(path, num_updates=8)
    assert_same_state(resume(path).runner, straight.runner)
    assert rows(path) == rows(straight.folder.path)
