"""The rooms of the package: which may import which."""

import ast
import graphlib
import inspect
import pathlib

import pytest

import minimax_eqx
from minimax_eqx.curricula import LevelReplay

ROOT = pathlib.Path(minimax_eqx.__file__).parent
# Each imports from those before it, and from the modules that belong to no room.
ROOMS = (
    "_xla",
    "statistics",
    "envs",
    "nets",
    "agents",
    "rollouts",
    "scores",
    "curricula",
    "runners",
    "evaluation",
    "_composition",
    "_folder",
    "_report",
    "experiment",
    "recipes",
    "cli",
)
# What stands above all rooms: the package itself, and what `python -m minimax_eqx` runs.
ABOVE = ("__init__", "__main__")
# The stub of a package says what it shows.
FILES = {
    file.relative_to(ROOT).with_suffix("").parts: file
    for kind in ("*.py", "*.pyi")
    for file in sorted(ROOT.rglob(kind))
}


def imported(place, file, *, at_once=False):
    """The modules of the package that a module imports; `at_once` leaves out what it imports in a
    function, or for type checkers alone."""
    for statement in statements(ast.parse(file.read_text()), at_once):
        if isinstance(statement, ast.ImportFrom) and statement.level > 0:
            base = place[: len(place) - statement.level]
            base += tuple((statement.module or "").split(".")) if statement.module else ()
            for alias in statement.names:
                found = as_file((*base, alias.name)) or as_file(base)
                assert found is not None, f"{place} imports {alias.name} of {base}"
                if found not in (place, ("__init__",)):
                    yield found


def statements(node, at_once):
    for child in ast.iter_child_nodes(node):
        for_checkers = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if not at_once or not (for_checkers or isinstance(child, ast.FunctionDef)):
            yield child
            yield from statements(child, at_once)


def as_file(place):
    """The place of the file that a module is in; None if there is none."""
    return next((own for own in (place, (*place, "__init__")) if own in FILES), None)


IMPORTS = {place: set(imported(place, file)) for place, file in FILES.items()}


def level_of(place):
    """How high a module stands: those of no room at the bottom."""
    room = place[0]
    if place in ((name,) for name in ABOVE):
        return len(ROOMS)
    return ROOMS.index(room) if room in ROOMS else -1


def test_every_folder_is_a_room_and_every_module_without_one_is_private():
    folders = {place[0] for place in FILES if len(place) > 1}
    assert folders <= set(ROOMS)
    assert all(place[0].startswith("_") for place in FILES if len(place) == 1)


@pytest.mark.parametrize("place", FILES, ids="/".join)
def test_a_module_imports_from_rooms_below_its_own(place):
    too_high = [other for other in IMPORTS[place] if level_of(other) > level_of(place)]
    assert not too_high, f"{'/'.join(place)} imports from above: {too_high}."


def test_no_modules_import_each_other_in_a_circle():
    """Nor does a module import from the face of its own room."""
    loaded = {place: set(imported(place, file, at_once=True)) for place, file in FILES.items()}
    graphlib.TopologicalSorter(loaded).prepare()


def test_the_imports_were_found():
    place = ("curricula", "_level_replay")
    assert {("_types",), ("envs", "__init__"), ("curricula", "_stock")} <= IMPORTS[place]
    assert len(FILES) > 100


def test_level_replay_is_put_together_of_parts():
    assert len(inspect.getsourcelines(LevelReplay)[0]) < 120
