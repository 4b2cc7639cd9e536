"""Path lengths and wall counts, against breadth-first search and the reference."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs.maze import HeldOutMazes, MazeLevel, PerfectMaze, RandomWalls
from minimax_eqx.envs.maze._level import maze_level_spec
from minimax_eqx.envs.maze._maze import Maze
from minimax_eqx.envs.maze._metrics import (
    distances_from,
    fewest_actions,
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


@functools.partial(jax.jit, static_argnums=0)
def try_all(env, world, state):
    """What turning left, turning right and going forward lead to."""
    step = jax.vmap(lambda action: env.step(world, state, action, key=jax.random.key(0)))
    return step(jnp.arange(3))


def brute_force(env, level):
    """The best return of all sequences of actions, tried out pose by pose."""
    world = env.load(level)
    frontier, seen = [env.reset(world, key=jax.random.key(0))], set()
    for _ in range(env.max_episode_steps):
        following = {}
        for state in frontier:
            steps = jax.device_get(try_all(env, world, state))
            if np.any(steps.success):
                return steps.reward.max()
            for i in range(3):
                after = jax.tree.map(lambda leaf, i=i: leaf[i], steps.state)
                following[(*after.agent_pos.tolist(), int(after.agent_dir))] = after
        frontier = [state for pose, state in following.items() if pose not in seen]
        seen |= set(following)
    return 0.0


@pytest.mark.parametrize(
    ("drawing", "num_actions"),
    [
        (">.G\n...", 2),
        ("<.G\n...", 4),
        ("v#G\n...", 6),
        ("^.#.\n.#..\n..#G", None),
        ("G#.\n..<", 4),
        (f"{'.' * 40}\n>{'#' * 38}G", 44),
    ],
)
@pytest.mark.parametrize("limit", [250, 5])
def test_the_optimal_return_is_that_of_the_fewest_actions(drawing, num_actions, limit):
    level = MazeLevel.from_ascii(drawing)
    env = Maze(*level.wall_map.shape, max_episode_steps=limit)
    in_time = num_actions is not None and num_actions <= limit
    expected = 1 - 0.9 * num_actions / limit if in_time else 0
    assert float(jax.jit(env.optimal_return)(level)) == pytest.approx(expected)


def test_the_optimal_return_of_random_mazes_is_that_of_brute_force():
    env = Maze(height=4, width=5, max_episode_steps=12)
    draw = jax.vmap(lambda key: RandomWalls(9).sample(env.level_spec(), key=key))
    levels = jax.jit(draw)(jax.random.split(jax.random.key(3), 10))
    optima = jax.jit(jax.vmap(env.optimal_return))(levels)
    expected = [
        brute_force(env, jax.tree.map(lambda leaf, i=i: leaf[i], levels)) for i in range(10)
    ]
    np.testing.assert_array_equal(optima, np.float32(expected))
    assert 0 < np.count_nonzero(expected) < 10


def counted_actions(level):
    """The fewest actions into the goal, by breadth-first search in plain Python; 0 if none lead."""
    walls, (height, width) = np.asarray(level.wall_map).tolist(), level.wall_map.shape
    goal, start = tuple(level.goal_pos.tolist()), tuple(level.agent_pos.tolist())
    frontier = {(*start, int(level.agent_dir))}
    seen, num_actions = set(frontier), 0
    while frontier:
        num_actions, following = num_actions + 1, set()
        for x, y, looks in frontier:
            dx, dy = ((1, 0), (0, 1), (-1, 0), (0, -1))[looks]
            to = x + dx, y + dy
            if to == goal:
                return num_actions
            following |= {(x, y, (looks + 1) % 4), (x, y, (looks - 1) % 4)}
            if 0 <= to[0] < width and 0 <= to[1] < height and not walls[to[1]][to[0]]:
                following.add((*to, looks))
        frontier = following - seen
        seen |= frontier
    return 0


def counted(levels):
    each = [jax.tree.map(lambda leaf, i=i: leaf[i], levels) for i in range(len(levels.goal_pos))]
    return [counted_actions(level) for level in jax.device_get(each)]


@eqx.filter_jit
def draw_levels(generator, height, width):
    sample = lambda key: generator.sample(maze_level_spec(height, width), key=key)  # noqa: E731
    return jax.vmap(sample)(jax.random.split(jax.random.key(1), 4))


count_actions = jax.jit(jax.vmap(fewest_actions))
SHAPES = {
    "one row": (RandomWalls(1), 1, 7),
    "one column": (RandomWalls(1), 7, 1),
    "many walls": (RandomWalls(60), 9, 13),
    "wider than a word": (RandomWalls(90), 5, 70),
    "a large maze": (PerfectMaze(), 101, 101),
}
HELD_OUT = HeldOutMazes(("SixteenRooms", "Labyrinth2", "LargeCorridor", "FourRooms", "Crossing"))


@pytest.mark.parametrize("name", SHAPES)
def test_the_fewest_actions_are_those_that_a_search_counts(name):
    levels = draw_levels(*SHAPES[name])
    expected = counted(levels)
    assert count_actions(levels).tolist() == expected
    assert (0 in expected) == (name not in ("a large maze", "wider than a word"))


def test_the_fewest_actions_in_held_out_mazes_are_those_that_a_search_counts():
    for env, generator in HELD_OUT.panels(Maze()).values():
        levels = draw_levels(generator, env.height, env.width)
        assert count_actions(levels).tolist() == counted(levels)
