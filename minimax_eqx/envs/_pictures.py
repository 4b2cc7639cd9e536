"""Pictures as arrays: laid out on a sheet, and written to files."""

import io
import os
import pathlib
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import UInt8

from .._files import expanded
from .._packages import needed
from .._types import PyTree

_PAPER = 255


def sheet(
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], columns: int = 8, *, gap: int = 10
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Lays pictures, perhaps of different sizes, out in rows of `columns`, on white.

    `gap` pixels are between two pictures. Raises `ValueError` if there are no pictures, if
    `columns` is less than 1, or if `gap` is negative.
    """
    if columns < 1 or gap < 0:
        raise ValueError(
            f"A sheet of pictures needs columns >= 1 and gap >= 0, not columns={columns} and "
            f"gap={gap}."
        )
    if not pictures:
        raise ValueError("There are no levels to draw.")
    height = max(picture.shape[0] for picture in pictures) + gap
    width = max(picture.shape[1] for picture in pictures) + gap
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    paper = np.full((rows * height + gap, columns * width + gap, 3), _PAPER, np.uint8)
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        top = row * height + gap + (height - gap - picture.shape[0]) // 2
        left = column * width + gap + (width - gap - picture.shape[1]) // 2
        paper[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return paper


def save_picture(
    picture: UInt8[np.ndarray, "rows columns 3"] | Sequence[UInt8[np.ndarray, "rows columns 3"]],
    path: str | os.PathLike[str],
    fps: float | int = 10,
) -> None:
    """Writes a picture to a file `.png`, or frames of one size to a `.gif` that repeats for ever.

    `fps` are the frames of a GIF per second, in (0, 50]: it counts hundredths of a second, and
    viewers slow down above that. Raises `ValueError` for another rate or another kind of file, and
    `ImportError` without Pillow.
    """
    is_one = isinstance(picture, np.ndarray)
    wanted = ".png" if is_one else ".gif"
    if pathlib.Path(path).suffix.lower() != wanted:
        what = "one picture is" if is_one else "frames are"
        raise ValueError(f"{what} saved as {wanted}, and not as {path}; name a {wanted} file.")
    if is_one:
        expanded(path).write_bytes(png(picture))
    else:
        expanded(path).write_bytes(gif(picture, fps))


def png(image: UInt8[np.ndarray, "rows columns 3"]) -> bytes:
    """A picture as the bytes of a PNG file. Needs Pillow; `ImportError` if it is missing."""
    buffer = io.BytesIO()
    _pillow().fromarray(image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def gif(frames: Sequence[UInt8[np.ndarray, "rows columns 3"]], fps: float | int = 10) -> bytes:
    """Frames as the bytes of a GIF that repeats for ever; `save_picture` says what it raises."""
    if not 0 < fps <= 50:
        raise ValueError(f"fps is {fps}; a GIF needs more than 0 and at most 50.")
    pillow = _pillow()
    # One palette for all frames, so that colours do not flicker.
    some = frames[:: max(1, len(frames) // 16)]
    palette = pillow.fromarray(np.concatenate(list(some))).quantize(256)
    first, *others = (
        pillow.fromarray(frame).quantize(palette=palette, dither=pillow.Dither.NONE)
        for frame in frames
    )
    milliseconds, buffer = round(100 / fps) * 10, io.BytesIO()
    first.save(
        buffer, format="GIF", save_all=True, append_images=others, duration=milliseconds, loop=0
    )
    return buffer.getvalue()


def unstack(modules: PyTree) -> list[PyTree]:
    """Takes the leading axis of all arrays apart."""
    leaves, structure = jax.tree.flatten(jax.device_get(modules))
    return [
        jax.tree.unflatten(structure, [leaf[i] for leaf in leaves])
        for i in range(leaves[0].shape[0])
    ]


def _pillow():
    return needed("PIL.Image", extra="cli", by="Writing pictures")
