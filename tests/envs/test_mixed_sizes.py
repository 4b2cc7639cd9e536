"""Mazes of several sizes in one batch: one program plays them as separate programs would."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.envs import LevelFile, Maze
from minimax_eqx.envs.maze import (
    FlipWall,
    MazeDesign,
    MazeLevel,
    MoveGoal,
    PerfectMaze,
    RandomWalls,
)
from minimax_eqx.envs.maze._level import stack_levels
from minimax_eqx.envs.maze._metrics import distances_from

VIEW = {"include_position": True, "see_through_walls": False, "max_episode_steps": 30}
ENV = Maze(height=15, width=15, mixed_sizes=True, **VIEW)
NUM_STEPS = 60
SMALL = MazeLevel.from_ascii(">.#\n..G")


@eqx.filter_jit
def play(env, levels, actions):
    """What is seen, paid and ended on each level, and its numbers; an ended episode goes on."""

    def play_one(level, actions):
        world = env.load(level)
        start = env.reset(world, key=jax.random.key(0))

        def advance(state, action):
            step = env.step(world, state, action, key=jax.random.key(0))
            return step.state, (env.observe(world, step.state), step)

        seen = env.observe(world, start)
        played = jax.lax.scan(advance, start, actions)[1]
        return seen, played, env.optimal_return(level), env.level_metrics(level)

    return jax.vmap(play_one)(levels, actions)


@eqx.filter_jit
def draw(generator, env, seed=0, num=64):
    keys = jax.random.split(jax.random.key(seed), num)
    return jax.vmap(lambda key: generator.sample(env.level_spec(), key=key))(keys)


def each(levels):
    levels = jax.device_get(levels)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], levels) for i in range(len(levels.goal_pos))]


def test_one_program_plays_levels_of_5x5_to_15x15_as_separate_programs_do():
    sizes, num = [(5, 5), (8, 15), (15, 15)], 10
    probabilities = jnp.array([0.2, 0.2, 0.6])
    actions = jax.random.choice(jax.random.key(1), 3, (len(sizes), num, NUM_STEPS), p=probabilities)
    separate, mixed = [], []
    for i, (height, width) in enumerate(sizes):
        env = Maze(height=height, width=width, **VIEW)
        levels = draw(RandomWalls(height * width // 4), env, i, num)
        separate.append(play(env, levels, actions[i]))
        mixed += [level.fitted(ENV.level_spec()) for level in each(levels)]
    for level in mixed:
        level.check(15, 15)
    together = stack_levels(mixed)
    played = play(ENV, together, actions.reshape(-1, NUM_STEPS))
    np.testing.assert_array_equal(played[-1].pop("height"), np.repeat([5, 8, 15], num))
    np.testing.assert_array_equal(played[-1].pop("width"), np.repeat([5, 15, 15], num))
    expected = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *separate)
    jax.tree.map(np.testing.assert_array_equal, played, expected)
    assert np.any(played[1][1].success, axis=1).sum() > 3


@pytest.mark.parametrize(
    "generator",
    [
        RandomWalls(75),
        RandomWalls(75, replace=False),
        RandomWalls(75, replace=False, sample_num_walls=True),
        PerfectMaze(),
    ],
)
def test_generators_draw_every_size_and_levels_that_can_be_played(generator):
    drawn = draw(generator, ENV)
    levels = each(drawn)
    for level in levels:
        level.check(15, 15)
    sides = {int(side) for level in levels for side in level.size}
    odd = isinstance(generator, PerfectMaze)
    assert sides == set(range(5, 16, 2 if odd else 1))
    assert any(level.size[0] != level.size[1] for level in levels)
    distances = jax.jit(jax.vmap(distances_from))(drawn.wall_map, drawn.agent_pos)
    for level, distance in zip(levels, np.asarray(distances), strict=True):
        height, width = level.size
        num_walls = level.wall_map.sum() - (15 * 15 - height * width)
        if odd:
            # A spanning tree of the lattice of the level's own size.
            num_nodes = (height + 1) // 2 * ((width + 1) // 2)
            assert height * width - num_walls == 2 * num_nodes - 1
            np.testing.assert_array_equal(distance >= 0, ~level.wall_map)
        elif generator.replace or generator.sample_num_walls:
            assert num_walls <= height * width // 3
        else:
            assert num_walls == height * width // 3


@pytest.mark.parametrize("mutator", [FlipWall(), MoveGoal()])
def test_an_edit_stays_inside_a_level(mutator):
    level = SMALL.fitted(Maze(height=4, width=9, mixed_sizes=True).level_spec())
    keys = jax.random.split(jax.random.key(0), 64)
    edited = each(jax.jit(jax.vmap(lambda key: mutator.mutate(level, key=key)))(keys))
    for one in edited:
        one.check()
    # Four cells hold neither agent nor goal; the goal can move to three of them.
    assert len({one.to_ascii() for one in edited}) == (3 if isinstance(mutator, MoveGoal) else 4)


def test_a_small_level_is_drawn_without_what_it_is_padded_with(tmp_path):
    level = SMALL.fitted(ENV.level_spec())
    assert level.to_ascii() == SMALL.to_ascii()
    assert "MazeLevel of 2 x 3 cells" in repr(level)
    two = stack_levels([level, MazeLevel.from_ascii(">G").fitted(ENV.level_spec())])
    assert repr(two).startswith("2 MazeLevels of several sizes, the first with 2 x 3 cells")
    np.testing.assert_array_equal(
        ENV.artist().draw_level(level), Maze(2, 3).artist().draw_level(SMALL)
    )
    assert ENV.artist().draw_levels(two).shape[2] == 3
    LevelFile.save(two, tmp_path / "mixed.txt", ["one", "other"])
    read, _ = LevelFile(str(tmp_path / "mixed.txt")).load(ENV)
    jax.tree.map(np.testing.assert_array_equal, read, two)


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (
            lambda: Maze(2, 3, mixed_sizes=True).load(SMALL),
            r"size has shape \(\) .*mixed_sizes=True, where it has shape \(2,\).*fitted",
        ),
        (
            lambda: Maze(15, 15).load(SMALL.fitted(ENV.level_spec())),
            r"size has shape \(2,\) .*mixed_sizes=False",
        ),
        (
            lambda: SMALL.fitted(Maze(2, 2, mixed_sizes=True).level_spec()),
            "2 x 3 cells is too large .* at most 2 x 2",
        ),
        (lambda: draw(RandomWalls(min_side=16), ENV), "at least 16 cells, .* at most 15 x 15"),
        (lambda: draw(RandomWalls(220), ENV), "RandomWalls.num_walls is 220 .* leave no room"),
        (lambda: MazeDesign().editor(ENV.level_spec()), "MazeDesign makes mazes of one size"),
        (lambda: RandomWalls(min_side=1), "min_side is 1; it must be at least 2"),
    ],
)
def test_what_does_not_fit_is_refused(cause, message):
    with pytest.raises(ValueError, match=message):
        cause()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": jnp.array([16, 3])}, "its size is 16 x 3, on a grid of 15 x 15"),
        (
            {"size": jnp.array([1, 3])},
            r"its size is 1 x 3, but there is no wall outside, at \(x=0, y=1\)",
        ),
    ],
)
def test_a_level_is_wall_outside_its_size(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL.fitted(ENV.level_spec()), **change).check()
