"""The memory maze: a clue at the start says which of two objects pays."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from ..._types import PyTree
from .._env import AbstractEnv, AbstractLevelGenerator, TimeStep
from ._cells import EMPTY, GOAL, RED_GOAL, WALL
from ._level import MazeLevel
from ._maze import FORWARD, NUM_ACTIONS, Maze, MazeObservation, MazeState, MazeWorld
from ._metrics import maze_level_metrics
from ._prompt import picture_of, text_of

_LAYOUT = """
........#.#....
........#.#....
........#.#....
........#.#....
........#.#....
####....#R#....
C..######.#....
>.........#....
...######.#....
####....#G#....
........#.#....
........#.#....
........#.#....
........#.#....
........#.#....
"""
_CELLS = np.array([list(row) for row in _LAYOUT.split()])
_SIZE = _CELLS.shape[0]


def _position_of(symbol: str) -> Int[np.ndarray, "2"]:
    return np.argwhere(symbol == _CELLS)[0, ::-1].astype(np.int32)


_AGENT_POS, _CLUE_POS = _position_of(">"), _position_of("C")
_OBJECT_POS = np.stack([_position_of("R"), _position_of("G")])
_OBJECT_CODES = np.array([RED_GOAL, GOAL], np.uint8)


class MemoryLevel(eqx.Module):
    """Which of the two objects pays: 0 is the red one (above), 1 the green one (below)."""

    rewarding: Int[Array, "*batch"]

    def __repr__(self) -> str:
        """The drawing; of many levels that of the first; shapes where there are no values."""
        # Pictures know the levels, so levels learn of pictures late.
        from ._render import render_ascii

        return text_of(self, render_ascii) or super().__repr__()

    def _repr_png_(self) -> bytes | None:
        """The picture that a notebook shows; None where there is nothing to draw, or no Pillow."""
        return picture_of(self)

    @property
    def agent_pos(self) -> Int[Array, "*batch 2"]:
        """Where the agent starts (x, y); the same in every level."""
        return jnp.broadcast_to(jnp.asarray(_AGENT_POS), (*self.rewarding.shape, 2))

    @property
    def agent_dir(self) -> Int[Array, "*batch"]:
        """Where the agent looks at the start; always 0, to the right."""
        return jnp.zeros(self.rewarding.shape, jnp.int32)

    def cells(self) -> UInt8[Array, "15 15"]:
        """The grid without the agent, one code a cell."""
        cells = jnp.asarray(np.where(_CELLS == "#", WALL, EMPTY).astype(np.uint8))
        for (x, y), code in zip(_OBJECT_POS, _OBJECT_CODES, strict=True):
            cells = cells.at[y, x].set(code)
        x, y = _CLUE_POS
        return cells.at[y, x].set(jnp.asarray(_OBJECT_CODES)[self.rewarding])


class MemoryWorld(eqx.Module):
    """A loaded memory maze. The goal of `maze` is the object that pays; the trap is the other."""

    maze: MazeWorld
    trap_pos: Int[Array, "*batch 2"]


class MemoryMaze(AbstractEnv[MemoryLevel, MemoryWorld, MazeState, MazeObservation]):
    """A corridor that ends at a red and a green object; a clue at the start shows which one pays.

    15 x 15 cells. Actions and observations are those of `Maze`. Entering the object with the
    clue's colour ends the episode with `Maze`'s reward, and is a success. Walking into the other
    one ends it with reward 0. The clue is in the way like a wall.

    Arguments: `view_size`, `max_episode_steps`, `see_agent`, `see_through_walls` and
    `include_position` as for `Maze`, which raises `ValueError` for a value out of its range.
    """

    maze: Maze
    num_actions: int = eqx.field(static=True)
    max_episode_steps: int = eqx.field(static=True)

    def __init__(
        self,
        *,
        view_size: int = 5,
        max_episode_steps: int = 250,
        see_agent: bool = False,
        see_through_walls: bool = True,
        include_position: bool = False,
    ):
        self.maze = Maze(
            height=_SIZE,
            width=_SIZE,
            view_size=view_size,
            max_episode_steps=max_episode_steps,
            see_agent=see_agent,
            see_through_walls=see_through_walls,
            include_position=include_position,
        )
        self.num_actions = NUM_ACTIONS
        self.max_episode_steps = max_episode_steps

    def load(self, level: MemoryLevel) -> MemoryWorld:
        objects = jnp.asarray(_OBJECT_POS)
        goal_pos, trap_pos = objects[level.rewarding], objects[1 - level.rewarding]
        maze = self.maze.lay_out(level.cells(), level.agent_pos, level.agent_dir, goal_pos)
        return MemoryWorld(maze, trap_pos)

    def reset(self, world: MemoryWorld, *, key: Key[Array, ""]) -> MazeState:
        return self.maze.reset(world.maze, key=key)

    def step(
        self, world: MemoryWorld, state: MazeState, action: Int[Array, ""], *, key: Key[Array, ""]
    ) -> TimeStep[MazeState]:
        trapped = self._walks_into(world.trap_pos, state, action)
        step = self.maze.step(world.maze, state, action, key=key)
        return TimeStep(
            state=step.state,
            reward=step.reward,
            terminated=step.terminated | trapped,
            truncated=step.truncated & ~trapped,
            success=step.success,
        )

    def observe(self, world: MemoryWorld, state: MazeState) -> MazeObservation:
        return self.maze.observe(world.maze, state)

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return jax.eval_shape(lambda: MemoryLevel(jnp.zeros((), jnp.int32)))

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return self.maze.observation_spec()

    def level_metrics(self, level: MemoryLevel) -> dict[str, Float[Array, ""]]:
        """Those of `Maze`, with the clue and the object that does not pay taken for walls."""
        objects = jnp.asarray(_OBJECT_POS)
        walls = jnp.asarray(np.isin(_CELLS, ["#", "C"]))
        trap_x, trap_y = objects[1 - level.rewarding]
        maze_level = MazeLevel(
            wall_map=walls.at[trap_y, trap_x].set(True),
            agent_pos=level.agent_pos,
            agent_dir=level.agent_dir,
            goal_pos=objects[level.rewarding],
        )
        return maze_level_metrics(maze_level)

    def _walks_into(
        self, position: Int[Array, "2"], state: MazeState, action: Int[Array, ""]
    ) -> Bool[Array, ""]:
        return (action == FORWARD) & jnp.all(self.maze.cell_ahead(state) == position)


class RandomMemory(AbstractLevelGenerator[MemoryLevel]):
    """Memory mazes whose rewarding object is the red or the green one, with equal chances."""

    def sample(self, key: Key[Array, ""]) -> MemoryLevel:
        return MemoryLevel(jax.random.randint(key, (), 0, len(_OBJECT_POS), jnp.int32))
