"""Levels of the kind that students train on."""

from ..envs._pictures import unstack
from ..evaluation._shown import shown_levels
from ._html import picture
from ._run import Run
from ._section import Section


def section(run: Run) -> Section | None:
    """Some levels that the curriculum would propose now."""
    title, anchor = "Levels it trains on", "levels"
    artist = run.experiment.env.artist()
    if artist is None:
        text = "<p>This environment has no artist who could draw its levels.</p>"
        return Section(title, anchor, text, in_menu=False)
    if run.runner is None:
        return None
    levels = unstack(shown_levels(run.experiment, run.runner))
    pictures = [
        f"<li>{picture(artist.draw_level(level), f'Level {i} of {len(levels)}')}</li>"
        for i, level in enumerate(levels, 1)
    ]
    text = "<p>What the curriculum would propose now.</p>"
    return Section(title, anchor, f'{text}<ul class="pictures">{"".join(pictures)}</ul>')
