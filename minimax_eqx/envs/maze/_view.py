"""What an agent sees: the cells in front of it, and which of them are hidden by walls."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt8

# (x, y) of one move in each direction: right, down, left, up.
MOVES = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])


def cut_out_view(
    cells: UInt8[Array, "rows columns"],
    position: Int[Array, "2"],
    direction: Int[Array, ""],
    view_size: int,
) -> UInt8[Array, "{view_size} {view_size}"]:
    """The square of cells in front of an agent at `position` (x, y), turned so that it looks up.

    The agent is in the middle of the bottom row. Row `i` and column `j` of the view is
    `view_size - 1 - i` cells ahead and `j - view_size // 2` cells to the right. The whole square
    must lie in the grid.
    """
    # A block is copied and then turned: with a look-up for each cell of the view, a whole step of
    # the maze takes about twice as long on a CPU.
    x, y = position + jnp.asarray(_block_corners(view_size))[direction]
    block = jax.lax.dynamic_slice(cells, (y, x), (view_size, view_size))
    return jax.lax.select_n(direction, *(jnp.rot90(block, turns) for turns in (1, 2, 3, 0)))


def _block_corners(view_size: int) -> Int[np.ndarray, "4 2"]:
    """From the agent to the block's smallest x and y, for each direction."""
    side, far = -(view_size // 2), -(view_size - 1)
    return np.array([[0, side], [side, 0], [far, side], [side, far]], np.int32)


def visible_cells(transparent: Bool[Array, "view view"]) -> Bool[Array, "view view"]:
    """MiniGrid's visibility rule: which cells of a view can be seen past the walls.

    Light starts at the agent and climbs row by row. In each row it spreads to the right, then to
    the left, through transparent cells, and lights the three cells above each cell it passes.
    """
    view_size = transparent.shape[0]

    def climb(lit, clear):
        lit = _spread_right(lit, clear)
        to_the_right = (lit & clear)[:-1]
        lit = _spread_right(lit[::-1], clear[::-1])[::-1]
        to_the_left = (lit & clear)[1:]
        passed = to_the_right | to_the_left
        return jnp.pad(passed, (1, 0)) | jnp.pad(passed, (0, 1)), lit

    agent = jnp.arange(view_size) == view_size // 2
    # A loop, since the unrolled program takes seconds to compile.
    return jax.lax.scan(climb, agent, transparent, reverse=True)[1]


def _spread_right(lit: Bool[Array, " view"], clear: Bool[Array, " view"]) -> Bool[Array, " view"]:
    """Lights every cell that has only clear cells between it and a lit one to its left."""
    spread = [lit[0]]
    for j in range(1, lit.shape[0]):
        spread.append(lit[j] | (spread[-1] & clear[j - 1]))
    return jnp.stack(spread)
