"""Procedural held-out mazes: four rooms, and a crossing of walls."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from ..._types import PyTree
from .._env import AbstractLevelGenerator
from ._generators import place_agent_and_goal
from ._level import MazeLevel
from ._size import check_odd_size, size_of

_CROSSING_SIZE = 9
_RIGHT_DOWN = ((1, 0), (0, 1))


class FourRooms(AbstractLevelGenerator[MazeLevel]):
    """Four rooms, each joined to its two neighbours by a door at a random place.

    Walls fill the middle row and the middle column, but for one door in each half of them. Agent
    and goal are on different random cells of the rooms, and the agent looks anywhere. Height and
    width of the maze are odd and at least 3; `sample` raises `ValueError` otherwise.
    """

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> MazeLevel:
        height, width = size_of("FourRooms", level)
        check_odd_size("FourRooms", height, width)
        row_key, column_key, place_key = jax.random.split(key, 3)
        row, column = height // 2, width // 2
        row_doors = jax.random.randint(row_key, (2,), 0, column) + jnp.array([0, column + 1])
        column_doors = jax.random.randint(column_key, (2,), 0, row) + jnp.array([0, row + 1])
        in_rooms = (jnp.arange(height) != row)[:, None] & (jnp.arange(width) != column)[None, :]
        walls = ~in_rooms
        walls = walls.at[row, row_doors].set(False).at[column_doors, column].set(False)
        return place_agent_and_goal(walls, key=place_key, allowed=in_rooms)


class Crossing(AbstractLevelGenerator[MazeLevel]):
    """Full rows and columns of walls, with one way carved from the top left to the bottom right.

    9 x 9 cells; walls are at positions 1, 3, 5 and 7. The agent starts at (0, 0), looking right,
    and the goal is at (8, 8). The way only ever goes right and down, so that it is as short as can
    be: 16 moves. It crosses a wall straight on. `sample` raises `ValueError` for another size.
    """

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> MazeLevel:
        height, width = size_of("Crossing", level)
        if (height, width) != (_CROSSING_SIZE, _CROSSING_SIZE):
            raise ValueError(
                f"Crossing makes mazes of 9 x 9 cells, but the environment's have {height} x "
                f"{width}. Use Maze(height=9, width=9)."
            )
        walls_key, walk_key = jax.random.split(key)
        goal = jnp.array([_CROSSING_SIZE - 1, _CROSSING_SIZE - 1], jnp.int32)
        return MazeLevel(
            wall_map=_carve(_crossing_walls(walls_key), key=walk_key),
            agent_pos=jnp.zeros(2, jnp.int32),
            agent_dir=jnp.zeros((), jnp.int32),
            goal_pos=goal,
        )


def _crossing_walls(key: Key[Array, ""]) -> Bool[Array, "9 9"]:
    """Walls before the way is carved.

    Of five walls, `k` (hypergeometric) are meant to be rows and the others columns. Twice as many
    flags as that are then shuffled over positions 0 to 7, and the flags at odd positions count.
    """
    share_key, row_key, column_key = jax.random.split(key, 3)
    num_flags, num_walls = 8, 5
    is_row = jax.random.permutation(share_key, num_flags) < num_flags // 2
    num_rows = jnp.sum(is_row[:num_walls])
    rows = jax.random.permutation(row_key, num_flags) < 2 * num_rows
    columns = jax.random.permutation(column_key, num_flags) < 2 * (num_walls - num_rows)
    odd = jnp.arange(num_flags) % 2 == 1
    rows, columns = jnp.pad(rows & odd, (0, 1)), jnp.pad(columns & odd, (0, 1))
    return rows[:, None] | columns[None, :]


def _carve(walls: Bool[Array, "9 9"], *, key: Key[Array, ""]) -> Bool[Array, "9 9"]:
    num_moves = 2 * (_CROSSING_SIZE - 1)
    moves = jnp.array(_RIGHT_DOWN, jnp.int32)

    def move(carry, drawn):
        position, previous, in_wall, open_walls = carry
        direction = jnp.where(in_wall, previous, drawn)
        leaves = jnp.any(position + moves[direction] >= _CROSSING_SIZE)
        direction = jnp.where(leaves, 1 - drawn, direction)
        position = position + moves[direction]
        x, y = position
        in_wall = walls[y, x]
        return (position, direction, in_wall, open_walls.at[y, x].set(False)), None

    drawn = jax.random.randint(key, (num_moves,), 0, 2)
    start = (jnp.zeros(2, jnp.int32), drawn[0], jnp.array(False), walls)
    return jax.lax.scan(move, start, drawn)[0][3]
