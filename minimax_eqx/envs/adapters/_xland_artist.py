"""Pictures of XLand-MiniGrid, by the package's own renderer."""

from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from ..._ranges import check_at_least
from .._env import AbstractArtist, AbstractEnv
from .._pictures import unstack
from ._xland_package import xminigrid


class XLandArtist(AbstractArtist[Any]):
    """Draws the grid and, below it, the tiles of the goal and of each rule.

    Raises `ValueError` if `tile_size` is less than 8.
    """

    tile_size: int = 24
    """Side of a cell in pixels; at least 8."""

    def __check_init__(self) -> None:
        check_at_least(self, 8, "tile_size")

    def draw_level(self, level: Any) -> UInt8[np.ndarray, "rows columns 3"]:
        return self._draw(jax.device_get(level), view_size=1)

    def draw_episode(
        self, env: AbstractEnv, level: Any, states: Any, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        """Frames with the cells highlighted that the agent sees."""
        view_size = env.observation_spec().view.shape[0]
        shown = unstack(jax.tree.map(lambda leaf: leaf[: length + 1], states))
        return [self._draw(state, view_size) for state in shown]

    def _draw(self, state: Any, view_size: int) -> UInt8[np.ndarray, "rows columns 3"]:
        renderer = xminigrid().rendering.rgb_render
        grid = renderer.render(np.asarray(state.grid), state.agent, view_size, self.tile_size)
        codes = [state.goal_encoding, *state.rule_encoding]
        # After its kind, a goal has two tiles and a rule three, as far as it needs them.
        strips = [self._strip(code[1:].reshape(-1, 2), grid.shape[1]) for code in codes if code[0]]
        return np.concatenate([grid, *strips])

    def _strip(
        self, tiles: UInt8[np.ndarray, "tile 2"], width: int
    ) -> UInt8[np.ndarray, "rows columns 3"]:
        renderer = xminigrid().rendering.rgb_render
        strip = np.full((self.tile_size, width, 3), 255, np.uint8)
        for i, (shape, colour) in enumerate(tiles.tolist()):
            if shape in renderer.TILES_FN_MAP and colour in renderer.COLORS_MAP and shape > 0:
                tile = renderer.render_tile((shape, colour), tile_size=self.tile_size)
                strip[:, i * self.tile_size :][:, : self.tile_size] = tile
        return strip
