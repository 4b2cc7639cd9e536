"""What a run logs is what its cycles measured and spent."""

import csv
import json

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import run
from minimax_eqx.experiment._ledger import Ledger
from minimax_eqx.runners._ahead import making

from .tiny import EXPERIMENT, experiment

OF_EPISODES = ("return", "success_rate", "episode_length")


def test_a_row_holds_the_means_of_its_own_cycles(finished):
    """Of those that measured something; an episode's numbers need an episode."""
    runner = making(EXPERIMENT)()
    for row in finished[0].folder.metrics().read():
        runner, metrics = run(runner, EXPERIMENT.schedule.log_every)
        metrics = {name: np.asarray(values) for name, values in metrics.items()}
        assert set(metrics) <= set(row)
        for name, values in metrics.items():
            measured = ~np.isnan(values)
            if name in OF_EPISODES:
                measured &= metrics["num_episodes"] > 0
            expected = values[measured].mean() if measured.any() else np.nan
            np.testing.assert_allclose(row[name], expected, rtol=1e-4, err_msg=name)


def test_a_row_of_evaluations_is_what_was_evaluated(finished):
    outcome, _ = finished
    folder = outcome.folder.path
    with open(folder / "evaluations.csv", newline="") as file:
        row = [*csv.DictReader(file)][-1]
    unseen = json.loads((folder / "evaluation.json").read_text())["unseen"]
    expected = {
        "cycle": outcome.ledger.cycle,
        "updates": outcome.ledger.updates,
        "env_steps": outcome.ledger.env_steps,
        "unseen return": unseen["return"],
        "unseen success_rate": unseen["success_rate"],
    }
    # A table has six digits.
    assert {name: float(row[name]) for name in expected} == pytest.approx(expected, rel=1e-5)


def test_a_ledger_counts_the_steps_of_all_students_levels_and_trials():
    made_of = experiment(num_students=2, num_levels=3, num_trials=4, num_steps=5)
    runner = making(made_of)()
    # Other numbers of cycles and of updates, so that the two are not confused.
    where = lambda r: (r.num_cycles, r.students.num_updates)  # noqa: E731
    runner = eqx.tree_at(where, runner, (jnp.array(3), jnp.array([8, 8])))
    before = Ledger(seconds_compiling=1.0, seconds_running=2.0)
    assert before.of(runner, compiling=0.5, running=0.25) == Ledger(
        cycle=3,
        updates=8,
        env_steps=3 * 2 * 5 * 3 * 4,
        steps_learned_from=8 * 2 * 5 * 3 * 4,
        gradient_steps=8 * 2,
        seconds_compiling=1.5,
        seconds_running=2.25,
    )
