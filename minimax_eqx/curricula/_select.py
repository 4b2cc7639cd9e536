"""A choice between two levels, for each level of a batch."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from .._types import PyTree


def select(where: Bool[Array, " batch"], ones: PyTree, others: PyTree) -> PyTree:
    """What `ones` hold where that is true, and `others` elsewhere; leading axis `batch`."""

    def choose(one, other):
        return jnp.where(where.reshape(-1, *(1,) * (one.ndim - 1)), one, other)

    return jax.tree.map(choose, ones, others)
