"""Who draws Brax's robots, by the places of their links."""

import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractArtist, AbstractEnv
from ..boxes._artists import Sheet
from ..boxes._parameters import ParameterLevel
from ._brax_model import environment, link_factors

_GROUND, _LINK = (150, 146, 138), (56, 62, 75)
# Kinds of shapes by their numbers in MuJoCo; the long ones are capsules and cylinders.
_PLANE, _LONG, _BOX = 0, (3, 5), 6
_FROM_ABOVE = ("pusher", "reacher", "swimmer")


class BraxArtist(AbstractArtist[ParameterLevel]):
    """Draws a robot as thick lines, from the side or from above: the heavier a link, the thicker.

    A level is drawn as Brax's model begins, with its first link in the middle. Raises `ValueError`
    if `width` is less than 32.
    """

    name: str
    """The environment, by its name in Brax."""
    backend: str
    """Which of Brax's simulations is used."""
    width: int = 160
    """Width and height of a picture in pixels; at least 32."""

    def __check_init__(self) -> None:
        check_at_least(self, 32, "width")

    def draw_level(self, level: ParameterLevel) -> UInt8[np.ndarray, "rows columns 3"]:
        return self._draw(level, *_at_rest(self.name, self.backend))

    def draw_episode(
        self, env: AbstractEnv, level: ParameterLevel, states: PyTree, length: int
    ) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        del env
        x = states.brax.pipeline_state.x
        places, turns = np.nan_to_num(x.pos)[: length + 1], np.nan_to_num(x.rot)[: length + 1]
        return [self._draw(level, *pose) for pose in zip(places, turns, strict=True)]

    def _draw(self, level: ParameterLevel, places: np.ndarray, turns: np.ndarray) -> np.ndarray:
        system = environment(self.name, self.backend).sys
        model, from_above = system.mj_model, self.name in _FROM_ABOVE
        axes = [0, 1] if from_above else [0, 2]
        at_rest = _lines(model, *_at_rest(self.name, self.backend))
        points = np.concatenate([line[2:] for line in at_rest])[:, axes]
        middle = (points.max(0) + points.min(0)) / 2
        per_metre = self.width / (1.4 * np.ptp(points, axis=0).max() + 0.5)
        if model.nv > 0 and system.link_types[0] != "1":  # what moves about is followed
            middle[0] = places[0, 0]
        sheet = Sheet(self.width, self.width)

        def on_sheet(point):
            return self.width / 2 + (np.asarray(point) - middle) * per_metre * (1, -1)

        if not from_above and _PLANE in model.geom_type:
            for metre in np.arange(np.floor(middle[0]) - 9, middle[0] + 9):
                sheet.line(on_sheet((metre, 0)), on_sheet((metre + 0.9, 0)), 1, _GROUND)
        thickness = np.asarray(link_factors(system, level)) ** (1 / 3)
        for body, radius, begin, end in _lines(model, places, turns):
            colour, factor = (_LINK, thickness[body - 1]) if body > 0 else (_GROUND, 1.0)
            pixels = max(1.0, radius * factor * per_metre)
            sheet.line(on_sheet(begin[axes]), on_sheet(end[axes]), pixels, colour)
        return sheet.pixels


@functools.cache
def _at_rest(name: str, backend: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the links are, and how they are turned, as the model begins."""
    env = environment(name, backend)
    state = jax.jit(env.pipeline_init)(env.sys.init_q, np.zeros(env.sys.qd_size(), np.float32))
    return np.asarray(state.x.pos), np.asarray(state.x.rot)


def _lines(
    model: Any, places: np.ndarray, turns: np.ndarray
) -> list[tuple[int, float, np.ndarray, np.ndarray]]:
    """Each shape but planes as a thick line: the body that it is of, its radius and its ends."""
    lines = []
    sizes, bodies = model.geom_size, model.geom_bodyid
    shapes = zip(bodies, model.geom_type, sizes, model.geom_pos, model.geom_quat, strict=True)
    for body, kind, size, place, turn in shapes:
        if kind == _PLANE:
            continue
        radius, half = np.array(size[0]), np.zeros(3)
        if kind in _LONG:
            half = np.array([0, 0, size[1]])
        elif kind == _BOX:
            longest = np.argmax(size)
            radius = np.median(size)
            half[longest] = max(size[longest] - radius, 0)
        middle, half = place, _turned(half, turn)
        if body > 0:  # the world's shapes are where the model says
            middle = places[body - 1] + _turned(place, turns[body - 1])
            half = _turned(half, turns[body - 1])
        lines.append((int(body), float(radius), middle - half, middle + half))
    return lines


def _turned(vector: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
    """A vector, turned by a unit quaternion whose real part comes first."""
    real, axis = quaternion[0], quaternion[1:]
    return vector + 2 * np.cross(axis, np.cross(axis, vector) + real * vector)
