"""Whole episodes for checks: who plays, and what is written down."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, UInt32

from .._types import PyTree
from ._check_actions import choose, possible_actions
from ._check_faults import digest, new_clocks, watch_clocks
from ._check_same import Traced
from ._env import AbstractEnv, TimeStep

RULES = (
    "finite_reward",
    "success_ends",
    "time_limit",
    "optimal_return",
    "action_mask",
)
"""What each step is looked at for."""
GENERATOR = "threefry2x32"
_MIX = 1_000_003
# Rewards are added up in another order than an optimum may have been computed in.
_ROUNDING = 1e-5


def play(
    env: AbstractEnv,
    methods: dict[str, Traced],
    player: Int[Array, ""],
    keys: UInt32[Array, "5 2"],
    *,
    num_constant: int,
    num_steps: int,
    most_steps: int,
    repeat: int,
) -> dict[str, PyTree]:
    """One player's steps on one level, which starts anew at every end.

    A player takes `num_steps` steps, and then goes on until an episode has ended; `most_steps` in
    all at the most.

    `methods` are those of the environment and of what makes its levels, by name. The first
    `num_constant` players play each example of an action in turn, `repeat` steps long; others play
    at random. Players of odd numbers play edited levels. `keys` are five, as plain numbers: for the
    level, its edit, a start, another start, and all steps.

    Returns what was found, by name:

    - `methods`: what each method gave first, the step with `first_action` and `first_keys`;
      `other` is another start of the same world.
    - `broken`: which of `RULES` were broken, with `action`, the first whose reward was not finite;
      and which `measures` were not finite.
    - `ends`: whether an episode ended at the time limit, terminated only or truncated.
    - `level`, `digest`: digests of the level, and of all that was seen; `last` is the last state
      before anything began anew, and `clocks` what numbers in it did.
    """
    spec, examples = env.action_spec(), env.action_spec().examples()
    num_examples = jax.tree.leaves(examples)[0].shape[0]
    steps_key = as_keys(keys[4])
    load, reset, observe = (methods[f"env.{name}"] for name in ("load", "reset", "observe"))
    take_step = methods["env.step"]
    level = methods["generator.sample"](as_keys(keys[0]))
    edited = methods.get("mutator.mutate", _unedited)(level, key=as_keys(keys[1]))
    played = _where(player % 2 == 1, edited, level)
    optimum = methods["env.optimal_return"](played)
    world = load(played)
    resets = jax.vmap(lambda key: reset(world, key=key))(as_keys(keys[2:4]))
    start, other = (jax.tree.map(lambda leaf, i=i: leaf[i], resets) for i in range(2))
    first_sight = observe(world, start)
    most = jnp.inf if optimum is None else optimum + _ROUNDING

    def goes_on(carry):
        _, _, _, found = carry
        time = found["time"]
        return (time < num_steps) | ((time < most_steps) & ~found["ended"])

    def advance(carry):
        state, age, total, found = carry
        time, first, bad_action = found["time"], found["first"], found["action"]
        numbers = jax.random.key_data(jax.random.fold_in(steps_key, time))
        action_key, choice_key, step_key = keys_of_step(numbers)
        turn = (player + num_constant * (time // repeat)) % num_examples
        wanted = _where(
            player < num_constant,
            jax.tree.map(lambda leaf: leaf[turn], examples),
            spec.sample(action_key),
        )
        observation = observe(world, state)
        action = choose(spec, observation, wanted, key=choice_key)
        mask = possible_actions(spec, observation)
        step = take_step(world, state, action, key=step_key)
        age, total = age + 1, total + step.reward
        infinite, no = ~jnp.isfinite(step.reward), jnp.zeros((), bool)
        now = {
            "finite_reward": infinite,
            "success_ends": no if step.success is None else step.success & ~step.done,
            "time_limit": (age >= env.max_episode_steps) & ~step.done,
            "optimal_return": step.done & (total > most),
            "action_mask": no if mask is None else ~jnp.any(mask),
        }
        at_limit = step.done & (age == env.max_episode_steps)
        seen = (observation, step.reward, step.terminated, step.truncated)
        found = {
            "time": time + 1,
            "ended": found["ended"] | step.done,
            "first": _where(time == 0, (step, action, numbers), first),
            "last": step.state,
            "action": _where(infinite & ~found["broken"]["finite_reward"], action, bad_action),
            "broken": {rule: found["broken"][rule] | now[rule] for rule in RULES},
            "measures": {
                name: found["measures"][name] | ~jnp.isfinite(value)
                for name, value in step.measures.items()
            },
            "ends": found["ends"] | (at_limit & jnp.stack([~step.truncated, step.truncated])),
            "digest": found["digest"] * jnp.uint32(_MIX) + digest(seen),
            "clocks": watch_clocks(found["clocks"], start, state, step),
        }
        state = _where(step.done, start, step.state)
        age, total = jnp.where(step.done, 0, age), jnp.where(step.done, 0.0, total)
        return state, age, total, found

    no, nothing = jnp.zeros((), bool), jnp.zeros((), jnp.int32)
    first_action = jax.tree.map(lambda leaf: leaf[0], examples)

    first_step = _blank_step(take_step, world, start, first_action)
    found = {
        "time": nothing,
        "ended": no,
        "first": (first_step, first_action, keys[4]),
        "last": start,
        "action": first_action,
        "broken": dict.fromkeys(RULES, no),
        "measures": dict.fromkeys(first_step.measures, no),
        "ends": jnp.zeros(2, bool),
        "digest": jnp.zeros(2, jnp.uint32),
        "clocks": new_clocks(start),
    }
    carry = (start, nothing, jnp.zeros(()), found)
    _, _, _, found = jax.lax.while_loop(goes_on, advance, carry)
    first_step, first_action, numbers = found.pop("first")
    results = {
        "generator.sample": level,
        "mutator.mutate": edited,
        "env.level_metrics": methods["env.level_metrics"](played),
        "env.optimal_return": optimum,
        "env.load": world,
        "env.reset": start,
        "env.observe": first_sight,
        "env.step": first_step,
    }
    return {
        **found,
        "methods": results,
        "other": other,
        "level": digest(played),
        "first_action": first_action,
        "first_keys": numbers,
    }


def as_keys(numbers: UInt32[Array, "*keys 2"]) -> Key[Array, "*keys"]:
    return jax.random.wrap_key_data(numbers, impl=GENERATOR)


def keys_of_step(numbers: UInt32[Array, "2"]) -> Key[Array, "3"]:
    """Keys for the action, for the choice of a possible one, and for the step."""
    return jax.random.split(as_keys(numbers), 3)


def _blank_step(take_step: Traced, world: Any, start: Any, action: PyTree) -> TimeStep:
    """What a step gives, in form."""
    key = jax.eval_shape(lambda: jax.random.key(0, impl=GENERATOR))
    step = jax.eval_shape(lambda key: take_step(world, start, action, key=key), key)
    leaves, structure = jax.tree.flatten(eqx.tree_at(lambda step: step.state, step, None))
    zeros = [jnp.zeros(leaf.shape, leaf.dtype) for leaf in leaves]
    blank = jax.tree.unflatten(structure, zeros)
    return eqx.tree_at(lambda step: step.state, blank, start, is_leaf=lambda leaf: leaf is None)


def _unedited(level: PyTree, *, key: Key[Array, ""]) -> PyTree:
    del key
    return level


def _where(condition: Bool[Array, ""], one: PyTree, other: PyTree) -> PyTree:
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), one, other)
