"""Which episodes count, and how often: play by play, or all plays pooled."""

import itertools

import hypothesis
import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import scores
from minimax_eqx.rollouts import Episodes

from ..evidence import make_evidence, one_play, random_evidence, score_of


def test_a_step_after_the_last_end_belongs_to_no_episode():
    evidence = one_play([1, 2, 4, 8], [False, True, True, False])
    episodes, rewards = Episodes.of(evidence), evidence.rewards
    assert episodes.finished_steps.ravel().tolist() == [True, True, True, False]
    assert episodes.begins.ravel().tolist() == [True, False, True, True]
    assert episodes.lengths.ravel().tolist() == [2, 2, 1, 1]
    assert episodes.positions.ravel().tolist() == [0, 1, 0, 0]
    assert episodes.counts.item() == episodes.counts_per_play.item() == 2
    assert episodes.total_per_play(rewards).item() == 7
    assert episodes.mean_of_sums(rewards).item() == (3 + 4) / 2
    assert episodes.mean_of_means(rewards).item() == (1.5 + 4) / 2
    assert episodes.pooled_mean(rewards).item() == pytest.approx(7 / 3)
    assert episodes.pooled_mean_of_squared_sums(rewards).item() == (9 + 16) / 2
    assert episodes.pooled_variance_of_sums(rewards).item() == 0.25
    assert episodes.largest_sum(rewards).item() == 4
    for expected, happened in ((True, [0, 1, 0, 0]), (False, [0, 0, 0, 1])):
        column = jnp.array(happened, bool)[None, :, None, None]
        assert episodes.any_per_play(column).item() is expected


@pytest.mark.parametrize(
    "name",
    [
        "mean_of_sums_per_play",
        "mean_of_sums",
        "mean_of_means",
        "pooled_mean_of_sums",
        "pooled_mean_of_means",
        "pooled_mean_of_squared_sums",
        "pooled_variance_of_sums",
        "pooled_mean",
        "largest_sum",
    ],
)
def test_where_no_episode_finished_nothing_is_measured(name):
    evidence = one_play([1, 2], [False, False])
    episodes = Episodes.of(evidence)
    assert jnp.isnan(getattr(episodes, name)(evidence.rewards)).item()
    assert episodes.counts.tolist() == [[0]]
    assert episodes.total_per_play(evidence.rewards).tolist() == [[[0]]]
    assert not episodes.finished_on_level.item()


def test_an_episode_s_sum_loses_no_digits_to_the_episodes_before():
    evidence = one_play([-1e8, 0.25, 0.125], [True, False, True])
    assert Episodes.of(evidence).largest_sum(evidence.rewards).item() == 0.375


def trials_of_unequal_length():
    """One trial finishes an episode, the other two; a third one finishes none."""
    rewards = jnp.array([[3.0, 0.0, 5.0], [6.0, 9.0, 5.0], [7.0, 7.0, 7.0]]).T[None, :, None]
    dones = jnp.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]], bool).T[None, :, None]
    return rewards, Episodes.of(make_evidence(rewards, dones))


def test_a_play_or_an_episode_counts_once_by_the_name_of_the_mean():
    rewards, episodes = trials_of_unequal_length()
    assert episodes.counts.tolist() == [[3]]
    assert episodes.counts_per_play.tolist() == [[[1, 2, 0]]]
    np.testing.assert_array_equal(episodes.mean_of_sums_per_play(rewards), [[[3, 7.5, np.nan]]])
    assert episodes.mean_of_sums(rewards).item() == (3 + 7.5) / 2
    assert episodes.mean_of_means(rewards).item() == (3 + 7.5) / 2
    assert episodes.pooled_mean_of_sums(rewards).item() == (3 + 6 + 9) / 3
    assert episodes.pooled_mean_of_means(rewards).item() == (3 + 6 + 9) / 3


def test_the_variance_is_over_the_episodes_of_all_plays_and_never_negative():
    rewards, episodes = trials_of_unequal_length()
    expected = np.var([3, 6, 9])
    np.testing.assert_allclose(episodes.pooled_variance_of_sums(rewards).item(), expected)
    far = episodes.pooled_variance_of_sums(rewards + 10_000)
    np.testing.assert_allclose(far.item(), expected, rtol=1e-5)
    same = one_play([0.7] * 5, [True] * 5)
    assert Episodes.of(same).pooled_variance_of_sums(same.rewards).item() == pytest.approx(0)


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


def all_plays(num_steps):
    """Every way in which a play can go, all equally likely, where an episode is a success in one
    step or a failure in three, as likely as each other."""
    chances = list(itertools.product([True, False], repeat=num_steps))
    dones, successes = np.zeros((2, 1, num_steps, 1, len(chances)), bool)
    for play, outcomes in enumerate(chances):
        ends = np.cumsum([1 if success else 3 for success in outcomes]) - 1
        for end, success in zip(ends, outcomes, strict=True):
            if end < num_steps:
                dones[0, end, 0, play], successes[0, end, 0, play] = True, success
    return make_evidence(jnp.zeros(dones.shape), jnp.array(dones), successes=jnp.array(successes))


@pytest.mark.parametrize("num_steps", [3, 5])
def test_though_short_episodes_finish_first_a_mean_that_counts_plays_is_right(num_steps):
    """In a play in which an episode always finishes. Of those that finished, however many they are,
    each is as likely to be the first as any other, so their mean is the first's on average."""
    evidence = all_plays(num_steps)
    episodes = Episodes.of(evidence)
    steps = jnp.ones(evidence.dones.shape)
    np.testing.assert_allclose(episodes.mean_of_sums(evidence.successes), [[1 / 2]], rtol=1e-6)
    np.testing.assert_allclose(episodes.mean_of_sums(steps), [[2]], rtol=1e-6)
    assert episodes.pooled_mean_of_sums(evidence.successes).item() > 0.52


def test_in_a_play_too_short_for_a_failure_every_mean_is_of_successes_alone():
    evidence = all_plays(2)
    assert Episodes.of(evidence).mean_of_sums(evidence.successes).item() == 1


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
    both = random_evidence(seed)
    evidence = make_evidence(both.rewards[..., :1], both.dones[..., :1])
    episodes, rewards = Episodes.of(evidence), evidence.rewards
    close = {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(
        episodes.mean_of_sums(rewards), episodes.pooled_mean_of_sums(rewards), **close
    )
    np.testing.assert_allclose(
        episodes.mean_of_means(rewards), episodes.pooled_mean_of_means(rewards), **close
    )
