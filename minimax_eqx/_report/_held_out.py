"""What the students can do on levels that nobody trained them on."""

import math
from collections.abc import Sequence

import numpy as np

from .._folder._results import all_results
from ._html import escaped, number, percent, picture, table
from ._results import Result, results_of
from ._run import UNSEEN, Run
from ._section import Section
from ._walks import Walks, walks_of


def section(run: Run) -> Section | None:
    """The newest evaluation, test by test, and where the agent walks in each."""
    results = results_of(run.evaluation)
    if run.evaluation is None or not results:
        return None
    walks = walks_of(run)
    cards = [_card(result, walks[result.name]) for result in results if result.name in walks]
    text = ""
    if any(walk.places is not None for walk in walks.values()):
        text = (
            f'<p class="note">Colour shows where the agent was in {_num_episodes(walks)} episodes, '
            "the line is the way of one of them, and crosses are where episodes ended without "
            "success.</p>"
        )
    grid = f'{text}<ul class="walks">{"".join(cards)}</ul>' if cards else ""
    return Section("Evaluation", "evaluation", grid + _table(run, results))


def _num_episodes(walks: dict[str, Walks]) -> int:
    return max(len(walk.places) for walk in walks.values() if walk.places is not None)


def _card(result: Result, walk: Walks) -> str:
    caption = (
        f'<span class="name">{escaped(result.title)}</span> {_interval_of(result)}'
        f'<span class="rate">{percent(result.success)}</span>'
    )
    return f"<li><figure>{_drawn(result, walk)}<figcaption>{caption}</figcaption></figure></li>"


def _drawn(result: Result, walk: Walks) -> str:
    what = f"A level of {result.title}."
    if walk.places is None or walk.lengths is None:
        return f'<div class="walk">{picture(walk.picture, what)}</div>'
    overlay, told = _overlay(walk)
    return f'<div class="walk">{picture(walk.picture, f"{what} {told}")}{overlay}</div>'


def _overlay(walk: Walks) -> tuple[str, str]:
    """Visits, the way of one episode and the ends of those that failed, as an SVG over the picture;
    and the same in words."""
    assert walk.places is not None
    assert walk.lengths is not None
    rows, columns = walk.picture.shape[:2]
    side = _smallest_step(walk.places) * columns
    own = [
        places[: length + 1] * (columns, rows)
        for places, length in zip(walk.places, walk.lengths, strict=True)
    ]
    cells, counts = np.unique(np.concatenate(own).round(1), axis=0, return_counts=True)
    # Some stand still for hundreds of steps, so what counts is the order of magnitude.
    strengths = np.log1p(counts) / np.log1p(counts.max())
    visits = "".join(
        f'<rect x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" '
        f'height="{side:.1f}" opacity="{0.12 + 0.6 * strength:.2f}"/>'
        for (x, y), strength in zip(cells, strengths, strict=True)
    )
    solved = None if walk.successes is None else np.asarray(walk.successes, bool)
    shown = 0 if solved is None or not solved.any() else int(np.argmax(solved))
    way = own[shown][np.r_[True, np.any(np.diff(own[shown], axis=0) != 0, axis=1)]]
    line = "L".join(f"{x:.0f} {y:.0f}" for x, y in way)
    failed = (
        [] if solved is None else [w[-1] for w, good in zip(own, solved, strict=True) if not good]
    )
    half = side * 0.3
    crosses = "".join(
        f"M{x - half:.0f} {y - half:.0f}l{2 * half:.0f} {2 * half:.0f}"
        f"m0 {-2 * half:.0f}l{-2 * half:.0f} {2 * half:.0f}"
        for x, y in failed
    )
    reached = len(own) - len(failed)
    told = f"The agent visited {len(cells)} places in {len(own)} episodes"
    told += "." if solved is None else f", and {reached} of them ended with success."
    drawing = (
        f'<svg viewBox="0 0 {columns} {rows}" aria-hidden="true"><g class="visits">{visits}</g>'
        f'<path class="way" d="M{line}"/><path class="failed-at" d="{crosses}"/></svg>'
    )
    return drawing, told


def _smallest_step(places: np.ndarray) -> float:
    """The width of a cell, which is the smallest step to the side, as a share of the picture."""
    steps = np.abs(np.diff(np.unique(places[..., 0].round(4))))
    return float(steps.min()) if len(steps) else 1 / 14


def _interval_of(result: Result) -> str:
    if not math.isfinite(result.success):
        return ""
    between = f"{percent(result.low)} to {percent(result.high)}"
    told = f"{percent(result.success)}, 95 % interval {between}"
    return interval(result.success, result.low, result.high, told)


def interval(point: float, low: float, high: float, told: str) -> str:
    """A share as a point on an axis from 0 to 1, with a line around it; `told` says the same."""
    left, middle, right = (f"{2 + 96 * v:.1f}" for v in (low, point, high))
    return (
        f'<svg class="interval" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" '
        f'aria-label="{escaped(told)}"><path class="axis" d="M2 6H98"/>'
        f'<path class="range" d="M{left} 6H{right}"/><path class="point" d="M{middle} 6h0"/></svg>'
    )


def _table(run: Run, results: Sequence[Result]) -> str:
    with_regret = any(math.isfinite(result.regret) for result in results)
    head = ["levels", "success", "95 % interval", "", "return", "steps", "episodes"]
    rows = []
    for r in results:
        between = f"{percent(r.low)} to {percent(r.high)}" if math.isfinite(r.low) else ""
        cells = [escaped(r.title), percent(r.success), between, _interval_of(r)]
        cells += [number(r.mean_return), number(round(r.steps)), number(r.num_episodes)]
        rows.append(cells + ([number(r.regret)] if with_regret else []))
    updates = run.evaluation["updates"] if run.evaluation else 0
    each = ", of each student" if results[0].num_students > 1 else ""
    caption = f"After {updates:,} updates{each}"
    if with_regret:
        head.append("regret")
    align = "lrrl" + "r" * (len(head) - 4)
    note = (
        '<p class="note">An interval says how well these episodes measure this student; other '
        "seeds may differ by more.</p>"
    )
    return table(head, rows, caption=caption, align=align) + note + _met_in_training(run)


def _met_in_training(run: Run) -> str:
    """Which levels of tests the students were trained on, if the evaluation could tell."""
    evaluation = run.evaluation or {}
    known = evaluation.get("compared_with_training") or {}
    counts = {n: r.get("seen_in_training") for n, r in all_results(evaluation).items()}
    counts = {n: count for n, count in counts.items() if count is not None and n != UNSEEN}
    if not known or not counts:
        return ""
    where = ", ".join(f"{count:,} of its {name}" for name, count in known.items())
    met = {name: count for name, count in counts.items() if count}
    told = ", ".join(f"{count} of {name}" for name, count in met.items()) or "none"
    return (
        f'<p class="{"failed" if met else "note"}">Of the levels of {len(counts)} tests that could '
        f"be compared with those that training knows ({escaped(where)}), it has met "
        f"{escaped(told)}.</p>"
    )
