"""One episode of one level, step by step: what happened, and what the agent thought."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import PyTree
from .._xla._compile import quick_jit
from ..envs import AbstractEnv
from ..envs._step_spec import step_spec
from ..nets._policy import AbstractPolicy, Predictions
from ._evaluation import choose, ever, predict


class Recording(eqx.Module):
    """One episode, step by step. Only the first `length + 1` states belong to it."""

    states: PyTree  # leading axis: time, of max_episode_steps + 1
    length: Int[Array, ""]
    success: Bool[Array, ""] | None  # None where the environment does not say what it is


class Thoughts(eqx.Module):
    """What an agent saw, expected and did in an episode; leading axes `time`, of
    max_episode_steps, of which the first `length` of its recording count."""

    observations: PyTree
    predictions: Predictions
    actions: PyTree
    rewards: Float[Array, "*time"]


@quick_jit
def record_episode(
    env: AbstractEnv,
    policy: AbstractPolicy,
    level: PyTree,
    *,
    greedy: bool = False,
    key: Key[Array, ""],
) -> Recording:
    """Plays one episode of one level and keeps every state, for a picture or a GIF.

    It is the episode that `evaluate` plays of that level with that key. Raises `ValueError` for the
    policy of a population (choose one of its agents) or of another environment.
    """
    # XLA drops what nobody reads.
    return _played(env, policy, level, key, (greedy, "record_episode"))[0]


@quick_jit
def record_thoughts(
    env: AbstractEnv,
    policy: AbstractPolicy,
    level: PyTree,
    *,
    greedy: bool = False,
    key: Key[Array, ""],
) -> tuple[Recording, Thoughts]:
    """What `record_episode` gives, and what the agent saw, expected and did in each step."""
    return _played(env, policy, level, key, (greedy, "record_thoughts"))


def _played(
    env: AbstractEnv,
    policy: AbstractPolicy,
    level: PyTree,
    key: Key[Array, ""],
    how: tuple[bool, str],  # whether greedily, and who asks
) -> tuple[Recording, Thoughts]:
    greedy, caller = how
    world = env.load(level)
    reset_key, play_key = jax.random.split(key)
    state = env.reset(world, key=reset_key)

    def play(carry, time):
        state, memory, over, length, success = carry
        observation = env.observe(world, state)
        predictions, memory = predict(
            policy, env, observation, memory, batch_shape=(), caller=caller
        )
        noise_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
        action = choose(env.action_spec(), predictions.actions, greedy=greedy, key=noise_key)
        step = env.step(world, state, action, key=step_key)
        state = jax.tree.map(lambda old, new: jnp.where(over, old, new), state, step.state)
        length = length + (~over).astype(jnp.int32)
        success = ever(success, step.success, over)
        thoughts = Thoughts(observation, predictions, action, step.reward)
        return (state, memory, over | step.done, length, success), (state, thoughts)

    carry = (
        state,
        policy.initial_memory(),
        jnp.array(False),
        jnp.zeros((), jnp.int32),
        None if step_spec(env).success is None else jnp.array(False),
    )
    times = jnp.arange(env.max_episode_steps, dtype=jnp.int32)
    (_, _, _, length, success), (states, thoughts) = jax.lax.scan(play, carry, times)
    states = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), state, states)
    return Recording(states, length, success), thoughts
