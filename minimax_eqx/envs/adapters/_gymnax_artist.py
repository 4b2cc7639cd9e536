"""Pictures of gymnax's environments: by its own renderer, or as what the student sees."""

import importlib.util
import os
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, UInt8

from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractArtist, AbstractEnv
from .._pictures import unstack
from ..boxes._parameters import ParameterLevel
from ._gymnax_package import gymnax

_CONTROL = (
    *("Acrobot-v1", "CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0"),
    "Pendulum-v1",
)
_PAPER = (245, 243, 238)
_COLOURS = ((226, 54, 48), (255, 202, 66), (64, 128, 196), (84, 160, 96), (150, 96, 170))


class GymnaxArtist(AbstractArtist[ParameterLevel]):
    """Draws classic control as gymnax does, and other worlds as their students see them.

    A level is drawn as an episode of it begins. Raises `ValueError` if `cell_size` is less than 1.
    """

    world: AbstractEnv
    """Whose pictures these are."""
    cell_size: int = 12
    """Side of a cell in pixels, in worlds that are seen as a grid; at least 1."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "cell_size")

    def draw_level(self, level: ParameterLevel) -> UInt8[np.ndarray, "rows columns 3"]:
        return self._draw(level, self.world.reset(self.world.load(level), key=jax.random.key(0)))

    def draw_episode(
        self, env: AbstractEnv, level: ParameterLevel, states: PyTree, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        del env
        shown = jax.tree.map(lambda leaf: leaf[: length + 1], states)
        return [self._draw(level, state) for state in unstack(shown)]

    def _draw(self, level: ParameterLevel, state: Any) -> UInt8[np.ndarray, "rows columns 3"]:
        world: Any = self.world
        if world.name not in _CONTROL:
            picture = _in_colours(np.asarray(state.observation))
            return picture.repeat(self.cell_size, axis=0).repeat(self.cell_size, axis=1)
        # pygame prints where it is imported, and looks for loudspeakers.
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
        renderer = gymnax("gymnax.visualize.vis_gym")
        params = world.params(world.load(level))
        return renderer.render_gym_frame(world.name, state.inner, params)[::2, ::2]


def artist_of(world: Any) -> GymnaxArtist | None:
    """Who draws an environment; None if it is no grid and gymnax's renderer cannot draw it."""
    is_control = world.name in _CONTROL and importlib.util.find_spec("pygame") is not None
    is_grid = getattr(world.observation_spec(), "ndim", 0) == 3
    return GymnaxArtist(world) if is_control or is_grid else None


def _in_colours(
    seen: Float[np.ndarray, "rows columns channel"],
) -> UInt8[np.ndarray, "rows columns 3"]:
    """A colour for each channel, and the last channel that is not 0 is seen."""
    num_channels = seen.shape[-1]
    colours = [_PAPER, *(_COLOURS[i % len(_COLOURS)] for i in range(num_channels))]
    top = np.max((seen > 0) * np.arange(1, num_channels + 1), axis=-1)
    return np.array(colours, np.uint8)[top]
