"""What pages say to users of other programs: each option of ours in their tables is understood."""

import pathlib
import re

import pytest

from minimax_eqx.cli.commands._train import main

FOLDER = pathlib.Path(__file__).parent.parent / "docs" / "coming_from"
# An option belongs to one of these; those of a teacher to the last.
RECIPES = ("maze-accel", "maze-paired-cloning")
_OPTIONS = re.compile(r"^\| `[^|]*\| `(--[^`]*)` \|", re.MULTILINE)


def is_understood(words, recipe):
    try:
        return main([recipe, *words, "--print-config"]) == 0
    except ValueError:
        return False


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.stem)
def test_options_beside_the_flags_of_another_program_exist(page):
    found = _OPTIONS.findall(page.read_text(encoding="utf-8"))
    assert len(found) > 30
    wrong = [w for w in found if not any(is_understood(w.split(), r) for r in RECIPES)]
    assert not wrong
