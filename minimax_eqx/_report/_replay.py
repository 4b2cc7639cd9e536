"""Which stored levels are replayed, how often, and why."""

import math
from collections.abc import Sequence

import jax
import numpy as np

from .._folder._record import Look, as_64_bits, spread_of
from ..curricula._stored import StoredLevels
from ..runners._looking import stored_levels
from ._chart import Series, curves, script_safe
from ._gallery import record_of, spread_out
from ._html import escaped, number, percent, table
from ._level_pictures import short_name
from ._run import Run
from ._section import Section

# Rows that stand in the page itself; the script shows the others.
FIRST_ROWS = 20
MOST_ROWS = 10_000
# So many looks are drawn, since one has to tell the lines from each other.
_LINES = 4
_AXIS = "levels, the likeliest first"
_COLUMNS = {
    "chances": "replayed",
    "by_score": "by score",
    "by_age": "by age",
    "scores": "score",
    "ages": "age",
    "num_plays": "plays",
    "success_rates": "solved",
    "num_mutations": "edits",
}
# So many times an even share of all replays.
OFTEN = 5
_SHARES = ("chances", "by_score", "by_age", "success_rates")


def section(run: Run) -> Section | None:
    """How chances are spread over the stored levels, and a table of all of them."""
    stored = None if run.runner is None else jax.device_get(stored_levels(run.runner))
    if stored is None or not np.any(stored.filled):
        return None
    spread = _spread(stored, record_of(run).looks)
    return Section("Replay", "replay", spread + _table(stored))


def _spread(stored: StoredLevels, looks: Sequence[Look]) -> str:
    chances = np.asarray(stored.chances)[np.asarray(stored.filled)]
    ranks, shares, num_half, entropy = spread_of(chances)
    first = (
        f"<p>{_how_many(num_half)} of all replays, out of {number(len(chances))} stored levels. "
        f"The likeliest level has {percent(float(chances.max()))}. The chances are as uneven as if "
        f"{number(round(math.exp(entropy)))} levels shared all replays equally (their entropy is "
        f"{entropy:.2f} nats; {math.log(len(chances)):.2f} would be all alike).</p>"
    )
    needed = 0 if stored.needed is None else int(stored.needed)
    if len(chances) < needed:
        first = (
            f"<p>Nothing is replayed yet: {number(len(chances))} levels are stored, and there must "
            f"be {number(needed)}.</p>{first}"
        )
    lines = [Series("now", {_AXIS: np.array(ranks, float)}, np.array(shares))]
    earlier = [look for look in spread_out(list(looks)) if look.ranks][:-1]
    for i, look in enumerate(earlier[:: max(1, -(-len(earlier) // (_LINES - 1)))], 1):
        name = f"after {number(look.updates)} updates"
        x = {_AXIS: np.array(look.ranks, float)}
        lines.append(Series(name, x, np.array(look.shares), colour=i, dash=i))
    chart = curves("Share of all replays that the likeliest levels have", lines, is_share=True)
    note = (
        '<p class="note">A line that rises at once says that few levels are played again and '
        "again; a straight one says that all are alike.</p>"
    )
    return first + chart + note


def _how_many(count: int) -> str:
    return "One level has half" if count == 1 else f"{number(count)} levels have half"


def _table(stored: StoredLevels) -> str:
    filled = np.flatnonzero(stored.filled)
    order = filled[np.argsort(-np.asarray(stored.chances)[filled], kind="stable")][:MOST_ROWS]
    names = [n for n in _COLUMNS if getattr(stored, n) is not None]
    columns = {name: np.asarray(getattr(stored, name))[order] for name in names}
    reasons = why(stored, order)
    prints = [short_name(p) for p in as_64_bits(np.asarray(stored.fingerprints)[order])]
    rows = [
        [
            f"<code>{prints[i]}</code>",
            *(_text(name, float(columns[name][i])) for name in names),
            escaped(reasons[i]),
        ]
        for i in range(min(FIRST_ROWS, len(order)))
    ]
    head = ["level", *(_COLUMNS[name] for name in names), "why"]
    caption = f"{number(len(order))} stored levels, the likeliest to be replayed first"
    shown = table(head, rows, caption=caption, kind="levels", align="l" + "r" * len(names) + "l")
    kinds = sorted(set(reasons), key=reasons.index)
    content = {
        "names": prints,
        "shares": [name in _SHARES for name in names],
        "columns": [_short(columns[name]) for name in names],
        "whys": kinds,
        "why": [kinds.index(reason) for reason in reasons],
    }
    return (
        f"<h3>All stored levels</h3>{_explanation(stored)}"
        f'<div class="all-levels">{shown}<p class="controls" hidden><button type="button">Show '
        'more</button> <span class="note" aria-live="polite"></span></p>'
        f'<script type="application/json">{script_safe(content)}</script></div>'
    )


def _explanation(stored: StoredLevels) -> str:
    if stored.by_age is None or stored.by_score is None:
        return "<p>Replayed is a level's chance to be the next one that is drawn.</p>"
    score, age = float(np.sum(stored.by_score)), float(np.sum(stored.by_age))
    rest = 1 - score - age
    alike = f", and {percent(rest)} goes to all alike" if rest > 1e-6 else ""
    return (
        f"<p>A level is drawn for its score or for its age: now {percent(score)} of all chance "
        f"goes by score and {percent(age)} by how long ago a level was drawn{alike}. The two "
        "columns say what each level has of either.</p>"
    )


def why(stored: StoredLevels, slots: np.ndarray) -> list[str]:
    """For each of some slots why its level is replayed, or why it hardly is, in a few words."""
    filled = np.asarray(stored.filled)
    count = int(filled.sum())
    if stored.needed is not None and count < int(stored.needed):
        return ["not yet: too few levels are stored"] * len(slots)
    chances = np.asarray(stored.chances)[slots]
    zeros = np.zeros_like(chances)
    by_score = chances if stored.by_score is None else np.asarray(stored.by_score)[slots]
    by_age = zeros if stored.by_age is None else np.asarray(stored.by_age)[slots]
    even = 1 / count
    scores = np.where(filled, zeros[:1] if stored.scores is None else stored.scores, -np.inf)
    places = np.empty(len(filled), int)
    places[np.argsort(-scores, kind="stable")] = np.arange(1, len(filled) + 1)
    told = []
    for i, slot in enumerate(slots):
        rank = places[slot]
        tenth = "top tenth" if rank <= max(1, count // 10) else "top half"
        low = "its score is low" if rank > count / 2 else "others have higher scores"
        if chances[i] <= 0:
            told.append("never: its score has no weight, and it was just drawn")
        elif np.isclose(chances[i], even, rtol=1e-3):
            told.append("as often as any other")
        elif chances[i] > even and by_score[i] >= by_age[i]:
            often = "often" if chances[i] > OFTEN * even else "more than most"
            told.append(f"{often}: its score is in the {tenth}")
        elif chances[i] > even:
            told.append("more than most: it was not drawn for long")
        elif by_age[i] > 0.5 * float(np.max(by_age, initial=0)):
            told.append(f"seldom, and only for its age: {low}")
        else:
            told.append(f"seldom: {low}, and it was drawn lately")
    return told


def _text(name: str, value: float) -> str:
    if name == "success_rates" and value < 0:
        return number(None)
    return _share(value) if name in _SHARES else number(value)


def _share(value: float) -> str:
    """A share in percent, with enough digits where it is small."""
    return percent(value) if value >= 0.01 or value == 0 else f"{100 * value:.1g} %"


def _short(values: np.ndarray) -> list[float | int | None]:
    numbers = [float(f"{v:.4g}") if np.isfinite(v) else None for v in values.astype(float)]
    return [int(v) if v is not None and v.is_integer() else v for v in numbers]
