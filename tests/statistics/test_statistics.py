"""Statistics over runs and tasks, against formulas by hand, SciPy, and simulations."""

import itertools
import statistics as of_python

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minimax_eqx import statistics
from minimax_eqx._argument_error import ArgumentError
from minimax_eqx.statistics import (
    bootstrap,
    interquartile_mean,
    mean,
    median,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    wilson,
)
from minimax_eqx.statistics._bootstrap import intervals

# Three runs of four tasks, and four runs of another method.
RECORDED = np.array([[0.1, 0.5, 0.9, 1.2], [0.2, 0.4, 0.7, 1.0], [0.6, 0.6, 0.8, 0.2]])
OTHERS = np.array([[0.1, 0.6, 0.3, 1.2], [0.3, 0.1, 0.8, 0.9], [0.2, 0.2, 0.1, 0.0], RECORDED[2]])
AGGREGATES = (mean, median, interquartile_mean, optimality_gap)
REFUSED = (ValueError, ArgumentError)

tables = arrays(
    float,
    st.tuples(st.integers(2, 5), st.integers(1, 4)),
    elements=st.integers(-8, 8).map(lambda n: n / 8),
)


def values_of(estimate):
    return pytest.approx((estimate.value, estimate.low, estimate.high), abs=1e-9)


def test_aggregates_are_what_a_hand_computes():
    assert mean(RECORDED) == pytest.approx(7.2 / 12)
    # Means over runs are 0.3, 0.5, 0.8 and 0.8.
    assert median(RECORDED) == pytest.approx(0.65)
    # In order: 0.1 0.2 0.2 | 0.4 0.5 0.6 0.6 0.7 0.8 | 0.9 1.0 1.2.
    assert interquartile_mean(RECORDED) == pytest.approx(3.6 / 6)
    # Of what is missing to 1: 0.9 0.5 0.1 0, 0.8 0.6 0.3 0, 0.4 0.4 0.2 0.8.
    assert optimality_gap(RECORDED) == pytest.approx(5.0 / 12)
    assert optimality_gap(RECORDED, target=0.5) == pytest.approx(1.1 / 12)


def test_the_probability_of_improvement_is_what_pairs_say_and_what_mann_and_whitney_say():
    by_task = [
        np.mean([(x > y) + (x == y) / 2 for x, y in itertools.product(column, other)])
        for column, other in zip(RECORDED.T, OTHERS.T, strict=True)
    ]
    u = scipy.stats.mannwhitneyu(RECORDED, OTHERS, axis=0, method="asymptotic").statistic
    probability = probability_of_improvement(RECORDED, OTHERS)
    assert probability == pytest.approx(np.mean(by_task)) == pytest.approx(np.mean(u / 12))


@pytest.mark.parametrize("resample", ["runs", "tasks"])
@pytest.mark.parametrize("statistic", AGGREGATES)
def test_an_interval_holds_the_middle_of_what_all_resamples_give(statistic, resample):
    """Three runs are drawn in 27 ways, by each of two tasks or once for both: all are tried."""
    scores = np.array([[0.0, 0.5], [0.3, 0.6], [0.8, 1.0]])
    draws = [list(draw) for draw in itertools.product(range(3), repeat=3)]
    pairs = itertools.product(draws, draws) if resample == "tasks" else [(d, d) for d in draws]
    resamples = [np.stack([scores[a, 0], scores[b, 1]], axis=1) for a, b in pairs]
    # A confidence at which both ends are values that several resamples share.
    values = np.sort(np.round([statistic(table) for table in resamples], 9))
    expected = np.quantile(values, [0.1, 0.9], method="inverted_cdf")
    found = bootstrap(statistic, scores, confidence=0.8, resample=resample, num_resamples=40_000)
    assert found.value == pytest.approx(statistic(scores))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-6)


def test_runs_of_two_methods_are_resampled_independently():
    def difference(x, y):
        return mean(x) - mean(y)

    found = bootstrap(difference, RECORDED, OTHERS, resample="tasks")
    # The variance of a resampled mean is the mean of squared deviations over the runs.
    variance = sum(t.var(axis=0).sum() / len(t) / 16 for t in (RECORDED, OTHERS))
    half = scipy.stats.norm.ppf(0.975) * np.sqrt(variance)
    assert found.value == pytest.approx(difference(RECORDED, OTHERS))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


def test_the_same_seed_gives_the_same_interval_and_another_one_nearly_so():
    scores = np.random.default_rng(0).random((5, 7))
    first, again = (bootstrap(interquartile_mean, scores, seed=3) for _ in range(2))
    other = bootstrap(interquartile_mean, scores, seed=4)
    assert first == again
    assert other != first
    assert other == pytest.approx(first, abs=0.02)
    assert str(statistics.Estimate(0.6, 0.51234, 0.7)) == "0.600 [0.512, 0.700]"
    assert str(statistics.Estimate(0.6, np.nan, np.nan)) == "0.600"


@pytest.mark.parametrize("resample", ["runs", "tasks"])
@pytest.mark.parametrize("seeds_differ", [True, False])
def test_intervals_cover_the_truth_as_often_as_they_say(resample, seeds_differ):
    """Over methods whose true score is known. Where seeds are good or bad in all tasks alike, only
    whole runs give intervals that are wide enough."""
    trials, runs, random = 1_500, 50, np.random.default_rng(11)
    # The distribution is symmetric about 0.5, so every aggregate is 0.5.
    scores = random.normal([0.3, 0.7], 0.2, (trials, runs, 2))
    if seeds_differ:
        scores += random.normal(0, 0.3, (trials, runs, 1))
    # All trials side by side, as tasks: those of one run are drawn together or each by itself.
    table = np.moveaxis(scores, 0, 1).reshape(runs, -1)

    def of_each(resamples):
        return mean(np.moveaxis(resamples.reshape(-1, runs, trials, 2), 2, 1))

    low, high = intervals(
        of_each, [table], confidence=0.9, resample=resample, num_resamples=200, seed=0
    )
    covered = np.mean((low <= 0.5) & (high >= 0.5))
    if seeds_differ and resample == "tasks":
        assert covered < 0.8
    else:
        assert covered == pytest.approx(0.9, abs=0.025)


def test_a_profile_is_the_share_of_scores_above_and_its_band_is_around_it():
    at = np.array([-1.0, 0.2, 0.55, 2.0])
    profile = performance_profile(RECORDED, at)
    np.testing.assert_allclose(profile.shares, [1, 9 / 12, 7 / 12, 0])
    for i, threshold in enumerate(at):
        one = bootstrap(
            lambda s, t=threshold: (s > t).mean(axis=(-2, -1)), RECORDED, num_resamples=2_000
        )
        assert (profile.shares[i], profile.low[i], profile.high[i]) == values_of(one)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (499, 1000), (1, 1)])
def test_the_interval_of_a_proportion_is_scipys(successes, trials):
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(0.9, method="wilson")
    found = wilson(successes, trials, confidence=0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.value == successes / trials


def test_wilsons_interval_covers_a_proportion_as_often_as_it_says():
    """Exactly: over all outcomes of 50 trials, for proportions everywhere in [0, 1]."""
    found = [wilson(k, 50) for k in range(51)]
    chances = np.linspace(0.05, 0.95, 91)
    inside = np.array([[e.low <= p <= e.high for e in found] for p in chances])
    weights = scipy.stats.binom.pmf(np.arange(51), 50, chances[:, None])
    assert of_python.mean((inside * weights).sum(axis=1)) == pytest.approx(0.95, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(scores=tables, data=st.data())
def test_laws(scores, data):
    runs, tasks = scores.shape
    # What runs are called makes no difference, nor do other axes.
    permuted = scores[data.draw(st.permutations(range(runs)))]
    for statistic in AGGREGATES:
        assert statistic(permuted) == pytest.approx(statistic(scores))
        both = statistic(np.stack([scores, scores + 1]))
        assert both == pytest.approx([statistic(scores), statistic(scores + 1)])
    flat = np.sort(scores.ravel())
    quarter = flat.size // 4
    assert flat[quarter] - 1e-9 <= interquartile_mean(scores) <= flat[-1 - quarter] + 1e-9
    assert mean(scores) + optimality_gap(scores) == pytest.approx(1)
    others = data.draw(arrays(float, (3, tasks), elements=st.sampled_from([-0.5, 0.0, 0.5])))
    there, back = (probability_of_improvement(*p) for p in ((scores, others), (others, scores)))
    assert there + back == pytest.approx(1)
    assert probability_of_improvement(scores, scores) == pytest.approx(0.5)
    estimate = bootstrap(mean, scores, num_resamples=100)
    assert flat[0] - 1e-9 <= estimate.low <= estimate.high <= flat[-1] + 1e-9


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((0, 3)), "no runs"),
        (np.zeros((3, 0)), "no tasks"),
        (np.array([[0.0, 1.0], [0.5, np.nan]]), "nan at run 1, task 1"),
        (np.array([[0.0, np.inf], [0.5, 1.0]]), "inf at run 0, task 1"),
        (np.zeros(3), "expected"),
        ([[0.5]], "expected"),
        (np.array([["0.5"]]), "expected"),
    ],
)
def test_scores_that_cannot_be_are_refused(scores, message):
    for statistic in AGGREGATES:
        with pytest.raises(REFUSED, match=message):
            statistic(scores)
    with pytest.raises(REFUSED, match=message):
        bootstrap(mean, scores)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap(mean, RECORDED[:1]), "one run has no interval"),
        (
            lambda: bootstrap(probability_of_improvement, RECORDED, RECORDED[:1]),
            "table 2 of 2 has one run",
        ),
        (lambda: performance_profile(RECORDED[:1], np.zeros(1)), "one run has no interval"),
        (lambda: bootstrap(mean, RECORDED[None]), "expected"),
        (lambda: performance_profile(RECORDED[None], np.zeros(1)), "expected"),
        (lambda: bootstrap(mean, RECORDED, confidence=1.0), "confidence is 1.0"),
        (lambda: bootstrap(mean, RECORDED, confidence=float("nan")), "confidence is nan"),
        (lambda: bootstrap(mean, RECORDED, num_resamples=10), "at least 100"),
        (lambda: bootstrap(np.mean, RECORDED), "one number for each"),
        (lambda: bootstrap(lambda s: s.mean(axis=-1), RECORDED), "must be a number"),
        (lambda: optimality_gap(RECORDED, target=float("inf")), "target is inf"),
        (lambda: probability_of_improvement(RECORDED, OTHERS[:, :2]), "task"),
        (lambda: performance_profile(RECORDED, np.zeros(0)), "at least one"),
        (lambda: performance_profile(RECORDED, np.array([np.nan])), "finite"),
        (lambda: wilson(3, 2), "between 0 and trials, 2"),
        (lambda: wilson(-1, 2), "successes is -1"),
        (lambda: wilson(0, 0), "at least one trial"),
        (lambda: wilson(1, 2, confidence=95), "confidence is 95"),
    ],
)
def test_what_has_no_answer_is_refused_with_a_reason(call, message):
    with pytest.raises(REFUSED, match=message):
        call()


def test_arrays_of_jax_will_do():
    import jax.numpy as jnp

    assert mean(jnp.asarray(RECORDED)) == pytest.approx(mean(RECORDED))
    assert set(statistics.__all__) >= {"bootstrap", "wilson"}
