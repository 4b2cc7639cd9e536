"""Brax's environments: made once, and what their systems say of themselves."""

import contextlib
import functools
import io
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._types import PyTree
from ..boxes._parameters import ParameterLevel
from ._foreign import strong
from ._package import require


@functools.cache
def environment(name: str, backend: str) -> Any:
    """Brax's environment of that name.

    Raises `ImportError` without Brax, and `ValueError`, with all names, for an unknown one.
    """
    # It says on import that optional parts are missing, and at every start that MJX is newer.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        envs = _part("envs")
        known = envs._envs.keys() - {"fast"}  # which stands in for a robot in Brax's tests
        if name not in known:
            raise ValueError(
                f"Brax.name is {name!r}, which is no robot of Brax. There are "
                f"{', '.join(sorted(known))}."
            )
        # What is made while a program is traced would be of that trace alone.
        with jax.ensure_compile_time_eval():
            return envs.get_environment(name, backend=backend)


@functools.cache
def numbers(name: str, backend: str) -> tuple[tuple[str, float], ...]:
    """What a level may decide, with its value in Brax, if the robot depends on it."""
    system = environment(name, backend).sys
    gravity = float(np.linalg.norm(system.gravity))
    factors = ["mass", *(f"mass_{link}" for link in links(system)), "gear"]
    # The other simulations slow joints down by numbers that also hold them together.
    if backend in ("generalized", "mjx") and np.any(np.asarray(system.dof.damping) > 0):
        factors.append("damping")
    places = _part("base").Transform.zero((system.num_links(),))
    if jax.eval_shape(_part("contact").get, system, places) is not None:
        factors.append("friction")
    return (*([("gravity", gravity)] if gravity > 0 else []), *((name, 1.0) for name in factors))


@functools.cache
def observation_spec(name: str, backend: str) -> PyTree[jax.ShapeDtypeStruct]:
    """The structure of an observation. `Env.observation_size` would play to find out."""
    env = environment(name, backend)
    return jax.eval_shape(lambda key: strong(env.reset(key).obs), jax.random.key(0))


# Brax's own simulations read the first place, and MJX the second.
_PLACES = {
    "gravity": ("gravity", "opt.gravity"),
    "gear": ("actuator.gear", "actuator_gear"),
    "damping": ("dof.damping", "dof_damping"),
    "friction": ("geom_friction",),
}


def parts_of(name: str, backend: str, level: ParameterLevel) -> dict[str, Array]:
    """The arrays of the system that a level decides, by their places in it."""
    system, own, parts = environment(name, backend).sys, dict(numbers(name, backend)), {}
    for varied in level.box.names:
        # What is 1 in Brax is a factor of what is there.
        for place in _PLACES.get(varied, ()):
            parts[place] = _at(system, place) / own[varied] * level[varied]
    if any(varied.startswith("mass") for varied in level.box.names):
        of_links = link_factors(system, level)
        of_bodies = jnp.concatenate([jnp.ones(1), of_links])  # the first one is the world
        for place in ("link.inertia.mass", "link.inertia.i", "body_mass", "body_inertia"):
            old = _at(system, place)
            factor = of_links if place.startswith("link") else of_bodies
            parts[place] = old * factor.reshape(-1, *(1,) * (old.ndim - 1))
    return parts


def links(system: Any) -> list[str]:
    """The names of all links; those without one are numbered."""
    return [name or f"link{i}" for i, name in enumerate(system.link_names)]


def link_factors(system: Any, level: ParameterLevel) -> Float[Array, " link"]:
    """How many times as heavy as in Brax each link is in a level."""
    given = level.box.names
    own = [level[f"mass_{n}"] if f"mass_{n}" in given else jnp.ones(()) for n in links(system)]
    return jnp.stack(own) * (level["mass"] if "mass" in given else jnp.ones(()))


def _at(system: Any, place: str) -> Array:
    return functools.reduce(getattr, place.split("."), system)


def _part(name: str) -> Any:
    return require(
        f"brax.{name}", extra="brax", at_least="0.14.2", below="0.15", distribution="brax"
    )
