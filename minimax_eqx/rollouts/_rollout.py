"""A batch of levels played, or designed, by one policy for a number of steps."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .._types import PyTree
from .._xla._lanes import num_lanes_of, scan_in_lanes
from ..agents._agent import Trajectory
from ..envs import AbstractEnv, AbstractLevelEditor
from ..nets._distributions import noise
from ..nets._policy import AbstractPolicy, Predictions
from ._play import begin, load_worlds, play_on


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
    num_levels = jax.tree.leaves(levels)[0].shape[0]
    trajectory, _ = _play_out(
        env,
        policy,
        levels,
        spare_levels,
        num_steps=num_steps,
        with_truncation_values=with_truncation_values,
        num_lanes=num_lanes_of((num_levels,)),
        key=key,
    )
    return trajectory


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
    trajectory, last_states = _play_out(
        editor,
        policy,
        blanks,
        None,
        num_steps=editor.max_episode_steps,
        with_truncation_values=with_truncation_values,
        num_lanes=1,  # a teacher's weights are so many that reading them once per step is best
        key=play_key,
    )
    return jax.vmap(editor.level)(last_states), trajectory


def _play_out(
    env: AbstractEnv,
    policy: AbstractPolicy,
    levels: PyTree,
    spare_levels: PyTree | None,
    *,
    num_steps: int,
    with_truncation_values: bool,
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
    # All dice are thrown at once, before the loop.
    dice = noise(env.action_spec(), (num_steps, num_levels), key=noise_key)

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
        plays,
        policy.initial_memory((num_levels,)),
        jnp.zeros(num_levels, bool),
        plays.state,  # replaced in every step; XLA drops it where nobody wants the last
    )
    inputs = (dice, jax.random.split(step_key, (num_steps, num_levels)))
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
    )
    return trajectory, last_states


def _values_where(chosen: Array, predictions: Predictions) -> Float[Array, "level value_head"]:
    return jnp.where(chosen[:, None], predictions.values, 0.0)
