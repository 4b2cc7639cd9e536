"""Which level of a full buffer a newcomer meets, and what share of a buffer is filled."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.curricula import Rank, _level_buffer
from minimax_eqx.curricula._admission import BeatTheLeastLikely, BeatTheLowestScore
from minimax_eqx.curricula._prioritisation import Proportional, TopK

from .buffers import LEVEL_SPEC, Stored, contents, levels_of, offer_ids

CAPACITY = 16


@eqx.filter_jit
def update(buffer, levels, scores):
    return buffer.update(levels, scores)


@pytest.mark.parametrize(
    "prioritisation", [Rank(0.3), Rank(0.02), TopK(3), Proportional(0.01)], ids=repr
)
def test_a_full_buffer_that_goes_by_score_keeps_the_best_however_small_their_chances(
    prioritisation,
):
    buffer = Stored.empty(LEVEL_SPEC, CAPACITY, prioritisation=prioritisation, staleness_coef=0.0)
    first = np.arange(CAPACITY)
    second = np.random.default_rng(0).permutation(CAPACITY) + CAPACITY / 2 + 0.5
    for ids, scores in ((first, first), (first + 100, second)):
        levels = jax.tree.map(jnp.asarray, levels_of(ids))
        buffer = update(buffer, levels, jnp.asarray(scores, jnp.float32))
    best = np.sort([*first, *second])[-CAPACITY:]
    np.testing.assert_array_equal(np.sort(buffer.scores), best)


def test_of_levels_equally_unlikely_and_equally_good_the_first_goes(fill):
    buffer = fill([2.0, 1, 1, 3], prioritisation=TopK(1), staleness_coef=0.0)
    assert set(contents(offer_ids(buffer, [9], [1.5]))) == {1, 9, 3, 4}


def test_where_only_ages_decide_the_first_of_the_youngest_goes(fill):
    buffer = fill([2.0, 1, 3], ages=[0, 0, 4], staleness_coef=1.0)
    assert set(contents(offer_ids(buffer, [9], [2.5]))) == {9, 2, 3}


def test_the_lowest_score_can_be_what_goes_whatever_the_ages(fill):
    scores, ages = [2.0, 1, 3], [0, 9, 0]
    by_chance = fill(scores, ages=ages, staleness_coef=0.9, prioritisation=Rank(1.0))
    assert 2 in contents(offer_ids(by_chance, [9], [2.5]))
    by_score = fill(scores, ages=ages, staleness_coef=0.9, admission=BeatTheLowestScore())
    assert set(contents(offer_ids(by_score, [9], [2.5]))) == {1, 9, 3}
    assert set(contents(offer_ids(by_score, [9], [1.0]))) == {1, 9, 3}
    assert set(contents(offer_ids(by_score, [9], [0.5]))) == {1, 2, 3}


@pytest.mark.parametrize("admission", [BeatTheLeastLikely(), BeatTheLowestScore()], ids=repr)
@pytest.mark.parametrize("staleness_coef", [0.0, 1.0])
def test_slots_that_are_not_filled_come_first(fill, admission, staleness_coef):
    buffer = fill(
        [-5.0, 1, 0, 0],
        filled=[1, 1, 0, 0],
        admission=admission,
        staleness_coef=staleness_coef,
    )
    after = offer_ids(buffer, [8, 9], [-7.0, -6.0])
    np.testing.assert_array_equal(after.scores, [-5, 1, -7, -6])


# What share of a buffer is filled.


@pytest.mark.parametrize("capacity", [1, 40, 41, 164, 656, 5000, 10_000])
def test_every_share_of_a_buffer_takes_as_many_slots_as_it_says(capacity):
    counts = np.arange(1, capacity + 1)
    shares = jnp.asarray(counts / capacity, jnp.float32)
    needed = jax.jit(jax.vmap(lambda share: _level_buffer.num_slots(share, capacity)))(shares)
    np.testing.assert_array_equal(needed, counts)


@pytest.mark.parametrize(("share", "capacity", "expected"), [(0.0, 7, 1), (0.5, 7, 4), (1, 7, 7)])
def test_a_share_between_two_slots_takes_the_larger_number_and_at_least_one(
    share, capacity, expected
):
    assert _level_buffer.num_slots(share, capacity) == expected


def test_a_full_buffer_is_full_and_one_that_lacks_a_level_is_not():
    def filled(num_filled):
        return jnp.arange(41) < num_filled

    buffer = Stored.empty(LEVEL_SPEC, 41)
    measure = jax.jit(
        lambda filled: (
            buffer.replace(filled=filled).is_filled_to(jnp.float32(1)),
            buffer.replace(filled=filled).fill_ratio,
        )
    )
    assert [bool(measure(filled(n))[0]) for n in (0, 40, 41)] == [False, False, True]
    assert measure(filled(41))[1] == 1
    assert measure(filled(0))[1] == 0


def test_more_levels_at_the_top_than_fit_are_refused():
    with pytest.raises(ValueError, match=r"TopK\.k is 5, more levels than the capacity of 4"):
        Stored.empty(LEVEL_SPEC, 4, prioritisation=TopK(5))
    Stored.empty(LEVEL_SPEC, 4, prioritisation=TopK(4))
