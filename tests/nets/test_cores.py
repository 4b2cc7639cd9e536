"""Recurrent cores: stepping and scanning agree, and the handwritten derivatives are right."""

import functools
import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minimax_eqx.nets._linear_recurrence import in_parallel, in_sequence

from minimax_eqx.nets import GRU, LRU, LSTM, S5, Feedforward, _state_space

INPUT, HIDDEN, TIME, BATCH = 5, 8, 9, 3

CORES = {
    "lstm": lambda key: LSTM.create(INPUT, HIDDEN, key=key),
    "gru": lambda key: GRU.create(INPUT, HIDDEN, key=key),
    "s5": lambda key: S5.create(INPUT, HIDDEN, key=key),
    "s5-pre": lambda key: S5.create(INPUT, HIDDEN, norm="pre", activation="half_glu2", key=key),
    "s5-bare": lambda key: S5.create(INPUT, HIDDEN, norm="none", activation="gelu", key=key),
    "lru": lambda key: LRU.create(INPUT, HIDDEN, num_modes=3, key=key),
    "lru-full-glu": lambda key: LRU.create(INPUT, HIDDEN, activation="full_glu", key=key),
    "feedforward": lambda key: Feedforward(INPUT),
}
WITH_MEMORY = [name for name in CORES if name != "feedforward"]

every_core = pytest.mark.parametrize("name", CORES)
every_memory = pytest.mark.parametrize("name", WITH_MEMORY)


def random_like(tree, key, scale=1.0):
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    noise = [scale * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, noise)


@functools.cache
def random_core(name):
    """A core with no zero among its weights."""
    key, noise_key = jax.random.split(jax.random.key(7))
    core = eqx.filter_jit(CORES[name])(key)
    return jax.tree.map(jnp.add, core, random_like(core, noise_key, scale=0.1))


@eqx.filter_jit
def by_steps(core, xs, carry, resets):
    def body(carry, inputs):
        y, carry = core.step(inputs[0], carry, inputs[1])
        return carry, y

    carry, ys = jax.lax.scan(body, carry, (xs, resets))
    return ys, carry


@eqx.filter_jit
def by_scan(core, xs, carry, resets):
    return core.scan(xs, carry, resets)


def assert_close(tree, expected, rtol=1e-5, atol=1e-6):
    for one, other in zip(jax.tree.leaves(tree), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@every_core
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_step_and_scan_agree_with_resets_anywhere(name, data):
    resets = jnp.array(
        data.draw(st.lists(st.booleans(), min_size=TIME * BATCH, max_size=TIME * BATCH))
    ).reshape(TIME, BATCH)
    x_key, carry_key = jax.random.split(jax.random.key(data.draw(st.integers(0, 2**20))))
    core = random_core(name)
    xs = jax.random.normal(x_key, (TIME, BATCH, INPUT))
    carry = random_like(core.initial_carry((BATCH,)), carry_key)
    assert_close(by_scan(core, xs, carry, resets), by_steps(core, xs, carry, resets), atol=1e-5)


@every_memory
def test_the_gradient_of_scan_is_that_of_differentiating_step_by_step(name, getkey):
    core = random_core(name)
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH)).at[0].set([True, False, False])
    carry = random_like(core.initial_carry((BATCH,)), getkey())
    weights = jax.random.normal(getkey(), (TIME, BATCH, HIDDEN))

    def gradient(run):
        def value(core, xs, carry):
            ys, last = run(core, xs, carry, resets)
            return jnp.sum(weights * ys) + sum(jnp.sum(jnp.sin(x)) for x in jax.tree.leaves(last))

        return jax.jit(jax.grad(value, argnums=(0, 1, 2)))(core, xs, carry)

    assert_close(gradient(by_scan), gradient(by_steps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["s5", "s5-pre", "lru", "lru-full-glu"])
def test_a_stack_takes_a_long_sequence_in_parts_of_the_same_results(name, getkey, monkeypatch):
    core = random_core(name)
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    carry = random_like(core.initial_carry((BATCH,)), getkey())

    def run(core, xs, carry):
        ys, last = core.scan(xs, carry, resets)
        return jnp.sum(jnp.sin(ys)) + sum(jnp.sum(x**2) for x in jax.tree.leaves(last)), (ys, last)

    def results():
        return jax.jit(jax.value_and_grad(run, argnums=(0, 1, 2), has_aux=True))(core, xs, carry)

    assert _state_space.chunk_length(TIME, (BATCH,)) == TIME
    at_once = results()
    monkeypatch.setattr(_state_space, "ROWS_PER_CHUNK", 3 * BATCH)
    assert _state_space.chunk_length(TIME, (BATCH,)) == 3
    assert_close(results(), at_once, rtol=1e-4, atol=1e-5)


def test_a_sequence_without_parts_of_a_good_size_is_taken_whole():
    assert _state_space.chunk_length(256, (32,)) == 32
    assert _state_space.chunk_length(62, (32,)) == 31
    assert _state_space.chunk_length(257, (32,)) == 257
    assert _state_space.chunk_length(16, ()) == 16


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_lanes_change_neither_outputs_nor_gradients(name, getkey, monkeypatch):
    core = random_core(name)
    xs = jax.random.normal(getkey(), (TIME, 4, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, 4))
    carry = random_like(core.initial_carry((4,)), getkey())
    weights = jax.random.normal(getkey(), (TIME, 4, HIDDEN))

    def outputs_and_gradients(num_devices):
        monkeypatch.setattr(jax, "device_count", lambda: num_devices)

        def value(core, xs, carry):
            ys, last = core.scan(xs, carry, resets)
            return jnp.sum(weights * ys), (ys, last)

        return jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2), has_aux=True))(core, xs, carry)

    assert_close(outputs_and_gradients(1), outputs_and_gradients(2), rtol=1e-5, atol=1e-5)


@every_memory
def test_a_reset_forgets_everything_before_it(name, getkey):
    core = random_core(name)
    carry = random_like(core.initial_carry((BATCH,)), getkey())
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jnp.zeros((TIME, BATCH), bool)
    for start in (0, 4):  # at 0 it clears the carry that is given
        whole, _ = by_scan(core, xs, carry, resets.at[start].set(True))
        shifted = jnp.roll(xs, -start, axis=0)
        rest, _ = by_scan(core, shifted, core.initial_carry((BATCH,)), resets)
        assert_close(whole[start:], rest[: TIME - start])


@every_memory
def test_the_columns_of_a_batch_do_not_mix(name, getkey):
    core = random_core(name)
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    order = jnp.array([2, 0, 1])
    carry = core.initial_carry((BATCH,))
    outputs, _ = by_scan(core, xs, carry, resets)
    permuted, _ = by_scan(core, xs[:, order], carry, resets[:, order])
    assert_close(outputs[:, order], permuted)
    single, _ = by_scan(core, xs[:, 1], core.initial_carry(), resets[:, 1])
    assert_close(outputs[:, 1], single)


@every_memory
def test_a_population_of_cores_is_its_members(name, getkey):
    cores = eqx.filter_jit(eqx.filter_vmap(CORES[name]))(jax.random.split(getkey(), 2))
    assert cores.output_size == HIDDEN
    xs = jax.random.normal(getkey(), (2, TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    carry = cores.initial_carry((BATCH,))
    outputs, _ = jax.jit(jax.vmap(lambda core, xs: core.scan(xs, carry, resets)))(cores, xs)
    for member in range(2):
        core = jax.tree.map(operator.itemgetter(member), cores)
        expected, _ = by_scan(core, xs[member], carry, resets)
        assert_close(outputs[member], expected, atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("time", [1, 2, 7, 32])
def test_the_two_ways_to_run_a_linear_recurrence_agree(time, reverse, getkey):
    a = 0.7 * jax.random.normal(getkey(), (8,))
    b, h = jax.random.normal(getkey(), (time, 3, 8)), jax.random.normal(getkey(), (3, 8))
    resets = jax.random.bernoulli(getkey(), 0.2, (time, 3))
    parallel = in_parallel(a, b, h, resets, reverse=reverse)
    assert_close(parallel, in_sequence(a, b, h, resets, reverse=reverse), 1e-4, 1e-4)


def test_the_eigenvalues_of_a_linear_recurrent_unit_start_on_their_ring(getkey):
    core = LRU.create(
        INPUT, INPUT, num_modes=256, r_min=0.5, r_max=0.9, max_phase=1.0, key=getkey()
    )
    for block in core.blocks:
        a_re, a_im = jnp.split(block.dynamics.system().a, 2)
        radius, phase = jnp.hypot(a_re, a_im), jnp.arctan2(a_im, a_re)
        np.testing.assert_allclose((radius.min(), radius.max()), (0.5, 0.9), atol=0.05)
        np.testing.assert_allclose((phase.min(), phase.max()), (0.0, 1.0), atol=0.1)
        np.testing.assert_allclose(jnp.exp(block.dynamics.gamma_log) ** 2, 1 - radius**2, rtol=1e-4)


def test_a_linear_recurrent_unit_keeps_the_variance_of_white_noise(getkey):
    system = LRU.create(64, 64, num_modes=512, r_min=0.3, r_max=0.9, key=getkey()).blocks[0]
    system = system.dynamics.system()
    noise = jax.random.normal(getkey(), (400, 64, 64))
    h, resets = jnp.zeros((64, 1024)), jnp.zeros((400, 64), bool)
    states = in_sequence(system.a, noise @ system.B, h, resets)
    assert abs(jnp.mean(2 * states[100:] ** 2) - 1) < 0.05


def test_weights_start_finite_whatever_the_ring(getkey):
    for r_min, r_max in ((0.0, 1.0), (0.9, 1.0), (0.0, 1e-3)):
        core = LRU.create(8, 8, num_modes=4096, r_min=r_min, r_max=r_max, key=getkey())
        assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(core))


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda key: S5.create(INPUT, 10, num_blocks=2, key=key), "width is 10 .* multiple of 2"),
        (lambda key: S5.create(INPUT, 8, num_layers=0, key=key), "num_layers is 0"),
        (lambda key: S5.create(INPUT, 8, activation="relu", key=key), "'relu'; .* half_glu1"),
        (lambda key: S5.create(INPUT, 8, norm="both", key=key), "'both'; choose one of post"),
        (lambda key: LRU.create(INPUT, 8, r_min=0.9, r_max=0.5, key=key), "r_min is 0.9"),
        (lambda key: LRU.create(INPUT, 8, max_phase=0, key=key), "max_phase is 0"),
        (lambda key: LRU.create(INPUT, 1, key=key), "num_modes is 0; give it at least 1"),
        (lambda key: GRU.create(INPUT, 0, key=key), "hidden_size is 0"),
    ],
)
def test_sizes_and_choices_that_do_not_fit_are_refused(create, message, getkey):
    with pytest.raises(ValueError, match=message):
        create(getkey())
