"""Control flow over PyTrees: lanes are a way to compute, not another result."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla._lanes import LANES_VARIABLE, num_lanes_of, scan_in_lanes


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("num_lanes", [2, 4])
def test_lanes_give_what_one_chain_gives(num_lanes, reverse):
    keys = jax.random.split(jax.random.key(0), 4)
    weight = jax.random.normal(keys[0], (3, 3))
    scale = jax.random.normal(keys[1], (8, 1))
    carry = {"sum": jax.random.normal(keys[2], (8, 3)), "steps": jnp.zeros(8, jnp.int32)}
    xs = jax.random.split(keys[3], (5, 8))

    def body(scale, carry, keys):
        noise = jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
        total = jnp.tanh(carry["sum"] @ weight) * scale + noise
        return {"sum": total, "steps": carry["steps"] + 1}, (total, carry["steps"])

    def scan(num_lanes):
        return scan_in_lanes(body, scale, carry, xs, num_lanes=num_lanes, reverse=reverse)

    for one, several in zip(
        jax.tree.leaves(scan(1)), jax.tree.leaves(scan(num_lanes)), strict=True
    ):
        assert one.shape == several.shape
        np.testing.assert_allclose(several, one, atol=1e-6)


@pytest.fixture
def cores(monkeypatch):
    """A function that makes this process believe in one device and a number of cores."""

    def cores(number):
        monkeypatch.setattr(jax, "device_count", lambda: 1)
        monkeypatch.delenv(LANES_VARIABLE, raising=False)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(number)), raising=False)

    return cores


def test_a_batch_has_a_lane_for_each_core_that_it_fills(cores):
    cores(2)
    assert [num_lanes_of((size, 3)) for size in (32, 33, 15, 16)] == [2, 1, 1, 2]
    assert num_lanes_of(()) == 1
    cores(3)
    assert [num_lanes_of((size,)) for size in (32, 36)] == [2, 3]
    cores(64)
    assert [num_lanes_of((size,)) for size in (16, 32, 512)] == [2, 4, 4]


def test_the_number_of_lanes_can_be_set(cores, monkeypatch):
    cores(2)
    monkeypatch.setenv(LANES_VARIABLE, "1")
    assert num_lanes_of((32,)) == 1
    monkeypatch.setenv(LANES_VARIABLE, "none")
    with pytest.raises(ValueError, match="MINIMAX_EQX_LANES is 'none'; it must be a whole number"):
        num_lanes_of((32,))


def test_several_devices_share_the_batch_without_lanes():
    assert jax.device_count() > 1
    assert num_lanes_of((32,)) == 1
