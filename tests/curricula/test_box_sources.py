"""Sources that choose numbers in a box; a new one is found by being there."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla._filtered import filter_scan
from minimax_eqx.curricula import ADR, AdversarialDesign
from minimax_eqx.curricula._alp_gmm import AlpGmm
from minimax_eqx.curricula._mixture import Mixture
from minimax_eqx.envs import Maze
from minimax_eqx.envs.boxes import Parameter
from minimax_eqx.envs.boxes._parameters import ParameterBox
from minimax_eqx.scores._returns import MeanReturn

from ..numbered_levels import evidence_of, going, learn, propose
from .test_every_part import BOX_SOURCES

BOX = ParameterBox(
    (
        Parameter("mass", 0.1, 10.0, "kg", "log"),
        Parameter("gravity", 9.8, 9.8),
        Parameter("friction", 0.0, 1.0),
    )
)
KEY = jax.random.key(0)
NUM_LEVELS = 32
# What compiles faster than with its defaults.
EXAMPLES = {AlpGmm: AlpGmm(fit_every=64, max_components=3, num_iterations=3)}


def example(cls):
    return EXAMPLES.get(cls) or cls()


def plays(source, payoff, num_cycles, *, seed=0):
    """What is drawn, and learned, in so many cycles; levels at a place are worth `payoff(place)`.

    Places are those of the whole box, the parameter that does not vary included.
    """

    def cycle(state, key):
        draw_key, learn_key = jax.random.split(key)
        levels, memory = source.draw(state, NUM_LEVELS, key=draw_key)
        places = jax.vmap(BOX.to_unit)(levels)
        state, metrics = source.learn(state, memory, payoff(places), key=learn_key)
        return state, (levels, places, metrics)

    keys = jax.random.split(jax.random.key(seed), num_cycles)
    state = source.init(BOX.level_spec(), key=KEY)
    scan = eqx.filter_jit(lambda state: filter_scan(cycle, state, keys))
    state, (levels, places, metrics) = scan(state)
    return state.learned, levels, np.asarray(places)[..., [0, 2]], metrics


def near_the_middle(places):
    """1 within 0.25 of the middle of the box, 0 elsewhere."""
    return (jnp.max(jnp.abs(places - 0.5), axis=-1) < 0.25).astype(jnp.float32)


def everywhere(places):
    return jnp.ones(places.shape[0])


def at_random(places):
    return (jnp.sin(1e5 * jnp.sum(places, axis=-1)) > 0).astype(jnp.float32)


@pytest.mark.parametrize("payoff", [everywhere, at_random])
@pytest.mark.parametrize("cls", BOX_SOURCES)
def test_no_level_is_outside_the_box_and_every_number_is_finite(cls, payoff):
    state, levels, places, metrics = plays(example(cls), payoff, 60)
    levels.check()
    assert np.isfinite(places).all()
    finite = [np.isfinite(leaf).all() for leaf in jax.tree.leaves(state)]
    assert all(finite)
    assert all(value.shape == (60,) for value in metrics.values())


@pytest.mark.parametrize("cls", BOX_SOURCES)
def test_a_source_goes_on_in_a_curriculum(cls):
    now = going(AdversarialDesign(example(cls), MeanReturn(), num_levels=4), level=BOX.level_spec())
    now, proposal = propose(now, KEY)
    evidence = evidence_of(jnp.ones((4, 1)), levels=proposal.levels)
    after, metrics = learn(now, proposal, evidence, KEY)
    assert jax.tree.structure(after) == jax.tree.structure(now)
    assert metrics


@pytest.mark.parametrize("cls", BOX_SOURCES)
def test_levels_that_are_not_numbers_in_a_box_are_refused(cls):
    with pytest.raises(ValueError, match=rf"{cls.__name__} needs levels that are numbers in a box"):
        cls().init(Maze().level_spec(), key=KEY)
    fixed = ParameterBox((Parameter("gravity", 9.8, 9.8),))
    with pytest.raises(ValueError, match=rf"{cls.__name__}: no parameter of the environment varie"):
        cls().init(fixed.level_spec(), key=KEY)


# ADR.


def test_the_ranges_of_adr_begin_as_one_level_and_fill_the_box_with_success():
    state, _, places, metrics = plays(ADR(start=0.3), everywhere, 60)
    np.testing.assert_allclose(places[0], 0.3, atol=1e-5)
    np.testing.assert_allclose(state.ranges.bounds, [[0, 0], [1, 1]], atol=1e-6)
    assert (np.diff(metrics["range_width"]) >= 0).all()
    np.testing.assert_allclose(metrics["mass_high"][-1], 10, rtol=1e-5)
    # Half of the levels have one of their two numbers on a bound.
    last = places[-20:].reshape(-1, 2)
    on_bound = ((last < 1e-6) | (last > 1 - 1e-6)).sum(axis=1)
    assert set(on_bound.tolist()) == {0, 1}
    np.testing.assert_allclose(on_bound.mean(), 0.5, atol=0.06)


def test_the_ranges_of_adr_stop_where_the_student_fails():
    state, _, _, metrics = plays(ADR(), near_the_middle, 120)
    # One step beyond the limit at most, and back again.
    assert (np.abs(np.asarray(state.ranges.bounds) - 0.5) <= 0.25 + 0.05 + 1e-5).all()
    assert (np.abs(np.asarray(state.ranges.bounds) - 0.5) >= 0.25 - 0.05 - 1e-5).all()
    np.testing.assert_allclose(metrics["range_width"][-1], 0.5, atol=0.11)


def test_a_bound_of_adr_waits_for_its_levels_and_never_passes_the_other():
    source = ADR(num_episodes=10, step=0.25)
    state = source.begin(1, key=KEY)
    state = eqx.tree_at(lambda s: s.ranges.bounds, state, jnp.array([[0.4], [0.6]]))

    def after(bounds, payoffs):
        memory, worth = jnp.array(bounds), jnp.array(payoffs, jnp.float32)
        return source.update(state, jnp.zeros((len(bounds), 1)), memory, worth, key=KEY)[0]

    waiting = after([0] * 9 + [2] * 5, [1.0] * 14)
    np.testing.assert_allclose(waiting.ranges.bounds, state.ranges.bounds)
    assert waiting.counts.tolist() == [[9], [0]]
    # At its mean of 0.8 the lower one moves out; the upper one, at 0.4, moves in and meets it.
    moved = after([0] * 10 + [1] * 10, [1.0] * 8 + [0.0] * 2 + [1.0] * 4 + [0.0] * 6)
    np.testing.assert_allclose(moved.ranges.bounds, [[0.15], [0.35]], atol=1e-6)
    assert moved.counts.tolist() == [[0], [0]]
    # Both move in, and do not pass each other.
    failed = after([0] * 10 + [1] * 10, [0.0] * 20)
    assert failed.ranges.bounds[0, 0] <= failed.ranges.bounds[1, 0]
    # Neither good nor bad: nothing moves, and the count begins anew.
    undecided = after([0] * 10, [0.0] * 5 + [1.0] * 5)
    np.testing.assert_allclose(undecided.ranges.bounds, state.ranges.bounds)
    assert undecided.counts.tolist() == [[0], [0]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"start": 1.5}, "start is 1.5"),
        ({"step": float("nan")}, "step is nan"),
        ({"widen_at": 0.2}, "narrow_at must be below widen_at"),
        ({"num_episodes": 0}, "num_episodes is 0"),
        ({"boundary_prob": -1.0}, "boundary_prob is -1"),
    ],
)
def test_adr_refuses_what_is_out_of_range(wrong, message):
    with pytest.raises(ValueError, match=message):
        ADR(**wrong)


# ALP-GMM.


def test_the_progress_of_a_level_is_how_far_it_pays_from_the_nearest_earlier_one():
    source = EXAMPLES[AlpGmm]
    update = eqx.filter_jit(source.update)
    known = jnp.linspace(0, 1, 6)[:, None]
    state, metrics = update(source.begin(1, key=KEY), known, None, known[:, 0], key=KEY)
    assert float(metrics["learning_progress"]) == 0  # fewer than 6 were known
    new, worth = jnp.array([[0.19]] * 3 + [[0.95]] * 3), jnp.array([0.5] * 3 + [0.25] * 3)
    state, _ = update(state, new, None, worth, key=KEY)
    np.testing.assert_allclose(state.memory.recent[6:12, 1], [0.3] * 3 + [0.75] * 3, atol=1e-6)
    assert np.isnan(metrics["num_components"])


def test_alp_gmm_draws_where_returns_change():
    """They change, by chance, where the first number is above 0.7; elsewhere all is learned."""
    noisy = lambda places: jnp.where(places[:, 0] > 0.7, at_random(places), 1.0)  # noqa: E731
    _, _, places, metrics = plays(AlpGmm(max_components=4), noisy, 60)
    first, last = places[:7].reshape(-1, 2), places[-30:].reshape(-1, 2)
    np.testing.assert_allclose((first[:, 0] > 0.7).mean(), 0.3, atol=0.1)  # uniform before a fit
    assert (last[:, 0] > 0.65).mean() > 0.7  # a fifth of them is still uniform
    assert 2 <= metrics["num_components"][-1] <= 4


def test_a_mixture_finds_its_components():
    means = jnp.array([[0.2, 0.2], [0.8, 0.3], [0.5, 0.9]])
    which = jnp.arange(240) % 3
    data = means[which] + 0.03 * jax.random.normal(KEY, (240, 2))
    fit = eqx.filter_jit(lambda key: Mixture.fitted(data, 4, 25, key=key))
    mixtures = [fit(key) for key in jax.random.split(KEY, 5)]
    # From some beginnings it needs more components, and never fewer.
    assert min(int(mixture.size) for mixture in mixtures) == 3
    best = min(mixtures, key=lambda mixture: int(mixture.size))
    found = np.asarray(best.means)[np.asarray(best.weights) > 0]
    distances = np.linalg.norm(found[:, None] - np.asarray(means)[None], axis=-1)
    assert distances.min(axis=0).max() < 0.02
    np.testing.assert_allclose(best.weights.sum(), 1, rtol=1e-5)


def test_alp_gmm_refuses_what_is_out_of_range():
    for wrong, message in (
        ({"uniform_prob": 2.0}, "uniform_prob is 2"),
        ({"fit_every": 5}, "fit_every is 5"),
        ({"max_components": 1}, "max_components is 1"),
    ):
        with pytest.raises(ValueError, match=message):
            AlpGmm(**wrong)
    with pytest.raises(ValueError, match="a cycle plays 32 levels"):
        plays(AlpGmm(fit_every=20), everywhere, 1)
