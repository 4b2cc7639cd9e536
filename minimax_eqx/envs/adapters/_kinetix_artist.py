"""Pictures of Kinetix, by the package's own renderer."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from .._env import AbstractArtist, AbstractEnv
from .._pictures import unstack
from ._kinetix_package import Size, kinetix, limits, size_of

# A picture has 500 pixels a side, divided by this; the package has thin outlines for 2, and symbols
# on motors and thrusters, which it leaves out for 4.
_DIVISOR = 2


class KinetixArtist(AbstractArtist[Any]):
    """Draws a scene: green is to touch blue and not red; dark shapes are fixed."""

    def draw_level(self, level: Any) -> UInt8[np.ndarray, "rows columns 3"]:
        drawn = np.asarray(_renderer(size_of("KinetixArtist", level))(level))
        # The package counts from the left, and from below.
        return np.clip(drawn, 0, 255).astype(np.uint8).swapaxes(0, 1)[::-1]

    def draw_episode(
        self, env: AbstractEnv, level: Any, states: Any, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        shown = unstack(jax.tree.map(lambda leaf: leaf[: length + 1], states))
        return [self.draw_level(state) for state in shown]


@functools.cache
def _renderer(size: Size) -> Callable[[Any], Any]:
    make = importlib.import_module("kinetix.render").make_render_pixels

    params = kinetix().EnvParams()
    with jax.ensure_compile_time_eval():
        return make(params, limits(size).replace(downscale=_DIVISOR))
