"""Results level by level add up to the summary, and splitting an evaluation changes nothing."""

import csv

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._folder._rows import write_rows
from minimax_eqx.agents._population import population
from minimax_eqx.envs import FixedLevels, LevelFile, Maze
from minimax_eqx.envs.maze import MazeLevel
from minimax_eqx.envs.maze._level import stack_levels
from minimax_eqx.evaluation import _panels as panels
from minimax_eqx.evaluation._panels import evaluate_panels
from minimax_eqx.evaluation._queue import play_episodes
from minimax_eqx.evaluation._summary import COLUMNS, per_level, summary
from minimax_eqx.rollouts import evaluate

from ..scripted import NumberedLevels, students, undecided_students
from ..small import make_learner

ENV = NumberedLevels(luck=1.0)
TESTS = {
    "few": (ENV, FixedLevels(jnp.array([7, 40]))),
    "one": (ENV, FixedLevels(jnp.array([5]))),
}


KEYS = {"return": "return", "length": "episode_length", "regret": "regret"}


def maze_test(height, width, limit, drawing, **options):
    env = Maze(height=height, width=width, max_episode_steps=limit, **options)
    return env, FixedLevels(stack_levels([MazeLevel.from_ascii(drawing)]))


def played(tests=TESTS, num_episodes=9, agents=None):
    agents = agents or undecided_students(2)
    return evaluate_panels(tests, agents, num_episodes=num_episodes, key=jax.random.key(3))


def test_rows_add_up_to_the_summary_and_survive_a_file(tmp_path):
    found = played()
    rows = [row for name, own in found.items() for row in per_level(name, own, *TESTS[name])]
    assert {(row["test"], row["level"]) for row in rows} == {
        ("few", "0"),
        ("few", "1"),
        ("one", "0"),
    }
    for name, own in found.items():
        total = summary(own)
        own_rows = [row for row in rows if row["test"] == name]
        episodes = np.array([row["episodes"] for row in own_rows])
        assert episodes.sum() == 2 * total["num_episodes"]
        num_successes = sum(row["successes"] for row in own_rows)
        assert num_successes == round(total["success_rate"] * episodes.sum())
        for column, key in KEYS.items():
            mean = np.average([row[column] for row in own_rows], weights=episodes)
            np.testing.assert_allclose(mean, total[key], rtol=1e-5)
        low, high = total["success_interval"]
        assert low < total["success_rate"] < high
    with open(write_rows(tmp_path / "evaluation.csv", rows, COLUMNS), newline="") as file:
        read = list(csv.DictReader(file))
    for column in ("successes", "return"):
        written = [float(row[column]) for row in read]
        np.testing.assert_allclose(written, [row[column] for row in rows], rtol=1e-6)


@pytest.mark.parametrize("limit", ["MOST_EPISODES", "MOST_BYTES"])
def test_batches_have_the_results_of_one(limit, monkeypatch):
    whole = played()
    monkeypatch.setattr(panels, limit, 8)
    assert eqx.tree_equal(played(), whole)


def test_few_places_have_the_results_of_a_batch():
    """Long and short episodes, more than there are places."""
    policy = undecided_students(1).first().network
    levels = jnp.arange(1, 40)
    keys = jax.random.split(jax.random.key(0), levels.size)
    expected = evaluate(ENV, policy, levels, key=keys)
    for num_places in (5, 16):
        order = jnp.arange(levels.size, dtype=jnp.int32)
        found = play_episodes(ENV, policy, levels, order, keys, num_places=num_places)
        assert eqx.tree_equal(found, expected)


def test_every_level_of_a_file_is_played_so_often(tmp_path):
    path = tmp_path / "levels.npz"
    LevelFile.save(jnp.array([4, 9, 6]), path, names=["four", "nine", "six"])
    tests = LevelFile(str(path), most_tests=0).panels(ENV)
    [(name, own)] = played(tests, 2, students(0)).items()
    rows = per_level(name, own, *tests[name])
    assert [(row["level"], row["episodes"], row["successes"]) for row in rows] == [
        ("four", 2, 0),
        ("nine", 2, 2),
        ("six", 2, 0),
    ]


MAZES = {
    "short": maze_test(2, 3, 9, ">G#\n.##"),
    "tall": maze_test(4, 2, 30, ">#\n..\n#.\nG."),
    "lava": maze_test(2, 3, 17, ">~G\n...", lava=True),
}


@pytest.mark.slow
def test_mazes_of_several_sizes_are_one_program_with_the_results_of_their_own(monkeypatch):
    specs = MAZES["tall"][0].observation_spec(), MAZES["tall"][0].action_spec()
    agents = population(make_learner(), 1, *specs, key=jax.random.key(0))
    calls, play = [], panels.play_episodes
    monkeypatch.setattr(panels, "play_episodes", lambda *a, **k: calls.append(a) or play(*a, **k))
    together = played(MAZES, 25, agents)
    assert len(calls) == 1
    for name, test in MAZES.items():
        [alone] = played({name: test}, 25, agents).values()
        assert eqx.tree_equal(together[name], alone)
