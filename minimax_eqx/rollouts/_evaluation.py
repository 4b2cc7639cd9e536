"""How well a policy plays given levels: one episode of each."""

from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from .._types import Memory, PyTree
from .._xla._compile import quick_jit
from ..envs import AbstractEnv, TimeStep
from ..envs._actions import AbstractActionSpec
from ..envs._step_spec import step_spec
from ..nets._distributions import AbstractDistribution, noise
from ..nets._policy import AbstractPolicy, Predictions

# On a device, or on the host.
Values: TypeAlias = Array | np.ndarray


class EpisodeResults(eqx.Module):
    """Return, success and length of one episode of each level.

    `successes` is None where the environment does not say what success is. `regrets` is how far
    each return is below the best one that the level allows; None where nobody asked, or the
    environment does not tell. `measures` are the environment's own, added up over the episode.
    """

    returns: Float[Values, "*batch level"]
    successes: Bool[Values, "*batch level"] | None
    lengths: Int[Values, "*batch level"]
    regrets: Float[Values, "*batch level"] | None = None
    measures: dict[str, Float[Values, "*batch level"]] = eqx.field(default_factory=dict)

    @classmethod
    def none_yet(cls, env: AbstractEnv, num_episodes: int) -> "EpisodeResults":
        """The results of episodes before their first step."""
        step = step_spec(env)
        return cls(
            returns=jnp.zeros(num_episodes),
            successes=None if step.success is None else jnp.zeros(num_episodes, bool),
            lengths=jnp.zeros(num_episodes, jnp.int32),
            measures={name: jnp.zeros(num_episodes) for name in step.measures},
        )

    def after(self, steps: TimeStep, over: Bool[Array, " level"]) -> "EpisodeResults":
        """The results after one more step of the episodes that are not over."""
        return EpisodeResults(
            returns=self.returns + jnp.where(over, 0.0, steps.reward),
            successes=ever(self.successes, steps.success, over),
            lengths=self.lengths + (~over).astype(jnp.int32),
            measures={
                name: total + jnp.where(over, 0.0, steps.measures[name])
                for name, total in self.measures.items()
            },
        )


@quick_jit
def evaluate(
    env: AbstractEnv,
    policy: AbstractPolicy,
    levels: PyTree,
    *,
    greedy: bool = False,
    key: Key[Array, ""] | Key[Array, " level"],
) -> EpisodeResults:
    """Plays one episode of each of `levels` (leading axis `level`) with the policy of one agent,
    `agent.network`.

    Actions are sampled from the policy, or, if `greedy`, the likeliest is taken. Ends as soon as
    the last episode does.

    All chance in the episode of a level comes from that level's own key, so that it does not depend
    on which other levels are played (of a key of JAX's generator `rbg`, batches make different
    numbers). `key` is either an array of those, or one key: the level of index `i` then gets
    `jax.random.fold_in(key, i)`.

    Raises `ValueError` for the policy of a population (map over its leading axis with
    `eqx.filter_vmap`) or of another environment, and if there are more or fewer keys than levels.
    """
    num_levels = jax.tree.leaves(levels)[0].shape[0]
    keys = _keys_of_levels(key, num_levels)
    worlds = jax.vmap(env.load)(levels)
    reset_keys, play_keys = split_each(keys)
    states = jax.vmap(lambda world, key: env.reset(world, key=key))(worlds, reset_keys)
    results = EpisodeResults.none_yet(env, num_levels)

    def playing(carry):
        time, _, _, over, _ = carry
        return (time < env.max_episode_steps) & ~jnp.all(over)

    def play(carry):
        time, states, memory, over, results = carry
        observations = jax.vmap(env.observe)(worlds, states)
        predictions, memory = predict(
            policy, env, observations, memory, batch_shape=over.shape, caller="evaluate"
        )
        keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(play_keys, time)
        noise_keys, step_keys = split_each(keys)
        actions = choose(env.action_spec(), predictions.actions, greedy=greedy, key=noise_keys)
        steps = jax.vmap(lambda *given, key: env.step(*given, key=key))(
            worlds, states, actions, key=step_keys
        )
        results = results.after(steps, over)
        return time + 1, steps.state, memory, over | steps.done, results

    over = jnp.zeros(num_levels, bool)
    carry = (jnp.zeros((), jnp.int32), states, policy.initial_memory((num_levels,)), over, results)
    return jax.lax.while_loop(playing, play, carry)[-1]


def ever(
    success: Bool[Values, "*level"] | None,
    now: Bool[Array, "*level"] | None,
    over: Bool[Array, "*level"],
) -> Bool[Array, "*level"] | None:
    """Whether there was a success yet, before the episode was over; None if nobody says so."""
    return None if success is None or now is None else jnp.asarray(success) | (now & ~over)


def predict(
    policy: AbstractPolicy,
    env: AbstractEnv,
    observations: PyTree,
    memory: Memory,
    *,
    batch_shape: tuple[int, ...],
    caller: str,
) -> tuple[Predictions, Memory]:
    """What the policy says in the middle of an episode, of observations of that leading shape.

    Raises `ValueError` if it cannot read them, or does not say one thing of each: it is of another
    environment then, or of a population.
    """
    try:
        predictions, memory = policy.step(observations, memory, jnp.zeros(batch_shape, bool))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise _no_fit(caller, policy, env, str(error)) from error
    given = predictions.values.shape[:-1]
    if given != batch_shape:
        raise _no_fit(caller, policy, env, f"expected shape {batch_shape}, and got {given}.")
    return predictions, memory


def _no_fit(caller: str, policy: AbstractPolicy, env: AbstractEnv, reason: str) -> ValueError:
    return ValueError(
        f"{caller}: the policy {type(policy).__name__} cannot play {type(env).__name__}: {reason} "
        "Give the network of one agent, made for this environment. Of a population choose one, as "
        "`students.first()` does, or map over its leading axis with eqx.filter_vmap."
    )


def choose(
    actions: AbstractActionSpec,
    distribution: AbstractDistribution,
    *,
    greedy: bool,
    key: Key[Array, "*level"],
) -> PyTree[Array]:
    """The likeliest action, or a sample, for each level by the dice of its own key."""
    if greedy:
        return distribution.mode()

    def dice(key):
        return noise(actions, (), key=key)

    return distribution.sample((jax.vmap(dice) if key.ndim else dice)(key))


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


def split_each(keys: Key[Array, "*batch"]) -> tuple[Key[Array, "*batch"], Key[Array, "*batch"]]:
    """Two keys for each."""
    halves = jnp.vectorize(jax.random.split, signature="()->(n)")(keys)
    return halves[..., 0], halves[..., 1]
