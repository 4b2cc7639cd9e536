"""How large a grid may be, and how long an episode."""

from typing import Any

import equinox as eqx

from ..._ranges import check_between

MIN_SIDE = 2
# Up to here a float32, the type of all metrics, counts cells exactly; their numbers fit an int32.
MAX_CELLS = 2**24
MAX_SIDE = MAX_CELLS // MIN_SIDE
MAX_STEPS = 2**31 - 1
_THINGS = {"lava_map": "lava", "other_goals": "further goals", "key_pos": "key and door"}


def check_size(part: eqx.Module) -> None:
    """Raises `ValueError` if a part cannot have a grid of its `height` and `width`."""
    check_between(part, MIN_SIDE, MAX_SIDE, "height", "width")
    height, width = getattr(part, "height"), getattr(part, "width")  # noqa: B009
    if height * width > MAX_CELLS:
        raise ValueError(
            f"{type(part).__name__} has {height} x {width} = {height * width:,} cells; it must "
            f"have at most {MAX_CELLS:,}, as many as 4096 x 4096. Choose a smaller height or width."
        )


def size_of(name: str, level: Any, *fills: str) -> tuple[int, int]:
    """Height and width of a maze of the structure `level`, for the generator of that name.

    Raises `ValueError` if it is not the structure of one maze, and if such mazes have more than
    the generator `fills`, out of `size`, `lava_map`, `other_goals`, `key_pos` and `door_pos`.
    """
    wall_map = getattr(level, "wall_map", None)
    if wall_map is None:
        raise ValueError(
            f"{name} makes a MazeLevel, but the environment's levels are of type "
            f"{type(level).__name__}. Use a generator that is made for this environment."
        )
    if len(wall_map.shape) != 2:
        raise ValueError(
            f"{name} makes one level, whose wall_map has shape (height, width), but it is to make "
            f"one of shape {wall_map.shape}. Pass env.level_spec(), and use jax.vmap over keys to "
            "make several."
        )
    if level.size is not None and "size" not in fills:
        raise ValueError(
            f"{name} makes mazes of one size, but the environment's mazes differ in size. Use "
            "another generator, such as RandomWalls or PerfectMaze, or an environment with "
            "mixed_sizes=False."
        )
    for part, thing in _THINGS.items():
        if getattr(level, part) is not None and part not in fills:
            raise ValueError(
                f"{name} makes no {thing}, but the environment's mazes have some. Use another "
                "environment, or RandomObjects, which puts it into another generator's levels."
            )
    return wall_map.shape


def check_odd_size(name: str, height: int, width: int) -> None:
    """Raises `ValueError` unless the levels of the generator of that name have odd sides."""
    for side, cells in (("height", height), ("width", width)):
        if cells < 3 or cells % 2 == 0:
            raise ValueError(
                f"{name} makes mazes whose sides are odd and at least 3, but the environment's "
                f"{side} is {cells}. Choose another size of environment, such as "
                f"{side}={max(3, cells + 1)}."
            )


def check_num_walls(name: str, num_walls: int, height: int, width: int) -> None:
    """Raises `ValueError` if `num_walls` walls leave no room for agent and goal."""
    most = height * width - 2
    if num_walls > most:
        raise ValueError(
            f"{name}.num_walls is {num_walls}; in a maze of {height} x {width} cells it must be "
            f"between 0 and {most}, to leave room for agent and goal."
        )
