"""What an adapter tells the tests of all adapters."""

import dataclasses
from collections.abc import Callable
from typing import Any

from minimax_eqx.envs import (
    AbstractEnv,
    AbstractLevelGenerator,
    AbstractLevelMutator,
    AbstractSuite,
)
from minimax_eqx.nets import AbstractEncoder, FlatEncoder


@dataclasses.dataclass(frozen=True)
class Case:
    """An adapter at a size for tests, beside the package's own stepping.

    Write `cases/NAME.py` with a function `case()` that returns one. It imports the package at its
    top, so that its tests are skipped where the package is missing. `benchmarks` steps it too.
    """

    env: AbstractEnv
    """With a time limit within `num_steps`, so that episodes end."""
    generator: AbstractLevelGenerator
    start: Callable[..., Any]
    """`start(level, key)`: the package's state at the start of an episode of this level."""
    step: Callable[..., tuple[Any, Any, Any, Any]]
    """`step(level, state, action, key)`: the package's step, as the state after it, what is seen
    of that, the reward and whether the episode is over. It may reset itself where that is so."""
    mutator: AbstractLevelMutator | None = None
    suite: AbstractSuite | None = None
    encoder: AbstractEncoder = dataclasses.field(default_factory=FlatEncoder)
    num_trajectories: int = 1000
    num_steps: int = 40
