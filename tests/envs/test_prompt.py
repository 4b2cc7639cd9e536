"""What levels show at a prompt and in a notebook."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx.envs import FixedLevels
from minimax_eqx.envs.maze import MazeLevel
from minimax_eqx.envs.maze._level import stack_levels
from minimax_eqx.envs.maze._memory import MemoryLevel

DRAWING = ">.#\n..G"
LEVEL = MazeLevel.from_ascii(DRAWING)
MANY = stack_levels([LEVEL, LEVEL, LEVEL])
PNG = b"\x89PNG"


@pytest.mark.parametrize("show", [repr, str])
@pytest.mark.parametrize("level", [LEVEL, jax.device_get(LEVEL)], ids=["jax", "numpy"])
def test_a_level_shows_its_size_and_its_drawing(show, level):
    assert show(level) == f"MazeLevel of 2 x 3 cells:\n{DRAWING}"


def test_many_levels_show_how_many_they_are_and_the_first():
    assert repr(MANY) == f"3 MazeLevels of 2 x 3 cells, the first:\n{DRAWING}"
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), MANY)
    assert repr(stacked).startswith("2 x 3 MazeLevels of 2 x 3 cells, the first:")


def test_a_memory_level_shows_which_object_pays():
    level = MemoryLevel(jnp.array(1, jnp.int32))
    lines = repr(level).split("\n")
    assert lines[0] == "MemoryLevel of 15 x 15 cells:"
    assert lines[7].startswith("G..###")
    assert repr(MemoryLevel(jnp.zeros(2, jnp.int32))).startswith("2 MemoryLevels of 15 x 15 cells")


def test_where_there_are_no_values_shapes_are_shown():
    seen = []
    jax.jit(lambda level: seen.append(repr(level)))(LEVEL)
    shapes = jax.eval_shape(lambda: LEVEL)
    nothing = jax.tree.map(lambda leaf: leaf[:0], MANY)
    deleted = jax.tree.map(jnp.copy, LEVEL)
    deleted.agent_dir.delete()
    for text in (*seen, repr(shapes), repr(nothing), repr(deleted)):
        assert text.startswith("MazeLevel(")
    assert "bool[2,3]" in seen[0]
    assert repr(object.__new__(MazeLevel)).startswith("MazeLevel(")  # as a debugger may see it
    assert repr(eqx.filter(LEVEL, eqx.is_inexact_array)).startswith("MazeLevel(wall_map=None")
    for level in (shapes, nothing, deleted):
        assert level._repr_png_() is None


def test_a_module_that_holds_levels_shows_their_shapes():
    assert "wall_map=bool[3,2,3]" in repr(FixedLevels(MANY))


def test_levels_are_compared_by_their_arrays_still():
    assert eqx.tree_equal(LEVEL, MazeLevel.from_ascii(DRAWING))
    assert len(jax.tree.leaves(LEVEL)) == 4


@pytest.mark.parametrize("level", [LEVEL, MANY, MemoryLevel(jnp.zeros((2, 20), jnp.int32))])
def test_a_notebook_shows_a_picture(level):
    assert level._repr_png_().startswith(PNG)


def test_without_pillow_there_is_no_picture(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert LEVEL._repr_png_() is None
