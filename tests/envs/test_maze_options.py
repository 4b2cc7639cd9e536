"""Lava, several goals, keys and doors: best returns, levels, edits, generators and pictures."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import minigrid.envs
import numpy as np
import pytest

from minimax_eqx.envs import Maze, check_env
from minimax_eqx.envs.maze import (
    Crossings,
    DoorKey,
    FlipLava,
    HeldOutMazes,
    MazeEdits,
    MazeLevel,
    MoveDoor,
    MoveGoal,
    MoveKey,
    PerfectMaze,
    RandomObjects,
    RandomWalls,
)
from minimax_eqx.envs.maze._maze import MazeState
from minimax_eqx.envs.maze._metrics import fewest_actions, shortest_path_length
from minimax_eqx.envs.maze._render import render, render_ascii

ENV = Maze(4, 5, lava=True, num_goals=2, locked_door=True, max_episode_steps=14)
OBJECTS = RandomObjects(RandomWalls(5, replace=False), num_lava=2)
DRAWING = """
G#..K
.D~#.
##.>.
....G
""".strip()
LEVEL = MazeLevel.from_ascii(DRAWING)
KEY = jax.random.key(0)


@eqx.filter_jit
def draw(generator, env, num, seed=0):
    keys = jax.random.split(jax.random.key(seed), num)
    return jax.vmap(lambda key: generator.sample(env.level_spec(), key=key))(keys)


def each(levels):
    levels = jax.device_get(levels)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], levels) for i in range(len(levels.goal_pos))]


def every_state(env):
    """All states of a maze with a locked door, and a number for each."""
    height, width = env.height, env.width
    spots = [(x, y) for y in range(height) for x in range(width)]
    places = jnp.array([*spots, (-1, -1)], jnp.int32)
    shape = (len(spots), 4, len(places), 3)
    at, looks, held, door = np.unravel_index(np.arange(np.prod(shape)), shape)
    time = jnp.zeros(len(at), jnp.int32)
    states = MazeState(
        places[at], jnp.asarray(looks, jnp.int32), time, places[held], jnp.asarray(door, jnp.int32)
    )

    def number(state):
        at, held = (
            jnp.where(p[..., 0] < 0, len(spots), p[..., 1] * width + p[..., 0])
            for p in (state.agent_pos, state.key_pos)
        )
        return ((at * 4 + state.agent_dir) * len(places) + held) * 3 + state.door

    return states, number


def fewest_by_trying(env, levels, num_actions=6):
    """The fewest actions into a goal of each level, by all actions in all states; 0 if none do."""
    states, number = every_state(env)

    @jax.jit
    @jax.vmap
    def tables(level):
        world = env.load(level)
        act = lambda state, action: env.step(world, state, action, key=KEY)  # noqa: E731
        act = jax.vmap(jax.vmap(act, (None, 0)), (0, None))
        steps = act(states, jnp.arange(num_actions))
        start = number(env.reset(world, key=KEY))
        return start, number(steps.state), steps.success, steps.terminated

    fewest = []
    for start, leads_to, wins, ends in zip(*jax.device_get(tables(levels)), strict=True):
        reached, count = np.zeros(len(leads_to), bool), 0
        reached[start] = True
        while not np.any(wins[reached]):
            following = leads_to[reached][~ends[reached]]
            if np.all(reached[following]):
                count = -1
                break
            reached[following] = True
            count += 1
        fewest.append(count + 1)
    return fewest


def test_the_best_return_is_that_of_the_best_of_all_ways_to_play():
    levels = draw(OBJECTS, ENV, 24)
    expected = np.array(fewest_by_trying(ENV, levels))
    optima = jax.jit(jax.vmap(ENV.optimal_return))(levels)
    in_time = (expected > 0) & (expected <= ENV.max_episode_steps)
    np.testing.assert_allclose(optima, np.where(in_time, 1 - 0.9 * expected / 14, 0), rtol=1e-6)
    metrics = jax.device_get(jax.jit(jax.vmap(ENV.level_metrics))(levels))
    np.testing.assert_array_equal(metrics["passable"], expected > 0)
    assert np.all(metrics["num_lava"] == 2)
    assert np.all(metrics["shortest_path_length"] <= expected)
    assert 3 < np.sum(expected > 0) < 24
    # On some, the way is through the door.
    walled = dataclasses.replace(levels, key_pos=jnp.full_like(levels.key_pos, -9))
    without_key = jax.jit(jax.vmap(ENV.level_metrics))(walled)["passable"]
    assert np.any(without_key < metrics["passable"])


@pytest.mark.parametrize(
    ("drawing", "moves", "actions"),
    [
        # Turn left twice, pick up, turn back, forward, open, forward twice.
        ("K>.DG", 3, 9),
        # The key is in the way; the door is not.
        (">KG\n##D", 2, 3),
        (">~G\n...", 4, 7),
        ("G.>.G", 2, 2),
        (">.DGK", 0, 0),
    ],
)
def test_a_way_goes_around_lava_and_past_the_key_to_the_nearest_goal(drawing, moves, actions):
    level = MazeLevel.from_ascii(drawing)
    assert int(jax.jit(shortest_path_length)(level)) == moves
    assert int(jax.jit(fewest_actions)(level)) == actions


def test_a_level_with_more_is_read_as_it_is_drawn():
    LEVEL.check(4, 5)
    assert LEVEL.to_ascii() == DRAWING
    assert [tuple(place.tolist()) for place in LEVEL.things()] == [
        *((3, 2), (0, 0), (4, 3), (4, 0), (1, 1))
    ]
    assert np.argwhere(LEVEL.lava_map).tolist() == [[1, 2]]
    spec = Maze(6, 6, lava=True, mixed_sizes=True).level_spec()
    fitted = MazeLevel.from_ascii(">.G").fitted(spec)
    assert jax.tree.structure(fitted) == jax.tree.structure(spec)
    assert not np.any(fitted.lava_map)


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (lambda: MazeLevel.from_ascii(">KG"), r"exactly one door \(D\) .* has 0"),
        (lambda: MazeLevel.from_ascii(">DG"), r"exactly one key \(K\) .* has 0"),
        (lambda: MazeLevel.from_ascii(">DKKG"), r"exactly one key \(K\) .* has 2"),
        (lambda: Maze(4, 5).load(LEVEL), "lava_map has shape .* with lava=False"),
        (lambda: Maze(4, 5, lava=True).load(LEVEL), "other_goals has shape .* with num_goals=1"),
        (lambda: Maze(num_goals=0), "num_goals is 0"),
        (lambda: draw(PerfectMaze(), ENV, 1), "PerfectMaze makes no lava, .* RandomObjects"),
        (lambda: draw(OBJECTS, Maze(1 + 1, 2, locked_door=True), 1), "RandomObjects has 6 things"),
        (lambda: draw(DoorKey(), Maze(), 1), "13 columns and no locked door"),
        (lambda: draw(Crossings(13), Maze(), 1), "13 x 13 cells has room for at most 12"),
        (lambda: FlipLava().mutate(MazeLevel.from_ascii(">G"), key=KEY), "Maze.lava=True"),
        (lambda: MoveKey().mutate(MazeLevel.from_ascii(">G"), key=KEY), "locked_door=True"),
        (lambda: MoveDoor().mutate(MazeLevel.from_ascii(">G"), key=KEY), "locked_door=True"),
        (
            lambda: dataclasses.replace(LEVEL, key_pos=LEVEL.goal_pos).check(),
            r"key_pos \(x=0, y=0\) is where a wall, lava or something else is",
        ),
        (
            lambda: dataclasses.replace(LEVEL, door_pos=jnp.array([-1, 0])).check(),
            r"door_pos is \(x=-1, y=0\), off the grid",
        ),
        (
            lambda: dataclasses.replace(LEVEL, lava_map=LEVEL.wall_map).check(),
            "lava inside a wall",
        ),
    ],
)
def test_what_does_not_fit_is_refused(cause, message):
    with pytest.raises(ValueError, match=message):
        cause()


@pytest.mark.parametrize(
    ("mutator", "changes"),
    [
        (FlipLava(), {"lava_map"}),
        (MoveKey(), {"key_pos"}),
        (MoveDoor(), {"door_pos", "wall_map"}),
        (MoveGoal(), {"goal_pos", "other_goals"}),
        (MazeEdits(20), {"lava_map", "key_pos", "door_pos", "wall_map", "goal_pos", "other_goals"}),
    ],
)
def test_an_edit_makes_a_level_that_can_be_played(mutator, changes):
    edit = jax.jit(jax.vmap(lambda key: mutator.mutate(LEVEL, key=key)))
    edited = each(edit(jax.random.split(KEY, 40)))
    changed = set()
    for level in edited:
        level.check(4, 5)
        changed |= {
            name
            for name in vars(level)
            if not np.array_equal(getattr(level, name), getattr(LEVEL, name))
        }
    assert changed == changes


@pytest.mark.parametrize("mixed_sizes", [False, True])
def test_objects_are_put_where_nothing_is(mixed_sizes):
    env = dataclasses.replace(ENV, height=7, width=7, mixed_sizes=mixed_sizes)
    levels = each(draw(OBJECTS, env, 40))
    in_walls = 0
    for level in levels:
        level.check(7, 7)
        assert level.lava_map.sum() == 2
        x, y = level.door_pos + 1
        free = np.pad(~level.wall_map, 1)
        across, down = free[y, x - 1] and free[y, x + 1], free[y - 1, x] and free[y + 1, x]
        in_walls += across or down
    assert in_walls > 30


GAMES = {
    "SimpleCrossing": (minigrid.envs.CrossingEnv, {"obstacle_type": "wall"}, "wall"),
    "LavaCrossing": (minigrid.envs.CrossingEnv, {"obstacle_type": "lava"}, "lava"),
    "DoorKey": (minigrid.envs.DoorKeyEnv, {}, "wall"),
}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SimpleCrossingS9N3", {"size": 9, "num_crossings": 3}),
        ("LavaCrossingS9N2", {"size": 9, "num_crossings": 2}),
        ("DoorKey-6x6", {"size": 6}),
    ],
)
def test_a_maze_of_minigrid_is_distributed_as_there(name, options):
    make, fixed, obstacle = GAMES[name.split("S9")[0].split("-")[0]]
    game, num = make(**options, **fixed), 800
    (env, generator) = HeldOutMazes((name,)).panels(Maze())[name]
    assert env.max_episode_steps == game.max_steps
    levels = draw(generator, env, num)
    for level in each(levels)[:20]:
        level.check(env.height, env.width)
    assert np.all(jax.jit(jax.vmap(env.level_metrics))(levels)["passable"] == 1)
    seen = np.zeros((4, env.height, env.width))
    for seed in range(num):
        game.reset(seed=seed)
        codes = game.grid.encode()[1:-1, 1:-1, 0].T
        kinds = [{"wall": 2, "lava": 9}[obstacle], 4, 5]
        seen[:3] += [codes == kind for kind in kinds]
        seen[3, game.agent_pos[1] - 1, game.agent_pos[0] - 1] += 1
    ours = np.zeros_like(seen)
    ours[0] = np.sum(levels.lava_map if obstacle == "lava" else levels.wall_map, axis=0)
    places = [levels.door_pos, levels.key_pos, levels.agent_pos]
    for i, position in enumerate(places, 1):
        if position is not None:
            np.add.at(ours[i], (position[:, 1], position[:, 0]), 1)
    drawn = {level.to_ascii() for level in each(levels)}
    assert len(drawn) <= generator.count_levels(env.level_spec())
    np.testing.assert_array_equal(ours == 0, seen == 0)
    np.testing.assert_allclose(ours / num, seen / num, atol=0.09)


def test_other_names_and_new_labyrinths_are_known():
    panels = HeldOutMazes(("SixteenRoomsFewerDoors", "NineRooms", "MediumMaze")).panels(Maze())
    assert list(panels) == ["SixteenRooms2", "NineRooms", "MediumMaze"]
    lengths = [
        env.level_metrics(jax.tree.map(lambda leaf: leaf[0], generator.levels))
        for env, generator in panels.values()
    ]
    lengths = [float(metrics["shortest_path_length"]) for metrics in lengths]
    assert lengths[1] == 20
    assert all(length > 0 for length in lengths)


def test_a_picture_shows_lava_and_the_state_of_key_and_door():
    start = ENV.reset(ENV.load(LEVEL), key=KEY)
    assert render_ascii(LEVEL, start) == DRAWING
    carried = dataclasses.replace(start, key_pos=jnp.array([-1, -1]))
    opened = dataclasses.replace(carried, door=jnp.array(0))
    assert render_ascii(LEVEL, carried) == DRAWING.replace("K", ".")
    assert render_ascii(LEVEL, opened) == DRAWING.replace("K", ".").replace("D", "/")
    pictures = [render(LEVEL, state, env=ENV) for state in (start, carried, opened)]
    closed = render(LEVEL, dataclasses.replace(carried, door=jnp.array(1)))
    assert len({picture.tobytes() for picture in (*pictures, closed)}) == 4


@pytest.mark.slow
def test_a_maze_with_all_of_it_keeps_the_rules():
    env = dataclasses.replace(ENV, mixed_sizes=True)
    check_env(env, RandomObjects(RandomWalls(3, min_side=4), num_lava=1), mutator=MazeEdits(3))
