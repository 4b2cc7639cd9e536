"""What the package shows of itself, and what it imports when."""

import ast
import importlib
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import minimax_eqx
from minimax_eqx._typecheck import modules_to_check

ROOT = pathlib.Path(minimax_eqx.__file__).parent
ROOMS = (
    *("agents", "curricula", "envs", "experiment", "nets", "recipes", "rollouts"),
    *("runners", "scores"),
)
PACKAGES = {
    ".".join(["minimax_eqx", *file.parent.relative_to(ROOT).parts]): file
    for file in ROOT.rglob("__init__.py")
}


def declared(file):
    """The names that a package takes from its modules for its users, or gives a value."""
    names = set()
    for statement in ast.walk(ast.parse(file.read_text())):
        if isinstance(statement, ast.ImportFrom) and statement.level > 0:
            names |= {alias.asname for alias in statement.names if alias.asname is not None}
        if isinstance(statement, ast.AnnAssign):
            names.add(ast.unparse(statement.target))
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_shows_what_it_declares_and_nothing_else(package):
    shown = {name for name in dir(importlib.import_module(package)) if not name.startswith("_")}
    # Packages within packages are there once they are imported.
    inner = {name.rpartition(".")[2] for name in PACKAGES if name.rpartition(".")[0] == package}
    assert shown - inner == declared(PACKAGES[package]) - inner


def test_each_name_is_public_in_one_place():
    shown = [
        (name, getattr(module, name))
        for module in map(importlib.import_module, PACKAGES)
        for name in module.__all__
        if name != "__version__" and not inspect.ismodule(getattr(module, name))
    ]
    twice = {name for name, value in shown if sum(value is other for _, other in shown) > 1}
    assert not twice


@pytest.mark.parametrize("package", ["minimax_eqx", "minimax_eqx.experiment"])
def test_every_name_that_is_shown_is_there(package):
    module = importlib.import_module(package)
    assert set(dir(module)) == set(module.__all__)
    assert all(getattr(module, name) is not None for name in dir(module))
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'"):
        module.nothing  # noqa: B018 - this is what raises


def test_the_rooms_are_attributes_of_the_package():
    assert all(getattr(minimax_eqx, room).__name__ == f"minimax_eqx.{room}" for room in ROOMS)


def test_importing_the_package_does_not_import_jax_and_using_a_room_does():
    code = """
import sys
import minimax_eqx, minimax_eqx.cli
assert "jax" not in sys.modules
minimax_eqx.envs.Maze
assert "jax" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_module_that_declares_arrays_is_checked():
    checked = modules_to_check("minimax_eqx", [str(ROOT)])
    for file in ROOT.rglob("*.py"):
        name = ".".join(["minimax_eqx", *file.relative_to(ROOT).with_suffix("").parts])
        if re.search(r"from jaxtyping import (.*, )?Array\b", file.read_text()):
            assert any(f"{name}.".startswith(f"{part}.") for part in checked), name
