"""Honest timings: warm, blocked on the result, and beside a matrix product in the same process."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

MATRIX_SIZE = 2048


def block(tree: Any) -> None:
    """Waits until every array is there."""
    jax.block_until_ready(jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


def seconds(function: Callable[[], Any]) -> float:
    """How long one call takes, result included."""
    begin = time.perf_counter()
    block(function())
    return time.perf_counter() - begin


class MatrixProduct:
    """The machine's yardstick: the rate of a large float32 matrix product, in FLOP/s."""

    def __init__(self) -> None:
        self._matrix = jnp.ones((MATRIX_SIZE, MATRIX_SIZE))
        self._product = jax.jit(lambda a: a @ a)
        block(self._product(self._matrix))

    def rate(self) -> float:
        """The rate now: the best of three products."""
        best = min(seconds(lambda: self._product(self._matrix)) for _ in range(3))
        return 2 * MATRIX_SIZE**3 / best


def measure(
    function: Callable[[], Any], yardstick: MatrixProduct, flops: float = 0.0, repeats: int = 15
) -> dict[str, float]:
    """Median and best seconds of a call, and its model FLOP utilisation, if it has FLOPs.

    The yardstick is measured before and after each call, so that the ratio holds on a machine
    whose speed drifts. The first call is not counted.
    """
    block(function())
    times, utilisations = [], []
    before = yardstick.rate()
    for _ in range(repeats):
        times.append(seconds(function))
        after = yardstick.rate()
        utilisations.append(flops / times[-1] / max(before, after))
        before = after
    result = {"seconds": statistics.median(times), "best_seconds": min(times)}
    if flops:
        result["utilisation"] = statistics.median(utilisations)
    return result
