"""JAX's own switches: whatever a user has set, every method can be run, or says why not."""

import contextlib

import equinox as eqx
import jax
import numpy as np
import pytest

from minimax_eqx import run

from .small_methods import NAMES, runner_of, spec_of

# Between them: a buffer both ways round, a teacher, a search, and a state-space core.
DISTINCT = ("accel", "parallel-accel", "paired", "sfl", "dr-s5")
METHODS = [
    name if name in DISTINCT else pytest.param(name, marks=pytest.mark.slow) for name in NAMES
]
SWITCHES = {
    "jax_enable_x64": True,
    "jax_default_prng_impl": "rbg",
    "jax_check_tracer_leaks": True,
    "jax_threefry_partitionable": False,
}


@contextlib.contextmanager
def switched(**values):
    before = {name: getattr(jax.config, name) for name in values}
    try:
        for name, value in values.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def switch(name):
    # With 64 bits JAX itself mixes types.
    others = {"jax_numpy_dtype_promotion": "standard"} if name == "jax_enable_x64" else {}
    return switched(**{name: SWITCHES[name]}, **others)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_traced_with_64_bits(name):
    with switch("jax_enable_x64"):
        runner, metrics = eqx.filter_eval_shape(lambda runner: run(runner, 2), spec_of(name))
    assert runner.num_cycles.shape == ()
    assert metrics["loss"].shape == (2,)


@pytest.mark.parametrize(
    "name",
    [n if n == "jax_enable_x64" else pytest.param(n, marks=pytest.mark.slow) for n in SWITCHES],
)
def test_a_run_trains_whatever_is_switched(name):
    with switch(name):
        runner, metrics = run(runner_of("dr"), 2)
    assert runner.num_cycles == 2
    assert np.isfinite(metrics["loss"]).all()


@pytest.mark.exhaustive
def test_a_run_trains_without_jit_and_does_what_it_does_with_it():
    expected, expected_metrics = run(runner_of("dr"), 1)
    with jax.disable_jit():
        runner, metrics = run(runner_of("dr"), 1)
        runner, _ = runner.step()
    assert runner.num_cycles == expected.num_cycles + 1
    for name, value in expected_metrics.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", ["jax_debug_nans", "jax_debug_infs"])
def test_what_stops_at_the_first_nan_or_infinity_is_refused(name):
    with switched(**{name: True}), pytest.raises(ValueError, match=f"{name} is on"):
        runner_of("dr")
