"""The worst levels of a student: one set of episodes finds them, another one measures them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minimax_eqx as mx
from minimax_eqx import Experiment, Runner
from minimax_eqx.curricula import DomainRandomisation
from minimax_eqx.envs import FixedLevels
from minimax_eqx.evaluation import _tail as tails
from minimax_eqx.evaluation._tail import measure_twice, solvable_levels, worst_of
from minimax_eqx.runners import Evaluation

from ..runners.test_success import Aimless
from ..scripted import EPISODE, NumberedLevels, Taught, undecided_students

NUM_LEVELS = 40
NUMBERS = jnp.arange(-5, NUM_LEVELS)


def experiment_of(env, **options):
    curriculum = DomainRandomisation(FixedLevels(NUMBERS), 4)
    return Experiment(env, Taught(0), curriculum, num_steps=EPISODE, **options)


def test_the_worst_share_is_that_of_a_slow_count():
    rng = np.random.default_rng(0)
    finding, measuring = rng.integers(0, 4, (2, 3, 500)) / 4
    percent, found = worst_of(finding, measuring)
    assert (percent[0], percent[-1]) == (0.2, 100)
    for student in range(3):
        worst_first = sorted(range(500), key=lambda i: (finding[student][i], i))
        for share, value in zip(percent, found[student], strict=True):
            num = next(n for n in range(1, 501) if n >= share * 5 - 1e-9)
            expected = sum(measuring[student][i] for i in worst_first[:num]) / num
            assert value == pytest.approx(expected, abs=1e-12)


def test_an_unlucky_level_is_not_bad():
    """All levels are alike to a student who decides by the dice."""
    levels, experiment = jnp.full(300, 7), experiment_of(NumberedLevels())
    found = measure_twice(
        experiment, undecided_students(2), levels, num_episodes=3, key=jax.random.key(0)
    )
    same, other = (worst_of(found.finding, of)[1] for of in (found.finding, found.measuring))
    assert np.all(same[:, 0] == 0)  # of 300 levels some had no luck at all
    np.testing.assert_allclose(other[:, 8], other[:, -1], atol=0.2)
    assert np.all(found.finding[0] == found.finding[1]) == np.False_


@pytest.mark.parametrize("at_once", [13, 1000])
def test_a_tail_is_of_levels_that_can_be_solved_and_of_their_own_episodes(at_once, monkeypatch):
    monkeypatch.setattr(tails, "EPISODES_AT_ONCE", at_once)
    experiment = experiment_of(NumberedLevels(luck=1.0))
    runner = Runner.create(experiment, key=jax.random.key(0))
    found = mx.evaluation.tail(experiment, runner, num_levels=100, num_episodes=2)
    assert (found["num_levels"], found["num_drawn"]) == (NUM_LEVELS - 1, NUMBERS.size)
    assert "passable" in found["solvable_by"]
    odd = np.mean(np.arange(1, NUM_LEVELS) % 2)
    assert found["success_rate"][0] == 0
    assert found["success_rate"][-1] == pytest.approx(odd)
    assert found["regret"][0] >= found["regret"][-1] >= 0
    assert found == mx.evaluation.tail(experiment, runner, num_levels=100, num_episodes=2)
    drawn = solvable_levels(experiment.env, FixedLevels(NUMBERS), 7, key=jax.random.key(1))
    assert drawn.levels.shape == (7,)
    assert np.all(drawn.levels > 0)


def test_a_tail_needs_levels_and_a_success():
    experiment = experiment_of(Aimless())
    runner = Runner.create(experiment, key=jax.random.key(0))
    with pytest.raises(ValueError, match="`success_return`"):
        mx.evaluation.tail(experiment, runner, num_episodes=1)
    told = dataclasses.replace(experiment, success_return=20.0)
    assert mx.evaluation.tail(told, runner, num_episodes=1)["success_rate"][-1] == 20 / 39
    impossible = dataclasses.replace(told, evaluation=Evaluation(unseen=FixedLevels(NUMBERS[:3])))
    with pytest.raises(ValueError, match=r"of 3 levels .* 0 can be"):
        mx.evaluation.tail(impossible, runner)
