"""The maze's dynamics and observations, against transitions recorded from the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs.maze import MazeLevel
from minimax_eqx.envs.maze._maze import Maze, MazeState


def play_again_and_again(env, level, actions):
    """Plays actions on one level, starting anew at every end; also gives each step's result."""
    key = jax.random.key(0)
    world = env.load(level)
    start = env.reset(world, key=key)

    def advance(state, action):
        step = env.step(world, state, action, key=key)
        state = jax.tree.map(lambda new, old: jnp.where(step.done, new, old), start, step.state)
        return state, (state, env.observe(world, state), step)

    first = env.observe(world, start)
    return first, jax.lax.scan(advance, start, actions)[1]


@pytest.mark.parametrize("configuration", range(7))
def test_every_recorded_transition_is_reproduced(golden, configuration):
    arrays = golden("maze_transitions")
    height, width, _, view_size, see_agent, limit = arrays["configs"][configuration].tolist()
    recorded = {
        name.removeprefix(f"c{configuration}_"): array
        for name, array in arrays.items()
        if name.startswith(f"c{configuration}_")
    }
    env = Maze(
        height=height,
        width=width,
        view_size=view_size,
        max_episode_steps=limit,
        see_agent=bool(see_agent),
    )
    levels = MazeLevel(
        wall_map=jnp.asarray(recorded["wall_map"]),
        agent_pos=jnp.asarray(recorded["agent_pos"], jnp.int32),
        agent_dir=jnp.asarray(recorded["agent_dir"], jnp.int32),
        goal_pos=jnp.asarray(recorded["goal_pos"], jnp.int32),
    )
    actions = jnp.asarray(recorded["actions"], jnp.int32)
    play = jax.jit(jax.vmap(lambda level, actions: play_again_and_again(env, level, actions)))
    first, (states, observations, steps) = play(levels, actions)

    images = np.concatenate([first.image[:, None], observations.image], axis=1)
    directions = np.concatenate([first.agent_dir[:, None], observations.agent_dir], axis=1)
    np.testing.assert_array_equal(images, recorded["obs_image"])
    np.testing.assert_array_equal(directions, recorded["obs_dir"])
    np.testing.assert_allclose(steps.reward, recorded["reward"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(steps.done, recorded["done"])
    np.testing.assert_array_equal(steps.success, recorded["reward"] > 0)
    np.testing.assert_array_equal(states.agent_pos, recorded["next_agent_pos"])
    np.testing.assert_array_equal(states.agent_dir, recorded["next_agent_dir"])
    np.testing.assert_array_equal(states.time, recorded["next_time"])


def after(env, drawing, actions):
    """The steps of a walk through a drawn level, and what is seen at its end."""
    key = jax.random.key(0)
    world = env.load(MazeLevel.from_ascii(drawing))
    state = env.reset(world, key=key)
    steps = []
    for action in actions:
        steps.append(env.step(world, state, jnp.array(action), key=key))
        state = steps[-1].state
    return steps, env.observe(world, state)


LEFT, RIGHT, FORWARD, PICK_UP, DROP, TOGGLE, DONE = range(7)
ROOM = """
    >#.
    ..G
"""


def test_a_blocked_agent_stays_where_it_is():
    env = Maze(height=2, width=3)
    steps, _ = after(env, ROOM, [FORWARD, LEFT, FORWARD])
    for step, direction in zip(steps, [0, 3, 3], strict=True):
        assert step.state.agent_pos.tolist() == [0, 0]
        assert int(step.state.agent_dir) == direction
        assert float(step.reward) == 0
        assert not step.done


@pytest.mark.parametrize("action", [PICK_UP, DROP, TOGGLE, DONE])
def test_other_actions_only_pass_time(action):
    (step,), _ = after(Maze(height=2, width=3), ROOM, [action])
    assert step.state.agent_pos.tolist() == [0, 0]
    assert int(step.state.agent_dir) == 0
    assert int(step.state.time) == 1


def test_the_agent_walks_onto_the_goal_and_is_paid_less_the_longer_it_took():
    env = Maze(height=2, width=3, max_episode_steps=10)
    steps, _ = after(env, ROOM, [RIGHT, FORWARD, LEFT, FORWARD, FORWARD])
    assert [bool(step.done) for step in steps] == [False] * 4 + [True]
    last = steps[-1]
    assert last.state.agent_pos.tolist() == [2, 1]
    assert last.success
    assert last.terminated
    assert not last.truncated
    assert float(last.reward) == pytest.approx(1 - 0.9 * 5 / 10)


def test_an_episode_is_truncated_at_the_time_limit():
    steps, _ = after(Maze(height=2, width=3, max_episode_steps=2), ROOM, [LEFT, LEFT])
    assert [bool(step.truncated) for step in steps] == [False, True]
    assert not steps[-1].terminated
    assert not steps[-1].success


def test_reaching_the_goal_in_the_last_step_is_a_success_and_no_truncation():
    steps, _ = after(Maze(height=2, width=3, max_episode_steps=1), ".>G\n...", [FORWARD])
    assert steps[0].success
    assert steps[0].terminated
    assert not steps[0].truncated


def test_the_position_is_observed_only_on_request():
    _, without = after(Maze(height=2, width=3), ROOM, [])
    _, with_position = after(Maze(height=2, width=3, include_position=True), ROOM, [RIGHT, FORWARD])
    assert without.agent_pos is None
    # Divided by the longer side.
    np.testing.assert_allclose(with_position.agent_pos, [0, 1 / 3], rtol=1e-6)


def test_a_wall_hides_what_is_behind_it():
    drawing = """
        ..G..
        #####
        .....
        ..^..
        .....
    """
    _, past_walls = after(Maze(height=5, width=5), drawing, [])
    _, behind_walls = after(Maze(height=5, width=5, see_through_walls=False), drawing, [])
    assert past_walls.image[1, :, 0].tolist() == [1, 1, 8, 1, 1]
    assert behind_walls.image[1, :, 0].tolist() == [0, 0, 0, 0, 0]
    assert behind_walls.image[2, :, 0].tolist() == [2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 1}, r"Maze.height is 1; it must be between 2 and 8,388,608"),
        ({"height": 100_000, "width": 100_000}, r"Maze has 100000 x 100000 .* at most 16,777,216"),
        ({"width": 10**12}, r"Maze.width is 1000000000000; it must be between"),
        ({"view_size": 257}, "view_size is 257; it must be between 3 and 255"),
        ({"max_episode_steps": 2**31}, "steps is 2147483648; it must be between 1 and 2,147"),
        ({"width": 0}, "Maze.width is 0"),
        ({"view_size": 4}, r"Maze.view_size is 4; it must be odd, so that"),
        ({"view_size": 1}, "Maze.view_size is 1"),
        ({"max_episode_steps": 0}, r"Maze.max_episode_steps is 0; it must be between 1 and"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Maze(**arguments)


def test_a_level_of_another_size_is_refused():
    level = MazeLevel.from_ascii(ROOM)
    with pytest.raises(ValueError, match=r"2 x 3 cells .* height 13 and width 13"):
        Maze().load(level)


def test_specs_describe_levels_and_observations():
    env = Maze(height=2, width=3, include_position=True)
    level = MazeLevel.from_ascii(ROOM)
    world = env.load(level)
    seen = env.observe(world, env.reset(world, key=jax.random.key(0)))
    for tree, spec in ((level, env.level_spec()), (seen, env.observation_spec())):
        shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)
        assert shapes == jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), spec)


def test_a_step_keeps_the_types_of_the_state():
    env = Maze(height=2, width=3)
    world = jax.eval_shape(env.load, env.level_spec())
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(lambda world, key: env.reset(world, key=key), world, key)
    action = jax.ShapeDtypeStruct((), jnp.int32)
    step = jax.eval_shape(
        lambda world, state, action, key: env.step(world, state, action, key=key),
        world, state, action, key,
    )  # fmt: skip
    assert isinstance(step.state, MazeState)
    assert jax.tree.leaves(step.state) == jax.tree.leaves(state)
