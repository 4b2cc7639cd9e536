"""Checks of an environment in batches, and over whole episodes."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, UInt32

from .._types import PyTree
from .._xla._compile import RunOnce
from ._check_faults import check_faults
from ._check_fields import EnvCheckError
from ._check_play import as_keys, keys_of_step, play
from ._check_same import Traced, plain_data, same, snapshot
from ._check_types import check_values
from ._env import AbstractEnv, AbstractLevelGenerator
from ._mutator import AbstractLevelMutator

# Long episodes are played by fewer players, who play several actions one after another, each for a
# shorter time, and stop when an episode has ended.
_MOST_STEPS = 2**15
_NUM_PAIRS = 2
# On as many levels each action is played on its own, if episodes are not long.
_PLAYERS_OF_ACTION = 4
_SHORTER = 4


def check_episodes(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    mutator: AbstractLevelMutator | None,
    methods: dict[str, Traced],
    *,
    short: set[str],
    key: Key[Array, ""],
    num_steps: int,
) -> None:
    """Plays each example of an action on its own, and as many players at random.

    `methods` are all methods by name, traced; `short` names those to be called plainly, too. One
    program plays all of the players, and a second one the first step of a single one.
    """
    length = max(num_steps, env.max_episode_steps)
    num_examples = jax.tree.leaves(env.action_spec().examples())[0].shape[0]
    num_pairs = max(_NUM_PAIRS, -(-num_examples // 2))
    fewest = num_examples + 2 * num_pairs
    # One action may be the only one that gets to the time limit, by waiting.
    more = min(_PLAYERS_OF_ACTION - 1, (_MOST_STEPS // length - fewest) // num_examples)
    num_constant = num_examples * (1 + max(more, 0))
    repeat, least = num_steps, length
    if fewest * length > _MOST_STEPS:
        num_constant, num_pairs = -(-num_examples * num_steps // length), _NUM_PAIRS
        repeat = -(-num_steps // _SHORTER)
        least = max(num_steps, repeat * -(-num_examples // num_constant))
    # The first player is there twice. Side by side, since at the end of a batch a processor may
    # round otherwise, and some generators of levels make other levels of that.
    players = np.concatenate([[0], np.arange(num_constant + 2 * num_pairs)])
    num_players = len(players)
    pairs = [(i, i + 1) for i in range(num_constant + 1, num_players, 2)]
    same_keys = players.copy()
    for one, other in pairs:
        same_keys[other] = players[one]
    # As plain numbers, since some are used more than once, on purpose.
    keys = jax.random.key_data(jax.random.split(key, (num_players, 5)))
    keys = jnp.concatenate([keys[players, :2], keys[same_keys, 2:]], axis=1)
    plays = functools.partial(play, env, methods, num_constant=num_constant, repeat=repeat)
    play_first = functools.partial(plays, num_steps=1, most_steps=1)
    first = _guarded("jit", lambda: RunOnce(play_first, jnp.asarray(0), keys[0]))
    first.compile_aside()  # and trace the other program in the meantime
    play_all = jax.vmap(functools.partial(plays, num_steps=least, most_steps=length))
    every = _guarded("vmap", lambda: RunOnce(play_all, jnp.asarray(players), keys))
    alone, together = _guarded("jit", first), _guarded("vmap", every)
    _compare_plainly(env, generator, mutator, alone=alone, keys=keys[0], short=short)
    found = jax.device_get(jax.tree.map(plain_data, together))
    results = found["methods"]
    _compare_batch(results, alone["methods"])
    for i in range(num_players):
        check_values(*_of(i, (results["env.level_metrics"], results["env.optimal_return"])))
    _check_broken(env, found)
    check_faults(env, found, pairs)


def _guarded(rule: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        raise EnvCheckError(
            rule, f"env does not run under jax.{rule}: {type(error).__name__}: {error} {_ADVICE}"
        ) from error


def _compare_plainly(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    mutator: AbstractLevelMutator | None,
    *,
    alone: dict[str, Any],
    keys: UInt32[Array, "5 2"],
    short: set[str],
) -> None:
    """Compiled calls of short methods give what plain calls do."""
    results = alone["methods"]
    sample_key, edit_key, reset_key = map(as_keys, keys[:3])
    _, _, step_key = keys_of_step(alone["first_keys"])
    level, world, state = (results[n] for n in ("generator.sample", "env.load", "env.reset"))
    calls = {
        "generator.sample": lambda: generator.sample(env.level_spec(), key=sample_key),
        "mutator.mutate": lambda: mutator and mutator.mutate(level, key=edit_key),
        "env.level_metrics": lambda: env.level_metrics(level),
        "env.optimal_return": lambda: env.optimal_return(level),
        "env.load": lambda: env.load(level),
        "env.reset": lambda: env.reset(world, key=reset_key),
        "env.observe": lambda: env.observe(world, state),
        "env.step": lambda: env.step(world, state, alone["first_action"], key=step_key),
    }
    for name, plain in calls.items():
        if name in short and not same(snapshot(plain()), snapshot(results[name]), exact=False):
            raise EnvCheckError(
                "jit",
                f"{name} gives another result under jax.jit than without. Compute with arrays all "
                "the way, and depend on nothing but the arguments.",
            )


def _compare_batch(together: dict[str, PyTree], alone: dict[str, PyTree]) -> None:
    """The first two of a batch, who play the same, are as one is that plays alone."""
    for name, results in together.items():
        expected = snapshot(alone[name])
        if not all(same(expected, snapshot(_of(i, results)), exact=False) for i in (0, 1)):
            raise EnvCheckError(
                "vmap", f"{name} gives another result under jax.vmap than alone. {_ADVICE}"
            )


def _check_broken(env: AbstractEnv, found: dict[str, Any]) -> None:
    for rule, message in _MESSAGES.items():
        if np.any(found["broken"][rule]):
            culprit = int(np.argmax(found["broken"][rule]))
            raise EnvCheckError(
                "action_spec" if rule == "action_mask" else rule,
                message.format(action=_of(culprit, found["action"]), limit=env.max_episode_steps),
            )

    for name, is_bad in found["measures"].items():
        if np.any(is_bad):
            raise EnvCheckError(
                "time_step",
                f"env.step gives the measure {name!r} as a number that is not finite; it must be a "
                "finite float32 scalar.",
            )


def _of(player: int, tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[player], tree)


_ADVICE = "Write every method for a single instance; its shapes must not depend on the batch."
_MESSAGES = {
    "finite_reward": "env.step gives a reward that is not finite for action {action}.",
    "success_ends": (
        "env.step says success without ending the episode. Set `terminated` or `truncated`."
    ),
    "time_limit": (
        "an episode is not over after max_episode_steps = {limit} steps. Count steps in the state "
        "and set `truncated` when that many were taken."
    ),
    "optimal_return": (
        "an episode returns more than env.optimal_return of its level. Count the steps of the best "
        "episode from 1, as env.step does, and round as it does."
    ),
    "action_mask": (
        "an observation's `action_mask` is false for every action. At least one must be possible."
    ),
}
