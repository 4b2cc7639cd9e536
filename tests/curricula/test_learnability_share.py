"""How many levels of a cycle are kept ones, in sampling for learnability."""

import pytest

from minimax_eqx.curricula import SamplingForLearnability

from ..small import GENERATOR


@pytest.mark.parametrize(
    ("replay_share", "expected"),
    [(0.145, 14), (0.285, 28), (0.5, 50), (0.575, 58), (0.585, 58), (1.0, 100)],
)
def test_half_a_level_goes_to_the_even_number(replay_share, expected):
    # As floats, 0.575 of 100 are a little less than 57.5.
    curriculum = SamplingForLearnability.create(
        GENERATOR, num_levels=100, num_candidates=150, capacity=4, replay_share=replay_share
    )
    assert curriculum.num_replayed == expected
