"""How large everything is: for an accelerator, and, with `--small`, for a test of the script."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minimax_eqx import Experiment
from minimax_eqx._composition._draft import with_changes
from minimax_eqx.curricula import LearnedGenerator, LevelReplay
from minimax_eqx.recipes._known import RECIPES

from ..phases import CORES

PRECISIONS = ("float32", "tensorfloat32", "bfloat16")


@dataclass(frozen=True)
class Sizes:
    """What the parts are measured at."""

    levels: Mapping[str, tuple[int, ...]]
    """Levels side by side, for each recipe."""
    cores: tuple[str, ...]
    core_levels: tuple[int, ...]
    precisions: tuple[str, ...]
    precision_levels: int
    """The precisions of matrix products are compared with so many levels."""
    start: str
    """The recipe that is started in a fresh process."""
    env_batches: tuple[int, ...]
    profile_levels: tuple[int, ...]
    members: tuple[int, ...]
    communication_levels: int
    science_mazes: tuple[str, ...]
    """Held-out mazes or panels."""
    science_seeds: int
    science_cycles: int
    """Cycles of one call of the compiled program."""
    science_episodes: int
    """Episodes of each maze."""
    science_updates: int
    """Of each student; fewer if there is no time for them."""
    science_calls: int | None
    """The most calls of each method; None: as many as there is time for."""
    row_seconds: float
    """The most that the calls of one row may take."""
    matrix: int | None
    """Rows of the matrices whose product is the yardstick; None for the usual."""
    changes: Mapping[str, Any]
    """Other values for all experiments, by the short names that the command line has for them."""
    changes_of_teachers: Mapping[str, Any]
    """The same for those in which a teacher designs the levels."""
    capacity: int | None
    """Of a level buffer, which holds a cycle's levels at least; None for the recipe's."""

    def experiment(self, name: str, num_levels: int | None = None) -> Experiment:
        """The recipe of that name at these sizes, with another number of levels."""
        experiment = RECIPES[name]()
        changes, curriculum = dict(self.changes), experiment.curriculum
        if isinstance(getattr(curriculum, "generator", None), LearnedGenerator):
            changes |= self.changes_of_teachers
        if num_levels is not None:
            changes["num_levels"] = num_levels
        if isinstance(curriculum, LevelReplay):
            capacity = self.capacity or curriculum.capacity
            changes["capacity"] = max(capacity, num_levels or curriculum.num_levels)
        return with_changes(experiment, changes)


FULL = Sizes(
    levels=dict.fromkeys(("maze-dr", "maze-accel", "maze-paired"), (32, 256, 1024, 4096)),
    cores=tuple(CORES),
    core_levels=(32, 1024),
    precisions=PRECISIONS,
    precision_levels=1024,
    start="maze-dr",
    env_batches=(65536, 16384, 4096, 1024),
    profile_levels=(32, 1024),
    members=(1, 8, 32),
    communication_levels=1024,
    science_mazes=("minimax-12",),
    science_seeds=8,
    science_cycles=100,
    science_episodes=10,
    science_updates=30_000,
    science_calls=None,
    row_seconds=1.5,
    matrix=None,
    changes={},
    changes_of_teachers={},
    capacity=None,
)
SMALL = Sizes(
    levels={"maze-dr": (2,), "maze-accel": (2,), "maze-paired": (2,)},
    cores=("lstm", "s5"),
    core_levels=(2,),
    precisions=PRECISIONS[:1],
    precision_levels=2,
    start="quickstart",
    env_batches=(4,),
    profile_levels=(2,),
    members=(2,),
    communication_levels=8,
    science_mazes=("SixteenRooms", "PerfectMazeMedium"),
    science_seeds=2,
    science_cycles=2,
    science_episodes=1,
    science_updates=100,
    science_calls=2,
    row_seconds=0.1,
    matrix=128,
    changes={
        "height": 5,
        "width": 5,
        "max_episode_steps": 8,
        "curriculum.num_walls": 4,
        "student.hidden_size": 8,
        "student.num_filters": 4,
        "student.head_size": 8,
        "student.num_epochs": 1,
        "num_steps": 8,
    },
    changes_of_teachers={
        "noise_dim": 4,
        "teacher.hidden_size": 8,
        "teacher.num_filters": 4,
        "teacher.head_size": 8,
        "teacher.num_epochs": 1,
    },
    capacity=8,
)
