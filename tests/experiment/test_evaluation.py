"""Held-out and unseen levels: each test's results are its own, whatever else is played."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.agents import population
from minimax_eqx.envs import FixedLevels, Maze
from minimax_eqx.envs.maze import HeldOut, MazeLevel, RandomWalls, stack_levels
from minimax_eqx.experiment import _evaluation as evaluation
from minimax_eqx.experiment import evaluate_held_out, evaluate_run, held_out_mazes, make_runner
from minimax_eqx.experiment._options import EvaluationConfig
from minimax_eqx.rollouts import EpisodeResults

from ..small import make_student
from .tiny import config

SMALL = Maze(height=2, width=3, max_episode_steps=40)
TALL = Maze(height=3, width=2, max_episode_steps=9)


def fixed(name, env, drawing):
    return HeldOut(name, env, FixedLevels(stack_levels([MazeLevel.from_ascii(drawing)])))


NEAR = fixed("Near", SMALL, ">G#\n.##")
WALLED = fixed("Walled", SMALL, ">#G\n.##")
ANY = HeldOut("Any", SMALL, RandomWalls(2, 3, num_walls=1))
FAR = fixed("Far", TALL, ">#\n..\n.G")
NUM_EPISODES = 12


def results_of(students, *mazes):
    return evaluate_held_out(
        list(mazes), students, num_episodes=NUM_EPISODES, key=jax.random.key(1)
    )


@pytest.fixture(scope="module")
def students():
    student = eqx.Partial(make_student, env=SMALL)
    return eqx.filter_jit(population)(student, 2, key=jax.random.key(0))


@pytest.fixture(scope="module")
def together(students):
    return results_of(students, NEAR, WALLED, ANY, FAR)


def test_each_maze_gets_its_own_results(together):
    assert list(together) == ["Near", "Walled", "Any", "Far"]
    assert together["Walled"]["success_rate"] == 0
    assert together["Walled"]["episode_length"] == SMALL.max_episode_steps
    assert together["Near"]["success_rate"] > 0.5
    assert together["Near"]["num_episodes"] == NUM_EPISODES


@pytest.mark.parametrize("mazes", [[ANY], [FAR, ANY, NEAR]])
def test_a_maze_does_not_depend_on_the_others_nor_on_their_order(mazes, students, together):
    assert results_of(students, *mazes) == {maze.name: together[maze.name] for maze in mazes}


def test_a_student_does_not_depend_on_how_many_there_are(students, together):
    arrays, static = eqx.partition(students, eqx.is_array)
    alone = eqx.combine(jax.tree.map(lambda leaf: leaf[:1], arrays), static)
    for name, results in results_of(alone, NEAR, WALLED, ANY).items():
        rates = results["success_rate_per_student"]
        assert rates == together[name]["success_rate_per_student"][:1]


def test_equal_students_play_differently(students):
    arrays, static = eqx.partition(students, eqx.is_array)
    twins = eqx.combine(jax.tree.map(lambda leaf: leaf[jnp.zeros(2, int)], arrays), static)
    one, other = results_of(twins, ANY)["Any"]["success_rate_per_student"]
    assert one != other


def test_a_name_is_given_once(students):
    with pytest.raises(ValueError, match="2 held-out tests with the name 'Near'"):
        results_of(students, NEAR, ANY, dataclasses.replace(ANY, name="Near"))


def test_a_maze_that_is_named_twice_is_played_once():
    mazes = held_out_mazes(("Maze-Labyrinth", "Labyrinth", "jaxued-8"), SMALL)
    names = [maze.name for maze in mazes]
    assert names[0] == "Labyrinth"
    assert len(names) == len(set(names)) == 8


def test_the_number_of_a_name_is_the_same_in_every_process():
    assert evaluation._number_of("Labyrinth") == 2_108_030_409


def numbers(keys):
    return [tuple(row) for row in np.asarray(jax.random.key_data(keys)).tolist()]


def test_no_level_and_no_play_of_an_evaluation_shares_a_key(monkeypatch):
    used = []

    def sample(generators, keys):
        used.extend(number for own in keys for number in numbers(own))

    def play(env, students, levels, greedy, keys):
        used.extend(numbers(keys))
        nothing = np.zeros((1, len(keys)))
        return EpisodeResults(*map(jnp.asarray, (nothing, nothing > 0, nothing.astype(int))))

    monkeypatch.setattr(evaluation, "_sample_all", sample)
    monkeypatch.setattr(evaluation, "_play_all", play)
    options = EvaluationConfig(mazes=("FourRooms", "Crossing"), num_episodes=2, num_unseen_levels=3)
    evaluate_run(config(), make_runner(config()), options)
    assert len(used) == len(set(used)) == 2 * (3 + 2 * 2)
