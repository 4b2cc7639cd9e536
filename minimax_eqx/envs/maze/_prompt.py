"""What levels show at a prompt, as text, and in a notebook, as a picture."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

_MOST_PICTURES, _SMALL_TILE = 32, 12


def text_of(level: Any, draw: Callable[[Any], str]) -> str | None:
    """A heading and the drawing of a level, or of the first of many.

    None where there is no drawing: for traced levels, for shapes without values, for no levels.
    """
    if not _has_values(level):
        return None
    # The drawing is of values, also where a program around it is being traced.
    with jax.ensure_compile_time_eval():
        batch_shape = np.shape(level.agent_dir)
        drawing = draw(_at(level, (0,) * len(batch_shape)))
    rows = drawing.split("\n")
    name, size = type(level).__name__, f"{len(rows)} x {len(rows[0])}"
    if not batch_shape:
        return f"{name} of {size} cells:\n{drawing}"
    count = " x ".join(str(length) for length in batch_shape)
    if getattr(level, "size", None) is not None:
        return f"{count} {name}s of several sizes, the first with {size} cells:\n{drawing}"
    return f"{count} {name}s of {size} cells, the first:\n{drawing}"


def picture_of(level: Any) -> bytes | None:
    """A PNG file's bytes: the level, or the first 32 of many. None without values or Pillow."""
    # Pictures know the levels, so levels learn of pictures late.
    from .._pictures import png, sheet
    from ._render import render

    if not _has_values(level):
        return None
    batch_shape = np.shape(level.agent_dir)
    indices = itertools.islice(np.ndindex(*batch_shape), _MOST_PICTURES)
    try:
        if not batch_shape:
            return png(render(_at(level, ())))
        pictures = [render(_at(level, index), tile_size=_SMALL_TILE) for index in indices]
        return png(sheet(pictures))
    except ImportError:
        return None


def _has_values(level: Any) -> bool:
    """Whether the level's arrays can be read here and now, and hold at least one level."""
    arrays = [
        getattr(level, field.name, None)
        for field in dataclasses.fields(level)
        # What only some levels have.
        if field.default is not None or getattr(level, field.name, None) is not None
    ]
    return all(_is_readable(array) for array in arrays)


def _is_readable(array: Any) -> bool:
    if isinstance(array, np.ndarray | np.generic):
        return array.size > 0
    if isinstance(array, Tracer) or not isinstance(array, jax.Array):
        return False
    return array.size > 0 and not array.is_deleted() and array.is_fully_addressable


def _at(level: Any, index: tuple[int, ...]) -> Any:
    return jax.tree.map(lambda leaf: np.asarray(leaf)[index], level)
