"""JaxNav itself: how a level is played."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ..._ranges import check_at_least, check_positive
from ..._types import PyTree
from .._actions import AbstractActionSpec, Box, Discrete
from .._env import AbstractEnv, TimeStep
from . import _jaxnav_package as jaxmarl
from ._foreign import strong, with_dtypes_of
from ._jaxnav_artist import JaxNavArtist
from ._jaxnav_level import JaxNavLevel, JaxNavState
from ._jaxnav_path import describe

_ME = "agent_0"


class JaxNav(AbstractEnv[JaxNavLevel, JaxNavState, JaxNavState, Float[Array, " numbers"]]):
    """A robot on wheels among walls, of Rutherford et al. 2024 (arXiv 2408.15099).

    A level is a map, the pose in which the robot begins, and its goal. The student sees what lidar
    measures, how fast the robot drives and turns, and where the goal lies. Continuous actions are
    the speed and the turn rate that it wants, and the 15 discrete ones are some of those. What is
    beyond the bounds is not refused: the robot gets as close as its engine can, and a discrete
    action above 14 counts as 14.

    The goal and a crash terminate an episode, and time truncates it. Success is a goal that is
    reached without a crash in the same step.

    Raises `ImportError` without JaxMARL 0.2, and `ValueError` for a map that has not two cells
    within its border, or for a number that is out of range.
    """

    height: int = 11
    """Rows of a map, border included; a cell is one metre wide."""
    width: int = 11
    """Columns of a map, border included."""
    actions: Literal["continuous", "discrete"] = "continuous"
    """Whether an action is a speed and a turn rate, or one of 15 pairs of them."""
    # Not traced: the package compares with it when it is made.
    goal_radius: float = eqx.field(static=True, default=0.3)
    """How near the robot's middle must come to the goal, in metres."""
    num_beams: int = 200
    """Beams of the lidar all around; nearly all of a step's work is to follow them."""
    max_episode_steps: int = 500
    """The time limit of an episode, in steps of a tenth of a second."""

    def __check_init__(self) -> None:
        jaxmarl.require_jaxmarl()
        check_at_least(self, 3, "height", "width")
        check_at_least(self, 1, "num_beams", "max_episode_steps")
        check_positive(self, "goal_radius")
        if (self.height, self.width) == (3, 3):
            raise ValueError(
                "JaxNav.height and JaxNav.width are 3: within the border there is one cell, and "
                "robot and goal need two. Make one of them at least 4."
            )

    def action_spec(self) -> AbstractActionSpec:
        if self.actions == "discrete":
            return Discrete(15)
        turn = float(np.float32(np.pi / 6))
        return Box(low=(0.0, -turn), high=(1.0, turn), shape=(2,))

    def load(self, level: JaxNavLevel) -> JaxNavState:
        """The start, with what the robot sees there, so that no reset has to measure it again."""
        with jaxmarl.package_rules():
            seen, start = self._package.set_env_instance(jaxmarl.instance(level))
        return strong(JaxNavState(start, seen[_ME].astype(jnp.float32)))

    def reset(self, world: JaxNavState, *, key: Key[Array, ""]) -> JaxNavState:
        del key
        return world

    def step(
        self, world: JaxNavState, state: JaxNavState, action: PyTree[Array], *, key: Key[Array, ""]
    ) -> TimeStep[JaxNavState]:
        if self.actions == "discrete":
            action = jaxmarl.discrete_actions()[action]
        with jaxmarl.package_rules():
            seen, new, rewards, dones, _ = self._package.step_env(key, state.package, {_ME: action})
        crashed, arrived = new.move_term[0], new.goal_reached[0]
        return TimeStep(
            with_dtypes_of(JaxNavState(new, seen[_ME]), world),
            reward=rewards[_ME].astype(jnp.float32),
            terminated=crashed | arrived,
            truncated=dones["__all__"] & ~crashed & ~arrived,
            success=arrived & ~crashed,
        )

    def observe(self, world: JaxNavState, state: JaxNavState) -> Float[Array, " numbers"]:
        return state.seen

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        walls = jnp.zeros((self.height, self.width), bool)
        place, number = jnp.zeros(2, jnp.float32), jnp.zeros((), jnp.float32)
        return jax.eval_shape(lambda: JaxNavLevel(walls, place, number, place, number))

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return jax.ShapeDtypeStruct((self.num_beams + 5,), jnp.float32)

    def level_metrics(self, level: JaxNavLevel) -> dict[str, Float[Array, ""]]:
        return describe(level)

    def artist(self) -> JaxNavArtist:
        return JaxNavArtist(goal_radius=self.goal_radius)

    @property
    def _package(self):
        numbers = (self.goal_radius, self.num_beams, self.max_episode_steps)
        return jaxmarl.navigation(self.height, self.width, *numbers)
