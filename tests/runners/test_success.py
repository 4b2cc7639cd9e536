"""Success that an environment does not know, and success that is told from the return."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Experiment, Runner
from minimax_eqx import evaluate as evaluation_of
from minimax_eqx.curricula import DomainRandomisation, FixedTasks, LevelReplay
from minimax_eqx.curricula._task_rules import SuccessWindow
from minimax_eqx.envs import FixedLevels
from minimax_eqx.envs._step_spec import step_spec
from minimax_eqx.rollouts import evaluate, record_episode
from minimax_eqx.runners import Evaluation
from minimax_eqx.scores import Learnability

from ..scripted import EPISODE, NumberedLevels, Taught, scripted

LEVELS = jnp.array([3, 10, 11, 20])


class Aimless(NumberedLevels):
    """Says of no step whether it is a success."""

    def step(self, world, state, action, *, key):
        return dataclasses.replace(
            NumberedLevels.step(self, world, state, action, key=key), success=None
        )


def experiment_of(curriculum=None, **options):
    curriculum = curriculum or DomainRandomisation(FixedLevels(LEVELS), 4)
    evaluation = Evaluation(num_unseen_levels=8)
    return Experiment(
        Aimless(), Taught(0), curriculum, num_steps=EPISODE, evaluation=evaluation, **options
    )


def cycle_of(experiment):
    return eqx.filter_jit(lambda key: Runner.create(experiment, key=key).step())(jax.random.key(0))


def test_where_nobody_says_what_success_is_it_is_not_measured():
    experiment = experiment_of(FixedTasks(FixedLevels(LEVELS), num_levels=4))
    runner, metrics = cycle_of(experiment)
    assert np.isnan(metrics["success_rate"])
    assert np.isnan(metrics["task_success_rate"])
    assert metrics["return"] > 0
    unseen = evaluation_of(experiment, runner)["unseen"]
    assert unseen["success_rate"] is unseen["success_rate_per_student"] is None
    env, policy = Aimless(), scripted(0).network
    assert step_spec(env).success is None
    assert step_spec(NumberedLevels()).success is not None
    assert evaluate(env, policy, LEVELS, key=jax.random.key(0)).successes is None
    assert record_episode(env, policy, LEVELS[0], key=jax.random.key(0)).success is None


@pytest.mark.parametrize(
    "curriculum",
    [
        LevelReplay(FixedLevels(LEVELS), score=Learnability(), num_levels=4, capacity=4),
        FixedTasks(FixedLevels(LEVELS), rule=SuccessWindow(), num_levels=4),
    ],
    ids=["score", "rule"],
)
def test_what_counts_successes_is_refused_where_nobody_says_what_they_are(curriculum):
    with pytest.raises(ValueError, match=r"success_return=10"):
        Runner.create(experiment_of(curriculum), key=jax.random.key(0))
    Runner.create(experiment_of(curriculum, success_return=5.0), key=jax.random.key(0))


@pytest.mark.parametrize("cuts", [1, 4])
@pytest.mark.filterwarnings("ignore:num_steps")
def test_an_episode_is_a_success_from_a_return_on(cuts):
    """Level 11 alone is neither below nor above, and each play holds two episodes."""
    experiment = experiment_of(
        DomainRandomisation(FixedLevels(LEVELS[2:3]), 2), success_return=11.0
    )
    sizes = {"num_steps": 2 * EPISODE // cuts, "rollouts_per_play": cuts}
    for threshold, rate in [(11.0, 1.0), (11.5, 0.0)]:
        changed = dataclasses.replace(experiment, success_return=threshold, **sizes)
        runner, metrics = cycle_of(dataclasses.replace(changed, student=Taught(0, False)))
        assert metrics["success_rate"] == rate
        assert evaluation_of(changed, runner)["unseen"]["success_rate"] == rate


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match=r"Experiment.success_return is nan"):
        experiment_of(success_return=float("nan"))
