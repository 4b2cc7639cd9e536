"""Tasks of XLand-MiniGrid are as they say, and benchmarks are read only from files you trust."""

import bz2
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("xminigrid")

from minimax_eqx.envs import Maze
from minimax_eqx.envs.adapters.xland import Benchmark, EachGoal, RandomTasks, SwapTiles, XLand

ENV = XLand(size=6)
KEYS = jax.random.split(jax.random.key(0), 200)


@pytest.fixture(autouse=True)
def as_other_packages_want_it():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def sampled(generator, env=ENV, keys=KEYS):
    spec = env.level_spec()
    return jax.jit(jax.vmap(lambda key: generator.sample(spec, key=key)))(keys)


def objects_of(level):
    inside = np.asarray(level.grid)[1:-1, 1:-1].reshape(-1, 2)
    return {tuple(tile) for tile in inside.tolist() if tile[0] != 1}


def test_the_objects_of_a_task_are_there_and_a_product_is_not():
    levels = jax.device_get(sampled(RandomTasks(num_distractors=2)))
    seen = set()
    for i in range(len(KEYS)):
        level = jax.tree.map(lambda leaf, i=i: leaf[i], levels)
        goal, rule = level.goal_encoding.tolist(), level.rule_encoding[0].tolist()
        objects, makes = objects_of(level), rule[0] > 0
        seen.add((goal[0], makes))
        assert len(objects) == 4
        assert (tuple(goal[1:3]) in objects) != makes
        if makes:
            assert {tuple(rule[1:3]), tuple(rule[3:5])} <= objects
            assert rule[5:7] == goal[1:3]
    assert seen == {(1, False), (3, False), (4, False), (3, True)}


def test_few_kinds_make_few_tasks():
    levels = sampled(RandomTasks(goals=("hold",), num_kinds=2))
    goals = {tuple(goal) for goal in np.asarray(levels.goal_encoding).tolist()}
    assert goals == {(1, 3, 1, 0, 0), (1, 4, 1, 0, 0)}


def test_swaps_move_tiles_and_lose_none():
    levels = sampled(RandomTasks(), keys=KEYS[:50])
    mutate = jax.jit(jax.vmap(lambda level, key: SwapTiles(3).mutate(level, key=key)))
    edited = mutate(levels, KEYS[:50])
    before, after = (np.asarray(x.grid).reshape(50, -1, 2).astype(int) for x in (levels, edited))
    codes = [np.sort(grid @ [100, 1], axis=1) for grid in (before, after)]
    np.testing.assert_array_equal(*codes)
    assert (before != after).any((1, 2)).mean() > 0.3
    border = np.asarray(edited.grid).copy()
    border[:, 1:-1, 1:-1] = 2, 6
    assert (border == [2, 6]).all()
    positions = np.asarray(levels.agent.position)
    assert (np.asarray(edited.grid)[np.arange(50), *positions.T, 0] == 1).all()


@pytest.fixture
def file(tmp_path):
    """A benchmark of three rule sets, of up to two rules."""
    goals = np.zeros((3, 5), np.uint8)
    goals[:, :3] = [[1, 3, 1], [1, 3, 2], [1, 3, 3]]
    held = {
        "goals": goals,
        "rules": np.zeros((3, 4, 7), np.uint8),
        "init_tiles": np.stack([goals[:, 1:3], goals[:, 1:3]], axis=1),
        "num_rules": np.array([0, 2, 0]),
    }
    path = tmp_path / "benchmark"
    with bz2.open(path, "wb") as opened:
        pickle.dump({name: jnp.asarray(array) for name, array in held.items()}, opened)
    return str(path)


def test_the_rule_sets_of_a_file_are_drawn(file):
    env = XLand(size=6, num_rules=2)
    levels = sampled(Benchmark(file, trusted=True, num_rulesets=3), env)
    assert set(np.asarray(levels.goal_encoding)[:, 2].tolist()) == {1, 2, 3}
    held_out = sampled(Benchmark(file, trusted=True, first=2, num_rulesets=1))
    assert set(np.asarray(held_out.goal_encoding)[:, 2].tolist()) == {3}


WRONG = {
    "set Benchmark.trusted=True": Benchmark,
    r"There is no benchmark .*Nothing is downloaded": lambda file: Benchmark(file + "2"),
    r"There is no benchmark .*trivial_21k": lambda file: Benchmark("trivial-21k"),
    "has 3 rule sets; Benchmark asks for 10,000": lambda file: Benchmark(file, trusted=True),
    r"use XLand\(num_rules=2\)": lambda file: Benchmark(file, trusted=True, num_rulesets=3),
    "cannot be read as a benchmark": lambda file: Benchmark(__file__, trusted=True),
    "builds 4 rooms for sides 9, 11": lambda file: RandomTasks(rooms=4),
    "19 objects and an agent for 16 cells": lambda file: RandomTasks(num_distractors=17),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_generator_of_what_cannot_be_says_so(message, file, monkeypatch, tmp_path):
    import xminigrid.benchmarks

    monkeypatch.setattr(xminigrid.benchmarks, "DATA_PATH", str(tmp_path))
    with pytest.raises(ValueError, match=message) as caught:
        WRONG[message](file).sample(ENV.level_spec(), key=KEYS[0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("size is 4", lambda: XLand(size=4)),
        ("view_size is 4; it must be odd", lambda: XLand(view_size=4)),
        ("num_rules is 0", lambda: XLand(num_rules=0)),
        ("goals is empty", lambda: RandomTasks(goals=())),
        ("num_kinds is 3; it must be between 4 and 60", lambda: RandomTasks(num_kinds=3)),
        ("num_edits is -1", lambda: SwapTiles(-1)),
        ("of type MazeLevel", lambda: EachGoal().panels(Maze())),
        ("of type MazeLevel", lambda: sampled(RandomTasks(), Maze())),
    ],
)
def test_what_cannot_be_is_refused(message, make):
    with pytest.raises(ValueError, match=message):
        make()
