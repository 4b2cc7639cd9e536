"""Small pictures of levels, and what is known of each."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from .._folder._level_arrays import unpacked
from .._types import PyTree
from .._xla._compile import quick_jit
from ..envs import AbstractArtist, AbstractEnv
from ..envs._pictures import unstack
from ._html import number, percent

# A page may have a hundred of them.
_TILE, _MOST_PIXELS = 8, 128


def pictures_of(env: AbstractEnv, arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Pictures of levels that are kept as packed arrays; None where there is no artist, or the
    levels belong to another environment."""
    artist = small_artist(env)
    if artist is None or not len(arrays) or not len(arrays[0]):
        return None
    try:
        levels = unpacked(arrays, env.level_spec())
    except ValueError:
        return None
    return [shrunk(artist.draw_level(level)) for level in unstack(levels)]


def small_artist(env: AbstractEnv, tile: int = _TILE) -> AbstractArtist | None:
    """Who draws an environment's levels, in small if it can."""
    artist: Any = env.artist()
    is_tiled = any(field.name == "tile_size" for field in dataclasses.fields(artist or env))
    return dataclasses.replace(artist, tile_size=tile) if artist and is_tiled else artist


def shrunk(
    image: UInt8[np.ndarray, "rows columns 3"], most: int = _MOST_PIXELS
) -> UInt8[np.ndarray, "_ _ 3"]:
    """The picture, so small that no side has more pixels."""
    import PIL.Image

    scale = most / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    few = PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.BOX)
    # With few colours it is a third as large.
    return np.asarray(few.quantize(32, dither=PIL.Image.Dither.NONE).convert("RGB"))


def metrics_of(env: AbstractEnv, levels: PyTree) -> dict[str, np.ndarray]:
    """What the environment measures of levels (leading axis `level`)."""
    return {n: np.asarray(v) for n, v in _metrics(env, levels).items()}


@quick_jit
def _metrics(env, levels):
    return jax.vmap(env.level_metrics)(levels)


def mean_metrics(env: AbstractEnv, arrays: Sequence[np.ndarray]) -> str:
    """The means of what the environment measures of levels that are kept as packed arrays, of
    those that can be solved, in words; nothing if it measures nothing, or they are of another."""
    try:
        levels = unpacked(arrays, env.level_spec())
    except ValueError:
        return ""
    found = metrics_of(env, jax.tree.map(jax.numpy.asarray, levels))
    solvable = found.pop("passable", None)
    kept = slice(None) if solvable is None or not solvable.any() else solvable > 0
    told = [f"{title_of(name)} {number(float(v[kept].mean()))}" for name, v in found.items()]
    return ", ".join(told[:4])


def title_of(metric: str) -> str:
    """What a metric of levels is called in a sentence."""
    return metric.removeprefix("num_").replace("_", " ")


def facts(known: Mapping[str, np.ndarray], i: int) -> list[tuple[str, str]]:
    """What is known of a level, as names and text; what is not known is left out."""
    told: list[tuple[str, str]] = []
    for name, (title, text) in _FACTS.items():
        if name in known and (name != "success_rates" or known[name][i] >= 0):
            told.append((title, text(float(known[name][i]))))
    return told


_FACTS = {
    "scores": ("score", number),
    "chances": ("replay", percent),
    "success_rates": ("solved", percent),
    "num_plays": ("plays", number),
    "ages": ("age", number),
    "num_mutations": ("edits", number),
}


def short_name(fingerprint: Any) -> str:
    """A level by the first digits of its fingerprint."""
    return f"{int(fingerprint):016x}"[:6]
