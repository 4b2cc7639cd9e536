"""How well an agent plays given levels: one episode of each."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from .._compile import quick_jit
from ..agents import AbstractAgent
from ..envs import AbstractEnv
from ..nets import Predictions


class EpisodeResults(eqx.Module):
    """Return, success and length of one episode of each level."""

    returns: Float[Array, "*batch level"]
    successes: Bool[Array, "*batch level"]
    lengths: Int[Array, "*batch level"]


@quick_jit
def evaluate(
    env: AbstractEnv,
    agent: AbstractAgent,
    levels: PyTree,
    *,
    greedy: bool = False,
    key: Key[Array, ""],
) -> EpisodeResults:
    """Plays one episode of each of `levels` (leading axis `level`) with a single agent.

    Actions are sampled from the policy, or, if `greedy`, the likeliest is taken. Ends as soon as
    the last episode does. For a population, map over its leading axis with `eqx.filter_vmap`.
    """
    worlds = jax.vmap(env.load)(levels)
    num_levels = jax.tree.leaves(levels)[0].shape[0]
    reset_key, play_key = jax.random.split(key)

    def keys(key):
        return jax.random.split(key, num_levels)

    states = jax.vmap(lambda world, key: env.reset(world, key=key))(worlds, keys(reset_key))
    results = EpisodeResults(
        returns=jnp.zeros(num_levels),
        successes=jnp.zeros(num_levels, bool),
        lengths=jnp.zeros(num_levels, jnp.int32),
    )

    def playing(carry):
        time, _, _, over, _ = carry
        return (time < env.max_episode_steps) & ~jnp.all(over)

    def play(carry):
        time, states, memory, over, results = carry
        noise_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
        observations = jax.vmap(env.observe)(worlds, states)
        predictions, memory = agent.predict(observations, memory, jnp.zeros(num_levels, bool))
        actions = _choose(predictions, greedy, key=noise_key)
        steps = jax.vmap(lambda world, state, action, key: env.step(world, state, action, key=key))(
            worlds, states, actions, keys(step_key)
        )
        results = EpisodeResults(
            returns=results.returns + jnp.where(over, 0.0, steps.reward),
            successes=results.successes | (steps.success & ~over),
            lengths=results.lengths + (~over).astype(jnp.int32),
        )
        return time + 1, steps.state, memory, over | steps.done, results

    over = jnp.zeros(num_levels, bool)
    carry = (jnp.zeros((), jnp.int32), states, agent.initial_carry((num_levels,)), over, results)
    return jax.lax.while_loop(playing, play, carry)[-1]


class Recording(eqx.Module):
    """One episode, step by step. Only the first `length + 1` states belong to it."""

    states: PyTree  # leading axis: time, of max_episode_steps + 1
    length: Int[Array, ""]
    success: Bool[Array, ""]


@quick_jit
def record_episode(
    env: AbstractEnv,
    agent: AbstractAgent,
    level: PyTree,
    *,
    greedy: bool = False,
    key: Key[Array, ""],
) -> Recording:
    """Plays one episode of one level and keeps every state, for a picture or a GIF."""
    world = env.load(level)
    reset_key, play_key = jax.random.split(key)
    state = env.reset(world, key=reset_key)

    def play(carry, key):
        state, memory, over, length, success = carry
        noise_key, step_key = jax.random.split(key)
        predictions, memory = agent.predict(env.observe(world, state), memory, jnp.array(False))
        action = _choose(predictions, greedy, key=noise_key)
        step = env.step(world, state, action, key=step_key)
        state = jax.tree.map(lambda old, new: jnp.where(over, old, new), state, step.state)
        length = length + (~over).astype(jnp.int32)
        success = success | (step.success & ~over)
        return (state, memory, over | step.done, length, success), state

    carry = (
        state,
        agent.initial_carry(),
        jnp.array(False),
        jnp.zeros((), jnp.int32),
        jnp.array(False),
    )
    keys = jax.random.split(play_key, env.max_episode_steps)
    (_, _, _, length, success), states = jax.lax.scan(play, carry, keys)
    states = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), state, states)
    return Recording(states, length, success)


def _choose(predictions: Predictions, greedy: bool, *, key: Key[Array, ""]) -> Int[Array, "*batch"]:
    """The likeliest actions, or a sample of the policy."""
    preferences = predictions.logits
    if not greedy:
        preferences = preferences + jax.random.gumbel(key, preferences.shape)
    return jnp.argmax(preferences, axis=-1)
