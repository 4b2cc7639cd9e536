"""How well an agent plays given levels: one episode of each."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import PyTree
from .._xla._compile import quick_jit
from ..agents import AbstractAgent
from ..envs import AbstractEnv, TimeStep


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
    key: Key[Array, ""] | Key[Array, " level"],
) -> EpisodeResults:
    """Plays one episode of each of `levels` (leading axis `level`) with a single agent.

    Actions are sampled from the policy, or, if `greedy`, the likeliest is taken. Ends as soon as
    the last episode does.

    All chance in the episode of a level comes from that level's own key, so that it does not depend
    on which other levels are played (of a key of JAX's generator `rbg`, batches make different
    numbers). `key` is either an array of those, or one key: the level of index `i` then gets
    `jax.random.fold_in(key, i)`.

    Raises `ValueError` for a population (map over its leading axis with `eqx.filter_vmap`), and if
    there are more or fewer keys than levels.
    """
    _check_single("evaluate", agent)
    num_levels = jax.tree.leaves(levels)[0].shape[0]
    keys = _keys_of_levels(key, num_levels)
    worlds = jax.vmap(env.load)(levels)
    reset_keys, play_keys = _split_each(keys)
    states = jax.vmap(lambda world, key: env.reset(world, key=key))(worlds, reset_keys)
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
        observations = jax.vmap(env.observe)(worlds, states)
        predictions, memory = agent.predict(observations, memory, jnp.zeros(num_levels, bool))
        step = functools.partial(_step, env, greedy=greedy, time=time)
        steps = jax.vmap(step)(worlds, states, predictions.logits, key=play_keys)
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
    """Plays one episode of one level and keeps every state, for a picture or a GIF.

    It is the episode that `evaluate` plays of that level with that key. Raises `ValueError` for a
    population: choose one of its agents.
    """
    _check_single("record_episode", agent)
    world = env.load(level)
    reset_key, play_key = jax.random.split(key)
    state = env.reset(world, key=reset_key)

    def play(carry, time):
        state, memory, over, length, success = carry
        predictions, memory = agent.predict(env.observe(world, state), memory, jnp.array(False))
        step = _step(env, world, state, predictions.logits, greedy=greedy, time=time, key=play_key)
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
    times = jnp.arange(env.max_episode_steps, dtype=jnp.int32)
    (_, _, _, length, success), states = jax.lax.scan(play, carry, times)
    states = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), state, states)
    return Recording(states, length, success)


def _step(
    env: AbstractEnv,
    world: PyTree,
    state: PyTree,
    logits: Float[Array, " action"],
    *,
    greedy: bool,
    time: Int[Array, ""],
    key: Key[Array, ""],
) -> TimeStep:
    """Plays the likeliest action, or a sample of the policy, at `time`; `key` is the episode's."""
    noise_key, step_key = jax.random.split(jax.random.fold_in(key, time))
    if not greedy:
        logits = logits + jax.random.gumbel(noise_key, logits.shape)
    return env.step(world, state, jnp.argmax(logits, axis=-1), key=step_key)


def _keys_of_levels(key: Key[Array, "*level"], num_levels: int) -> Key[Array, " level"]:
    if key.ndim == 0:
        indices = jnp.arange(num_levels, dtype=jnp.uint32)
        return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, indices)
    if key.shape[0] != num_levels:
        raise ValueError(
            f"evaluate was given {key.shape[0]} keys for {num_levels} levels; give one key, or one "
            "for each level."
        )
    return key


def _split_each(keys: Key[Array, " level"]) -> tuple[Key[Array, " level"], Key[Array, " level"]]:
    halves = jax.vmap(jax.random.split)(keys)
    return halves[:, 0], halves[:, 1]


def _check_single(name: str, agent: AbstractAgent) -> None:
    if agent.num_updates.ndim != 0:
        raise ValueError(
            f"{name} plays with one agent, but this is a population of shape "
            f"{agent.num_updates.shape}. Choose one, as minimax_eqx.agents.first_student does, or "
            "map over the leading axis with eqx.filter_vmap."
        )
