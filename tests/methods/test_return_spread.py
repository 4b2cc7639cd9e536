"""How far returns lie apart (arXiv 2508.06336)."""

import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.scores import Learnability
from minimax_eqx.scores._return_spread import ReturnSpread, ReturnVariance

from ..evidence import make_evidence, one_play, random_evidence, score_of


@pytest.mark.parametrize(
    ("returns", "variance", "squared_coefficient"),
    [
        ([0, 0, 1, 1, 1], 0.24, 0.24 / 0.36),
        ([0.2, 0.6, 1], 0.106667, 0.296296),
        ([0.7], 0, 0),
    ],
)
def test_returns_of_a_few_episodes_by_hand(returns, variance, squared_coefficient):
    evidence = one_play(returns, [True] * len(returns))
    close = {"rtol": 1e-5, "atol": 1e-7}
    np.testing.assert_allclose(score_of(ReturnVariance(), evidence), [variance], **close)
    spread = score_of(ReturnSpread(epsilon=1e-9), evidence)
    np.testing.assert_allclose(spread, [squared_coefficient], **close)


def test_where_a_success_pays_1_and_nothing_else_pays_variance_is_learnability():
    # With one play, since learnability counts plays and variance counts episodes.
    both = random_evidence(1)
    successes, dones = both.successes[..., :1], both.dones[..., :1]
    evidence = make_evidence(successes, dones, successes=successes)
    variances = score_of(ReturnVariance(), evidence)
    np.testing.assert_allclose(variances, score_of(Learnability(), evidence), rtol=1e-5, atol=1e-7)
    assert jnp.any(variances > 0)
