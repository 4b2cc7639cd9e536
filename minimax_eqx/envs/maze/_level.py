"""The level of a maze, its checks, and its form as text."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Shaped, UInt8

from ..._notebook import never_fails
from ..._types import PyTree
from ._cells import DOOR, EMPTY, GOAL, KEY, LAVA, WALL, any_of, only_cell
from ._dialect import (
    DIRECTION_SYMBOLS,
    DOOR_SYMBOL,
    FLOOR_SYMBOL,
    GOAL_SYMBOL,
    KEY_SYMBOL,
    LAVA_SYMBOL,
    WALL_SYMBOL,
)
from ._drawing import lines_of, read_drawing
from ._fit import OPTIONS, fit_level
from ._prompt import picture_of, text_of

NUM_DIRECTIONS = 4
DIRECTION_NAMES = ("right", "down", "left", "up")


class MazeLevel(eqx.Module):
    """The free parameters of a maze: its walls, and where agent and goal start.

    Positions are `(x, y)`: column (0 is left) and row (0 is top). Directions are 0 right, 1 down,
    2 left, 3 up. The border around the grid is not part of the level. Many levels of one size make
    one module with leading axes.

    The other fields are there if the environment's levels have them, and None elsewhere. `size` is
    height and width of a level where levels differ in size: it is the top left of the grid, and the
    rest of the grid is wall. `lava_map` says where lava is, `other_goals` are the goals but the
    first, and a key opens a door that is locked.
    """

    wall_map: Bool[Array, "*batch height width"]
    """True where a wall is."""
    agent_pos: Int[Array, "*batch 2"]
    """Where the agent starts."""
    agent_dir: Int[Array, "*batch"]
    """Where it looks at first."""
    goal_pos: Int[Array, "*batch 2"]
    """Where the goal is, or the first of several."""
    size: Int[Array, "*batch 2"] | None = None
    """Height and width, where levels differ in them."""
    lava_map: Bool[Array, "*batch height width"] | None = None
    """True where lava is."""
    other_goals: Int[Array, "*batch others 2"] | None = None
    """The goals but the first."""
    key_pos: Int[Array, "*batch 2"] | None = None
    """Where the key lies."""
    door_pos: Int[Array, "*batch 2"] | None = None
    """Where the locked door is."""

    @classmethod
    def from_ascii(cls, text: str) -> "MazeLevel":
        """Reads a level from a drawing.

        `#` is a wall, `.` or a space is floor, `G` is the goal, and the agent is one of `>v<^`,
        which says where it looks. Every line is a row; empty lines before the first and after the
        last do not count, and lines that begin with `;` are remarks. If the text begins with a line
        break, as in a triple-quoted string, the indentation that all lines share is left out.
        Elsewhere each space is floor, but for those around a drawing whose floor is `.`.

        There may be several goals, `~` is lava, `K` a key and `D` the door that it opens. A level
        has lava, other goals or a key if its drawing does; `fitted` makes it like those of an
        environment whose levels may have some.

        What other programs draw is read where it can mean one thing only: small letters, walls as
        `1`, `X`, `W` or a block, floor as `0` or `_`, arrows for the agent, and rows at whose ends
        an editor has removed floor.

        Raises `ValueError`, with line and column counted from 1, if the drawing is not a rectangle,
        has an unknown symbol or two signs for a wall, or does not have exactly one agent and at
        least one goal, and where a space may be floor as well as indentation.
        """
        return cls.from_lines(list(enumerate(lines_of(text), start=1)))

    @classmethod
    def from_lines(cls, lines: Sequence[tuple[int, str]]) -> "MazeLevel":
        """Reads a level from some lines of a file, with their numbers, as `from_ascii` does."""
        drawing = read_drawing(lines)
        agent_x, agent_y = drawing.agent_pos
        direction = DIRECTION_SYMBOLS.index(str(drawing.symbols[agent_y, agent_x]))
        lava, goals = drawing.symbols == LAVA_SYMBOL, jnp.asarray(drawing.goals)
        has_door = drawing.key_pos is not None
        return cls(
            wall_map=jnp.asarray(drawing.symbols == WALL_SYMBOL),
            agent_pos=jnp.asarray(drawing.agent_pos),
            agent_dir=jnp.array(direction, jnp.int32),
            goal_pos=goals[0],
            lava_map=jnp.asarray(lava) if lava.any() else None,
            other_goals=goals[1:] if len(goals) > 1 else None,
            key_pos=jnp.asarray(drawing.key_pos) if has_door else None,
            door_pos=jnp.asarray(drawing.door_pos) if has_door else None,
        )

    def fitted(self, level: PyTree[jax.ShapeDtypeStruct]) -> "MazeLevel":
        """This level as one of an environment, whose `level_spec()` you give.

        If the environment's levels differ in size, it is padded with walls; if they may have lava,
        it is one without. If it is too large by a border of walls around it, that is left out.
        Raises `ValueError` if it has another size even so. Not for use under `jax.jit`.
        """
        return fit_level(self, level)

    def goals(self) -> list[Any]:
        """The positions (x, y) of all goals of one level."""
        return [self.goal_pos, *(() if self.other_goals is None else self.other_goals)]

    def things(self) -> list[Any]:
        """The positions (x, y) of agent, goals, key and door, each on a cell of its own."""
        door = [place for place in (self.key_pos, self.door_pos) if place is not None]
        return [self.agent_pos, *self.goals(), *door]

    def cells(self) -> UInt8[Array, "height width"]:
        """The grid without the agent, one code a cell: wall, goal, empty, lava, key or door."""
        height, width = self.wall_map.shape
        on_goal = any_of(self.goals(), height, width)
        cells = jnp.where(on_goal, GOAL, jnp.where(self.wall_map, WALL, EMPTY))
        if self.lava_map is not None:
            cells = jnp.where(self.lava_map, LAVA, cells)
        if self.key_pos is not None and self.door_pos is not None:
            cells = jnp.where(only_cell(self.key_pos, height, width), KEY, cells)
            cells = jnp.where(only_cell(self.door_pos, height, width), DOOR, cells)
        return cells.astype(jnp.uint8)

    def __repr__(self) -> str:
        """The drawing; of many levels that of the first; shapes where there are no values."""
        return text_of(self, MazeLevel.to_ascii) or super().__repr__()

    @never_fails
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
        if self.lava_map is not None:
            cells[inner_part(self, self.lava_map)] = LAVA_SYMBOL
        agent_symbol = DIRECTION_SYMBOLS[int(self.agent_dir) % NUM_DIRECTIONS]
        things = self.things()[1:]
        symbols = [GOAL_SYMBOL] * len(self.goals()) + [KEY_SYMBOL, DOOR_SYMBOL]
        # The agent is drawn last, over whatever a level that is not checked has there.
        drawn = [*zip(things, symbols, strict=False), (self.agent_pos, agent_symbol)]
        for position, symbol in drawn:
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
            or self._problem_of_things()
        )

    def _problem_of_things(self) -> str | None:
        """What is wrong with lava, other goals, key and door, if anything is."""
        taken = np.array(self.wall_map)
        if self.lava_map is not None:
            if np.any(taken & np.asarray(self.lava_map)):
                return "it has lava inside a wall."
            taken |= np.asarray(self.lava_map)
        names = ["agent_pos", "goal_pos"]
        names += [f"other_goals[{i}]" for i in range(len(self.goals()) - 1)]
        names += ["key_pos", "door_pos"]
        for name, position in zip(names, self.things(), strict=False):
            x, y = (int(p) for p in np.asarray(position))
            if not is_on_grid(position, *taken.shape):
                return f"{name} is (x={x}, y={y}), off the grid."
            if taken[y, x]:
                return f"{name} (x={x}, y={y}) is where a wall, lava or something else is."
            taken[y, x] = True
        return None

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


def has_options(level: MazeLevel) -> bool:
    """Whether a level has more than those of a plain `Maze`."""
    return any(getattr(level, name) is not None for name in OPTIONS)


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


def maze_level_spec(
    height: int,
    width: int,
    *,
    mixed_sizes: bool = False,
    lava: bool = False,
    num_goals: int = 1,
    locked_door: bool = False,
) -> MazeLevel:
    """Shapes and dtypes of a level with these options, of at most that size if sizes are mixed."""

    def level() -> MazeLevel:
        grid, position = jnp.zeros((height, width), bool), jnp.zeros(2, jnp.int32)
        return MazeLevel(
            wall_map=grid,
            agent_pos=position,
            agent_dir=jnp.zeros((), jnp.int32),
            goal_pos=position,
            size=position if mixed_sizes else None,
            lava_map=grid if lava else None,
            other_goals=jnp.zeros((num_goals - 1, 2), jnp.int32) if num_goals > 1 else None,
            key_pos=position if locked_door else None,
            door_pos=position if locked_door else None,
        )

    return jax.eval_shape(level)


def stack_levels(levels: Sequence[MazeLevel]) -> MazeLevel:
    """Puts levels of one size into a single module with a leading axis `level`."""
    if not levels:
        raise ValueError("There are no levels to stack.")
    shapes = sorted({level.wall_map.shape for level in levels})
    if len(shapes) != 1:
        raise ValueError(f"Only levels of one size can be stacked; these have sizes {shapes}.")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)
