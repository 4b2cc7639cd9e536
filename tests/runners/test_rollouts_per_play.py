"""A play that is cut into several rollouts is the same play, with an update after each of them."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.rollouts import Episodes
from minimax_eqx.runners._experiment import Experiment
from minimax_eqx.runners._runner import Runner

from ..numbered_levels import (
    PER_ACTION,
    Given,
    NumberedLevels,
    Taught,
    Watched,
    step,
    students,
)

LEVELS, SPARE_LEVELS = (7, 40, 1001), ((11, 12), (21, 22), (31, 32))
ACTIONS = (2, 0)  # of each student
STEPS, EPISODE, TRIALS = 15, 5, 2
# Shapes are those of lessons from one rollout, which is shorter than an episode.
pytestmark = pytest.mark.filterwarnings("ignore:num_steps")
# Cuts within episodes, and cuts where they end.
CUTS = [(3, 5), (5, 3)]


class Weighing(Watched):
    """Weighs each step by what it paid, and keeps what it saw."""

    def weights(self, state, proposal, evidence, *, key):
        return evidence.rewards


def made(num_steps, rollouts_per_play, agents):
    curriculum = Weighing(Given(LEVELS, spare_levels=jnp.array(SPARE_LEVELS)))
    experiment = Experiment(
        NumberedLevels(max_episode_steps=EPISODE),
        Taught(),
        curriculum,
        len(ACTIONS),
        num_steps=num_steps,
        rollouts_per_play=rollouts_per_play,
        num_trials=TRIALS,
    )
    runner = Runner.create(experiment, key=jax.random.key(4))
    return eqx.tree_at(lambda runner: runner.students, runner, agents)


@functools.cache
def played(num_steps, rollouts_per_play=1):
    """A cycle of students that act alike whatever they learn."""
    agents = students(*ACTIONS)
    # Lessons of the shape that the updates will give them.
    like = eqx.filter_eval_shape(lambda: made(num_steps, 1, agents).step()[0].students.learning)
    lessons = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), like)
    agents = dataclasses.replace(agents, learning=lessons)
    return step(made(num_steps, rollouts_per_play, agents))


@pytest.mark.parametrize(("num_steps", "times"), CUTS)
def test_the_evidence_and_the_metrics_are_those_of_an_uncut_play(num_steps, times):
    (cut, metrics), (whole, metrics_of_whole) = played(num_steps, times), played(STEPS)
    one, other = (runner.curriculum_state.evidence for runner in (cut, whole))
    # `start` and `now` are chance, and the students are looked at below.
    for evidence in (one, other):
        assert evidence.rewards.shape == (len(ACTIONS), STEPS, len(LEVELS), TRIALS)
    fields = {f.name for f in dataclasses.fields(one)} - {"observations", "students"}
    for name in fields:
        for mine, wanted in zip(
            jax.tree.leaves(getattr(one, name)), jax.tree.leaves(getattr(other, name)), strict=True
        ):
            np.testing.assert_array_equal(mine, wanted, err_msg=name)
    for name in ("number", "time"):
        np.testing.assert_array_equal(one.observations[name], other.observations[name])
    assert metrics.keys() == metrics_of_whole.keys()
    for name, value in metrics_of_whole.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-6, err_msg=name)
    # No step's chance is that of another.
    assert np.unique(one.observations["now"]).size == one.observations["now"].size


@pytest.mark.parametrize(("num_steps", "times"), CUTS)
def test_an_episode_that_spans_cuts_is_counted_once_with_its_whole_return(num_steps, times):
    runner, metrics = played(num_steps, times)
    evidence = runner.curriculum_state.evidence
    episodes = Episodes.of(evidence)
    np.testing.assert_array_equal(episodes.counts_per_play, STEPS // EPISODE)
    np.testing.assert_array_equal(episodes.lengths, EPISODE)
    # The level's number and those of the spare levels, once each.
    turns = np.concatenate([np.array(LEVELS)[:, None], np.array(SPARE_LEVELS)], axis=1)
    returns = turns.mean(axis=1) + PER_ACTION * np.array(ACTIONS)[:, None]
    np.testing.assert_allclose(episodes.mean_of_sums(evidence.rewards), returns, rtol=1e-6)
    assert float(metrics["num_episodes"]) == 3 * len(LEVELS) * len(ACTIONS) * TRIALS


@pytest.mark.parametrize(("num_steps", "times"), CUTS)
def test_students_learn_after_each_rollout_from_it_alone(num_steps, times):
    runner, _ = played(num_steps, times)
    evidence, lesson = runner.curriculum_state.evidence, runner.students.learning
    np.testing.assert_array_equal(evidence.students.num_updates, 0)
    np.testing.assert_array_equal(runner.students.num_updates, times)
    last = np.asarray(evidence.rewards[:, -num_steps:]).reshape(len(ACTIONS), num_steps, -1)
    np.testing.assert_array_equal(lesson["rewards"], last)
    np.testing.assert_array_equal(lesson["weights"], last)
    # In the step after an episode's end, the cut included, the memory is cleared.
    dones = np.asarray(evidence.dones[:, -num_steps - 1 : -1]).reshape(last.shape)
    np.testing.assert_array_equal(lesson["resets"], dones)
    assert dones[:, 0].all() == (num_steps == EPISODE)


def test_a_proposal_may_spare_the_students_every_update_of_a_play():
    proposal_only = Given(LEVELS, update_students=jnp.zeros((), bool))
    experiment = Experiment(
        NumberedLevels(), Taught(remembers=False), proposal_only, num_steps=2, rollouts_per_play=2
    )
    runner, metrics = step(Runner.create(experiment, key=jax.random.key(0)))
    assert int(runner.students.num_updates[0]) == 0
    assert float(metrics["updated"]) == 0
    assert np.isnan(metrics["loss"])
