"""Kinetix, imported where it is needed; its engine and edits, which are made once."""

import functools
import importlib
import pathlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

import jax
from jaxtyping import Array, Key, UInt32

from ._package import require

Size = Literal["s", "m", "l"]
Actions = Literal["multi-discrete", "discrete", "continuous"]
Observations = Literal["flat", "entities"]

_NAMES = {
    "multi-discrete": "MULTI_DISCRETE",
    "discrete": "DISCRETE",
    "continuous": "CONTINUOUS",
    "flat": "SYMBOLIC_FLAT",
    "entities": "SYMBOLIC_ENTITY",
}


@functools.cache
def kinetix() -> ModuleType:
    """The package's environments. Raises `ImportError` if it is missing, or cannot work."""
    # It does not work with JAX 0.12, and does with 0.10.2, whatever it asks for itself.
    require("jax", extra="kinetix", at_least="0.8", below="0.11")
    # Its modules make arrays, which would be lost if the first import were part of a program.
    with jax.ensure_compile_time_eval():
        return require(
            "kinetix.environment",
            extra="kinetix",
            at_least="3.0.2",
            below="3.1",
            distribution="kinetix-env",
        )


@functools.cache
def limits(size: Size) -> Any:
    """How much a scene of this size has room for."""
    with jax.ensure_compile_time_eval():
        return kinetix().static_env_params_from_size(size)


@functools.cache
def simulation(
    size: Size, actions: Actions = "multi-discrete", observations: Observations = "flat"
) -> Any:
    """The package's environment. The same object for the same names, so that what JAX compiled for
    it is found again."""
    package = kinetix()
    with jax.ensure_compile_time_eval():
        return package.make_kinetix_env(
            package.ActionType[_NAMES[actions]],
            package.ObservationType[_NAMES[observations]],
            None,
            package.EnvParams(),
            limits(size),
            auto_reset=False,
        )


@functools.cache
def scene_params() -> Any:
    """What random scenes and edits are like. The same object for all, since the package's are equal
    only to themselves, and JAX traces what it is given with another one anew."""
    return kinetix().UEDParams()


@functools.cache
def edits(size: Size) -> Callable[..., Any]:
    """The package's mutator: `edits(size)(raw_key, level, num_edits)`."""
    package = kinetix()
    with jax.ensure_compile_time_eval():
        return package.make_mutate_env(limits(size), package.EnvParams(), scene_params())


@functools.cache
def hand_made(size: Size) -> dict[str, str]:
    """The package's own scenes of a size: their names, and how the package finds them."""
    folder = pathlib.Path(importlib.import_module("kinetix.util.saving").BASE_DIR) / size
    return {file.stem: f"{size}/{file.name}" for file in sorted(folder.glob("*.json"))}


@functools.cache
def scene(size: Size, name: str) -> Any:
    """A scene of `hand_made`, with a leading axis of length 1."""
    load = importlib.import_module("kinetix.util.saving").load_evaluation_levels
    with jax.ensure_compile_time_eval():
        return load([hand_made(size)[name]], static_env_params_override=limits(size))[0]


def size_of(owner: str, level: Any) -> Size:
    """The size of a scene, or of its structure.

    Raises `ValueError`, for the part `owner`, if it is a level of another environment.
    """
    if isinstance(level, kinetix().EnvState):
        sizes: tuple[Size, ...] = ("s", "m", "l")
        for size in sizes:
            if level.polygon.active.shape[-1] == limits(size).num_polygons:
                return size
    raise ValueError(
        f"{owner} makes scenes of Kinetix, and these levels are of type {type(level).__name__}; "
        "use a part of that environment."
    )


def raw(key: Key[Array, ""]) -> UInt32[Array, " words"]:
    """A key as the package wants it."""
    return jax.random.key_data(key)
