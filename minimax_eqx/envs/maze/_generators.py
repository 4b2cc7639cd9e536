"""Where mazes come from: random walls, and perfect mazes."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractLevelGenerator
from ._cells import cells_inside
from ._draws import below, draw_size, nth_cell, random_below, random_cells
from ._level import NUM_DIRECTIONS, MazeLevel
from ._size import MIN_SIDE, check_num_walls, check_odd_size, size_of


class RandomWalls(AbstractLevelGenerator[MazeLevel]):
    """Walls, agent and goal at uniformly random places.

    Levels need not be solvable. Where the environment's mazes differ in size, height and width are
    uniformly random too, and smaller mazes have fewer walls, in proportion to their cells.

    Raises `ValueError` if `num_walls` is negative, if `min_side` is less than 2, and if both
    `replace` and `sample_num_walls` are set; and in `sample` if the walls leave no room for agent
    and goal, or `min_side` is more than a side of the environment's mazes.
    """

    num_walls: int = 60
    """Walls to draw in a maze of full size; at most its cells less 2."""

    replace: bool = True
    """Draw cells with replacement, so that there are at most `num_walls` walls."""

    sample_num_walls: bool = False
    """Draw the number of walls too, uniformly in [0, `num_walls`]; needs `replace=False`."""

    min_side: int = 5
    """Fewest rows and columns, where the environment's mazes differ in size."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_walls")
        check_at_least(self, MIN_SIDE, "min_side")
        if self.replace and self.sample_num_walls:
            raise ValueError(
                "RandomWalls draws a random number of walls only without replacement: with "
                "sample_num_walls=True, set replace=False."
            )

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> MazeLevel:
        height, width = size_of("RandomWalls", level, "size")
        check_num_walls("RandomWalls", self.num_walls, height, width)
        if level.size is not None:
            return self._sample_of_random_size(height, width, key=key)
        wall_key, count_key, place_key = jax.random.split(key, 3)
        num_cells = height * width
        if self.replace:
            drawn = random_below(num_cells, (self.num_walls,), key=wall_key)
            walls = jnp.zeros(num_cells, bool).at[drawn].set(True)
        else:
            count = jnp.array(self.num_walls)
            if self.sample_num_walls:
                count = random_below(self.num_walls + 1, key=count_key)
            walls = random_cells(num_cells, count, key=wall_key)
        return place_agent_and_goal(walls.reshape(height, width), key=place_key)

    def _sample_of_random_size(self, height: int, width: int, *, key: Key[Array, ""]) -> MazeLevel:
        size_key, wall_key, count_key, place_key = jax.random.split(key, 4)
        numbers = _walls_by_size(self, height, width)
        size = draw_size("RandomWalls", height, width, self.min_side, key=size_key)
        count = jnp.asarray(numbers)[size[0] - self.min_side, size[1] - self.min_side]
        inside = cells_inside(size, height, width)
        if self.replace:
            drawn = random_below(size[0] * size[1], (self.num_walls,), key=wall_key)
            # What is one too many for a small maze is off the grid.
            rows = jnp.where(jnp.arange(self.num_walls) < count, drawn // size[1], height)
            walls = jnp.zeros((height, width), bool)
            walls = walls.at[rows, drawn % size[1]].set(True, mode="drop")
        else:
            if self.sample_num_walls:
                count = random_below(count + 1, key=count_key)
            walls = random_cells(height * width, count, key=wall_key, allowed=inside.reshape(-1))
        walls = walls.reshape(height, width) | ~inside
        return dataclasses.replace(place_agent_and_goal(walls, key=place_key), size=size)

    def count_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> int | None:
        height, width = size_of("RandomWalls", level, "size")
        if level.size is not None:
            return None
        num_cells = height * width
        least = self.num_walls
        if self.sample_num_walls:
            least = 0
        elif self.replace:
            least = min(self.num_walls, 1)  # of several draws, all may be of one cell
        return sum(
            math.comb(num_cells, walls) * free * (free - 1) * NUM_DIRECTIONS
            for walls in range(least, self.num_walls + 1)
            if (free := num_cells - walls) >= 2
        )


def _walls_by_size(
    generator: RandomWalls, height: int, width: int
) -> Int[np.ndarray, "heights widths"]:
    """The number of walls for each size from `min_side` to the full one.

    A table, since the products may be too large for 32 bits. Raises `ValueError` if the walls leave
    no room for agent and goal somewhere.
    """
    least = generator.min_side
    rows = np.arange(least, height + 1, dtype=np.int64)[:, None]
    columns = np.arange(least, width + 1, dtype=np.int64)[None, :]
    num_walls = generator.num_walls * rows * columns // (height * width)
    if np.any(rows * columns - num_walls < 2):
        raise ValueError(
            f"RandomWalls.num_walls is {generator.num_walls} for a maze of {height} x {width} "
            "cells; in proportion, the walls of a smaller one leave no room for agent and goal. "
            f"Take fewer walls, or a larger min_side than {least}."
        )
    return num_walls.astype(np.int32)


class PerfectMaze(AbstractLevelGenerator[MazeLevel]):
    """Mazes with exactly one way between any two open cells.

    Cells with even x and even y are the nodes of a lattice. A randomised depth-first search visits
    all of them from a random one, and opens the cell between a node and the next. Agent and goal
    are on random open cells. Height and width of the maze are odd and at least 3; `sample` raises
    `ValueError` otherwise. Where the environment's mazes differ in size, both are uniformly random
    odd numbers.
    """

    min_side: int = 5
    """Fewest rows and columns, where the environment's mazes differ in size; at least 3."""

    def __check_init__(self) -> None:
        check_at_least(self, 3, "min_side")

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> MazeLevel:
        height, width = size_of("PerfectMaze", level, "size")
        if level.size is not None:
            size_key, carve_key, place_key = jax.random.split(key, 3)
            least = self.min_side // 2 * 2 + 1
            size = draw_size("PerfectMaze", height, width, least, step=2, key=size_key)
            walls = ~_carve(height, width, key=carve_key, size=size)
            return dataclasses.replace(place_agent_and_goal(walls, key=place_key), size=size)
        check_odd_size("PerfectMaze", height, width)
        carve_key, place_key = jax.random.split(key)
        return place_agent_and_goal(~_carve(height, width, key=carve_key), key=place_key)


def _carve(
    height: int, width: int, *, key: Key[Array, ""], size: Int[Array, "2"] | None = None
) -> Bool[Array, "{height} {width}"]:
    """The open cells of a perfect maze, which fills the grid unless it has a `size`."""
    rows, columns = (height + 1) // 2, (width + 1) // 2
    num_nodes = rows * columns
    lattice = jnp.array([[rows, columns]], jnp.int32)
    if size is not None:
        lattice = (size[None, :] + 1) // 2
    moves = jnp.array([[0, 1], [1, 0], [0, -1], [-1, 0]], jnp.int32)  # (row, column)
    start_key, walk_key = jax.random.split(key)
    start = random_below(num_nodes if size is None else jnp.prod(lattice), key=start_key)
    if size is not None:
        start = start // lattice[0, 1] * columns + start % lattice[0, 1]
    # One number a step decides among the neighbours; each node is entered and left once.
    choices = jax.random.uniform(walk_key, (2 * num_nodes, 4))

    def visit(step, carry):
        open_cells, visited, stack, depth = carry
        node = stack[depth]
        here = jnp.stack([node // columns, node % columns])
        neighbours = here[None, :] + moves
        inside = jnp.all((neighbours >= 0) & (neighbours < lattice), axis=1)
        # A place outside the lattice wraps around here, and `inside` rules it out.
        unvisited = inside & ~visited[neighbours[:, 0] % rows, neighbours[:, 1] % columns]
        advance = jnp.any(unvisited)
        chosen = neighbours[jnp.argmax(jnp.where(unvisited, choices[step], -1.0))]
        target = jnp.where(advance, chosen, here)
        between = here + target  # the mean of the two, in cells of the maze
        open_cells = open_cells.at[between[0], between[1]].set(True)
        open_cells = open_cells.at[2 * target[0], 2 * target[1]].set(True)
        visited = visited.at[target[0], target[1]].set(True)
        depth = jnp.where(advance, depth + 1, jnp.maximum(depth - 1, 0))
        entry = jnp.where(advance, target[0] * columns + target[1], stack[depth])
        return open_cells, visited, stack.at[depth].set(entry), depth

    row, column = start // columns, start % columns
    open_cells = jnp.zeros((height, width), bool).at[2 * row, 2 * column].set(True)
    visited = jnp.zeros((rows, columns), bool).at[row, column].set(True)
    stack = jnp.zeros(num_nodes, start.dtype).at[0].set(start)
    carry = (open_cells, visited, stack, jnp.array(0))
    return jax.lax.fori_loop(0, 2 * num_nodes, visit, carry)[0]


def place_agent_and_goal(
    wall_map: Bool[Array, "height width"],
    *,
    key: Key[Array, ""],
    allowed: Bool[Array, "height width"] | None = None,
) -> MazeLevel:
    """Puts the agent on a random cell, looking anywhere, and the goal on another.

    Both are on free cells; or on `allowed` cells, at least two of them and all free, if given.
    """
    # One draw for all three: each call of `jax.random` is a loop of its own to compile.
    draws = jax.random.bits(key, (3,), jnp.uint32)
    cells = ~wall_map if allowed is None else allowed
    count = jnp.sum(cells, dtype=jnp.int32)
    agent, goal = below(count, draws[0]), below(count - 1, draws[1])
    # Counts on over the agent's cell.
    goal = jnp.where(goal >= agent, goal + 1, goal)
    agent_pos, goal_pos = jax.vmap(nth_cell, (0, None))(jnp.stack([agent, goal]), cells)
    return MazeLevel(
        wall_map=wall_map,
        agent_pos=agent_pos,
        agent_dir=below(NUM_DIRECTIONS, draws[2]),
        goal_pos=goal_pos,
    )
