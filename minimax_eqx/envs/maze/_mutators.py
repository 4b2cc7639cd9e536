"""Small random edits of mazes: a wall flipped, the goal or the agent moved."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from ..._ranges import check_at_least
from .._mutator import AbstractLevelMutator, NoEdit, OneOf, Repeated
from ._cells import cells_inside, only_cell
from ._draws import random_below, random_cell
from ._level import NUM_DIRECTIONS, MazeLevel


class FlipWall(AbstractLevelMutator[MazeLevel]):
    """Puts a wall where there is none, or takes one away.

    The cell is uniformly random among all but the agent's and the goal's, inside the level's size.
    A level that has no other cell stays as it is. Raises `ValueError` for a batch of levels without
    `jax.vmap`.
    """

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        height, width = _size("FlipWall", level)
        if level.size is not None:
            cells = ~_held_cells(level) & cells_inside(level.size, height, width)
            flipped = cells & only_cell(random_cell(cells, key=key), height, width)
            return eqx.tree_at(lambda level: level.wall_map, level, level.wall_map ^ flipped)
        num_candidates = height * width - 2
        if num_candidates == 0:
            return level
        agent, goal = (y * width + x for x, y in (level.agent_pos, level.goal_pos))
        cell = random_below(num_candidates, key=key)
        # Counts on, first over the one and then over the other cell that is left out.
        cell = jnp.where(cell >= jnp.minimum(agent, goal), cell + 1, cell)
        cell = jnp.where(cell >= jnp.maximum(agent, goal), cell + 1, cell)
        flipped = only_cell(jnp.stack([cell % width, cell // width]), height, width)
        return eqx.tree_at(lambda level: level.wall_map, level, level.wall_map ^ flipped)


class MoveGoal(AbstractLevelMutator[MazeLevel]):
    """Moves the goal to another cell without a wall.

    The cell is uniformly random among those that are neither the agent's nor the goal's. If there
    is none the level stays as it is. Raises `ValueError` for a batch of levels without `jax.vmap`.
    """

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        vacant = _vacant_cells("MoveGoal", level)
        moved = random_cell(vacant, key=key).astype(level.goal_pos.dtype)
        goal_pos = jnp.where(jnp.any(vacant), moved, level.goal_pos)
        return eqx.tree_at(lambda level: level.goal_pos, level, goal_pos)


class MoveAgent(AbstractLevelMutator[MazeLevel]):
    """Moves the agent's start to another cell without a wall, looking in a random direction.

    The cell is uniformly random among those that are neither the agent's nor the goal's. If there
    is none the level stays as it is. Raises `ValueError` for a batch of levels without `jax.vmap`.
    """

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        cell_key, dir_key = jax.random.split(key)
        vacant = _vacant_cells("MoveAgent", level)
        moved = random_cell(vacant, key=cell_key).astype(level.agent_pos.dtype)
        turned = random_below(NUM_DIRECTIONS, key=dir_key)
        possible = jnp.any(vacant)
        return eqx.tree_at(
            lambda level: (level.agent_pos, level.agent_dir),
            level,
            (
                jnp.where(possible, moved, level.agent_pos),
                jnp.where(possible, turned.astype(level.agent_dir.dtype), level.agent_dir),
            ),
        )


class MazeEdits(AbstractLevelMutator[MazeLevel]):
    """ACCEL's edits of mazes, one after the other.

    Each one does nothing, flips a wall or moves the goal, with equal chances, as in minimax
    (arXiv 2311.12716). The agent's start never changes. Raises `ValueError` for a negative number.
    """

    num_edits: int = 20
    """Edits of a level in sequence; with 0 it stays as it is."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_edits")

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        edits = Repeated(OneOf((NoEdit(), FlipWall(), MoveGoal())), self.num_edits)
        return edits.mutate(level, key=key)


def _size(name: str, level: MazeLevel) -> tuple[int, int]:
    if level.wall_map.ndim != 2:
        raise ValueError(
            f"{name} edits one level, whose wall_map has shape (height, width); this one has shape "
            f"{level.wall_map.shape}. Use jax.vmap for a batch, with a key for each level."
        )
    height, width = level.wall_map.shape
    return height, width


def _vacant_cells(name: str, level: MazeLevel) -> Bool[Array, "height width"]:
    """Where neither a wall nor the agent nor the goal is."""
    _size(name, level)
    return ~(level.wall_map | _held_cells(level))


def _held_cells(level: MazeLevel) -> Bool[Array, "height width"]:
    """Where the agent or the goal is."""
    height, width = level.wall_map.shape
    at_agent, at_goal = (only_cell(p, height, width) for p in (level.agent_pos, level.goal_pos))
    return at_agent | at_goal
