"""Levels as text, and the checks of levels."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minimax_eqx.envs.maze import MazeLevel
from minimax_eqx.envs.maze._level import stack_levels
from minimax_eqx.envs.maze._maze import Maze

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


@settings(max_examples=50, deadline=None)
@given(drawings(), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_a_drawing_survives_with_spaces_for_floor(drawing, line_break, ends_with_break):
    text = drawing.replace(".", " ").replace("\n", line_break) + line_break * ends_with_break
    assert MazeLevel.from_ascii(text).to_ascii() == drawing


@settings(max_examples=50, deadline=None)
@given(drawings(), st.integers(0, 3))
def test_a_drawing_in_a_program_survives_with_spaces_for_floor(drawing, margin):
    rows = drawing.replace(".", " ").split("\n")
    assume(not all(row.startswith(" ") for row in rows))
    block = "".join(f"\n{' ' * margin}{row}" for row in [*rows, ""])
    assert MazeLevel.from_ascii(block).to_ascii() == drawing


def test_a_drawing_is_read_as_it_looks():
    np.testing.assert_array_equal(LEVEL.wall_map, [[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    assert LEVEL.agent_pos.tolist() == [0, 1]
    assert LEVEL.goal_pos.tolist() == [3, 1]
    assert int(LEVEL.agent_dir) == 0


@pytest.mark.parametrize(
    ("text", "drawing"),
    [
        (">.#\n   \n..G", [">.#", "...", "..G"]),
        (" > \n#G#", [".>.", "#G#"]),
        ("> \nG ", [">.", "G."]),
        ("   \n >G", ["...", ".>G"]),
        ("  >G", ["..>G"]),
        (">G\n", [">G"]),
        ("\n\n>G\n\n", [">G"]),
        ("\n    >.\n    .G\n", [">.", ".G"]),
        ("\n    >.\n    .G\n  ", [">.", ".G"]),
        ("\n  > \n    \n   G\n  ", [">.", "..", ".G"]),
        ("\ufeff>.\r\n.G\r\n", [">.", ".G"]),
        ("###\n#>#\n#G#\n###", ["###", "#>#", "#G#", "###"]),
        # As other people have them.
        (">.\n.G\n    ", [">.", ".G"]),
        (">.  \n.G \t\n    ", [">.", ".G"]),
        ("  >.\n  .G", [">.", ".G"]),
        (">. \n...\n..G", [">..", "...", "..G"]),
        ("; one\n>.g\n..x\n; two", [">.G", "..#"]),
        ("V_G\nW_W", ["v.G", "#.#"]),
        ("█▓\n→G", ["##", ">G"]),
        ("101\n>0G", ["#.#", ">.G"]),
        (" 1 0 1 \n > 0 G", ["#.#", ">.G"]),
        ("#>\n# #\n#  G\n#", ["#>..", "#.#.", "#..G", "#..."]),
        ("####\n#> #\n# G#   \n####", ["####", "#>.#", "#.G#", "####"]),
    ],
)
def test_no_row_and_no_column_is_lost(text, drawing):
    assert MazeLevel.from_ascii(text).to_ascii().split("\n") == drawing


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        ("  \n \n", "is empty"),
        ("\ufeff", "is empty"),
        (">..\n.G", r"Line 2, column 3: .*This one has 2 cells, and line 1 has 3"),
        ("\n  >..\n  .G\n", r"Line 3, column 5: .*This one has 2 cells, and line 2 has 3"),
        ("\n\t>.G\n\t", r"Line 2, column 1: Unknown .* a space for each column that the tab"),
        (">.\xa0G", r"Line 1, column 3: Unknown .* ordinary one"),
        (">.\u2028.G", r"Line 1, column 3: Unknown"),
        (">G\n\n>G", r"Line 2, column 1: the line has no cells.* read each one on its own"),
        ("\n  >G\n  \n  G>\n  ", r"Line 3, column 1: the line has no cells"),
        (">G\n>G", r"exactly one agent .* this one has 2: line 1, column 1; line 2, column 1"),
        ("\n  >KG\n  DK.\n", r"exactly one key .* this one has 2: line 2, column 4; line 3, col"),
        ("..\n.G", r"exactly one agent .* this one has 0\. The drawing is from line 1 to line 2"),
        ("\n  > \n  .G\n", r"Line 2, column 4: this space is floor, but the 2 at the beginning"),
        (">..\n.G", r"equally long; these have lengths \[2, 3\]"),
        (">y.\n.GA", r"Unknown symbols \['A', 'y'\]"),
        (">.G\n..y", r"Line 2, column 3: Unknown symbols \['y'\]"),
        ("\n> \n G\n   ", r"Line 4, column 1: these spaces may be a row of floor"),
        ("A.G", r"Line 1, column 1: Unknown .* says where it looks"),
        ("; a name\nLevel 1\n>.G", r"Line 2, column 1: Unknown .* begin it with ';'"),
        (">#G\n.X.", r"Line 2, column 2: 'X' is a wall in a drawing in which .* '#' is"),
        (">0G\n  .", r"Line 2, column 3: '.' is floor in a drawing in which .* '0' is"),
        ("> 0G\n1000", r"Line 1, column 2: A space may be floor or nothing here"),
        ("###\n#> #\n# G\n####", r"Line 2, column 4: All rows of a maze must be equally long"),
        ("####\n#>\n# G#\n####", r"Line 2, column 3: All rows of a maze must be equally long"),
        ("#> \n# \n#  G\n#     ", r"Line 2, column 3: All rows of a maze must be equally long"),
        ("...\n.G.", r"exactly one agent \(one of >v<\^\); this one has 0"),
        (">.^\n.G.", r"exactly one agent .* this one has 2"),
        (">..\n...", r"at least one goal \(G\); this one has 0"),
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


def test_a_level_with_the_border_drawn_is_said_to_have_it():
    bordered = MazeLevel.from_ascii("####\n#>.#\n#.G#\n####")
    for play in (lambda: bordered.check(2, 2), lambda: Maze(2, 2).load(bordered)):
        with pytest.raises(ValueError, match="border of walls around the maze is no part of a lev"):
            play()


def test_what_is_not_on_the_grid_is_not_drawn():
    level = dataclasses.replace(LEVEL, agent_pos=jnp.array([-1, -1]), goal_pos=jnp.array([4, 0]))
    assert level.to_ascii().split() == ["..#.", "..#.", "...."]
    with pytest.raises(ValueError, match="Only one level can be drawn"):
        stack_levels([LEVEL, LEVEL]).to_ascii()


def test_levels_are_stacked_along_a_leading_axis():
    stacked = stack_levels([LEVEL, LEVEL])
    assert stacked.wall_map.shape == (2, 3, 4)
    assert stacked.agent_dir.shape == (2,)
    with pytest.raises(ValueError, match="no levels to stack"):
        stack_levels([])
    with pytest.raises(ValueError, match=r"one size can be stacked.*\(1, 3\), \(3, 4\)"):
        stack_levels([LEVEL, MazeLevel.from_ascii(">.G")])
