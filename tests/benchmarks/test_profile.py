"""How a profile shares time among kernels."""

import re
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from benchmarks.hlo import kernels_of
from benchmarks.profile import Interval, Profile, groups, intervals_of, report, shares


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


def recorded(**planes):
    """What JAX's profiler gives: planes of lines of events (name, begin, duration, operation)."""

    def event(name, begin, duration, operation=None):
        stats = [("hlo_op", operation)] if operation else []
        return SimpleNamespace(name=name, start_ns=begin, duration_ns=duration, stats=stats)

    return SimpleNamespace(
        planes=[
            SimpleNamespace(
                name=plane,
                lines=[
                    SimpleNamespace(name=line, events=[event(*one) for one in events])
                    for line, events in lines.items()
                ],
            )
            for plane, lines in planes.items()
        ]
    )


def test_a_host_s_threads_run_kernels_among_much_else(kernels):
    name = next(iter(kernels))
    data = recorded(**{"/host:CPU": {"thread": [(name, 0, 5), ("wait", 5, 9), (name, 9, 0)]}})
    assert list(intervals_of(data, kernels)) == [Interval(0, 5, name)]


def test_all_that_a_device_s_streams_run_counts_once(kernels):
    name = next(iter(kernels))
    stream = [("sm90_gemm", 0, 5, name), ("MemcpyD2D", 6, 1, None)]
    again = [("fusion", 0, 5, name)]
    data = recorded(**{"/device:GPU:0": {"Stream #1(Kernel)": stream, "XLA Ops": again}})
    assert list(intervals_of(data, kernels)) == [Interval(0, 5, name), Interval(6, 7, "MemcpyD2D")]


def test_kernels_that_the_program_s_text_does_not_name_have_their_own(kernels):
    (group,) = groups(kernels, {"MemcpyD2D": 1.0}, {"MemcpyD2D": 3})
    assert (group.what, group.path, group.runs, group.flops) == ("MemcpyD2D", "", 3, 0)


def test_a_share_is_that_of_all_time_with_the_time_between_kernels():
    profile = Profile(1.0, 1.0, [], 2.0, {"all-reduce.1": 1.0, "fusion": 5.0})
    assert profile.share(re.compile("all-reduce")) == pytest.approx(1 / 8)
