"""Chances by how scores compare with the mean score."""

import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula._chances import chances_by_score, rank
from minimax_eqx.curricula._sigmoid_of_z_score import SigmoidOfZScore


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        # The mean is 2 and the deviation 1.
        ([1.0, 3.0, 0.0, -jnp.inf], [1 / (1 + np.e), 1 / (1 + np.exp(-1)), 0, 0]),
        ([0.0, 0.4, 0.4, 0.0], [0, 0.5, 0.5, 0]),
        ([0.0, 0.0, 0.7, -jnp.inf], [0, 0, 1, 0]),
        # Nobody makes progress: all are alike.
        ([0.0, 0.0, 0.0, -jnp.inf], [1 / 3, 1 / 3, 1 / 3, 0]),
    ],
)
def test_levels_that_score_above_0_are_compared_with_their_mean(scores, expected):
    scores = jnp.array(scores)
    filled = scores > -jnp.inf
    weights = SigmoidOfZScore().weights(scores, rank(scores), filled)
    np.testing.assert_allclose(chances_by_score(weights, filled), expected, rtol=1e-5)
