"""Path lengths and wall counts, against breadth-first search and the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs.maze import (
    Maze,
    MazeLevel,
    distances_from,
    maze_level_metrics,
    shortest_path_length,
)


def recorded_levels(arrays, prefix):
    agent_pos = jnp.asarray(arrays[prefix + "agent_pos"], jnp.int32)
    return MazeLevel(
        wall_map=jnp.asarray(arrays[prefix + "wall_map"]),
        agent_pos=agent_pos,
        agent_dir=jnp.zeros(agent_pos.shape[0], jnp.int32),
        goal_pos=jnp.asarray(arrays[prefix + "goal_pos"], jnp.int32),
    )


@pytest.mark.parametrize("prefix", ["", "wide_", "tall_"])
def test_metrics_are_those_of_breadth_first_search(golden, prefix):
    arrays = golden("maze_metrics")
    metrics = jax.jit(jax.vmap(maze_level_metrics))(recorded_levels(arrays, prefix))
    length = np.maximum(arrays[prefix + "true_shortest_path_length"], 0)
    np.testing.assert_array_equal(metrics["num_walls"], arrays[prefix + "n_walls"])
    np.testing.assert_array_equal(metrics["shortest_path_length"], length)
    np.testing.assert_array_equal(metrics["passable"], arrays[prefix + "true_passable"])


def test_the_reference_reports_the_same_where_it_is_right(golden):
    arrays = golden("maze_metrics")
    right = arrays["true_passable"] & ~arrays["corner_unreached"]
    lengths = jax.jit(jax.vmap(shortest_path_length))(recorded_levels(arrays, ""))
    assert right.sum() > 50
    np.testing.assert_array_equal(np.asarray(lengths)[right], arrays["shortest_path_length"][right])


@pytest.mark.parametrize("prefix", ["", "wide_"])
def test_distances_from_the_agent_agree_with_the_shortest_path(golden, prefix):
    arrays = golden("maze_metrics")
    levels = recorded_levels(arrays, prefix)
    distances = jax.jit(jax.vmap(distances_from))(levels.wall_map, levels.agent_pos)
    x, y = arrays[prefix + "goal_pos"].T
    at_goal = np.asarray(distances)[np.arange(len(x)), y, x]
    np.testing.assert_array_equal(at_goal, arrays[prefix + "true_shortest_path_length"])
    assert np.all(np.asarray(distances)[arrays[prefix + "wall_map"]] == -1)


def test_a_level_wider_than_a_machine_word_is_searched_across_words():
    width = 70
    drawing = "." * (width - 1) + "G\n" + ".".ljust(width, "#") + "\n>" + "." * (width - 1)
    level = MazeLevel.from_ascii(drawing)
    assert int(shortest_path_length(level)) == 2 + width - 1
    assert int(distances_from(level.wall_map, level.agent_pos)[0, width - 1]) == width + 1


def test_a_walled_off_goal_has_no_path():
    level = MazeLevel.from_ascii(
        """
        >.#G
        ..##
        """
    )
    metrics = Maze(height=2, width=4).level_metrics(level)
    assert {name: float(value) for name, value in metrics.items()} == {
        "num_walls": 3,
        "shortest_path_length": 0,
        "passable": 0,
    }
