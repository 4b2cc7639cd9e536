"""Which level a teacher is paid for, and how much, where a level's number is what it pays."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Experiment, Runner
from minimax_eqx.curricula import AdversarialDesign, LearnedGenerator, LevelReplay, Sequential
from minimax_eqx.scores import MeanRelativeRegret, NegativeReturn, PopulationRegret, RelativeRegret

from ..numbered_levels import (
    ADVANTAGE_FACTORS,
    KEY,
    NUMBER,
    PER_ACTION,
    DigitDesign,
    DigitEditor,
    NumberedLevels,
    Taught,
    Watched,
    evidence_of,
    going,
    learn,
    propose,
    step,
    students,
)

LEVELS, DIGITS = 6, DigitEditor().max_episode_steps
LEARNED = LearnedGenerator(DigitDesign(), Taught())


def last_digits(actions):
    """The numbers whose last digits were these, without their first digit."""
    return np.asarray([100, 10, 1]) @ np.asarray(actions)


def assert_paid(teacher, levels, payoffs):
    """The teacher was told that the actions which designed each level earned its payoff."""
    lesson = teacher.learning
    np.testing.assert_array_equal(last_digits(lesson["actions"]), np.asarray(levels) % 1000)
    rewards = np.asarray(lesson["rewards"])
    np.testing.assert_allclose(rewards[-1], payoffs, rtol=1e-6)
    np.testing.assert_array_equal(rewards[:-1], 0)
    for head, factor in enumerate(ADVANTAGE_FACTORS):
        np.testing.assert_allclose(lesson["advantages"][..., head], factor * rewards, rtol=1e-6)


def test_a_design_is_what_its_own_actions_and_blank_made():
    state = LEARNED.init(NUMBER, key=jax.random.key(1))
    levels, trajectory = jax.jit(lambda key: LEARNED.draw(state, LEVELS, key=key))(
        jax.random.key(2)
    )
    assert trajectory.actions.shape == (DIGITS, LEVELS)
    np.testing.assert_array_equal(last_digits(trajectory.actions), np.asarray(levels) % 1000)
    blanks = np.asarray(trajectory.observations["number"])[0]
    np.testing.assert_array_equal(blanks, np.asarray(levels) // 1000)
    assert len(set(np.asarray(levels).tolist())) == LEVELS
    assert len(set(blanks)) > 1


# What each objective pays for a level n of two trials, on which the first student gets n - 5000 and
# n - 1000 and the second n and n + 2000.
@pytest.mark.parametrize(
    ("objective", "payoff"),
    [
        (RelativeRegret(), lambda n: 5000 + 0 * n),
        (MeanRelativeRegret(), lambda n: 4000 + 0 * n),
        (PopulationRegret(), lambda n: 3000 + 0 * n),
        (NegativeReturn(), lambda n: 1000 - n),
    ],
    ids=lambda part: type(part).__name__,
)
def test_an_objective_pays_each_design_for_what_happened_on_it(objective, payoff, getkey):
    composition = AdversarialDesign(LEARNED, objective, num_levels=LEVELS)
    curriculum = going(composition, num_students=2, num_trials=2)
    curriculum, proposal = propose(curriculum, getkey())
    numbers = np.asarray(proposal.levels)
    # Only every other level pays as said; on the rest all students get n.
    paid = np.arange(LEVELS) % 2 == 0
    gains = np.array([[-5000, -1000], [0, 2000]]).reshape(2, 1, 2)
    returns = numbers[:, None] + np.where(paid[:, None], gains, 0)
    curriculum, metrics = learn(curriculum, proposal, evidence_of(returns), getkey())
    unpaid = -numbers if isinstance(objective, NegativeReturn) else 0 * numbers
    expected = np.where(paid, payoff(numbers), unpaid)
    assert_paid(curriculum.state.source.teacher, numbers, expected)
    np.testing.assert_allclose(metrics["teacher_payoff"], expected.mean(), rtol=1e-6)
    assert int(curriculum.state.source.teacher.num_updates) == 1


def test_a_cycle_of_adversarial_design_pays_the_teacher_for_its_own_levels():
    curriculum = AdversarialDesign(LEARNED, NegativeReturn(), num_levels=LEVELS)
    experiment = Experiment(
        NumberedLevels(), Taught(), Watched(curriculum), num_students=2, num_steps=4, num_trials=2
    )
    runner = Runner.create(experiment, key=jax.random.key(1))
    runner = dataclasses.replace(runner, students=students(0, 2))
    seen = []
    for _ in range(2):
        runner, metrics = step(runner)
        levels = np.asarray(runner.curriculum_state.proposal.levels)
        payoffs = -(levels + PER_ACTION)  # the mean of action 0 and action 2
        teacher = runner.curriculum_state.inner.source.teacher
        assert_paid(teacher, levels, payoffs)
        np.testing.assert_allclose(metrics["teacher_payoff"], payoffs.mean(), rtol=1e-6)
        np.testing.assert_allclose(metrics["teacher_loss"], payoffs.mean() / DIGITS, rtol=1e-6)
        seen += levels.tolist()
    assert len(set(seen)) == 2 * LEVELS
    teacher_key = np.asarray(teacher.learning["key"])
    assert (np.asarray(runner.students.learning["key"]) != teacher_key).any(axis=1).all()


def test_repaired_pays_the_teacher_the_score_of_each_new_level_and_for_no_other(getkey):
    curriculum = going(
        LevelReplay(
            LEARNED,
            MeanRelativeRegret(),
            num_levels=LEVELS,
            capacity=LEVELS,
            schedule=Sequential(1.0),
            min_fill_ratio=1.0,
        ),
        num_students=2,
    )
    # Inside of a conditional, what the teacher keeps must have its shape beforehand.
    source = curriculum.state.source
    _, trajectory = LEARNED.draw(source, LEVELS, key=KEY)
    taught, _ = LEARNED.learn(source, trajectory, jnp.zeros(LEVELS), key=KEY)
    blank = jax.tree.map(jnp.zeros_like, taught.teacher.learning)
    teacher = dataclasses.replace(source.teacher, learning=blank)
    source = dataclasses.replace(source, teacher=teacher)
    curriculum = eqx.tree_at(lambda going: going.state.source, curriculum, source)

    def cycle(curriculum, regrets):
        curriculum, proposal = propose(curriculum, getkey())
        returns = np.stack([np.zeros((LEVELS, 1)), np.reshape(regrets, (-1, 1))])
        return (*learn(curriculum, proposal, evidence_of(returns), getkey()), proposal)

    regrets = 7.0 + np.arange(LEVELS)
    curriculum, metrics, proposal = cycle(curriculum, regrets)
    assert proposal.groups["new"].all()
    levels = proposal.levels
    assert_paid(curriculum.state.source.teacher, levels, regrets)
    np.testing.assert_allclose(metrics["teacher_payoff"], regrets.mean(), rtol=1e-6)
    curriculum, metrics, proposal = cycle(curriculum, 100.0 * regrets)
    assert proposal.groups["replayed"].all()
    assert_paid(curriculum.state.source.teacher, levels, regrets)
    assert np.isnan(metrics["teacher_payoff"])
    assert int(curriculum.state.source.teacher.num_updates) == 1
