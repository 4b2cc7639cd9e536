"""How hard a maze is: its walls, and the way from agent to goal."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from ._cells import any_of, cells_inside, only_cell
from ._level import NUM_DIRECTIONS, MazeLevel

_WORD_BITS = 32
# For each direction the opposite one.
_BEHIND = np.array([2, 3, 0, 1])


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
    """Fewest moves from the agent to a goal, turns not counted; 0 if there is no way.

    Breadth-first search from the agent, stopped where the goal is reached. The set of reached
    cells is held as bits, 32 cells to a word, so that a sweep is a few shifts for each row.
    """
    if level.door_pos is not None:
        return _moves_with_key(level)
    height, width = level.wall_map.shape
    free = _pack(_open_cells(level))
    at_agent = _pack(only_cell(level.agent_pos, height, width))
    at_goal = _pack(any_of(level.goals(), height, width))

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
    """Fewest actions, turns included, with which the agent enters a goal; 0 if there is no way.

    Breadth-first search over poses (where the agent is, and where it looks), stopped where the goal
    is entered. The set of reached poses is four sets of cells, one for each direction, held as bits
    as in `shortest_path_length`. A sweep is one action: turn left, turn right, or go forward.
    """
    if level.door_pos is not None:
        return _actions_with_key(level)
    height, width = level.wall_map.shape
    at_goal = _pack(any_of(level.goals(), height, width))
    free = _pack(_open_cells(level)) | at_goal
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


# With a locked door the way has three stages: without the key, when the key's cell and the door are
# in the way; with the key, when the door is; and with the door open. To drop the key again never
# helps, and neither does closing the door. So a search holds a set of cells or poses per stage.


def _moves_with_key(level: MazeLevel) -> Int[Array, ""]:
    """`shortest_path_length` where a door is locked; to pick up the key and open are no moves."""
    free, (at_agent, at_goal, at_key, at_door) = _stages(level)
    near_key, near_door = _with_packed_neighbours(at_key), _with_packed_neighbours(at_door)

    def on(reached):
        with_key = reached[1] | (reached[0] & near_key)
        return jnp.stack([reached[0], with_key, reached[2] | (with_key & near_door)])

    def grow(carry):
        _, reached, distance = carry
        grown = on(jax.vmap(_with_packed_neighbours)(reached) & free)
        found, stuck = jnp.any(grown & at_goal[None] != 0), jnp.all(grown == reached)
        return ~found & ~stuck, grown, jnp.where(stuck, 0, distance + 1)

    start = on(jnp.stack([at_agent, jnp.zeros_like(at_agent), jnp.zeros_like(at_agent)]))
    first = (jnp.array(True), start, jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(lambda carry: carry[0], grow, first)[2]


def _actions_with_key(level: MazeLevel) -> Int[Array, ""]:
    """`fewest_actions` where a door is locked; the key is picked up, and the door opened, from a
    pose that faces it."""
    free, (at_agent, at_goal, at_key, at_door) = _stages(level)
    facing_key, facing_door = (jnp.stack(_shifted(at))[_BEHIND] for at in (at_key, at_door))
    looks = (jnp.arange(NUM_DIRECTIONS) == level.agent_dir)[:, None, None]

    def act(carry):
        _, reached, num_actions = carry
        moved = jax.vmap(_moved_forward)(reached) & free[:, None]
        turned = jnp.roll(reached, 1, axis=1) | jnp.roll(reached, -1, axis=1)
        taken, opened = reached[0] & facing_key, reached[1] & facing_door
        grown = reached | moved | turned | jnp.stack([jnp.zeros_like(taken), taken, opened])
        found = jnp.any(moved & at_goal[None, None] != 0)
        stuck = jnp.all(grown == reached) & ~found
        return ~found & ~stuck, grown, jnp.where(stuck, 0, num_actions + 1)

    start = jnp.where(looks, at_agent[None], 0)
    start = jnp.stack([start, jnp.zeros_like(start), jnp.zeros_like(start)])
    first = (jnp.array(True), start, jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(lambda carry: carry[0], act, first)[2]


def _stages(
    level: MazeLevel,
) -> tuple[UInt32[Array, "3 height words"], list[UInt32[Array, "height words"]]]:
    """What is free in each stage; and where agent, goals, key and door are."""
    assert level.key_pos is not None
    assert level.door_pos is not None
    places = ([level.agent_pos], level.goals(), [level.key_pos], [level.door_pos])
    packed = [_pack(any_of(positions, *level.wall_map.shape)) for positions in places]
    free = _pack(_open_cells(level))
    _, _, at_key, at_door = packed
    return jnp.stack([free & ~at_key & ~at_door, free & ~at_door, free]), packed


def _open_cells(level: MazeLevel) -> Bool[Array, "height width"]:
    """Where neither a wall nor lava is."""
    if level.lava_map is None:
        return jnp.logical_not(level.wall_map)
    return jnp.logical_not(level.wall_map | level.lava_map)


def maze_level_metrics(level: MazeLevel) -> dict[str, Float[Array, ""]]:
    """`num_walls`, `shortest_path_length` (0 if there is no way) and `passable` (0 or 1).

    Where levels differ in size, also `height` and `width`, and only walls inside a level count; and
    `num_lava` where there may be lava. Lava is in the way like a wall, the goal is the nearest one,
    and to pick up a key and to open a door takes no moves.
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
    if level.lava_map is not None:
        metrics["num_lava"] = jnp.sum(level.lava_map).astype(jnp.float32)
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
