"""A conformance check for environments: every rule that the rest of the library relies on."""

import jax
from jaxtyping import Array, Key

from ._check_actions import check_action_spec
from ._check_calls import check_calls
from ._check_episodes import check_episodes
from ._check_fields import check_compiles_once, check_counts
from ._check_play import GENERATOR
from ._check_types import check_spec
from ._editor import AbstractDesign, Blanks
from ._env import AbstractEnv, AbstractLevelGenerator
from ._mutator import AbstractLevelMutator


def check_env(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    *,
    mutator: AbstractLevelMutator | None = None,
    design: AbstractDesign | None = None,
    key: Key[Array, ""] | None = None,
    num_steps: int = 64,
) -> None:
    """Checks that an environment and what makes its levels keep the library's rules.

    Arguments:

    - `env`, `generator`: what to check.
    - `mutator`, `design`: what edits levels, and how a teacher designs them, if you have them. The
      design's editor is checked as an environment of its own.
    - `key`: decides levels and actions; `jax.random.key(0, impl="threefry2x32")` if `None`.
    - `num_steps`: steps to play at least; at least 1. Episodes are played to the time limit, each
      action on its own and actions at random. Where that would be very many steps, a few players
      take all actions in turn, and stop once an episode has ended.

    Methods are traced, and two programs are compiled, whatever the environment; only short methods
    are also called plainly.

    Returns nothing if all is well. Raises `EnvCheckError`, a `ValueError`, at the first rule that
    is broken, and `RuntimeError` where JAX does not compile. The rules, by name:

    - `counts`: `max_episode_steps` is a positive Python integer.
    - `action_spec`: it equals itself when asked for again, accepts its own actions and refuses
      others. If it is masked, observations have an `action_mask` that allows some action.
    - `compiles_once`: copies of the parts do not make `eqx.filter_jit` compile again: all that is
      no array in them equals its copy. Functions are taken to be the same in a copy.
    - `runs`: every method runs on the generator's levels, with an action drawn at random.
    - `leaves`: levels, worlds, states and observations consist of arrays, not of Python numbers.
    - `level_spec`, `observation_spec`: levels and observations are as declared, edited and designed
      levels too.
    - `level_metrics`: metrics are finite float scalars, and `passable` is 0 or 1.
    - `time_step`: the reward and measures are float32 scalars, and measures are finite; terminated
      and truncated are booleans, and so is success, or else None.
    - `stable_state`: a step changes neither structure nor shapes nor types (weak types included).
    - `pure`: nothing changes its inputs.
    - `deterministic`: the same inputs and key give the same results.
    - `jit`, `vmap`: every method can be compiled; a compiled call agrees with a plain one, and a
      batch with its members.
    - `finite_reward`: rewards are finite, for every action.
    - `success_ends`: an episode ends with its success.
    - `time_limit`: an episode ends after `max_episode_steps` steps at the latest.
    - `truncated`: such an end is `truncated`. It is refused if several episodes last that long and
      all of them end with `terminated` alone.
    - `no_reset`: a step that ends an episode gives the state of its end. It is refused if a count
      of steps in the state then has its first value.
    - `keeps_level`: an episode is one of the given level. It is refused if levels make no
      difference where another key does; and, if levels are states, if two resets of one level
      differ in a part that no step changes.
    - `optimal_return`: if there is one, it is a finite float32 scalar, and no episode that is
      played returns more.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps is {num_steps}; it must be at least 1.")
    # JAX adds the attributes of its options while it is imported.
    if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
        raise RuntimeError(
            "check_env compares compiled calls with plain ones, and JAX's compiler is switched "
            "off: set JAX_DISABLE_JIT=0, or jax.config.update('jax_disable_jit', False)."
        )
    key = jax.random.key(0, impl=GENERATOR) if key is None else key
    if str(jax.random.key_impl(key)) != GENERATOR:
        raise ValueError(
            f"key is of JAX's generator {jax.random.key_impl(key)}, whose numbers need not be the "
            "same in a batch as alone, so that batches cannot be compared with single calls. Use "
            f"jax.random.key(0, impl={GENERATOR!r}); the environment may use any afterwards."
        )
    keys = jax.random.split(key, 4)
    call_key, play_key, action_key, design_key = keys
    check_counts(env)
    parts = {"env": env, "generator": generator, "mutator": mutator, "design": design}
    check_compiles_once(**{name: part for name, part in parts.items() if part is not None})
    check_action_spec(env, action_key)
    methods, short = check_calls(env, generator, mutator, call_key)
    check_episodes(env, generator, mutator, methods, short=short, key=play_key, num_steps=num_steps)
    if design is not None:
        editor = design.editor(env.level_spec())
        designed = editor.designed_level_spec()
        check_spec("level_spec", "editor.level", designed, env.level_spec())
        check_env(editor, Blanks(editor), key=design_key, num_steps=num_steps)
