"""Worlds of this package as environments of Gymnasium."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import Box, Discrete, FixedLevels, Maze, MultiDiscrete
from minimax_eqx.envs.adapters._gymnasium_spaces import (
    action_space_of,
    observation_space_of,
    observed,
)
from minimax_eqx.envs.adapters.gymnasium import single_env, vector_env
from minimax_eqx.envs.boxes import CartPole, Uniform
from minimax_eqx.envs.maze import RandomWalls

from ..counters import Counter, UniformTarget

gymnasium = pytest.importorskip("gymnasium", minversion="1.1")
from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode  # noqa: E402
from gymnasium.wrappers.vector import RecordEpisodeStatistics  # noqa: E402

MAZE = Maze(height=3, width=4, max_episode_steps=5)
WALLS = RandomWalls(num_walls=2)
LIMIT = 4
POLES = CartPole(max_episode_steps=LIMIT)
FEW_POLES = FixedLevels(
    jax.tree.map(lambda *x: jnp.stack(x), *(POLES.box.level(force=4.0 + i) for i in range(9)))
)


@pytest.fixture(scope="module")
def mazes():
    return vector_env(MAZE, WALLS, 3)


@pytest.fixture(scope="module")
def poles():
    return vector_env(POLES, FEW_POLES, 2)


@pytest.mark.filterwarnings("ignore:.*(spec|symmetric|infinity|inf).*:UserWarning")
@pytest.mark.parametrize("env", [pytest.param(MAZE, marks=pytest.mark.slow), POLES])
def test_a_single_one_passes_gymnasiums_own_check(env):
    levels = WALLS if env is MAZE else Uniform()
    view = single_env(env, levels, render_mode="rgb_array")
    check_env(view)
    view.reset(seed=0)
    assert view.render().shape[-1] == 3
    while not any(view.step(view.action_space.sample())[2:4]):
        pass
    with pytest.raises(RuntimeError, match="call reset"):
        view.step(view.action_space.sample())


def test_a_seed_decides_everything_but_the_actions(mazes):
    def play():
        seen, _ = mazes.reset(seed=3)
        mazes.action_space.seed(0)
        steps = [mazes.step(mazes.action_space.sample()) for _ in range(12)]
        return [seen, *steps], mazes.levels

    (one, levels), (other, same_levels) = play(), play()
    for before, after in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(before, after)
    for step in one[1:]:
        assert mazes.observation_space.contains(step[0])
        assert step[1].shape == step[2].shape == step[3].shape == step[4]["success"].shape == (3,)
    np.testing.assert_array_equal(levels.wall_map, same_levels.wall_map)
    mazes.reset()
    assert not np.array_equal(mazes.levels.wall_map, levels.wall_map)


def test_what_ends_begins_anew_in_the_next_step_on_a_new_level(poles):
    assert poles.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    poles.reset(seed=0)
    first, still = np.asarray(poles.levels.values), np.zeros(2)
    steps = [poles.step(still) for _ in range(LIMIT + 2)]
    ends = [step[3].tolist() for step in steps]
    assert ends == [[False] * 2] * (LIMIT - 1) + [[True] * 2] + [[False] * 2] * 2
    assert steps[LIMIT - 1][4]["success"].all()
    rewards = np.stack([step[1] for step in steps])
    np.testing.assert_allclose(rewards[:, 0], [*[1 / LIMIT] * LIMIT, 0, 1 / LIMIT])
    begun = steps[LIMIT][0]
    assert (np.abs(begun) <= 0.05).all()
    assert not np.array_equal(first, poles.levels.values)


def test_levels_of_ones_own_are_played_until_the_next_reset(poles):
    box = POLES.box
    levels = jax.tree.map(lambda *x: jnp.stack(x), box.level(force=5.0), box.level(force=15.0))
    poles.reset(seed=0, options={"levels": levels})
    for _ in range(LIMIT + 3):
        poles.step(np.zeros(2))
    np.testing.assert_array_equal(poles.levels["force"], [5, 15])
    poles.reset(seed=0)
    assert poles.levels["force"].tolist() != [5, 15]


def test_it_plays_as_the_environment_does(poles):
    """The same seed, and so the same key, as `single_env` has: by hand, step by step."""
    seen, _ = poles.reset(seed=7)
    plays = poles._program.plays
    for _ in range(LIMIT):
        states, levels = plays.states, plays.levels
        seen, reward, *_ = poles.step(np.full(2, 0.5))
        for i in range(2):
            state, level = jax.tree.map(lambda leaf, i=i: leaf[i], (states, levels))
            taken = POLES.step(level, state, jnp.asarray(0.5), key=jax.random.key(0))
            np.testing.assert_allclose(seen[i], POLES.observe(level, taken.state), atol=1e-6)
            np.testing.assert_allclose(reward[i], taken.reward)
        plays = poles._program.plays


def test_wrappers_of_gymnasium_count_its_episodes():
    view = RecordEpisodeStatistics(vector_env(POLES, Uniform(), 2))
    view.reset(seed=0)
    infos = [view.step(np.zeros(2))[4] for _ in range(LIMIT)]
    assert infos[-1]["episode"]["l"].tolist() == [LIMIT] * 2
    np.testing.assert_allclose(infos[-1]["episode"]["r"], 1, rtol=1e-6)


def test_specs_are_spaces():
    assert action_space_of(MultiDiscrete((2, 3))) == gymnasium.spaces.MultiDiscrete([2, 3])
    assert action_space_of(Discrete(3)).n == 3
    box = action_space_of(Box((0.0, -1.0), (1.0, 2.0), (2,)))
    assert (box.low.tolist(), box.dtype) == ([0, -1], np.float32)
    seen = {"mask": np.array([True, False]), "place": (np.zeros((), np.uint8), np.zeros(2))}
    spec = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), seen)
    space = observation_space_of(spec)
    assert list(space.spaces) == ["mask", "place.0", "place.1"]
    assert space.contains(observed(seen))


def test_what_does_not_fit_is_refused_in_one_line(mazes, poles):
    wrong = {
        "'maze'": lambda: mazes.reset(options={"maze": 1}),
        "must be 3 levels": lambda: mazes.reset(options={"levels": MAZE.level_spec()}),
        "no actions of MultiDiscrete": lambda: mazes.step(np.array([0, 1, 7])),
        "no actions of Box": lambda: poles.step(np.array([0.0, 1.5])),
        "no actions of MultiDiscrete.*0.5": lambda: mazes.step(np.array([0, 1, 0.5])),
        "num_envs is 0": lambda: vector_env(MAZE, WALLS, 0),
        "render_mode is 'human'": lambda: single_env(MAZE, WALLS, render_mode="human"),
        "has an artist": lambda: single_env(Counter(), UniformTarget(), render_mode="rgb_array"),
    }
    for message, call in wrong.items():
        with pytest.raises(ValueError, match=message):
            call()
