"""Pictures and text of levels and episodes."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from minimax_eqx.envs import save_picture
from minimax_eqx.envs._pictures import sheet
from minimax_eqx.envs.maze import MazeDesign, MazeLevel, MemoryMaze
from minimax_eqx.envs.maze._artist import MazeArtist
from minimax_eqx.envs.maze._level import stack_levels
from minimax_eqx.envs.maze._maze import Maze, MazeState
from minimax_eqx.envs.maze._memory import MemoryLevel
from minimax_eqx.envs.maze._render import render, render_ascii

DRAWING = """
>.#.
..#G
....
"""
LEVEL = MazeLevel.from_ascii(DRAWING)
STATE = MazeState(jnp.array([1, 2]), jnp.array(3), jnp.array(4))
STATES = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), STATE)


ENV = Maze(height=3, width=4)
EDITOR = MazeDesign(num_walls=2).editor(ENV.level_spec())


def draw_episode(states, length, env=ENV):
    return MazeArtist().draw_episode(env, LEVEL, states, length)


def tile(picture, x, y, size):
    """The pixels of one cell, inside the border."""
    border = size // 2
    top, left = border + y * size, border + x * size
    return picture[top : top + size, left : left + size].astype(int)


def middle(picture, x, y, size=16):
    return tile(picture, x, y, size)[size // 2, size // 2]


def test_walls_are_dark_floor_is_light_the_goal_is_green_and_the_agent_red():
    picture = render(LEVEL, tile_size=16)
    assert picture.dtype == np.uint8
    assert picture.shape == (4 * 16, 5 * 16, 3)
    assert middle(picture, 2, 0).max() < 100
    assert middle(picture, 1, 1).min() > 200
    red, green, blue = middle(picture, 3, 1)
    assert green > 100 > max(red, blue)
    red, green, blue = middle(picture, 0, 0)
    assert red > 150
    assert max(green, blue) < 100


@pytest.mark.parametrize("direction", range(4))
def test_the_agent_points_where_it_looks(direction):
    state = MazeState(jnp.array([1, 1]), jnp.array(direction), jnp.array(0))
    cell = tile(render(LEVEL, state, tile_size=16), 1, 1, 16)
    redness = cell[..., 0] - cell[..., 1]
    ahead = np.rot90(redness, direction)  # a turn to the right is undone by one to the left
    assert ahead[7:9, 12].min() > ahead[1:3, 12].max() + 50
    assert ahead[:, 3].sum() > 2 * ahead[:, 12].sum()


def test_the_state_says_where_the_agent_is_drawn():
    picture = render(LEVEL, STATE, tile_size=16)
    np.testing.assert_array_equal(middle(picture, 0, 0), middle(picture, 1, 1))
    assert middle(picture, 1, 2)[1] < 100


def test_the_cells_in_view_are_highlighted():
    level = MazeLevel.from_ascii(
        """
        ..G..
        #####
        ..^..
        """
    )
    plain = render(level, tile_size=16)
    past = render(level, env=Maze(height=3, width=5, view_size=3), tile_size=16)
    behind = render(
        level, env=Maze(height=3, width=5, view_size=3, see_through_walls=False), tile_size=16
    )

    def highlighted(picture):
        return {
            (x, y) for x in range(5) for y in range(3)
            if np.any(tile(picture, x, y, 16) != tile(plain, x, y, 16))
        }  # fmt: skip

    assert highlighted(past) == {(x, y) for x in (1, 2, 3) for y in range(3)}
    assert highlighted(behind) == {(x, y) for x in (1, 2, 3) for y in (1, 2)}


def test_the_highlight_agrees_with_what_the_agent_observes():
    env = MemoryMaze(view_size=7, see_through_walls=False)
    level = MemoryLevel(jnp.array(0))
    world = env.load(level)
    seen = env.observe(world, env.reset(world, key=jax.random.key(0))).image[..., 0] > 0
    plain, lit = render(level, tile_size=8), render(level, env=env, tile_size=8)
    # The agent at (0, 7) looks right: rows of the view are columns of the maze, from right to left.
    for i in range(7):
        for j in range(7):
            x, y = 6 - i, 7 + j - 3
            different = np.any(tile(plain, x, y, 8) != tile(lit, x, y, 8))
            assert bool(seen[i, j]) == bool(different)


def test_an_episode_is_one_frame_for_each_state():
    env = Maze(height=3, width=4, view_size=3)
    frames = MazeArtist(tile_size=8).draw_episode(env, LEVEL, STATES, 1)
    assert len(frames) == 2
    np.testing.assert_array_equal(frames[1], render(LEVEL, STATE, env=env, tile_size=8))
    assert len(MazeArtist(tile_size=8).draw_episode(env, LEVEL, STATES, 0)) == 1


def test_many_levels_are_drawn_in_rows():
    picture, small = (render(level, tile_size=8) for level in (LEVEL, MazeLevel.from_ascii(">G")))
    paper = sheet([picture, small, picture], columns=2, gap=4)
    assert paper.shape == (2 * (32 + 4) + 4, 2 * (40 + 4) + 4, 3)
    np.testing.assert_array_equal(paper[4:36, 4:44], picture)
    assert np.all(paper[40:, 48:] == 255)
    artist = MazeArtist(tile_size=8)
    np.testing.assert_array_equal(artist.draw_level(LEVEL), picture)
    both = artist.draw_levels(stack_levels([LEVEL, LEVEL]), columns=8)
    np.testing.assert_array_equal(both, sheet([picture, picture]))


def test_a_maze_and_a_memory_maze_are_drawn_by_their_artist():
    for env, level in ((Maze(), LEVEL), (MemoryMaze(), MemoryLevel(jnp.array(0)))):
        np.testing.assert_array_equal(env.artist().draw_level(level), render(level))


def test_an_artist_says_where_the_agent_is_in_his_picture():
    artist = MazeArtist(tile_size=8)
    height, width, _ = artist.draw_level(LEVEL).shape
    states = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), STATE)
    places = artist.places(LEVEL, states)
    assert places is not None
    x, y = np.asarray(STATE.agent_pos)
    # The border is half a cell wide.
    middle = [(x + 1) * 8 / width, (y + 1) * 8 / height]
    np.testing.assert_allclose(places, [middle, middle])


def test_text_shows_the_level_or_a_state_in_it():
    assert render_ascii(LEVEL) == LEVEL.to_ascii() == DRAWING.strip()
    assert render_ascii(LEVEL, STATE) == "..#.\n..#G\n.^.."
    memory = render_ascii(MemoryLevel(jnp.array(0))).splitlines()
    assert memory[6].startswith("R..#")
    assert (memory[5][9], memory[9][9], memory[7][0]) == ("R", "G", ">")


def test_pictures_survive_being_written_and_read(tmp_path):
    picture = render(LEVEL, tile_size=8)
    save_picture(picture, tmp_path / "level.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "level.png")), picture)
    frames = [picture, render(LEVEL, STATE, tile_size=8)]
    save_picture(frames, tmp_path / "episode.gif", fps=5)
    with Image.open(tmp_path / "episode.gif") as gif:
        assert gif.n_frames == 2
        assert gif.info["duration"] == 200
        gif.seek(1)
        read = np.asarray(gif.convert("RGB")).astype(int)
    assert np.abs(read - frames[1]).mean() < 2


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: MazeArtist(tile_size=3), "MazeArtist.tile_size is 3; it must be at least 4"),
        (lambda: render(stack_levels([LEVEL])), "This is a batch with 1 leading axes"),
        (lambda: render(LEVEL, STATES), "This is a batch with 1 leading axes"),
        (lambda: draw_episode(STATE, 0), "along one leading axis, time"),
        (lambda: draw_episode(STATES, 2), r"of 2 steps has 3 states, .* has shape \(2,\)"),
        (lambda: draw_episode(STATES, 1, EDITOR), "in a Maze or MemoryMaze, and not in a MazeEdit"),
        (lambda: sheet([]), "no levels to draw"),
        (lambda: sheet([render(LEVEL)], columns=0), "columns >= 1"),
        (lambda: sheet([render(LEVEL)], gap=-1), "gap=-1"),
        (lambda: save_picture([render(LEVEL)], "x.gif", fps=0), "fps is 0"),
        (lambda: save_picture(render(LEVEL), "x.jpg"), "saved as .png, and not as x.jpg"),
        (lambda: save_picture([render(LEVEL)], "x.png"), "frames are saved as .gif"),
    ],
)
def test_bad_arguments_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_without_pillow_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"minimax_eqx\[cli\]"):
        save_picture(render(LEVEL, tile_size=4), tmp_path / "level.png")


def test_the_library_is_imported_without_the_libraries_for_pictures():
    program = "import sys, minimax_eqx; sys.exit(bool({'PIL', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_agent_that_is_not_on_the_grid_is_not_drawn():
    nowhere = MazeState(jnp.array([-1, -1]), jnp.array(0), jnp.array(0))
    assert render_ascii(LEVEL, nowhere).split() == ["..#.", "..#G", "...."]
    cell = middle(render(LEVEL, nowhere, tile_size=16), 3, 2)
    assert cell.min() > 200
