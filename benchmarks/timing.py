"""Honest timings: warm, blocked on the result, and beside a matrix product in the same process."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Limits:
    """How much one line of a table may cost."""

    seconds: float = 30.0
    """Time for the calls of one line: fewer repeats, and sizes are left out that would take
    longer."""
    memory_gb: float = 8.0
    """Sizes are left out whose program needs more."""
    max_levels: int = 8192
    """The most levels side by side that are tried."""


def block(tree: Any) -> None:
    """Waits until every array is there."""
    jax.block_until_ready(jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """How many seconds one call takes, result included, and the result."""
    begin = time.perf_counter()
    result = function()
    block(result)
    return time.perf_counter() - begin, result


class MatrixProduct:
    """The machine's yardstick: the rate of a large matrix product, in FLOP/s.

    - `precision`: of the products of float32 matrices, as `jax.default_matmul_precision` takes it;
      None is JAX's default, as it is in the networks. `bfloat16` multiplies matrices of that type.
    - `size`: rows of the square matrices; None for as many as keep the machine busy.
    """

    def __init__(self, precision: str | None = None, size: int | None = None) -> None:
        # An accelerator finishes the smaller one before it is well under way.
        self._size = size or (2048 if jax.default_backend() == "cpu" else 8192)
        # On a GPU JAX's precision `bfloat16` does not round float32 to it, so the type must.
        in_bfloat16 = precision == "bfloat16"
        dtype = jnp.bfloat16 if in_bfloat16 else jnp.float32
        # Of random numbers: equal ones take less power, and an accelerator is then faster.
        self._matrix = jax.random.normal(jax.random.key(0), (self._size, self._size), dtype)
        chosen = None if in_bfloat16 else precision
        self._product = jax.jit(lambda a: jnp.matmul(a, a, precision=chosen))
        block(self._product(self._matrix))

    def rate(self) -> float:
        """The rate now: the best of three products."""
        best = min(timed(lambda: self._product(self._matrix))[0] for _ in range(3))
        return 2 * self._size**3 / best


class Samples:
    """Timings of one line, each with the model FLOP utilisation that it means."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.utilisations: list[float] = []

    def add(self, elapsed: float, flops: float, rate: float) -> None:
        """`rate` is the yardstick's, measured close by."""
        self.seconds.append(elapsed)
        self.utilisations.append(flops / elapsed / rate)

    def summary(self) -> dict[str, float]:
        """Median and best seconds, and the median utilisation if there are FLOPs."""
        result = {
            "seconds": statistics.median(self.seconds),
            "best_seconds": min(self.seconds),
            "samples": len(self.seconds),
        }
        utilisation = statistics.median(self.utilisations)
        return result | ({"utilisation": utilisation} if utilisation else {})


def measure(
    function: Callable[[], Any],
    yardstick: MatrixProduct,
    limits: Limits,
    flops: float = 0.0,
    repeats: int = 15,
) -> dict[str, float]:
    """Median and best seconds of a call, and its model FLOP utilisation, if it has FLOPs.

    The yardstick is measured before and after each call, so that the ratio holds on a machine
    whose speed drifts. The first call is not counted. There are at least two more.
    """
    return measure_in_turn({"": (function, flops)}, yardstick, limits, repeats)[""]


def measure_in_turn(
    functions: Mapping[str, tuple[Callable[[], Any], float]],
    yardstick: MatrixProduct,
    limits: Limits,
    repeats: int = 15,
) -> dict[str, dict[str, float]]:
    """As `measure`, for several functions, each with its FLOPs, which are called by turns."""
    for function, _ in functions.values():
        block(function())
    samples = {name: Samples() for name in functions}
    before = yardstick.rate()
    for repeat in range(repeats):
        for name, (function, flops) in functions.items():
            elapsed, _ = timed(function)
            after = yardstick.rate()
            samples[name].add(elapsed, flops, max(before, after))
            before = after
        if repeat > 0 and max(sum(s.seconds) for s in samples.values()) > limits.seconds:
            break
    return {name: of_one.summary() for name, of_one in samples.items()}


def with_rate(timing: dict[str, float], num_steps: int) -> dict[str, float]:
    """The timing of so many environment steps, with steps per second."""
    return timing | {
        "steps_per_second": num_steps / timing["seconds"],
        "best_steps_per_second": num_steps / timing["best_seconds"],
    }
