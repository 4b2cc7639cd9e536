"""What a search for learnable levels cannot be made of."""

import pytest

from minimax_eqx.curricula import SamplingForLearnability
from minimax_eqx.scores import MaxMC

from ..small import GENERATOR


def search(**options):
    sizes = {"num_levels": 8, "num_plays": 2, "num_candidates": 9, "capacity": 4}
    return SamplingForLearnability.create(GENERATOR, **{**sizes, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replay_share": 0.0}, "replay_share is 0.0; of 8 levels that is none"),
        ({"replay_share": 0.05}, "replay_share is 0.05; of 8 levels that is none"),
        ({"score": MaxMC()}, "SamplingForLearnability: the score MaxMC keeps a record"),
        ({"capacity": 10}, "capacity is 10, more than the num_candidates, 9"),
    ],
)
def test_a_search_whose_finds_would_never_be_played_or_scored_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        search(**options)


def test_the_last_cycle_of_a_search_may_try_more_than_was_asked_for():
    assert search().num_search_cycles == 3  # 4 levels in each
    assert search(num_candidates=8).num_search_cycles == 2
