"""The optimiser works on few arrays, and takes Optax's steps."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minimax_eqx._xla import _few_arrays
from minimax_eqx.agents import Adam, Lamb, Optax, OverRun, OverSteps

SHAPES = {"large": (4, 5), "scalar": (), "small": (3,), "another": (2, 2), "another large": (20,)}


@pytest.fixture
def tree(getkey, monkeypatch):
    monkeypatch.setattr(_few_arrays, "LARGE", 20)
    return {name: jax.random.normal(getkey(), shape) for name, shape in SHAPES.items()}


def sizes_of_steps(optimiser, num_steps):
    """Of steps along a gradient of 1, in which every step of Adam has the size 1."""
    params, sizes = jnp.zeros(3), []
    state = optimiser.init(params)
    for _ in range(num_steps):
        updates, state = optimiser.update(jnp.ones(3), state, params)
        sizes.append(float(-updates[0]))
    return sizes


def test_small_arrays_become_one_vector_and_large_ones_stay(tree):
    (vector, large), back = _few_arrays.few_arrays(tree)
    assert vector.shape == (1 + 3 + 4,)
    assert [array.shape for array in large] == [(20,), (4, 5)]
    restored = back((vector, large))
    assert jax.tree.structure(restored) == jax.tree.structure(tree)
    for name, array in tree.items():
        np.testing.assert_array_equal(restored[name], array)


@pytest.mark.parametrize("max_grad_norm", [0.5, None])
def test_a_step_is_that_of_optax_array_by_array(max_grad_norm, tree):
    clip = optax.identity() if max_grad_norm is None else optax.clip_by_global_norm(max_grad_norm)
    plain = Optax(optax.chain(clip, optax.adam(3e-2, eps=1e-5)))
    adam = Adam(3e-2, max_grad_norm=max_grad_norm)
    state, plain_state = adam.init(tree), plain.init(tree)
    gradient = tree
    for _ in range(3):
        updates, state = adam.update(gradient, state, tree)
        plain_updates, plain_state = plain.update(gradient, plain_state, tree)
        for name in tree:
            np.testing.assert_allclose(updates[name], plain_updates[name], rtol=1e-5)
        gradient = updates


def test_the_learning_rate_anneals_by_gradient_steps():
    adam = Adam(1.0, final_learning_rate=0.2, annealing=OverSteps(4), max_grad_norm=10.0)
    np.testing.assert_allclose(sizes_of_steps(adam, 6), [1.0, 0.8, 0.6, 0.4, 0.2, 0.2], rtol=1e-3)
    to_nothing = dataclasses.replace(adam, final_learning_rate=None)
    np.testing.assert_allclose(sizes_of_steps(to_nothing, 5), [1, 0.75, 0.5, 0.25, 0], rtol=1e-3)
    np.testing.assert_allclose(sizes_of_steps(Adam(0.3), 3), [0.3] * 3, rtol=1e-3)


def test_the_learning_rate_anneals_over_the_run_whatever_the_step():
    adam = Adam(1.0, final_learning_rate=0.2, annealing=OverRun(0.5), max_grad_norm=10.0)
    np.testing.assert_allclose(sizes_of_steps(adam, 3), [0.6] * 3, rtol=1e-3)
    # Of weights that are 0 there is no trust ratio. Half of the way back from 3 times the rate.
    lamb = Lamb(1.0, batch_ratio=9, annealing=OverRun(0.5), warmup_steps=2, max_grad_norm=None)
    np.testing.assert_allclose(sizes_of_steps(lamb, 3), [1.0, 2.0, 2.0], rtol=1e-3)


def test_numbers_of_an_optimiser_can_be_swept():
    names = ("learning_rate", "final_learning_rate", "max_grad_norm", "adam_epsilon")
    rows = jnp.array([[0.3, 0.1, 0.5, 1e-5], [0.2, 0.4, 2.0, 1e-3]])

    def second_step(row):
        adam = Adam(annealing=OverSteps(2), **dict(zip(names, row, strict=True)))
        state = adam.init(jnp.zeros(3))
        for _ in range(2):
            updates, state = adam.update(jnp.arange(3.0), state, jnp.zeros(3))
        return updates

    for row, swept in zip(rows, eqx.filter_vmap(second_step)(rows), strict=True):
        np.testing.assert_allclose(second_step(row.tolist()), swept, rtol=1e-6)


def test_gradients_are_clipped_to_the_norm():
    gradient = jnp.array([30.0, 40.0])
    adam = Adam(1.0, max_grad_norm=0.5)
    _, state = adam.update(gradient, adam.init(gradient), gradient)
    moments, _ = state.mu
    np.testing.assert_allclose(moments, 0.1 * jnp.array([0.3, 0.4]), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": -1.0}, r"Adam\.learning_rate is -1\.0; it must be at least 0"),
        ({"learning_rate": float("nan")}, r"Adam\.learning_rate is nan"),
        ({"adam_epsilon": float("inf")}, r"Adam\.adam_epsilon is inf"),
        ({"max_grad_norm": 0.0}, r"Adam\.max_grad_norm is 0\.0; it must be positive"),
        ({"final_learning_rate": 1e-4}, r"Adam\.final_learning_rate .* set annealing"),
    ],
)
def test_an_optimiser_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Adam(**options)


def lamb_by_hand(weights, gradients, rates, *, decay, min_trust, epsilon):
    """LAMB in NumPy, for one array."""
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for i, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        adam = (mean / (1 - 0.9**i)) / (np.sqrt(square / (1 - 0.999**i)) + epsilon)
        update = adam + decay * weights
        length, step = np.sqrt((weights**2).sum()), np.sqrt((update**2).sum())
        trust = np.clip(min(length, 10) / step, min_trust, 1 / min_trust) if length else 1
        weights = weights - rate * trust * update
    return weights


@pytest.mark.parametrize("scale", [0.0, 1e-4, 1.0, 1e3])
def test_a_step_of_lamb_is_that_of_its_formula(scale, getkey):
    shapes = {"matrix": (4, 5), "vector": (3,)}
    params = {n: scale * jax.random.normal(getkey(), shape) for n, shape in shapes.items()}
    gradients = [{n: jax.random.normal(getkey(), shapes[n]) for n in shapes} for _ in range(4)]
    lamb = Lamb(0.1, batch_ratio=4, warmup_steps=2, annealing=OverSteps(2), max_grad_norm=None)
    rates = [0.1, 0.2, 0.2, 0.15]  # to twice the rate, and halfway back
    expected = {
        n: lamb_by_hand(
            np.asarray(params[n], np.float64),
            [np.asarray(gradient[n], np.float64) for gradient in gradients],
            rates,
            decay=1e-4,
            min_trust=0.01,
            epsilon=1e-6,
        )
        for n in shapes
    }
    state = lamb.init(params)
    for gradient in gradients:
        updates, state = lamb.update(gradient, state, params)
        params = jax.tree.map(jnp.add, params, updates)
    for name in shapes:
        np.testing.assert_allclose(params[name], expected[name], rtol=2e-4, atol=1e-6)


def test_lamb_without_trust_and_decay_takes_the_steps_of_adam(tree):
    adam, lamb = Adam(0.1), Lamb(0.1, min_trust=1.0, weight_decay=0.0, adam_epsilon=1e-5)
    ours, _ = lamb.update(tree, lamb.init(tree), tree)
    theirs, _ = adam.update(tree, adam.init(tree), tree)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), ours, theirs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_ratio": 0.0}, r"Lamb\.batch_ratio is 0\.0; it must be positive"),
        ({"min_trust": 0.0}, r"Lamb\.min_trust is 0\.0; it must be positive"),
        ({"min_trust": 2.0}, r"Lamb\.min_trust is 2\.0"),
        ({"warmup_steps": -1}, r"Lamb\.warmup_steps is -1"),
    ],
)
def test_a_lamb_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Lamb(**options)
