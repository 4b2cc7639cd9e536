"""NCC's learnability for returns of any size (arXiv 2505.20659)."""

import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.scores._generalised_learnability import GeneralisedLearnability

from ..evidence import begin, evaluate, make_evidence

# Five episodes on each of three levels: means .2, .5 and .8, standard deviations .4, .5 and .4.
HALF = 0.25 * 5**0.5
RETURNS = np.array(
    [[1, 0, 0, 0, 0], [0.5 - HALF, 0.5 - HALF, 0.5, 0.5 + HALF, 0.5 + HALF], [1, 1, 1, 1, 0]]
)


def evidence_of(returns):
    """An episode of one step for each return, all in one play of a level."""
    rewards = np.asarray(returns).T[None, :, :, None]
    return make_evidence(rewards, np.ones(rewards.shape, bool))


def test_three_levels_by_hand():
    evidence = evidence_of(RETURNS)
    scores, _, state = evaluate(GeneralisedLearnability(), evidence, *begin_of(evidence))
    np.testing.assert_allclose(scores, [0.137622, 0.364183, 0.137622], atol=1e-5)
    np.testing.assert_allclose([state.mean[0], state.variance[0]], [0.5, 0.06], rtol=1e-5)


def begin_of(evidence, score=None):
    return begin(score or GeneralisedLearnability(), evidence)


def test_what_is_usual_is_an_average_over_all_levels_until_older_ones_fade():
    returns = np.random.default_rng(0).normal(3, 2, (4, 3, 5))
    means = returns.mean(axis=-1)
    for num_remembered, usual in ((100, means), (3, means[-1:])):
        score = GeneralisedLearnability(num_remembered)
        records, state = begin_of(evidence_of(returns[0]), score)
        for batch in returns:
            _, _, state = evaluate(score, evidence_of(batch), records, state)
        np.testing.assert_allclose(state.mean[0], usual.mean(), rtol=1e-4)
        np.testing.assert_allclose(state.variance[0], usual.var(), rtol=1e-3)


def test_certain_returns_score_nothing_and_scores_do_not_depend_on_the_unit_of_returns():
    certain = evidence_of(np.ones((3, 5)))
    scores, _, _ = evaluate(GeneralisedLearnability(), certain, *begin_of(certain))
    np.testing.assert_array_equal(scores, 0)
    small, large = (
        evaluate(GeneralisedLearnability(), evidence, *begin_of(evidence))[0]
        for evidence in (evidence_of(RETURNS), evidence_of(100 * RETURNS))
    )
    np.testing.assert_allclose(small, large, rtol=1e-4)
    assert jnp.argmax(small) == 1
    with pytest.raises(ValueError, match="num_remembered is 0; it must be at least 1"):
        GeneralisedLearnability(0)
