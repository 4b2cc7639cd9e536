"""MNA (arXiv 2601.14957): how much worse things went than the values promised."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.agents._advantage import generalised_advantages
from minimax_eqx.rollouts import Episodes
from minimax_eqx.scores import MNA

from ..evidence import begin, evaluate, one_play, random_evidence, score_of

SCORE = MNA(discount=0.9, gae_lambda=0.5)
CLOSE = {"rtol": 1e-5, "atol": 1e-7}


@pytest.mark.parametrize(
    ("rewards", "values", "shortfalls", "solved"),
    [
        ([0, 0, 1], [0.2, 0.5, 0.8], [0, 0, 0], True),
        ([0, 0, 0.5], [0.6, 0.7, 0.8], [-0.06075, -0.135, -0.3], True),
        ([0, 0, 0], [0.6, 0.7, 0.2], [-0.2745, -0.61, -0.2], False),
    ],
)
def test_one_episode_by_hand(rewards, values, shortfalls, solved):
    evidence = one_play(rewards, [False, False, True], values=values)
    found = SCORE._shortfalls(evidence).ravel()
    np.testing.assert_allclose(found, shortfalls, **CLOSE)
    expected = -np.mean(shortfalls) if solved else 0
    np.testing.assert_allclose(score_of(SCORE, evidence), [expected], **CLOSE)
    # Once it has been solved, it counts.
    _, state = begin(SCORE, evidence)
    scores, _, _ = evaluate(SCORE, evidence, jnp.full((1, 1), 0.1), state)
    np.testing.assert_allclose(scores, [-np.mean(shortfalls)], **CLOSE)


def by_the_definition(evidence):
    """`G` of each step of each finished episode, in loops."""
    rewards, dones = np.asarray(evidence.rewards), np.asarray(evidence.dones)
    values = np.asarray(evidence.values[..., 0], np.float64)
    result = np.full(rewards.shape, np.nan)
    for student, level, trial in np.ndindex(*np.delete(rewards.shape, 1)):
        play = (student, slice(None), level, trial)
        for start in range(rewards.shape[1]):
            ends = np.flatnonzero(dones[play][start:])
            if ends.size == 0:
                continue
            lowest, total, length = 0.0, 0.0, ends[0] + 1
            for ahead in range(length):
                t = start + ahead
                after = 0.0 if ahead == length - 1 else values[play][t + 1]
                error = rewards[play][t] + 0.9 * after - values[play][t]
                lowest = min(lowest + 0.9**ahead * error, 0)
                total += 0.5 * 0.5**ahead * lowest
            result[play][start] = total + 0.5**length * lowest
    return result


def test_many_episodes_are_what_the_definition_gives():
    evidence = random_evidence(3)
    finished = np.asarray(Episodes.of(evidence).finished_steps)
    expected = by_the_definition(evidence)
    found = np.asarray(SCORE._shortfalls(evidence))
    np.testing.assert_allclose(found[finished], expected[finished], rtol=1e-4, atol=1e-5)
    records, state = begin(SCORE, evidence)
    scores, _, _ = evaluate(SCORE, evidence, jnp.ones_like(records), state)
    means = -np.nansum(expected, axis=(1, 3)) / np.maximum(finished.sum(axis=(1, 3)), 1)
    np.testing.assert_allclose(scores, means.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_it_is_minus_the_mean_advantage_where_all_errors_are_losses():
    rewards, values = jnp.array([0.0, 0, 0, 0.1]), jnp.array([2.0, 1.5, 1.0, 0.5])
    dones = jnp.array([False, False, False, True])
    evidence = one_play(rewards, dones, values=values)
    advantages, _ = generalised_advantages(
        rewards, dones, values, jnp.zeros(()), discount=0.9, gae_lambda=0.5
    )
    scores, _, _ = evaluate(SCORE, evidence, *begin(SCORE, evidence))
    np.testing.assert_allclose(scores, [-jnp.mean(advantages)], **CLOSE)


def test_a_higher_value_of_the_first_state_does_not_lower_it():
    scores = [
        score_of(SCORE, one_play([0, 0, 0.5], [False, False, True], values=[first, 0.7, 0.8]))[0]
        for first in np.linspace(0, 3, 7)
    ]
    assert np.all(np.diff(scores) >= 0)
    assert scores[-1] > scores[0]


def test_right_values_are_no_loss_however_late_the_reward():
    values = 0.9 ** np.arange(4)[::-1]
    evidence = one_play([0, 0, 0, 1.0], [False, False, False, True], values=values)
    np.testing.assert_allclose(score_of(SCORE, evidence), [0], atol=1e-6)
    never = dataclasses.replace(evidence, rewards=jnp.zeros_like(evidence.rewards))
    assert score_of(SCORE, never).tolist() == [0]


@pytest.mark.parametrize("name", ["discount", "gae_lambda"])
def test_a_share_outside_its_range_is_refused(name):
    with pytest.raises(ValueError, match=f"MNA.{name} is 1.1; it must be between 0 and 1"):
        MNA(**{name: 1.1})
