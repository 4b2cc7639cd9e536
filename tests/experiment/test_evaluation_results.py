"""Which maze and which student a result of an evaluation belongs to."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import evaluate
from minimax_eqx.envs import FixedLevels
from minimax_eqx.envs.maze import HeldOutMazes
from minimax_eqx.evaluation._panels import Played, evaluate_panels
from minimax_eqx.evaluation._summary import summary
from minimax_eqx.rollouts._evaluation import EpisodeResults
from minimax_eqx.runners import Evaluation
from minimax_eqx.runners._ahead import making

from ..scripted import PER_ACTION, NumberedLevels, students, undecided_students
from .tiny import experiment

FORWARD, TURN_LEFT = 2, 0
EPISODES = 5


def maze(numbers, env=None):
    """A held-out test whose levels are these numbers."""
    return env or NumberedLevels(), FixedLevels(jnp.asarray(numbers))


def evaluated(mazes, agents, **options):
    results = evaluate_panels(
        mazes, agents, key=jax.random.key(0), **{"num_episodes": EPISODES, **options}
    )
    return {name: summary(result) for name, result in results.items()}


def test_a_result_is_that_of_the_maze_and_the_student_named():
    """Mazes of one environment are played together, but each has its own numbers."""
    other_env = NumberedLevels(luck=0.5)
    mazes = {
        "even": maze([40]),
        "other": maze([600], other_env),
        "odd": maze([7]),
        "later": maze([8001]),
    }
    summaries = evaluated(mazes, students(2, 1))
    assert list(summaries) == list(mazes)
    for name, number in {"even": 40, "odd": 7, "later": 8001}.items():
        succeeds = float(number % 2)
        assert summaries[name] == {
            "return": number + 1.5 * PER_ACTION,
            "success_rate": 0.5,
            "episode_length": 2.0,
            "success_rate_per_student": [succeeds, 1 - succeeds],
            "num_episodes": EPISODES,
            "num_levels": 1,
            "success_interval": pytest.approx([0.2366, 0.7634], abs=1e-4),
            "regret": 0.5 * PER_ACTION,
            "regret_of_worst_percent": 0.5 * PER_ACTION,
            "largest_regret": PER_ACTION,
        }
    assert 0 < summaries["other"]["return"] - 600 - 1.5 * PER_ACTION < 0.5


@pytest.mark.parametrize(("num_episodes", "num_worst"), [(1, 1), (100, 1), (101, 2), (200, 2)])
def test_the_worst_percent_is_each_student_s_and_at_least_one_episode(num_episodes, num_worst):
    regrets = np.random.default_rng(0).random((2, num_episodes))
    nothing = jnp.zeros((2, num_episodes))
    results = EpisodeResults(nothing, nothing > 0, nothing.astype(int), jnp.asarray(regrets))
    played = Played(results, np.zeros((num_episodes, 2), np.uint32))
    found = summary(played)
    worst = -np.sort(-regrets, axis=1)[:, :num_worst]
    np.testing.assert_allclose(found["regret_of_worst_percent"], worst.mean(), rtol=1e-6)
    nobody_knows = Played(dataclasses.replace(results, regrets=None), played.fingerprints)
    assert "regret" not in summary(nobody_knows)


def test_equal_students_are_evaluated_with_dice_of_their_own():
    mazes = {f"maze {number}": maze([number]) for number in range(1, 7)}
    summaries = evaluated(mazes, undecided_students(2), num_episodes=20)
    rates = [found["success_rate_per_student"] for found in summaries.values()]
    assert any(first != second for first, second in rates)


def test_every_episode_of_a_maze_draws_its_level_afresh():
    many = list(range(1, 2001))
    summaries = evaluated({"many": maze(many), "again": maze(many)}, students(0), num_episodes=80)
    for found in summaries.values():
        assert 700 < found["return"] < 1300
        assert 0.3 < found["success_rate"] < 0.7
        assert found["num_levels"] > 70
    assert summaries["many"]["return"] != summaries["again"]["return"]


@pytest.fixture(scope="module")
def walkers():
    """A runner of two students, of which the first only goes forward and the second turns."""
    made_of = experiment(num_students=2)
    runner = making(made_of)()

    def always(leaf, action):
        return jnp.broadcast_to(1e6 * jax.nn.one_hot(action, leaf.shape[-1]), leaf.shape[1:])

    bias = runner.students.network.policy.out.bias
    bias = jnp.stack([always(bias, action) for action in (FORWARD, TURN_LEFT)])
    runner = eqx.tree_at(lambda r: r.students.network.policy.out.bias, runner, bias)
    runner = eqx.tree_at(lambda r: (r.num_cycles, r.students.num_updates), runner, (
        jnp.array(17), jnp.array([13, 13])
    ))  # fmt: skip
    return made_of, runner


def test_the_evaluation_of_a_run_tells_its_students_and_its_mazes_apart(walkers):
    made_of, runner = walkers
    options = Evaluation(HeldOutMazes(("SmallCorridor",)), num_episodes=3, num_unseen_levels=60)
    results = evaluate(dataclasses.replace(made_of, evaluation=options), runner)
    assert {name: results[name] for name in ("cycle", "updates", "greedy")} == {
        "cycle": 17,
        "updates": 13,
        "greedy": False,
    }
    unseen, corridor = results["unseen"], results["held_out"]["SmallCorridor"]
    limit = made_of.env.max_episode_steps
    ahead, turning = unseen["success_rate_per_student"]
    assert turning == 0
    assert 0 < ahead < 1
    assert unseen["num_episodes"] == 60
    assert unseen["success_rate"] == pytest.approx(ahead / 2)
    # Who does not run into the goal plays to the end; who does is there sooner, and is paid for it.
    length, paid = unseen["episode_length"], unseen["return"]
    assert limit * (1 - ahead / 2) < length < limit
    by_length = (1 - 0.9 * length / limit) - (1 - ahead / 2) * 0.1
    np.testing.assert_allclose(paid, by_length, rtol=1e-5)
    assert 0 < unseen["regret"] < unseen["regret_of_worst_percent"] <= unseen["largest_regret"] < 1
    assert corridor["num_episodes"] == 3
    assert corridor["success_rate_per_student"] == [0, 0]


def test_the_greedy_do_what_they_lean_to_on_the_same_unseen_levels(walkers):
    made_of, runner = walkers
    options = Evaluation(num_episodes=1, num_unseen_levels=60)
    leaning = eqx.tree_at(
        lambda r: r.students.network.policy.out.bias, runner, replace_fn=lambda bias: 1e-7 * bias
    )
    made_of = dataclasses.replace(made_of, evaluation=options)
    greedily = dataclasses.replace(options, greedy=True)
    certain = evaluate(made_of, runner)
    rolled = evaluate(made_of, leaning)
    greedy = evaluate(dataclasses.replace(made_of, evaluation=greedily), leaning)
    assert (certain["greedy"], rolled["greedy"], greedy["greedy"]) == (False, False, True)
    assert greedy["unseen"] == certain["unseen"] != rolled["unseen"]
    other_seed = evaluate(dataclasses.replace(made_of, seed=3), runner)
    assert other_seed["unseen"] != certain["unseen"]


def test_the_greedy_are_greedy_on_held_out_mazes_too():
    agents = eqx.tree_at(
        lambda agents: agents.network.preferences,
        students(2, 1),
        replace_fn=lambda leaf: 1e-7 * leaf,
    )
    mazes = {"even": maze([40]), "odd": maze([7])}
    greedy, rolled = (evaluated(mazes, agents, greedy=greedy) for greedy in (True, False))
    for name, number in {"even": 40, "odd": 7}.items():
        assert greedy[name]["return"] == number + 1.5 * PER_ACTION
        assert rolled[name]["return"] != greedy[name]["return"]
