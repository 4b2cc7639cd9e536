"""What is asked of JaxMARL: its JaxNav with one robot, its maps, its hand-made tests."""

import contextlib
import functools
import importlib
import io
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from ._jaxnav_level import JaxNavLevel
from ._package import require

ROBOT_RADIUS = 0.3  # metres; what lidar calls close is measured from here
_JAXNAV = "jaxmarl.environments.jaxnav"


def require_jaxmarl() -> None:
    """Raises `ImportError`, with what to install, if JaxMARL is missing or of another version."""
    with _quietly():
        require(_JAXNAV, extra="jaxnav", at_least="0.2.0", below="0.3", distribution="jaxmarl")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hides what the package prints while it is imported. It also puts Python's own streams in the
    place of whatever prints are sent to; they are put back."""
    out, err, own = sys.stdout, sys.stderr, sys.__stdout__
    sys.stdout = sys.__stdout__ = io.StringIO()
    try:
        yield
    finally:
        sys.stdout, sys.stderr, sys.__stdout__ = out, err, own


@contextlib.contextmanager
def package_rules() -> Iterator[None]:
    """Lets the package mix types and ranks, whatever JAX is told to refuse in your own code, and
    keeps JAX from telling you that it does. With 64 bits its step would fail, so it has 32."""
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "scatter inputs have incompatible", FutureWarning)
        warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
        yield


@functools.cache
def navigation(height: int, width: int, goal_radius: float, num_beams: int, limit: int) -> Any:
    """The package's environment. The same object for the same numbers, so that what JAX compiled
    for it is found again. Discrete actions are looked up in `discrete_actions`: the package's own
    way of doing that prints each time it is traced."""
    require_jaxmarl()
    with jax.ensure_compile_time_eval(), package_rules():
        return importlib.import_module(_JAXNAV).JaxNav(
            num_agents=1,
            rad=ROBOT_RADIUS,
            goal_radius=goal_radius,
            lidar_num_beams=num_beams,
            max_steps=limit,
            map_params={"map_size": (width, height), **_distances(height)},
        )


@functools.cache
def map_maker(height: int, width: int, fill: float) -> Any:
    """The package's random maps, with places in the middle of cells."""
    require_jaxmarl()
    with jax.ensure_compile_time_eval(), package_rules():
        return importlib.import_module(f"{_JAXNAV}.maps").make_map(
            "Grid-Rand-Poly",
            num_agents=1,
            rad=ROBOT_RADIUS,
            map_size=(width, height),
            fill=fill,
            **_distances(height),
        )


def discrete_actions() -> Any:
    """The wanted speed and turn rate of each discrete action."""
    require_jaxmarl()
    with jax.ensure_compile_time_eval():
        return importlib.import_module(f"{_JAXNAV}.jaxnav_env").DISCRETE_ACTS


def instance(level: JaxNavLevel) -> Any:
    """The package's form of a level."""
    return importlib.import_module(f"{_JAXNAV}.jaxnav_env").EnvInstance(
        agent_pos=level.position[None],
        agent_theta=level.direction[None],
        goal_pos=level.goal[None],
        map_data=level.walls.astype(jnp.int32),
        rew_lambda=level.reward_weight,
    )


def hand_made(name: str) -> Any:
    """The package's environment of one of its tests, which has the map and both poses."""
    require_jaxmarl()
    with jax.ensure_compile_time_eval(), package_rules():
        # The package warns of its own small maps.
        warnings.filterwarnings("ignore", "max_dist_to_goal", UserWarning)
        return importlib.import_module(_JAXNAV).make_jaxnav_singleton(name)


def _distances(height: int) -> dict[str, float]:
    """How far goals lie where they are not in the middle of cells, which is nowhere here. The
    package's own values make it warn of small maps, and refuse the smallest."""
    farthest = height - 1 - ROBOT_RADIUS - (1 + ROBOT_RADIUS)
    return {"min_dist_to_goal": min(1 + ROBOT_RADIUS, farthest), "max_dist_to_goal": farthest}
