"""Small random edits of mazes: a wall flipped, the goal or the agent moved."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from ..._ranges import check_at_least
from .._mutator import AbstractLevelMutator, NoEdit, OneOf, Repeated
from ._cells import any_of, cells_inside, only_cell
from ._draws import random_below, random_cell
from ._level import NUM_DIRECTIONS, MazeLevel, has_options


class FlipWall(AbstractLevelMutator[MazeLevel]):
    """Puts a wall where there is none, or takes one away.

    The cell is uniformly random among all inside the level's size but those of agent, goals, lava,
    key and door. A level that has no other cell stays as it is. Raises `ValueError` for a batch of
    levels without `jax.vmap`.
    """

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        height, width = _size("FlipWall", level)
        if has_options(level):
            cells = _vacant_cells("FlipWall", level) | _walls_inside(level)
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
    """Moves the goal, or a random one of several, to another cell that holds nothing.

    The cell is uniformly random among those. If there is none the level stays as it is. Raises
    `ValueError` for a batch of levels without `jax.vmap`.
    """

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        vacant = _vacant_cells("MoveGoal", level)
        if level.other_goals is not None:
            key, goal_key = jax.random.split(key)
            goals = jnp.stack(level.goals())
            chosen = jnp.arange(len(goals)) == random_below(len(goals), key=goal_key)
            moved = random_cell(vacant, key=key)
            goals = jnp.where(chosen[:, None] & jnp.any(vacant), moved, goals)
            return dataclasses.replace(level, goal_pos=goals[0], other_goals=goals[1:])
        moved = random_cell(vacant, key=key).astype(level.goal_pos.dtype)
        goal_pos = jnp.where(jnp.any(vacant), moved, level.goal_pos)
        return eqx.tree_at(lambda level: level.goal_pos, level, goal_pos)


class MoveAgent(AbstractLevelMutator[MazeLevel]):
    """Moves the agent's start to another cell that holds nothing, looking in a random direction.

    The cell is uniformly random among those. If there is none the level stays as it is. Raises
    `ValueError` for a batch of levels without `jax.vmap`.
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


class FlipLava(AbstractLevelMutator[MazeLevel]):
    """Puts lava where nothing is, or takes some away.

    The cell is uniformly random among those. A level that has none stays as it is. Raises
    `ValueError` for levels that cannot have lava, and for a batch of levels without `jax.vmap`.
    """

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        height, width = _size("FlipLava", level)
        if level.lava_map is None:
            raise ValueError("FlipLava edits levels that may have lava: set Maze(lava=True).")
        cells = _vacant_cells("FlipLava", level) | level.lava_map
        flipped = cells & only_cell(random_cell(cells, key=key), height, width)
        return dataclasses.replace(level, lava_map=level.lava_map ^ flipped)


class MoveKey(AbstractLevelMutator[MazeLevel]):
    """Moves the key to another cell that holds nothing.

    The cell is uniformly random among those. If there is none the level stays as it is. Raises
    `ValueError` for levels without a key, and for a batch of levels without `jax.vmap`.
    """

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        vacant = _vacant_cells("MoveKey", level)
        if level.key_pos is None:
            raise ValueError("MoveKey edits levels with a key: set Maze(locked_door=True).")
        moved = random_cell(vacant, key=key)
        return dataclasses.replace(level, key_pos=jnp.where(jnp.any(vacant), moved, level.key_pos))


class MoveDoor(AbstractLevelMutator[MazeLevel]):
    """Lets the locked door change places with a wall.

    The wall is uniformly random among those inside the level's size. A level that has none stays as
    it is. Raises `ValueError` for levels without a door, and for a batch of levels without
    `jax.vmap`.
    """

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        height, width = _size("MoveDoor", level)
        old = level.door_pos
        if old is None:
            raise ValueError("MoveDoor edits levels with a door: set Maze(locked_door=True).")
        walls = _walls_inside(level)
        moved = jnp.where(jnp.any(walls), random_cell(walls, key=key), old)
        was, now = only_cell(old, height, width), only_cell(moved, height, width)
        return dataclasses.replace(level, wall_map=(level.wall_map | was) & ~now, door_pos=moved)


class MazeEdits(AbstractLevelMutator[MazeLevel]):
    """ACCEL's edits of mazes, one after the other.

    Each one does nothing, flips a wall or moves the goal, with equal chances, as in minimax
    (arXiv 2311.12716); in mazes that may have lava it may also flip lava, and in those with a
    locked door move the key or the door. The agent's start never changes. Raises `ValueError` for a
    negative number.
    """

    num_edits: int = 20
    """Edits of a level in sequence; with 0 it stays as it is."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_edits")

    def mutate(self, level: MazeLevel, *, key: Key[Array, ""]) -> MazeLevel:
        edits: list[AbstractLevelMutator[MazeLevel]] = [NoEdit(), FlipWall(), MoveGoal()]
        if level.lava_map is not None:
            edits.append(FlipLava())
        if level.door_pos is not None:
            edits += [MoveKey(), MoveDoor()]
        return Repeated(OneOf(tuple(edits)), self.num_edits).mutate(level, key=key)


def _size(name: str, level: MazeLevel) -> tuple[int, int]:
    if level.wall_map.ndim != 2:
        raise ValueError(
            f"{name} edits one level, whose wall_map has shape (height, width); this one has shape "
            f"{level.wall_map.shape}. Use jax.vmap for a batch, with a key for each level."
        )
    height, width = level.wall_map.shape
    return height, width


def _vacant_cells(name: str, level: MazeLevel) -> Bool[Array, "height width"]:
    """Where nothing is: no wall, lava, agent, goal, key or door."""
    height, width = _size(name, level)
    held = level.wall_map | any_of(level.things(), height, width)
    return ~held if level.lava_map is None else ~(held | level.lava_map)


def _walls_inside(level: MazeLevel) -> Bool[Array, "height width"]:
    """The walls of a level that are inside its size."""
    if level.size is None:
        return level.wall_map
    return level.wall_map & cells_inside(level.size, *level.wall_map.shape)
