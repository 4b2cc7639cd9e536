"""How programs are compiled."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla import _compile
from minimax_eqx._xla._compile import RunOnce


class Part(eqx.Module):
    numbers: jax.Array
    key: jax.Array
    name: str


def create(key):
    number_key, own_key = jax.random.split(key)
    return Part(jax.random.normal(number_key, (3, 4)), own_key, "part")


def test_what_runs_once_is_known_before_it_runs_and_is_what_the_function_returns(getkey):
    key = getkey()
    make = RunOnce(create, key)
    assert make.spec.numbers == jax.ShapeDtypeStruct((3, 4), jnp.float32)
    assert make.spec.key.dtype == key.dtype
    assert make.spec.name == "part"
    expected = eqx.filter_jit(create)(key)
    for _ in range(2):
        part = make()
        np.testing.assert_allclose(part.numbers, expected.numbers, rtol=1e-6)
        assert (part.key == expected.key).all()
        assert part.name == "part"


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="these are options of a CPU")
def test_a_large_result_is_worth_faster_code(getkey, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    chosen, options = [], _compile._compiler_options
    monkeypatch.setattr(
        _compile, "_compiler_options", lambda level: chosen.append(level) or options(level)
    )
    RunOnce(create, getkey())()
    monkeypatch.setattr(_compile, "LARGE_RESULT", 12)
    RunOnce(create, getkey())()
    assert chosen == [_compile.RUNS_ONCE, _compile.RUNS_OFTEN]


def test_a_level_that_the_user_sets_is_left_alone(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", f"--{_compile.LEVEL_FLAG}=2")
    assert _compile._compiler_options(_compile.RUNS_ONCE) == {}


def counted():
    """A compiled function, and the shapes that it was traced for."""
    traced = []

    def double(x):
        traced.append(x.shape)
        return 2 * x

    return _compile.quick_jit(double), traced


def test_only_so_many_programs_are_kept(monkeypatch):
    monkeypatch.setattr(_compile, "MOST_PROGRAMS", 2)
    double, traced = counted()
    for size in (1, 2, 1, 2):
        double(jnp.ones(size))
    assert traced == [(1,), (2,)]
    double(jnp.ones(3))
    double(jnp.ones(3))
    assert traced == [(1,), (2,), (3,)]
    double.lower(jnp.ones(1))
    assert traced == [(1,), (2,), (3,), (1,)]


def test_a_program_that_is_in_use_outlives_the_others(monkeypatch):
    monkeypatch.setattr(_compile, "MOST_PROGRAMS", 1)
    double, _ = counted()
    program = double.lower(jnp.ones(1)).compile()
    double(jnp.ones(2))
    assert program(jnp.ones(1)) == 2


def test_without_jit_nothing_is_compiled_and_the_results_are_the_same(getkey):
    key = getkey()
    compiled = RunOnce(create, key)()
    with jax.disable_jit():
        make = RunOnce(create, key)
        assert make.spec.numbers == jax.ShapeDtypeStruct((3, 4), jnp.float32)
        plain = make()
        double, traced = counted()
        program = double.lower(jnp.ones(2)).compile()
        np.testing.assert_array_equal(program(jnp.ones(2)), [2, 2])
        program(jnp.ones(2))
    assert traced == [(2,), (2,)]
    np.testing.assert_allclose(plain.numbers, compiled.numbers, rtol=1e-6)


@pytest.mark.parametrize("switch", ["jax_debug_nans", "jax_debug_infs"])
def test_a_setting_under_which_nothing_can_run_is_refused(switch, request, getkey):
    key, double = getkey(), _compile.quick_jit(lambda x: 2 * x)
    request.addfinalizer(lambda: jax.config.update(switch, False))
    jax.config.update(switch, True)
    for refused in (lambda: double(key), lambda: double.lower(key), lambda: RunOnce(create, key)):
        with pytest.raises(ValueError, match=f"^{switch} is on, and .* switch it off"):
            refused()
