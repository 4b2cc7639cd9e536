"""Loops over a small batch that keep several cores of a CPU busy."""

import os
from collections.abc import Callable

import jax
import jax.numpy as jnp

from .._types import Carry, PyTree

# How many lanes there are at most; without it, one for each core.
LANES_VARIABLE = "MINIMAX_EQX_LANES"
# A lane with fewer members does too little at a time, and every lane is compiled.
SMALLEST_LANE, MOST_LANES = 8, 4


def num_lanes_of(batch_shape: tuple[int, ...]) -> int:
    """Into how many lanes `scan_in_lanes` had best divide the first of these axes.

    As many as this process has cores, if they are of equal size and at least `SMALLEST_LANE`; the
    environment variable `MINIMAX_EQX_LANES` sets another limit than the cores. 1 on an accelerator
    and where JAX sees several devices.

    Raises `ValueError` if the variable is not a number of lanes.
    """
    if jax.default_backend() != "cpu" or jax.device_count() > 1 or not batch_shape:
        return 1
    most = min(_most_lanes(), batch_shape[0] // SMALLEST_LANE)
    return max((n for n in range(1, most + 1) if batch_shape[0] % n == 0), default=1)


def _most_lanes() -> int:
    given = os.environ.get(LANES_VARIABLE)
    if given is None:
        has_affinity = hasattr(os, "sched_getaffinity")
        cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
        return min(cores, MOST_LANES)
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"{LANES_VARIABLE} is {given!r}; it must be a whole number from 1 on.")
    return int(given)


def scan_in_lanes(
    body: Callable[[PyTree, Carry, PyTree], tuple[Carry, PyTree]],
    constants: PyTree,
    carry: Carry,
    xs: PyTree,
    *,
    num_lanes: int,
    reverse: bool = False,
) -> tuple[Carry, PyTree]:
    """`jax.lax.scan` over a batch whose members do not depend on each other.

    Leaves of `constants` and `carry` have a leading axis `batch`, those of `xs` and of the outputs
    the leading axes `time batch`. `body(constants, carry, x)` gets one lane: so many parts of the
    batch go through the same loop as chains of operations of their own.

    A single chain over a small batch leaves a CPU's second core idle, because each operation waits
    for the one before and is too small to be shared well. XLA runs two chains side by side.
    """
    constants_of_lanes = _split(constants, num_lanes)

    def in_lanes(carries, x):
        lanes = zip(constants_of_lanes, carries, _split(x, num_lanes), strict=True)
        results = [body(*lane) for lane in lanes]
        return [carry for carry, _ in results], _join([y for _, y in results])

    carries, ys = jax.lax.scan(in_lanes, _split(carry, num_lanes), xs, reverse=reverse)
    return _join(carries), ys


def scan_overwriting(
    body: Callable[[Carry, PyTree, PyTree], tuple[Carry, PyTree, PyTree]],
    carry: Carry,
    buffer: PyTree,
    xs: PyTree,
    *,
    num_lanes: int,
    reverse: bool = False,
) -> tuple[Carry, PyTree, PyTree]:
    """`scan_in_lanes` with an input whose place in memory an output takes.

    `body(carry, old, x)` returns the carry, what replaces `old`, and another output. A large output
    of its own would be filled with zeros first, and be out of the cache when it is written.
    """
    num_steps = jax.tree.leaves(buffer)[0].shape[0]

    def in_lanes(state, inputs):
        carries, buffer = state
        step, x = inputs
        old = jax.tree.map(
            lambda leaf: jax.lax.dynamic_index_in_dim(leaf, step, keepdims=False), buffer
        )
        lanes = zip(carries, _split(old, num_lanes), _split(x, num_lanes), strict=True)
        results = [body(*lane) for lane in lanes]
        buffer = jax.tree.map(
            lambda leaf, new: jax.lax.dynamic_update_index_in_dim(leaf, new, step, 0),
            buffer,
            _join([new for _, new, _ in results]),
        )
        return ([carry for carry, _, _ in results], buffer), _join([y for _, _, y in results])

    # Without a sign, so that JAX does not look for negative ones in every step.
    steps = jnp.arange(num_steps, dtype=jnp.uint32)
    (carries, buffer), ys = jax.lax.scan(
        in_lanes, (_split(carry, num_lanes), buffer), (steps, xs), reverse=reverse
    )
    return _join(carries), buffer, ys


def _split(tree: PyTree, num_lanes: int) -> list[PyTree]:
    if num_lanes == 1:
        return [tree]  # which may have no axis to divide

    def part(lane):
        return jax.tree.map(lambda leaf: jnp.split(leaf, num_lanes)[lane], tree)

    return [part(lane) for lane in range(num_lanes)]


def _join(trees: list[PyTree]) -> PyTree:
    if len(trees) == 1:
        return trees[0]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *trees)
