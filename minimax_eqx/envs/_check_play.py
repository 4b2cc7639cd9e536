"""Checks of an environment in batches, and over whole episodes."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from .._types import PyTree
from .._xla._compile import RUNS_ONCE, quick_jit
from ._check_actions import choose, possible_actions
from ._check_calls import check_metrics
from ._check_fields import EnvCheckError
from ._check_same import call_again, same, snapshot
from ._env import AbstractEnv, AbstractLevelGenerator
from ._mutator import AbstractLevelMutator, NoEdit


def check_batches(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    mutator: AbstractLevelMutator | None,
    plain: dict[str, PyTree],
    key: Key[Array, ""],
) -> None:
    """Compiled calls give what plain ones gave with this key, and a batch what its members do."""
    spec, level_spec = env.action_spec(), env.level_spec()
    edit = (mutator or NoEdit()).mutate

    def play(key):
        keys = jax.random.split(key, 6)
        level_key, edit_key, reset_key, step_key, action_key, choice_key = keys
        level = generator.sample(level_spec, key=level_key)
        edited = edit(level, key=edit_key)
        world = env.load(edited)
        state = env.reset(world, key=reset_key)
        sampled = spec.sample(action_key)
        action = choose(spec, env.observe(world, state), sampled, key=choice_key)
        step = env.step(world, state, action, key=step_key)
        return {
            "generator.sample": level,
            "mutator.mutate": edited,
            "env.level_metrics": env.level_metrics(edited),
            "env.optimal_return": env.optimal_return(edited),
            "env.load": world,
            "env.reset": state,
            "env.step": step,
            "env.observe": env.observe(world, step.state),
        }

    # Plain calls take the longest, so they are made once, and so is the program of a batch. One for
    # a single instance is only needed to find out what is wrong.
    # The plain calls' key is used again, on purpose.
    clone, other = jax.random.clone(key), jax.random.fold_in(jax.random.clone(key), 1)
    keys = jnp.concatenate([clone[None], jax.random.split(other, 3)])
    advice = "Write every method for a single instance; its shapes must not depend on the batch."
    try:
        run = quick_jit(jax.vmap(play), cpu_optimisation=RUNS_ONCE)
        batched, turned = (call_again(run, (jnp.roll(keys, i),), {}) for i in range(2))
    except Exception as error:
        raise EnvCheckError(
            "vmap", f"env does not run under jax.vmap: {type(error).__name__}: {error} " + advice
        ) from error
    for i in range(len(keys)):
        check_metrics({n: value[i] for n, value in batched["env.level_metrics"].items()})
    for name, results in batched.items():
        expected = snapshot(plain[name])
        first = jax.tree.map(lambda leaf: leaf[0], results)
        moved = jax.tree.map(lambda leaf: leaf[1], turned[name])
        if same(expected, snapshot(first), exact=False) and same(
            expected, snapshot(moved), exact=False
        ):
            continue
        alone = call_again(jax.jit(play), (key,), {})[name]
        if not same(expected, snapshot(alone), exact=False):
            raise EnvCheckError(
                "jit",
                f"{name} gives another result under jax.jit than without. Compute with arrays all "
                "the way, and depend on nothing but the arguments.",
            )
        raise EnvCheckError(
            "vmap", f"{name} gives another result under jax.vmap than alone. " + advice
        )


def check_play(
    env: AbstractEnv, generator: AbstractLevelGenerator, key: Key[Array, ""], num_steps: int
) -> None:
    """Plays each example of an action on its own, and as many random players.

    They start their level anew at every end.
    """
    spec, level_spec = env.action_spec(), env.level_spec()
    examples = spec.examples()
    num_examples = jax.tree.leaves(examples)[0].shape[0]

    def play(player, key):
        level_key, reset_key, scan_key = jax.random.split(key, 3)
        level = generator.sample(level_spec, key=level_key)
        world = env.load(level)
        start = env.reset(world, key=reset_key)
        most = jnp.array(jnp.inf)
        optimum = env.optimal_return(level)
        if optimum is not None:
            # Rewards are added up in another order than an optimum may have been computed in.
            most = optimum + 1e-5

        def advance(carry, key):
            state, age, total, bad_action, broken = carry
            action_key, choice_key, step_key = jax.random.split(key, 3)
            constant = jax.tree.map(lambda leaf: leaf[player % num_examples], examples)
            wanted = jax.tree.map(
                lambda one, drawn: jnp.where(player < num_examples, one, drawn),
                constant,
                spec.sample(action_key),
            )
            observation = env.observe(world, state)
            action = choose(spec, observation, wanted, key=choice_key)
            mask = possible_actions(spec, observation)
            step = env.step(world, state, action, key=step_key)
            age, total = age + 1, total + step.reward
            infinite = ~jnp.isfinite(step.reward)
            first = infinite & ~broken["finite_reward"]
            bad_action = jax.tree.map(
                lambda new, old: jnp.where(first, new, old), action, bad_action
            )
            now = {
                "finite_reward": infinite,
                "time_limit": (age >= env.max_episode_steps) & ~step.done,
                "success_ends": jnp.array(False)
                if step.success is None
                else step.success & ~step.done,
                "optimal_return": step.done & (total > most),
                "action_mask": jnp.array(False) if mask is None else ~jnp.any(mask),
            }
            broken = jax.tree.map(jnp.logical_or, broken, now)
            state = jax.tree.map(
                lambda fresh, old: jnp.where(step.done, fresh, old), start, step.state
            )
            age, total = jnp.where(step.done, 0, age), jnp.where(step.done, 0.0, total)
            return (state, age, total, bad_action, broken), None

        unbroken = dict.fromkeys(_MESSAGES, jnp.array(False))
        bad_action = jax.tree.map(lambda leaf: leaf[0], examples)
        carry = (start, jnp.array(0), jnp.zeros(()), bad_action, unbroken)
        keys = jax.random.split(scan_key, max(num_steps, env.max_episode_steps))
        return jax.lax.scan(advance, carry, keys)[0][3:]

    players = jnp.arange(2 * num_examples)
    keys = jax.random.split(key, 2 * num_examples)
    bad_actions, broken = jax.device_get(
        quick_jit(jax.vmap(play), cpu_optimisation=RUNS_ONCE)(players, keys)
    )
    for rule, message in _MESSAGES.items():
        if np.any(broken[rule]):
            culprit = int(np.argmax(broken[rule]))
            action = jax.tree.map(lambda leaf, i=culprit: leaf[i], bad_actions)
            raise EnvCheckError(
                "action_spec" if rule == "action_mask" else rule,
                message.format(action=action, limit=env.max_episode_steps),
            )


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
