"""Pieces of HTML that sections are made of."""

import base64
import html
import io
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import UInt8

from ..envs._pictures import png

# Levels have few colours, and a palette makes their pictures a third as large.
_MAX_COLOURS = 64
NOT_MEASURED = "\N{EN DASH}"


def escaped(text: object) -> str:
    """Text as it is to be read, wherever in the page it stands, attributes included."""
    return html.escape(str(text), quote=True)


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address that holds all of it; `kind` is its media type, `image/png` say."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def picture(image: UInt8[np.ndarray, "rows columns 3"], alt: str, attributes: str = "") -> str:
    """An `img` that holds its picture. `alt` says in words what it shows; `attributes` are HTML."""
    height, width = image.shape[:2]
    source = data_uri(small_png(image), "image/png")
    more = f" {attributes}" if attributes else ""
    return f'<img src="{source}" alt="{escaped(alt)}" width="{width}" height="{height}"{more}>'


def small_png(image: UInt8[np.ndarray, "rows columns 3"]) -> bytes:
    """A picture as a PNG file, with a palette where that loses nothing."""
    import PIL.Image

    flat = np.unique(image.reshape(-1, 3), axis=0)
    if len(flat) > _MAX_COLOURS:
        return png(image)
    buffer = io.BytesIO()
    few = PIL.Image.fromarray(image).quantize(len(flat), dither=PIL.Image.Dither.NONE)
    few.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str,
    kind: str = "",
    align: str = "",
) -> str:
    """A table whose cells are HTML, and whose first column names the rows. `caption` is text.

    `kind` is a class of the style sheet; `align` has for each column an `l` for words or an `r` for
    numbers, and by default numbers after the first column.
    """
    sides = align or "l" + "r" * (len(head) - 1)
    cells = "".join(
        f'<th scope="col" class="{s}">{cell}</th>' for s, cell in zip(sides, head, strict=True)
    )
    lines = "".join(f"<tr>{_row(row, sides)}</tr>\n" for row in rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escaped(caption)}">'
        f'<table class="{escaped(kind)}"><caption>{escaped(caption)}</caption>\n'
        f"<thead><tr>{cells}</tr></thead>\n<tbody>{lines}</tbody></table></div>"
    )


def _row(row: Sequence[str], sides: str) -> str:
    first, *others = row
    cells = "".join(f'<td class="{s}">{c}</td>' for s, c in zip(sides[1:], others, strict=True))
    return f'<th scope="row" class="{sides[0]}">{first}</th>{cells}'


def folded(summary: str, body: str, *, is_open: bool = False) -> str:
    """HTML that a reader unfolds; `summary` is text."""
    state = " open" if is_open else ""
    return f"<details{state}><summary>{escaped(summary)}</summary>\n{body}\n</details>"


def number(value: float | None, digits: int = 3) -> str:
    """A number as people write it; a dash where nothing was measured."""
    if value is None or not np.isfinite(value):
        return NOT_MEASURED
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size < 1e-3:
        return f"{value:.1e}"
    return f"{value:.{digits}g}"


def percent(value: float | None) -> str:
    """A share in percent, a dash where nothing was measured."""
    return NOT_MEASURED if value is None or not np.isfinite(value) else f"{100 * value:.1f} %"


def option_value(value: object) -> str:
    """The value of an option as the command line has it."""
    words = value if isinstance(value, list | tuple) else () if value is None else (value,)
    return " ".join(map(str, words)) or "none"
