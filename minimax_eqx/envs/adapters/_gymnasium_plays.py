"""Episodes side by side that begin anew by themselves, as vector environments want it."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from ..._types import Level, PyTree
from .._env import AbstractEnv, AbstractLevelGenerator


class Plays(eqx.Module):
    """Episodes and their levels; leading axis `play`."""

    levels: PyTree[Array]
    worlds: PyTree[Array]
    states: PyTree[Array]
    is_over: Bool[Array, " play"]
    key: Key[Array, ""]


class Seen(eqx.Module):
    """What a step shows of every play; `success` is None where the environment has none."""

    observations: PyTree[Array]
    rewards: Float[Array, " play"]
    terminated: Bool[Array, " play"]
    truncated: Bool[Array, " play"]
    success: Bool[Array, " play"] | None


def begun(env: AbstractEnv, levels: Level, key: Key[Array, ""]) -> tuple[Plays, PyTree[Array]]:
    """The start of an episode on each of these levels, and what is seen of it."""
    num_plays = jax.tree.leaves(levels)[0].shape[0]
    later, key = jax.random.split(key)
    worlds = jax.vmap(env.load)(levels)
    reset = jax.vmap(lambda world, key: env.reset(world, key=key))
    states = reset(worlds, jax.random.split(key, num_plays))
    plays = Plays(levels, worlds, states, jnp.zeros(num_plays, bool), later)
    return plays, jax.vmap(env.observe)(worlds, states)


def drawn(
    env: AbstractEnv, generator: AbstractLevelGenerator, num_levels: int, key: Key[Array, ""]
) -> Level:
    """Levels of a generator; leading axis `level`."""
    spec = env.level_spec()
    sample = lambda key: generator.sample(spec, key=key)  # noqa: E731
    return jax.vmap(sample)(jax.random.split(key, num_levels))


def played(
    env: AbstractEnv,
    generator: AbstractLevelGenerator | None,
    plays: Plays,
    actions: PyTree[Array],
) -> tuple[Plays, Seen]:
    """One step of every play. Where an episode was over, a new one begins instead.

    It is on a level of the generator's, or on the same one if that is None. Its action is not
    looked at, and its reward is 0.
    """
    num_plays, was_over = plays.is_over.shape[0], plays.is_over
    key, level_key, reset_key, step_key = jax.random.split(plays.key, 4)
    step = jax.vmap(lambda *given, key: env.step(*given[:3], key=key))
    keys = jax.random.split(step_key, num_plays)
    taken = step(plays.worlds, plays.states, actions, key=keys)
    going_on = dataclasses.replace(plays, states=taken.state, is_over=taken.done, key=key)

    def begin_some() -> Plays:
        levels = plays.levels
        if generator is not None:
            levels = drawn(env, generator, num_plays, level_key)
        fresh = begun(env, levels, reset_key)[0]
        merge = lambda new, old: jnp.where(  # noqa: E731
            was_over.reshape(-1, *[1] * (old.ndim - 1)), new, old
        )
        return Plays(
            levels=jax.tree.map(merge, fresh.levels, going_on.levels),
            worlds=jax.tree.map(merge, fresh.worlds, going_on.worlds),
            states=jax.tree.map(merge, fresh.states, going_on.states),
            is_over=merge(fresh.is_over, going_on.is_over),
            key=key,
        )

    plays = jax.lax.cond(jnp.any(was_over), begin_some, lambda: going_on)
    return plays, Seen(
        observations=jax.vmap(env.observe)(plays.worlds, plays.states),
        rewards=jnp.where(was_over, 0, taken.reward),
        terminated=taken.terminated & ~was_over,
        truncated=taken.truncated & ~was_over,
        success=None if taken.success is None else taken.success & ~was_over,
    )
