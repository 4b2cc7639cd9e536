"""Long sequences through a deep stack in parts, so that what lies between stays in a CPU's caches.

So many rows of a sequence, steps times levels, go through all layers before the next rows do.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import jax
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool, Float

from .._types import Memory

ROWS_PER_CHUNK = 1024
KEPT = "product of a stack"

Product = TypeVar("Product", bound=Array)


def kept(y: Product) -> Product:
    """Marks what the pass back does not compute a second time."""
    return checkpoint_name(y, KEPT)


def chunk_length(num_steps: int, batch_shape: tuple[int, ...]) -> int:
    """How many steps of a sequence to take at a time on this backend.

    All of them, or on a CPU an equal part, if there is one of a good size.
    """
    most = max(1, ROWS_PER_CHUNK // math.prod(batch_shape))
    if jax.default_backend() != "cpu" or most >= num_steps:
        return num_steps
    chunk = next(length for length in range(most, 0, -1) if num_steps % length == 0)
    return chunk if 2 * chunk >= most else num_steps


def scan_in_chunks(
    scan: Callable[[Array, Memory, Array], tuple[Array, Memory]],
    xs: Float[Array, "time *batch input"],
    memory: Memory,
    resets: Bool[Array, "time *batch"],
) -> tuple[Float[Array, "time *batch output"], Memory]:
    """`scan(xs, memory, resets)`, which returns outputs and the last memory, part by part."""
    chunk = chunk_length(len(resets), resets.shape[1:])
    if chunk == len(resets):
        return scan(xs, memory, resets)

    def body(memory, inputs):
        ys, memory = scan(inputs[0], memory, inputs[1])
        return memory, ys

    # What lies between the products is computed as fast as it is fetched from memory.
    policy = jax.checkpoint_policies.save_only_these_names(KEPT)
    body = jax.checkpoint(body, policy=policy, prevent_cse=False)
    in_chunks = jax.tree.map(lambda x: x.reshape(-1, chunk, *x.shape[1:]), (xs, resets))
    last, ys = jax.lax.scan(body, memory, in_chunks)
    return ys.reshape(-1, *ys.shape[2:]), last
