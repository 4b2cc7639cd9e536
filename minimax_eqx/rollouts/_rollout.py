"""A batch of levels played, or designed, by one agent for a number of steps."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._types import PyTree
from .._xla._lanes import num_lanes_of, scan_in_lanes
from ..agents import AbstractAgent, Trajectory
from ..envs import AbstractEnv, AbstractLevelEditor
from ..nets import Predictions
from ._play import begin, load_worlds, play_on


def rollout(
    env: AbstractEnv,
    agent: AbstractAgent,
    levels: PyTree,
    spare_levels: PyTree | None = None,
    *,
    num_steps: int,
    key: Key[Array, ""],
) -> Trajectory:
    """Plays each of `levels` (leading axis `level`) for `num_steps` steps, side by side.

    All plays start a fresh episode with an empty memory. Where an episode ends, the play goes on
    with the next of its `spare_levels` (leading axes `level spare`), or, if that is None, with the
    same level again.
    """
    num_levels = jax.tree.leaves(levels)[0].shape[0]
    trajectory, _ = _play_out(
        env,
        agent,
        levels,
        spare_levels,
        num_steps=num_steps,
        num_lanes=num_lanes_of((num_levels,)),
        key=key,
    )
    return trajectory


def design(
    editor: AbstractLevelEditor, agent: AbstractAgent, num_levels: int, *, key: Key[Array, ""]
) -> tuple[PyTree, Trajectory]:
    """Designs levels, each by one episode of the editor, side by side.

    Returns the levels, leading axis `level`, and the trajectory, in which nothing is rewarded.
    """
    blank_key, play_key = jax.random.split(key)
    blanks = jax.vmap(editor.blank)(jax.random.split(blank_key, num_levels))
    trajectory, last_states = _play_out(
        editor,
        agent,
        blanks,
        None,
        num_steps=editor.max_episode_steps,
        num_lanes=1,  # a teacher's weights are so many that reading them once per step is best
        key=play_key,
    )
    return jax.vmap(editor.level)(last_states), trajectory


def _play_out(
    env: AbstractEnv,
    agent: AbstractAgent,
    levels: PyTree,
    spare_levels: PyTree | None,
    *,
    num_steps: int,
    num_lanes: int,
    key: Key[Array, ""],
) -> tuple[Trajectory, PyTree]:
    """The trajectory, and the states that the last step gave, before anything restarted."""
    num_levels = jax.tree.leaves(levels)[0].shape[0]
    reset_key, noise_key, step_key = jax.random.split(key, 3)
    worlds = jax.vmap(lambda *given: load_worlds(env, *given))(levels, spare_levels)
    plays = jax.vmap(lambda world, key: begin(env, world, key=key))(
        worlds, jax.random.split(reset_key, num_levels)
    )
    # Gumbel noise for all steps at once: the largest logit plus noise is a sample of the policy.
    noise = jax.random.gumbel(noise_key, (num_steps, num_levels, env.num_actions))

    def observe(worlds, plays, states):
        return jax.vmap(lambda world, play, state: env.observe(world.at(play.turn), state))(
            worlds, plays, states
        )

    def act(worlds, carry, inputs):
        plays, memory, reset, _ = carry
        noise, keys = inputs
        observations = observe(worlds, plays, plays.state)
        predictions, memory = agent.predict(observations, memory, reset)
        actions = jnp.argmax(predictions.logits + noise, axis=-1)
        new_plays, steps = jax.vmap(
            lambda world, play, action, key: play_on(env, world, play, action, key=key)
        )(worlds, plays, actions, keys)
        truncation_values = None
        if agent.needs_truncation_values:
            truncation_values = jax.lax.cond(
                jnp.any(steps.truncated),
                lambda: _values_where(
                    steps.truncated,
                    agent.predict(
                        observe(worlds, plays, steps.state), memory, jnp.zeros_like(reset)
                    )[0],
                ),
                lambda: jnp.zeros_like(predictions.values),
            )
        output = (observations, predictions, actions, steps, truncation_values)
        return (new_plays, memory, steps.done, steps.state), output

    carry = (
        plays,
        agent.initial_carry((num_levels,)),
        jnp.zeros(num_levels, bool),
        plays.state,  # replaced in every step; XLA drops it where nobody wants the last
    )
    inputs = (noise, jax.random.split(step_key, (num_steps, num_levels)))
    carry, output = scan_in_lanes(act, worlds, carry, inputs, num_lanes=num_lanes)
    observations, predictions, actions, steps, truncation_values = output
    plays, memory, reset, last_states = carry
    last, _ = agent.predict(observe(worlds, plays, plays.state), memory, reset)
    log_policy = jax.nn.log_softmax(predictions.logits)
    trajectory = Trajectory(
        observations=observations,
        actions=actions,
        log_probs=jnp.take_along_axis(log_policy, actions[..., None], axis=-1)[..., 0],
        values=predictions.values,
        rewards=steps.reward,
        terminated=steps.terminated,
        truncated=steps.truncated,
        successes=steps.success,
        last_values=last.values,
        truncation_values=truncation_values,
    )
    return trajectory, last_states


def _values_where(chosen: Array, predictions: Predictions) -> Float[Array, "level value_head"]:
    return jnp.where(chosen[:, None], predictions.values, 0.0)
