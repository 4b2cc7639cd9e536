"""Where maps of JaxNav come from: the package's generator, and its hand-made tests."""

import dataclasses
import difflib

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from ..._ranges import check_between
from ..._types import PyTree
from .._env import AbstractEnv, AbstractLevelGenerator
from .._fixed import FixedLevels
from .._suite import AbstractSuite
from ._jaxnav_env import JaxNav
from ._jaxnav_level import JaxNavLevel
from ._jaxnav_package import hand_made, map_maker, package_rules

_ONE_ROBOT = ("BlankTest", "MiddleTest", "SingleNav1", "SingleNav2", "SingleNav3")


class RandomMaps(AbstractLevelGenerator[JaxNavLevel]):
    """The package's random maps: some walls, and robot and goal in the middle of two free cells.

    The number of walls is uniform from 0 to just below `fill` of the cells within the border, and
    the robot looks anywhere. Nothing makes sure that there is a way. Raises `ValueError` for a
    share that is not in `[0, 1]`, and when it is to draw a map in which it could leave fewer than
    two free cells: the package would look for them for ever.
    """

    # Not traced: the package counts with it when it is made.
    fill: float = eqx.field(static=True, default=0.6)
    """Upper end of the share of cells within the border that are walls."""
    reward_weight: float = eqx.field(static=True, default=0.5)
    """What levels say of how a reward is shared, which a single robot only sees."""

    def __check_init__(self) -> None:
        check_between(self, 0, 1, "fill", "reward_weight")

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> JaxNavLevel:
        height, width = level.walls.shape
        num_cells = (height - 2) * (width - 2)
        maker = map_maker(height, width, self.fill)
        if num_cells - max(int(maker.n_clutter) - 1, 0) < 2:
            raise ValueError(
                f"RandomMaps.fill is {self.fill}: in a map of {height} x {width} cells, "
                f"{num_cells} of them within the border, it may leave fewer than two free for "
                "robot and goal. Lower it, or take a larger map."
            )
        with package_rules():
            walls, poses = maker.grid_sample_test_case(key)
        start, goal = jnp.asarray(poses[0], jnp.float32)
        weight = jnp.float32(self.reward_weight)
        return JaxNavLevel(walls == 1, start[:2], start[2], goal[:2], weight)


class HandMadeMaps(AbstractSuite):
    """The package's tests for one robot: two maps of 7 x 7 cells and three of 7 x 11.

    They are played as the environment of training is, apart from the size of the map. Raises
    `ValueError` for a name that it does not know.
    """

    maps: tuple[str, ...] = _ONE_ROBOT
    """Tests by their names in the package."""

    def __check_init__(self) -> None:
        for name in self.maps:
            if name not in _ONE_ROBOT:
                close = difflib.get_close_matches(name, _ONE_ROBOT, n=1)
                guess = f" Did you mean {close[0]!r}?" if close else ""
                raise ValueError(
                    f"HandMadeMaps.maps has {name!r}, which is not a test for one robot.{guess} "
                    f"There are {', '.join(_ONE_ROBOT)}."
                )

    def panels(self, env: AbstractEnv) -> dict[str, tuple[AbstractEnv, AbstractLevelGenerator]]:
        """The tests of all names, once each. Raises `ValueError` unless `env` is a `JaxNav`."""
        if not isinstance(env, JaxNav):
            raise ValueError(
                f"HandMadeMaps tests students that were trained in JaxNav; this environment is a "
                f"{type(env).__name__}. Evaluate on another suite, or on none."
            )
        return {name: _panel(name, env) for name in self.maps}


def _panel(name: str, env: JaxNav) -> tuple[AbstractEnv, AbstractLevelGenerator]:
    test = hand_made(name)
    start, goal = jnp.asarray(test.start_pose[0]), jnp.asarray(test.goal_pose[0])
    level = JaxNavLevel(test.map_data == 1, start[:2], start[2], goal[:2], jnp.float32(0.5))
    height, width = level.walls.shape
    levels = FixedLevels(jax.tree.map(lambda leaf: leaf[None], level))
    return dataclasses.replace(env, height=height, width=width), levels
