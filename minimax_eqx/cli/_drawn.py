"""Levels, states and views as text with colours, for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from rich.console import Console, Group
from rich.text import Text

from ..envs import AbstractEnv
from ..envs.maze._cells import DOOR, EMPTY, GOAL, KEY, LAVA, OBJECT_BITS, RED_GOAL, UNSEEN, WALL
from ..envs.maze._dialect import DIRECTION_SYMBOLS
from ..envs.maze._doors import CLOSED, OPEN
from ..envs.maze._level import MazeLevel, is_on_grid
from ..envs.maze._memory import MemoryLevel
from ..envs.maze._render import CLOSED_DOOR, OPEN_DOOR, agent_of, cells_in_view, grid_of

# For each kind of cell what it shows, and its style.
_LOOKS = {
    EMPTY: ("  ", ""),
    WALL: ("██", "grey42"),
    GOAL: ("G ", "bold white on green4"),
    RED_GOAL: ("R ", "bold white on deep_pink4"),
    LAVA: ("~~", "bold black on dark_orange"),
    KEY: ("K ", "bold black on gold3"),
    DOOR: ("D ", "bold black on gold3"),
    CLOSED_DOOR: ("d ", "bold black on gold3"),
    OPEN_DOOR: ("/ ", "bold black on gold3"),
    UNSEEN: ("░░", "grey35"),
}
_AGENT = "bold white on red3"
_SEEN = ("· ", "yellow3")
_SEEN_WALL, _FRAME = "khaki3", "bright_black"
_IN_ASCII = str.maketrans("█░·▀│─┌┐└┘", "#?.%|-++++")
# How wide a picture is at most, and how long an array that is shown as numbers.
_PICTURE_WIDTH, _MOST_NUMBERS = 40, 8


def is_maze(level: Any) -> bool:
    """Whether a level is drawn cell by cell."""
    return isinstance(level, MazeLevel | MemoryLevel)


def maze_lines(
    level: Any, state: Any = None, *, env: Any = None, room: tuple[int, int]
) -> list[Text]:
    """A maze with its border, two columns a cell, or one if there is no room for two.

    With `state` the agent is where it is now, and with `env` the cells that it sees are marked.
    `room` is how many columns and lines there are; of a maze that is larger the part around the
    agent is drawn.
    """
    cells = np.pad(grid_of(level, state), 1, constant_values=WALL)
    position, direction = agent_of(level, state)
    seen = np.zeros(cells.shape, bool)
    if env is not None:
        seen[1:-1, 1:-1] = cells_in_view(cells[1:-1, 1:-1], position, direction, env)
    x, y = np.asarray(position) + 1
    there = is_on_grid(position, cells.shape[0] - 2, cells.shape[1] - 2)
    width = 2 if 2 * cells.shape[1] <= room[0] else 1
    rows = _window(int(y), cells.shape[0], room[1])
    columns = _window(int(x), cells.shape[1], room[0] // width)
    lines = []
    for i in range(rows.start, rows.stop):
        line = Text(no_wrap=True)
        for j in range(columns.start, columns.stop):
            if there and (i, j) == (y, x):
                line.append(f"{DIRECTION_SYMBOLS[direction]} "[:width], _AGENT)
            else:
                line.append(*_look(int(cells[i, j]), bool(seen[i, j]), width))
        lines.append(line)
    return lines


def view_lines(observation: Any) -> list[Text]:
    """What an agent in a maze sees, turned so that it looks up."""
    image = np.asarray(observation.image).astype(int)
    codes = image[..., 0] | image[..., 1] << OBJECT_BITS
    doors = codes == DOOR
    codes = np.where(doors & (image[..., 2] == OPEN), OPEN_DOOR, codes)
    codes = np.where(doors & (image[..., 2] == CLOSED), CLOSED_DOOR, codes)
    bottom, middle = codes.shape[0] - 1, codes.shape[1] // 2
    edge = "─" * (2 * codes.shape[1])
    lines = [Text(f"┌{edge}┐", _FRAME)]
    for i, row in enumerate(codes):
        line = Text("│", _FRAME, no_wrap=True)
        for j, code in enumerate(row):
            if (i, j) == (bottom, middle):
                line.append("^K" if code == KEY else "^ ", _AGENT)
            else:
                line.append(*_look(int(code), False, 2))
        line.append("│", _FRAME)
        lines.append(line)
    return [*lines, Text(f"└{edge}┘", _FRAME)]


def level_lines(
    env: AbstractEnv,
    level: Any,
    state: Any = None,
    *,
    room: tuple[int, int],
    with_colours: bool = True,
) -> list[Text]:
    """A level, or a state of it: cell by cell, else as a small picture if somebody draws it and
    there are colours, else as the numbers that it is made of."""
    if is_maze(level):
        return maze_lines(level, state, env=None if state is None else env, room=room)
    artist = env.artist() if with_colours else None
    if artist is None:
        held = jax.device_get(level if state is None else state)
        return [
            Text(f"{jax.tree_util.keystr(place).lstrip('.')} {numbers(leaf)}")
            for place, leaf in jax.tree_util.tree_leaves_with_path(held)
            if np.size(leaf) <= _MOST_NUMBERS
        ]
    if state is None:
        picture = artist.draw_level(level)
    else:
        one = jax.tree.map(lambda leaf: np.asarray(leaf)[None], jax.device_get(state))
        [picture] = artist.draw_episode(env, level, one, 0)
    picture = np.asarray(picture)
    fitting = 2 * room[1] * picture.shape[1] // picture.shape[0]
    return picture_lines(picture, max(4, min(_PICTURE_WIDTH, room[0], fitting)))


def picture_lines(picture: np.ndarray, columns: int) -> list[Text]:
    """A picture in half blocks: two pixels, one above the other, in each place."""
    from PIL import Image

    height = max(2, round(picture.shape[0] * columns / picture.shape[1]) // 2 * 2)
    small = np.asarray(Image.fromarray(picture).resize((columns, height), Image.Resampling.BOX))
    lines = []
    for above, below in zip(small[::2], small[1::2], strict=True):
        line = Text(no_wrap=True)
        for upper, lower in zip(above, below, strict=True):
            line.append("▀", f"{_colour(upper)} on {_colour(lower)}")
        lines.append(line)
    return lines


def described(metrics: Mapping[str, Any]) -> str:
    """A level's metrics in words."""
    known = {name: float(value) for name, value in metrics.items()}
    words = []
    if {"height", "width"} <= known.keys():
        words.append(f"{known.pop('height'):.0f} x {known.pop('width'):.0f} cells")
    if known.pop("passable", 1.0) == 0:
        words.append("no way to the goal")
        known.pop("shortest_path_length", None)
    moves = known.pop("shortest_path_length", None)
    words += [] if moves is None else [f"{moves:.0f} move{'s' * (moves != 1)}"]
    for name, value in known.items():
        is_count = name.startswith("num_")
        kind = name.removeprefix("num_").replace("_", " ")
        kind = kind.removesuffix("s") if is_count and value == 1 else kind
        words.append(f"{value:.0f} {kind}" if is_count else f"{kind} {value:.4g}")
    return ", ".join(words)


def card(name: str, lines: Sequence[Text], about: str = "") -> Group:
    """A level with its name above, and what there is to say of it below."""
    width = max((line.cell_len for line in lines), default=0)
    texts = [Text(name, "bold", no_wrap=True, overflow="ellipsis"), *lines]
    if about:
        below = Text(about, "bright_black")
        texts += below.wrap(Console(width=max(width, 24)), max(width, 24))
    return Group(*texts)


def can_show_blocks(console: Console) -> bool:
    """Whether a terminal, or whatever the text goes to, has more than ASCII."""
    return (console.encoding or "").lower().startswith("utf")


def in_ascii(text: str) -> str:
    """A drawing with signs that everything can show."""
    return text.translate(_IN_ASCII)


def _look(code: int, seen: bool, width: int) -> tuple[str, str]:
    text, style = _LOOKS.get(code, ("? ", ""))
    if seen and code == EMPTY:
        text, style = _SEEN
    elif seen and code == WALL:
        style = _SEEN_WALL
    return text[:width], style


def _window(centre: int, side: int, room: int) -> slice:
    """As much of a side as there is room for, with the centre in it."""
    size = min(side, max(room, 3))
    begin = min(max(centre - size // 2, 0), side - size)
    return slice(begin, begin + size)


def numbers(leaf: Any) -> str:
    """An array, or a number, in a few digits."""
    return np.array2string(np.asarray(leaf), precision=3, suppress_small=True)


def _colour(pixel: Sequence[int]) -> str:
    return "#" + "".join(f"{int(value):02x}" for value in pixel)
