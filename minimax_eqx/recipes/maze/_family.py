"""Methods on mazes that differ in size, have lava, or have a locked door and its key.

All but the environment, and what makes its levels, is that of the method of the same name on plain
mazes.
"""

from typing import Any

from ..._composition._draft import with_changes
from ...envs import maze
from ...runners._experiment import Experiment
from ._reference import accel, dr

_MIXED_SIZES = {"height": 15, "width": 15, "mixed_sizes": True}


def mixed_sizes_dr(**changes: Any) -> Experiment:
    """Domain randomisation of mazes from 5 x 5 to 15 x 15 cells."""
    # As many walls for each cell as in mazes of 13 x 13.
    return dr(**{**_MIXED_SIZES, "num_walls": 80, **changes})


def mixed_sizes_accel(**changes: Any) -> Experiment:
    """ACCEL on mazes from 5 x 5 to 15 x 15 cells, which are edited inside their size."""
    return accel(**{**_MIXED_SIZES, **changes})


def lava_dr(**changes: Any) -> Experiment:
    """Domain randomisation of mazes with walls and lava, tested on MiniGrid's LavaCrossing."""
    generator = maze.RandomObjects(maze.RandomWalls(num_walls=25), num_lava=15)
    return with_changes(_with_lava(dr(generator=generator)), changes)


def lava_accel(**changes: Any) -> Experiment:
    """ACCEL on mazes with lava, from empty ones; tested on MiniGrid's LavaCrossing."""
    generator = maze.RandomObjects(maze.RandomWalls(num_walls=0), num_lava=0)
    return with_changes(_with_lava(accel(generator=generator)), changes)


def keys_dr(**changes: Any) -> Experiment:
    """Domain randomisation of two rooms with a locked door between them, tested on DoorKey."""
    return with_changes(_with_keys(dr(generator=maze.DoorKey(random_goal=True))), changes)


def keys_accel(**changes: Any) -> Experiment:
    """ACCEL on mazes with a key and a locked door, from two rooms; tested on MiniGrid's DoorKey."""
    return with_changes(_with_keys(accel(generator=maze.DoorKey(random_goal=True))), changes)


def _with_lava(experiment: Experiment) -> Experiment:
    changes = {"lava": True, "suite": maze.HeldOutMazes(("lava-crossings",))}
    return with_changes(experiment, changes)


def _with_keys(experiment: Experiment) -> Experiment:
    size = {"height": 8, "width": 8}
    changes = {**size, "locked_door": True, "suite": maze.HeldOutMazes(("door-key",))}
    return with_changes(experiment, changes)
