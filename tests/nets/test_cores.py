"""Recurrent cores: stepping and scanning agree, and the handwritten derivative is right."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.nets import LSTM, Feedforward

INPUT, HIDDEN, TIME, BATCH = 5, 6, 9, 3

CORES = {
    "lstm": lambda key: LSTM.create(INPUT, HIDDEN, key=key),
    "feedforward": lambda key: Feedforward(INPUT),
}


def random_lstm(key):
    """An LSTM with no zero among its weights."""
    core = LSTM.create(INPUT, HIDDEN, key=key)
    leaves, structure = jax.tree.flatten(core)
    keys = jax.random.split(key, len(leaves))
    noisy = [x + 0.1 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, noisy)


@eqx.filter_jit
def by_steps(core, xs, carry, resets):
    def body(carry, inputs):
        y, carry = core.step(inputs[0], carry, inputs[1])
        return carry, y

    carry, ys = jax.lax.scan(body, carry, (xs, resets))
    return ys, carry


@pytest.mark.parametrize("name", CORES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_step_and_scan_agree_with_resets_anywhere(name, data):
    resets = jnp.array(
        data.draw(st.lists(st.booleans(), min_size=TIME * BATCH, max_size=TIME * BATCH))
    ).reshape(TIME, BATCH)
    key, x_key = jax.random.split(jax.random.key(data.draw(st.integers(0, 2**20))))
    core = CORES[name](key)
    xs = jax.random.normal(x_key, (TIME, BATCH, INPUT))
    carry = core.initial_carry((BATCH,))
    stepped, scanned = by_steps(core, xs, carry, resets), core.scan(xs, carry, resets)
    for one, other in zip(jax.tree.leaves(stepped), jax.tree.leaves(scanned), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_scan_is_that_of_differentiating_step_by_step(getkey):
    core = random_lstm(getkey())
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    shape = (BATCH, HIDDEN)
    carry = jax.tree.map(lambda x: jax.random.normal(getkey(), shape), core.initial_carry((BATCH,)))
    weights = jax.random.normal(getkey(), (TIME, BATCH, HIDDEN))

    def loss(run):
        def value(core, xs, carry):
            ys, last = run(core, xs, carry, resets)
            return jnp.sum(weights * ys) + jnp.sum(last.hidden**2) + jnp.sum(jnp.sin(last.cell))

        return jax.jit(jax.grad(value, argnums=(0, 1, 2)))(core, xs, carry)

    scanned = loss(lambda core, *args: core.scan(*args))
    stepped = loss(by_steps)
    for one, other in zip(jax.tree.leaves(scanned), jax.tree.leaves(stepped), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_reset_forgets_everything_before_it(getkey):
    core = random_lstm(getkey())
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jnp.zeros((TIME, BATCH), bool).at[4].set(True)
    whole, _ = core.scan(xs, core.initial_carry((BATCH,)), resets)
    rest, _ = core.scan(xs[4:], core.initial_carry((BATCH,)), resets[4:])
    np.testing.assert_allclose(whole[4:], rest, rtol=1e-5, atol=1e-6)


def test_a_scan_without_batch_axes_is_one_column_of_a_batch(getkey):
    core = random_lstm(getkey())
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    batched, _ = core.scan(xs, core.initial_carry((BATCH,)), resets)
    single, _ = core.scan(xs[:, 1], core.initial_carry(), resets[:, 1])
    np.testing.assert_allclose(batched[:, 1], single, rtol=1e-5, atol=1e-6)


def test_permuting_the_batch_permutes_the_outputs(getkey):
    core = random_lstm(getkey())
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    order = jnp.array([2, 0, 1])
    carry = core.initial_carry((BATCH,))
    outputs, _ = core.scan(xs, carry, resets)
    permuted, _ = core.scan(xs[:, order], carry, resets[:, order])
    np.testing.assert_allclose(outputs[:, order], permuted, rtol=1e-5, atol=1e-6)
