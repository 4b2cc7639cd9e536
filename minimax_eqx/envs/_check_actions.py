"""Checks of an environment's actions, and the choice of possible ones."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from .._types import PyTree
from ._actions import AbstractActionSpec, Discrete
from ._check_fields import EnvCheckError
from ._env import AbstractEnv


def check_action_spec(env: AbstractEnv, key: Key[Array, ""]) -> None:
    spec = env.action_spec()
    if not isinstance(spec, AbstractActionSpec):
        _refuse(
            f"env.action_spec gives {spec!r}; it must give a Discrete, a MultiDiscrete, a Box, or "
            "another AbstractActionSpec."
        )
    if spec != env.action_spec() or hash(spec) != hash(env.action_spec()):
        _refuse("env.action_spec gives a spec that does not equal the one of another call.")
    examples = spec.examples()
    first = jax.tree.map(lambda leaf: leaf[0], examples)
    for what, action in (("sample", spec.sample(key)), ("examples", first)):
        try:
            spec.check(action)
        except ValueError as error:
            _refuse(f"an action of its own {what} is refused: {error}")
    try:
        spec.check(jax.tree.map(lambda leaf: leaf[None], first))
    except ValueError:
        pass
    else:
        _refuse(f"{spec}.check accepts an action with one axis too many; raise ValueError.")
    if isinstance(spec, Discrete) and spec.masked:
        mask = getattr(env.observation_spec(), "action_mask", None)
        if mask is None or (mask.shape, mask.dtype) != ((spec.num_actions,), jnp.dtype(bool)):
            _refuse(
                f"actions are {spec}, so observations must have a field `action_mask` of "
                f"{spec.num_actions} booleans; env.observation_spec has {mask}."
            )


def possible_actions(spec: AbstractActionSpec, observation: Any) -> Bool[Array, " action"] | None:
    """The mask of a masked choice; None where every action is possible."""
    masked = isinstance(spec, Discrete) and spec.masked
    return observation.action_mask if masked else None


def choose(
    spec: AbstractActionSpec, observation: Any, wanted: PyTree[Array], *, key: Key[Array, ""]
) -> PyTree[Array]:
    """The wanted action, or a random one that is possible where the wanted one is not."""
    mask = possible_actions(spec, observation)
    if mask is None:
        return wanted
    drawn = jax.random.categorical(key, jnp.where(mask, 0.0, -jnp.inf))
    return jnp.where(mask[wanted], wanted, drawn.astype(jnp.int32))


def _refuse(problem: str) -> None:
    raise EnvCheckError("action_spec", problem)
