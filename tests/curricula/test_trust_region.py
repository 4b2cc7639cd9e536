"""Sources whose distribution goes towards a goal: DORAEMON and self-paced learning."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from minimax_eqx._xla._filtered import filter_scan
from minimax_eqx.curricula import Doraemon, SelfPaced
from minimax_eqx.curricula._beta import digamma, log_beta, trigamma

KEY = jax.random.key(0)
NUM_LEVELS, NUM_CYCLES = 64, 48
DORAEMON = Doraemon(num_episodes=128)
# A narrow target in a corner.
SELF_PACED = SelfPaced(target_mean=0.9, target_std=0.05, payoff_at=0.5, num_episodes=128)


@eqx.filter_jit
def plays(source, limit):
    """What is drawn and measured where levels pay 1 if the first number is below the limit."""

    def cycle(state, key):
        places, drawn = source.choose(state, NUM_LEVELS, key=key)
        payoffs = (places[:, 0] < limit).astype(jnp.float32)
        state, metrics = source.update(state, places, drawn, payoffs, key=key)
        return state, (state.numbers, places, metrics)

    keys = jax.random.split(KEY, NUM_CYCLES)
    return filter_scan(cycle, source.begin(2, key=KEY), keys)[1]


@pytest.fixture(scope="module", params=[DORAEMON, SELF_PACED], ids=["doraemon", "self-paced"])
def source(request):
    return request.param


def missing(source, metrics):
    """How far the goal is."""
    return np.asarray(
        -metrics["level_entropy"] if "level_entropy" in metrics else metrics["target_kl"]
    )


@pytest.mark.slow
def test_the_distribution_reaches_its_goal_where_everything_succeeds(source):
    numbers, places, metrics = plays(source, jnp.asarray(2.0))
    has_moved = ~np.isnan(metrics["moved_by"])
    assert has_moved.tolist() == [False, True] * (NUM_CYCLES // 2)
    assert np.all(metrics["moved_by"][has_moved] <= source.max_kl)
    # Each move is as far as it may be, but for the grid of steps, and never away from the goal.
    assert np.all(metrics["moved_by"][has_moved][:5] > 0.7 * source.max_kl)
    assert np.all(np.diff(missing(source, metrics)) <= 1e-4)
    assert missing(source, metrics)[-1] < 0.02
    assert metrics["expected_worth"][-1] == pytest.approx(1, abs=1e-5)
    last = np.asarray(places[-8:]).reshape(-1, 2)
    if source is DORAEMON:
        np.testing.assert_allclose(numbers[-1], 0, atol=0.05)  # Beta(1, 1)
        assert stats.kstest(last.reshape(-1), "uniform").pvalue > 0.01
    else:
        np.testing.assert_allclose(last.mean(0), 0.9, atol=0.02)


def test_the_distribution_goes_as_far_as_enough_levels_succeed(source):
    _, places, metrics = plays(source, jnp.asarray(0.55))
    moved = ~np.isnan(metrics["moved_by"])
    expected = np.asarray(metrics["expected_worth"])[moved]
    assert np.all(metrics["moved_by"][moved] <= source.max_kl)
    # It was enough in the beginning, so it is expected to be after every move, but for noise.
    assert expected.min() >= 0.4
    assert (expected >= 0.5 - 1e-5).mean() > 0.9
    assert missing(source, metrics)[-1] < missing(source, metrics)[0]
    succeeded = (np.asarray(places)[-16:, :, 0] < 0.55).mean()
    np.testing.assert_allclose(succeeded, 0.52, atol=0.08)


def test_a_distribution_that_fails_goes_where_levels_succeed(source):
    limit = 0.47 if source is DORAEMON else 0.4
    _, places, metrics = plays(source, jnp.asarray(limit))
    first, last = np.asarray(places)[:2, :, 0], np.asarray(places)[-8:, :, 0]
    assert 0 < (first < limit).mean() < 0.4
    assert (last < limit).mean() > 0.4
    assert np.nanmax(metrics["moved_by"]) <= source.max_kl


def normal(mean, std):
    return stats.norm(np.log(mean), std)


def test_densities_and_divergences_are_those_of_scipy(source):
    old, new = jnp.log(jnp.array([3.0, 5.0])), jnp.log(jnp.array([2.5, 4.0]))
    was, now = ((stats.beta if source is DORAEMON else normal)(*np.exp(n)) for n in (old, new))
    points = jnp.array([0.2, 0.7])
    densities = jax.vmap(lambda drawn: source.log_density(new, drawn))(points)
    np.testing.assert_allclose(
        densities[0] - densities[1], np.subtract(*now.logpdf(points)), rtol=1e-4
    )
    # By numerical integration; KL(old || new) for DORAEMON, and KL(new || old) for the other.
    p, q = (was, now) if source is DORAEMON else (now, was)
    divergence = p.expect(lambda x: p.logpdf(x) - q.logpdf(x))
    np.testing.assert_allclose(source.kl(new, old), divergence, rtol=1e-3)
    if source is DORAEMON:
        np.testing.assert_allclose(source.goal(old), was.entropy(), rtol=1e-4)
    # Near a distribution, the divergence is half of a square.
    for move in (jnp.array([0.05, 0.0]), jnp.array([0.03, -0.05])):
        near = 0.5 * move @ source.fisher(old) @ move
        np.testing.assert_allclose(source.kl(old + move, old), near, rtol=0.1)


def test_the_functions_of_beta_distributions_are_those_of_scipy():
    a, b = jnp.array([1.0, 1.0, 2.5, 110.0]), jnp.array([1.0, 110.0, 3.0, 110.0])
    np.testing.assert_allclose(log_beta(a, b), special.betaln(a, b), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(digamma(a), special.digamma(a), rtol=1e-5)
    np.testing.assert_allclose(trigamma(a), special.polygamma(1, a), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Doraemon(success_rate=1.5), "success_rate is 1.5"),
        (lambda: Doraemon(concentration=0.5), "concentration is 0.5"),
        (lambda: Doraemon(max_kl=0.0), "max_kl is 0"),
        (lambda: SelfPaced(num_episodes=0), "num_episodes is 0"),
        (lambda: SelfPaced(target_mean=2.0), "target_mean is 2"),
        (lambda: SelfPaced(start_std=0.01), "least_std must be below start_std"),
        (lambda: plays(Doraemon(num_episodes=8), 1.0), "a cycle plays 64 levels"),
    ],
)
def test_what_is_out_of_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
