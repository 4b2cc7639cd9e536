"""How scores become chances, and how slots are drawn by them."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.curricula import Rank, _chances
from minimax_eqx.curricula._boltzmann import Boltzmann
from minimax_eqx.curricula._insertion import Slots
from minimax_eqx.curricula._level_buffer import LevelBuffer
from minimax_eqx.curricula._prioritisation import Proportional, TopK
from minimax_eqx.curricula._replay_rules import ReplayRules

from . import buffer_oracle

CAPACITY = 6
TOLERANCE = {"rtol": 2e-5, "atol": 1e-7}
NOT_DISTRIBUTIONS_IN_THE_REFERENCE = ("full_all_zero_scores", "full_negative")


@eqx.filter_jit
def distribution(prioritisation, scores, ages, filled, staleness_coef):
    ranks = _chances.rank(scores)
    weights = prioritisation.weights(scores, ranks, filled)
    return _chances.replay_distribution(weights, ages, filled, staleness_coef)


def by_kind(data, size):
    """The cases of one buffer size, as `(kind, use_ranks, inputs and output)`."""
    names = data["kind_names"][data[f"b{size}_kind"]]
    fields = ("temperature", "staleness_coef", "scores", "ages", "filled", "replay_dist")
    for kind in data["kind_names"]:
        for use_ranks in (True, False):
            rows = (names == kind) & (data[f"b{size}_use_ranks"] == use_ranks)
            if rows.any():
                yield kind, use_ranks, {name: data[f"b{size}_{name}"][rows] for name in fields}


@jax.jit
def rank_distributions(temperature, *rest):
    return jax.vmap(lambda t, *rest: distribution(Rank(t), *rest))(temperature, *rest)


@jax.jit
def proportional_distributions(temperature, *rest):
    return jax.vmap(lambda t, *rest: distribution(Proportional(t), *rest))(temperature, *rest)


@pytest.mark.parametrize("size", [16, 100])
def test_replay_distributions_match_the_reference_or_what_it_means(golden, size):
    seen = set()
    for kind, use_ranks, case in by_kind(golden("replay_distribution"), size):
        scores, ages, filled = case["scores"], case["ages"].astype(np.int32), case["filled"]
        ours = (rank_distributions if use_ranks else proportional_distributions)(
            case["temperature"], scores, ages, filled, case["staleness_coef"]
        )
        expected = case["replay_dist"]
        if kind in NOT_DISTRIBUTIONS_IN_THE_REFERENCE and not use_ranks:
            # No level is worth less than nothing; where none is worth anything, all are alike.
            scores = np.maximum(scores, 0)
            scores = np.where(scores.max(axis=1, keepdims=True) > 0, scores, 1).astype(np.float32)
            expected = np.stack(
                [
                    buffer_oracle.distribution(
                        scores[i],
                        ages[i],
                        filled[i],
                        use_ranks=False,
                        temperature=case["temperature"][i],
                        staleness_coef=case["staleness_coef"][i],
                    )
                    for i in range(len(scores))
                ]
            )
        np.testing.assert_allclose(ours, expected, **TOLERANCE, err_msg=f"{kind} {use_ranks}")
        np.testing.assert_allclose(ours.sum(axis=1), filled.any(axis=1), rtol=1e-5)
        assert not np.any(np.asarray(ours)[~filled])
        seen.add((kind, use_ranks))
    assert len(seen) == 20 + 1  # finite scores in empty slots: either with ranks or without


ties_and_all = st.sampled_from([-np.inf, -2.0, -0.0, 0.0, 0.5, 1.0, 3.0])
scores_of_a_buffer = st.lists(ties_and_all, min_size=CAPACITY, max_size=CAPACITY).map(
    lambda scores: np.array(scores, np.float32)
)
flags = st.lists(st.booleans(), min_size=CAPACITY, max_size=CAPACITY).map(np.array)
ages_of_a_buffer = st.lists(
    st.sampled_from([0, 1, 7, 1000, 2**30]), min_size=CAPACITY, max_size=CAPACITY
).map(lambda ages: np.array(ages, np.int32))
shares = st.sampled_from([0.0, 0.3, 1.0]).map(np.float32)
prioritisations = st.sampled_from(
    [
        *(Rank(), Rank(0.02), Rank(50.0), Proportional(), Proportional(0.1)),
        *(TopK(2), TopK(CAPACITY), Boltzmann(), Boltzmann(2.0)),
    ]
)


@settings(max_examples=100, deadline=None)
@given(prioritisations, scores_of_a_buffer, ages_of_a_buffer, flags, shares)
def test_chances_are_a_distribution_over_filled_slots(
    prioritisation, scores, ages, filled, staleness_coef
):
    filled &= scores > -np.inf
    scores = np.where(filled, scores, -np.inf).astype(np.float32)
    chances = np.asarray(distribution(prioritisation, scores, ages, filled, staleness_coef))
    assert np.all(chances >= 0)
    assert not np.any(chances[~filled])
    np.testing.assert_allclose(chances.sum(), float(filled.any()), rtol=1e-5)


@settings(max_examples=50, deadline=None)
@given(prioritisations, st.permutations(range(CAPACITY)), ages_of_a_buffer, flags, shares)
def test_permuting_the_slots_permutes_the_chances(
    prioritisation, order, ages, filled, staleness_coef
):
    scores = np.where(filled, np.arange(CAPACITY), -np.inf).astype(np.float32)
    plain = distribution(prioritisation, scores, ages, filled, staleness_coef)
    order = np.array(order)
    permuted = distribution(
        prioritisation, scores[order], ages[order], filled[order], staleness_coef
    )
    np.testing.assert_allclose(permuted, plain[order], **TOLERANCE)


rank = jax.jit(_chances.rank)
rank_after_change = jax.jit(_chances.rank_after_change)


@settings(max_examples=100, deadline=None)
@given(scores_of_a_buffer, st.integers(0, CAPACITY - 1), ties_and_all.map(np.float32))
def test_ranks_after_a_change_are_those_of_the_changed_scores(scores, slot, new_score):
    np.testing.assert_array_equal(rank(scores), buffer_oracle.ranks(scores))
    changed = scores.copy()
    changed[slot] = new_score
    np.testing.assert_array_equal(
        rank_after_change(rank(scores), scores, slot, new_score), rank(changed)
    )


def test_no_score_is_too_great_or_too_small_for_proportional_chances():
    filled, ages = np.ones(3, bool), np.zeros(3, np.int32)
    for scale in (1e-30, 1.0, 1e30):
        scores = np.array([1, 2, 0], np.float32) * np.float32(scale)
        chances = distribution(Proportional(0.1), scores, ages, filled, np.float32(0))
        np.testing.assert_allclose(chances, [1 / 1025, 1024 / 1025, 0], rtol=1e-5)


def test_top_k_makes_the_best_levels_equally_likely():
    scores = np.array([0.5, 3, -np.inf, 1], np.float32)
    filled = scores > -np.inf
    chances = distribution(TopK(2), scores, np.zeros(4, np.int32), filled, np.float32(0))
    np.testing.assert_allclose(chances, [0, 0.5, 0, 0.5])


def test_a_lower_temperature_prefers_the_best_level_more():
    scores, ages = jnp.arange(1.0, 5.0), np.zeros(4, np.int32)
    temperatures = np.array([0.1, 0.3, 1, 3], np.float32)
    for distributions in (rank_distributions, proportional_distributions):
        stacked = [jnp.broadcast_to(x, (4, 4)) for x in (scores, ages, np.ones(4, bool))]
        best = distributions(temperatures, *stacked, np.zeros(4, np.float32))[:, -1]
        assert np.all(np.diff(best) < 0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17])
def test_draws_have_the_chances_given(getkey, size):
    chances = jnp.arange(float(size)) if size > 1 else jnp.ones(1)
    keys = jax.random.split(getkey(), 4000)
    slots = jax.jit(jax.vmap(lambda key: _chances.draw(chances, key=key)))(keys)
    frequencies = np.bincount(slots, minlength=size) / len(keys)
    assert frequencies.size == size
    np.testing.assert_allclose(frequencies, chances / chances.sum(), atol=0.04)
    assert not np.any(frequencies[chances == 0])


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf"), float("nan"), np.zeros(())])
@pytest.mark.parametrize("kind", [Rank, Proportional])
def test_a_temperature_out_of_range_is_an_error(kind, temperature):
    if isinstance(temperature, np.ndarray):
        temperature = jnp.asarray(temperature, jnp.float32)
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.temperature is .*positive"):
        kind(temperature)


def test_top_k_of_no_levels_is_an_error():
    with pytest.raises(ValueError, match=r"TopK\.k is 0.*at least 1"):
        TopK(0)


def test_temperatures_can_be_swept_in_one_program():
    scores, ages, filled = jnp.arange(1.0, 5.0), jnp.zeros(4, jnp.int32), jnp.ones(4, bool)
    swept = eqx.filter_vmap(Rank)(jnp.array([0.1, 1.0]))
    chances = eqx.filter_vmap(
        lambda prioritisation: distribution(prioritisation, scores, ages, filled, jnp.array(0.0))
    )(swept)
    assert chances[0, -1] > chances[1, -1]


@pytest.mark.parametrize("staleness_coef", [0.0, 0.4])
def test_a_uniform_share_counts_for_replay_and_not_for_admission(staleness_coef):
    buffer = dataclasses.replace(
        LevelBuffer.empty(jax.ShapeDtypeStruct((), jnp.int32), 4),
        scores=jnp.array([0.1, 0.9, 0.5, -jnp.inf]),
        ages=jnp.array([5, 0, 15, 0], jnp.int32),
        filled=jnp.array([True, True, True, False]),
    )
    plain = ReplayRules(Rank(), staleness_coef=staleness_coef)
    guarded = dataclasses.replace(plain, uniform_share=0.25)
    chances = plain.replay_distribution(buffer)
    expected = 0.75 * chances + jnp.array([0.25, 0.25, 0.25, 0]) / 3
    np.testing.assert_allclose(guarded.replay_distribution(buffer), expected, rtol=1e-6)
    draw = jax.jit(jax.vmap(lambda key: guarded.sample(buffer, 1, key=key)[1][0]))
    drawn = np.bincount(draw(jax.random.split(jax.random.key(0), 4000)), minlength=4) / 4000
    np.testing.assert_allclose(drawn, expected, atol=0.03)
    # A share of all leaves no order of chances, and still the same level has to go.
    everything = dataclasses.replace(plain, uniform_share=1.0)
    assert len(set(everything.replay_distribution(buffer).tolist())) == 2
    full = {"scores": jnp.arange(4.0), "ages": buffer.ages, "filled": jnp.ones(4, bool)}
    slots = Slots(**full, num_mutations=buffer.num_mutations, records=None)
    ranks = _chances.rank(slots.scores)
    assert int(plain.opponent(slots, ranks)) == int(everything.opponent(slots, ranks))


def test_boltzmann_s_chances_are_the_softmax_of_scores():
    scores, filled = jnp.array([0.25, 0.16, 0.0, 0.09]), jnp.ones(4, bool)
    chances = distribution(Boltzmann(0.05), scores, jnp.zeros(4, jnp.int32), filled, 0.0)
    np.testing.assert_allclose(chances, [0.824539, 0.136295, 0.005556, 0.033610], atol=1e-6)
    shifted = distribution(Boltzmann(0.05), scores - 9, jnp.zeros(4, jnp.int32), filled, 0.0)
    np.testing.assert_allclose(shifted, chances, rtol=1e-4)
    with pytest.raises(ValueError, match=r"Boltzmann\.temperature is 0; it must be positive"):
        Boltzmann(0)
