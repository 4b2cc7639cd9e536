"""Pictures of mazes: levels, episodes, and grids of many levels."""

import functools
import io
import os
import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from ..._types import PyTree
from ._cells import EMPTY, GOAL, RED_GOAL, WALL
from ._drawing import DIRECTION_SYMBOLS, FLOOR_SYMBOL, GOAL_SYMBOL, WALL_SYMBOL
from ._level import MazeLevel, is_on_grid
from ._maze import Maze, MazeState
from ._memory import MemoryLevel, MemoryMaze
from ._view import MOVES, visible_cells

_SYMBOLS = {EMPTY: FLOOR_SYMBOL, WALL: WALL_SYMBOL, GOAL: GOAL_SYMBOL, RED_GOAL: "R"}
_FLOOR, _FLOOR_EDGE = (245, 243, 238), (229, 226, 218)
_WALL, _WALL_EDGE = (56, 62, 75), (48, 53, 65)
_GOALS = {GOAL: (58, 163, 92), RED_GOAL: (176, 48, 84)}
_AGENT = (226, 54, 48)
_LIGHT, _LIGHT_ON_FLOOR, _LIGHT_ON_WALL = (255, 202, 66), 0.36, 0.2
_PAPER = 255
_SUPERSAMPLING = 4
_NO_AGENT = -1


def render(
    level: MazeLevel | MemoryLevel,
    state: MazeState | None = None,
    *,
    env: Maze | MemoryMaze | None = None,
    tile_size: int = 24,
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Draws a level as a picture in red, green and blue, with a border of walls around it.

    Arguments:

    - `level`: one level, not a batch.
    - `state`: where the agent is drawn; at the level's start if `None`. An agent that is not on the
      grid is left out.
    - `env`: if given, the cells that its agent sees are highlighted.
    - `tile_size`: side of a cell in pixels, at least 4. The border is half as wide.

    Raises `ValueError` for a batch of levels or states, or a tile size out of range.
    """
    _check_tile_size(tile_size)
    agent_pos, agent_dir = _agent(level, state)
    cells = _grid(level)
    lit = np.zeros(cells.shape, bool)
    if env is not None:
        lit = _cells_in_view(cells, agent_pos, agent_dir, env)
    agents = np.full(cells.shape, _NO_AGENT)
    if is_on_grid(agent_pos, *cells.shape):
        agents[agent_pos[1], agent_pos[0]] = agent_dir
    looks = np.stack([cells.astype(int), agents, lit.astype(int)], axis=-1)
    kinds, kind_of_cell = np.unique(looks.reshape(-1, 3), axis=0, return_inverse=True)
    tiles = np.stack([_tile(int(c), int(a), bool(s), tile_size) for c, a, s in kinds])
    height, width = cells.shape
    picture = tiles[kind_of_cell.reshape(height, width)].swapaxes(1, 2)
    picture = picture.reshape(height * tile_size, width * tile_size, 3)
    border = tile_size // 2
    framed = np.empty((picture.shape[0] + 2 * border, picture.shape[1] + 2 * border, 3), np.uint8)
    framed[:] = _WALL
    framed[border:-border, border:-border] = picture
    return framed


def render_episode(
    level: MazeLevel | MemoryLevel,
    states: MazeState,
    *,
    env: Maze | MemoryMaze | None = None,
    tile_size: int = 24,
) -> UInt8[np.ndarray, "time rows columns 3"]:
    """Draws the states of an episode, whose arrays have a leading axis `time`, as frames.

    The other arguments are those of `render`. Raises `ValueError` if `states` is a single state or
    has more axes than `time`.
    """
    if states.time.ndim != 1 or states.time.size == 0:
        raise ValueError(
            "render_episode takes states with exactly one leading axis, time, of length at least "
            f"1; `time` has shape {states.time.shape}. Select one episode of a batch first."
        )
    frames = [render(level, state, env=env, tile_size=tile_size) for state in _unstack(states)]
    return np.stack(frames)


def render_grid(
    levels: MazeLevel | MemoryLevel | Sequence[MazeLevel | MemoryLevel],
    columns: int = 8,
    *,
    tile_size: int = 12,
    gap: int = 10,
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Draws many levels in one picture, row by row, on white.

    Arguments:

    - `levels`: levels with one leading axis `level`, or a sequence of levels, perhaps of different
      sizes.
    - `columns`: levels in a row, at least 1.
    - `tile_size`: side of a cell in pixels, at least 4.
    - `gap`: pixels between the pictures of two levels, at least 0.

    Raises `ValueError` for a value out of its range, or if there are no levels.
    """
    if columns < 1 or gap < 0:
        raise ValueError(
            f"render_grid needs columns >= 1 and gap >= 0, not columns={columns} and gap={gap}."
        )
    if isinstance(levels, MazeLevel | MemoryLevel):
        if levels.agent_dir.ndim != 1:
            raise ValueError(
                "render_grid takes levels with exactly one leading axis, level; these have "
                f"{levels.agent_dir.ndim}. Draw a single level with render."
            )
        levels = _unstack(levels)
    pictures = [render(level, tile_size=tile_size) for level in levels]
    if not pictures:
        raise ValueError("There are no levels to draw.")
    height = max(picture.shape[0] for picture in pictures) + gap
    width = max(picture.shape[1] for picture in pictures) + gap
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height + gap, columns * width + gap, 3), _PAPER, np.uint8)
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        top = row * height + gap + (height - gap - picture.shape[0]) // 2
        left = column * width + gap + (width - gap - picture.shape[1]) // 2
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet


def render_ascii(level: MazeLevel | MemoryLevel, state: MazeState | None = None) -> str:
    """Draws a level as text, with the agent where `state` has it (at the start if `None`).

    The symbols are those of `MazeLevel.from_ascii`, and `R` for a red goal. Raises `ValueError`
    for a batch.
    """
    agent_pos, agent_dir = _agent(level, state)
    symbols = np.vectorize(_SYMBOLS.__getitem__)(_grid(level))
    if is_on_grid(agent_pos, *symbols.shape):
        symbols[agent_pos[1], agent_pos[0]] = DIRECTION_SYMBOLS[agent_dir]
    return "\n".join("".join(row) for row in symbols)


def save_png(image: UInt8[np.ndarray, "rows columns 3"], path: str | os.PathLike[str]) -> None:
    """Writes a picture to a PNG file. Needs Pillow; `ImportError` if it is missing."""
    pathlib.Path(path).write_bytes(png(image))


def png(image: UInt8[np.ndarray, "rows columns 3"]) -> bytes:
    """A picture as the bytes of a PNG file. Needs Pillow; `ImportError` if it is missing."""
    buffer = io.BytesIO()
    _pillow().fromarray(image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def save_gif(
    frames: UInt8[np.ndarray, "time rows columns 3"],
    path: str | os.PathLike[str],
    fps: float | int = 10,
) -> None:
    """Writes frames to a GIF file that repeats for ever, at `fps` frames per second.

    GIF counts hundredths of a second, and viewers slow down above 50 frames per second: `fps`
    is in (0, 50], `ValueError` otherwise. Needs Pillow; `ImportError` if it is missing.
    """
    if not 0 < fps <= 50:
        raise ValueError(f"fps is {fps}; a GIF needs more than 0 and at most 50.")
    pillow = _pillow()
    # One palette for all frames, so that colours do not flicker.
    sample = frames[:: max(1, len(frames) // 16)]
    palette = pillow.fromarray(np.concatenate(sample)).quantize(256)
    first, *others = (
        pillow.fromarray(frame).quantize(palette=palette, dither=pillow.Dither.NONE)
        for frame in frames
    )
    milliseconds = round(100 / fps) * 10
    first.save(
        path, format="GIF", save_all=True, append_images=others, duration=milliseconds, loop=0
    )


def _check_tile_size(tile_size: int) -> None:
    if tile_size < 4:
        raise ValueError(f"tile_size is {tile_size} pixels; it must be at least 4.")


def _grid(level: MazeLevel | MemoryLevel) -> UInt8[np.ndarray, "height width"]:
    return np.asarray(jax.tree.map(jnp.asarray, level).cells())


def _agent(
    level: MazeLevel | MemoryLevel, state: MazeState | None
) -> tuple[Int[np.ndarray, "2"], int]:
    """The agent's position and direction."""
    batch_axes = np.ndim(level.agent_dir if state is None else state.agent_dir)
    if batch_axes != 0:
        raise ValueError(
            f"This is a batch with {batch_axes} leading axes. Draw one level or state of it; "
            "render_grid draws many levels, and render_episode many states of a level."
        )
    at = level if state is None else state
    return np.asarray(at.agent_pos), int(at.agent_dir)


def _unstack(modules: PyTree) -> list[PyTree]:
    """Takes the leading axis of all arrays apart."""
    leaves, structure = jax.tree.flatten(jax.device_get(modules))
    return [
        jax.tree.unflatten(structure, [leaf[i] for leaf in leaves])
        for i in range(leaves[0].shape[0])
    ]


_visible_cells = jax.jit(visible_cells)


def _cells_in_view(
    cells: UInt8[np.ndarray, "height width"],
    agent_pos: Int[np.ndarray, "2"],
    agent_dir: int,
    env: Maze | MemoryMaze,
) -> Bool[np.ndarray, "height width"]:
    maze = env.maze if isinstance(env, MemoryMaze) else env
    forward, right = MOVES[agent_dir], MOVES[(agent_dir + 1) % 4]
    steps = np.arange(maze.view_size)
    ahead = (maze.view_size - 1 - steps)[:, None, None] * forward
    sideways = (steps - maze.view_size // 2)[None, :, None] * right
    x, y = np.moveaxis(agent_pos + ahead + sideways, -1, 0)
    height, width = cells.shape
    seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if not maze.see_through_walls:
        codes = np.where(seen, cells[y.clip(0, height - 1), x.clip(0, width - 1)], WALL)
        seen = seen & np.asarray(_visible_cells(jnp.asarray(codes != WALL)))
    lit = np.zeros(cells.shape, bool)
    lit[y[seen], x[seen]] = True
    return lit


@functools.lru_cache(maxsize=1024)
def _tile(code: int, agent_dir: int, lit: bool, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The picture of one cell, smoothed by drawing it larger and averaging."""
    fine = size * _SUPERSAMPLING
    places = (np.arange(fine) + 0.5) / fine
    x, y = places[None, :], places[:, None]
    wall = code == WALL
    picture = np.empty((fine, fine, 3))
    picture[:] = _WALL if wall else _FLOOR
    picture[np.maximum(x, y) > 1 - 1 / size] = _WALL_EDGE if wall else _FLOOR_EDGE
    if code in _GOALS:
        picture[_rounded_square(x, y)] = _GOALS[code]
    if lit:
        picture += (_LIGHT_ON_WALL if wall else _LIGHT_ON_FLOOR) * (np.array(_LIGHT) - picture)
    if agent_dir != _NO_AGENT:
        picture[_triangle(x, y, agent_dir)] = _AGENT
    picture = picture.reshape(size, _SUPERSAMPLING, size, _SUPERSAMPLING, 3).mean((1, 3))
    return picture.round().astype(np.uint8)


def _rounded_square(
    x: Float[np.ndarray, "1 fine"], y: Float[np.ndarray, "fine 1"]
) -> Bool[np.ndarray, "fine fine"]:
    half_side, radius = 0.38, 0.12
    over_x = np.maximum(np.abs(x - 0.5) - (half_side - radius), 0)
    over_y = np.maximum(np.abs(y - 0.5) - (half_side - radius), 0)
    return over_x**2 + over_y**2 <= radius**2


def _triangle(
    x: Float[np.ndarray, "1 fine"], y: Float[np.ndarray, "fine 1"], agent_dir: int
) -> Bool[np.ndarray, "fine fine"]:
    forward, right = MOVES[agent_dir], MOVES[(agent_dir + 1) % 4]
    ahead = (x - 0.5) * forward[0] + (y - 0.5) * forward[1]
    sideways = (x - 0.5) * right[0] + (y - 0.5) * right[1]
    back, tip, half_base = -0.34, 0.40, 0.34
    return (ahead >= back) & (np.abs(sideways) <= half_base * (tip - ahead) / (tip - back))


def _pillow():
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "Pictures are written with Pillow, which is not installed: "
            "pip install 'minimax_eqx[cli]'."
        ) from error
    return PIL.Image
