"""Levels of the kind that students train on."""

import jax

from .._xla._compile import quick_jit
from ..envs._pictures import unstack
from ._html import picture
from ._run import Run
from ._section import Section

LEVELS_SHOWN = 8
# A stream of random numbers of its own: the report changes nothing about a run.
REPORT_STREAM = 1_000_099


def section(run: Run) -> Section | None:
    """Some levels that the curriculum would propose now."""
    title, anchor = "Levels it trains on", "levels"
    artist = run.experiment.env.artist()
    if artist is None:
        text = "<p>This environment has no artist who could draw its levels.</p>"
        return Section(title, anchor, text, in_menu=False)
    if run.runner is None:
        return None
    key = jax.random.fold_in(jax.random.key(run.experiment.seed), REPORT_STREAM)
    proposal = _propose(run.experiment.curriculum, run.runner.curriculum_state, key)
    levels = unstack(jax.tree.map(lambda leaf: leaf[:LEVELS_SHOWN], proposal.levels))
    pictures = [
        f"<li>{picture(artist.draw_level(level), f'Level {i} of {len(levels)}')}</li>"
        for i, level in enumerate(levels, 1)
    ]
    text = "<p>What the curriculum would propose now.</p>"
    return Section(title, anchor, f'{text}<ul class="pictures">{"".join(pictures)}</ul>')


@quick_jit
def _propose(curriculum, state, key):
    return curriculum.propose(state, key=key)[1]
