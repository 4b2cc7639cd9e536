"""Distributions over actions: probabilities, samples, entropies and divergences fit each other."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Box, Discrete, MultiDiscrete
from minimax_eqx.nets._distributions import Categorical, MultiCategorical, masked, noise
from minimax_eqx.nets._normals import CensoredNormal, TanhNormal

NUM_SAMPLES = 200_000
LINE = Box(-1.0, 3.0)

LOGITS = jnp.array([0.3, -1.0, 2.0])
POSSIBLE = jnp.array([True, True, False])
NUMS = (2, 3)
MANY_LOGITS = jnp.array([0.5, -0.2, 1.0, 0.0, -1.0])


def normal(kind, mean, std):
    return kind(jnp.asarray(mean), jnp.log(jnp.asarray(std)), LINE)


# A distribution, another one of the same class, and the actions they are for.
PAIRS = {
    "categorical": (Categorical(LOGITS), Categorical(-LOGITS), Discrete(3)),
    "masked": (
        Categorical(masked(LOGITS, POSSIBLE)),
        Categorical(masked(-LOGITS, POSSIBLE)),
        Discrete(3, masked=True),
    ),
    "several categories": (
        MultiCategorical(MANY_LOGITS, NUMS),
        MultiCategorical(-MANY_LOGITS, NUMS),
        MultiDiscrete(NUMS),
    ),
    "clipped": (normal(CensoredNormal, 0.2, 1.5), normal(CensoredNormal, 1.0, 2.0), LINE),
    "clipped, mostly": (normal(CensoredNormal, 4.0, 1.0), normal(CensoredNormal, 2.0, 3.0), LINE),
    "clipped, hardly": (normal(CensoredNormal, 1.0, 0.2), normal(CensoredNormal, 0.8, 0.3), LINE),
    "squashed": (normal(TanhNormal, 0.2, 0.7), normal(TanhNormal, -0.3, 1.0), LINE),
    "squashed, wide": (normal(TanhNormal, -0.5, 1.5), normal(TanhNormal, 0.0, 1.2), LINE),
}
every_pair = pytest.mark.parametrize("name", PAIRS)


def samples(distribution, actions, key):
    return jax.vmap(distribution.sample)(noise(actions, (NUM_SAMPLES,), key=key))


@every_pair
def test_entropy_and_divergence_are_means_over_samples(name, getkey):
    distribution, other, actions = PAIRS[name]
    taken = samples(distribution, actions, getkey())
    log_probs, others = jax.vmap(distribution.log_prob)(taken), jax.vmap(other.log_prob)(taken)
    np.testing.assert_allclose(distribution.entropy(), -jnp.mean(log_probs), atol=0.02)
    np.testing.assert_allclose(distribution.kl(other), jnp.mean(log_probs - others), atol=0.02)
    np.testing.assert_allclose(distribution.kl(distribution), 0.0, atol=1e-5)


@every_pair
def test_gradients_are_finite_wherever_a_sample_falls(name, getkey):
    distribution, other, actions = PAIRS[name]
    taken = jax.vmap(distribution.sample)(noise(actions, (1000,), key=getkey()))

    @eqx.filter_grad
    def gradient(distribution):
        log_probs = jax.vmap(distribution.log_prob)(taken)
        return jnp.sum(log_probs) + distribution.entropy() + distribution.kl(other)

    for leaf in jax.tree.leaves(gradient(distribution)):
        assert np.all(np.isfinite(leaf))
        assert np.any(leaf != 0)


@pytest.mark.parametrize("name", ["categorical", "masked", "several categories"])
def test_probabilities_are_frequencies_and_add_up_to_1(name, getkey):
    distribution, _, actions = PAIRS[name]
    choices = list(itertools.product(*map(range, NUMS))) if len(name) > 12 else [0, 1, 2]
    probabilities = jnp.exp(jnp.array([distribution.log_prob(jnp.array(c)) for c in choices]))
    np.testing.assert_allclose(jnp.sum(probabilities), 1.0, rtol=1e-6)
    taken = np.asarray(samples(distribution, actions, getkey())).reshape(NUM_SAMPLES, -1)
    frequencies = [np.mean(np.all(taken == np.array(c), axis=-1)) for c in choices]
    np.testing.assert_allclose(frequencies, probabilities, atol=0.01)
    mode = choices[int(np.argmax(probabilities))]
    np.testing.assert_array_equal(distribution.mode(), mode)


@pytest.mark.parametrize("name", [name for name in PAIRS if "clip" in name or "squash" in name])
def test_a_density_and_what_lies_on_the_bounds_add_up_to_1_and_fit_the_samples(name, getkey):
    distribution, _, actions = PAIRS[name]
    ends = jnp.linspace(-1.0, 3.0, 40_001)
    middles = (ends[1:] + ends[:-1]) / 2
    mass = jnp.exp(jax.vmap(distribution.log_prob)(middles)) * (ends[1] - ends[0])
    on_bounds = jnp.zeros(2)
    if isinstance(distribution, CensoredNormal):
        on_bounds = jnp.exp(jax.vmap(distribution.log_prob)(jnp.array([-1.0, 3.0])))
    np.testing.assert_allclose(jnp.sum(mass) + jnp.sum(on_bounds), 1.0, atol=2e-3)
    taken = np.asarray(samples(distribution, actions, getkey()))
    assert taken.min() >= -1
    assert taken.max() <= 3
    np.testing.assert_allclose([np.mean(taken == -1), np.mean(taken == 3)], on_bounds, atol=0.01)
    for threshold in (-0.5, 0.5, 1.5, 2.5):
        expected = on_bounds[0] + jnp.sum(jnp.where(middles < threshold, mass, 0.0))
        np.testing.assert_allclose(np.mean(taken < threshold), expected, atol=0.01)


def test_a_categorical_is_the_closed_form():
    p, q = jax.nn.softmax(LOGITS), jax.nn.softmax(-LOGITS)
    distribution = Categorical(LOGITS)
    np.testing.assert_allclose(distribution.entropy(), -jnp.sum(p * jnp.log(p)), rtol=1e-6)
    np.testing.assert_allclose(
        distribution.kl(Categorical(-LOGITS)), jnp.sum(p * jnp.log(p / q)), rtol=1e-6
    )


def test_an_impossible_choice_is_never_sampled_and_the_only_possible_one_is_certain(getkey):
    only = Categorical(masked(jnp.array([50.0, -50.0, 60.0]), jnp.array([False, True, False])))
    assert np.all(samples(only, Discrete(3), getkey()) == 1)
    assert only.mode() == 1
    assert only.log_prob(jnp.array(1)) == only.entropy() == 0


@pytest.mark.parametrize("kind", [CensoredNormal, TanhNormal])
@pytest.mark.parametrize(("mean", "std"), [(-100.0, 0.1), (100.0, 0.1), (1e4, 1e-3), (0.0, 1e3)])
def test_a_normal_far_from_its_bounds_stays_finite(kind, mean, std, getkey):
    @eqx.filter_value_and_grad
    def value(distribution, drawn):
        action = jax.lax.stop_gradient(distribution.sample(drawn))
        return distribution.log_prob(action) + distribution.entropy()

    drawn = jax.random.normal(getkey())
    for leaf in jax.tree.leaves(value(normal(kind, mean, std), drawn)):
        assert np.isfinite(leaf)


@every_pair
def test_leading_axes_are_kept(name, getkey):
    single, other, actions = PAIRS[name]
    batch = jax.tree.map(lambda x: jnp.broadcast_to(x, (2, 3, *x.shape)), (single, other))
    drawn = noise(actions, (2, 3), key=getkey())
    taken = batch[0].sample(drawn)
    assert taken.shape == (2, 3, *single.mode().shape) == batch[0].mode().shape
    np.testing.assert_allclose(batch[0].log_prob(taken)[1, 2], single.log_prob(taken[1, 2]), 1e-5)
    for measured in (batch[0].log_prob(taken), batch[0].entropy(), batch[0].kl(batch[1])):
        assert measured.shape == (2, 3)
