"""Where mazes come from: random walls, and perfect mazes."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from .._env import AbstractLevelGenerator
from ._draws import below, nth_cell, random_below, random_cells
from ._level import NUM_DIRECTIONS, MazeLevel
from ._size import check_size


class RandomWalls(AbstractLevelGenerator[MazeLevel]):
    """Walls, agent and goal at uniformly random places.

    Arguments:

    - `height`, `width`: cells of the grid; at least 2 each, and at most 2^24 cells together.
    - `num_walls`: walls to draw; between 0 and `height * width - 2`.
    - `replace`: whether a cell can be drawn twice. If so there are at most `num_walls` walls.
    - `sample_num_walls`: whether the number of walls is itself uniform in `[0, num_walls]`. Cells
      are then drawn without replacement.

    Levels need not be solvable. Raises `ValueError` for a value out of its range, and if both
    `replace` and `sample_num_walls` are set.
    """

    height: int = eqx.field(static=True, default=13)
    width: int = eqx.field(static=True, default=13)
    num_walls: int = eqx.field(static=True, default=60)
    replace: bool = eqx.field(static=True, default=False)
    sample_num_walls: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        check_size("RandomWalls", self.height, self.width)
        most = self.height * self.width - 2
        if not 0 <= self.num_walls <= most:
            raise ValueError(
                f"RandomWalls.num_walls is {self.num_walls}; in a maze of {self.height} x "
                f"{self.width} cells it must be between 0 and {most}, to leave room for agent and "
                "goal."
            )
        if self.replace and self.sample_num_walls:
            raise ValueError(
                "RandomWalls draws a random number of walls only without replacement: "
                "choose one of replace and sample_num_walls."
            )

    def sample(self, key: Key[Array, ""]) -> MazeLevel:
        wall_key, count_key, place_key = jax.random.split(key, 3)
        num_cells = self.height * self.width
        if self.replace:
            drawn = random_below(num_cells, (self.num_walls,), key=wall_key)
            walls = jnp.zeros(num_cells, bool).at[drawn].set(True)
        else:
            count = jnp.array(self.num_walls)
            if self.sample_num_walls:
                count = random_below(self.num_walls + 1, key=count_key)
            walls = random_cells(num_cells, count, key=wall_key)
        return place_agent_and_goal(walls.reshape(self.height, self.width), key=place_key)


class PerfectMaze(AbstractLevelGenerator[MazeLevel]):
    """Mazes with exactly one way between any two open cells.

    Cells with even x and even y are the nodes of a lattice. A randomised depth-first search visits
    all of them from a random one, and opens the cell between a node and the next. Agent and goal
    are on random open cells. `height` and `width` are odd and at least 3, and there are at most
    2^24 cells; `ValueError` otherwise.
    """

    height: int = eqx.field(static=True, default=13)
    width: int = eqx.field(static=True, default=13)

    def __check_init__(self) -> None:
        for name in ("height", "width"):
            size = getattr(self, name)
            if size < 3 or size % 2 == 0:
                raise ValueError(f"PerfectMaze.{name} is {size}; it must be odd and at least 3.")
        check_size("PerfectMaze", self.height, self.width)

    def sample(self, key: Key[Array, ""]) -> MazeLevel:
        carve_key, place_key = jax.random.split(key)
        return place_agent_and_goal(~self._carve(carve_key), key=place_key)

    def _carve(self, key: Key[Array, ""]) -> Bool[Array, "height width"]:
        rows, columns = (self.height + 1) // 2, (self.width + 1) // 2
        num_nodes = rows * columns
        lattice = jnp.array([[rows, columns]], jnp.int32)
        moves = jnp.array([[0, 1], [1, 0], [0, -1], [-1, 0]], jnp.int32)  # (row, column)
        start_key, walk_key = jax.random.split(key)
        start = random_below(num_nodes, key=start_key)
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
        open_cells = jnp.zeros((self.height, self.width), bool).at[2 * row, 2 * column].set(True)
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
