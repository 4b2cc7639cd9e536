"""Levels as text, and the checks of levels."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.envs.maze import MazeLevel, stack_levels

LEVEL = MazeLevel.from_ascii(
    """
    ..#.
    >.#G
    ....
    """
)


@st.composite
def drawings(draw):
    height, width = draw(st.integers(1, 7)), draw(st.integers(2, 7))
    cells = draw(st.lists(st.sampled_from("#."), min_size=height * width, max_size=height * width))
    agent, goal = draw(
        st.lists(st.integers(0, height * width - 1), min_size=2, max_size=2, unique=True)
    )
    cells[agent], cells[goal] = draw(st.sampled_from(">v<^")), "G"
    return "\n".join("".join(cells[i * width : (i + 1) * width]) for i in range(height))


@settings(max_examples=50, deadline=None)
@given(drawings())
def test_a_drawing_survives_being_read_and_drawn(drawing):
    level = MazeLevel.from_ascii(drawing)
    level.check()
    assert level.to_ascii() == drawing


def test_a_drawing_is_read_as_it_looks():
    np.testing.assert_array_equal(LEVEL.wall_map, [[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    assert LEVEL.agent_pos.tolist() == [0, 1]
    assert LEVEL.goal_pos.tolist() == [3, 1]
    assert int(LEVEL.agent_dir) == 0


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        ("  \n \n", "is empty"),
        (">..\n.G", r"equally long; these have lengths \[2, 3\]"),
        (">x.\n.GA", r"Unknown symbols \['A', 'x'\]"),
        ("...\n.G.", r"exactly one agent \(one of >v<\^\); this one has 0"),
        (">.^\n.G.", r"exactly one agent .* this one has 2"),
        (">..\n...", r"exactly one goal \(G\); this one has 0"),
    ],
)
def test_a_bad_drawing_is_refused(drawing, message):
    with pytest.raises(ValueError, match=message):
        MazeLevel.from_ascii(drawing)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agent_pos": jnp.array([4, 1])}, r"agent_pos is \(x=4, y=1\), off the grid of height 3"),
        ({"goal_pos": jnp.array([-1, 1])}, r"goal_pos is \(x=-1, y=1\), off the grid"),
        ({"goal_pos": jnp.array([2, 0])}, r"goal_pos \(x=2, y=0\) is inside a wall"),
        ({"agent_pos": jnp.array([3, 1])}, r"the agent starts on the goal, at \(x=3, y=1\)"),
        ({"agent_dir": jnp.array(4)}, "agent_dir is 4; it must be one of 0 right, 1 down"),
    ],
)
def test_a_bad_level_is_refused(change, message):
    with pytest.raises(ValueError, match="This is not a maze level.*" + message):
        dataclasses.replace(LEVEL, **change).check()


def test_a_batch_of_levels_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\) instead of \(height, width\)"):
        stack_levels([LEVEL, LEVEL]).check()


def test_a_position_of_the_wrong_shape_is_refused():
    # The constructor would not take it; a level built by tree operations is not checked by it.
    level = eqx.tree_at(lambda level: level.goal_pos, LEVEL, jnp.zeros((1, 2), jnp.int32))
    with pytest.raises(ValueError, match=r"goal_pos has shape \(1, 2\) instead of \(2,\)"):
        level.check()


def test_a_level_of_the_wrong_size_is_refused():
    LEVEL.check(height=3, width=4)
    with pytest.raises(ValueError, match=r"shape \(3, 4\); .* \(height, width\) is \(4, 4\)"):
        LEVEL.check(height=4, width=4)


def test_an_unsolvable_level_is_fine():
    MazeLevel.from_ascii(">#G").check()


def test_levels_are_stacked_along_a_leading_axis():
    stacked = stack_levels([LEVEL, LEVEL])
    assert stacked.wall_map.shape == (2, 3, 4)
    assert stacked.agent_dir.shape == (2,)
    with pytest.raises(ValueError, match="no levels to stack"):
        stack_levels([])
    with pytest.raises(ValueError, match=r"one size can be stacked.*\(1, 3\), \(3, 4\)"):
        stack_levels([LEVEL, MazeLevel.from_ascii(">.G")])
