"""Which episodes count, and how often: play by play, or all plays pooled."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import rollouts, scores

from ..evidence import make_evidence, one_play, random_evidence, score_of


def test_a_step_after_the_last_end_belongs_to_no_episode():
    evidence = one_play([1, 2, 4, 8], [False, True, True, False])
    episodes = rollouts.FinishedEpisodes.of(evidence)
    assert episodes.counts.item() == 2
    assert episodes.mean_of_sums(evidence.rewards).item() == (3 + 4) / 2
    assert episodes.mean_of_means(evidence.rewards).item() == (1.5 + 4) / 2
    assert episodes.largest_sum(evidence.rewards).item() == 4


def test_without_a_finished_episode_means_are_zero_and_nothing_is_largest():
    evidence = one_play([1, 2], [False, False])
    episodes = rollouts.FinishedEpisodes.of(evidence)
    assert rollouts.finished_episodes(evidence).tolist() == [[0]]
    assert episodes.mean_of_sums(evidence.rewards).item() == 0
    assert episodes.mean_of_means(evidence.rewards).item() == 0
    assert episodes.largest_sum(evidence.rewards).item() == -jnp.inf


def test_an_episode_s_sum_loses_no_digits_to_the_episodes_before():
    evidence = one_play([-1e8, 0.25, 0.125], [True, False, True])
    episodes = rollouts.FinishedEpisodes.of(evidence)
    assert episodes.largest_sum(evidence.rewards).item() == 0.375


def two_trials_of_unequal_length():
    """One trial finishes an episode, the other two; a third one finishes none."""
    rewards = jnp.array([[3.0, 0.0, 5.0], [6.0, 9.0, 5.0]])[None, :, None]
    dones = jnp.array([[True, False, False], [True, True, False]])[None, :, None]
    return rewards, rollouts.FinishedEpisodes.of(make_evidence(rewards, dones))


def test_every_play_that_finished_an_episode_counts_once():
    rewards, episodes = two_trials_of_unequal_length()
    assert episodes.counts.tolist() == [[3]]
    assert episodes.mean_of_sums(rewards).item() == ((3 + 6) / 2 + 9) / 2
    assert episodes.mean_of_means(rewards).item() == ((3 + 6) / 2 + 4.5) / 2


def test_pooled_the_episodes_of_all_plays_count_the_same():
    rewards, episodes = two_trials_of_unequal_length()
    assert episodes.pooled_mean_of_sums(rewards).item() == (3 + 6 + 9) / 3
    assert episodes.pooled_mean_of_means(rewards).item() == (3 + 6 + 4.5) / 3


# Learnability, which the reference lacks


@pytest.mark.parametrize("num_successes", range(5))
def test_learnability_is_the_variance_of_success(num_successes):
    successes = jnp.arange(4) < num_successes
    evidence = one_play(jnp.zeros(4), jnp.ones(4, bool), successes=successes)
    rate = num_successes / 4
    np.testing.assert_allclose(score_of(scores.Learnability(), evidence), [rate * (1 - rate)])


def test_learnability_is_averaged_over_students():
    """A level that one student always solves and the other never is learnable by neither."""
    successes = jnp.array([True, False])[:, None, None, None] & jnp.ones((2, 3, 1, 1), bool)
    evidence = make_evidence(
        jnp.zeros(successes.shape), jnp.ones(successes.shape, bool), successes=successes
    )
    assert score_of(scores.Learnability(), evidence).tolist() == [0]


def test_quick_successes_do_not_hide_slow_failures():
    """Of four plays two hold eight quick successes each, and two one failure that takes all of it:
    half of what is begun succeeds."""
    succeeds = jnp.arange(4) < 2
    last_step = jnp.arange(8) == 7
    dones = (succeeds[None] | last_step[:, None])[None, :, None]
    evidence = make_evidence(
        jnp.zeros(dones.shape), dones, successes=dones & succeeds[None, None, None]
    )
    np.testing.assert_allclose(score_of(scores.Learnability(), evidence), [0.25])


def test_a_student_without_a_finished_episode_has_no_say_in_learnability():
    dones = jnp.array([True, False])[:, None, None, None] & jnp.ones((2, 2, 1, 1), bool)
    successes = dones & jnp.array([True, False])[None, :, None, None]
    evidence = make_evidence(jnp.zeros(dones.shape), dones, successes=successes)
    np.testing.assert_allclose(score_of(scores.Learnability(), evidence), [0.25])
    nobody = make_evidence(jnp.zeros(dones.shape), jnp.zeros_like(dones))
    np.testing.assert_array_equal(score_of(scores.Learnability(), nobody), [0])


@hypothesis.given(seed=st.integers(0, 2**16))
@hypothesis.settings(max_examples=10, deadline=None)
def test_with_one_play_both_ways_of_counting_agree(seed):
    evidence = jax.tree.map(lambda leaf: leaf[:, :, :, :1], random_evidence(seed))
    episodes, rewards = rollouts.FinishedEpisodes.of(evidence), evidence.rewards
    close = {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(
        episodes.mean_of_sums(rewards), episodes.pooled_mean_of_sums(rewards), **close
    )
    np.testing.assert_allclose(
        episodes.mean_of_means(rewards), episodes.pooled_mean_of_means(rewards), **close
    )
