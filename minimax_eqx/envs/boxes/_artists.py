"""Who draws carts with poles and pendulums."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractArtist, AbstractEnv
from ._parameters import ParameterLevel

_PAPER, _TRACK, _CART, _POLE = (245, 243, 238), (150, 146, 138), (56, 62, 75), (226, 54, 48)
_HINGE = (255, 202, 66)
_HALF_TRACK = 2.7  # metres


class CartPoleArtist(AbstractArtist[ParameterLevel]):
    """Draws the cart on its track and the pole: the heavier, the larger and the thicker.

    Raises `ValueError` if `width` is less than 32.
    """

    width: int = 192
    """Width of a picture in pixels; at least 32."""

    def __check_init__(self) -> None:
        check_at_least(self, 32, "width")

    def draw_level(self, level: ParameterLevel) -> UInt8[np.ndarray, "rows columns 3"]:
        return self._draw(level, 0.0, 0.0)

    def draw_episode(
        self, env: AbstractEnv, level: ParameterLevel, states: PyTree, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        del env
        positions = np.asarray(states.position)[: length + 1]
        return [self._draw(level, *map(float, position)) for position in positions]

    def _draw(self, level: ParameterLevel, place: float, angle: float) -> np.ndarray:
        longest = level.box.parameters[level.box.index("pole_length")].high
        per_metre = self.width / (2 * _HALF_TRACK)
        sheet = Sheet((longest + 0.8) * per_metre, self.width)
        ground = sheet.height - 0.25 * per_metre
        size = 0.22 * float(level["cart_mass"]) ** (1 / 3)
        centre = np.array([self.width / 2 + place * per_metre, ground - size * per_metre])
        sheet.line((0, ground), (self.width, ground), 1, _TRACK)
        across = np.array([size * per_metre, 0])
        sheet.line(centre - across, centre + across, 0.6 * size * per_metre, _CART)
        along = float(level["pole_length"]) * per_metre * np.array([np.sin(angle), -np.cos(angle)])
        thickness = 0.07 * float(level["pole_mass"]) ** (1 / 3)
        sheet.line(centre, centre + along, max(1.0, thickness * per_metre), _POLE)
        sheet.line(centre, centre, 2, _HINGE)
        return sheet.pixels


class PendulumArtist(AbstractArtist[ParameterLevel]):
    """Draws the rod and the bob: the heavier, the larger. A level is drawn as it hangs.

    Raises `ValueError` if `width` is less than 32.
    """

    width: int = 128
    """Width and height of a picture in pixels; at least 32."""

    def __check_init__(self) -> None:
        check_at_least(self, 32, "width")

    def draw_level(self, level: ParameterLevel) -> UInt8[np.ndarray, "rows columns 3"]:
        return self._draw(level, np.pi)

    def draw_episode(
        self, env: AbstractEnv, level: ParameterLevel, states: PyTree, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        del env
        return [self._draw(level, float(angle)) for angle in np.asarray(states.angle)[: length + 1]]

    def _draw(self, level: ParameterLevel, angle: float) -> np.ndarray:
        longest = level.box.parameters[level.box.index("length")].high
        per_metre = self.width / (2.4 * longest)
        sheet = Sheet(self.width, self.width)
        hinge = np.array([self.width / 2, self.width / 2])
        along = float(level["length"]) * per_metre * np.array([np.sin(angle), -np.cos(angle)])
        sheet.line(hinge, hinge + along, 2, _CART)
        radius = 0.13 * longest * float(level["mass"]) ** (1 / 3) * per_metre
        sheet.line(hinge + along, hinge + along, radius, _POLE)
        sheet.line(hinge, hinge, 3, _HINGE)
        return sheet.pixels


class Sheet:
    """Paper to draw thick lines on, with smooth edges."""

    def __init__(self, height: float, width: int):
        self.height = round(height)
        self.pixels = np.full((self.height, width, 3), _PAPER, np.uint8)
        rows, columns = np.mgrid[: self.height, :width]
        self._places = np.stack([columns, rows], axis=-1) + 0.5

    def line(self, begin: Any, end: Any, radius: float, colour: Sequence[int]) -> None:
        """A line with round ends, a disc if it has no length; points are (x, y) in pixels."""
        begin, end = np.asarray(begin, float), np.asarray(end, float)
        along, away = end - begin, self._places - begin
        share = np.clip(away @ along / max(along @ along, 1e-9), 0, 1)
        distances = np.linalg.norm(away - share[..., None] * along, axis=-1)
        ink = np.clip(radius + 0.5 - distances, 0, 1)[..., None]
        self.pixels = np.round(ink * colour + (1 - ink) * self.pixels).astype(np.uint8)
