"""A conformance check for environments: every rule that the rest of the library relies on."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from .._types import PyTree
from ._check_fields import EnvCheckError, check_compiles_once, check_counts, check_fields
from ._env import AbstractEnv, AbstractLevelGenerator, TimeStep

_WEAK = "weakly typed "
_GENERATOR = "threefry2x32"


def check_env(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    *,
    key: Key[Array, ""] | None = None,
    num_steps: int = 64,
) -> None:
    """Checks that an environment and a generator of its levels keep the library's rules.

    Arguments:

    - `env`, `generator`: what to check.
    - `key`: decides levels and actions; `jax.random.key(0, impl="threefry2x32")` if `None`.
    - `num_steps`: steps to play at least; at least 1. Episodes are played to the time limit in any
      case, each action on its own and actions at random.

    Returns nothing if all is well. Raises `EnvCheckError`, a `ValueError`, at the first rule that
    is broken, and `RuntimeError` where JAX does not compile. The rules, by name:

    - `counts`: `num_actions` and `max_episode_steps` are positive Python integers.
    - `fields`: numbers in `env` and `generator` are JAX arrays or static, but for those in
      Equinox's own layers.
    - `compiles_once`: copies of `env` and `generator` do not make `eqx.filter_jit` compile again:
      whatever in them is no array equals its copies. Functions are taken to be the same in a copy.
    - `runs`: every method runs on the generator's levels, with every action.
    - `leaves`: levels, worlds, states and observations consist of arrays.
    - `level_spec`, `observation_spec`: levels and observations are as declared.
    - `level_metrics`: metrics are finite float scalars, and `passable` is 0 or 1.
    - `time_step`: the reward is a float32 scalar; terminated, truncated and success are booleans.
    - `stable_state`: a step changes neither structure nor shapes nor types (weak types included).
    - `pure`: nothing changes its inputs.
    - `deterministic`: the same inputs and key give the same results.
    - `jit`, `vmap`: compiled and batched calls agree with plain ones.
    - `finite_reward`: rewards are finite, for every action.
    - `success_ends`: an episode ends with its success.
    - `time_limit`: an episode ends after `max_episode_steps` steps at the latest.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps is {num_steps}; it must be at least 1.")
    # JAX adds the attributes of its options while it is imported.
    if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
        raise RuntimeError(
            "check_env compares compiled calls with plain ones, and JAX's compiler is switched "
            "off: set JAX_DISABLE_JIT=0, or jax.config.update('jax_disable_jit', False)."
        )
    key = jax.random.key(0, impl=_GENERATOR) if key is None else key
    if str(jax.random.key_impl(key)) != _GENERATOR:
        raise ValueError(
            f"key is of JAX's generator {jax.random.key_impl(key)}, whose numbers need not be the "
            "same in a batch as alone, so that batches cannot be compared with single calls. Use "
            f"jax.random.key(0, impl={_GENERATOR!r}); the environment may use any afterwards."
        )
    *call_keys, batch_key, play_key = jax.random.split(key, 4)
    check_counts(env)
    check_fields(env=env, generator=generator)
    check_compiles_once(env, generator)
    for call_key in call_keys:
        _check_calls(env, generator, call_key)
    _check_batches(env, generator, batch_key)
    _check_play(env, generator, play_key, num_steps)


def _check_calls(env: AbstractEnv, generator: AbstractLevelGenerator, key: Key[Array, ""]) -> None:
    """Plain calls of every method, one after another, against compiled ones."""
    level_key, reset_key, step_key, action_key = jax.random.split(key, 4)
    level = _call("generator.sample", generator.sample, level_key)
    _check_leaves("generator.sample", level)
    _check_spec("level_spec", "generator.sample", level, _call("env.level_spec", env.level_spec))
    _check_metrics(_call("env.level_metrics", env.level_metrics, level))
    world = _call("env.load", env.load, level)
    _check_leaves("env.load", world)
    state = _call("env.reset", env.reset, world, key=reset_key)
    _check_leaves("env.reset", state)
    action = jax.random.randint(action_key, (), 0, env.num_actions)
    step = _call("env.step", env.step, world, state, action, key=step_key)
    _check_time_step(step)
    _check_stable(state, step.state)
    for index in range(env.num_actions):
        try:
            arguments = (world, state, jnp.array(index, action.dtype))
            _call_again(env.step, arguments, {"key": step_key})
        except Exception as error:
            raise EnvCheckError(
                "runs",
                f"env.step raises {type(error).__name__} for action {index} of "
                f"{env.num_actions}: {error}",
            ) from error
    spec = _call("env.observation_spec", env.observation_spec)
    for seen in (state, step.state):
        observation = _call("env.observe", env.observe, world, seen)
        _check_leaves("env.observe", observation)
        _check_spec("observation_spec", "env.observe", observation, spec)


def _call(name: str, method: Callable, *args: Any, **kwargs: Any) -> Any:
    """Calls a method plainly, twice, and compiled: it must run, be pure, and agree with itself."""
    before = _snapshot((args, kwargs))
    try:
        result = _call_again(method, args, kwargs)
        kept = _snapshot(result)
        again = _call_again(method, args, kwargs)
    except Exception as error:
        raise EnvCheckError("runs", f"{name} raises {type(error).__name__}: {error}") from error
    if not _same(before, _snapshot((args, kwargs)), exact=True):
        raise EnvCheckError(
            "pure",
            f"{name} changes what it is given. Build a new level, world or state instead, with "
            "`dataclasses.replace` or the constructor.",
        )
    if not _same(kept, _snapshot(again), exact=True):
        raise EnvCheckError(
            "deterministic",
            f"{name} gives different results for the same inputs and key. Draw random numbers "
            "from `key` alone, and keep what changes in the state.",
        )
    if not name.endswith("_spec"):
        _check_jit(name, method, kept, args, kwargs)
    return result


def _call_again(method: Callable, args: Any, kwargs: Any) -> Any:
    """Calls a method with keys that are used more than once, on purpose."""

    def again(argument):
        return jax.random.clone(argument) if _is_key(argument) else argument

    return method(*map(again, args), **{name: again(value) for name, value in kwargs.items()})


def _check_jit(name: str, method: Callable, plain: Any, args: Any, kwargs: Any) -> None:
    try:
        compiled = _call_again(eqx.filter_jit(method), args, kwargs)
    except Exception as error:
        raise EnvCheckError(
            "jit",
            f"{name} runs as it is but not under jax.jit: {type(error).__name__}: {error} Use "
            "jnp.where or jax.lax.cond instead of Python's `if` on arrays, and jnp instead of np.",
        ) from error
    if not _same(plain, _snapshot(compiled), exact=False):
        raise EnvCheckError(
            "jit",
            f"{name} gives another result under jax.jit than without. Compute with arrays all "
            "the way, and depend on nothing but the arguments.",
        )


def _check_leaves(name: str, tree: PyTree) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not eqx.is_array(leaf):
            raise EnvCheckError(
                "leaves",
                f"{name} gives {leaf!r} at {_place(path)}, which is no JAX array. Convert it with "
                "jnp.asarray, or make it a static field.",
            )


def _check_spec(rule: str, name: str, tree: PyTree, spec: PyTree) -> None:
    promise, fix = f"env.{rule} promises", f"Make env.{rule} and {name} agree."
    if jax.tree.structure(tree) != jax.tree.structure(spec):
        raise EnvCheckError(
            rule,
            f"{name} gives {jax.tree.structure(tree)}, but {promise} "
            f"{jax.tree.structure(spec)}. {fix}",
        )
    strong = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), spec)
    difference = _difference(tree, strong)
    if difference is not None:
        place, given, expected = difference
        raise EnvCheckError(
            rule, f"{name} gives {given} at {place}, but {promise} {expected}. {fix}"
        )


def _check_stable(state: PyTree, stepped: PyTree) -> None:
    fix = (
        "A step must keep the state's structure, shapes and types. An array made of a Python "
        "number is weakly typed: give a dtype, as in jnp.zeros((), jnp.int32)."
    )
    if jax.tree.structure(state) != jax.tree.structure(stepped):
        raise EnvCheckError(
            "stable_state",
            f"env.reset gives {jax.tree.structure(state)}, but env.step "
            f"{jax.tree.structure(stepped)}. " + fix,
        )
    difference = _difference(stepped, state)
    if difference is not None:
        place, given, expected = difference
        raise EnvCheckError(
            "stable_state",
            f"env.step gives {given} at {place}, but env.reset {expected}. {fix}",
        )


def _difference(tree: PyTree, spec: PyTree) -> tuple[str, str, str] | None:
    """The first place where shape or type differ, and both, for trees of one structure."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    for (path, leaf), expected in zip(leaves, jax.tree.leaves(spec), strict=True):
        if _describe(leaf) != _describe(expected):
            return _place(path), _describe(leaf), _describe(expected)
    return None


def _check_time_step(step: TimeStep) -> None:
    expected = {"reward": "float32[]", "terminated": "bool[]", "truncated": "bool[]"}
    for name, wanted in (expected | {"success": "bool[]"}).items():
        given = _describe(getattr(step, name)).removeprefix(_WEAK)
        if given != wanted:
            raise EnvCheckError(
                "time_step", f"env.step gives {name} as {given}; it must be {wanted}."
            )


def _check_metrics(metrics: dict) -> None:
    for name, value in metrics.items():
        scalar = eqx.is_inexact_array(value) and value.ndim == 0
        if not scalar or not bool(jnp.isfinite(value)):
            raise EnvCheckError(
                "level_metrics",
                f"env.level_metrics gives {name!r} as {value!r}; it must be a finite scalar array "
                "of floats. Use .astype(jnp.float32).",
            )
    if "passable" in metrics and float(metrics["passable"]) not in (0.0, 1.0):
        raise EnvCheckError(
            "level_metrics", f"`passable` is {metrics['passable']}; it must be 0 or 1."
        )


def _check_batches(
    env: AbstractEnv, generator: AbstractLevelGenerator, key: Key[Array, ""]
) -> None:
    def play(key):
        level_key, reset_key, step_key, action_key = jax.random.split(key, 4)
        level = generator.sample(level_key)
        world = env.load(level)
        state = env.reset(world, key=reset_key)
        action = jax.random.randint(action_key, (), 0, env.num_actions)
        step = env.step(world, state, action, key=step_key)
        return {
            "generator.sample": level,
            "env.level_metrics": env.level_metrics(level),
            "env.load": world,
            "env.reset": state,
            "env.step": step,
            "env.observe": env.observe(world, step.state),
        }

    keys = jax.random.split(key, 3)
    advice = "Write every method for a single instance; its shapes must not depend on the batch."
    try:
        batched = _call_again(jax.jit(jax.vmap(play)), (keys,), {})
    except Exception as error:
        raise EnvCheckError(
            "vmap", f"env does not run under jax.vmap: {type(error).__name__}: {error} " + advice
        ) from error
    for i, one_key in enumerate(keys):
        for name, result in play(one_key).items():
            of_batch = jax.tree.map(lambda leaf, i=i: leaf[i], batched[name])
            if not _same(_snapshot(result), _snapshot(of_batch), exact=False):
                raise EnvCheckError(
                    "vmap", f"{name} gives another result under jax.vmap than alone. " + advice
                )


def _check_play(
    env: AbstractEnv, generator: AbstractLevelGenerator, key: Key[Array, ""], num_steps: int
) -> None:
    """Plays each action on its own, and as many random players, starting anew at every end."""
    num_players = 2 * env.num_actions

    def play(player, key):
        level_key, reset_key, scan_key = jax.random.split(key, 3)
        world = env.load(generator.sample(level_key))
        start = env.reset(world, key=reset_key)

        def advance(carry, key):
            state, age, broken_reward, late, silent_success = carry
            action_key, step_key = jax.random.split(key)
            drawn = jax.random.randint(action_key, (), 0, env.num_actions)
            action = jnp.where(player < env.num_actions, player, drawn)
            step = env.step(world, state, action, key=step_key)
            age = age + 1
            broken_reward = broken_reward.at[action].max(~jnp.isfinite(step.reward))
            late = late | ((age >= env.max_episode_steps) & ~step.done)
            silent_success = silent_success | (step.success & ~step.done)
            state = jax.tree.map(
                lambda fresh, old: jnp.where(step.done, fresh, old), start, step.state
            )
            return (state, jnp.where(step.done, 0, age), broken_reward, late, silent_success), None

        no = jnp.array(False)
        carry = (start, jnp.array(0), jnp.zeros(env.num_actions, bool), no, no)
        keys = jax.random.split(scan_key, max(num_steps, env.max_episode_steps))
        return jax.lax.scan(advance, carry, keys)[0][2:]

    keys = jax.random.split(key, num_players)
    broken_reward, late, silent_success = jax.jit(jax.vmap(play))(jnp.arange(num_players), keys)
    broken = np.flatnonzero(np.any(broken_reward, axis=0))
    if broken.size:
        raise EnvCheckError(
            "finite_reward", f"env.step gives a reward that is not finite for action {broken[0]}."
        )
    if np.any(silent_success):
        raise EnvCheckError(
            "success_ends",
            "env.step says success without ending the episode. Set `terminated` or `truncated`.",
        )
    if np.any(late):
        raise EnvCheckError(
            "time_limit",
            f"an episode is not over after max_episode_steps = {env.max_episode_steps} steps. "
            "Count steps in the state and set `truncated` when that many were taken.",
        )


def _describe(leaf: Any) -> str:
    weak = _WEAK if getattr(leaf, "weak_type", False) else ""
    return f"{weak}{leaf.dtype}[{','.join(str(size) for size in leaf.shape)}]"


def _place(path: tuple) -> str:
    return f"`{jax.tree_util.keystr(path)}`" if path else "its top"


def _snapshot(tree: PyTree) -> tuple[Any, list[np.ndarray]]:
    """A copy that later changes cannot reach."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [np.array(_plain_data(leaf)) for leaf in leaves]


def _plain_data(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _is_key(leaf: Any) -> bool:
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _same(one: tuple, other: tuple, *, exact: bool) -> bool:
    (structure, leaves), (other_structure, other_leaves) = one, other
    return structure == other_structure and all(
        _equal(leaf, other_leaf, exact)
        for leaf, other_leaf in zip(leaves, other_leaves, strict=True)
    )


def _equal(one: np.ndarray, other: np.ndarray, exact: bool) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if exact or not np.issubdtype(one.dtype, np.inexact):
        return np.array_equal(one, other, equal_nan=np.issubdtype(one.dtype, np.inexact))
    return np.allclose(one, other, rtol=1e-5, atol=1e-6, equal_nan=True)
