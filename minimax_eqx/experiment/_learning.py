"""Whether the students of a run can ever learn."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ._options import ConfigError

if TYPE_CHECKING:
    from ._config import Config

_DIRECTIONS = 4
# Beyond so many of either kind of cell, walls or free, there are more levels than any buffer holds.
_ENOUGH = 32


def check_that_students_learn(config: "Config") -> None:
    """Raises `ConfigError`, naming the options, for a run in which no update could ever come, or
    none could change anything; and for a method that could never do what it is there for."""
    ppo = config.ppo
    if ppo.learning_rate == 0 and not (ppo.anneal_steps and ppo.final_learning_rate):
        raise ConfigError(
            "learning_rate is 0: the students would never learn. It must be positive, or anneal to "
            "a final_learning_rate that is."
        )
    if config.curriculum.method == "level-replay":
        _check_replay(config)
    if config.curriculum.method == "sfl":
        num_levels, share = config.curriculum.num_levels, config.search.kept_share
        if round(share * num_levels) == 0:
            raise ConfigError(
                f"kept_share is {share}: of {num_levels} levels in a cycle none would be one that "
                "the search found. Raise it or num_levels, or use method dr."
            )


def _check_replay(config: "Config") -> None:
    replay = config.replay
    if replay.replay_prob == 0 and replay.robust:
        raise ConfigError(
            "replay_prob is 0, and with robust the students learn from replayed levels only: they "
            "would never learn. It must be above 0, or robust false."
        )
    if replay.replay_prob == 0:
        raise ConfigError(
            "replay_prob is 0: nothing would ever be replayed. It must be above 0; or use method "
            "dr, which needs no level buffer."
        )
    needed = math.ceil(replay.min_fill_ratio * replay.buffer_capacity)
    cells, levels = config.env.height * config.env.width, config.levels
    is_drawn = levels.generator == "random-walls" and 0 <= levels.num_walls <= cells - 2
    if replay.robust and is_drawn:
        there = _at_most(numbers_of_levels(config), needed)
        if there < needed:
            raise ConfigError(
                f"buffer_capacity is {replay.buffer_capacity} and min_fill_ratio "
                f"{replay.min_fill_ratio}: replay would wait for {needed} different levels, and "
                f"there are only {there} mazes of {config.env.height} x {config.env.width} cells "
                f"with num_walls {levels.num_walls}, so that the students would never "
                "learn. Lower buffer_capacity or min_fill_ratio."
            )


def numbers_of_levels(config: "Config") -> Iterator[int]:
    """How many different levels `random-walls` draws, for each number of walls that it draws."""
    cells, levels = config.env.height * config.env.width, config.levels
    most = levels.num_walls
    is_fixed = not (levels.replace or levels.sample_num_walls)
    # Drawn with replacement, there is at least one wall if any is drawn.
    least = most if is_fixed else min(most, 1) if levels.replace else 0
    for walls in range(least, most + 1):
        free = cells - walls
        yield math.comb(cells, min(walls, free, _ENOUGH)) * free * (free - 1) * _DIRECTIONS


def _at_most(numbers: Iterator[int], limit: int) -> int:
    """Their sum, as far as it is needed."""
    total = 0
    for number in numbers:
        total += number
        if total >= limit:
            break
    return total
