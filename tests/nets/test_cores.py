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
from jaxtyping import TypeCheckError

from minimax_eqx._xla import _chunks
from minimax_eqx._xla._linear_recurrence import in_parallel, in_sequence
from minimax_eqx.nets import GRU, LRU, LSTM, S5, NoMemory

INPUT, HIDDEN, TIME, BATCH = 5, 8, 9, 3

CORES = {
    "lstm": LSTM(HIDDEN),
    "gru": GRU(HIDDEN),
    "s5": S5(HIDDEN),
    "s5-pre": S5(HIDDEN, norm="pre", activation="half_glu2"),
    "s5-bare": S5(HIDDEN, norm="none", activation="gelu"),
    "lru": LRU(HIDDEN, num_modes=3),
    "lru-full-glu": LRU(HIDDEN, activation="full_glu"),
    "none": NoMemory(),
}
WITH_MEMORY = [name for name in CORES if name != "none"]

every_core = pytest.mark.parametrize("name", CORES)
every_memory = pytest.mark.parametrize("name", WITH_MEMORY)


def random_like(tree, key, scale=1.0):
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    noise = [scale * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, noise)


def make(name, key):
    return eqx.filter_jit(lambda key: CORES[name].init(INPUT, key=key))(key)


@functools.cache
def random_core(name):
    """A core with no zero among its weights."""
    key, noise_key = jax.random.split(jax.random.key(7))
    core = make(name, key)
    return jax.tree.map(jnp.add, core, random_like(core, noise_key, scale=0.1))


@eqx.filter_jit
def by_steps(core, xs, memory, resets):
    def body(memory, inputs):
        y, memory = core.step(inputs[0], memory, inputs[1])
        return memory, y

    memory, ys = jax.lax.scan(body, memory, (xs, resets))
    return ys, memory


@eqx.filter_jit
def by_scan(core, xs, memory, resets):
    return core.scan(xs, memory, resets)


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
    x_key, memory_key = jax.random.split(jax.random.key(data.draw(st.integers(0, 2**20))))
    core = random_core(name)
    xs = jax.random.normal(x_key, (TIME, BATCH, INPUT))
    memory = random_like(core.initial_memory((BATCH,)), memory_key)
    assert_close(by_scan(core, xs, memory, resets), by_steps(core, xs, memory, resets), atol=1e-5)


@every_memory
def test_the_gradient_of_scan_is_that_of_differentiating_step_by_step(name, getkey):
    core = random_core(name)
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH)).at[0].set([True, False, False])
    memory = random_like(core.initial_memory((BATCH,)), getkey())
    weights = jax.random.normal(getkey(), (TIME, BATCH, HIDDEN))

    def gradient(run):
        def value(core, xs, memory):
            ys, last = run(core, xs, memory, resets)
            return jnp.sum(weights * ys) + sum(jnp.sum(jnp.sin(x)) for x in jax.tree.leaves(last))

        return jax.jit(jax.grad(value, argnums=(0, 1, 2)))(core, xs, memory)

    assert_close(gradient(by_scan), gradient(by_steps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["s5", "s5-pre", "lru", "lru-full-glu"])
def test_a_stack_takes_a_long_sequence_in_parts_of_the_same_results(name, getkey, monkeypatch):
    core = random_core(name)
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    memory = random_like(core.initial_memory((BATCH,)), getkey())

    def run(core, xs, memory):
        ys, last = core.scan(xs, memory, resets)
        return jnp.sum(jnp.sin(ys)) + sum(jnp.sum(x**2) for x in jax.tree.leaves(last)), (ys, last)

    def results():
        return jax.jit(jax.value_and_grad(run, argnums=(0, 1, 2), has_aux=True))(core, xs, memory)

    assert _chunks.chunk_length(TIME, (BATCH,)) == TIME
    at_once = results()
    monkeypatch.setattr(_chunks, "ROWS_PER_CHUNK", 3 * BATCH)
    assert _chunks.chunk_length(TIME, (BATCH,)) == 3
    assert_close(results(), at_once, rtol=1e-4, atol=1e-5)


def test_a_sequence_without_parts_of_a_good_size_is_taken_whole():
    assert _chunks.chunk_length(256, (32,)) == 32
    assert _chunks.chunk_length(62, (32,)) == 31
    assert _chunks.chunk_length(257, (32,)) == 257
    assert _chunks.chunk_length(16, ()) == 16


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_lanes_change_neither_outputs_nor_gradients(name, getkey, monkeypatch):
    core = random_core(name)
    xs = jax.random.normal(getkey(), (TIME, 4, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, 4))
    memory = random_like(core.initial_memory((4,)), getkey())
    weights = jax.random.normal(getkey(), (TIME, 4, HIDDEN))

    def outputs_and_gradients(num_devices):
        monkeypatch.setattr(jax, "device_count", lambda: num_devices)

        def value(core, xs, memory):
            ys, last = core.scan(xs, memory, resets)
            return jnp.sum(weights * ys), (ys, last)

        return jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2), has_aux=True))(core, xs, memory)

    assert_close(outputs_and_gradients(1), outputs_and_gradients(2), rtol=1e-5, atol=1e-5)


@every_memory
def test_a_reset_forgets_everything_before_it(name, getkey):
    core = random_core(name)
    memory = random_like(core.initial_memory((BATCH,)), getkey())
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jnp.zeros((TIME, BATCH), bool)
    for start in (0, 4):  # at 0 it clears the memory that is given
        whole, _ = by_scan(core, xs, memory, resets.at[start].set(True))
        shifted = jnp.roll(xs, -start, axis=0)
        rest, _ = by_scan(core, shifted, core.initial_memory((BATCH,)), resets)
        assert_close(whole[start:], rest[: TIME - start])


@every_memory
def test_the_columns_of_a_batch_do_not_mix(name, getkey):
    core = random_core(name)
    xs = jax.random.normal(getkey(), (TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    order = jnp.array([2, 0, 1])
    memory = core.initial_memory((BATCH,))
    outputs, _ = by_scan(core, xs, memory, resets)
    permuted, _ = by_scan(core, xs[:, order], memory, resets[:, order])
    assert_close(outputs[:, order], permuted)
    single, _ = by_scan(core, xs[:, 1], core.initial_memory(), resets[:, 1])
    assert_close(outputs[:, 1], single)


@pytest.mark.slow
@every_memory
def test_a_population_of_cores_is_its_members(name, getkey):
    cores = eqx.filter_vmap(lambda key: make(name, key))(jax.random.split(getkey(), 2))
    xs = jax.random.normal(getkey(), (2, TIME, BATCH, INPUT))
    resets = jax.random.bernoulli(getkey(), 0.3, (TIME, BATCH))
    memory = cores.initial_memory((BATCH,))
    outputs, _ = jax.jit(jax.vmap(lambda core, xs: core.scan(xs, memory, resets)))(cores, xs)
    for member in range(2):
        core = jax.tree.map(operator.itemgetter(member), cores)
        expected, _ = by_scan(core, xs[member], memory, resets)
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
    core = LRU(INPUT, num_modes=256, r_min=0.5, r_max=0.9, max_phase=1.0).init(INPUT, key=getkey())
    for block in core.blocks:
        a_re, a_im = jnp.split(block.dynamics.system().a, 2)
        radius, phase = jnp.hypot(a_re, a_im), jnp.arctan2(a_im, a_re)
        np.testing.assert_allclose((radius.min(), radius.max()), (0.5, 0.9), atol=0.05)
        np.testing.assert_allclose((phase.min(), phase.max()), (0.0, 1.0), atol=0.1)
        np.testing.assert_allclose(jnp.exp(block.dynamics.gamma_log) ** 2, 1 - radius**2, rtol=1e-4)


def test_a_linear_recurrent_unit_keeps_the_variance_of_white_noise(getkey):
    core = LRU(64, num_modes=512, r_min=0.3, r_max=0.9).init(64, key=getkey())
    system = core.blocks[0].dynamics.system()
    noise = jax.random.normal(getkey(), (400, 64, 64))
    h, resets = jnp.zeros((64, 1024)), jnp.zeros((400, 64), bool)
    states = in_sequence(system.a, noise @ system.B, h, resets)
    assert abs(jnp.mean(2 * states[100:] ** 2) - 1) < 0.05


def test_weights_start_finite_whatever_the_ring(getkey):
    for r_min, r_max in ((0.0, 1.0), (0.9, 1.0), (0.0, 1e-3)):
        core = LRU(8, num_modes=4096, r_min=r_min, r_max=r_max).init(8, key=getkey())
        assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(core))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: S5(10, num_blocks=2), "hidden_size is 10 .* multiple of 2"),
        (lambda: S5(8, num_layers=0), "S5.num_layers is 0; it must be at least 1"),
        (lambda: S5(8, activation="relu"), "activation is 'relu'; .*half_glu1"),
        (lambda: S5(8, norm="both"), "norm is 'both'; .*post"),
        (
            lambda: LRU(8, r_min=0.9, r_max=0.5),
            "r_min is 0.9 and r_max is 0.5; r_min must be below",
        ),
        (lambda: LRU(8, r_max=1.5), "r_max is 1.5; it must be between 0 and 1"),
        (lambda: LRU(8, max_phase=0.0), "max_phase is 0.0; it must be positive"),
        (lambda: LRU(1), "hidden_size is 1; it must be at least 2"),
        (lambda: GRU(0), "hidden_size is 0"),
        (lambda: LSTM(0), "hidden_size is 0"),
    ],
)
def test_sizes_and_choices_that_do_not_fit_are_refused(make, message):
    with pytest.raises((ValueError, TypeCheckError), match=message):
        make()
