"""How a profile shares time among kernels."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks.hlo import kernels_of
from benchmarks.profile import Interval, groups, report, shares


def test_kernels_that_run_side_by_side_share_the_time():
    seconds, idle = shares(
        [Interval(0, 4e9, "a"), Interval(2e9, 4e9, "b"), Interval(7e9, 8e9, "b")]
    )
    assert seconds == pytest.approx({"a": 3.0, "b": 2.0})
    assert idle == pytest.approx(3.0)


def test_two_runs_of_a_kernel_at_once_count_as_one_kernel_s_time():
    seconds, idle = shares([Interval(0, 2e9, "a"), Interval(0, 2e9, "a"), Interval(1e9, 2e9, "b")])
    assert seconds == pytest.approx({"a": 1 + 2 / 3, "b": 1 / 3})
    assert idle == 0


@pytest.fixture(scope="module")
def kernels():
    def repeat(x, w):
        return jax.lax.scan(lambda x, _: (jnp.tanh(x @ w), None), x, None, length=7)[0]

    text = jax.jit(repeat).lower(jnp.ones((8, 16)), jnp.ones((16, 16))).compile().as_text()
    return {kernel.name: kernel for kernel in kernels_of(text)}


def test_a_matrix_product_is_described_by_its_sizes_and_its_loop(kernels):
    (product,) = (kernel for kernel in kernels.values() if kernel.matrix_flops)
    (group,) = groups(kernels, {product.name: 1e-6}, {product.name: 14})
    assert (group.what, group.path) == ("matrix product, f32[8,16], over 16", "7")
    assert group.flops == 14 * 2 * 8 * 16 * 16


def test_the_report_says_how_near_products_come_to_a_large_one(kernels):
    (product,) = (kernel for kernel in kernels.values() if kernel.matrix_flops)
    found = groups(kernels, {product.name: 2 * 8 * 16 * 16 / 1e9}, {product.name: 1})
    table = report(found, idle=0.0, num_cycles=1, rate=4e9, top=1)
    assert table.splitlines()[-1].endswith("| 1 | 25% |")
