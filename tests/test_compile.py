"""How programs are compiled."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import _compile
from minimax_eqx._compile import RunOnce


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
