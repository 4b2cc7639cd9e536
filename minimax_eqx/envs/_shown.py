"""Levels and episodes as things that a notebook shows."""

import base64
import os
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Int, UInt8

from .._notebook import never_fails
from .._types import PyTree
from ._actions import Discrete
from ._env import AbstractArtist, AbstractEnv
from ._pictures import gif, png, save_picture


class Picture(eqx.Module):
    """A picture that a notebook shows, and that `save` writes into a file.

    Make it with `show`.
    """

    image: UInt8[np.ndarray, "rows columns 3"]
    """Red, green and blue."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file `.png`. Raises `ValueError` for another, `ImportError` without Pillow."""
        save_picture(self.image, path)

    @never_fails
    def _repr_png_(self) -> bytes | None:
        return png(self.image)


class Animation(eqx.Module):
    """An episode that a notebook plays, and that `save` writes into a file.

    Make it with `show_episode`.
    """

    frames: list[UInt8[np.ndarray, "rows columns 3"]]
    """Pictures of one size."""
    fps: float = eqx.field(static=True, default=10.0)
    """Pictures in a second, above 0 and at most 50."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file `.gif`. Raises `ValueError` for another, `ImportError` without Pillow."""
        save_picture(self.frames, path, self.fps)

    @never_fails
    def _repr_html_(self) -> str | None:
        held = base64.b64encode(gif(self.frames, self.fps)).decode()
        alt = f"an episode of {len(self.frames) - 1} steps"
        return f'<img src="data:image/gif;base64,{held}" alt="{alt}">'


def show(env: AbstractEnv, levels: PyTree, *, columns: int = 4) -> Picture:
    """A picture of one level, or of many (leading axis `level`), drawn by the environment's artist.

    A level alone does not know who draws it, so the environment is given. For example, at the end
    of a notebook's cell:

        mx.envs.show(env, levels)

    Raises `ValueError` for an environment without an artist, if levels have more than one leading
    axis, and for what the artist cannot draw.
    """
    artist = _artist_of(env)
    axes = {
        np.ndim(leaf) - len(spec.shape)
        for leaf, spec in zip(
            jax.tree.leaves(levels), jax.tree.leaves(env.level_spec()), strict=True
        )
    }
    if axes == {0}:
        return Picture(np.asarray(artist.draw_level(levels)))
    if axes != {1}:
        raise ValueError(
            f"show draws one level, or levels with one leading axis; these have {sorted(axes)}."
        )
    return Picture(np.asarray(artist.draw_levels(levels, columns)))


def show_episode(
    env: AbstractEnv,
    level: PyTree,
    states: PyTree,
    length: int | Int[Any, ""],
    *,
    fps: float = 10.0,
) -> Animation:
    """An episode of `level` as an animation, drawn by the environment's artist.

    `states` and `length` are what `rollouts.record_episode` gives. Raises `ValueError` for an
    environment without an artist, and for what the artist cannot draw.
    """
    artist = _artist_of(env)
    frames = artist.draw_episode(env, level, jax.device_get(states), int(length))
    return Animation([np.asarray(frame) for frame in frames], fps)


def _artist_of(env: AbstractEnv) -> AbstractArtist:
    artist = env.artist()
    if artist is None:
        raise ValueError(
            f"{type(env).__name__} has no artist who could draw it; write its method `artist`."
        )
    return artist


def names_of_actions(env: AbstractEnv) -> tuple[str, ...]:
    """What people call the actions of an environment; none if they are no choices."""
    spec, artist = env.action_spec(), env.artist()
    if not isinstance(spec, Discrete):
        return ()
    names = None if artist is None else artist.action_names(env)
    return names or tuple(f"action {i}" for i in range(spec.num_actions))
