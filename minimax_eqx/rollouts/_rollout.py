"""A batch of levels played, or designed, by one policy for a number of steps."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._types import PyTree
from .._xla._lanes import num_lanes_of, scan_in_lanes
from ..agents._agent import Carried, Trajectory
from ..envs import AbstractEnv
from ..envs._editor import AbstractLevelEditor
from ..nets._distributions import noise
from ..nets._policy import AbstractPolicy, Predictions
from ._play import Play, Worlds, begin, load_worlds, play_on


class Paused(eqx.Module):
    """Plays that are not over, side by side; leading axis `play`."""

    plays: Play
    carried: Carried


def rollout(
    env: AbstractEnv,
    policy: AbstractPolicy,
    levels: PyTree,
    spare_levels: PyTree | None = None,
    *,
    num_steps: int,
    with_truncation_values: bool = False,
    key: Key[Array, ""],
) -> Trajectory:
    """Plays each of `levels` (leading axis `level`) for `num_steps` steps, side by side.

    `policy` is the network of one agent. `with_truncation_values` asks for
    `Trajectory.truncation_values`, which a learner needs if it says so in
    `needs_truncation_values`.

    All plays start a fresh episode with an empty memory. Where an episode ends, the play goes on
    with the next of its `spare_levels` (leading axes `level spare`), or, if that is None, with the
    same level again.
    """
    reset_key, *keys = jax.random.split(key, 3)
    worlds = load_all(env, levels, spare_levels)
    paused = begin_all(env, policy, worlds, key=reset_key)
    trajectory, *_ = _play_out(
        env,
        policy,
        worlds,
        paused,
        num_steps=num_steps,
        with_truncation_values=with_truncation_values,
        num_lanes=num_lanes_of(paused.carried.resets.shape),
        keys=keys,
    )
    return trajectory


def load_all(env: AbstractEnv, levels: PyTree, spare_levels: PyTree | None = None) -> Worlds:
    """Where plays of these levels take place, leading axis `play`; see `rollout`."""
    return jax.vmap(lambda *given: load_worlds(env, *given))(levels, spare_levels)


def begin_all(
    env: AbstractEnv, policy: AbstractPolicy, worlds: Worlds, *, key: Key[Array, ""]
) -> Paused:
    """Plays before their first step: a fresh episode each, and an empty memory."""
    num_plays = jax.tree.leaves(worlds)[0].shape[0]
    plays = jax.vmap(lambda world, key: begin(env, world, key=key))(
        worlds, jax.random.split(key, num_plays)
    )
    memory = policy.initial_memory((num_plays,))
    return Paused(plays, Carried(memory, jnp.zeros(num_plays, bool)))


def go_on(
    env: AbstractEnv,
    policy: AbstractPolicy,
    worlds: Worlds,
    paused: Paused,
    *,
    num_steps: int,
    with_truncation_values: bool = False,
    key: Key[Array, ""],
) -> tuple[Trajectory, Paused]:
    """Plays on for `num_steps` steps; returns what happened in them, and the plays after them.

    A play in parts is the same play: episodes, turns of levels and memories go on over the cuts.
    The policy may be another one in each part, so its memories must have the same structure.
    """
    trajectory, carried_on, _ = _play_out(
        env,
        policy,
        worlds,
        paused,
        num_steps=num_steps,
        with_truncation_values=with_truncation_values,
        num_lanes=num_lanes_of(paused.carried.resets.shape),
        keys=list(jax.random.split(key)),
    )
    return dataclasses.replace(trajectory, carried=paused.carried), carried_on


def design(
    editor: AbstractLevelEditor,
    policy: AbstractPolicy,
    num_levels: int,
    *,
    with_truncation_values: bool = False,
    key: Key[Array, ""],
) -> tuple[PyTree, Trajectory]:
    """Designs levels, each by one episode of the editor, side by side.

    Returns the levels, leading axis `level`, and the trajectory, in which nothing is rewarded. See
    `rollout` for the other arguments.
    """
    blank_key, play_key = jax.random.split(key)
    blanks = jax.vmap(editor.blank)(jax.random.split(blank_key, num_levels))
    reset_key, *keys = jax.random.split(play_key, 3)
    worlds = load_all(editor, blanks)
    trajectory, _, last_states = _play_out(
        editor,
        policy,
        worlds,
        begin_all(editor, policy, worlds, key=reset_key),
        num_steps=editor.max_episode_steps,
        with_truncation_values=with_truncation_values,
        num_lanes=1,  # a teacher's weights are so many that reading them once per step is best
        keys=keys,
    )
    return jax.vmap(editor.level)(last_states), trajectory


def _play_out(
    env: AbstractEnv,
    policy: AbstractPolicy,
    worlds: Worlds,
    paused: Paused,
    *,
    num_steps: int,
    with_truncation_values: bool,
    num_lanes: int,
    keys: Sequence[Key[Array, ""]],
) -> tuple[Trajectory, Paused, PyTree]:
    """The trajectory, the plays after it, and the states that the last step gave, before anything
    restarted. The keys are for the noise of actions and for the environment."""
    num_plays = paused.carried.resets.size
    noise_key, step_key = keys
    # All dice are thrown at once, before the loop.
    dice = noise(env.action_spec(), (num_steps, num_plays), key=noise_key)

    def observe(worlds, plays, states):
        return jax.vmap(lambda world, play, state: env.observe(world.at(play.turn), state))(
            worlds, plays, states
        )

    def act(worlds, carry, inputs):
        plays, memory, reset, _ = carry
        dice, keys = inputs
        observations = observe(worlds, plays, plays.state)
        predictions, memory = policy.step(observations, memory, reset)
        actions = predictions.actions.sample(dice)
        new_plays, steps = jax.vmap(
            lambda world, play, action, key: play_on(env, world, play, action, key=key)
        )(worlds, plays, actions, keys)
        truncation_values = None
        if with_truncation_values:
            truncation_values = jax.lax.cond(
                jnp.any(steps.truncated),
                lambda: _values_where(
                    steps.truncated,
                    policy.step(observe(worlds, plays, steps.state), memory, jnp.zeros_like(reset))[
                        0
                    ],
                ),
                lambda: jnp.zeros_like(predictions.values),
            )
        output = (observations, predictions, actions, steps, truncation_values)
        return (new_plays, memory, steps.done, steps.state), output

    carry = (
        paused.plays,
        paused.carried.memory,
        paused.carried.resets,
        paused.plays.state,  # replaced in every step; XLA drops it where nobody wants the last
    )
    inputs = (dice, jax.random.split(step_key, (num_steps, num_plays)))
    carry, output = scan_in_lanes(act, worlds, carry, inputs, num_lanes=num_lanes)
    observations, predictions, actions, steps, truncation_values = output
    plays, memory, reset, last_states = carry
    last, _ = policy.step(observe(worlds, plays, plays.state), memory, reset)
    trajectory = Trajectory(
        observations=observations,
        actions=actions,
        distributions=predictions.actions,
        log_probs=predictions.actions.log_prob(actions),
        values=predictions.values,
        rewards=steps.reward,
        terminated=steps.terminated,
        truncated=steps.truncated,
        successes=steps.success,
        last_values=last.values,
        truncation_values=truncation_values,
        measures=steps.measures,
    )
    return trajectory, Paused(plays, Carried(memory, reset)), last_states


def _values_where(chosen: Array, predictions: Predictions) -> Float[Array, "level value_head"]:
    return jnp.where(chosen[:, None], predictions.values, 0.0)
