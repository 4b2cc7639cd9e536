"""Mazes of several sizes and time limits, with and without lava, as one environment."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ..._types import PyTree
from .._actions import Discrete
from .._env import AbstractEnv, TimeStep
from .._joint import AbstractJoint
from ._level import MazeLevel
from ._maze import Maze, MazeObservation, MazeState, MazeWorld

# A larger maze would make all others as large; it is played apart, with others of its kind.
SMALL_SIDE = 32


class TimedLevel(eqx.Module):
    """A maze with its time limit."""

    maze: MazeLevel
    limit: Int[Array, "*batch"]


class TimedWorld(eqx.Module):
    """The loaded maze, and its time limit."""

    maze: MazeWorld
    limit: Int[Array, "*batch"]


class JointMaze(AbstractJoint):
    """Plays mazes up to a size, each with a time limit of its own."""

    max_episode_steps: int
    """The largest of the time limits."""

    maze: Maze
    """A maze of the largest size."""

    def fit(self, env: AbstractEnv, level: MazeLevel) -> TimedLevel:
        (height, width), spec = level.wall_map.shape, self.maze.level_spec()
        margins = ((0, self.maze.height - height), (0, self.maze.width - width))
        lava = level.lava_map
        if spec.lava_map is not None:
            lava = jnp.zeros((height, width), bool) if lava is None else lava
            lava = jnp.pad(lava, margins)
        size = jnp.array([height, width], jnp.int32) if level.size is None else level.size
        walls = jnp.pad(level.wall_map, margins, constant_values=True)
        fitted = dataclasses.replace(level, wall_map=walls, lava_map=lava, size=size)
        return TimedLevel(fitted, jnp.array(env.max_episode_steps, jnp.int32))

    def action_spec(self) -> Discrete:
        return self.maze.action_spec()

    def load(self, level: TimedLevel) -> TimedWorld:
        return TimedWorld(self.maze.load(level.maze), level.limit)

    def reset(self, world: TimedWorld, *, key: Key[Array, ""]) -> MazeState:
        return self.maze.reset(world.maze, key=key)

    def step(
        self, world: TimedWorld, state: MazeState, action: Int[Array, ""], *, key: Key[Array, ""]
    ) -> TimeStep[MazeState]:
        step = self.maze.step(world.maze, state, action, key=key)
        return dataclasses.replace(
            step,
            reward=jnp.where(
                jnp.asarray(step.success), _payment(step.state.time, world.limit), 0.0
            ),
            truncated=(step.state.time >= world.limit) & ~step.terminated,
        )

    def observe(self, world: TimedWorld, state: MazeState) -> MazeObservation:
        return self.maze.observe(world.maze, state)

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        limit = jax.ShapeDtypeStruct((), jnp.int32)
        return jax.eval_shape(TimedLevel, self.maze.level_spec(), limit)

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return self.maze.observation_spec()

    def level_metrics(self, level: TimedLevel) -> dict[str, Float[Array, ""]]:
        return self.maze.level_metrics(level.maze)


def joined_mazes(envs: Sequence[AbstractEnv]) -> JointMaze | None:
    """What plays the levels of all of these; None if they differ in more than size, time limit and
    lava, or if some are much larger than others."""
    mazes = [env for env in envs if isinstance(env, Maze)]
    plain = [
        dataclasses.replace(
            maze, height=13, width=13, max_episode_steps=1, mixed_sizes=False, lava=False
        )
        for maze in mazes
        # A position is divided by the size, which rounds in another way where that is data.
        if maze.num_goals == 1 and not maze.include_position
    ]
    if len(plain) < len(envs) or any(maze != plain[0] for maze in plain):
        return None
    height, width = (max(getattr(m, side) for m in mazes) for side in ("height", "width"))
    if len({max(maze.height, maze.width) > SMALL_SIDE for maze in mazes}) > 1:
        return None
    maze = dataclasses.replace(
        mazes[0],
        height=height,
        width=width,
        mixed_sizes=True,
        lava=any(maze.lava for maze in mazes),
    )
    return JointMaze(max(maze.max_episode_steps for maze in mazes), maze)


def _payment(time: Int[Array, ""], limit: Int[Array, ""]) -> Float[Array, ""]:
    """What `Maze` pays in that step, with this time limit."""
    return 1 - 0.9 * time.astype(jnp.float32) / limit.astype(jnp.float32)
