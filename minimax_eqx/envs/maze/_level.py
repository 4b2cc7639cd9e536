"""The level of a maze, its checks, and its form as text."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt8

from ._cells import EMPTY, GOAL, WALL, only_cell

NUM_DIRECTIONS = 4
DIRECTION_SYMBOLS = ">v<^"
DIRECTION_NAMES = ("right", "down", "left", "up")
WALL_SYMBOL, FLOOR_SYMBOL, GOAL_SYMBOL = "#", ".", "G"


class MazeLevel(eqx.Module):
    """The free parameters of a maze: its walls, and where agent and goal start.

    Positions are `(x, y)`: column (0 is left) and row (0 is top). Directions are 0 right, 1 down,
    2 left, 3 up. The border around the grid is not part of the level. Many levels of one size make
    one module with leading axes.
    """

    wall_map: Bool[Array, "*batch height width"]
    agent_pos: Int[Array, "*batch 2"]
    agent_dir: Int[Array, "*batch"]
    goal_pos: Int[Array, "*batch 2"]

    @classmethod
    def from_ascii(cls, text: str) -> "MazeLevel":
        """Reads a level from a drawing.

        `#` is a wall, `.` or a space is floor, `G` is the goal, and the agent is one of `>v<^`,
        which says where it looks. Lines that are empty, and indentation, are ignored.

        Raises `ValueError` if the drawing is not a rectangle, has an unknown symbol, or does not
        have exactly one agent and one goal.
        """
        rows = [line.strip() for line in text.strip("\n").splitlines() if line.strip()]
        if not rows:
            raise ValueError("The drawing of a maze is empty.")
        widths = {len(row) for row in rows}
        if len(widths) != 1:
            raise ValueError(
                f"All rows of a maze must be equally long; these have lengths {sorted(widths)}. "
                f"Write floor as '{FLOOR_SYMBOL}'."
            )
        cells = np.array([list(row) for row in rows])
        known = WALL_SYMBOL + FLOOR_SYMBOL + " " + GOAL_SYMBOL + DIRECTION_SYMBOLS
        unknown = sorted({str(symbol) for symbol in cells.flat} - set(known))
        if unknown:
            raise ValueError(f"Unknown symbols {unknown} in a maze; known are {list(known)}.")
        agents = np.argwhere(np.isin(cells, list(DIRECTION_SYMBOLS)))
        goals = np.argwhere(cells == GOAL_SYMBOL)
        for what, found in (("agent (one of >v<^)", agents), ("goal (G)", goals)):
            if len(found) != 1:
                raise ValueError(f"A maze has exactly one {what}; this one has {len(found)}.")
        agent_y, agent_x = agents[0]
        return cls(
            wall_map=jnp.asarray(cells == WALL_SYMBOL),
            agent_pos=jnp.array([agent_x, agent_y], jnp.int32),
            agent_dir=jnp.array(DIRECTION_SYMBOLS.index(str(cells[agent_y, agent_x])), jnp.int32),
            goal_pos=jnp.asarray(goals[0][::-1].copy(), jnp.int32),
        )

    def cells(self) -> UInt8[Array, "height width"]:
        """The grid without the agent, one code a cell: wall, goal or empty."""
        height, width = self.wall_map.shape
        on_goal = only_cell(self.goal_pos, height, width)
        cells = jnp.where(on_goal, GOAL, jnp.where(self.wall_map, WALL, EMPTY))
        return cells.astype(jnp.uint8)

    def to_ascii(self) -> str:
        """Draws the level in the symbols that `from_ascii` reads."""
        cells = np.where(np.asarray(self.wall_map), WALL_SYMBOL, FLOOR_SYMBOL)
        goal_x, goal_y = np.asarray(self.goal_pos)
        agent_x, agent_y = np.asarray(self.agent_pos)
        cells[goal_y, goal_x] = GOAL_SYMBOL
        cells[agent_y, agent_x] = DIRECTION_SYMBOLS[int(self.agent_dir)]
        return "\n".join("".join(row) for row in cells)

    def check(self, height: int | None = None, width: int | None = None) -> None:
        """Raises `ValueError` saying what is wrong, if this level cannot be played.

        A level may be unsolvable; that is what curricula are about. `height` and `width`, if
        given, are those of the environment that is to play it. Not for use under `jax.jit`.
        """
        problem = self._problem(height, width)
        if problem is not None:
            raise ValueError(f"This is not a maze level: {problem}")

    def _problem(self, height: int | None, width: int | None) -> str | None:
        wall_map = np.asarray(self.wall_map)
        if wall_map.ndim != 2:
            return (
                f"its wall_map has shape {wall_map.shape} instead of (height, width). "
                "Check the levels of a batch one by one."
            )
        expected = (height or wall_map.shape[0], width or wall_map.shape[1])
        if wall_map.shape != expected:
            return (
                f"its wall_map has shape {wall_map.shape}; "
                f"the environment's (height, width) is {expected}."
            )
        agent, goal = np.asarray(self.agent_pos), np.asarray(self.goal_pos)
        return (
            _problem_of_position("agent_pos", agent, wall_map)
            or _problem_of_position("goal_pos", goal, wall_map)
            or _problem_of_start(agent, int(self.agent_dir), goal)
        )


def _problem_of_position(
    name: str, position: Int[np.ndarray, "..."], wall_map: Bool[np.ndarray, "height width"]
) -> str | None:
    if position.shape != (2,):
        return f"{name} has shape {position.shape} instead of (2,)."
    height, width = wall_map.shape
    x, y = (int(p) for p in position)
    if not (0 <= x < width and 0 <= y < height):
        return f"{name} is (x={x}, y={y}), off the grid of height {height} and width {width}."
    if wall_map[y, x]:
        return f"{name} (x={x}, y={y}) is inside a wall."
    return None


def _problem_of_start(
    agent: Int[np.ndarray, "2"], direction: int, goal: Int[np.ndarray, "2"]
) -> str | None:
    if np.array_equal(agent, goal):
        return f"the agent starts on the goal, at (x={agent[0]}, y={agent[1]})."
    if not 0 <= direction < NUM_DIRECTIONS:
        names = ", ".join(f"{i} {name}" for i, name in enumerate(DIRECTION_NAMES))
        return f"agent_dir is {direction}; it must be one of {names}."
    return None


def maze_level_spec(height: int, width: int) -> MazeLevel:
    """Shapes and dtypes of a level of that size."""
    struct = jax.eval_shape(
        lambda: MazeLevel(
            wall_map=jnp.zeros((height, width), bool),
            agent_pos=jnp.zeros(2, jnp.int32),
            agent_dir=jnp.zeros((), jnp.int32),
            goal_pos=jnp.zeros(2, jnp.int32),
        )
    )
    return struct


def stack_levels(levels: Sequence[MazeLevel]) -> MazeLevel:
    """Puts levels of one size into a single module with a leading axis `level`."""
    if not levels:
        raise ValueError("There are no levels to stack.")
    shapes = sorted({level.wall_map.shape for level in levels})
    if len(shapes) != 1:
        raise ValueError(f"Only levels of one size can be stacked; these have sizes {shapes}.")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)
