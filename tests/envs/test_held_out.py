"""The held-out mazes, against those recorded from the reference."""

import json
import pathlib

import jax
import numpy as np
import pytest

from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import HeldOutMazes, MazeDesign, MazeLevel, MemoryMaze
from minimax_eqx.envs.maze._held_out_names import LAYOUT_NAMES, LISTS, MAZES, MAZES_WITH_MORE
from minimax_eqx.envs.maze._layouts import LAYOUTS
from minimax_eqx.envs.maze._metrics import maze_level_metrics

RECORDED = json.loads(
    (pathlib.Path(__file__).parents[1] / "golden" / "maze_ood_levels.json").read_text()
)
FIXED = [name for name, entry in RECORDED.items() if entry["kind"] == "fixed" and name != "Memory"]
PROCEDURAL = ["FourRooms", "Crossing", "PerfectMaze", "PerfectMazeMedium"]
NUM_SAMPLES = {"FourRooms": 4000, "Crossing": 4000, "PerfectMaze": 4000, "PerfectMazeMedium": 1500}

PANELS = HeldOutMazes(("all",)).panels(Maze())
measure = jax.jit(jax.vmap(maze_level_metrics))


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_maze_is_as_recorded(golden, name):
    arrays, (env, generator) = golden("maze_ood_levels"), PANELS[name]
    recorded = {
        key.removeprefix(name + "__"): value
        for key, value in arrays.items()
        if key.startswith(name + "__")
    }
    levels = generator.levels
    height, width = recorded["wall_map"].shape
    for wall_map in np.asarray(levels.wall_map):
        np.testing.assert_array_equal(wall_map, recorded["wall_map"])
    goals = {tuple(goal) for goal in np.asarray(levels.goal_pos).tolist()}
    assert goals == {tuple(goal) for goal in recorded["goal_pos_values"].tolist()}
    assert np.all(np.asarray(levels.agent_pos) == recorded["agent_pos_values"])
    assert np.all(np.asarray(levels.agent_dir) == recorded["agent_dir_values"])
    assert (env.height, env.width) == (height, width)

    @jax.jit
    @jax.vmap
    def first_observation(level):
        world = env.load(level)
        return env.observe(world, env.reset(world, key=jax.random.key(0)))

    seen = first_observation(levels)
    recorded_goals = recorded["goal_pos_first"].tolist()
    order = [recorded_goals.index(goal) for goal in np.asarray(levels.goal_pos).tolist()]
    np.testing.assert_array_equal(seen.image, recorded["initial_obs_image"][order])
    np.testing.assert_array_equal(seen.agent_dir, recorded["initial_obs_dir"][order])

    lengths = RECORDED[name]["shortest_path_length_from_start"]
    metrics = measure(levels)
    for goal, length in zip(levels.goal_pos, metrics["shortest_path_length"], strict=True):
        assert float(length) == lengths[str(tuple(goal.tolist()))]


@pytest.mark.parametrize("name", RECORDED)
def test_time_limits_and_sizes_are_as_recorded(name):
    (env, _), recorded = PANELS[name], RECORDED[name]
    assert env.max_episode_steps == recorded["max_episode_steps"]
    spec = env.observation_spec()
    assert spec.image.shape == (5, 5, 3)
    maze = env if isinstance(env, Maze) else env.maze
    assert (maze.height, maze.width) == (recorded["height"], recorded["width"])


@pytest.fixture(scope="module")
def samples():
    def draw(name):
        env, generator = PANELS[name]
        keys = jax.random.split(jax.random.key(11), NUM_SAMPLES[name])
        draw = jax.vmap(lambda key: generator.sample(env.level_spec(), key=key))
        levels = jax.jit(draw)(keys)
        return jax.device_get((levels, measure(levels)))

    return {name: draw(name) for name in PROCEDURAL}


@pytest.mark.parametrize("name", PROCEDURAL)
def test_a_procedural_maze_is_distributed_as_recorded(samples, name):
    (levels, metrics), recorded = samples[name], RECORDED[name]["large_sample"]
    count, lengths = NUM_SAMPLES[name], metrics["shortest_path_length"]
    noise = np.sqrt(1 / count + 1 / recorded["n_samples"])
    assert np.all(metrics["passable"] == 1)
    assert np.all(np.any(levels.agent_pos != levels.goal_pos, axis=1))
    for values, statistic in (
        (metrics["num_walls"], "n_walls"),
        (lengths, "shortest_path_length"),
    ):
        spread = recorded[statistic + "_std"]
        error = 4.5 * spread * noise + 0.1 * (spread > 0)
        assert values.mean() == pytest.approx(recorded[statistic + "_mean"], abs=error)
        assert values.std() == pytest.approx(spread, rel=0.1, abs=1e-6)
    directions = np.bincount(levels.agent_dir, minlength=4) / count
    expected = np.array(recorded["agent_dir_counts"]) / recorded["n_samples"]
    np.testing.assert_allclose(directions, expected, atol=0.05)


def test_the_doors_of_four_rooms_are_uniform(samples):
    levels, _ = samples["FourRooms"]
    for line, name in (
        (levels.wall_map[:, 8, :], "open_count_in_horizontal_wall_row_by_x"),
        (levels.wall_map[:, :, 8], "open_count_in_vertical_wall_column_by_y"),
    ):
        doors = (~line).sum(0)
        recorded = np.array(RECORDED["FourRooms"]["large_sample"][name])
        np.testing.assert_array_equal(doors == 0, recorded == 0)
        np.testing.assert_allclose(doors[doors > 0], 500, atol=110)
    corners = levels.agent_pos[:, 0] * 17 + levels.agent_pos[:, 1]
    assert len(np.unique(corners)) == 256


def test_the_walls_of_a_crossing_are_where_they_were_recorded(samples):
    levels, metrics = samples["Crossing"]
    recorded = RECORDED["Crossing"]["large_sample"]
    np.testing.assert_allclose(
        levels.wall_map.mean(0), recorded["mean_wall_cell_frequency"], atol=0.05
    )
    seen = {str(count) for count in np.unique(metrics["num_walls"]).astype(int)}
    assert seen <= set(recorded["n_walls_histogram"])


@pytest.mark.parametrize("name", ["PerfectMaze", "PerfectMazeMedium"])
def test_a_perfect_maze_has_as_many_dead_ends_as_recorded(samples, name):
    levels, _ = samples[name]
    free = np.pad(~levels.wall_map, ((0, 0), (1, 1), (1, 1)))
    around = free[:, :-2, 1:-1].astype(int) + free[:, 2:, 1:-1]
    around = around + free[:, 1:-1, :-2] + free[:, 1:-1, 2:]
    dead_ends = ((around == 1) & ~levels.wall_map).sum((1, 2))
    recorded = RECORDED[name]["large_sample"]
    assert dead_ends.mean() == pytest.approx(recorded["dead_ends_mean"], rel=0.05)


def test_larger_perfect_mazes_exist():
    (large, _), (huge, generator) = PANELS["PerfectMazeLarge"], PANELS["PerfectMazeXL"]
    assert (large.height, large.max_episode_steps) == (51, 2 * 53 * 53)
    assert (huge.height, huge.max_episode_steps) == (101, 21218)
    draw = jax.jit(lambda key: generator.sample(huge.level_spec(), key=key))
    level = draw(jax.random.key(0))
    level.check(101, 101)
    assert int(level.wall_map.sum()) == RECORDED["PerfectMazeXL"]["n_walls_mean"]


def test_mazes_of_one_size_and_limit_have_equal_environments():
    names = [name for name in (*FIXED, "PerfectMaze") if name != "LargeCorridor"]
    environments = {PANELS[name][0] for name in names}
    assert environments == {Maze(height=13, width=13, max_episode_steps=450)}


def test_the_view_can_be_chosen_as_in_training():
    view = {
        "view_size": 7,
        "see_agent": True,
        "see_through_walls": False,
        "include_position": True,
    }
    suite = HeldOutMazes(("Labyrinth", "Memory"))
    for trained in (Maze(height=5, **view), MemoryMaze(**view)):
        (labyrinth, _), (memory, _) = suite.panels(trained).values()
        assert labyrinth == Maze(height=13, width=13, max_episode_steps=450, **view)
        assert memory == MemoryMaze(**view)


def test_a_maze_is_there_once_whatever_it_is_called():
    suite = HeldOutMazes(("Maze-Labyrinth2", "jaxued-8", "Labyrinth2", "FourRooms"))
    names = list(suite.panels(Maze()))
    assert (names[0], names[-1], len(names)) == ("Labyrinth2", "FourRooms", 9)
    assert set(names) == {*LISTS["jaxued-8"], "FourRooms"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "SixteenRoom",
            r"Did you mean 'SixteenRooms'.*Mazes are.*Memory, .*; lists are min",
        ),
        ("zzz", r"mazes has 'zzz', which is neither a held-out maze nor a list of them\. Mazes"),
        ("minimax-13", "Did you mean 'minimax-12'"),
    ],
)
def test_an_unknown_name_is_refused_with_a_suggestion(name, message):
    with pytest.raises(ValueError, match=message):
        HeldOutMazes(("Labyrinth", name))


def test_students_of_other_worlds_cannot_be_tested_on_mazes():
    with pytest.raises(ValueError, match=r"trained in a Maze .*; this environment is a MazeEditor"):
        HeldOutMazes().panels(MazeDesign().editor(Maze().level_spec()))


def test_lists_have_known_names():
    assert {name: len(LISTS[name]) for name in LISTS} == {
        **{"minimax-12": 12, "jaxued-8": 8, "all": len(MAZES)},
        **{"simple-crossings": 4, "lava-crossings": 4, "door-key": 4},
    }
    assert set(RECORDED) < set(MAZES)
    assert all(set(names) <= {*MAZES, *MAZES_WITH_MORE} for names in LISTS.values())


def test_drawn_layouts_are_valid_levels():
    for name in FIXED:
        levels = PANELS[name][1].levels
        for index in range(levels.agent_dir.shape[0]):
            level = jax.tree.map(lambda leaf, i=index: leaf[i], levels)
            assert isinstance(level, MazeLevel)
            level.check()


def test_the_names_of_layouts_are_those_of_the_drawings():
    assert tuple(LAYOUTS) == LAYOUT_NAMES
