"""Every score computed again, episode by episode, where students, trials and heads all differ."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import scores
from minimax_eqx._composition._parts import Parts
from minimax_eqx.rollouts import Episodes
from minimax_eqx.scores import MeanRelativeRegret, MeanReturn
from minimax_eqx.scores._return_spread import ReturnSpread, ReturnVariance
from minimax_eqx.scores._values import L1ValueLoss, ValueDisagreement

from ..evidence import evaluate, make_evidence

STUDENTS, STEPS, LEVELS, TRIALS, HEADS = 2, 6, 4, 3, 3
# Where episodes end on each level; the same number in each play, so that plays and episodes are
# weighed alike. What follows the last end is an episode cut short; the last level has no score.
ENDS = ([1, 3], [0, 5], [4], [])
SCORED = slice(0, 3)
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def episodes(level):
    """The steps of each finished episode on a level."""
    starts = [0, *[end + 1 for end in ENDS[level]]]
    return [slice(start, end + 1) for start, end in zip(starts, ENDS[level], strict=False)]


@pytest.fixture(scope="module")
def evidence():
    generator = np.random.default_rng(5)
    shape = (STUDENTS, STEPS, LEVELS, TRIALS)
    dones = np.zeros(shape, bool)
    for level, ends in enumerate(ENDS):
        dones[:, ends, level] = True
    # Students differ by much, so that a mean over them is none of theirs.
    offsets = np.array([0.0, 3.0]).reshape(-1, 1, 1, 1)
    normal = lambda *heads: jnp.asarray(  # noqa: E731
        generator.normal(size=(*shape, *heads)) + (offsets[..., None] if heads else offsets),
        jnp.float32,
    )
    return make_evidence(
        normal() - 1,
        dones,
        successes=dones & (generator.random(shape) < 0.4),
        values=normal(HEADS),
        advantages=normal(HEADS) - 2,
        optimum=jnp.array([30.0, 32.0, 31.0, 33.0]),
    )


def of_finished_episodes(quantity, of_episode):
    """What each student's finished episodes on each level amount to, one list for each."""
    quantity = np.asarray(quantity)
    return [
        [
            [
                of_episode(quantity[student, steps, level, trial])
                for trial in range(TRIALS)
                for steps in episodes(level)
            ]
            for level in range(LEVELS)
        ]
        for student in range(STUDENTS)
    ]


def summed_up(table, reduce):
    return np.array([[reduce(own) if own else 0.0 for own in row] for row in table])


def mean_of(quantity, of_episode):
    return summed_up(of_finished_episodes(quantity, of_episode), np.mean)


def mean_return(evidence):
    return mean_of(evidence.rewards, np.sum)


def best_return(evidence):
    return np.maximum(summed_up(of_finished_episodes(evidence.rewards, np.sum), np.max), 0)


def learnability(evidence):
    rates = mean_of(evidence.successes, np.sum)
    return np.mean(rates * (1 - rates), axis=0)


def return_variance(evidence):
    return summed_up(of_finished_episodes(evidence.rewards, np.sum), np.var)


def population_regret(evidence):
    return np.max(best_return(evidence), axis=0) - np.mean(mean_return(evidence), axis=0)


BY_HAND = {
    MeanReturn(): lambda e: np.mean(mean_return(e), axis=0),
    scores.NegativeReturn(): lambda e: -np.mean(mean_return(e), axis=0),
    scores.RelativeRegret(): lambda e: np.maximum(best_return(e)[1] - mean_return(e)[0], 0),
    MeanRelativeRegret(): lambda e: np.maximum(mean_return(e)[1] - mean_return(e)[0], 0),
    scores.PopulationRegret(): population_regret,
    L1ValueLoss(): lambda e: np.mean(mean_of(np.abs(e.advantages[..., 0]), np.mean), axis=0),
    scores.PositiveValueLoss(): lambda e: np.mean(
        mean_of(np.maximum(e.advantages[..., 0], 0), np.mean), axis=0
    ),
    ValueDisagreement(): lambda e: np.mean(
        mean_of(np.std(np.asarray(e.values), axis=-1), np.mean), axis=0
    ),
    scores.Learnability(): learnability,
    scores.ExactRegret(): lambda e: np.mean(np.asarray(e.optimum) - mean_return(e), axis=0),
    ReturnVariance(): lambda e: np.mean(return_variance(e), axis=0),
    ReturnSpread(): lambda e: np.mean(return_variance(e) / (mean_return(e) ** 2 + 0.01), axis=0),
}


# Of MaxMC below, of others in a file of the method.
ELSEWHERE = {
    *("BidirectionalProgress", "KeptLearnability", "LearningProgress", "LearningSlope"),
    *("GeneralisedLearnability", "MaxMC", "MNA", "CENIE", "PACE", "TRACED"),
}


def is_score(score):
    return type(score).__name__


@pytest.mark.parametrize("score", BY_HAND, ids=is_score)
def test_a_score_is_what_its_formula_gives_by_hand(score, evidence):
    actual, _, _ = evaluate(score, evidence, None)
    expected = BY_HAND[score](evidence)[SCORED]
    assert len(set(expected)) == len(expected)
    np.testing.assert_allclose(actual[SCORED], expected, **CLOSE)


def test_every_score_is_computed_by_hand():
    """Here, or in a file of its own."""
    known = {cls.__name__ for cls in Parts().of((scores.AbstractScore,)).values()}
    assert known == {*map(is_score, BY_HAND), *ELSEWHERE}


@pytest.mark.parametrize("score", BY_HAND, ids=is_score)
def test_a_score_of_swapped_students_is_that_of_the_students_swapped(score, evidence):
    swapped = eqx.tree_at(
        lambda e: (e.rewards, e.outcomes, e.values, e.advantages),
        evidence,
        replace_fn=lambda leaf: leaf[::-1],
    )
    actual, _, _ = evaluate(score, swapped, None)
    np.testing.assert_allclose(actual[SCORED], BY_HAND[score](swapped)[SCORED], **CLOSE)


def test_max_mc_is_the_best_return_ever_minus_the_values_by_hand(evidence):
    never = -np.inf
    records = np.array([[9.0, -9.0], [never, 0.5], [never, never], [7.0, 7.0]], np.float32)
    values = mean_of(evidence.values[..., 0], np.mean)
    best = np.maximum(best_return(evidence), records.T)
    expected = np.mean(best - values, axis=0)
    actual, news, _ = evaluate(scores.MaxMC(), evidence, jnp.asarray(records))
    np.testing.assert_allclose(actual[SCORED], expected[SCORED], **CLOSE)
    own_best = summed_up(of_finished_episodes(evidence.rewards, np.sum), np.max)
    np.testing.assert_allclose(news[SCORED], own_best.T[SCORED], **CLOSE)
    np.testing.assert_array_equal(news[SCORED.stop :], never)


def test_episodes_are_counted_for_each_student_and_level(evidence):
    counts = [TRIALS * len(ends) for ends in ENDS]
    assert Episodes.of(evidence).counts.tolist() == [counts] * STUDENTS
    only_first = eqx.tree_at(lambda e: e.terminated, evidence, evidence.dones.at[1].set(False))
    assert Episodes.of(only_first).counts.tolist() == [counts, [0] * LEVELS]


def test_the_best_return_is_at_least_nothing_for_regrets_and_max_mc(evidence):
    """Where all returns are negative, an antagonist could have stood still."""
    losing = eqx.tree_at(lambda e: e.rewards, evidence, -1 - jnp.abs(evidence.rewards))
    mean = mean_return(losing)
    for score, expected in (
        (scores.RelativeRegret(), -mean[0]),
        (scores.PopulationRegret(), -np.mean(mean, axis=0)),
    ):
        actual, _, _ = evaluate(score, losing, None)
        np.testing.assert_allclose(actual[SCORED], expected[SCORED], **CLOSE)
    never = jnp.full((LEVELS, STUDENTS), -jnp.inf)
    values = mean_of(losing.values[..., 0], np.mean)
    actual, _, _ = evaluate(scores.MaxMC(), losing, never)
    np.testing.assert_allclose(actual[SCORED], -np.mean(values, axis=0)[SCORED], **CLOSE)
