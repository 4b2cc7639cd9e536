"""XLand-MiniGrid (arXiv 2312.12044): grids of objects, with a goal and rules that a level decides.

Needs the extra `xland`.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt8

from ..._ranges import check_at_least
from .._actions import Discrete
from .._env import AbstractArtist, TimeStep
from ._foreign import AbstractStartState, strong, with_dtypes_of
from ._xland_benchmark import Benchmark
from ._xland_package import rule_set, start_state, xminigrid
from ._xland_tasks import EachGoal, RandomTasks, SwapTiles

__all__ = ["Benchmark", "EachGoal", "RandomTasks", "SwapTiles", "XLand"]


class XLandObservation(eqx.Module):
    """What the agent sees, in the package's codes: bytes that are names and no sizes.

    `view` has the tile and the colour of each cell in front of the agent. `goal` and `rules` are
    the task as the package writes it, and None where the student is to find out.
    """

    view: UInt8[Array, "*batch view view 2"]
    goal: UInt8[Array, "*batch 5"] | None
    rules: UInt8[Array, "*batch rule 7"] | None


class XLand(AbstractStartState[Any, XLandObservation]):
    """XLand-MiniGrid: the agent moves, turns, picks up, puts down and opens doors.

    A level is a start state of the package: the grid, where the agent is, the goal, and the rules
    by which objects change. Actions: 0 forward, 1 turn right, 2 turn left, 3 pick up, 4 put down, 5
    open or close. Reaching the goal in step `t` ends the episode with reward `1 - 0.9 * t /
    max_episode_steps`; every other step gives 0.

    Raises `ValueError` for a value out of its range, and `ImportError` without the package.
    """

    size: int = 9
    """Side of the grid in cells, with its border of walls; at least 5."""
    num_rules: int = 1
    """For how many rules levels have room."""
    view_size: int = 5
    """Side of the square that the agent sees, in cells; odd, at least 3."""
    max_episode_steps: int = 243
    """The time limit of an episode, in steps."""
    show_task: bool = True
    """Show the goal and the rules to the student; the package's own benchmarks hide them."""

    def __check_init__(self) -> None:
        xminigrid()
        check_at_least(self, 5, "size")
        check_at_least(self, 1, "num_rules", "max_episode_steps")
        check_at_least(self, 3, "view_size")
        if self.view_size % 2 == 0:
            raise ValueError(f"XLand.view_size is {self.view_size}; it must be odd.")

    def example(self, *, key: Key[Array, ""]) -> Any:
        empty = xminigrid().envs.xland.XLandEnvParams().ruleset
        rules = rule_set(empty.goal, empty.rules, empty.init_tiles, self.num_rules)
        return start_state("XLand", 1, self.size, rules, key=key)

    def with_key(self, level: Any, *, key: Key[Array, ""]) -> Any:
        del key  # the package draws nothing during play
        return level

    def action_spec(self) -> Discrete:
        return Discrete(6)

    def step(
        self, world: Any, state: Any, action: Int[Array, ""], *, key: Key[Array, ""]
    ) -> TimeStep[Any]:
        del world, key
        package = xminigrid()
        params = package.envs.xland.XLandEnvParams(
            view_size=self.view_size, max_steps=self.max_episode_steps
        )
        before = package.types.TimeStep(state, package.types.StepType.MID, 0.0, 1.0, None)
        after = package.envs.xland.XLandMiniGrid().step(params, before, action)
        reached = after.discount == 0
        return TimeStep(
            state=with_dtypes_of(after.state, state),
            reward=strong(after.reward),
            terminated=reached,
            truncated=after.last() & ~reached,
            success=reached,
        )

    def observe(self, world: Any, state: Any) -> XLandObservation:
        del world
        see = xminigrid().core.observation.transparent_field_of_view
        view = see(state.grid, state.agent, self.view_size, self.view_size)
        if not self.show_task:
            return XLandObservation(view, None, None)
        return XLandObservation(view, state.goal_encoding, state.rule_encoding)

    def level_metrics(self, level: Any) -> dict[str, Float[Array, ""]]:
        constants = xminigrid().core.constants
        tiles, kinds = level.grid[..., 0], constants.Tiles
        counts = {
            "num_objects": jnp.isin(tiles, constants.PICKABLE),
            "num_doors": (tiles >= kinds.DOOR_LOCKED) & (tiles <= kinds.DOOR_OPEN),
            "num_rules": level.rule_encoding[:, 0] > 0,
        }
        return {name: jnp.sum(each, dtype=jnp.float32) for name, each in counts.items()}

    def artist(self) -> AbstractArtist:
        from ._xland_artist import XLandArtist

        return XLandArtist()
