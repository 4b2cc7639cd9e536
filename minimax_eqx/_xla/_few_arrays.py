"""A tree of many small arrays as few arrays, so that a step of an optimiser is few kernels.

Array by array, an optimiser's kernels would be a third of an update's, and each takes time to
compile and to launch. A large array is worth kernels of its own: it need not be copied into the
vector of the small ones and back.
"""

from collections.abc import Callable

import jax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from .._types import PyTree

# Numbers in an array that is not put together with others.
LARGE = 2**20


def few_arrays(tree: PyTree[Array]) -> tuple[PyTree[Array], Callable[[PyTree[Array]], PyTree]]:
    """The arrays of a tree as few: a vector of all small ones, and each large one; and a function
    from such few back to a tree."""
    leaves, structure = jax.tree.flatten(tree)
    alone = [leaf.size >= LARGE for leaf in leaves]
    vector, split = ravel_pytree([leaf for leaf, a in zip(leaves, alone, strict=True) if not a])
    large = [leaf for leaf, a in zip(leaves, alone, strict=True) if a]

    def back(few):
        vector, large = few
        small_ones, large_ones = iter(split(vector)), iter(large)
        return jax.tree.unflatten(structure, [next(large_ones if a else small_ones) for a in alone])

    return (vector, large), back
