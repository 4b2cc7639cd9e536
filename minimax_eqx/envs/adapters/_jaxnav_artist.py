"""Who draws JaxNav's maps, and a robot's way through them."""

from typing import Any

import numpy as np
from jaxtyping import UInt8

from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractArtist, AbstractEnv
from ._jaxnav_level import JaxNavLevel

_FLOOR, _WALL, _GOAL = (245, 243, 238), (56, 62, 75), (72, 166, 106)
_ROBOT, _FRONT, _WAY, _BEAM = (226, 54, 48), (255, 202, 66), (120, 144, 200), (150, 146, 138)
_HALF_SIDE = 0.25  # metres; the robot is a square
_LIDAR_RANGE = 6.0
_ONE_IN = 4  # beams that are drawn


class JaxNavArtist(AbstractArtist[JaxNavLevel]):
    """Draws maps as the package does, with y upwards: walls, the goal, the robot and its way.

    In an episode you also see where some of its beams end. Raises `ValueError` if `cell_size` is
    less than 8.
    """

    cell_size: int = 16
    """Width of a cell in pixels; at least 8."""
    goal_radius: float = 0.3
    """How large the goal is drawn, in metres."""

    def __check_init__(self) -> None:
        check_at_least(self, 8, "cell_size")

    def draw_level(self, level: JaxNavLevel) -> UInt8[np.ndarray, "rows columns 3"]:
        sheet = self._map(level)
        self._robot(sheet, np.asarray(level.position), float(level.direction))
        return sheet[::-1].copy()

    def draw_episode(
        self, env: AbstractEnv, level: JaxNavLevel, states: PyTree, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        num_beams = env.observation_spec().shape[0] - 5
        positions = np.asarray(states.package.pos)[: length + 1, 0]
        directions = np.asarray(states.package.theta)[: length + 1, 0]
        distances = (np.asarray(states.seen)[:, :num_beams] + 0.5) * _LIDAR_RANGE
        angles = np.linspace(-np.pi, np.pi, num_beams)
        way, pictures = self._map(level), []
        for position, direction, ranges in zip(positions, directions, distances, strict=False):
            self._dots(way, position[None], _WAY)
            sheet, turned = way.copy(), (angles + direction)[::_ONE_IN]
            ends = np.stack([np.cos(turned), np.sin(turned)], 1) * ranges[::_ONE_IN, None]
            self._dots(sheet, position + ends, _BEAM)
            self._robot(sheet, position, float(direction))
            pictures.append(sheet[::-1].copy())
        return pictures

    def _map(self, level: JaxNavLevel) -> np.ndarray:
        """Walls, and the goal; the first row is y = 0."""
        walls = np.kron(np.asarray(level.walls), np.ones((self.cell_size, self.cell_size), bool))
        sheet = np.where(walls[..., None], _WALL, _FLOOR).astype(np.uint8)
        away = self._places(sheet) - np.asarray(level.goal)
        sheet[np.hypot(away[..., 0], away[..., 1]) <= self.goal_radius] = _GOAL
        return sheet

    def _robot(self, sheet: np.ndarray, position: np.ndarray, direction: float) -> None:
        """The square, with its front in another colour."""
        away = self._places(sheet) - position
        along = away @ np.array([np.cos(direction), np.sin(direction)])
        aside = away @ np.array([-np.sin(direction), np.cos(direction)])
        inside = np.maximum(np.abs(along), np.abs(aside)) <= _HALF_SIDE
        sheet[inside] = _ROBOT
        sheet[inside & (along > _HALF_SIDE / 2)] = _FRONT

    def _dots(self, sheet: np.ndarray, places: np.ndarray, colour: Any) -> None:
        """Dots of 2 x 2 pixels; what is off the sheet is drawn at its edge."""
        corners = np.floor(places[:, ::-1] * self.cell_size).astype(int)
        for shift in np.ndindex(2, 2):
            rows, columns = np.clip(corners + shift, 0, np.array(sheet.shape[:2]) - 1).T
            sheet[rows, columns] = colour

    def _places(self, sheet: np.ndarray) -> np.ndarray:
        """The middle of each pixel (x, y), in metres."""
        rows, columns = np.indices(sheet.shape[:2])
        return (np.stack([columns, rows], -1) + 0.5) / self.cell_size
