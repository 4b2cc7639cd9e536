"""Random tasks of XLand-MiniGrid, a suite of them, and edits of their grids."""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from ..._ranges import check_at_least, check_between
from ..._types import PyTree
from .._env import AbstractEnv, AbstractLevelGenerator
from .._mutator import AbstractLevelMutator
from .._suite import AbstractSuite
from ._xland_package import rule_set, sizes, start_state, xminigrid

Goal = Literal["near", "hold", "together", "make"]
Rooms = Literal[1, 2, 4, 6, 9]

# How many tiles a goal speaks of. All but the third, which is made of the others, are placed.
_NUM_TILES = {"near": 1, "hold": 1, "together": 2, "make": 3}
_SHAPES, _COLOURS = (3, 4, 5, 7, 11, 12), (1, 2, 3, 4, 5, 6, 8, 9, 10, 11)


class RandomTasks(AbstractLevelGenerator[Any]):
    """A goal about random tiles, with objects and agent at random places.

    The goal is drawn from `goals`: to stand beside a tile ("near"), to pick it up ("hold"), to put
    two tiles side by side ("together"), or to stand beside a tile that appears where two others
    are put side by side ("make", the only one with a rule).

    Raises `ValueError` if there are no goals, and if there are too few kinds of tile for what a
    level needs; and in `sample` if the rooms or the objects do not fit in the grid.
    """

    goals: tuple[Goal, ...] = ("near", "hold", "together", "make")
    """What a task may ask for, each with the same chance: near, hold, together, make."""
    num_distractors: int = 1
    """How many objects there are that the task does not need."""
    num_kinds: int = 60
    """Tiles are of the first so many kinds; with few of them there are few different tasks."""
    rooms: Rooms = 1
    """Into how many rooms a grid is cut, with closed doors between them."""

    def __check_init__(self) -> None:
        if not self.goals:
            raise ValueError(
                f"RandomTasks.goals is empty; it must hold at least one of {', '.join(_NUM_TILES)}."
            )
        check_at_least(self, 0, "num_distractors")
        check_between(self, self._num_tiles, len(_SHAPES) * len(_COLOURS), "num_kinds")

    @property
    def _num_tiles(self) -> int:
        return max(_NUM_TILES[goal] for goal in self.goals) + self.num_distractors

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Any:
        side, num_rules = sizes("RandomTasks", level)
        tile_key, goal_key, place_key = jax.random.split(key, 3)
        kinds = jnp.array([(shape, colour) for colour in _COLOURS for shape in _SHAPES], jnp.uint8)
        drawn = jax.random.permutation(tile_key, self.num_kinds)[: self._num_tiles]
        tiles = kinds[drawn]
        num_wanted = self._num_tiles - self.num_distractors
        a, b, product = (tiles[min(i, num_wanted - 1)] for i in range(3))
        package = xminigrid().core.goals
        encoded = {
            "near": package.AgentNearGoal(a),
            "hold": package.AgentHoldGoal(a),
            "together": package.TileNearGoal(a, b),
            "make": package.AgentNearGoal(product),
        }
        goals = jnp.stack([encoded[goal].encode() for goal in self.goals])
        which = jax.random.randint(goal_key, (), 0, len(self.goals))
        makes = jnp.array([goal == "make" for goal in self.goals], jnp.uint8)[which]
        rule = xminigrid().core.rules.TileNearRule(a, b, product).encode() * makes
        objects = jnp.concatenate([tiles[: min(num_wanted, 2)], tiles[num_wanted:]])
        rules = rule_set(goals[which], rule[None], objects, num_rules)
        return start_state("RandomTasks", self.rooms, side, rules, key=place_key)


class EachGoal(AbstractSuite):
    """One test for each goal of `RandomTasks`, by the goal's name."""

    tasks: RandomTasks = RandomTasks()
    """Where the levels come from; a test has those with one of its goals."""

    def panels(self, env: AbstractEnv) -> dict[str, tuple[AbstractEnv, AbstractLevelGenerator]]:
        sizes("EachGoal", env.level_spec())
        tests = {goal: dataclasses.replace(self.tasks, goals=(goal,)) for goal in self.tasks.goals}
        return {goal: (env, tasks) for goal, tasks in tests.items()}


class SwapTiles(AbstractLevelMutator[Any]):
    """Swaps what is in two random cells inside the grid's border, again and again.

    So objects move, and walls and doors too where there are several rooms; the agent, the goal and
    the rules stay. A swap with the agent's own cell is left out. What comes out may be impossible.

    Raises `ValueError` if `num_edits` is negative.
    """

    num_edits: int = 5
    """Swaps in sequence."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_edits")

    def mutate(self, level: Any, *, key: Key[Array, ""]) -> Any:
        side = level.grid.shape[0]

        def swap(grid, cells):
            hits_agent = jnp.any(jnp.all(cells == level.agent.position, axis=1))
            rows, columns = cells[:, 0], cells[:, 1]
            swapped = grid.at[rows, columns].set(grid[rows[::-1], columns[::-1]])
            return jnp.where(hits_agent, grid, swapped), None

        cells = jax.random.randint(key, (self.num_edits, 2, 2), 1, side - 1)
        return level.replace(grid=jax.lax.scan(swap, level.grid, cells)[0])
