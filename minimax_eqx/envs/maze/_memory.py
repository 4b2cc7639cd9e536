"""The memory maze: a clue at the start says which of two objects pays."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from ..._notebook import never_fails
from ..._types import PyTree
from .._actions import Discrete
from .._env import AbstractArtist, AbstractEnv, AbstractLevelGenerator, TimeStep
from ._cells import EMPTY, GOAL, RED_GOAL, WALL
from ._level import MazeLevel
from ._maze import FORWARD, Maze, MazeObservation, MazeState, MazeWorld
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

    @never_fails
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

    What the agent sees and the time limit are as for `Maze`, which raises `ValueError` for a value
    out of its range.
    """

    view_size: int = 5
    """Side of the square that the agent sees, in cells; odd, between 3 and 255."""

    max_episode_steps: int = 250
    """The time limit of an episode, in steps; at least 1."""

    see_agent: bool = False
    """Show the agent, with its direction, in its own cell of the view."""

    see_through_walls: bool = True
    """Show what is behind walls; if not, MiniGrid's rule hides it."""

    include_position: bool = False
    """Let observations carry the agent's position (x, y)."""

    def __check_init__(self) -> None:
        # The maze checks its numbers, which are those of this one.
        _ = self.maze

    @property
    def maze(self) -> Maze:
        """The maze that the agent walks in."""
        return Maze(
            height=_SIZE,
            width=_SIZE,
            view_size=self.view_size,
            max_episode_steps=self.max_episode_steps,
            see_agent=self.see_agent,
            see_through_walls=self.see_through_walls,
            include_position=self.include_position,
        )

    def action_spec(self) -> Discrete:
        return self.maze.action_spec()

    def artist(self) -> AbstractArtist:
        # Pictures know the environments, so environments learn of pictures late.
        from ._artist import MazeArtist

        return MazeArtist()

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

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> MemoryLevel:
        if not isinstance(level, MemoryLevel):
            raise ValueError(
                "RandomMemory makes a MemoryLevel, but the environment's levels are of type "
                f"{type(level).__name__}. Use it with MemoryMaze."
            )
        return MemoryLevel(jax.random.randint(key, (), 0, len(_OBJECT_POS), jnp.int32))
