"""JaxNav: how episodes end, where maps come from, and what is passable."""

import collections
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("jaxmarl")

from minimax_eqx.envs import Maze
from minimax_eqx.envs._pictures import unstack
from minimax_eqx.envs.adapters._foreign import strong
from minimax_eqx.envs.adapters._jaxnav_package import package_rules
from minimax_eqx.envs.adapters.jaxnav import (
    HandMadeMaps,
    JaxNav,
    JaxNavLevel,
    MapEdits,
    RandomMaps,
)

from .cases.jaxnav import package, start

LIMIT = 45
ENV = JaxNav(height=6, width=8, num_beams=8, max_episode_steps=LIMIT, actions="discrete")
SPEC = ENV.level_spec()
KEYS = jax.random.split(jax.random.key(0), 64)
WAIT, DRIVE = 2, 12


@jax.jit
@jax.vmap
def sampled(key):
    return RandomMaps().sample(SPEC, key=key)


def level_of(drawing, direction=0.0):
    """`#` is a wall, R the robot and G the goal; the first line is y = 0."""
    cells = np.array([list(line) for line in drawing.split()])
    robot, goal = (np.argwhere(cells == symbol)[0][::-1] + 0.5 for symbol in "RG")
    return JaxNavLevel(
        jnp.asarray(cells == "#"),
        jnp.asarray(robot, jnp.float32),
        jnp.float32(direction),
        jnp.asarray(goal, jnp.float32),
        jnp.float32(0.5),
    )


CORRIDOR = level_of("######## #R..G..# #......# #......# #......# ########")
AT_A_WALL = level_of("######## #....RG# #......# #......# #......# ########", -np.pi / 2)
# One cell is closed in, and the map is not square.
DIVIDED = level_of("######## #R.#...# #..#...# #..#...# #..#..G# ########")


@jax.jit
def play(level, actions):
    """The time steps of an episode, and of what comes after it."""
    world = ENV.load(level)

    def step(state, action):
        taken = ENV.step(world, state, action, key=KEYS[0])
        return taken.state, taken

    return jax.lax.scan(step, ENV.reset(world, key=KEYS[0]), actions)[1]


@pytest.mark.parametrize(
    ("level", "action", "outcome"),
    [
        (CORRIDOR, DRIVE, {"terminated", "success"}),
        (AT_A_WALL, DRIVE, {"terminated"}),
        (CORRIDOR, WAIT, {"truncated"}),
    ],
    ids=["goal", "crash", "time"],
)
def test_the_goal_a_crash_and_the_time_limit_are_told_apart(level, action, outcome):
    taken = play(level, jnp.full(LIMIT, action, jnp.int32))
    end = int(np.argmax(taken.done))
    names = ("terminated", "truncated", "success")
    assert {name for name in names if getattr(taken, name)[end]} == outcome
    assert not np.any(taken.success[:end])
    paid = float(taken.reward[end])
    assert (paid > 3) == ("success" in outcome)
    assert (paid < -3) == (outcome == {"terminated"})


def test_discrete_actions_are_the_packages_own_and_print_nothing(capsys):
    own = package(ENV)
    actions = jax.random.randint(KEYS[2], (20, 16), 0, 15, jnp.int32)
    levels = sampled(KEYS[:16])

    @jax.jit
    def ours(levels):
        worlds = jax.vmap(ENV.load)(levels)
        step = jax.vmap(lambda *a: ENV.step(*a, key=KEYS[0]), (0, 0, 0))

        def one(states, actions):
            taken = step(worlds, states, actions)
            return taken.state, (jax.vmap(ENV.observe)(worlds, taken.state), taken.reward)

        return jax.lax.scan(one, worlds, actions)[1]

    @jax.jit
    def theirs(levels):
        states = strong(jax.vmap(lambda level: own.set_env_instance(start(level))[1])(levels))

        def one(states, actions):
            step = jax.vmap(own.step_env, (None, 0, 0))
            seen, states, rewards, _, _ = step(KEYS[0], states, {"agent_0": actions})
            return states, (seen["agent_0"], rewards["agent_0"])

        return jax.lax.scan(one, states, actions)[1]

    taken = ours(levels)
    assert capsys.readouterr().out == ""
    with package_rules():
        for one, other in zip(taken, theirs(levels), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_action_beyond_the_bounds_is_as_far_as_the_robot_gets():
    env = dataclasses.replace(ENV, actions="continuous")
    world = env.load(CORRIDOR)
    step = jax.jit(lambda action: env.step(world, world, action, key=KEYS[0]).state.package.vel)
    np.testing.assert_allclose(step(jnp.array([9.0, -9.0])), [[0.1, -0.1]], atol=1e-6)
    beyond, last = (play(CORRIDOR, jnp.full(LIMIT, a, jnp.int32)).reward for a in (99, 14))
    np.testing.assert_array_equal(beyond, last)
    with pytest.raises(ValueError, match="at most"):
        env.action_spec().check(jnp.array([1.5, 0.0], jnp.float32))


def test_types_are_the_same_where_64_bits_are_the_default():
    def begin(key):
        level = RandomMaps().sample(SPEC, key=key)
        world = ENV.load(level)
        action = ENV.action_spec().sample(key)
        return level, world, ENV.step(world, world, action, key=key), ENV.level_metrics(level)

    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        wide = jax.eval_shape(begin, KEYS[0])
    assert wide == jax.eval_shape(begin, KEYS[0])


def test_random_maps_are_those_that_the_package_begins_with():
    own = package(ENV)
    with package_rules():
        states = jax.jit(jax.vmap(own.sample_test_case))(KEYS)
    keys = jax.vmap(jax.random.split)(KEYS)[:, 0]
    levels = sampled(keys)
    np.testing.assert_array_equal(levels.walls, states.map_data == 1)
    np.testing.assert_array_equal(levels.position, states.pos[:, 0])
    np.testing.assert_array_equal(levels.direction, states.theta[:, 0])
    np.testing.assert_array_equal(levels.goal, states.goal[:, 0])
    np.testing.assert_array_equal(levels.reward_weight, states.rew_lambda)


def test_a_level_is_passable_where_cells_lead_to_its_goal():
    levels = sampled(KEYS)
    metrics = jax.jit(jax.vmap(ENV.level_metrics))(levels)
    expected = [shortest(level) for level in unstack(levels)]
    np.testing.assert_array_equal(metrics["passable"], [length is not None for length in expected])
    np.testing.assert_array_equal(metrics["shortest_path"], [length or 0 for length in expected])
    assert 0 < np.mean(metrics["passable"]) < 1
    walls = ENV.level_metrics(DIVIDED)
    assert {name: float(value) for name, value in walls.items()} == {
        "num_walls": 4, "passable": 0, "shortest_path": 0
    }  # fmt: skip


def shortest(level):
    """Steps from cell to cell, by a search of our own; None where there is no way."""
    walls, goal = np.asarray(level.walls), tuple(np.floor(level.goal).astype(int))
    begin = tuple(np.floor(level.position).astype(int))
    lengths, border = {begin: 0}, collections.deque([begin])
    while border:
        x, y = border.popleft()
        for cell in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if not walls[cell[1], cell[0]] and cell not in lengths:
                lengths[cell] = lengths[x, y] + 1
                border.append(cell)
    return lengths.get(goal)


def test_edits_change_walls_goal_and_robot_and_leave_room_for_both():
    edits = MapEdits(num_edits=10, move_robot=True)
    levels = sampled(KEYS)
    edited = jax.jit(jax.vmap(lambda level, key: edits.mutate(level, key=key)))(levels, KEYS)
    more = np.sum(edited.walls, axis=(1, 2), dtype=int) - np.sum(levels.walls, axis=(1, 2))
    assert more.min() < 0 < more.max()
    for name in ("goal", "position", "direction"):
        assert np.any(getattr(edited, name) != getattr(levels, name))
    walls = np.asarray(edited.walls)
    assert np.all(walls[:, [0, -1]])
    assert np.all(walls[:, :, [0, -1]])
    cells = [np.floor(place).astype(int) for place in (edited.position, edited.goal)]
    for columns, rows in (cell.T for cell in cells):
        assert not np.any(walls[np.arange(len(KEYS)), rows, columns])
    assert np.all(np.any(cells[0] != cells[1], axis=1))


def test_the_hand_made_maps_are_played_as_training_is():
    panels = HandMadeMaps().panels(ENV)
    assert {name: (env.height, env.width) for name, (env, _) in panels.items()} == {
        **{"BlankTest": (7, 7), "MiddleTest": (7, 7)},
        **{f"SingleNav{i}": (7, 11) for i in (1, 2, 3)},
    }
    for env, generator in panels.values():
        level = generator.sample(env.level_spec(), key=KEYS[0])
        assert env.level_metrics(level)["passable"] == 1
        assert dataclasses.replace(env, height=6, width=8) == ENV


def test_a_robot_is_drawn_where_it_is():
    artist = ENV.artist()
    picture = artist.draw_level(CORRIDOR)
    assert picture.shape == (6 * artist.cell_size, 8 * artist.cell_size, 3)
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[ENV.load(CORRIDOR)] * 3)
    pictures = artist.draw_episode(ENV, CORRIDOR, states, 1)
    assert [each.shape for each in pictures] == [picture.shape] * 2
    middle = picture[::-1][3 * artist.cell_size // 2, 3 * artist.cell_size // 2]
    assert tuple(middle) == (226, 54, 48)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JaxNav(height=2), r"JaxNav.height is 2; it must be at least 3"),
        (lambda: JaxNav(height=3, width=3), r"within the border there is one cell"),
        (lambda: JaxNav(goal_radius=0.0), r"JaxNav.goal_radius is 0.0; it must be positive"),
        (lambda: JaxNav(num_beams=0), r"JaxNav.num_beams is 0"),
        (lambda: RandomMaps(fill=1.5), r"RandomMaps.fill is 1.5"),
        (
            lambda: RandomMaps(fill=1.0).sample(SPEC, key=KEYS[0]),
            r"RandomMaps.fill is 1.0: in a map of 6 x 8 cells, 24 of them",
        ),
        (lambda: MapEdits(num_edits=-1), r"MapEdits.num_edits is -1"),
        (lambda: HandMadeMaps(("SingleNav4",)), r"Did you mean 'SingleNav"),
        (lambda: HandMadeMaps().panels(Maze()), r"trained in JaxNav; this environment is a Maze"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
