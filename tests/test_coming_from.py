"""What pages say to users of other programs: each option of ours in their tables is understood."""

import pathlib
import re

import pytest

from minimax_eqx._composition._draft import draft_of, made
from minimax_eqx._composition._parts import Parts
from minimax_eqx.cli._recipes import recipe_named
from minimax_eqx.cli._suites import with_mazes_by_name
from minimax_eqx.cli._words import apply, given_in_words
from minimax_eqx.cli.commands._train import Train

FOLDER = pathlib.Path(__file__).parent.parent / "docs" / "coming_from"
# An option belongs to one of these; those of a teacher to the last.
RECIPES = [recipe_named(name) for name in ("maze-accel", "maze-paired-cloning")]
_OPTIONS = re.compile(r"^\| `[^|]*\| `(--[^`]*)` \|", re.MULTILINE)


def is_understood(words, recipe):
    draft, given = draft_of(recipe), given_in_words(words)
    try:
        apply([draft_of(Train()), draft], with_mazes_by_name(given, Parts()), Parts())
        made(draft)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.stem)
def test_options_beside_the_flags_of_another_program_exist(page):
    found = _OPTIONS.findall(page.read_text(encoding="utf-8"))
    assert len(found) > 30
    wrong = [w for w in found if not any(is_understood(w.split(), r) for r in RECIPES)]
    assert not wrong
