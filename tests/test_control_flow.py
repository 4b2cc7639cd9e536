"""Control flow over PyTrees: lanes are a way to compute, not another result."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._xla._lanes import NUM_CPU_LANES, num_lanes_of, scan_in_lanes


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


def test_one_cpu_device_has_lanes_for_batches_that_can_be_divided(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    assert num_lanes_of((2 * NUM_CPU_LANES, 3)) == NUM_CPU_LANES
    assert num_lanes_of((2 * NUM_CPU_LANES + 1,)) == 1
    assert num_lanes_of(()) == 1


def test_several_devices_share_the_batch_without_lanes():
    assert jax.device_count() > 1
    assert num_lanes_of((2 * NUM_CPU_LANES,)) == 1
