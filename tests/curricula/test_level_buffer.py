"""The rules of the level buffer."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx._xla._compile import quick_jit
from minimax_eqx.curricula import Rank
from minimax_eqx.curricula._level_buffer import LevelBuffer
from minimax_eqx.curricula._prioritisation import Proportional, TopK

from . import buffer_oracle
from .buffers import (
    LEVEL_SPEC,
    Stored,
    contents,
    fingerprints_of,
    ids_of,
    levels_of,
    offer,
    offer_ids,
)

# What an update does.


def test_levels_fill_the_slots_from_the_first_on():
    buffer = Stored.empty(LEVEL_SPEC, 4, record=jnp.array(-jnp.inf))
    buffer = offer_ids(buffer, [5, 6], [1.0, 2.0])
    buffer = offer_ids(buffer, [7, 8], [-1.0, 0.0])
    np.testing.assert_array_equal(ids_of(buffer.levels), [5, 6, 7, 8])
    np.testing.assert_array_equal(buffer.scores, [1, 2, -1, 0])
    assert buffer.capacity == 4
    assert buffer.fill_ratio == 1


def test_a_level_played_twice_in_a_batch_is_stored_once_with_its_last_score(fill):
    buffer = offer_ids(fill([9.0, 8, 7], filled=[1, 0, 0]), [5, 5, 6], [2.0, 1.0, 3.0], [4, 3, 0])
    assert contents(buffer) == {1: (9, 0, -np.inf, 0), 5: (1, 0, 4, 0), 6: (3, 0, 0, 0)}


def test_a_level_left_out_may_enter_when_it_is_met_again_in_the_batch(fill):
    buffer = offer_ids(fill([1.0, 2, 3]), [5, 5, 5], [0.0, 1.5, 0.5], [3, 2, 1])
    assert contents(buffer)[5] == (0.5, 0, 3, 0)
    assert 1 not in contents(buffer)


def test_a_level_driven_out_competes_for_its_old_slot(fill):
    buffer = fill([1.0, 2, 3], staleness_coef=0.0)
    assert set(contents(offer_ids(buffer, [5, 1, 6], [1.5, 1.4, 0.0]))) == {5, 2, 3}
    assert set(contents(offer_ids(buffer, [5, 1, 6], [1.5, 1.5, 0.0]))) == {1, 2, 3}
    assert contents(offer_ids(buffer, [5, 1, 1], [1.5, 1.6, 0.1]))[1][0] == np.float32(1.6)


def test_a_level_as_good_as_the_one_it_meets_replaces_it_and_is_not_old(fill):
    buffer = fill([1.0, 2, 3], ages=[4, 5, 6], staleness_coef=0.0)
    assert contents(offer_ids(buffer, [7], [1.0])).get(7) == (1, 0, 0, 0)
    assert contents(offer_ids(buffer, [7], [0.9])) == contents(buffer)


def test_a_stored_level_gets_its_new_score_whether_higher_or_lower(fill):
    buffer = fill([1.0, 2, 3], ages=[4, 5, 6])
    after = offer_ids(buffer, [1, 3], [2.5, -1.0], [7, 8], [9, 9])
    assert contents(after) == {1: (2.5, 4, 7, 0), 2: (2, 5, -np.inf, 0), 3: (-1, 6, 8, 0)}


def test_the_best_return_ever_seen_on_a_level_is_kept(fill):
    buffer = offer_ids(fill([1.0, 2, 3]), [2], [2.0], [0.7])
    buffer = offer_ids(buffer, [2], [2.0], [0.4])
    assert contents(buffer)[2][2] == np.float32(0.7)
    levels = jax.tree.map(jnp.asarray, levels_of([5, 2]))
    np.testing.assert_allclose(buffer.records_of(levels, jnp.array(-1.0)), [-1.0, 0.7])


@pytest.mark.parametrize("score", [float("nan"), -float("inf"), float("inf")])
def test_a_score_that_is_not_finite_leaves_its_level_out(fill, score):
    for buffer in (fill([1.0, 2, 3]), fill([1.0, 2, 3], filled=[1, 1, 0])):
        after = offer_ids(buffer, [5, 1], [score, score], [9, 9])
        assert eqx.tree_equal(after, buffer)


def test_how_often_a_level_was_mutated_is_kept_until_it_is_driven_out(fill):
    buffer = fill([1.0, 2, 3], filled=[1, 1, 0])
    buffer = offer_ids(buffer, [5, 1], [4.0, 4.0], num_mutations=[6, 7])
    assert contents(buffer)[5][3] == 6
    assert contents(buffer)[1][3] == 0
    assert contents(offer_ids(buffer, [5, 9], [0.0, 9.0]))[9][3] == 0


def test_a_batch_may_be_larger_than_the_buffer(fill):
    buffer = fill([0.0, 0, 0], filled=[0, 0, 0], staleness_coef=0.0)
    buffer = offer_ids(buffer, [1, 2, 3, 4, 5], [3.0, 1.0, 4.0, 1.0, 5.0])
    assert {level: row[0] for level, row in contents(buffer).items()} == {1: 3, 3: 4, 5: 5}


def test_a_buffer_of_one_level_holds_the_best(fill, getkey):
    buffer = offer_ids(fill([0.0], filled=[0]), [1, 2, 3], [2.0, 3.0, 1.0])
    assert {level: row[0] for level, row in contents(buffer).items()} == {2: 3}
    assert buffer.replay_distribution() == 1
    _, slots = buffer.sample(2, key=getkey())
    np.testing.assert_array_equal(slots, [0, 0])


ids_offered = st.lists(st.integers(1, 9), min_size=6, max_size=6)
scores_offered = st.lists(
    st.sampled_from([-np.inf, np.nan, -1.0, 0.0, 0.0, 0.5, 1.0, 2.0]), min_size=6, max_size=6
)
batches = st.lists(st.tuples(ids_offered, scores_offered), min_size=1, max_size=3)


def offered_one_after_another(buffer, batches):
    for ids, scores in batches:
        buffer = offer_ids(buffer, ids, scores, ids, 10 * np.array(ids))
        yield buffer


@eqx.filter_jit
def find_own(buffer):
    return fingerprints_of(buffer.levels), buffer.find(buffer.levels)


@settings(max_examples=40, deadline=None)
@given(batches)
def test_what_is_stored_of_a_level_belongs_to_it_and_no_two_are_equal(batches):
    buffer = Stored.empty(LEVEL_SPEC, 4, record=jnp.array(-jnp.inf))
    *_, buffer = offered_one_after_another(buffer, batches)
    filled = np.asarray(buffer.filled)
    ids = ids_of(buffer.levels)[filled]
    assert len(set(ids)) == len(ids)
    assert np.all(np.diff(filled.astype(int)) <= 0)
    scores = np.asarray(buffer.scores)
    assert np.all(scores[~filled] == -np.inf)
    offered = {(i, s) for ids, scores in batches for i, s in zip(ids, scores, strict=True)}
    assert {*zip(ids.tolist(), scores[filled].tolist(), strict=True)} <= offered
    np.testing.assert_array_equal(buffer.records[filled], ids)
    np.testing.assert_array_equal(buffer.num_mutations[filled], ids * 10)
    prints, slots = find_own(buffer)
    np.testing.assert_array_equal(buffer.fingerprints[filled], prints[filled])
    np.testing.assert_array_equal(slots, np.where(filled, np.arange(4), -1))


@settings(max_examples=40, deadline=None)
@given(batches, st.sampled_from([0.0, 1.0]))
def test_updates_follow_the_rules_one_level_after_another(batches, staleness_coef):
    # Only by score or only by age, so that no two slots are nearly as likely and rounding decides.
    buffer = Stored.empty(LEVEL_SPEC, 4, staleness_coef=staleness_coef, record=jnp.array(-jnp.inf))
    oracle = buffer_oracle.Buffer(
        level_id=np.zeros(4, int),
        scores=np.full(4, -np.inf, np.float32),
        ages=np.zeros(4, int),
        filled=np.zeros(4, bool),
        max_returns=np.full(4, -np.inf),
        n_mutations=np.zeros(4, int),
        temperature=0.3,
        staleness_coef=staleness_coef,
    )
    for ids, scores in batches:
        ages = np.where(oracle.filled, np.arange(4) * 3 % 4, 0)
        oracle.ages = ages.copy()
        buffer = buffer.replace(ages=jnp.asarray(ages, jnp.int32))
        oracle.update(ids, np.array(scores), oracle.find(ids), np.full(6, -1), np.array(ids))
        buffer = offer_ids(buffer, ids, scores, ids)
        for ours, expected in (
            (ids_of(buffer.levels), oracle.level_id),
            (buffer.scores, oracle.scores),
            (buffer.ages, oracle.ages),
            (buffer.records, oracle.max_returns),
        ):
            np.testing.assert_array_equal(ours, expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]), min_size=10, max_size=10))
def test_a_full_buffer_that_goes_by_score_keeps_the_highest_scores(scores):
    buffer = Stored.empty(LEVEL_SPEC, 4, staleness_coef=0.0, record=jnp.array(-jnp.inf))
    buffer = offer_ids(buffer, [1, 2, 3, 4], scores[:4])
    buffer = offer_ids(buffer, np.arange(11, 17), scores[4:])
    np.testing.assert_array_equal(np.sort(buffer.scores), np.sort(np.float32(scores))[-4:])


@settings(max_examples=40, deadline=None)
@given(
    st.permutations([0.0, 1.0, 2.0, 3.0]),
    st.lists(st.integers(0, 40), min_size=4, max_size=4),
    st.sampled_from([-0.5, 0.5, 1.5, 2.5, 3.5]),
)
def test_a_new_level_replaces_the_least_likely_unless_that_scores_higher(scores, ages, new_score):
    before = Stored.empty(LEVEL_SPEC, 4, record=jnp.array(-jnp.inf))
    before = offer_ids(before, [1, 2, 3, 4], scores)
    before = before.replace(ages=jnp.asarray(ages, jnp.int32))
    least_likely = int(np.argmin(before.replay_distribution()))
    after = offer_ids(before, [9], [new_score])
    expected = [1, 2, 3, 4]
    if new_score >= scores[least_likely]:
        expected[least_likely] = 9
    np.testing.assert_array_equal(ids_of(after.levels), expected)


# Sampling.


def test_first_draws_follow_the_replay_distribution(fill, getkey):
    filled = np.array([1, 0, 1, 1, 1, 0, 1], bool)
    buffer = fill(
        np.arange(7) % 4, ages=[3, 9, 1, 4, 0, 9, 2], filled=filled, prioritisation=Rank(1.0)
    )
    keys = jax.random.split(getkey(), 20_000)
    draw = jax.jit(jax.vmap(lambda key: buffer.sample(1, key=key)[1][0]))
    counts = np.bincount(draw(keys), minlength=7)
    assert not np.any(counts[~filled])
    chances = np.asarray(buffer.replay_distribution(), np.float64)[filled]
    result = scipy.stats.chisquare(counts[filled], len(keys) * chances / chances.sum())
    assert result.pvalue > 1e-3


def test_later_draws_follow_the_ages_that_earlier_ones_left(fill, getkey):
    buffer = fill([0.0, 1, 2], ages=[1, 1, 1], staleness_coef=1.0)
    keys = jax.random.split(getkey(), 200)
    slots = np.asarray(jax.jit(jax.vmap(lambda key: buffer.sample(3, key=key)[1]))(keys))
    # What was drawn has age 0, and so no chance to be drawn again at once.
    assert np.all(slots[:, 0] != slots[:, 1])
    assert np.all(slots[:, 1] != slots[:, 2])
    assert len(np.unique(slots, axis=0)) == 3 * 2 * 2


@eqx.filter_jit
def draw_often(buffer, keys):
    return jax.vmap(lambda key: buffer.sample(20, key=key)[1])(keys)


@pytest.mark.parametrize("prioritisation", [Rank(), Rank(0.02), Proportional(), TopK(64)])
@pytest.mark.parametrize("where", [[4095], [0], [7, 64, 2048]])
def test_empty_slots_are_never_drawn(fill, getkey, where, prioritisation):
    filled = np.isin(np.arange(4096), where)
    buffer = fill(np.arange(4096) % 3, filled=filled, prioritisation=prioritisation)
    keys = jax.random.split(getkey(), 100)
    slots = draw_often(buffer, keys)
    assert np.isin(slots, where).all()


def test_one_long_series_of_draws_ages_what_it_leaves(fill, getkey):
    filled = np.isin(np.arange(4096), [5, 300, 4000])
    buffer = fill(np.ones(4096), filled=filled)
    after, slots = eqx.filter_jit(lambda b, key: b.sample(20_000, key=key))(buffer, getkey())
    assert set(np.unique(slots)) == {5, 300, 4000}
    last = {slot: np.flatnonzero(np.asarray(slots) == slot)[-1] for slot in (5, 300, 4000)}
    for slot, time in last.items():
        assert after.ages[slot] == 20_000 - 1 - time
    assert not np.any(after.ages[~filled])


def test_an_empty_buffer_gives_slot_zero_and_does_not_age(getkey):
    buffer = Stored.empty(LEVEL_SPEC, 3)
    after, slots = buffer.sample(4, key=getkey())
    np.testing.assert_array_equal(slots, [0, 0, 0, 0])
    assert eqx.tree_equal(after, buffer)
    assert not np.any(buffer.replay_distribution())


def test_samples_and_updates_depend_on_their_inputs_alone(fill, getkey):
    """The same one after another and, beside others, in one program."""
    buffer, key = fill([1.0, 2, 3], ages=[1, 0, 2]), getkey()
    levels = jax.tree.map(jnp.asarray, levels_of(np.array([5, 2, 6, 7, 8, 9])))
    scores = jnp.array([0.5, 2.5, 1.0, 3.0, -jnp.inf, 2.0])

    def both(key):
        older, slots = buffer.sample(3, key=key)
        return offer(older, levels, scores), slots

    batched = eqx.filter_jit(eqx.filter_vmap(both))(jnp.stack([getkey(), key, getkey(), key]))
    for index in (1, 3):
        alone = jax.tree.map(lambda leaf, i=index: leaf[i], eqx.filter(batched, eqx.is_array))
        assert eqx.tree_equal(alone, eqx.filter(both(key), eqx.is_array))


# Levels of any kind.


@pytest.mark.parametrize("dtype", [bool, "int32", "int8", "uint8", "float32", "bfloat16"])
def test_levels_that_differ_in_one_number_are_different(dtype):
    cells = np.eye(7)[:, :6].reshape(7, 2, 3)  # no two differ in more than two cells
    grids, directions = jnp.asarray(np.repeat(cells, 2, axis=0), dtype), jnp.arange(14) % 2
    levels = {"grid": grids, "direction": directions.astype(jnp.uint8)}

    @jax.jit
    def find_all(stored):
        spec = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), levels)
        buffer = Stored.empty(spec, 14)
        some = jax.tree.map(lambda leaf: leaf[stored], levels)
        buffer = buffer.update(some, jnp.ones(stored.size))
        return buffer.find(levels), buffer.at(jnp.arange(stored.size)), some

    stored = np.arange(14)[::3]
    slots, held, given = find_all(jnp.asarray(stored))
    expected = np.full(14, -1)
    expected[stored] = np.arange(stored.size)
    np.testing.assert_array_equal(slots, expected)
    assert eqx.tree_equal(held, given)


@pytest.mark.parametrize("dtype", [bool, "float32", "int32"])
def test_fingerprints_of_many_levels_are_all_different(getkey, dtype):
    levels = jax.random.bernoulli(getkey(), shape=(20_000, 40)).astype(dtype)
    if dtype == "int32":
        levels = levels << 30
    distinct = len(np.unique(np.asarray(levels), axis=0))
    prints = np.asarray(jax.jit(fingerprints_of)(levels))
    assert len(np.unique(prints, axis=0)) == distinct
    # Each half tells nearly all apart, so both are of use.
    assert min(len(np.unique(prints[:, half])) for half in range(2)) > distinct - 10


def test_records_can_be_trees():
    record = {"plays": jnp.zeros((), jnp.int32), "returns": jnp.zeros(2)}
    levels = jax.tree.map(jnp.asarray, levels_of(np.array([4, 5])))

    @eqx.filter_jit
    def play(buffer):
        return buffer.update(
            levels,
            jnp.ones(2),
            records=buffer.records_of(levels, record),
            news={"plays": jnp.ones(2, jnp.int32), "returns": jnp.ones((2, 2))},
            merge=lambda old, new: jax.tree.map(jnp.add, old, new),
        )

    buffer = play(play(Stored.empty(LEVEL_SPEC, 3, record=record)))
    np.testing.assert_array_equal(buffer.records["plays"], [2, 2, 0])
    np.testing.assert_array_equal(buffer.records["returns"], [[2, 2], [2, 2], [0, 0]])


# The module.


def test_statistics_are_over_filled_slots(fill):
    buffer = fill([1.0, 5, 3], ages=[2, 0, 4], filled=[1, 0, 1], prioritisation=TopK(1))
    statistics = {name: float(value) for name, value in buffer.statistics().items()}
    assert statistics == pytest.approx(
        {
            "fill_ratio": 2 / 3,
            "mean_score": 2,
            "weighted_score": 0.7 * 3 + 0.3 * (2 * 1 + 4 * 3) / 6,
            "mean_age": 3,
            "mean_mutations": 0,
        }
    )
    empty = Stored.empty(LEVEL_SPEC, 3).statistics()
    assert empty.pop("fill_ratio") == 0
    assert np.isnan(list(empty.values())).all()


def test_a_buffer_can_be_donated_and_keeps_its_types():
    rules = {"prioritisation": Rank(jnp.array(0.3))}
    buffer = Stored.empty(LEVEL_SPEC, 3, record=-jnp.inf, **rules)
    types = [leaf.aval for leaf in jax.tree.leaves(buffer)]
    levels = jax.tree.map(jnp.asarray, levels_of(np.array([4, 5])))

    def cycle(buffer, key):
        buffer, _ = buffer.sample(2, key=key)
        scores = jnp.ones(2)
        return buffer.update(levels, scores, records=scores, news=scores).grow_older(1)

    updated = quick_jit(cycle, donate="all")(buffer, jax.random.key(0))
    assert [leaf.aval for leaf in jax.tree.leaves(updated)] == types
    assert jax.tree.structure(updated) == jax.tree.structure(buffer)


def test_a_large_buffer_is_warned_of_with_its_size():
    level = jax.ShapeDtypeStruct((1000,), jnp.float32)
    make = lambda capacity: jax.eval_shape(lambda: LevelBuffer.empty(level, capacity))  # noqa: E731
    assert make(10).num_bytes == 10 * (4000 + 4 + 4 + 1 + 4 + 8 + 16)
    with pytest.warns(UserWarning, match=r"100000 levels takes 404 MB.*a smaller capacity"):
        make(100_000)
