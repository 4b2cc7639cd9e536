"""How hard a maze is: its walls, and the way from agent to goal."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ._level import MazeLevel


def distances_from(
    wall_map: Bool[Array, "height width"], start: Int[Array, "2"]
) -> Int[Array, "height width"]:
    """Moves from `start` (x, y) to every cell, around the walls; -1 where there is no way.

    Turns are not counted. A flood fill: one parallel sweep for each unit of distance.
    """
    height, width = wall_map.shape
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)
    at_start = (columns == start[0]) & (rows == start[1])

    def grow(carry):
        _, reached, distances, distance = carry
        grown = _with_neighbours(reached) & ~wall_map | reached
        distances = jnp.where(grown & ~reached, distance + 1, distances)
        return jnp.any(grown & ~reached), grown, distances, distance + 1

    first = (jnp.array(True), at_start, jnp.where(at_start, 0, -1), jnp.array(0))
    return jax.lax.while_loop(lambda carry: carry[0], grow, first)[2]


def shortest_path_length(level: MazeLevel) -> Int[Array, ""]:
    """Fewest moves from the agent to the goal, turns not counted; 0 if there is no way.

    Breadth-first search from the agent, stopped where the goal is reached.
    """
    height, width = level.wall_map.shape
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)
    at_agent = (columns == level.agent_pos[0]) & (rows == level.agent_pos[1])
    at_goal = (columns == level.goal_pos[0]) & (rows == level.goal_pos[1])

    def searching(carry):
        found, stuck, _, _ = carry
        return ~found & ~stuck

    def grow(carry):
        _, _, reached, distance = carry
        grown = _with_neighbours(reached) & ~level.wall_map | reached
        return jnp.any(grown & at_goal), jnp.all(grown == reached), grown, distance + 1

    first = (jnp.any(at_agent & at_goal), jnp.array(False), at_agent, jnp.array(0))
    found, _, _, distance = jax.lax.while_loop(searching, grow, first)
    return jnp.where(found, distance, 0)


def maze_level_metrics(level: MazeLevel) -> dict[str, Float[Array, ""]]:
    """`num_walls`, `shortest_path_length` (0 if there is no way) and `passable` (0 or 1)."""
    length = shortest_path_length(level)
    return {
        "num_walls": jnp.sum(level.wall_map).astype(jnp.float32),
        "shortest_path_length": length.astype(jnp.float32),
        "passable": (length > 0).astype(jnp.float32),
    }


def _with_neighbours(cells: Bool[Array, "height width"]) -> Bool[Array, "height width"]:
    padded = jnp.pad(cells, 1)
    vertical = padded[:-2, 1:-1] | padded[2:, 1:-1]
    horizontal = padded[1:-1, :-2] | padded[1:-1, 2:]
    return cells | vertical | horizontal
