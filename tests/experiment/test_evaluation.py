"""Held-out and unseen levels: each test's results are its own, whatever else is played."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import evaluate
from minimax_eqx._composition._draft import with_changes
from minimax_eqx.agents._population import population
from minimax_eqx.envs import FixedLevels, Maze
from minimax_eqx.envs.maze import MazeLevel, RandomWalls
from minimax_eqx.envs.maze._level import stack_levels
from minimax_eqx.evaluation import _panels as panels
from minimax_eqx.evaluation._panels import evaluate_panels
from minimax_eqx.recipes import maze
from minimax_eqx.runners._ahead import making

from ..small import make_learner
from .tiny import EXPERIMENT, experiment, tiny

SMALL = Maze(height=2, width=3, max_episode_steps=40)
TALL = Maze(height=3, width=2, max_episode_steps=9)


def fixed(env, drawing):
    return env, FixedLevels(stack_levels([MazeLevel.from_ascii(drawing)]))


PANELS = {
    "Near": fixed(SMALL, ">G#\n.##"),
    "Walled": fixed(SMALL, ">#G\n.##"),
    "Any": (SMALL, RandomWalls(num_walls=1)),
    "Far": fixed(TALL, ">#\n..\n.G"),
}
NUM_EPISODES = 12


def results_of(students, *names):
    panels = {name: PANELS[name] for name in names}
    found = evaluate_panels(panels, students, num_episodes=NUM_EPISODES, key=jax.random.key(1))
    return {name: played.results for name, played in found.items()}


@pytest.fixture(scope="module")
def students():
    specs = SMALL.observation_spec(), SMALL.action_spec()
    return population(make_learner(), 2, *specs, key=jax.random.key(0))


@pytest.fixture(scope="module")
def together(students):
    return results_of(students, *PANELS)


def test_each_maze_gets_its_own_results(together):
    assert together.keys() == PANELS.keys()
    assert not together["Walled"].successes.any()
    assert (together["Walled"].lengths == SMALL.max_episode_steps).all()
    assert together["Near"].successes.mean() > 0.5
    assert together["Near"].returns.shape == (2, NUM_EPISODES)


@pytest.mark.parametrize("names", [["Any"], ["Far", "Any", "Near"]])
def test_a_maze_does_not_depend_on_the_others_nor_on_their_order(names, students, together):
    for name, results in results_of(students, *names).items():
        assert eqx.tree_equal(results, together[name])


def test_a_student_does_not_depend_on_how_many_there_are(students, together):
    arrays, static = eqx.partition(students, eqx.is_array)
    alone = eqx.combine(jax.tree.map(lambda leaf: leaf[:1], arrays), static)
    for name, results in results_of(alone, "Near", "Walled", "Any").items():
        np.testing.assert_array_equal(results.successes[0], together[name].successes[0])


def test_equal_students_play_differently(students):
    arrays, static = eqx.partition(students, eqx.is_array)
    twins = eqx.combine(jax.tree.map(lambda leaf: leaf[jnp.zeros(2, int)], arrays), static)
    one, other = results_of(twins, "Any")["Any"].successes
    assert (one != other).any()


def test_the_number_of_a_name_is_the_same_in_every_process():
    assert panels._number_of("Labyrinth") == 2_108_030_409


def numbers(keys):
    return [tuple(row) for row in np.asarray(jax.random.key_data(keys)).tolist()]


def test_no_level_and_no_play_of_an_evaluation_shares_a_key(monkeypatch):
    used, sample, play = [], panels._sample_all, panels._play_all

    def noting_samples(env, tests, keys, indices, each):
        """The keys of levels are made as those of plays are, from the other half."""
        for key in keys:
            own = jax.random.split(key)[0]
            used.extend(numbers(jax.vmap(jax.random.fold_in, in_axes=(None, 0))(own, indices)))
        return sample(env, tests, keys, indices, each)

    def noting_plays(env, students, levels, greedy, keys):
        used.extend(numbers(keys))
        return play(env, students, levels, greedy, keys)

    monkeypatch.setattr(panels, "_sample_all", noting_samples)
    monkeypatch.setattr(panels, "_play_all", noting_plays)
    changes = {"mazes": ("FourRooms", "Crossing"), "num_episodes": 2, "num_unseen_levels": 3}
    evaluate(experiment(**changes), making(EXPERIMENT)())
    assert len(used) == len(set(used)) == 2 * (3 + 2 * 2)


def test_without_a_generator_and_a_suite_nothing_is_evaluated_and_a_generator_can_be_named():
    paired = tiny(maze.paired())
    nothing = with_changes(paired, {"suite": None, "unseen": None})
    runner = making(paired)()
    assert evaluate(nothing, runner) | {"cycle": 0} == {
        "cycle": 0,
        "updates": 0,
        "greedy": False,
        "seed": 1,
        "suite": None,
        "compared_with_training": {},
        "unseen": None,
        "held_out": {},
        "levels": [],
    }
    named = with_changes(nothing, {"unseen": RandomWalls(num_walls=3), "num_unseen_levels": 2})
    assert evaluate(named, runner)["unseen"]["num_episodes"] == 2
