"""How the best stored level came about: from a generated level, one edit after another."""

import jax
import numpy as np
from jaxtyping import Bool

from .._folder._family import Family
from .._folder._level_arrays import unpacked
from ._gallery import record_of
from ._html import number, picture
from ._level_pictures import metrics_of, pictures_of, short_name, title_of
from ._run import Run
from ._section import Section

# Of a longer line the first and the last are shown, and some in between.
MOST_SHOWN = 24
# Pixels that differ and are that near to each other are marked together.
_NEAR = 2


def section(run: Run) -> Section | None:
    """The line of the best level of the last look that has ancestors; None if none has."""
    record = record_of(run)
    family = record.family
    if not len(family) or not record.looks or "fingerprints" not in record.looks[-1].known:
        return None
    best = record.looks[-1].known["fingerprints"]
    lines = [(rank, family.line_of(int(print_))) for rank, print_ in enumerate(best)]
    rank, line = max(lines, key=lambda found: (len(found[1]) > 1, -found[0]))
    if len(line) < 2:
        return None
    shown = np.linspace(0, len(line) - 1, min(len(line), MOST_SHOWN)).round().astype(int)
    pictures = pictures_of(run.experiment.env, [a[line] for a in family.levels])
    if pictures is None:
        return None
    metrics = _metrics(run, family, line)
    steps, before = [], None
    for place in shown.tolist():
        name = short_name(family.fingerprints[line[place]])
        when = f"cycle {number(int(family.cycles[line[place]]))}"
        told = _told(metrics, place, before)
        steps.append(_step(pictures, place, before, (name, told, when)))
        before = place
    ends = _how_it_begins(family, line)
    which = "with the highest score" if rank == 0 else f"in place {rank + 1} by score"
    name = short_name(int(best[rank]))
    text = (
        f"<p>The stored level {which}, <code>{name}</code>, was edited {_times(len(line) - 1)} on "
        f"its way from the level on the left. What each edit changed is marked.</p>"
        f'<p class="note">{ends} Below each picture is when the level was first seen in the '
        "buffer.</p>"
    )
    return Section("Lineage", "lineage", f'{text}<ol class="descent">{"".join(steps)}</ol>')


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _how_it_begins(family: Family, line: list[int]) -> str:
    num_before = int(family.num_mutations[line[0]])
    if int(family.parents[line[0]]) == 0:
        return "The first level was generated."
    return (
        f"The line breaks off on the left: the first level shown was itself edited "
        f"{_times(num_before)}, and its parent came and went between two looks at the buffer."
    )


def _metrics(run: Run, family: Family, line: list[int]) -> dict[str, np.ndarray]:
    env = run.experiment.env
    levels = unpacked([array[line] for array in family.levels], env.level_spec())
    return metrics_of(env, jax.tree.map(jax.numpy.asarray, levels))


def _told(metrics: dict[str, np.ndarray], place: int, before: int | None) -> str:
    """What the environment measures of a level where it differs from the one before."""
    told = []
    for name, values in metrics.items():
        title = title_of(name)
        now, then = float(values[place]), None if before is None else float(values[before])
        if name == "passable":
            told += (
                []
                if now == then or (then is None and now == 1)
                else ["can be solved" if now else "cannot be solved"]
            )
        elif then is None:
            told.append(f"{title} {number(now)}")
        elif now != then:
            told.append(f"{title} {number(then)} \N{RIGHTWARDS ARROW} {number(now)}")
    return "; ".join(told)


def _step(
    pictures: list[np.ndarray],
    place: int,
    before: int | None,
    words: tuple[str, str, str],  # its name, what is told of it, and when it came
) -> str:
    name, told, when = words
    image, marks, gap = pictures[place], "", ""
    alt = f"Level {name}, {place} edits after the first. {told}"
    if before is not None and pictures[before].shape == image.shape:
        marks = _marks(np.any(pictures[before] != image, axis=-1))
    if before is not None and place - before > 1:
        gap = f'<li class="gap">{place - before - 1} more</li>'
    return (
        f'{gap}<li><div class="level">{picture(image, alt)}{marks}</div>'
        f'<p>{told or "no measure changed"}</p><p class="note">{when}</p></li>'
    )


def _marks(differs: Bool[np.ndarray, "rows columns"]) -> str:
    """Boxes around what differs, as an SVG to be laid over the picture."""
    from scipy import ndimage

    near = ndimage.binary_dilation(differs, iterations=_NEAR)
    places, _ = ndimage.label(near)  # pyright: ignore[reportGeneralTypeIssues]
    rows, columns = differs.shape
    boxes = "".join(
        f'<rect x="{x.start}" y="{y.start}" width="{x.stop - x.start}" '
        f'height="{y.stop - y.start}"/>'
        for y, x in ndimage.find_objects(places)
    )
    return f'<svg viewBox="0 0 {columns} {rows}" aria-hidden="true">{boxes}</svg>'
