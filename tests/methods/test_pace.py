"""PACE (arXiv 2605.01358): the squared gradient of a level, and what it must not be fooled by."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.rollouts import Episodes
from minimax_eqx.scores import PACE
from minimax_eqx.scores._pace import squared_norm_without_noise

from ..evidence import random_evidence, score_of


def with_trials(evidence, num_trials):
    """The first trials of each level on their own."""
    plays = dataclasses.replace(evidence, levels=None, optimum=None, students=None)
    plays = jax.tree.map(lambda leaf: leaf[:, :, :, :num_trials], plays)
    return dataclasses.replace(plays, levels=evidence.levels, students=evidence.students)


def by_hand(evidence):
    """One gradient of each play at a time, of raw advantages."""
    episodes = Episodes.of(evidence)
    counted = np.asarray(episodes.finished_steps)
    advantages = np.asarray(evidence.advantages)[..., 0]
    num_students, _, num_levels, num_trials = counted.shape

    @eqx.filter_jit
    def gradient(network, observations, actions, begins, weights):
        def total(network):
            predictions, _ = network.scan(observations, network.initial_memory(), begins)
            return jnp.sum(weights * predictions.actions.log_prob(actions))

        leaves = jax.tree.leaves(eqx.filter_grad(total)(network))
        return jnp.concatenate([leaf.ravel() for leaf in leaves])

    scores = np.zeros((num_students, num_levels))
    networks = [
        jax.tree.map(lambda x, i=i: x[i] if eqx.is_array(x) else x, evidence.students.network)
        for i in range(num_students)
    ]
    for student, level in np.ndindex(scores.shape):
        steps = counted[student, :, level].sum()
        gradients = [
            gradient(
                networks[student],
                evidence.observations[student, :, level, trial],
                evidence.actions[student, :, level, trial],
                episodes.begins[student, :, level, trial],
                counted[student, :, level, trial]
                * advantages[student, :, level, trial]
                / np.float32(max(steps, 1)),
            )
            for trial in range(num_trials)
        ]
        total = np.sum(gradients, axis=0)
        scores[student, level] = np.sum(total**2)
        if num_trials > 1:
            noise = np.sum(np.square(gradients))
            scores[student, level] = (
                (scores[student, level] - noise) * num_trials / (num_trials - 1)
            )
    return scores.mean(axis=0)


@pytest.mark.parametrize("num_trials", [1, 2])
def test_a_score_is_the_squared_gradient_of_the_policy_on_the_level(num_trials):
    evidence = with_trials(random_evidence(0), num_trials)
    expected = by_hand(evidence)
    for num_parts in (1, 4):
        score = PACE(normalise_advantages=False, num_parts=num_parts)
        np.testing.assert_allclose(score_of(score, evidence), expected, rtol=1e-4, atol=1e-7)


def test_noise_adds_nothing_to_the_unbiased_estimate():
    gradients = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    parts = {"a": gradients[:, 0] / 3, "b": gradients[:, 1:] / 3}
    assert float(squared_norm_without_noise(parts)) == pytest.approx(2 / 3)
    total = sum(jnp.sum(jnp.square(jnp.sum(part, axis=0))) for part in parts.values())
    assert float(total) == pytest.approx(8 / 9)
    # Opposite gradients say that there is nothing but noise, and more than the naive 0.
    assert squared_norm_without_noise(jnp.array([1.0, -1.0])) < 0


def test_a_mastered_level_scores_low_beside_others_and_is_not_blown_up():
    evidence = random_evidence(1)
    finished = Episodes.of(evidence).finished_on_level
    level = int(jnp.argmax(finished))
    mastered = dataclasses.replace(
        evidence, advantages=evidence.advantages.at[:, :, level].multiply(1e-4)
    )
    before, after = (score_of(PACE(normalise_advantages=False), e) for e in (evidence, mastered))
    assert float(after[level]) == pytest.approx(1e-8 * float(before[level]), rel=1e-3)
    # Mean and spread are those of all levels: twice the advantages everywhere change nothing,
    # while those of one level on its own do.
    twice = dataclasses.replace(evidence, advantages=2 * evidence.advantages)
    np.testing.assert_allclose(score_of(PACE(), twice), score_of(PACE(), evidence), rtol=1e-3)
    assert not np.allclose(score_of(PACE(), mastered)[level], score_of(PACE(), evidence)[level])


def test_values_and_their_heads_have_no_say():
    evidence = random_evidence(2)
    heads = lambda e: e.students.network.value  # noqa: E731
    other = eqx.tree_at(
        heads, evidence, jax.tree.map(lambda x: x + 1 if eqx.is_array(x) else x, heads(evidence))
    )
    np.testing.assert_array_equal(score_of(PACE(), other), score_of(PACE(), evidence))


def test_parts_that_are_not_equal_are_refused():
    with pytest.raises(ValueError, match="16 levels cannot be cut into num_parts=3"):
        PACE(num_parts=3).check(random_evidence(0))
