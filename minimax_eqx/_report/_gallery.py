"""The curriculum's best levels at several moments of training."""

import numpy as np

from .._files import FolderError
from .._folder._record import Look, Record
from ._html import escaped, number, picture
from ._level_pictures import facts, mean_metrics, pictures_of, short_name
from ._run import Run
from ._section import Section

# However often a run was made longer.
MOST_LOOKS = 12


def record_of(run: Run) -> Record:
    """What was recorded of the curriculum of a run; nothing if that cannot be read."""
    try:
        return run.folder.record()
    except FolderError:
        return Record()


def section(run: Run) -> Section | None:
    """For each look at the curriculum a row of levels, with what is known of them."""
    looks = spread_out(record_of(run).looks)
    if not looks:
        return None
    rows = "".join(_row(run, look) for look in looks)
    return Section("Curriculum", "curriculum", f"{_introduction(looks)}{rows}")


def spread_out(looks: list[Look]) -> list[Look]:
    """At most `MOST_LOOKS` of them, the first and the last among these."""
    places = np.linspace(0, len(looks) - 1, min(len(looks), MOST_LOOKS)).round().astype(int)
    return [looks[place] for place in places]


def _introduction(looks: list[Look]) -> str:
    if looks[-1].num_stored is None:
        return (
            "<p>This curriculum stores no levels, so each row shows some that it would have "
            "proposed at that moment of training.</p>"
        )
    known = looks[-1].known
    meanings = {
        "scores": "The score says how useful the level looked for learning when it was played "
        "last.",
        "chances": "Replay is its chance to be the next one that is drawn.",
        "success_rates": "Solved is how often students reached the aim when it was played last.",
        "num_plays": "Plays counts from when it came in.",
        "ages": "The age is how many draws ago it was drawn.",
        "num_mutations": "Edits is how many times a generated level was edited to become this one.",
    }
    what = "highest scores" if "scores" in known else "highest chances"
    told = " ".join(text for name, text in meanings.items() if name in known)
    return (
        f"<p>Each row is one moment of training, with the stored levels that had the {what}, the "
        f'best first.</p><p class="note">{told}</p>'
    )


def _row(run: Run, look: Look) -> str:
    when = f"After {number(look.updates)} updates"
    told = f"{number(look.env_steps)} environment steps"
    if look.num_stored is not None:
        told += f", {number(look.num_stored)} levels stored"
        if look.needed is not None and look.num_stored < look.needed:
            told += f"; none is replayed before there are {number(look.needed)}"
    measured = mean_metrics(run.experiment.env, look.levels)
    if measured:
        told += f"; on average {measured}"
    pictures = pictures_of(run.experiment.env, look.levels) or [None] * look.size
    cards = "".join(_card(look, i, image) for i, image in enumerate(pictures))
    label = f"Levels {when[0].lower()}{when[1:]}"
    return (
        f'<h3>{when} <span class="note">{told}</span></h3>'
        f'<ol class="strip" tabindex="0" aria-label="{escaped(label)}">{cards}</ol>'
    )


def _card(look: Look, i: int, image: np.ndarray | None) -> str:
    told = facts(look.known, i)
    name = f"Level {i + 1}"
    if "fingerprints" in look.known:
        name = f"Level {short_name(look.known['fingerprints'][i])}"
    text = ", ".join(f"{title} {value}" for title, value in told)
    drawn = picture(image, f"{name}: {text}" if text else name) if image is not None else ""
    title = f'<p class="note">{name}</p>' if image is None else ""
    lines = "".join(f"<dt>{title}</dt><dd>{value}</dd>" for title, value in told)
    return f"<li>{title}{drawn}<dl>{lines}</dl></li>"
