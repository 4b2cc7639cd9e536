"""Cells of a grid as single bytes, in MiniGrid's numbering, and sets of cells."""

import functools
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

OBJECT_BITS = 4
AGENT_OBJECT = 10


def cell_code(object_index: int, colour: int) -> int:
    """Packs MiniGrid's object (low four bits) and colour (high four bits) into a byte."""
    return object_index | colour << OBJECT_BITS


UNSEEN = cell_code(0, 0)
EMPTY = cell_code(1, 0)
WALL = cell_code(2, 5)
RED_GOAL = cell_code(8, 0)
GOAL = cell_code(8, 1)
LAVA = cell_code(9, 0)
KEY = cell_code(5, 4)
DOOR = cell_code(4, 4)


def cells_inside(size: Int[Array, "2"], height: int, width: int) -> Bool[Array, "{height} {width}"]:
    """The cells of a level of `size` (height, width) at the top left of a grid."""
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None, :]
    return (rows < size[0]) & (columns < size[1])


def any_of(
    positions: Sequence[Int[Array, "2"]], height: int, width: int
) -> Bool[Array, "{height} {width}"]:
    """The set of cells that holds the one at each of the positions (x, y), at least one."""
    cells = [only_cell(position, height, width) for position in positions]
    return functools.reduce(jnp.logical_or, cells)


def only_cell(
    position: Int[Array, "2"], height: int, width: int
) -> Bool[Array, "{height} {width}"]:
    """The set of cells that holds just the one at `position` (x, y)."""
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None, :]
    return (columns == position[0]) & (rows == position[1])
