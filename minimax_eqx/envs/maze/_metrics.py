"""How hard a maze is: its walls, and the way from agent to goal."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from ._cells import cells_inside, only_cell
from ._level import NUM_DIRECTIONS, MazeLevel

_WORD_BITS = 32


def distances_from(
    wall_map: Bool[Array, "height width"], start: Int[Array, "2"]
) -> Int[Array, "height width"]:
    """Moves from `start` (x, y) to every cell, around the walls; -1 where there is no way.

    Turns are not counted. A flood fill: one parallel sweep for each unit of distance.
    """
    height, width = wall_map.shape
    at_start = only_cell(start, height, width)

    def grow(carry):
        _, reached, distances, distance = carry
        grown = _with_neighbours(reached) & ~wall_map | reached
        distances = jnp.where(grown & ~reached, distance + 1, distances)
        return jnp.any(grown & ~reached), grown, distances, distance + 1

    first = (jnp.array(True), at_start, jnp.where(at_start, 0, -1), jnp.array(0))
    return jax.lax.while_loop(lambda carry: carry[0], grow, first)[2]


def shortest_path_length(level: MazeLevel) -> Int[Array, ""]:
    """Fewest moves from the agent to the goal, turns not counted; 0 if there is no way.

    Breadth-first search from the agent, stopped where the goal is reached. The set of reached
    cells is held as bits, 32 cells to a word, so that a sweep is a few shifts for each row.
    """
    height, width = level.wall_map.shape
    free = _pack(~level.wall_map)
    at_agent = _pack(only_cell(level.agent_pos, height, width))
    at_goal = _pack(only_cell(level.goal_pos, height, width))

    def grow(carry):
        _, reached, distance = carry
        grown = _with_packed_neighbours(reached) & free
        found = jnp.any(grown & at_goal != 0)
        stuck = jnp.all(grown == reached)
        return ~found & ~stuck, grown, jnp.where(stuck, 0, distance + 1)

    apart = jnp.any(level.agent_pos != level.goal_pos)
    first = (apart, at_agent, jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(lambda carry: carry[0], grow, first)[2]


def fewest_actions(level: MazeLevel) -> Int[Array, ""]:
    """Fewest actions, turns included, with which the agent enters the goal; 0 if there is no way.

    Breadth-first search over poses (where the agent is, and where it looks), stopped where the goal
    is entered. The set of reached poses is four sets of cells, one for each direction, held as bits
    as in `shortest_path_length`. A sweep is one action: turn left, turn right, or go forward.
    """
    height, width = level.wall_map.shape
    at_goal = _pack(only_cell(level.goal_pos, height, width))
    free = _pack(~level.wall_map) | at_goal
    at_goal, free = at_goal[None], free[None]
    at_agent = _pack(only_cell(level.agent_pos, height, width))
    looks = (jnp.arange(NUM_DIRECTIONS) == level.agent_dir)[:, None, None]

    def act(carry):
        _, reached, num_actions = carry
        moved = _moved_forward(reached) & free
        grown = reached | moved | jnp.roll(reached, 1, axis=0) | jnp.roll(reached, -1, axis=0)
        found = jnp.any(moved & at_goal != 0)
        stuck = jnp.all(grown == reached) & ~found
        return ~found & ~stuck, grown, jnp.where(stuck, 0, num_actions + 1)

    first = (jnp.array(True), jnp.where(looks, at_agent[None], 0), jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(lambda carry: carry[0], act, first)[2]


def maze_level_metrics(level: MazeLevel) -> dict[str, Float[Array, ""]]:
    """`num_walls`, `shortest_path_length` (0 if there is no way) and `passable` (0 or 1).

    Where levels differ in size, also `height` and `width`, and only walls inside a level count.
    """
    length = shortest_path_length(level)
    metrics = {
        "num_walls": jnp.sum(level.wall_map).astype(jnp.float32),
        "shortest_path_length": length.astype(jnp.float32),
        "passable": (length > 0).astype(jnp.float32),
    }
    if level.size is not None:
        inside = cells_inside(level.size, *level.wall_map.shape)
        height, width = level.size.astype(jnp.float32)
        metrics["num_walls"] = jnp.sum(level.wall_map & inside).astype(jnp.float32)
        metrics |= {"height": height, "width": width}
    return metrics


def _with_neighbours(cells: Bool[Array, "height width"]) -> Bool[Array, "height width"]:
    padded = jnp.pad(cells, 1)
    vertical = padded[:-2, 1:-1] | padded[2:, 1:-1]
    horizontal = padded[1:-1, :-2] | padded[1:-1, 2:]
    return cells | vertical | horizontal


def _pack(cells: Bool[Array, "height width"]) -> UInt32[Array, "height words"]:
    """Packs each row into words; bit `i` of word `j` is the cell in column `32 * j + i`."""
    height, width = cells.shape
    num_words = -(-width // _WORD_BITS)
    cells = jnp.pad(cells, ((0, 0), (0, num_words * _WORD_BITS - width)))
    bits = 1 << np.arange(_WORD_BITS, dtype=np.uint32)
    words = jnp.where(cells.reshape(height, num_words, _WORD_BITS), bits[None, None], 0)
    return jnp.sum(words, axis=-1, dtype=jnp.uint32)


def _with_packed_neighbours(cells: UInt32[Array, "height words"]) -> UInt32[Array, "height words"]:
    right, down, left, up = _shifted(cells)
    return cells | right | left | up | down


def _moved_forward(poses: UInt32[Array, "4 height words"]) -> UInt32[Array, "4 height words"]:
    """Sets of cells, one for each direction, after a step in that direction."""
    return jnp.stack([_shifted(cells)[direction] for direction, cells in enumerate(poses)])


def _shifted(cells: UInt32[Array, "height words"]) -> tuple[UInt32[Array, "height words"], ...]:
    """The set of cells moved by one: right, down, left, up, the order of the directions."""
    padded = jnp.pad(cells, 1)
    one, rest = jnp.uint32(1), jnp.uint32(_WORD_BITS - 1)
    to_the_right = cells << one | padded[1:-1, :-2] >> rest
    to_the_left = cells >> one | padded[1:-1, 2:] << rest
    return to_the_right, padded[:-2, 1:-1], to_the_left, padded[2:, 1:-1]
