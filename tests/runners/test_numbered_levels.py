"""Which level, trial and student a number of the cycle belongs to, where all of them are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx.agents._population import over_students
from minimax_eqx.curricula import DomainRandomisation
from minimax_eqx.runners._metrics import level_metrics

from ..numbered_levels import (
    ADVANTAGE_FACTORS,
    EPISODE,
    LUCKS,
    PER_ACTION,
    Given,
    NumberedLevels,
    Numbers,
    Watched,
    numbers_runner,
    step,
    students,
    undecided_students,
)

LEVELS, TRIALS, STEPS = (7, 40, 1001, 501), 3, 5
NUMBERS = np.array(LEVELS)
ACTIONS = (2, 1, 0)  # of each student


def watched(curriculum, agents=None, *, luck=0.0, watch=True, **options):
    return numbers_runner(
        Watched(curriculum) if watch else curriculum,
        students(*ACTIONS) if agents is None else agents,
        luck=luck,
        key=jax.random.key(4),
        **{"num_steps": STEPS, "num_trials": TRIALS, **options},
    )


@pytest.fixture(scope="module")
def given():
    """A cycle of three students on given levels, of which they learn from the first two only."""
    groups = {"low": jnp.array([True, True, False, False]), "odd": jnp.array([1, 0, 1, 1]) == 1}
    curriculum = Given(LEVELS, num_update_levels=2, groups=groups)
    return step(watched(curriculum, luck=1.0))


def ends():
    """Which of the steps of a play end an episode."""
    return np.arange(1, STEPS + 1) % EPISODE == 0


def test_every_number_of_the_evidence_is_that_of_its_student_step_level_and_trial(given):
    evidence = given[0].curriculum_state.evidence
    seen = jax.tree.map(np.asarray, evidence.observations)
    shape = (len(ACTIONS), STEPS, 4, TRIALS)
    time = np.arange(STEPS).reshape(1, -1, 1, 1)
    action = np.array(ACTIONS).reshape(-1, 1, 1, 1)
    over = ends().reshape(1, -1, 1, 1)

    def all_are(actual, expected):
        np.testing.assert_array_equal(actual, np.broadcast_to(expected, shape))

    level = NUMBERS.reshape(1, 1, -1, 1)
    all_are(seen["number"], level)
    all_are(seen["time"], time % EPISODE)
    all_are(evidence.actions, action)
    all_are(evidence.dones, over)
    all_are(evidence.successes, over & ((level + action) % 2 == 1))
    rewards = np.where(over, level + PER_ACTION * action + seen["start"] % LUCKS / LUCKS, 0)
    np.testing.assert_allclose(evidence.rewards, rewards, rtol=1e-6)
    memory = (time % EPISODE + 1) / 16
    for head, factor in enumerate((1, 2)):
        all_are(evidence.values[..., head], factor * (level + memory) + 1000 * action)
        expected = ADVANTAGE_FACTORS[head] * rewards
        np.testing.assert_allclose(evidence.advantages[..., head], expected, rtol=1e-6)


def test_evidence_has_the_levels_their_optimum_and_the_students_that_played(given):
    evidence = given[0].curriculum_state.evidence
    np.testing.assert_array_equal(evidence.levels, NUMBERS)
    best = NUMBERS + PER_ACTION * 2 + (LUCKS - 1) / LUCKS
    np.testing.assert_allclose(evidence.optimum, best, rtol=1e-6)
    np.testing.assert_array_equal(evidence.truncated | evidence.terminated, evidence.dones)
    assert evidence.truncated.any()
    assert evidence.terminated.any()
    # As they were before they learned.
    np.testing.assert_array_equal(evidence.students.num_updates, [0, 0, 0])
    np.testing.assert_array_equal(given[0].students.num_updates, [1, 1, 1])
    chances = jnp.argmax(evidence.distributions.logits, axis=-1)
    np.testing.assert_array_equal(chances, evidence.actions)
    np.testing.assert_allclose(evidence.log_probs, 0, atol=1e-6)


def test_the_luck_of_one_play_is_not_that_of_another(given):
    """In every student, level and trial; `now` is drawn anew in every step too."""
    seen = jax.tree.map(np.asarray, given[0].curriculum_state.evidence.observations)
    starts = seen["start"][:, ::EPISODE]
    assert len(np.unique(starts)) == starts.size
    assert len(np.unique(seen["now"])) == seen["now"].size


def test_the_luck_of_one_cycle_is_not_that_of_another():
    runner, seen = watched(Given(LEVELS)), []
    for _ in range(2):
        runner, _ = step(runner)
        seen.append(np.asarray(runner.curriculum_state.evidence.observations["now"]))
    assert len(np.unique(seen)) == np.size(seen)


def test_equal_students_do_not_roll_the_same_dice_in_any_play():
    runner, _ = step(watched(Given([7] * 4), undecided_students(2), num_steps=24))
    actions = np.asarray(runner.curriculum_state.evidence.actions)
    plays = np.moveaxis(actions, 1, -1).reshape(-1, 24)
    assert len(np.unique(plays, axis=0)) == len(plays)
    assert set(actions.ravel()) == {0, 1, 2}
    keys = np.asarray(runner.students.learning["key"])
    assert (keys[0] != keys[1]).any()


def test_students_learn_from_all_plays_of_the_first_levels_and_of_no_other(given):
    runner, _ = given
    lesson, evidence = runner.students.learning, runner.curriculum_state.evidence

    def of_first_two(leaf):
        return np.asarray(leaf[:, :, :2]).reshape(-1, STEPS, 2 * TRIALS, *leaf.shape[4:])

    for name in ("rewards", "actions", "advantages"):
        np.testing.assert_array_equal(lesson[name], of_first_two(getattr(evidence, name)))
    np.testing.assert_array_equal(lesson["targets"], lesson["advantages"] + 1)
    # The step after the last is the second of its episode.
    known = np.repeat(NUMBERS[:2], TRIALS) + 2 / 16
    for student, action in enumerate(ACTIONS):
        for head, factor in enumerate((1, 2)):
            np.testing.assert_array_equal(
                lesson["last_values"][student, :, head], factor * known + 1000 * action
            )


@pytest.mark.parametrize(("num_update_levels", "expected"), [(None, LEVELS), (3, LEVELS[:3])])
def test_students_learn_from_as_many_levels_as_the_curriculum_says(num_update_levels, expected):
    curriculum = Given(LEVELS, num_update_levels=num_update_levels)
    runner, _ = step(watched(curriculum, students(0)))
    paid = np.asarray(runner.students.learning["rewards"])[0].max(axis=0)
    np.testing.assert_array_equal(paid, np.repeat(expected, TRIALS))


class Weighing(Given):
    """Weighs each step by what it paid."""

    def weights(self, state, proposal, evidence, *, key):
        assert jax.random.key_data(key).shape == (2,)
        return evidence.rewards


@pytest.mark.parametrize("num_update_levels", [None, 3])
def test_steps_are_weighed_as_the_curriculum_says_when_it_has_seen_the_play(num_update_levels):
    curriculum = Weighing(LEVELS, num_update_levels=num_update_levels)
    runner, _ = step(watched(curriculum, watch=False))
    lesson = runner.students.learning
    shape = (len(ACTIONS), STEPS, (num_update_levels or len(LEVELS)) * TRIALS)
    assert lesson["weights"].shape == shape
    np.testing.assert_array_equal(lesson["weights"], lesson["rewards"])
    assert np.unique(lesson["weights"]).size > 3


def test_the_metrics_of_a_cycle_are_those_of_its_students_levels_and_groups(given):
    runner, metrics = given
    evidence = runner.curriculum_state.evidence
    returns = np.asarray(evidence.rewards).sum(axis=1) / 2  # of two episodes a play
    solved = (NUMBERS + np.array(ACTIONS)[:, None]) % 2
    expected = {
        "return": returns.mean(),
        "success_rate": solved.mean(),
        "episode_length": EPISODE,
        "num_episodes": 2 * len(ACTIONS) * 4 * TRIALS,
        "low_return": returns[:, :2].mean(),
        "low_success_rate": solved[:, :2].mean(),
        "odd_return": returns[:, [0, 2, 3]].mean(),
        "odd_success_rate": solved[:, [0, 2, 3]].mean(),
        "student0_return": returns[0].mean(),
        "student1_return": returns[1].mean(),
        "student2_return": returns[2].mean(),
        "student0_success_rate": 0.75,
        "student1_success_rate": 0.25,
        "student2_success_rate": 0.75,
        "loss": np.mean(runner.students.learning["rewards"]),
        "updated": 1.0,
        "number": NUMBERS.mean(),
        "passable": 1.0,
        "low_number": NUMBERS[:2].mean(),
        "low_passable": 1.0,
        "odd_number": NUMBERS[[0, 2, 3]].mean(),
        "odd_passable": 1.0,
    }
    assert set(metrics) >= set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-6, err_msg=name)
    assert int(runner.num_cycles) == 1


def test_group_and_student_metrics_differ_where_successes_do():
    curriculum = Given(
        [1, 3, 5, -2], groups={"ones": jnp.array([1, 0, 0, 1]) == 1, "none": jnp.zeros(4, bool)}
    )
    runner, metrics = step(watched(curriculum, students(0), num_trials=1, num_steps=EPISODE))
    # Where the last step ended an episode, the next one begins with an empty memory.
    known = runner.students.learning["last_values"][0, :, 0]
    np.testing.assert_array_equal(known, np.array([1, 3, 5, -2]) + 1 / 16)
    assert float(metrics["success_rate"]) == 0.75
    assert float(metrics["ones_success_rate"]) == 0.5
    assert float(metrics["return"]) == (1 + 3 + 5 - 2) / 4
    assert float(metrics["ones_return"]) == (1 - 2) / 2
    assert np.isnan(metrics["none_return"])
    # The level below 0 is not passable: numbers are averaged over the others.
    assert float(metrics["number"]) == 3
    assert float(metrics["passable"]) == 0.75
    assert float(metrics["ones_number"]) == 1
    assert float(metrics["ones_passable"]) == 0.5
    assert np.isnan(metrics["none_passable"])


def test_where_nobody_judges_which_levels_are_passable_all_count():
    groups = {"low": jnp.array([False, True])}
    metrics = level_metrics(NumberedLevels(judges=False), jnp.array([3, -5]), groups)
    assert {name: float(value) for name, value in metrics.items()} == {
        "number": -1,
        "low_number": -5,
    }


def test_a_play_goes_on_with_its_own_spare_levels_in_their_order():
    spare_levels = jnp.array([[11, 12], [21, 22], [31, 32]])
    curriculum = Given([10, 20, 30], spare_levels=spare_levels)
    runner, _ = step(watched(curriculum, num_steps=7))
    turns = np.array([[10, 10, 11, 11, 12, 12, 10], [20, 20, 21, 21, 22, 22, 20]])
    turns = np.concatenate([turns, turns[:1] + 20])
    seen = np.asarray(runner.curriculum_state.evidence.observations["number"])
    expected = np.broadcast_to(turns.T[None, :, :, None], seen.shape)
    np.testing.assert_array_equal(seen, expected)


def test_domain_randomisation_draws_every_level_of_a_cycle_and_of_the_next_afresh():
    runner, drawn = watched(DomainRandomisation(Numbers(), 4, 3)), []
    for _ in range(2):
        runner, _ = step(runner)
        proposal = runner.curriculum_state.proposal
        assert proposal.levels.shape == (4,)
        assert proposal.spare_levels.shape == (4, 3)
        drawn += [*np.asarray(proposal.levels), *np.asarray(proposal.spare_levels).ravel()]
    assert len(set(drawn)) == len(drawn)


def test_over_students_calls_each_with_its_own_arguments():
    def play(student, number):
        return student.network.offset + number

    for agents in (students(1), students(1, 2)):
        count = agents.num_updates.size
        result = over_students(play, agents, jnp.arange(10.0, 10.0 + count))
        expected = np.asarray(agents.network.offset) + 10 + np.arange(count)
        np.testing.assert_array_equal(result, expected)
