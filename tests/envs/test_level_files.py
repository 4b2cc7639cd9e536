"""Levels in files: written, read, split, refused."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx._fingerprint import is_held_back
from minimax_eqx.envs import LevelFile, Maze
from minimax_eqx.envs._drawn_levels import read_drawn
from minimax_eqx.envs._level_files import _decoded
from minimax_eqx.envs._pictures import unstack
from minimax_eqx.envs.boxes import CartPole, Pendulum, Uniform
from minimax_eqx.envs.maze import MazeLevel, RandomWalls

from ..small import ENV, sample_levels
from .test_maze_levels import drawings

MAZES = sample_levels(jax.random.key(1), 12)
CARTS = jax.vmap(lambda key: Uniform().sample(CartPole().level_spec(), key=key))(
    jax.random.split(jax.random.key(2), 3)
)
DRAWN = """
; straight
>.G

; around
v#G
...
"""


def split(path, env, part, test_share=0.4):
    return LevelFile(str(path), part, test_share).list_levels(env.level_spec())[0]


def refused(path, env=ENV):
    with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as error:
        LevelFile(str(path)).load(env)
    return str(error.value)


@pytest.mark.parametrize("kind", ["npz", "json", "txt"])
@pytest.mark.parametrize(("env", "levels"), [(ENV, MAZES), (CartPole(), CARTS)])
def test_levels_come_back_from_a_file_with_their_names(env, levels, kind, tmp_path):
    path, num_levels = tmp_path / f"levels.{kind}", len(jax.tree.leaves(levels)[0])
    names = tuple(f"level {i}" for i in range(num_levels))
    if kind == "txt" and env is not ENV:
        with pytest.raises(ValueError, match=r"ParameterLevel cannot be drawn; save it as \.npz"):
            LevelFile.save(levels, path, names)
        return
    LevelFile.save(levels, path, names)
    read, read_names = LevelFile(str(path)).load(env)
    assert read_names == names
    for one, other in zip(jax.tree.leaves(levels), jax.tree.leaves(read), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert jax.tree.structure(read) == jax.tree.structure(env.level_spec())


def test_a_split_puts_each_level_on_one_side_for_ever(tmp_path):
    few, more = tmp_path / "few.npz", tmp_path / "more.json"
    names = tuple("abcdefghijkl")
    LevelFile.save(jax.tree.map(lambda x: x[:8], MAZES), few, names[:8])
    LevelFile.save(jax.tree.map(lambda x: x[::-1], MAZES), more, names[::-1])
    train, test = split(few, ENV, "train"), split(few, ENV, "test")
    assert sorted(train + test) == list(names[:8])
    assert train
    assert test
    later = split(more, ENV, "test")
    assert set(later) & set(names[:8]) == set(test)
    assert set(later) <= set(split(more, ENV, "test", 0.7))
    numbers = jnp.arange(10_000)
    share = jnp.mean(jax.vmap(lambda n: is_held_back(n, 0.2))(numbers))
    assert abs(share - 0.2) < 0.02


def test_a_part_without_levels_is_refused(tmp_path):
    LevelFile.save(MAZES, tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"None of the 12 levels .*'test', with test_share=0"):
        split(tmp_path / "m.npz", ENV, "test", 0.0)


def test_a_file_is_a_generator_and_a_suite(tmp_path):
    path = tmp_path / "drawn.txt"
    path.write_text("; right\n>.G\n...\n\n; left\nG.<\n...\n\n>G.\n...\n")
    env = Maze(height=2, width=3)
    file = LevelFile(str(path))
    sample = jax.jit(lambda key: file.sample(env.level_spec(), key=key))
    drawn = {sample(jax.random.key(i)).to_ascii()[:3] for i in range(20)}
    assert drawn == {">.G", "G.<", ">G."}
    assert file.count_levels(env.level_spec()) == 3
    panels = file.panels(env)
    assert list(panels) == ["right", "left", "2"]
    draw = lambda generator: generator.sample(env.level_spec(), key=jax.random.key(0))  # noqa: E731
    assert [draw(generator).to_ascii()[:3] for _, generator in panels.values()] == [
        ">.G",
        "G.<",
        ">G.",
    ]
    with pytest.raises(ValueError, match=r"'right' \(line 2\): A level of 2 x 3 .* 5 x 6"):
        file.panels(ENV)
    [(name, (_, all_))] = LevelFile(str(path), most_tests=2).panels(env).items()
    assert (name, all_.count_levels(env.level_spec())) == ("drawn", 3)


def test_a_file_of_other_levels_is_refused_in_one_line(tmp_path):
    LevelFile.save(MAZES, tmp_path / "m.npz")
    assert "m.npz holds levels of another environment: " in refused(tmp_path / "m.npz", Maze())
    assert "level.wall_map bool[13, 13]" in refused(tmp_path / "m.npz", Maze())
    assert "level.values float32[" in refused(tmp_path / "m.npz", CartPole())
    LevelFile.save(CARTS, tmp_path / "c.json")
    assert "of another environment" in refused(tmp_path / "c.json", Pendulum())
    heavier = CartPole(pole_mass=(0.1, 9.0))
    assert "their structure is" in refused(tmp_path / "c.json", heavier)
    (tmp_path / "d.txt").write_text(DRAWN)
    assert "'straight' (line 3): A level of 1 x 3" in refused(tmp_path / "d.txt", Maze())
    assert "cannot be drawn" in refused(tmp_path / "d.txt", CartPole())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", r"it must end in \.npz, \.json, \.txt"),
        ("nothing.npz", None, "There is no file of levels"),
        ("a.npz", "no archive", "cannot be read as a file of levels"),
        ("a.json", "[1, 2]", "cannot be read as a file of levels"),
        ("a.json", "{}", "There are no levels in"),
        ("a.txt", "", "There are no levels in"),
        ("a.json", '{"level.agent_dir": [[1], 2]}', "what is in 'level.agent_dir' is no array"),
        (
            "a.json",
            '{"level.agent_dir": 2, "names": 3}',
            r"of another env.*agent_dir int64\[\]; th",
        ),
        ("a.npz", CARTS, r"of another environment: level.values float32"),
        ("a.txt", "; a\n>.G\n...\n\n; a\n>G.\n...", "called 'a'; .* above lines 2 and 6"),
        ("a.txt", "; a\n>.G\n...\n; b\n\n>yG\n", "level '1': Line 6, column 2: Unknown"),
        ("a.txt", "> G\n   \n> >\n  G", "level '1': A maze has .* 2: line 3, column 1; line 3, c"),
        ("a.txt", ">.G\n...\n...", r"level '0' \(line 1\): A level of 3 x 3 cells is too large"),
        ("a.txt", ">~G\nG..", r"level '0' \(line 1\): This level needs .* lava=True.* num_goals=2"),
    ],
)
def test_what_is_no_file_of_levels_is_refused(name, content, message, tmp_path):
    if isinstance(content, str):
        (tmp_path / name).write_text(content)
    elif content is not None:
        LevelFile.save(content, tmp_path / name)
    with pytest.raises(ValueError, match=message):
        LevelFile(str(tmp_path / name)).load(Maze(height=2, width=3))


def test_numbers_in_a_text_that_others_wrote_keep_their_values(tmp_path):
    LevelFile.save(MAZES, tmp_path / "m.json")
    held = json.loads((tmp_path / "m.json").read_text())
    del held["structure"]
    (tmp_path / "m.json").write_text(json.dumps(held))
    LevelFile(str(tmp_path / "m.json")).load(ENV)
    held["level.agent_dir"][0] = 0.5
    (tmp_path / "m.json").write_text(json.dumps(held))
    assert "level.agent_dir float64[]" in refused(tmp_path / "m.json")


@settings(max_examples=25, deadline=None)
@given(st.data(), st.lists(drawings(), min_size=1, max_size=4))
def test_drawings_survive_what_other_programs_do_to_a_file(data, drawn):
    pick = lambda *what: data.draw(st.sampled_from(what))  # noqa: E731
    lines, named = [], pick(True, False)
    for i, drawing in enumerate(drawn):
        blanks = data.draw(st.lists(st.sampled_from(["", "  ", "\t"]), max_size=3))
        remarks = [f"; maze {i}", *pick([], ["; hard"])] if named else []
        lines += [*blanks, *([""] if i and not named else []), *remarks]
        # Where no floor is drawn, blanks at the end of a row could be some.
        ends = ["", " ", "  \t"] if "." in drawing else [""]
        lines += [row + pick(*ends) for row in drawing.split("\n")]
    text = pick("\n", "\r\n", "\r").join([*lines, *pick([], [""], ["  ", ""])])
    text = text.replace("G", pick("G", "g")).replace("v", pick("v", "V", "▼"))
    text = text.replace("#", pick("#", "x", "1", "█")).replace(".", pick(".", "0", "_"))
    encoded = text.encode(pick("utf-8", "utf-8-sig", "utf-16"))
    read = read_drawn(_decoded(encoded), MazeLevel)
    assert [level.to_ascii() for _, _, level in read] == drawn
    assert [name for name, _, _ in read] == [f"{'maze ' * named}{i}" for i in range(len(drawn))]


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("> #\n   \n  G", {"0": ">.#\n...\n..G"}),
        ("> G\n   \nG <", {"0": ">.G", "1": "G.<"}),
        ("; one\n>.G\n; two\n\n>.G", {"one": ">.G", "1": ">.G"}),
        ("; by me\n; 2026\n\n; one\n\n>.G\n; two\n>.G", {"one": ">.G", "two": ">.G"}),
        (";\n####\n#>G#\n# .#\n####", {"0": ">G\n.."}),
    ],
)
def test_what_is_one_level_and_what_are_two(text, levels, tmp_path):
    (tmp_path / "drawn.txt").write_text(text)
    env = Maze(height=3, width=3, mixed_sizes=True)
    read, names = LevelFile(str(tmp_path / "drawn.txt")).load(env)
    drawn = [level.to_ascii() for level in unstack(read)]
    assert dict(zip(names, drawn, strict=True)) == levels


def test_a_level_that_cannot_be_played_is_refused(tmp_path):
    lost = dataclasses.replace(MAZES, goal_pos=MAZES.goal_pos.at[3].set(-1))
    LevelFile.save(lost, tmp_path / "m.npz")
    assert "m.npz, level '3': This is not a maze level: goal_pos" in refused(tmp_path / "m.npz")


def test_names_are_one_for_each_level(tmp_path):
    with pytest.raises(ValueError, match="There are 1 names for 12 levels"):
        LevelFile.save(MAZES, tmp_path / "m.npz", ["one"])
    assert not list(tmp_path.iterdir())


def test_a_generator_without_end_has_no_list():
    assert RandomWalls().list_levels(ENV.level_spec()) is None
