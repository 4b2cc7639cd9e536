"""What other levels would have shown, had the same actions been played there."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from .._types import PyTree
from ..envs import AbstractEnv

# Numbers of two programs differ in how they are rounded.
TOLERANCE = 1e-5


def seen_elsewhere(
    env: AbstractEnv,
    levels: PyTree,
    there: Bool[Array, " other"],
    play: tuple[PyTree, PyTree, Bool[Array, " time"]],
    *,
    key: Key[Array, ""],
) -> Bool[Array, " time"]:
    """Whether another level explains all that a play has shown of its episode so far.

    `play` is what was seen, what was done and where episodes ended (leading axis `time`). `levels`
    (leading axis `other`) are stepped with its actions; those with `there` alone count. One and the
    same of them must have shown the same in every step since the episode began: two that match by
    turns explain nothing. Where it would have ended before the play's episode did, a level explains
    no more of that. Everything begins anew with each episode.

    The environment should be without chance, since the play's own dice are not known.
    """
    worlds = jax.vmap(env.load)(levels)
    begun = jax.vmap(lambda world: env.reset(world, key=key))(worlds)

    def step(carry, inputs):
        states, explain = carry
        seen, action, done = inputs
        shown = jax.vmap(env.observe)(worlds, states)
        explain &= jax.vmap(lambda shown: _are_equal(shown, seen))(shown)
        steps = jax.vmap(lambda world, state: env.step(world, state, action, key=key))(
            worlds, states
        )
        states = jax.tree.map(lambda b, s: jnp.where(done, b, s), begun, steps.state)
        return (states, jnp.where(done, there, explain & ~steps.done)), jnp.any(explain)

    _, explained = jax.lax.scan(step, (begun, there), play)
    return explained


def _are_equal(one: PyTree, other: PyTree) -> Bool[Array, ""]:
    def equal(a, b):
        if jnp.issubdtype(a.dtype, jnp.inexact):
            return jnp.all(jnp.abs(a - b) <= TOLERANCE)
        return jnp.all(a == b)

    leaves = jax.tree.leaves(jax.tree.map(equal, one, other))
    return jnp.all(jnp.stack(leaves))
