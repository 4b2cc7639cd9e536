"""How large everything is: for an accelerator, and, with `--small`, for a test of the script."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minimax_eqx.experiment import Config, preset

from ..phases import CORES, CoreName

PRECISIONS = ("float32", "tensorfloat32", "bfloat16")


@dataclass(frozen=True)
class Sizes:
    """What the parts are measured at."""

    levels: Mapping[str, tuple[int, ...]]
    """Levels side by side, for each preset."""
    cores: tuple[CoreName, ...]
    core_levels: tuple[int, ...]
    precisions: tuple[str, ...]
    precision_levels: int
    """The precisions of matrix products are compared with so many levels."""
    start: str
    """The preset that is started in a fresh process."""
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
    changes: Mapping[str, Mapping[str, Any]]
    """Options of every configuration, by their group."""

    def config(self, name: str, num_levels: int | None = None, core: str | None = None) -> Config:
        """The preset of that name at these sizes, with other numbers of levels and another core."""
        config = preset(name)
        num_levels = num_levels or config.curriculum.num_levels
        changes = {group: dict(options) for group, options in self.changes.items()}
        changes.setdefault("curriculum", {})["num_levels"] = num_levels
        if core:
            changes.setdefault("network", {})["core"] = core
        if config.curriculum.method == "level-replay":
            replay = changes.setdefault("replay", {})
            capacity = replay.get("buffer_capacity", config.replay.buffer_capacity)
            replay["buffer_capacity"] = max(capacity, num_levels)
        else:
            changes.pop("replay", None)
        if config.levels.generator != "teacher":
            changes.pop("teacher", None)
        replaced = {
            group: dataclasses.replace(getattr(config, group), **options)
            for group, options in changes.items()
        }
        return dataclasses.replace(config, **replaced)


FULL = Sizes(
    levels=dict.fromkeys(("maze-dr", "maze-accel", "maze-paired"), (32, 256, 1024, 4096)),
    cores=CORES,
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
        "env": {"height": 5, "width": 5, "max_episode_steps": 8},
        "levels": {"num_walls": 4},
        "network": {"hidden_size": 8, "num_filters": 4, "head_size": 8},
        "ppo": {"num_epochs": 1},
        "curriculum": {"num_steps": 8},
        "replay": {"buffer_capacity": 8},
        "teacher": {
            "teacher_num_walls": 3,
            "noise_dim": 4,
            "teacher_hidden_size": 8,
            "teacher_num_filters": 4,
            "teacher_head_size": 8,
            "teacher_num_epochs": 1,
        },
    },
)
