"""Loops over a small batch that keep several cores of a CPU busy."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from .._types import Carry, PyTree

# How many parts of a batch a loop on a CPU works on side by side.
NUM_CPU_LANES = 2


def num_lanes_of(batch_shape: tuple[int, ...]) -> int:
    """Into how many lanes `scan_in_lanes` had best divide the first of these axes.

    1 on an accelerator, where JAX sees several devices, and for a batch that cannot be halved.
    """
    if jax.default_backend() != "cpu" or jax.device_count() > 1:
        return 1
    can_be_divided = batch_shape and batch_shape[0] % NUM_CPU_LANES == 0
    return NUM_CPU_LANES if can_be_divided else 1


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
