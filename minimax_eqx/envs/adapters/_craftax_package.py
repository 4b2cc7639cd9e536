"""Craftax, imported where it is needed: what each of its two games is made of."""

import functools
import importlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from ..._types import PyTree
from ._foreign import strong
from ._package import require

Name: TypeAlias = Literal["full", "classic"]
_FOLDERS = {"full": "craftax.craftax", "classic": "craftax.craftax_classic"}
_CLASSES = {
    "full": "CraftaxSymbolicEnvNoAutoReset",
    "classic": "CraftaxClassicSymbolicEnvNoAutoReset",
}
# The package's limit is never reached, so that it ends no episode itself.
_NO_LIMIT = 2**31 - 1


class Game(NamedTuple):
    """Functions of one of the games, each of which is traced once in a process, since to trace a
    step of the full game takes longer than to trace all else. Keys are raw."""

    generate: Callable[[Array], Any]
    step: Callable[[Array, Any, Array], tuple[Any, Array, Array]]  # state, reward, over
    observe: Callable[[Any], Array]
    num_actions: int
    achievements: tuple[str, ...]
    blocks: dict[str, int]
    constants: Any


@functools.cache
def game(name: Name) -> Game:
    """One of the games. Raises `ImportError` if the package is missing or cannot work."""
    # Its modules make arrays, which would be lost if the first import were part of a program.
    with jax.ensure_compile_time_eval():
        require("craftax", extra="craftax", at_least="1.6.1", below="1.7")
        symbolic = importlib.import_module(f"{_FOLDERS[name]}.envs.craftax_symbolic_env")
        constants = importlib.import_module(f"{_FOLDERS[name]}.constants")
        env = getattr(symbolic, _CLASSES[name])()
    params, sizes = env.default_params.replace(max_timesteps=_NO_LIMIT), env.static_env_params

    def step(key, state, action):
        state, reward = symbolic.craftax_step(key, state, action, params, sizes)
        return strong((state, reward, env.is_terminal(state, params)))

    # In a batch of more than eight, the package's noise came out otherwise than alone on CPUs (JAX
    # 0.10.2), so that a seed's world would depend on its neighbours: worlds are made one by one.
    @jax.custom_batching.sequential_vmap
    def generate(key):
        world = symbolic.generate_world(key, params, sizes)
        # Chance in play comes with the episode, so that equal worlds are equal levels.
        return strong(world.replace(state_rng=jnp.zeros_like(world.state_rng)))

    return Game(
        generate=jax.jit(generate),
        step=jax.jit(step),
        observe=jax.jit(lambda state: strong(env.get_obs(state))),
        num_actions=env.num_actions,
        achievements=_names(constants.Achievement),
        blocks={block.name.lower(): block.value for block in constants.BlockType},
        constants=constants,
    )


def name_of(owner: str, level: PyTree) -> Name:
    """Which game a level, or its structure, is of.

    Raises `ValueError`, for the part `owner`, if it is of another environment.
    """
    module = type(level).__module__
    for name in ("classic", "full"):
        if module.startswith(f"{_FOLDERS[name]}."):
            return name
    raise ValueError(
        f"{owner} is for worlds of Craftax, and these levels are of type {type(level).__name__}: "
        "use a part of that environment."
    )


def raw(key: Key[Array, ""]) -> Array:
    """The key as the package wants it."""
    return jax.random.key_data(key)


def _names(achievements: Any) -> tuple[str, ...]:
    return tuple(a.name.lower() for a in sorted(achievements, key=lambda a: a.value))
