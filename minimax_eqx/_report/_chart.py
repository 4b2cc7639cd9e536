"""Charts as inline SVG, which `chart.js` redraws when a reader zooms, hides or chooses.

Without the script they are whole as well. Text stands beside the drawing and not in it, so that it
is as large on a phone as on paper.
"""

import dataclasses
import itertools
import json
import math
import uuid
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from ._html import escaped, folded, number, table

# Horizontal axes, by the column of a table that each is.
AXES = {"updates": "updates", "env_steps": "transitions", "minutes": "minutes"}
# And one whose values are powers of ten: 2 stands for 100.
POWERS = {"log10_percent": "worst % of levels"}
_NAMES = AXES | POWERS
NUM_COLOURS = 8
DASHES = ("", "7 4", "2 3", "9 3 2 3")
# More points than a screen has columns are averaged.
MOST_POINTS, MOST_ROWS = 400, 24
_SIDE = 1000


@dataclasses.dataclass(frozen=True)
class Series:
    """One line of a chart: `y` over each of the axes of `x`, and perhaps a band around it.

    NaN is a value that was not measured. All arrays have one length. `band` says what the band is.
    """

    name: str
    x: Mapping[str, Float[np.ndarray, " point"]]
    y: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"] | None = None
    high: Float[np.ndarray, " point"] | None = None
    colour: int = 0
    """Which of the page's colours, from 0; the dash of the line changes with each round of them."""
    dash: int = 0
    """Which of `DASHES`."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """A vertical axis: its ends, and whether it holds shares, which are shown in percent."""

    low: float
    high: float
    is_share: bool = False

    def text(self, value: float) -> str:
        """A value as the axis shows it."""
        return f"{100 * value:.3g} %" if self.is_share else number(value)


def curves(
    title: str,
    series: Sequence[Series],
    *,
    is_share: bool = False,
    note: str = "",
    is_small: bool = False,
) -> str:
    """Lines with bands over an axis that the reader chooses, as one `figure`.

    `title` and `note` are text. A small one has neither a legend nor a table of its data.
    """
    series = [thinned(s, MOST_POINTS // 4 if is_small else MOST_POINTS) for s in series]
    series = [s for s in series if np.isfinite(s.y).any()]
    if not series:
        return (
            f'<figure class="chart"><figcaption>{escaped(title)}</figcaption>'
            '<p class="note">Nothing was measured.</p></figure>'
        )
    scale = _scale(series, is_share)
    axis = next(iter(series[0].x))
    extra = "" if is_small else _legend(series) + _data_table(title, series, axis, scale)
    legend, _, rest = extra.partition("<details")
    caption = escaped(title) + (f' <span class="note">{escaped(note)}</span>' if note else "")
    return (
        f'<figure class="chart{" small" if is_small else ""}" data-name="{escaped(title)}">'
        f"<figcaption>{caption}</figcaption>{legend}{_plot(title, series, axis, scale, is_small)}"
        f"{'<details' + rest if rest else ''}{_data(series, scale)}</figure>"
    )


def described(title: str, series: Series, axis: str, scale: Scale) -> str:
    """What a line shows, in a sentence, for those who do not see it."""
    seen = np.isfinite(series.y)
    y, x = series.y[seen], series.x[axis][seen]
    name = f"{title}, {series.name}" if series.name not in ("", title) else title
    if len(y) == 1:
        return f"{name} is {scale.text(y[0])} at {number(x[0])} {_NAMES.get(axis, axis)}."
    first, last = (float(np.mean(part)) for part in (y[: _tenth(y)], y[-_tenth(y) :]))
    change = "stays near" if abs(last - first) < 0.05 * (scale.high - scale.low) else None
    verb = change or ("rises from" if last > first else "falls from")
    ends = scale.text(last) if change else f"{scale.text(first)} to {scale.text(last)}"
    where = f"over {number(float(x[-1] - x[0]))} {_NAMES.get(axis, axis)}"
    if axis in POWERS:
        where = f"from {short(10 ** x[0])} to {short(10 ** x[-1])} {POWERS[axis]}"
    extremes = f"lowest {scale.text(y.min())}, highest {scale.text(y.max())}"
    return f"{name} {verb} {ends} {where}; {extremes}."


def thinned(series: Series, most: int) -> Series:
    """The series with neighbours averaged until there are no more points than `most`."""
    count = len(series.y)
    if count <= most:
        return series
    edges = np.linspace(0, count, most + 1).astype(int)

    def means(values: np.ndarray) -> np.ndarray:
        parts = [values[a:b] for a, b in itertools.pairwise(edges)]
        return np.array([np.nanmean(p) if np.isfinite(p).any() else math.nan for p in parts])

    x = {name: means(np.asarray(values)) for name, values in series.x.items()}
    band = {n: None if (v := getattr(series, n)) is None else means(v) for n in ("low", "high")}
    return dataclasses.replace(series, x=x, y=means(series.y), **band)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two others, at most so many."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s for s in (power, 2 * power, 2.5 * power, 5 * power, 10 * power) if s >= raw)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _tenth(values: np.ndarray) -> int:
    return max(1, len(values) // 10)


def _scale(series: Sequence[Series], is_share: bool) -> Scale:
    if is_share:
        return Scale(-0.02, 1.02, True)
    arrays = [a for s in series for a in (s.y, s.low, s.high) if a is not None]
    values = np.concatenate(arrays)
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    # What is never negative is easier to compare from 0 on, if it comes near.
    bottom = 0.0 if 0 <= low < 0.4 * high else low - room
    return Scale(bottom, high + room)


def _plot(title: str, series: Sequence[Series], axis: str, scale: Scale, is_small: bool) -> str:
    x = np.concatenate([s.x[axis][np.isfinite(s.y)] for s in series])
    low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    across = lambda values: (np.asarray(values) - low) / (high - low)  # noqa: E731
    up = lambda values: (np.asarray(values) - scale.low) / (scale.high - scale.low)  # noqa: E731
    few = 3 if is_small else 5
    y_ticks, x_ticks = ticks(scale.low, scale.high, few), ticks(low, high, few)
    if axis in POWERS:
        x_ticks = [float(t) for t in range(math.ceil(low), math.floor(high) + 1)]
    grid = "".join(f"M0 {_SIDE * (1 - float(up(t))):.0f}H{_SIDE}" for t in y_ticks)
    drawn = "".join(_drawn(s, axis, across, up) for s in series)
    y_labels = "".join(
        f'<span style="bottom:{100 * float(up(t)):.1f}%">{scale.text(t)}</span>' for t in y_ticks
    )
    x_labels = "".join(
        f'<span style="left:{100 * float(across(t)):.1f}%">'
        f"{short(10**t if axis in POWERS else t)}</span>"
        for t in x_ticks
    )
    name, text = f"c{uuid.uuid4().hex[:10]}", [described(title, s, axis, scale) for s in series]
    return (
        f'<div class="plot"><div class="ylabels" aria-hidden="true">{y_labels}</div>'
        f'<svg viewBox="0 0 {_SIDE} {_SIDE}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{name}t {name}d"><title id="{name}t">{escaped(title)}</title>'
        f'<desc id="{name}d">{escaped(" ".join(text))}</desc>'
        f'<path class="grid" d="{grid}"/><g class="lines">{drawn}</g></svg>'
        f'<div class="xlabels" aria-hidden="true">{x_labels}</div>'
        f'<div class="xname" aria-hidden="true">{escaped(_NAMES.get(axis, axis))}</div></div>'
    )


def _drawn(series: Series, axis: str, across, up) -> str:
    xs, style = _SIDE * across(series.x[axis]), colours(series)
    band = ""
    if series.low is not None and series.high is not None:
        lows, highs = (_SIDE * (1 - up(v)) for v in (series.low, series.high))
        seen = np.isfinite(lows) & np.isfinite(highs)
        there = [f"{x:.0f} {y:.0f}" for x, y in zip(xs[seen], highs[seen], strict=True)]
        back = [f"{x:.0f} {y:.0f}" for x, y in zip(xs[seen][::-1], lows[seen][::-1], strict=True)]
        if there:
            band = f'<path class="band" style="{style}" d="M{"L".join([*there, *back])}Z"/>'
    ys = _SIDE * (1 - up(series.y))
    kind = "line dot" if np.isfinite(ys).sum() == 1 else "line"
    return f'{band}<path class="{kind}" style="{style}" d="{_path(xs, ys)}"/>'


def _path(xs: np.ndarray, ys: np.ndarray) -> str:
    """A line through points, broken where there is none; a point alone is a dot."""
    pieces, last = [], ""
    for x, y in zip(xs, ys, strict=True):
        last = "" if not np.isfinite(y) else "L" if last else "M"
        if last:
            pieces.append(f"{last}{x:.0f} {y:.0f}")
    return "".join(pieces) + ("h0" if len(pieces) == 1 else "")


def colours(series: Series) -> str:
    """Colour and dash of a series, as a style."""
    dash = DASHES[series.dash % len(DASHES)]
    style = f"--c:var(--series-{series.colour % NUM_COLOURS + 1})"
    return f"{style};stroke-dasharray:{dash}" if dash else style


def short(value: float) -> str:
    """A number as an axis has room for it: 1.5M for 1,500,000."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def _legend(series: Sequence[Series]) -> str:
    if len(series) == 1 and series[0].low is None:
        return ""
    keys = "".join(
        f'<button type="button" aria-pressed="true" data-series="{i}">{key(s)}{escaped(s.name)}'
        "</button>"
        for i, s in enumerate(series)
    )
    return f'<div class="legend" role="group" aria-label="Lines shown">{keys}</div>'


def key(series: Series) -> str:
    """A piece of a series' line, for a legend."""
    return (
        '<svg class="key" viewBox="0 0 26 8" aria-hidden="true">'
        f'<path class="line" style="{colours(series)}" d="M1 4H25"/></svg>'
    )


def _data_table(title: str, series: Sequence[Series], axis: str, scale: Scale) -> str:
    rows, longest = [], max(series, key=lambda s: len(s.y))
    grid = longest.x[axis]
    picked = np.unique(np.linspace(0, len(grid) - 1, MOST_ROWS).astype(int))
    for x in grid[picked]:
        row = [short(10 ** float(x)) if axis in POWERS else number(float(x), 6)]
        for s in series:
            seen = np.isfinite(s.y)
            i = int(np.argmin(np.abs(s.x[axis][seen] - x)))
            row.append(scale.text(float(s.y[seen][i])))
        rows.append(row)
    head = [_NAMES.get(axis, axis), *(escaped(s.name) for s in series)]
    more = len(grid) > len(picked)
    caption = f"{title}{f': {len(picked)} of {len(grid)} points' if more else ''}"
    return folded("The numbers", table(head, rows, caption=caption))


def _data(series: Sequence[Series], scale: Scale) -> str:
    """What the script draws from."""
    content = {
        "axes": {name: _NAMES.get(name, name) for name in series[0].x},
        "powers": next(iter(series[0].x)) in POWERS,
        "y": [scale.low, scale.high],
        "share": scale.is_share,
        "series": [
            {
                "name": s.name,
                "style": colours(s),
                "x": {name: _numbers(values, 6) for name, values in s.x.items()},
                **{
                    n: _numbers(v, 4)
                    for n in ("y", "low", "high")
                    if (v := getattr(s, n)) is not None
                },
            }
            for s in series
        ],
    }
    return f'<script type="application/json">{script_safe(content)}</script>'


def script_safe(content: object) -> str:
    """Data as JSON that cannot end the `script` it stands in."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _numbers(values: np.ndarray, digits: int) -> list[float | int | None]:
    shown = [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in np.asarray(values)]
    return [int(v) if v is not None and v.is_integer() else v for v in shown]
