"""What an agent sees: the cells in front of it, and which of them are hidden by walls."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

# (x, y) of one move in each direction: right, down, left, up.
MOVES = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])


def view_offsets(view_size: int, row_stride: int) -> Int[np.ndarray, "4 view view"]:
    """Where the cells of a view lie in a flat grid, relative to the agent, for each direction.

    The agent is in the middle of the bottom row and looks up. Row `i` and column `j` of the view is
    `view_size - 1 - i` cells ahead and `j - view_size // 2` cells to the right.
    """
    ahead = view_size - 1 - np.arange(view_size)[:, None, None]
    sideways = (np.arange(view_size) - view_size // 2)[None, :, None]
    offsets = []
    for direction in range(4):
        forward, right = MOVES[direction], MOVES[(direction + 1) % 4]
        x, y = np.moveaxis(ahead * forward + sideways * right, -1, 0)
        offsets.append(y * row_stride + x)
    return np.stack(offsets).astype(np.int32)


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
