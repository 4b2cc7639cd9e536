"""What an agent sees: the cells in front of it, and which of them are hidden by walls."""

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
    lit = [[jnp.array(False)] * view_size for _ in range(view_size)]
    lit[-1][view_size // 2] = jnp.array(True)
    for i in reversed(range(view_size)):
        for columns, step in ((range(view_size - 1), 1), (range(view_size - 1, 0, -1), -1)):
            for j in columns:
                passes = lit[i][j] & transparent[i, j]
                lit[i][j + step] |= passes
                if i > 0:
                    lit[i - 1][j + step] |= passes
                    lit[i - 1][j] |= passes
    return jnp.stack([jnp.stack(row) for row in lit])
