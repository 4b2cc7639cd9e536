"""The frames of an episode as tiles: each different tile once, and per frame what changed."""

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from ._html import data_uri, small_png

# What a world of tiles is made of is known; pictures of other worlds are cut into these.
ANY_TILE = 16
_COLUMNS = 32
# More tiles have no number of 16 bits.
_MOST_TILES = 2**16


@dataclasses.dataclass(frozen=True)
class Frames:
    """Frames that a page draws from one sheet of tiles, `_COLUMNS` in a row."""

    tile: int
    shift: int
    """How many pixels of the first row and column of tiles are outside of the picture."""
    size: tuple[int, int]
    """Width and height of the picture."""
    across: int
    """How many tiles are in a row of the picture."""
    sheet: UInt8[np.ndarray, "rows columns 3"]
    starts: list[int]
    """Where the changes of each frame begin, and where the last ends."""
    changes: Int[np.ndarray, "change 2"]
    """Place and tile, all frames one after the other."""

    def content(self) -> dict[str, Any]:
        """What the script draws from, as JSON can hold it."""
        plain = self.changes.astype("<u2").tobytes()
        return {
            **{"tile": self.tile, "shift": self.shift, "size": self.size, "across": self.across},
            "columns": _COLUMNS,
            "sheet": data_uri(small_png(self.sheet), "image/png"),
            "starts": self.starts,
            "changes": base64.b64encode(plain).decode(),
        }


def frames_of(
    pictures: Sequence[UInt8[np.ndarray, "rows columns 3"]], tile: int = ANY_TILE, shift: int = 0
) -> Frames | None:
    """The frames of pictures of one size; None if they have too many different tiles.

    `tile` is the side of a tile in pixels, and the first ones begin `shift` pixels before the
    picture does.
    """
    height, width = pictures[0].shape[:2]
    down, across = -(-(height + shift) // tile), -(-(width + shift) // tile)
    margins = (
        (shift, down * tile - height - shift),
        (shift, across * tile - width - shift),
        (0, 0),
    )
    sheet: list[np.ndarray] = []
    number_of: dict[bytes, int] = {}
    before = np.full(down * across, -1)
    starts, changes = [0], []
    for picture in pictures:
        padded = np.pad(picture, margins, mode="edge")
        cut = padded.reshape(down, tile, across, tile, 3).swapaxes(1, 2)
        now = np.empty(down * across, int)
        for place, piece in enumerate(cut.reshape(down * across, tile, tile, 3)):
            known = piece.tobytes()
            if known not in number_of:
                number_of[known] = len(sheet)
                sheet.append(piece)
            now[place] = number_of[known]
        if len(sheet) >= _MOST_TILES:
            return None
        places = np.flatnonzero(now != before)
        changes.append(np.stack([places, now[places]], axis=1))
        starts.append(starts[-1] + len(places))
        before = now
    return Frames(
        *(tile, shift, (width, height), across, _laid_out(sheet, tile), starts),
        np.concatenate(changes),
    )


def _laid_out(tiles: Sequence[np.ndarray], tile: int) -> UInt8[np.ndarray, "rows columns 3"]:
    rows = -(-len(tiles) // _COLUMNS)
    paper = np.zeros((rows * tile, min(len(tiles), _COLUMNS) * tile, 3), np.uint8)
    for i, piece in enumerate(tiles):
        row, column = divmod(i, _COLUMNS)
        paper[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile] = piece
    return paper
