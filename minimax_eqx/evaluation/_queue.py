"""Many episodes in few places: where one ends, the next begins."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from .._types import PyTree
from .._xla._compile import quick_jit
from .._xla._lanes import num_lanes_of, scan_in_lanes
from ..envs import AbstractEnv
from ..nets._distributions import noise
from ..nets._policy import AbstractPolicy
from ..rollouts._evaluation import EpisodeResults, predict, split_each

# This many fit into the caches of a CPU with a small network; more make a step no cheaper for each.
NUM_PLACES = 128
# Steps between looks at what has ended. Fewer waste less, and every look costs as much as a step.
STEPS_AT_ONCE = 8


class Places(eqx.Module):
    """Where episodes are played, side by side; all arrays have a leading axis `place`.

    `episode` is the number of the one that is played; all are over where no episode is left.
    """

    episode: Int[Array, " place"]
    keys: Key[Array, " place"]
    worlds: PyTree
    states: PyTree
    memory: PyTree
    time: Int[Array, " place"]
    over: Bool[Array, " place"]
    results: EpisodeResults


@quick_jit
def play_episodes(
    env: AbstractEnv,
    policy: AbstractPolicy,
    levels: PyTree,
    level_of: Int[Array, " episode"],
    keys: Key[Array, " episode"],
    *,
    greedy: bool = False,
    num_places: int = NUM_PLACES,
) -> EpisodeResults:
    """Plays each episode: the one with number `i` on `levels[level_of[i]]`, with the key `keys[i]`.

    The results are what `rollouts.evaluate` gives for that level and key, whatever else is played.
    There a batch lasts as long as its longest episode; here the place of an episode that has ended
    goes to the next one in order, so put those that may last long first.
    """
    num_episodes = level_of.shape[0]
    num_places = min(num_places, num_episodes)
    reset_keys, play_keys = split_each(keys)

    def begin(episode):
        at = jnp.minimum(episode, num_episodes - 1)
        level = jax.tree.map(lambda leaf: leaf[level_of[at]], levels)
        world = env.load(level)
        return play_keys[at], world, env.reset(world, key=reset_keys[at])

    def go_on(places, written, next_episode):
        """Writes down what has ended, and begins the next episodes there."""
        ended = places.over & (places.episode < num_episodes)
        where = jnp.where(ended, places.episode, num_episodes)
        written = jax.tree.map(
            lambda all_, own: all_.at[where].set(own, mode="drop"), written, places.results
        )
        fresh = jnp.minimum(next_episode + jnp.cumsum(places.over) - 1, num_episodes)
        episode = jnp.where(places.over, fresh, places.episode).astype(jnp.int32)
        begun = Places(
            episode,
            *jax.vmap(begin)(episode),
            memory=policy.initial_memory((num_places,)),
            time=jnp.zeros(num_places, jnp.int32),
            over=episode >= num_episodes,
            results=EpisodeResults.none_yet(env, num_places),
        )
        places = jax.tree.map(lambda new, old: _where(places.over, new, old), begun, places)
        return places, written, jnp.minimum(next_episode + jnp.sum(ended), num_episodes)

    def step(worlds, moving, inputs):
        states, memory, time, over, results = moving
        dice, step_keys = inputs
        observations = jax.vmap(env.observe)(worlds, states)
        predictions, memory = predict(
            policy, env, observations, memory, batch_shape=over.shape, caller="evaluate"
        )
        actions = predictions.actions.mode() if greedy else predictions.actions.sample(dice)
        steps = jax.vmap(lambda *given, key: env.step(*given, key=key))(
            worlds, states, actions, key=step_keys
        )
        results = results.after(steps, over)
        time = time + 1
        over = over | steps.done | (time >= env.max_episode_steps)
        return (steps.state, memory, time, over, results), None

    def play(carry):
        places, *rest = carry
        dice, step_keys = _dice(env, places, greedy=greedy)
        moving = (places.states, places.memory, places.time, places.over, places.results)
        moved, _ = scan_in_lanes(
            step,
            places.worlds,
            moving,
            (dice, step_keys),
            num_lanes=num_lanes_of((num_places,)),
        )
        return go_on(Places(places.episode, places.keys, places.worlds, *moved), *rest)

    first = jnp.arange(num_places, dtype=jnp.int32)
    begun = jax.vmap(begin)(first)
    places = Places(
        first,
        *begun,
        memory=policy.initial_memory((num_places,)),
        time=jnp.zeros(num_places, jnp.int32),
        over=jnp.zeros(num_places, bool),
        results=EpisodeResults.none_yet(env, num_places),
    )
    carry = (places, EpisodeResults.none_yet(env, num_episodes), jnp.array(num_places, jnp.int32))
    return jax.lax.while_loop(lambda carry: ~jnp.all(carry[0].over), play, carry)[1]


def _dice(env: AbstractEnv, places: Places, *, greedy: bool) -> tuple[PyTree, Key[Array, "..."]]:
    """For each of the next steps the noise of its action, None if `greedy`, and the key of its
    chance, all at once."""
    times = jnp.arange(STEPS_AT_ONCE, dtype=jnp.int32)[:, None] + places.time[None]
    fold = jax.vmap(jax.vmap(jax.random.fold_in), in_axes=(None, 0))
    noise_keys, step_keys = split_each(fold(places.keys, times))
    dice = jax.vmap(jax.vmap(lambda key: noise(env.action_spec(), (), key=key)))
    return None if greedy else dice(noise_keys), step_keys


def _where(chosen: Bool[Array, " place"], new: Array, old: Array) -> Array:
    shape = chosen.shape + (1,) * (new.ndim - 1)
    return jnp.where(chosen.reshape(shape), new, old)
