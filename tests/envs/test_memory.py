"""The memory maze, against trajectories recorded from the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs.maze import MemoryMaze, RandomMemory
from minimax_eqx.envs.maze._memory import MemoryLevel

LEFT, RIGHT, FORWARD = range(3)
RED, GREEN = 0, 1
TO_THE_END = [FORWARD] * 9
UP, DOWN = [LEFT, FORWARD, FORWARD], [RIGHT, FORWARD, FORWARD]


@jax.jit
def walk(rewarding, actions):
    """Steps through a memory maze, starting anew at every end, and all observations."""
    env, key = MemoryMaze(), jax.random.key(0)
    world = env.load(MemoryLevel(rewarding))
    start = env.reset(world, key=key)

    def advance(state, action):
        step = env.step(world, state, action, key=key)
        state = jax.tree.map(lambda new, old: jnp.where(step.done, new, old), start, step.state)
        return state, (state, env.observe(world, state), step)

    first = env.observe(world, start)
    return first, jax.lax.scan(advance, start, actions)[1]


def test_every_recorded_transition_is_reproduced(golden):
    recorded = golden("maze_ood_levels")
    rewarding = jnp.asarray(recorded["Memory__traj_goal_pos"][:, 1] == 9, jnp.int32)
    actions = jnp.asarray(recorded["Memory__traj_actions"], jnp.int32)
    first, (states, seen, steps) = jax.vmap(walk)(rewarding, actions)
    images = np.concatenate([first.image[:, None], seen.image], axis=1)
    np.testing.assert_array_equal(images, recorded["Memory__traj_obs_image"])
    np.testing.assert_allclose(steps.reward, recorded["Memory__traj_reward"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(steps.done, recorded["Memory__traj_done"])
    np.testing.assert_array_equal(states.agent_pos, recorded["Memory__traj_next_agent_pos"])
    np.testing.assert_array_equal(states.agent_dir, recorded["Memory__traj_next_agent_dir"])


def test_the_first_picture_and_the_objects_are_as_recorded(golden):
    recorded = golden("maze_ood_levels")
    assert recorded["Memory__goal_pos_first"].tolist() in ([[9, 5], [9, 9]], [[9, 9], [9, 5]])
    for index, goal in enumerate(recorded["Memory__goal_pos_first"]):
        level = MemoryLevel(jnp.array(int(goal[1] == 9)))
        first, _ = walk(level.rewarding, jnp.array([LEFT]))
        np.testing.assert_array_equal(first.image, recorded["Memory__initial_obs_image"][index])
        objects = recorded["Memory__object_map"][index].copy()
        objects[7, 0] = (1, 0, 0)  # the agent, which is no part of the cells
        np.testing.assert_array_equal(np.asarray(level.cells()) & 15, objects[..., 0])
        np.testing.assert_array_equal(np.asarray(level.cells()) >> 4, objects[..., 1])


@pytest.mark.parametrize(("rewarding", "way"), [(RED, UP), (GREEN, DOWN)])
def test_the_object_of_the_clue_pays(rewarding, way):
    _, (_, _, steps) = walk(jnp.array(rewarding), jnp.array(TO_THE_END + way))
    assert steps.done.tolist() == [False] * 11 + [True]
    assert bool(steps.success[-1])
    assert float(steps.reward[-1]) == pytest.approx(1 - 0.9 * 12 / 250)


@pytest.mark.parametrize(("rewarding", "way"), [(RED, DOWN), (GREEN, UP)])
def test_the_other_object_ends_the_episode_without_reward(rewarding, way):
    _, (_, _, steps) = walk(jnp.array(rewarding), jnp.array(TO_THE_END + way))
    assert steps.terminated.tolist() == [False] * 11 + [True]
    assert not np.any(steps.success)
    assert not np.any(steps.truncated)
    assert not np.any(steps.reward)


def test_the_clue_cannot_be_entered():
    _, (states, _, steps) = walk(jnp.array(RED), jnp.array([LEFT, FORWARD]))
    assert states.agent_pos[-1].tolist() == [0, 7]
    assert not np.any(steps.done)


def test_an_episode_is_truncated_at_the_time_limit():
    _, (_, _, steps) = walk(jnp.array(RED), jnp.full(250, LEFT))
    assert np.flatnonzero(steps.truncated).tolist() == [249]
    assert not np.any(steps.terminated)


def test_either_object_pays_with_equal_chances():
    keys = jax.random.split(jax.random.key(0), 2000)
    level = MemoryMaze().level_spec()
    draw = jax.vmap(lambda key: RandomMemory().sample(level, key=key))
    rewarding = draw(keys).rewarding
    assert set(np.unique(rewarding)) == {RED, GREEN}
    assert float(jnp.mean(rewarding)) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("rewarding", [RED, GREEN])
def test_metrics_describe_the_way_to_the_object_that_pays(rewarding):
    metrics = MemoryMaze().level_metrics(MemoryLevel(jnp.array(rewarding)))
    assert float(metrics["shortest_path_length"]) == 11
    assert float(metrics["passable"]) == 1
    assert float(metrics["num_walls"]) == 49


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"Maze.view_size is 4; it must be odd"):
        MemoryMaze(view_size=4)
