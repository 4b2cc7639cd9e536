"""What level replay cannot be made of: numbers out of range, and parts that do nothing together."""

from typing import TYPE_CHECKING

import jax
import numpy as np

from .._ranges import check_at_least, check_between
from .._types import PyTree
from ..envs import AbstractLevelGenerator
from ._fit import check_takes_scores
from ._kinds import Kind

if TYPE_CHECKING:
    from ._level_replay import LevelReplay


def check_parts_fit(replay: "LevelReplay") -> None:
    """Raises `ValueError`, naming the field, for what `LevelReplay` refuses."""
    check_at_least(replay, 1, "num_levels")
    check_at_least(replay, replay.num_levels, "capacity")
    check_between(replay, 0, 1, "staleness_coef", "min_fill_ratio", "uniform_share")
    check_takes_scores("LevelReplay", replay.prioritisation, replay.score)
    _check_something_is_replayed(replay)
    if replay.mutator is None and replay.parents.leaves_some_out:
        raise ValueError(
            f"LevelReplay.parents is {replay.parents}, but without a mutator no level is edited; "
            "give a mutator, or leave parents out."
        )


def _check_something_is_replayed(replay: "LevelReplay") -> None:
    if replay.schedule.replays:
        return
    if Kind.NEW not in replay.learn_from.kinds:
        raise ValueError(
            f"LevelReplay.schedule is {replay.schedule}, which never replays, and with learn_from="
            f"{replay.learn_from} the students do not learn from new levels, so they would never "
            "learn; let it replay, or use learn_from=NewAndReplayed()."
        )
    if replay.mutator is not None:
        raise ValueError(
            f"LevelReplay.schedule is {replay.schedule}, which never replays, and only replayed "
            f"levels are edited, so the mutator {type(replay.mutator).__name__} would have no "
            "effect; let it replay, or leave the mutator out."
        )


def check_can_be_filled(replay: "LevelReplay", level: PyTree[jax.ShapeDtypeStruct]) -> None:
    """Raises `ValueError` if there are too few different levels for anything to be replayed."""
    generator, ratio = replay.generator, replay.min_fill_ratio
    # A source that learns can't say, nor can a ratio that is swept.
    if not isinstance(generator, AbstractLevelGenerator) or not isinstance(ratio, float | int):
        return
    there = generator.count_levels(level)
    # As `num_slots` has it, but without starting JAX, which may have to wait for other processes.
    slightly_less = np.float32(replay.capacity * (1 - 2**-22))
    needed = max(int(np.ceil(np.float32(ratio) * slightly_less)), 1)
    if there is not None and there < needed:
        raise ValueError(
            f"LevelReplay: {generator} makes {there} different levels, and nothing is replayed "
            f"before min_fill_ratio={ratio} of the capacity of {replay.capacity} is filled, which "
            f"takes {needed}; lower min_fill_ratio or capacity."
        )
