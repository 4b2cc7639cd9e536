"""Everything that decides what a run computes, as one composition of parts."""

from typing import Literal

import equinox as eqx

from .._notebook import composition, framed, never_fails
from .._ranges import check_at_least, check_between, check_finite
from .._types import Scalar
from ..agents import AbstractLearner
from ..curricula import AbstractCurriculum
from ..envs import AbstractEnv
from ._arrays import as_written
from ._can_learn import check_can_learn
from ._schedule import MAX_SEED, Evaluation, Schedule

# Programs count in 32 bits.
MAX_TRANSITIONS = 2**31 - 1


class Experiment(eqx.Module):
    """An environment, a student and a curriculum, with the sizes of a cycle and of a run.

    This is all configuration: it holds no arrays, prints as you wrote it, and `Runner.create` makes
    of it what is trained. For example, this is domain randomisation on small mazes:

    ```python
    Experiment(
        env=Maze(height=7, width=7),
        student=PPO(network=ActorCritic(encoder=GridEncoder(), core=LSTM(64))),
        curriculum=DomainRandomisation(RandomWalls(num_walls=15)),
    )
    ```

    Raises `ValueError`, naming the field, for a count below 1.
    """

    env: AbstractEnv
    """The environment that students play."""
    student: AbstractLearner
    """What plays, and how it learns."""
    curriculum: AbstractCurriculum
    """Who chooses the levels."""
    num_students: int = 1
    """Size of the population."""
    num_steps: int = 256
    """Environment steps of a rollout, after which the students learn."""
    rollouts_per_play: int = 1
    """Rollouts of num_steps steps that make up one play; the students learn after each of them."""
    num_trials: int = 1
    """How often each student plays every level of a cycle, side by side."""
    success_return: Scalar | None = None
    """An episode with this return or more is a success; none leaves it to the environment."""
    track_level_metrics: bool = True
    """Describe the levels played in the metrics; it costs nothing when off."""
    seed: int = 1
    """Seed of all random numbers of a run."""
    schedule: Schedule = Schedule()
    """How long a run is, and what it does on its way."""
    evaluation: Evaluation = Evaluation()
    """What a run is evaluated on."""
    devices: int = 1
    """Devices that share the levels of a cycle, those of all processes together."""
    matmul_precision: Literal["default", "bfloat16", "tensorfloat32", "float32"] = "default"
    """How precisely accelerators multiply matrices; default is JAX's own setting."""

    def __check_init__(self) -> None:
        check_at_least(
            self, 1, "num_students", "num_steps", "rollouts_per_play", "num_trials", "devices"
        )
        check_between(self, 0, MAX_SEED, "seed")
        check_finite(self, "success_return")
        if self.transitions_per_cycle > MAX_TRANSITIONS:
            raise ValueError(
                f"A cycle has {self.curriculum.levels_per_cycle} levels, num_students="
                f"{self.num_students}, num_trials={self.num_trials}, num_steps={self.num_steps} "
                f"and rollouts_per_play={self.rollouts_per_play}, which makes "
                f"{self.transitions_per_cycle} steps; they must be at most {MAX_TRANSITIONS}."
            )
        check_can_learn(self)

    @never_fails
    def _repr_html_(self) -> str | None:
        """The composition as a notebook shows it: what differs from the defaults, and the rest
        folded."""
        return framed(composition(as_written(self)))

    @property
    def transitions_per_cycle(self) -> int:
        """Environment steps that one cycle takes, all students together."""
        plays = self.curriculum.levels_per_cycle * self.num_trials
        return self.num_students * plays * self.steps_per_play

    @property
    def steps_per_play(self) -> int:
        """Environment steps of each play in a cycle."""
        return self.num_steps * self.rollouts_per_play
