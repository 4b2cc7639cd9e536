"""Pictures and text of mazes."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from ._cells import (
    AGENT_OBJECT,
    DOOR,
    EMPTY,
    GOAL,
    KEY,
    LAVA,
    OBJECT_BITS,
    RED_GOAL,
    UNSEEN,
    WALL,
    cell_code,
)
from ._dialect import (
    DIRECTION_SYMBOLS,
    DOOR_SYMBOL,
    FLOOR_SYMBOL,
    GOAL_SYMBOL,
    KEY_SYMBOL,
    LAVA_SYMBOL,
    WALL_SYMBOL,
)
from ._doors import CLOSED, LOCKED, OPEN
from ._level import MazeLevel, inner_part, is_on_grid
from ._maze import Maze, MazeState
from ._memory import MemoryLevel, MemoryMaze
from ._view import MOVES, visible_cells

# A door that is not locked, for pictures alone.
OPEN_DOOR, CLOSED_DOOR = cell_code(11, 4), cell_code(12, 4)
_DOORS = {OPEN: OPEN_DOOR, CLOSED: CLOSED_DOOR, LOCKED: DOOR}
_SYMBOLS = {EMPTY: FLOOR_SYMBOL, WALL: WALL_SYMBOL, GOAL: GOAL_SYMBOL, RED_GOAL: "R"}
_SYMBOLS |= {LAVA: LAVA_SYMBOL, KEY: KEY_SYMBOL, DOOR: DOOR_SYMBOL}
_SYMBOLS |= {OPEN_DOOR: "/", CLOSED_DOOR: "d"}
_FLOOR, _FLOOR_EDGE = (245, 243, 238), (229, 226, 218)
_WALL, _WALL_EDGE = (56, 62, 75), (48, 53, 65)
_GOALS = {GOAL: (58, 163, 92), RED_GOAL: (176, 48, 84)}
_AGENT = (226, 54, 48)
_LAVA, _LAVA_WAVE = (240, 120, 32), (196, 66, 24)
_BRASS = (222, 178, 40)
_LIGHT, _LIGHT_ON_FLOOR, _LIGHT_ON_WALL = (255, 202, 66), 0.36, 0.2
_SUPERSAMPLING = 4
_NO_AGENT, _LOOKS_UP = -1, 3
_HIDDEN = 150
MIN_TILE_SIZE = 4


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
    - `tile_size`: side of a cell in pixels, at least `MIN_TILE_SIZE`. The border is half as wide.

    Raises `ValueError` for a batch of levels or states.
    """
    [picture] = render_all(level, [state], env=env, tile_size=tile_size)
    return picture


def render_all(
    level: MazeLevel | MemoryLevel,
    states: Sequence[MazeState | None],
    *,
    env: Maze | MemoryMaze | None,
    tile_size: int,
) -> list[UInt8[np.ndarray, "rows columns 3"]]:
    """What `render` draws of each state of one level. The level is looked at once."""
    agents = [agent_of(level, state) for state in states]  # refuses batches
    begun = _cells_of(level)
    pictures = []
    for state, (agent_pos, agent_dir) in zip(states, agents, strict=True):
        cells = _changed(begun, level, state)
        lit = np.zeros(cells.shape, bool)
        if env is not None:
            lit = cells_in_view(cells, agent_pos, agent_dir, env)
        pictures.append(_painted(cells, agent_pos, agent_dir, lit, tile_size))
    return pictures


def _painted(
    cells: UInt8[np.ndarray, "height width"],
    agent_pos: Int[np.ndarray, "2"],
    agent_dir: int,
    lit: Bool[np.ndarray, "height width"],
    tile_size: int,
) -> UInt8[np.ndarray, "rows columns 3"]:
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


def render_ascii(level: MazeLevel | MemoryLevel, state: MazeState | None = None) -> str:
    """Draws a level as text, with the agent where `state` has it (at the start if `None`).

    The symbols are those of `MazeLevel.from_ascii`, and `R` for a red goal. Raises `ValueError`
    for a batch.
    """
    agent_pos, agent_dir = agent_of(level, state)
    symbols = np.vectorize(_SYMBOLS.__getitem__)(grid_of(level, state))
    if is_on_grid(agent_pos, *symbols.shape):
        symbols[agent_pos[1], agent_pos[0]] = DIRECTION_SYMBOLS[agent_dir]
    return "\n".join("".join(row) for row in symbols)


def grid_of(
    level: MazeLevel | MemoryLevel, state: MazeState | None
) -> UInt8[np.ndarray, "height width"]:
    """The cells of a level, with key and door as they are in a state."""
    return _changed(_cells_of(level), level, state)


def _cells_of(level: MazeLevel | MemoryLevel) -> UInt8[np.ndarray, "height width"]:
    """The cells as they are in the beginning."""
    cells = jax.tree.map(jnp.asarray, level).cells()
    return np.asarray(cells if isinstance(level, MemoryLevel) else inner_part(level, cells))


def _changed(
    begun: UInt8[np.ndarray, "height width"],
    level: MazeLevel | MemoryLevel,
    state: MazeState | None,
) -> UInt8[np.ndarray, "height width"]:
    """The cells of a level, from those in the beginning, as they are in a state."""
    if isinstance(level, MemoryLevel) or level.door_pos is None:
        return begun
    if state is None or state.key_pos is None or state.door is None:
        return begun
    cells = begun.copy()
    cells[cells == KEY] = EMPTY
    cells[cells == DOOR] = _DOORS[int(state.door)]
    x, y = np.asarray(state.key_pos)
    if is_on_grid(state.key_pos, *cells.shape):
        cells[y, x] = KEY
    return cells


def agent_of(
    level: MazeLevel | MemoryLevel, state: MazeState | None
) -> tuple[Int[np.ndarray, "2"], int]:
    """The agent's position and direction."""
    batch_axes = np.ndim(level.agent_dir if state is None else state.agent_dir)
    if batch_axes != 0:
        raise ValueError(
            f"This is a batch with {batch_axes} leading axes. Draw one level or state of it; "
            "draw_levels of Maze().artist() draws many levels, and draw_episode the states of one."
        )
    at = level if state is None else state
    return np.asarray(at.agent_pos), int(at.agent_dir)


def render_view(
    image: UInt8[np.ndarray, "view view 3"], *, tile_size: int = 24
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Draws what an agent sees, its own cell in the middle of the bottom row, looking up. What
    walls hide is grey."""
    objects, colours, states = np.moveaxis(image.astype(int), -1, 0)
    codes = objects | colours << OBJECT_BITS
    is_door = codes == DOOR
    codes[is_door] = [_DOORS[state] for state in states[is_door]]
    side = len(codes)
    rows = []
    for i, line in enumerate(codes):
        tiles = []
        for j, code in enumerate(line):
            is_own = (i, j) == (side - 1, side // 2)
            cell = EMPTY if objects[i, j] == AGENT_OBJECT else int(code)
            tile = _tile(cell, _LOOKS_UP if is_own else _NO_AGENT, False, tile_size)
            tiles.append(np.full_like(tile, _HIDDEN) if code == UNSEEN else tile)
        rows.append(np.concatenate(tiles, axis=1))
    return np.concatenate(rows)


_visible_cells = jax.jit(visible_cells)


def cells_in_view(
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
        clear = ~np.isin(codes, [WALL, DOOR, CLOSED_DOOR])
        seen = seen & np.asarray(_visible_cells(jnp.asarray(clear)))
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
    if code == LAVA:
        picture[:] = _LAVA
        picture[np.abs((y * 3 + 0.12 * np.sin(4 * np.pi * x)) % 1 - 0.5) < 0.12] = _LAVA_WAVE
    if code == KEY:
        picture[_key(x, y)] = _BRASS
    if code in _DOORS.values():
        picture[_door(x, y, code)] = _BRASS
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


def _key(
    x: Float[np.ndarray, "1 fine"], y: Float[np.ndarray, "fine 1"]
) -> Bool[np.ndarray, "fine fine"]:
    from_bow = np.hypot(x - 0.3, y - 0.5)
    bow = (from_bow < 0.18) & (from_bow > 0.08)
    shaft = (x > 0.46) & (x < 0.86) & (np.abs(y - 0.5) < 0.05)
    teeth = (np.abs(x - 0.82) < 0.04) | (np.abs(x - 0.68) < 0.04)
    return bow | shaft | (teeth & (y > 0.5) & (y < 0.68))


def _door(
    x: Float[np.ndarray, "1 fine"], y: Float[np.ndarray, "fine 1"], code: int
) -> Bool[np.ndarray, "fine fine"]:
    """An open door is a strip at the left; a locked one has a keyhole, a closed one a knob."""
    leaf = (np.abs(x - 0.5) < 0.44) & (np.abs(y - 0.5) < 0.44)
    if code == OPEN_DOOR:
        return leaf & (x < 0.2)
    if code == CLOSED_DOOR:
        return leaf & (np.hypot(x - 0.78, y - 0.5) > 0.06)
    keyhole = (np.abs(x - 0.5) < 0.05) & (y > 0.45) & (y < 0.68)
    return leaf & (np.hypot(x - 0.5, y - 0.42) > 0.1) & ~keyhole


def _triangle(
    x: Float[np.ndarray, "1 fine"], y: Float[np.ndarray, "fine 1"], agent_dir: int
) -> Bool[np.ndarray, "fine fine"]:
    forward, right = MOVES[agent_dir], MOVES[(agent_dir + 1) % 4]
    ahead = (x - 0.5) * forward[0] + (y - 0.5) * forward[1]
    sideways = (x - 0.5) * right[0] + (y - 0.5) * right[1]
    back, tip, half_base = -0.34, 0.40, 0.34
    return (ahead >= back) & (np.abs(sideways) <= half_base * (tip - ahead) / (tip - back))
