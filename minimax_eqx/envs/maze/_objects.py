"""Mazes with lava, several goals, keys and doors, from mazes without."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractLevelGenerator
from ._cells import any_of, only_cell
from ._draws import below, random_below, random_cell, random_cells
from ._generators import RandomWalls
from ._level import NUM_DIRECTIONS, OPTIONS, MazeLevel, maze_level_spec
from ._size import check_odd_size, size_of


class RandomObjects(AbstractLevelGenerator[MazeLevel]):
    """Puts what the environment's levels have besides walls at random places of another's levels.

    First the door: it takes the place of a random wall between two cells without one, or that of
    nothing if there is no such wall. Then the key, further goals and lava, each on a random cell
    that holds nothing. Levels need not be solvable.

    Raises `ValueError` for a negative number, and in `sample` if there are fewer cells than that.
    A level that has too few cells without a wall gets less lava.
    """

    generator: AbstractLevelGenerator[MazeLevel] = RandomWalls(num_walls=25)
    """What makes the levels, with walls, an agent and a goal."""

    num_lava: int = 10
    """Cells of lava, where the environment's levels may have some."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_lava")

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> MazeLevel:
        height, width = size_of("RandomObjects", level, *OPTIONS)
        num_things = 2 + self.num_lava + 2 * (level.door_pos is not None)
        if level.other_goals is not None:
            num_things += level.other_goals.shape[0]
        if num_things > height * width:
            raise ValueError(
                f"RandomObjects has {num_things} things to put into a maze of {height} x {width} "
                "cells. Take less lava, fewer goals, or a larger maze."
            )
        plain = maze_level_spec(height, width, mixed_sizes=level.size is not None)
        walls_key, door_key, key_key, goals_key, lava_key = jax.random.split(key, 5)
        made = self.generator.sample(plain, key=walls_key)
        taken = any_of(made.things(), height, width)
        walls, door_pos, key_pos, other_goals, lava = made.wall_map, None, None, None, None
        if level.door_pos is not None:
            between = _between(walls | taken) & walls
            vacant = jnp.where(jnp.any(between), between, ~(walls | taken))
            door_pos = random_cell(vacant, key=door_key)
            taken = taken | only_cell(door_pos, height, width)
            walls = walls & ~taken
            key_pos = random_cell(~(walls | taken), key=key_key)
            taken = taken | only_cell(key_pos, height, width)
        if level.other_goals is not None:
            positions = []
            for goal_key in jax.random.split(goals_key, level.other_goals.shape[0]):
                positions.append(random_cell(~(walls | taken), key=goal_key))
                taken = taken | only_cell(positions[-1], height, width)
            other_goals = jnp.stack(positions)
        if level.lava_map is not None:
            vacant = ~(walls | taken).reshape(-1)
            # Drawn among all that are vacant, so less than all of them.
            count = jnp.minimum(self.num_lava, jnp.sum(vacant, dtype=jnp.int32) - 1)
            cells = random_cells(vacant.size, jnp.maximum(count, 0), key=lava_key, allowed=vacant)
            lava = cells.reshape(height, width) & ~(walls | taken)
        return dataclasses.replace(
            made,
            wall_map=walls,
            key_pos=key_pos,
            door_pos=door_pos,
            other_goals=other_goals,
            lava_map=lava,
        )


class DoorKey(AbstractLevelGenerator[MazeLevel]):
    """Two rooms with a locked door between them, as MiniGrid's DoorKey.

    A random column is wall, but for a locked door. Agent and key are on random cells to the left of
    it, the goal is in the lower right corner, or with `random_goal` anywhere to the right. `sample`
    raises `ValueError` unless the environment's levels have a locked door and nothing else that is
    optional, and for fewer than 3 columns.
    """

    random_goal: bool = False
    """Put the goal on a random cell of the room behind the door."""

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> MazeLevel:
        height, width = size_of("DoorKey", level, "key_pos", "door_pos")
        if level.door_pos is None or width < 3:
            raise ValueError(
                f"DoorKey makes mazes of at least 3 columns with a locked door; this environment "
                f"has {width} columns and {'no' if level.door_pos is None else 'a'} locked door. "
                "Use Maze(locked_door=True) of another size."
            )
        wall_key, door_key, agent_key, dir_key, key_key, goal_key = jax.random.split(key, 6)
        column = 1 + random_below(width - 2, key=wall_key)
        # Not in the last row, where MiniGrid has none either.
        row = random_below(height - 1, key=door_key)
        columns = jnp.broadcast_to(jnp.arange(width), (height, width))
        door_pos = jnp.stack([column, row])
        agent_pos = random_cell(columns < column, key=agent_key)
        at_agent = only_cell(agent_pos, height, width)
        goal_pos = jnp.array([width - 1, height - 1], jnp.int32)
        if self.random_goal:
            goal_pos = random_cell(columns > column, key=goal_key)
        return MazeLevel(
            wall_map=(columns == column) & ~only_cell(door_pos, height, width),
            agent_pos=agent_pos,
            agent_dir=random_below(NUM_DIRECTIONS, key=dir_key),
            goal_pos=goal_pos,
            key_pos=random_cell((columns < column) & ~at_agent, key=key_key),
            door_pos=door_pos,
        )

    def count_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> int:
        height, width = size_of("DoorKey", level, "key_pos", "door_pos")
        num_cells = height * width
        most = (width - 2) * (height - 1) * num_cells * NUM_DIRECTIONS * num_cells
        return most * num_cells if self.random_goal else most


class Crossings(AbstractLevelGenerator[MazeLevel]):
    """Full rows and columns of walls or lava with one opening each, as MiniGrid's Crossing.

    They are at odd places, and of lava where the environment's levels may have lava. The agent
    starts in the upper left corner, looking right, and the goal is in the lower right one. There is
    always a way. `sample` raises `ValueError` if there are fewer odd places than `num_crossings`,
    and for sides that are even or less than 3.
    """

    num_crossings: int = 1
    """Rows and columns of walls or lava."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_crossings")

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> MazeLevel:
        height, width = size_of("Crossings", level, "lava_map")
        check_odd_size("Crossings", height, width)
        places = height // 2 + width // 2
        if self.num_crossings > places:
            raise ValueError(
                f"Crossings.num_crossings is {self.num_crossings}; a maze of {height} x {width} "
                f"cells has room for at most {places}."
            )
        crossed = _crossed(height, width, self.num_crossings, key=key)
        nothing = jnp.zeros_like(crossed)
        has_lava = level.lava_map is not None
        return MazeLevel(
            wall_map=nothing if has_lava else crossed,
            agent_pos=jnp.zeros(2, jnp.int32),
            agent_dir=jnp.zeros((), jnp.int32),
            goal_pos=jnp.array([width - 1, height - 1], jnp.int32),
            lava_map=crossed if has_lava else None,
        )

    def count_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> int:
        height, width = size_of("Crossings", level, "lava_map")
        # Which places are crossed, in what order, and where each opening is.
        orders = math.perm(height // 2 + width // 2, self.num_crossings)
        return orders * max(height, width) ** self.num_crossings


def _crossed(
    height: int, width: int, num: int, *, key: Key[Array, ""]
) -> Bool[Array, "{height} {width}"]:
    """The rows and columns, without their openings.

    They cut the maze into rooms. A way goes from room to room, right through a column or down
    through a row, in random order, and every step of it makes the opening that it needs.
    """
    choice_key, order_key, place_key = jax.random.split(key, 3)
    chosen = jax.random.permutation(choice_key, height // 2 + width // 2) < num
    rows, columns = _spread(chosen[: height // 2], height), _spread(chosen[height // 2 :], width)
    goes_right = jnp.arange(num) < jnp.sum(columns)
    goes_right = jax.random.permutation(order_key, goes_right)
    draws = jax.random.bits(place_key, (num,), jnp.uint32)
    crossed = rows[:, None] | columns[None, :]
    row_bounds, column_bounds = _bounds(rows), _bounds(columns)
    room_row, room_column = jnp.array(0), jnp.array(0)
    for i in range(num):
        top, below_it = row_bounds[room_row], row_bounds[room_row + 1]
        left, right = column_bounds[room_column], column_bounds[room_column + 1]
        y = jnp.where(goes_right[i], top + 1 + below(below_it - top - 1, draws[i]), below_it)
        x = jnp.where(goes_right[i], right, left + 1 + below(right - left - 1, draws[i]))
        crossed = crossed & ~only_cell(jnp.stack([x, y]), height, width)
        step = goes_right[i].astype(jnp.int32)
        room_row, room_column = room_row + 1 - step, room_column + step
    return crossed


def _spread(chosen: Bool[Array, " places"], side: int) -> Bool[Array, " {side}"]:
    """Truth values of odd places, as those of all places."""
    return jnp.zeros(side, bool).at[1::2].set(chosen)


def _bounds(crossed: Bool[Array, " side"]) -> Int[Array, " bounds"]:
    """What bounds rooms: -1, where it is crossed, and the side's length for all further ones."""
    places = jnp.where(crossed, jnp.arange(crossed.size), crossed.size)
    return jnp.concatenate([jnp.array([-1]), jnp.sort(places)])


def _between(taken: Bool[Array, "height width"]) -> Bool[Array, "height width"]:
    """Cells with something that is not taken on two opposite sides."""
    free = jnp.pad(~taken, 1)
    across = free[1:-1, :-2] & free[1:-1, 2:]
    return across | (free[:-2, 1:-1] & free[2:, 1:-1])
