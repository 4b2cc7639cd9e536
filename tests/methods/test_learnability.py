"""Learnability with other ways to count, and with fewer levels that score the same."""

import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.scores import AnySuccess, ByEpisode, ByPlay, Learnability

from ..evidence import make_evidence, score_of


def three_plays():
    """Three successes; a failure and a success; and nothing that finished."""
    successes = jnp.array([[1, 1, 1], [0, 0, 1], [0, 0, 0]], bool).T[None, :, None]
    dones = jnp.array([[1, 1, 1], [0, 1, 1], [0, 0, 0]], bool).T[None, :, None]
    return make_evidence(jnp.zeros(dones.shape), dones, successes=successes)


@pytest.mark.parametrize(
    ("counting", "rate", "num_attempts"),
    [(ByPlay(), 0.75, 2), (ByEpisode(), 0.8, 5), (AnySuccess(), 1.0, 2)],
    ids=repr,
)
def test_attempts_are_plays_or_episodes_and_a_bonus_and_a_doubt_are_optional(
    counting, rate, num_attempts
):
    plain = rate * (1 - rate)
    for options, expected in (
        ({}, plain),
        ({"tie_break": 0.001}, plain + 0.001 * rate),
        ({"shrinkage": 1.0}, plain * num_attempts / (num_attempts + 1)),
    ):
        actual = score_of(Learnability(counting, **options), three_plays())
        np.testing.assert_allclose(actual, [expected], rtol=1e-5)


def test_ties_are_broken_for_what_is_solved():
    dones = jnp.ones((1, 2, 2, 1), bool)
    successes = dones & jnp.array([True, False])[None, None, :, None]
    evidence = make_evidence(jnp.zeros(dones.shape), dones, successes=successes)
    solved, unsolved = score_of(Learnability(tie_break=0.001), evidence)
    assert solved > unsolved == 0
