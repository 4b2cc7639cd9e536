"""Our maze beside PyPI's MiniGrid, step by step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from minigrid.core.grid import Grid
from minigrid.core.mission import MissionSpace
from minigrid.core.world_object import Door, Goal, Key, Lava, Wall
from minigrid.minigrid_env import MiniGridEnv

from minimax_eqx.envs.maze import RandomObjects, RandomWalls
from minimax_eqx.envs.maze._maze import Maze

NUM_LEVELS, NUM_STEPS, LIMIT = 32, 50, 40


class MiniGridMaze(MiniGridEnv):
    """MiniGrid with one of our levels, and a border of walls around it."""

    def __init__(self, level, *, view_size, see_through_walls):
        self.level = level
        height, width = level.wall_map.shape
        super().__init__(
            mission_space=MissionSpace(mission_func=lambda: "reach the goal"),
            width=width + 2,
            height=height + 2,
            max_steps=LIMIT,
            see_through_walls=see_through_walls,
            agent_view_size=view_size,
        )

    def _gen_grid(self, width, height):
        self.grid = Grid(width, height)
        self.grid.wall_rect(0, 0, width, height)
        for y, x in np.argwhere(self.level.wall_map):
            self.grid.set(int(x) + 1, int(y) + 1, Wall())
        for x, y in map(np.ndarray.tolist, self.level.goals()):
            self.put_obj(Goal(), x + 1, y + 1)
        if self.level.lava_map is not None:
            for y, x in np.argwhere(self.level.lava_map):
                self.grid.set(int(x) + 1, int(y) + 1, Lava())
        if self.level.door_pos is not None:
            things = Key("yellow"), Door("yellow", is_locked=True)
            for thing, place in zip(things, (self.level.key_pos, self.level.door_pos), strict=True):
                self.put_obj(thing, *(place + 1).tolist())
        agent_x, agent_y = self.level.agent_pos.tolist()
        self.agent_pos = (agent_x + 1, agent_y + 1)
        self.agent_dir = int(self.level.agent_dir)
        self.mission = "reach the goal"


@pytest.mark.parametrize(
    ("size", "view_size", "num_walls", "see_through_walls", "options"),
    [
        ((5, 8), 5, 12, True, {}),
        ((5, 8), 5, 12, False, {}),
        ((7, 4), 7, 6, False, {}),
        ((5, 5), 5, 8, False, {"lava": True, "num_goals": 2}),
        ((3, 4), 7, 1, False, {"locked_door": True}),
        ((3, 4), 3, 1, True, {"locked_door": True, "lava": True}),
    ],
)
def test_every_step_is_minigrids(size, view_size, num_walls, see_through_walls, options):
    env = Maze(
        *size,
        view_size=view_size,
        max_episode_steps=LIMIT,
        see_through_walls=see_through_walls,
        **options,
    )
    key = jax.random.key(view_size)
    level_key, action_key = jax.random.split(key)
    generator = RandomWalls(num_walls, replace=False)
    chances = jnp.array([0.18, 0.18, 0.52, 0.03, 0.03, 0.03, 0.03])
    if options:
        generator = RandomObjects(generator, num_lava=2)
        chances = jnp.array([0.1, 0.1, 0.18, 0.15, 0.08, 0.38, 0.01])
    actions = np.asarray(
        jax.random.choice(
            action_key,
            7,
            (NUM_LEVELS, NUM_STEPS),
            p=chances,
        )
    )

    @jax.jit
    @jax.vmap
    def play(key, actions):
        level = generator.sample(env.level_spec(), key=key)
        world = env.load(level)
        start = env.reset(world, key=key)

        def advance(state, action):
            step = env.step(world, state, action, key=key)
            return step.state, (env.observe(world, step.state), step)

        return level, env.observe(world, start), jax.lax.scan(advance, start, actions)[1]

    levels, first, (observations, steps) = jax.device_get(
        play(jax.random.split(level_key, NUM_LEVELS), actions)
    )
    ends = {"terminated": 0, "truncated": 0}
    # States of the door, whether the key was carried or put elsewhere, and whether lava burnt.
    happened = set()
    for i in range(NUM_LEVELS):
        level = jax.tree.map(lambda leaf, i=i: leaf[i], levels)
        minigrid = MiniGridMaze(level, view_size=view_size, see_through_walls=see_through_walls)
        seen, _ = minigrid.reset()
        np.testing.assert_array_equal(first.image[i], seen["image"].swapaxes(0, 1))
        assert first.agent_dir[i] == seen["direction"]
        for t in range(NUM_STEPS):
            seen, reward, terminated, truncated, _ = minigrid.step(actions[i, t])
            np.testing.assert_array_equal(observations.image[i, t], seen["image"].swapaxes(0, 1))
            assert observations.agent_dir[i, t] == seen["direction"]
            assert tuple(steps.state.agent_pos[i, t] + 1) == tuple(minigrid.agent_pos)
            assert steps.reward[i, t] == pytest.approx(reward, abs=1e-6)
            assert steps.terminated[i, t] == terminated
            assert steps.success[i, t] == (terminated and reward > 0)
            if "locked_door" in options:
                carried = minigrid.carrying is not None
                key_pos = steps.state.key_pos[i, t]
                assert carried == (key_pos[0] < 0)
                door = minigrid.grid.get(*(level.door_pos + 1)).encode()[2]
                assert steps.state.door[i, t] == door
                moved = not carried and np.any(key_pos != level.key_pos)
                happened |= {int(door), "carried" if carried else "dropped" if moved else 0}
            if "lava" in options:
                happened |= {"burnt"} if terminated and reward == 0 else set()
            # In the last step MiniGrid says both; here a success is no truncation.
            assert steps.truncated[i, t] == (truncated and not terminated)
            if terminated or truncated:
                ends["terminated" if terminated else "truncated"] += 1
                break
    assert min(ends.values()) >= 3
    expected = {0, 1, 2, "carried", "dropped"} if "locked_door" in options else set()
    assert happened == expected | ({"burnt"} if "lava" in options else set())
