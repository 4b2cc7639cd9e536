"""Distributions of the generators, against recorded statistics and first principles."""

import functools
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimax_eqx.envs import FixedLevels
from minimax_eqx.envs.maze import (
    Crossing,
    FourRooms,
    MazeLevel,
    MemoryMaze,
    PerfectMaze,
    RandomMemory,
    RandomWalls,
)
from minimax_eqx.envs.maze._draws import nth_cell, random_cells
from minimax_eqx.envs.maze._level import maze_level_spec, stack_levels
from minimax_eqx.envs.maze._maze import Maze
from minimax_eqx.envs.maze._metrics import distances_from, maze_level_metrics

STATISTICS = json.loads(
    (pathlib.Path(__file__).parents[1] / "golden" / "maze_generator_stats.json").read_text()
)
NUM_SAMPLES = 8000
measure = jax.jit(jax.vmap(maze_level_metrics))


def sampler(generator, height=13, width=13):
    level = maze_level_spec(height, width)
    return jax.jit(lambda key: generator.sample(level, key=key))


def sample(generator, num_samples=NUM_SAMPLES, seed=0, height=13, width=13):
    keys = jax.random.split(jax.random.key(seed), num_samples)
    return jax.device_get(jax.jit(jax.vmap(sampler(generator, height, width)))(keys))


def cells_of(positions, width):
    return positions[:, 1] * width + positions[:, 0]


def assert_uniform(values, num_values):
    """A chi-square test that a right generator fails once in 30 000 seeds."""
    counts = np.bincount(values, minlength=num_values)
    expected = len(values) / num_values
    chi_square = np.sum((counts - expected) ** 2 / expected)
    freedom = num_values - 1
    assert len(counts) == num_values
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom) + 6


def assert_valid(levels):
    index = np.arange(len(levels.agent_dir))
    for position in (levels.agent_pos, levels.goal_pos):
        assert not np.any(levels.wall_map[index, position[:, 1], position[:, 0]])
    assert np.all(np.any(levels.agent_pos != levels.goal_pos, axis=1))


@pytest.mark.parametrize("index", range(7))
def test_random_walls_are_distributed_as_recorded(index):
    recorded = STATISTICS[index]
    sample_num_walls = recorded["sample_n_walls"]
    generator = RandomWalls(
        num_walls=recorded["n_walls"],
        replace=recorded["replace_wall_pos"] and not sample_num_walls,
        sample_num_walls=sample_num_walls,
    )
    levels = sample(generator)
    counts = levels.wall_map.sum((1, 2))
    num_cells = 13 * 13
    assert_valid(levels)
    assert_uniform(levels.agent_dir, 4)
    assert_uniform(cells_of(levels.agent_pos, 13), num_cells)
    assert_uniform(cells_of(levels.goal_pos, 13), num_cells)
    if recorded["n_walls"] > 0:
        assert_uniform(np.nonzero(levels.wall_map.reshape(-1, num_cells))[1], num_cells)
    if sample_num_walls:
        assert_uniform(counts, recorded["n_walls"] + 1)
    else:
        error = 5 * recorded["wall_count_std"] / np.sqrt(NUM_SAMPLES)
        assert counts.mean() == pytest.approx(recorded["wall_count_mean"], abs=2 * error + 1e-6)
        assert counts.std() == pytest.approx(recorded["wall_count_std"], abs=0.1)
        search = recorded["breadth_first_search_over_first_samples"]
        metrics = jax.device_get(measure(levels))
        passable = metrics["passable"].astype(bool)
        lengths = metrics["shortest_path_length"][passable]
        assert passable.mean() == pytest.approx(search["passable_fraction"], abs=0.03)
        assert lengths.mean() == pytest.approx(search["mean_shortest_path_over_passable"], abs=0.45)


def test_mazes_may_be_rectangular():
    levels = sample(RandomWalls(5, replace=False), height=3, width=7)
    assert_valid(levels)
    assert levels.wall_map.shape[1:] == (3, 7)
    assert np.all(levels.wall_map.sum((1, 2)) == 5)
    assert_uniform(cells_of(levels.agent_pos, 7), 21)
    assert_uniform(cells_of(levels.goal_pos, 7), 21)


@pytest.mark.parametrize("generator", [RandomWalls(replace=False), PerfectMaze(), FourRooms()])
def test_the_largest_mazes_can_be_made(generator):
    jax.eval_shape(sampler(generator, 4095, 4095), jax.random.key(0))


def memory_of(sample):
    analysis = sample.lower(jax.random.key(0)).compile().memory_analysis()
    assert analysis is not None
    return analysis.temp_size_in_bytes


@pytest.mark.parametrize(
    "generator", [RandomWalls(10, replace=False), RandomWalls(10), PerfectMaze()]
)
@pytest.mark.parametrize(("height", "width"), [(301, 301), (3, 30_001)])
def test_memory_is_linear_in_the_cells(generator, height, width):
    assert memory_of(sampler(generator, height, width)) < 100 * height * width


def test_the_cells_of_a_large_maze_are_as_likely_as_each_other():
    # So many cells that beside a cell's number few bits would be left for chance.
    num_cells, count = 2**20, jnp.array(10, jnp.int32)
    draw = jax.jit(lambda key: random_cells(num_cells, count, key=key))
    drawn = [np.flatnonzero(draw(jax.random.key(seed))) for seed in range(4)]
    assert [len(cells) for cells in drawn] == [10] * 4
    deviation = np.sqrt(1 / 12 / 40)
    assert abs(np.concatenate(drawn).mean() / num_cells - 1 / 2) < 4 * deviation


@pytest.mark.parametrize(("height", "width"), [(2, 200), (200, 2), (70, 65), (3, 5)])
def test_allowed_cells_are_counted_row_by_row(height, width):
    allowed = np.random.default_rng(0).random((height, width)) < 0.3
    allowed[-1, -1] = True
    nths = jnp.arange(allowed.sum())
    x, y = np.asarray(jax.jit(jax.vmap(nth_cell, (0, None)))(nths, jnp.asarray(allowed))).T
    np.testing.assert_array_equal(np.stack([y, x], axis=-1), np.argwhere(allowed))


def test_a_maze_may_be_filled_but_for_agent_and_goal():
    level = sampler(RandomWalls(4, replace=False), 2, 3)(jax.random.key(0))
    level.check()
    assert int(level.wall_map.sum()) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_walls": -1}, "RandomWalls.num_walls is -1; it must be at least 0"),
        ({"replace": True, "sample_num_walls": True}, "only without replacement"),
    ],
)
def test_random_walls_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandomWalls(**arguments)


@functools.cache
def perfect_maze_sampler(height, width):
    draw = sampler(PerfectMaze(), height, width)

    @jax.jit
    def sample_with_distances(key):
        level = draw(key)
        return level, distances_from(level.wall_map, level.agent_pos)

    return sample_with_distances


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([(3, 5), (11, 7)]), st.integers(0, 2**31 - 1))
def test_a_perfect_maze_is_a_spanning_tree_of_its_lattice(size, seed):
    height, width = size
    level, distances = perfect_maze_sampler(height, width)(jax.random.key(seed))
    level.check(height, width)
    open_cells = ~np.asarray(level.wall_map)
    num_nodes = (height + 1) // 2 * ((width + 1) // 2)
    assert np.all(open_cells[::2, ::2])
    assert not np.any(open_cells[1::2, 1::2])
    # A tree has one edge less than it has nodes; connected as well, it is spanning.
    assert open_cells.sum() == num_nodes + num_nodes - 1
    np.testing.assert_array_equal(np.asarray(distances) >= 0, open_cells)


@pytest.mark.parametrize(
    ("generator", "height", "width", "message"),
    [
        (RandomWalls(3), 2, 2, "RandomWalls.num_walls is 3; in a maze of 2 x 2 .* between 0 and 2"),
        (PerfectMaze(), 4, 5, "PerfectMaze makes mazes whose sides are odd .* height is 4"),
        (PerfectMaze(), 5, 1, "width is 1. Choose another size of environment, such as width=3"),
        (FourRooms(), 5, 4, "FourRooms makes mazes whose sides are odd .* width is 4"),
        (Crossing(), 9, 11, r"Crossing makes mazes of 9 x 9 cells, but .* 9 x 11"),
    ],
)
def test_a_generator_refuses_a_size_that_it_cannot_make(generator, height, width, message):
    with pytest.raises(ValueError, match=message):
        sampler(generator, height, width)(jax.random.key(0))


MEMORY = MemoryMaze().level_spec()
THREE_CELLS = stack_levels([MazeLevel.from_ascii(">.G")])


@pytest.mark.parametrize(
    ("generator", "level", "message"),
    [
        (RandomWalls(), MEMORY, "RandomWalls makes a MazeLevel, but .* of type MemoryLevel"),
        (RandomMemory(), Maze().level_spec(), "RandomMemory makes a MemoryLevel, but .* MazeLevel"),
        (FixedLevels(THREE_CELLS), MEMORY, "FixedLevels.levels are .* made for this environment"),
        (
            FixedLevels(THREE_CELLS),
            Maze().level_spec(),
            r"levels.wall_map has shape \(1, 3\) .* but the environment's levels have .*\(13, 13\)",
        ),
        (RandomWalls(), jax.eval_shape(lambda: THREE_CELLS), r"makes one level.*\(1, 1, 3\)"),
    ],
)
def test_a_generator_of_other_levels_says_so(generator, level, message):
    with pytest.raises(ValueError, match=message):
        generator.sample(level, key=jax.random.key(0))


def test_fixed_levels_are_drawn_uniformly():
    drawings = [">G.", ">.G", "G.>"]
    generator = FixedLevels(stack_levels([MazeLevel.from_ascii(d) for d in drawings]))
    assert_uniform(cells_of(sample(generator, 3000, height=1, width=3).goal_pos, 3), 3)


def test_a_single_fixed_level_is_always_the_same():
    level = MazeLevel.from_ascii(">.G")
    drawn = sampler(FixedLevels(stack_levels([level])), 1, 3)(jax.random.key(3))
    assert drawn.to_ascii() == level.to_ascii()


def test_fixed_levels_need_a_leading_axis():
    with pytest.raises(ValueError, match=r"leading axis of one length.*theirs are \[0, 1, 2\]"):
        FixedLevels(MazeLevel.from_ascii(">.G"))


def test_the_same_key_gives_the_same_level():
    draw = sampler(RandomWalls(replace=False))
    one, again = (draw(jax.random.key(7)) for _ in range(2))
    other = draw(jax.random.key(8))
    assert one.to_ascii() == again.to_ascii() != other.to_ascii()
    assert jnp.sum(one.wall_map) == 60


@pytest.mark.parametrize(
    "generator",
    [
        RandomWalls(),
        RandomWalls(replace=False),
        RandomWalls(replace=False, sample_num_walls=True),
        PerfectMaze(),
        FourRooms(),
    ],
)
def test_levels_have_the_same_types_where_64_bits_are_the_default(generator):
    key = jax.random.key(0)
    jax.config.update("jax_enable_x64", True)
    try:
        with jax.numpy_dtype_promotion("standard"):
            level = jax.eval_shape(sampler(generator), key)
    finally:
        jax.config.update("jax_enable_x64", False)
    assert level == Maze().level_spec()
