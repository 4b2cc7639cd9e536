"""What PPO learns from, and how it is cut into the parts that a gradient is computed of."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from .._types import PyTree
from .._xla._mesh import split_levels


class Batch(eqx.Module):
    """A trajectory, or a part of it, with what the loss compares the network's output to.

    Plays of a network without memory may be cut to their transitions: one step of many plays.
    """

    observations: PyTree[Array, "..."]  # leading axes: time play, as of actions
    resets: Bool[Array, "*parts time play"]
    actions: PyTree[Array, "..."]
    log_probs: Float[Array, "*parts time play"]
    values: Float[Array, "*parts time play value_head"]
    advantages: Float[Array, "*parts time play"]
    targets: Float[Array, "*parts time play value_head"]
    weights: Float[Array, "*parts time play"] | None = None  # None: all 1
    told: PyTree[Array, "..."] = None  # by other students; leading axes: time play
    memory: PyTree[Array, "..."] = None  # leading axes: one play; None: empty


def as_transitions(batch: Batch) -> Batch:
    """All steps of a batch as one step of as many plays."""
    return jax.tree.map(lambda leaf: leaf.reshape(1, -1, *leaf.shape[2:]), batch)


def shuffled_minibatches(
    batch: Batch, num_minibatches: int, unit: str, *, key: Key[Array, ""]
) -> Batch:
    """The plays of a batch in a new order, cut into equal minibatches along a new leading axis."""
    size = batch.log_probs.shape[1]
    order = jax.random.permutation(key, size).reshape(num_minibatches, -1)
    # On several devices, each takes its share of every minibatch from where it is.
    order = split_levels(order, axis=1, what=f"{unit} of a minibatch")
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf[:, order], 1, 0), batch)


def equal_parts(batch: Batch, num_parts: int, unit: str) -> Batch:
    """The plays of a batch, cut into equal parts along a new leading axis."""
    size = batch.log_probs.shape[1]

    # Every `num_parts`-th play in a part: on several devices each has its share of every part.
    def cut(leaf):
        parts = leaf.reshape(leaf.shape[0], size // num_parts, num_parts, *leaf.shape[2:])
        return jnp.moveaxis(parts, 2, 0)

    parts = jax.tree.map(cut, batch)
    return split_levels(parts, axis=2, what=f"{unit} of an accumulation step")
