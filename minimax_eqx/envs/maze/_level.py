"""The level of a maze, its checks, and its form as text."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Shaped, UInt8

from ..._types import PyTree
from ._cells import EMPTY, GOAL, WALL, only_cell
from ._drawing import DIRECTION_SYMBOLS, FLOOR_SYMBOL, GOAL_SYMBOL, WALL_SYMBOL, read_drawing
from ._prompt import picture_of, text_of

NUM_DIRECTIONS = 4
DIRECTION_NAMES = ("right", "down", "left", "up")


class MazeLevel(eqx.Module):
    """The free parameters of a maze: its walls, and where agent and goal start.

    Positions are `(x, y)`: column (0 is left) and row (0 is top). Directions are 0 right, 1 down,
    2 left, 3 up. The border around the grid is not part of the level. Many levels of one size make
    one module with leading axes.

    `size` is there for an environment whose levels differ in size, and None elsewhere: height and
    width of the level, which is the top left of the grid. The rest of the grid is wall.
    """

    wall_map: Bool[Array, "*batch height width"]
    agent_pos: Int[Array, "*batch 2"]
    agent_dir: Int[Array, "*batch"]
    goal_pos: Int[Array, "*batch 2"]
    size: Int[Array, "*batch 2"] | None = None

    @classmethod
    def from_ascii(cls, text: str) -> "MazeLevel":
        """Reads a level from a drawing.

        `#` is a wall, `.` or a space is floor, `G` is the goal, and the agent is one of `>v<^`,
        which says where it looks. Every line is a row; empty lines before the first and after the
        last do not count. If the text begins with a line break, as in a triple-quoted string, the
        indentation that all lines share is left out. Elsewhere each space is floor.

        Raises `ValueError`, with line and column counted from 1, if the drawing is not a rectangle,
        has an unknown symbol, or does not have exactly one agent and one goal, and where a space
        may be floor as well as indentation.
        """
        drawing = read_drawing(text)
        agent_x, agent_y = drawing.agent_pos
        direction = DIRECTION_SYMBOLS.index(str(drawing.symbols[agent_y, agent_x]))
        return cls(
            wall_map=jnp.asarray(drawing.symbols == WALL_SYMBOL),
            agent_pos=jnp.asarray(drawing.agent_pos),
            agent_dir=jnp.array(direction, jnp.int32),
            goal_pos=jnp.asarray(drawing.goal_pos),
        )

    def fitted(self, level: PyTree[jax.ShapeDtypeStruct]) -> "MazeLevel":
        """This level as one of an environment, whose `level_spec()` you give.

        If the environment's levels differ in size, it is padded with walls. Raises `ValueError` if
        it is too large for that. Not for use under `jax.jit`.
        """
        spec: MazeLevel = level
        if spec.size is None or self.size is not None:
            return self
        (height, width), (most_rows, most_columns) = self.wall_map.shape, spec.wall_map.shape
        if height > most_rows or width > most_columns:
            raise ValueError(
                f"A level of {height} x {width} cells is too large for an environment whose levels "
                f"have at most {most_rows} x {most_columns}. Make the environment larger."
            )
        margins = ((0, most_rows - height), (0, most_columns - width))
        return dataclasses.replace(
            jax.tree.map(jnp.asarray, self),
            wall_map=jnp.pad(jnp.asarray(self.wall_map), margins, constant_values=True),
            size=jnp.array([height, width], jnp.int32),
        )

    def cells(self) -> UInt8[Array, "height width"]:
        """The grid without the agent, one code a cell: wall, goal or empty."""
        height, width = self.wall_map.shape
        on_goal = only_cell(self.goal_pos, height, width)
        cells = jnp.where(on_goal, GOAL, jnp.where(self.wall_map, WALL, EMPTY))
        return cells.astype(jnp.uint8)

    def __repr__(self) -> str:
        """The drawing; of many levels that of the first; shapes where there are no values."""
        return text_of(self, MazeLevel.to_ascii) or super().__repr__()

    def _repr_png_(self) -> bytes | None:
        """The picture that a notebook shows; None where there is nothing to draw, or no Pillow."""
        return picture_of(self)

    def to_ascii(self) -> str:
        """Draws the level in the symbols that `from_ascii` reads.

        An agent or goal that is not on the grid, as in an unfinished design, is left out, and so
        are the walls that a smaller level is padded with. Raises `ValueError` for many levels.
        """
        if np.ndim(self.wall_map) != 2:
            raise ValueError(
                f"Only one level can be drawn; these have a wall_map of shape "
                f"{np.shape(self.wall_map)}. Select one, or draw many with "
                "Maze().artist().draw_levels."
            )
        cells = np.where(inner_part(self, self.wall_map), WALL_SYMBOL, FLOOR_SYMBOL)
        agent_symbol = DIRECTION_SYMBOLS[int(self.agent_dir) % NUM_DIRECTIONS]
        for position, symbol in ((self.goal_pos, GOAL_SYMBOL), (self.agent_pos, agent_symbol)):
            x, y = np.asarray(position)
            if is_on_grid(position, *cells.shape):
                cells[y, x] = symbol
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
                + hint_at_border(wall_map.shape, expected)
            )
        agent, goal = np.asarray(self.agent_pos), np.asarray(self.goal_pos)
        return (
            self._problem_of_size()
            or _problem_of_position("agent_pos", agent, wall_map)
            or _problem_of_position("goal_pos", goal, wall_map)
            or _problem_of_start(agent, int(self.agent_dir), goal)
        )

    def _problem_of_size(self) -> str | None:
        if self.size is None:
            return None
        height, width = (int(side) for side in np.asarray(self.size))
        walls = np.array(self.wall_map)
        if not (1 <= height <= walls.shape[0] and 1 <= width <= walls.shape[1]):
            return (
                f"its size is {height} x {width}, on a grid of {walls.shape[0]} x {walls.shape[1]}."
            )
        walls[:height, :width] = True
        if not walls.all():
            y, x = np.argwhere(~walls)[0]
            return (
                f"its size is {height} x {width}, but there is no wall outside, at (x={x}, y={y})."
            )
        return None


def inner_part(level: Any, grid: Any) -> Shaped[np.ndarray, "height width"]:
    """The part of a grid of values that is one level's, without what it is padded with."""
    if level.size is None:
        return np.asarray(grid)
    height, width = (int(side) for side in np.asarray(level.size))
    return np.asarray(grid)[:height, :width]


def is_on_grid(position: Any, height: int, width: int) -> bool:
    """Whether a position (x, y), of an array that can be read, is one of the grid's cells."""
    x, y = (int(p) for p in np.asarray(position))
    return 0 <= x < width and 0 <= y < height


def hint_at_border(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """What to do about a level that is larger than `expected` by a border; else nothing."""
    if shape != tuple(size + 2 for size in expected):
        return ""
    return " The border of walls around the maze is no part of a level: leave it out."


def _problem_of_position(
    name: str, position: Int[np.ndarray, "..."], wall_map: Bool[np.ndarray, "height width"]
) -> str | None:
    if position.shape != (2,):
        return f"{name} has shape {position.shape} instead of (2,)."
    height, width = wall_map.shape
    x, y = (int(p) for p in position)
    if not is_on_grid(position, height, width):
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


def maze_level_spec(height: int, width: int, *, mixed_sizes: bool = False) -> MazeLevel:
    """Shapes and dtypes of a level of that size, or of at most that size."""
    struct = jax.eval_shape(
        lambda: MazeLevel(
            wall_map=jnp.zeros((height, width), bool),
            agent_pos=jnp.zeros(2, jnp.int32),
            agent_dir=jnp.zeros((), jnp.int32),
            goal_pos=jnp.zeros(2, jnp.int32),
            size=jnp.zeros(2, jnp.int32) if mixed_sizes else None,
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
