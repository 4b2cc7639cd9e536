"""Worlds of this package as environments of Gymnasium, for agents from elsewhere."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .._env import AbstractEnv, AbstractLevelGenerator
from ._gymnasium_program import Program, part_of
from ._gymnasium_spaces import gymnasium

if TYPE_CHECKING:
    from gymnasium import Env
    from gymnasium.vector import VectorEnv
else:
    Env = VectorEnv = Any

__all__ = ["single_env", "vector_env"]

FPS = 10


def vector_env(
    env: AbstractEnv,
    generator: AbstractLevelGenerator,
    num_envs: int,
    *,
    render_mode: str | None = None,
) -> VectorEnv:
    """An environment as `gymnasium.vector.VectorEnv`, with all its episodes in one program.

    Every episode is on a new level of `generator`'s, and all chance follows from the seed that
    `reset` gets. Give `reset(options={"levels": levels})` levels of your own, one for each
    sub-environment (leading axis `level`), and they are played until the next `reset`. The
    attribute `levels` holds those that are played now.

    What ends begins anew in the next step, Gymnasium's mode `NEXT_STEP`: that step ignores the
    action and pays nothing. Observations are NumPy arrays, or dictionaries of them.
    `infos["success"]` says which sub-environments reached their aim, where the environment has one.

    With `render_mode="rgb_array"`, `render` gives a picture of each, if the environment is drawn.

    Raises `ImportError` without Gymnasium, and `ValueError` for another mode of rendering. `reset`
    and `step` raise `ValueError` for levels and actions that are not of this environment.
    """
    return _classes()[0](Program(env, generator, num_envs, render_mode))


def single_env(
    env: AbstractEnv, generator: AbstractLevelGenerator, *, render_mode: str | None = None
) -> Env:
    """An environment as `gymnasium.Env`: one episode at a time, each on a new level.

    `reset(options={"levels": levels})` plays the one level that is in there. The rest is as in
    `vector_env`, which is many times as fast.
    """
    return _classes()[1](Program(env, generator, 1, render_mode))


@functools.cache
def _classes() -> tuple[Any, Any]:
    """The classes of Gymnasium's two kinds, which are there once it is imported."""
    package = gymnasium()
    from gymnasium.vector import AutoresetMode
    from gymnasium.vector.utils import batch_space

    class LevelsVectorEnv(package.vector.VectorEnv):
        """Episodes side by side on levels of one environment."""

        def __init__(self, program):
            self.metadata = {
                "autoreset_mode": AutoresetMode.NEXT_STEP,
                "render_modes": ["rgb_array"],
                "render_fps": FPS,
            }
            self._program, self.num_envs = program, program.num_envs
            self.render_mode = program.render_mode
            self.single_observation_space = program.observation_space
            self.single_action_space = program.action_space
            self.observation_space = batch_space(program.observation_space, self.num_envs)
            self.action_space = batch_space(program.action_space, self.num_envs)

        @property
        def levels(self):
            return self._program.plays.levels

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return self._program.reset(options, self.np_random), {}

        def step(self, actions):
            return self._program.step(actions, self.action_space)

        def render(self):
            return self._program.render()

    class LevelsEnv(package.Env):
        """One episode after another on levels of one environment."""

        metadata = {"render_modes": ["rgb_array"], "render_fps": FPS}  # noqa: RUF012

        def __init__(self, program):
            self._program, self.render_mode = program, program.render_mode
            self.observation_space = program.observation_space
            self.action_space = program.action_space

        @property
        def levels(self):
            return self._program.plays.levels

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return part_of(self._program.reset(options, self.np_random), 0), {}

        def step(self, action):
            if self._program.plays.is_over[0]:
                raise RuntimeError("The episode is over; call reset.")
            space = batch_space(self.action_space, 1)
            *results, infos = self._program.step(np.asarray(action)[None], space)
            seen, reward, terminated, truncated = (part_of(result, 0) for result in results)
            info = {name: bool(value[0]) for name, value in infos.items() if name[0] != "_"}
            return seen, float(reward), bool(terminated), bool(truncated), info

        def render(self):
            pictures = self._program.render()
            return pictures[0] if pictures is not None else None

    return LevelsVectorEnv, LevelsEnv
