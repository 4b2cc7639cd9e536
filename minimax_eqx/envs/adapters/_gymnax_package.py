"""The package gymnax, and its environments."""

import functools
from types import ModuleType
from typing import Any

from ._package import require


def gymnax(module: str = "gymnax") -> ModuleType:
    """The package, or a module of it. Versions before 1 do not tell the time limit from other ends.

    Raises `PackageError`, an `ImportError`, without one that works.
    """
    return require(module, extra="gymnax", at_least="1.0.1", below="2", distribution="gymnax")


@functools.cache
def made(name: str) -> tuple[Any, Any]:
    """An environment and its own parameters. Raises `ValueError` if there is none of that name."""
    if name not in gymnax().registered_envs:
        known = ", ".join(gymnax().registered_envs)
        raise ValueError(f"Gymnax.name is {name!r}, which is not there. There are {known}.")
    return gymnax().make(name)
