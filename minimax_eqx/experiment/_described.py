"""What the loop asks of a configuration."""

import pathlib
from typing import Any

import jax
import numpy as np

from ..envs import AbstractEnv, AbstractLevelGenerator, Maze
from ..envs.maze import held_out, panel, panel_names, render, render_episode
from ..runners import Schedule
from ._annealing import check_annealing
from ._build import make_env, make_generator, matmul_precision, trace_runner
from ._config import Config

__all__ = [
    "artist_of",
    "check",
    "matmul_precision",
    "panels_of",
    "schedule_of",
    "trace_runner",
    "unseen_of",
]


def check(config: Config, run: pathlib.Path | None = None) -> None:
    """Raises `ConfigError`, naming the option, for what cannot be run; `run` is its folder if it
    has begun."""
    config.check()
    check_annealing(config, run)


def schedule_of(config: Config) -> Schedule:
    """When the run logs, saves, evaluates and ends."""
    return Schedule(
        num_updates=config.num_updates,
        log_every=config.log_every,
        checkpoint_every=config.checkpoint_every,
        keep_checkpoints=config.keep_checkpoints,
        evaluate_every=config.evaluate_every,
    )


def panels_of(config: Config) -> dict[str, tuple[AbstractEnv, AbstractLevelGenerator]]:
    """The held-out tests by name: what to play in, and where its levels come from."""
    env, names = make_env(config.env), config.evaluation.mazes
    members = [member for n in names for member in (panel(n) if n in panel_names() else (n,))]
    mazes = [
        held_out(
            name,
            view_size=env.view_size,
            see_agent=env.see_agent,
            see_through_walls=env.see_through_walls,
            include_position=env.include_position,
        )
        for name in members
    ]
    return {maze.name: (maze.env, maze.generator) for maze in mazes}


def unseen_of(config: Config) -> tuple[AbstractEnv, AbstractLevelGenerator]:
    """The environment and the distribution of levels that the run trains on."""
    env = make_env(config.env)
    return env, make_generator(config.levels, env)


def artist_of(env: AbstractEnv) -> Any:
    """What draws levels and episodes of an environment; None if it offers nothing that does."""
    return _MazeArtist() if isinstance(env, Maze) else None


class _MazeArtist:
    def draw_level(self, level: Any) -> Any:
        return render(level, tile_size=14)

    def draw_episode(self, env: Any, level: Any, states: Any, length: Any) -> Any:
        states = jax.tree.map(lambda leaf: np.asarray(leaf)[: int(length) + 1], states)
        return list(render_episode(level, states, env=env))
