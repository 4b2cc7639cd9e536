"""Levels made to fit another environment."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# What a level may have besides, and the field of `Maze` that says so.
OPTIONS = {
    "size": "mixed_sizes",
    "lava_map": "lava",
    "other_goals": "num_goals",
    "key_pos": "locked_door",
    "door_pos": "locked_door",
}


def fit_level(level: Any, spec: Any) -> Any:
    """A maze's level as one of an environment; `MazeLevel.fitted` says how."""
    most = spec.wall_map.shape
    if level.size is None and _is_larger(level, most) and has_border(level):
        smaller = without_border(level)
        level = level if _is_larger(smaller, most) else smaller
    walls, lava, size = jnp.asarray(level.wall_map), level.lava_map, level.size
    (height, width), is_mixed = walls.shape, spec.size is not None
    if size is None and (_is_larger(level, most) or not (is_mixed or (height, width) == most)):
        sizes = f"{'at most ' if is_mixed else ''}{most[0]} x {most[1]}"
        remedy = "Give the environment another height and width"
        remedy += "." if is_mixed else ", or mixed_sizes=True for levels of several sizes."
        raise ValueError(
            f"A level of {height} x {width} cells is too "
            f"{'large' if _is_larger(level, most) else 'small'} for an environment with {sizes}. "
            f"{remedy}"
        )
    _check_things(level, spec)
    if lava is not None or spec.lava_map is not None:
        lava = jnp.zeros((height, width), bool) if lava is None else jnp.asarray(lava)
    if size is None and is_mixed:
        margins = ((0, most[0] - height), (0, most[1] - width))
        walls = jnp.pad(walls, margins, constant_values=True)
        lava = None if lava is None else jnp.pad(lava, margins)
        size = jnp.array([height, width], jnp.int32)
    held = jax.tree.map(jnp.asarray, level)
    return dataclasses.replace(held, wall_map=walls, lava_map=lava, size=size)


def _check_things(level: Any, spec: Any) -> None:
    """Refuses a level that has other things than the environment's levels have."""
    goals, most_goals = (1 + sum(np.shape(maze.other_goals)[:1]) for maze in (level, spec))
    has_key, wants_key = (maze.key_pos is not None for maze in (level, spec))
    needs = []
    if level.lava_map is not None and spec.lava_map is None:
        needs += ["lava=True, since it has lava"]
    if goals != most_goals:
        needs += [f"num_goals={goals} and not {most_goals}"]
    if has_key != wants_key:
        needs += [f"locked_door={has_key}, since it has {'a' if has_key else 'no'} key"]
    if needs:
        raise ValueError(f"This level needs an environment with {', '.join(needs)}.")


def has_border(level: Any) -> bool:
    """Whether there are walls all around a level, and something within."""
    walls = np.array(level.wall_map)
    if min(walls.shape) < 3:
        return False
    walls[1:-1, 1:-1] = True
    return bool(walls.all())


def without_border(level: Any) -> Any:
    """A level without the cells that are farthest out, which are walls."""
    level = jax.tree.map(jnp.asarray, level)
    grids = {
        name: getattr(level, name)[1:-1, 1:-1]
        for name in ("wall_map", "lava_map")
        if getattr(level, name) is not None
    }
    places = {
        name: getattr(level, name) - 1
        for name in ("agent_pos", "goal_pos", "other_goals", "key_pos", "door_pos")
        if getattr(level, name) is not None
    }
    return dataclasses.replace(level, **grids, **places)


def _is_larger(level: Any, most: tuple[int, ...]) -> bool:
    return any(side > limit for side, limit in zip(level.wall_map.shape, most, strict=True))
