"""What the package shows of itself, and what it imports when."""

import ast
import importlib
import inspect
import json
import pathlib
import re
import subprocess
import sys

import pytest

import minimax_eqx
from minimax_eqx._composition._parts import Parts, fields_of
from minimax_eqx._typecheck import modules_to_check

ROOT = pathlib.Path(minimax_eqx.__file__).parent
ROOMS = (
    *("agents", "curricula", "envs", "evaluation", "experiment", "nets", "recipes", "rollouts"),
    *("runners", "scores", "statistics"),
)
# Packages that show something: the stub says what.
STUBS = {
    ".".join(["minimax_eqx", *file.parent.relative_to(ROOT).parts]): file
    for file in ROOT.rglob("__init__.pyi")
}
# Nobody writes them down: a design makes its editor and blanks, a suite joins mazes, a generator
# becomes a source, and where there is no mutator nothing is edited.
MADE_BY_OTHERS = {"MazeEditor", "Blanks", "JointMaze", "Sampled", "NoEdit"}
CORE = {"jax", "equinox", "optax", "jaxtyping", "beartype", "minimax_eqx"}
# Those of the extra `cli`, and what else a user may have.
OTHERS = {"tyro", "rich", "matplotlib", "PIL", "minigrid", "hypothesis", "pandas", "torch"}


def declared(stub):
    """The names that a stub takes from the package's modules for its users."""
    return {
        alias.asname
        for statement in ast.parse(stub.read_text()).body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.asname is not None
    }


@pytest.mark.parametrize("package", STUBS)
def test_a_package_shows_what_its_stub_declares_and_nothing_else(package):
    module = importlib.import_module(package)
    assert dir(module) == sorted(module.__all__) == sorted(declared(STUBS[package]))
    assert not any(name.startswith("_") for name in module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'"):
        module.nothing  # noqa: B018 - this is what raises


def test_each_name_is_public_in_one_place():
    shown = [
        (name, getattr(module, name))
        for module in map(importlib.import_module, STUBS)
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
    ]
    twice = {name for name, value in shown if sum(value is other for _, other in shown) > 1}
    assert not twice


def parts_of_an_experiment():
    """All parts that one may hold, and those that stand in a field by default."""
    found, defaults, to_do = {}, set(), [minimax_eqx.Experiment]
    while to_do:
        cls = to_do.pop()
        for field in fields_of(cls):
            defaults.add(type(field.default))
            for part in Parts().of(field.kinds).values():
                if part not in found:
                    found[part] = None
                    to_do.append(part)
    return found, defaults


def test_a_part_that_you_would_write_down_has_a_public_name():
    """You leave out a part that stands there by default and has no fields."""
    parts, defaults = parts_of_an_experiment()
    shown = {
        getattr(module, name)
        for module in map(importlib.import_module, STUBS)
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
    }
    hidden = {
        part.__name__
        for part in parts
        if part not in shown
        and not (part in defaults and not fields_of(part))
        and ".adapters." not in part.__module__  # each has a door of its own
    }
    assert hidden == MADE_BY_OTHERS


def test_the_rooms_are_attributes_of_the_package():
    assert all(getattr(minimax_eqx, room).__name__ == f"minimax_eqx.{room}" for room in ROOMS)


def in_a_new_process(code):
    """The modules that are imported after the code has run in a Python of its own."""
    code += "\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    return set(json.loads(output))


def test_importing_the_package_does_not_import_jax_and_using_a_room_does():
    code = "import minimax_eqx, minimax_eqx.cli"
    assert "jax" not in in_a_new_process(code)
    assert "jax" in in_a_new_process(f"{code}\nminimax_eqx.envs.Maze")


def test_a_part_is_imported_without_those_beside_it():
    loaded = in_a_new_process("from minimax_eqx.scores import MaxMC")
    assert "minimax_eqx.scores._max_mc" in loaded
    assert not loaded & {"minimax_eqx.scores._traced", "minimax_eqx.curricula._level_replay"}


def test_all_parts_need_no_packages_but_the_core():
    """Nor do they need a package whose world is adapted, until such a world is made."""
    loaded = in_a_new_process(
        "from minimax_eqx._composition._parts import Parts\n"
        "from minimax_eqx.scores import AbstractScore\n"
        "assert len(Parts().of((AbstractScore,))) > 20"
    )
    packages = {name.split(".")[0] for name in loaded}
    assert packages >= CORE
    assert not packages & OTHERS


def test_every_module_that_declares_arrays_is_checked():
    checked = modules_to_check("minimax_eqx", [str(ROOT)])
    for file in ROOT.rglob("*.py"):
        name = ".".join(["minimax_eqx", *file.relative_to(ROOT).with_suffix("").parts])
        if re.search(r"from jaxtyping import (.*, )?Array\b", file.read_text()):
            assert any(f"{name}.".startswith(f"{part}.") for part in checked), name
