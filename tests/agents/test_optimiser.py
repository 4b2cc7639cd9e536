"""The optimiser works on few arrays, and takes Optax's steps."""

import pickle

import jax
import numpy as np
import optax
import pytest

from minimax_eqx.agents import _optimiser, ppo_optimiser

SHAPES = {"large": (4, 5), "scalar": (), "small": (3,), "another": (2, 2), "another large": (20,)}


@pytest.fixture
def tree(getkey, monkeypatch):
    monkeypatch.setattr(_optimiser, "LARGE", 20)
    return {name: jax.random.normal(getkey(), shape) for name, shape in SHAPES.items()}


def test_small_arrays_become_one_vector_and_large_ones_stay(tree):
    (vector, large), back = _optimiser.few_arrays(tree)
    assert vector.shape == (1 + 3 + 4,)
    assert [array.shape for array in large] == [(20,), (4, 5)]
    restored = back((vector, large))
    assert jax.tree.structure(restored) == jax.tree.structure(tree)
    for name, array in tree.items():
        np.testing.assert_array_equal(restored[name], array)


def test_a_step_is_that_of_optax_array_by_array(tree):
    optimiser = ppo_optimiser(3e-2, max_grad_norm=0.5)
    plain = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(3e-2, eps=1e-5))
    state, plain_state = optimiser.init(tree), plain.init(tree)
    gradient = tree
    for _ in range(3):
        # Optax counts on implicit promotion, which these tests switch off.
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimiser.update(gradient, state)
            plain_updates, plain_state = plain.update(gradient, plain_state)
        for name in tree:
            np.testing.assert_allclose(updates[name], plain_updates[name], rtol=1e-5)
        gradient = updates


OTHER_OPTIONS = {
    "learning_rate": 2e-3,
    "final_learning_rate": 1e-4,
    "anneal_steps": 7,
    "max_grad_norm": 1.0,
    "adam_epsilon": 1e-8,
}


def test_optimisers_made_alike_are_equal():
    options = {"learning_rate": 1e-3, "final_learning_rate": 0.0, "anneal_steps": 5}
    one, other = ppo_optimiser(**options), ppo_optimiser(**options)
    assert one == other
    assert hash(one) == hash(other)
    for name, value in OTHER_OPTIONS.items():
        assert ppo_optimiser(**options | {name: value}) != one, name


def test_a_pickled_optimiser_is_the_same_one():
    optimiser = ppo_optimiser(1e-3, anneal_steps=5)
    assert pickle.loads(pickle.dumps(optimiser)) == optimiser


@pytest.mark.parametrize("name", ["learning_rate", "adam_epsilon"])
@pytest.mark.parametrize("value", [-1.0, float("inf"), float("nan")])
def test_a_value_that_no_step_can_be_taken_with_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be finite and not negative"):
        ppo_optimiser(**{"learning_rate": 1e-3, name: value})
